//! What a program cannot do under a profile that does not name it: each act with the errno of each tier, and a control without a sandbox.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gaol::OnViolation;

use super::tools::{
    Act, End, Tier, bare, end_of, exec, in_each_tier, prober, profile, read, run, spawn_and_hear, tiers, try_in,
    try_outside, write,
};
use crate::support::place::Place;

/// What an attacker would like to reach: all of it is there, and open to anyone outside of a sandbox.
struct Prey {
    place: Place,
    listener: TcpListener,
    datagrams: UdpSocket,
    _local: UnixListener,
    _named: UnixListener,
    name: String,
    process: Child,
}

impl Prey {
    fn new() -> Self {
        let place = Place::new("programs");
        std::fs::write(place.path().join("secret"), "secret").expect("room");
        let name = format!("gaol-{}", place.path().file_name().expect("a name").display());
        let named = SocketAddr::from_abstract_name(&name).expect("a name");
        let process = Command::new(prober()).arg("sleep").stdout(Stdio::null()).spawn().expect("a process");
        Self {
            listener: TcpListener::bind("127.0.0.1:0").expect("a port"),
            datagrams: UdpSocket::bind("127.0.0.1:0").expect("a port"),
            _local: UnixListener::bind(place.path().join("socket")).expect("a socket"),
            _named: UnixListener::bind_addr(&named).expect("a socket"),
            place,
            name,
            process,
        }
    }

    fn path(&self, name: &str) -> String {
        self.place.path().join(name).display().to_string()
    }

    fn tcp(&self) -> String {
        self.listener.local_addr().expect("a port").port().to_string()
    }

    fn udp(&self) -> String {
        self.datagrams.local_addr().expect("a port").port().to_string()
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// An act in the prober's words, and what becomes of it in tier A and in tier B. Without a sandbox it succeeds.
struct Row {
    act: String,
    a: End,
    b: End,
    /// Only root can do it at all.
    by_root: bool,
}

fn row(act: impl Into<String>, a: i32, b: i32) -> Row {
    Row { act: act.into(), a: End::Exit(a), b: End::Exit(b), by_root: false }
}

#[test]
pub(super) fn a_program_reaches_nothing_that_is_not_granted() {
    use libc::{EACCES, EAFNOSUPPORT, EINVAL, ENOENT, ENOSYS, EPERM, ESRCH};
    let prey = Prey::new();
    let [secret, directory, fresh, socket] = ["secret", "", "fresh", "socket"].map(|name| prey.path(name));
    let (tcp, udp, named, victim) = (prey.tcp(), prey.udp(), &prey.name, prey.process.id());
    let (datagram, raw) = (libc::SOCK_DGRAM, libc::SOCK_RAW);
    let lethal = End::Signal(libc::SIGSYS);
    let mut rows = vec![
        row(format!("read {secret}"), ENOENT, EACCES),
        row(format!("create {fresh}"), ENOENT, EACCES),
        // Where nothing keeps metadata, the profile has had to give it away.
        row(format!("list {directory}"), ENOENT, 0),
        row("list /", EACCES, 0),
        row(format!("chdir {directory}"), ENOENT, 0),
        row(format!("stat {secret}"), ENOENT, 0),
        row(format!("connect {tcp}"), EAFNOSUPPORT, EAFNOSUPPORT),
        row(format!("send {udp}"), EAFNOSUPPORT, EAFNOSUPPORT),
        row(format!("connect-unix {socket}"), EAFNOSUPPORT, EAFNOSUPPORT),
        row(format!("connect-unix @{named}"), EAFNOSUPPORT, EAFNOSUPPORT),
        row(format!("kill {victim} 0"), ESRCH, EPERM),
        row("kill-parent 0", EPERM, EPERM),
        Row { a: lethal, b: lethal, ..row(format!("trace {victim}"), 0, 0) },
        row(format!("read-memory {victim}"), ENOSYS, ENOSYS),
        row("unshare", EPERM, EPERM),
        row("io_uring", ENOSYS, ENOSYS),
        row("adopt", EPERM, EPERM),
        row("raise-limit", EINVAL, EINVAL),
        row("run /bin/true", ENOENT, EACCES),
        row("run-memory", ENOSYS, ENOSYS),
        row("run-memory-by-path", ENOSYS, ENOSYS),
        // Even of what may be run by its name.
        row(format!("run-descriptor {}", prober().display()), EPERM, EPERM),
        row("map-writable-code", EACCES, EACCES),
        Row { by_root: true, ..row("chroot", EPERM, EPERM) },
        Row {
            by_root: true,
            ..row(format!("socket {} {raw} {}", libc::AF_INET, libc::IPPROTO_ICMP), EAFNOSUPPORT, EAFNOSUPPORT)
        },
    ];
    for family in [libc::AF_NETLINK, libc::AF_INET, libc::AF_INET6, libc::AF_UNIX] {
        rows.push(row(format!("socket {family} {datagram}"), EAFNOSUPPORT, EAFNOSUPPORT));
    }
    // Where nobody can have a namespace, nothing is refused by refusing it.
    rows.retain(|row| row.act != "unshare" || tiers().contains(&Tier::A));
    in_each_tier(|tier| {
        let profile = bare(tier);
        for Row { act, a, b, by_root } in &rows {
            let words: Vec<&str> = act.split(' ').collect();
            if !by_root || rustix::process::geteuid().is_root() {
                assert_eq!(try_outside(&words), End::Exit(0), "the control of {act}");
            }
            let expected = if tier == Tier::A { a } else { b };
            assert_eq!(try_in(&profile, &words), *expected, "{act} in tier {tier:?}");
            // The control has made it.
            let _ = std::fs::remove_file(&fresh);
        }
    });
}

#[test]
pub(super) fn what_is_granted_can_be_done() {
    let prey = Prey::new();
    let [secret, fresh] = ["secret", "granted/fresh"].map(|name| prey.path(name));
    std::fs::create_dir(prey.path("granted")).expect("a directory");
    let own = prober().to_str().expect("text");
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(prober()), exec("/bin/true"), read(&secret), write(prey.path("granted"))]);
        let acts: [Act<'_>; 6] = [
            &["read", &secret],
            &["stat", &secret],
            &["create", &fresh],
            &["run", "/bin/true"],
            &["run", own, "exit", "0"],
            &["map-code", own],
        ];
        for act in acts {
            assert_eq!(try_in(&profile, act), End::Exit(0), "{act:?}");
        }
    });
}

