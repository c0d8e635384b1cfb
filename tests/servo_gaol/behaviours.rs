//! What servo/gaol's five tests checked: files, metadata, connections, system calls and system information.
//!
//! Each act is tried without a sandbox too, where it works: its refusal is the sandbox's.

use std::fs;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

use gaol::Layer;
use libc::{EACCES, EAFNOSUPPORT, ENOENT, EPERM};

use super::acts::{Act, End};
use super::profiles::Allowed;
use super::ways::{Tier, Way, ends, ends_outside, ways};
use crate::support::alone::{Alone, User, place};

/// Declares a test that runs alone in a process of its own, as this user and, where that is root, as an unprivileged one.
macro_rules! as_each_user {
    ($($as_self:ident, $as_nobody:ident: $body:ident;)*) => {$(
        #[test]
        fn $as_self() {
            Alone::new(concat!("servo_gaol::behaviours::", stringify!($as_self))).run($body);
        }

        #[test]
        fn $as_nobody() {
            if let Some(alone) = Alone::new(concat!("servo_gaol::behaviours::", stringify!($as_nobody))).user(User::Nobody) {
                alone.run($body);
            }
        }
    )*};
}

as_each_user! {
    a_granted_file_is_read_and_no_other, an_unprivileged_user_reads_a_granted_file_and_no_other: read_files;
    metadata_that_is_granted_is_seen_and_no_other, an_unprivileged_user_sees_granted_metadata_and_no_other: see_metadata;
    a_granted_address_is_reached_and_no_other, an_unprivileged_user_reaches_a_granted_address_and_no_other: connect;
    the_system_tells_of_itself_only_if_allowed, the_system_tells_an_unprivileged_user_of_itself_only_if_allowed: read_system_information;
}

/// What lies outside of what is granted: with namespaces it is not there, without them Landlock judges it.
fn outside_of_the_grant(tier: Tier) -> End {
    End::Errno(if tier == Tier::A { ENOENT } else { EACCES })
}

/// `granted/file` and `other/file`.
fn two_directories(place: &Path) {
    for name in ["granted", "other"] {
        fs::create_dir(place.join(name)).expect("a directory");
        fs::write(place.join(name).join("file"), "contents").expect("a file");
    }
}

fn read_files() {
    let place = place();
    two_directories(&place);
    let [granted, other] = ["granted/file", "other/file"].map(|name| Act::Read(place.join(name)));
    for act in [&granted, &other] {
        assert_eq!(ends_outside(act), End::Done);
    }
    for (way, tier) in ways() {
        let tree = Allowed::Read(vec![place.join("granted")]);
        assert_eq!(ends(way, tier, &tree, &granted), End::Done, "{way:?} in tier {tier:?}");
        assert_eq!(ends(way, tier, &tree, &other), outside_of_the_grant(tier), "{way:?} in tier {tier:?}");
        let file = Allowed::Read(vec![place.join("granted/file")]);
        assert_eq!(ends(way, tier, &file, &granted), End::Done, "{way:?} in tier {tier:?}");
        // A program always has paths: its own. Without any, no path is looked at.
        let nothing = if way == Way::Command { outside_of_the_grant(tier) } else { End::Errno(EPERM) };
        assert_eq!(ends(way, tier, &Allowed::Nothing, &granted), nothing, "{way:?} in tier {tier:?}");
    }
}