#[test]
pub(super) fn a_signal_to_everybody_reaches_the_programs_own_alone() {
    // Without a control: outside it would reach every process of this user's. It is one that is ignored by whoever does not ask for it.
    let signal = libc::SIGURG.to_string();
    let (mut bystander, _) = spawn_and_hear(Command::new(prober()).arg("wait-for-signal"));
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(prober()), exec("/bin/sh")]);
        let (mut neighbour, _) = spawn_and_hear(profile.command(prober()).arg("wait-for-signal"));
        let own = prober().display();
        // Init, which reaps the program, and the launcher, which is told, are alive to tell of it.
        let mut command = profile.command("/bin/sh");
        let (end, printed) = run(command.args(["-c", &format!("{own} kill -1 {signal}; exit 3")]));
        assert_eq!((end, printed.as_str()), (End::Exit(3), ""));
        // Until the program's own child has got one.
        let script = format!("{own} wait-for-signal & while kill -0 $! 2>&-; do {own} kill -1 {signal}; done; wait $!");
        let (mut child, said) = spawn_and_hear(profile.command("/bin/sh").args(["-c", &script]));
        assert_eq!((said.as_str(), end_of(&mut child)), ("ready", End::Exit(libc::SIGURG)));
        std::thread::sleep(Duration::from_millis(50));
        assert!(neighbour.try_wait().expect("a child").is_none(), "it has reached another program");
        neighbour.kill().expect("a child to kill");
        neighbour.wait().expect("a child to wait for");
    });
    assert!(bystander.try_wait().expect("a child").is_none(), "it has reached a process outside");
    bystander.kill().expect("a child to kill");
    bystander.wait().expect("a child to wait for");
}

#[test]
pub(super) fn a_program_cannot_run_what_it_has_written() {
    let place = Place::new("programs");
    let fresh = place.path().join("fresh").display().to_string();
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(prober()), exec("/bin/sh"), write(place.path()), read(place.path())]);
        let rows: [Act<'_>; 3] = [&["run-new", &fresh], &["run-new", &fresh, "#!/bin/sh\nexit 0\n"], &["run", &fresh]];
        for act in rows {
            assert_eq!(try_outside(act), End::Exit(0), "the control of {act:?}");
            assert_eq!(try_in(&profile, act), End::Exit(libc::EACCES), "{act:?}");
        }
        std::fs::remove_file(&fresh).expect("it was written");
    });
}

#[test]
pub(super) fn a_violation_may_be_lethal() {
    let place = Place::new("programs");
    let secret = place.path().join("secret").display().to_string();
    std::fs::write(&secret, "secret").expect("room");
    in_each_tier(|tier| {
        let deny = bare(tier);
        let kill = deny.clone().with_violation(OnViolation::Kill);
        for act in [["unshare"].as_slice(), &["adopt"], &["run-descriptor", prober().to_str().expect("text")]] {
            assert_eq!(try_in(&deny, act), End::Exit(libc::EPERM), "{act:?}");
            assert_eq!(try_in(&kill, act), End::Signal(libc::SIGSYS), "{act:?}");
        }
        // What no filter refuses is answered as ever, and ordinary programs go their way.
        let expected = if tier == Tier::A { libc::ENOENT } else { libc::EACCES };
        assert_eq!(try_in(&kill, &["read", &secret]), End::Exit(expected));
        let kill = profile(tier, [exec("/bin/sh"), exec("/bin/cat")]).with_violation(OnViolation::Kill);
        let mut command = kill.command("/bin/sh");
        let (end, printed) = run(command.args(["-c", "echo one | cat; exit 3"]).env("PATH", "/bin"));
        assert_eq!((end, printed.as_str()), (End::Exit(3), "one\n"));
    });
}

/// A terminal, by its two ends.
fn terminal() -> Option<(std::fs::File, std::fs::File)> {
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).ok()?;
    rustix::pty::unlockpt(&master).ok()?;
    let name = PathBuf::from(rustix::pty::ptsname(&master, Vec::new()).ok()?.into_string().ok()?);
    Some((master.into(), std::fs::File::options().read(true).write(true).open(name).ok()?))
}

#[test]
pub(super) fn a_program_cannot_type_at_the_terminal_that_it_is_given() {
    let Some((_master, slave)) = terminal() else {
        eprintln!("left out: there are no terminals here");
        return;
    };
    let stdin = || Stdio::from(slave.try_clone().expect("a descriptor"));
    let control = Command::new(prober()).arg("type").stdin(stdin()).status().expect("a process");
    // Elsewhere the kernel refuses it to everybody, or to whom the terminal does not control.
    assert!([0, libc::EIO, libc::EPERM].contains(&control.code().expect("an exit code")), "{control}");
    in_each_tier(|tier| {
        let mut command = bare(tier).command(prober());
        let status = command.arg("type").stdin(stdin()).stderr(Stdio::inherit()).status().expect("a process");
        assert_eq!(End::from(status), End::Exit(libc::EPERM));
    });
}