fn see_metadata() {
    let place = place();
    two_directories(&place);
    let [granted, other] = ["granted/file", "other/file"].map(|name| Act::Stat(place.join(name)));
    let contents = Act::Read(place.join("granted/file"));
    for act in [&granted, &other, &contents] {
        assert_eq!(ends_outside(act), End::Done);
    }
    let metadata = Allowed::Metadata(place.join("granted"));
    let read = Allowed::Read(vec![place.join("granted")]);
    for (way, tier) in ways() {
        if (way, tier) == (Way::Command, Tier::B) {
            // Where only `metadata = "/"` lets a program run at all, all metadata is visible, and no contents are.
            assert_eq!(ends(way, tier, &Allowed::Nothing, &other), End::Done);
            assert_eq!(ends(way, tier, &Allowed::Nothing, &contents), End::Errno(EACCES));
            continue;
        }
        assert_eq!(ends(way, tier, &read, &granted), End::Done, "{way:?} in tier {tier:?}");
        assert_eq!(ends(way, tier, &read, &other), outside_of_the_grant(tier), "{way:?} in tier {tier:?}");
        let (seen, hidden, unreadable) = match tier {
            Tier::A => (End::Done, End::Errno(ENOENT), End::Errno(EACCES)),
            // Landlock does not tell metadata from contents.
            Tier::B => [End::Unsupported(Layer::Namespaces); 3].into(),
        };
        assert_eq!(ends(way, tier, &metadata, &granted), seen, "{way:?} in tier {tier:?}");
        assert_eq!(ends(way, tier, &metadata, &other), hidden, "{way:?} in tier {tier:?}");
        assert_eq!(ends(way, tier, &metadata, &contents), unreadable, "{way:?} in tier {tier:?}");
    }
}

fn connect() {
    let place = place();
    let [one, other] = [(), ()].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    let [port, other_port] = [&one, &other].map(|listener| listener.local_addr().expect("an address").port());
    let [socket, other_socket] = ["one.sock", "other.sock"].map(|name| place.join(name));
    let _listening = [&socket, &other_socket].map(|path| UnixListener::bind(path).expect("a socket"));
    let to_port = Act::Tcp(port);
    let to_other_port = Act::Tcp(other_port);
    let to_socket = Act::Unix(socket.clone());
    let to_other_socket = Act::Unix(other_socket);
    for act in [&to_port, &to_other_port, &to_socket, &to_other_socket] {
        assert_eq!(ends_outside(act), End::Done);
    }
    let one_port = Allowed::Tcp(port);
    let all = Allowed::EveryAddress;
    let one_socket = Allowed::LocalSocket(socket);
    // The kernel tells Unix sockets apart by path from Landlock's ABI 9 on. Before, only a private root does.
    let knows_sockets = gaol::support().landlock_abi() >= 9;
    let no_such_socket = End::Errno(EAFNOSUPPORT);
    for (way, tier) in ways() {
        let is = |allowed: &Allowed, act: &Act, end: End| {
            assert_eq!(ends(way, tier, allowed, act), end, "{act:?} with {allowed:?}: {way:?} in tier {tier:?}");
        };
        is(&one_port, &to_port, End::Done);
        is(&one_port, &to_other_port, End::Errno(EACCES));
        is(&one_port, &to_socket, no_such_socket);
        is(&all, &to_port, End::Done);
        is(&all, &to_other_port, End::Done);
        is(&all, &to_socket, no_such_socket);
        is(&Allowed::Nothing, &to_port, no_such_socket);
        is(&Allowed::Nothing, &to_socket, no_such_socket);
        if tier == Tier::B && !knows_sockets {
            is(&one_socket, &to_socket, End::Unsupported(Layer::Landlock));
            continue;
        }
        is(&one_socket, &to_socket, End::Done);
        is(&one_socket, &to_other_socket, outside_of_the_grant(tier));
        is(&one_socket, &to_port, no_such_socket);
    }
}

fn read_system_information() {
    let read = |path: &str| Act::Read(path.into());
    let variable = read("/proc/sys/kernel/ostype");
    let elsewhere = read("/proc/self/status");
    for act in [&Act::SystemInfo, &variable, &elsewhere] {
        assert_eq!(ends_outside(act), End::Done);
    }
    for (way, tier) in ways() {
        let is = |allowed: &Allowed, act: &Act, end: End| {
            assert_eq!(ends(way, tier, allowed, act), end, "{act:?} with {allowed:?}: {way:?} in tier {tier:?}");
        };
        is(&Allowed::SystemInfo, &Act::SystemInfo, End::Done);
        is(&Allowed::SystemInfo, &variable, End::Done);
        is(&Allowed::SystemInfo, &elsewhere, outside_of_the_grant(tier));
        is(&Allowed::Nothing, &Act::SystemInfo, End::Errno(EPERM));
        let nothing = if way == Way::Command { outside_of_the_grant(tier) } else { End::Errno(EPERM) };
        is(&Allowed::Nothing, &variable, nothing);
    }
}
