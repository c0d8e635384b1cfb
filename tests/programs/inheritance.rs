//! What a program finds when it starts: no variable, descriptor or directory that nobody gave it.
//!
//! # Safety
//!
//! Descriptors are opened and marked by number, and variables set, in processes of the tests' own, whose other thread is the harness,
//! which waits.
#![allow(unsafe_code)]

use std::os::fd::{AsRawFd, OwnedFd};

use super::tools::{End, Tier, bare, exec, in_each_tier, prober, profile, read, run};
use crate::support::alone::Alone;
use crate::support::place::Place;

/// What a program sees of its environment.
fn environment(command: &mut std::process::Command) -> Vec<String> {
    let (end, printed) = run(command.arg("environment"));
    assert_eq!(end, End::Exit(0));
    let mut variables: Vec<String> = printed.lines().map(str::to_owned).collect();
    variables.sort();
    variables
}

#[test]
pub(super) fn the_environment_is_what_was_given() {
    Alone::new("programs::inheritance::the_environment_is_what_was_given").run(|| {
        for (name, value) in [("SECRET", "of the application"), ("COLOUR", "red"), ("SHAPE", "")] {
            // SAFETY: see the head of the file.
            unsafe { std::env::set_var(name, value) };
        }
        let control = environment(&mut std::process::Command::new(prober()));
        assert!(control.iter().any(|variable| variable == "SECRET=of the application"), "{control:?}");
        in_each_tier(|tier| {
            let nothing = bare(tier);
            assert_eq!(environment(&mut nothing.command(prober())), [""; 0]);
            let two = nothing.clone().with_environment(["COLOUR", "SHAPE", "MISSING"]).expect("names");
            assert_eq!(environment(&mut two.command(prober())), ["COLOUR=red", "SHAPE="]);
            // What the command says comes on top, and its last word counts.
            let mut command = two.command(prober());
            command.env("COLOUR", "blue").env("SIZE", "large").envs([("A", "1"), ("B", "2")]).env_remove("SHAPE");
            assert_eq!(environment(&mut command), ["A=1", "B=2", "COLOUR=blue", "SIZE=large"]);
            let mut command = two.command(prober());
            assert_eq!(environment(command.env_clear()), [""; 0]);
            let mut command = two.command(prober());
            assert_eq!(environment(command.env_clear().env("SIZE", "large")), ["SIZE=large"]);
        });
    });
}

/// Opens what a program must not get: a file, a directory, a pipe and a socket, closed by an exec or not.
fn plant() -> Vec<OwnedFd> {
    let mut planted: Vec<OwnedFd> = Vec::new();
    let (pipe, other_end) = std::io::pipe().expect("a pipe");
    let (socket, peer) = std::os::unix::net::UnixStream::pair().expect("sockets");
    planted.extend([pipe.into(), other_end.into(), socket.into(), peer.into()]);
    for path in ["/", "/etc/passwd", "/dev/null"] {
        planted.push(std::fs::File::open(path).expect("it is there").into());
    }
    for (number, fd) in [(77, "/"), (500, "/etc/passwd")] {
        let file = std::fs::File::open(fd).expect("it is there");
        // SAFETY: takes numbers only; nothing has this one here.
        assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), number) }, number);
    }
    for fd in planted.iter().step_by(2) {
        rustix::io::fcntl_setfd(fd, rustix::io::FdFlags::empty()).expect("it is open");
    }
    planted
}

#[test]
pub(super) fn descriptors_are_the_three_streams() {
    Alone::new("programs::inheritance::descriptors_are_the_three_streams").run(|| {
        let _planted = plant();
        let (_, control) = run(std::process::Command::new(prober()).arg("descriptors"));
        assert!(control.contains(" 77 ") && control.contains(" 500 "), "{control}");
        in_each_tier(|tier| {
            let (end, open) = run(bare(tier).command(prober()).arg("descriptors"));
            assert_eq!((end, open.as_str()), (End::Exit(0), "0 1 2 "));
        });
    });
}

#[test]
pub(super) fn arguments_are_the_programs_own() {
    use std::os::unix::process::CommandExt;
    in_each_tier(|tier| {
        let profile = bare(tier);
        let mut command = profile.command(prober());
        command.args(["arguments", "", "two words", "--", "-x", "--gaol-program", "\u{fc}"]);
        let expected = format!("{}\narguments\n\ntwo words\n--\n-x\n--gaol-program\n\u{fc}\n", prober().display());
        assert_eq!(run(&mut command), (End::Exit(0), expected));
        let mut command = profile.command(prober());
        assert_eq!(run(command.arg0("another name").arg("arguments")).1, "another name\narguments\n");
    });
}

#[test]
pub(super) fn many_arguments_arrive() {
    in_each_tier(|tier| {
        let long = "x".repeat(100_000);
        let mut command = bare(tier).command(prober());
        let (end, printed) = run(command.arg("arguments").args([&long; 10]));
        assert_eq!((end, printed.matches(&long).count()), (End::Exit(0), 10));
    });
}

#[test]
pub(super) fn the_working_directory_is_the_commands_where_it_may_be_seen() {
    let place = Place::new("programs");
    let path = place.path().to_str().expect("text");
    in_each_tier(|tier| {
        let seen = profile(tier, [exec(prober()), read(path)]);
        assert_eq!(run(seen.command(prober()).arg("getcwd").current_dir(path)).1, path);
        // What is not granted is not there, unless metadata was given away.
        let elsewhere = Place::new("programs");
        let other = elsewhere.path().to_str().expect("text");
        let expected = if tier == Tier::A { "/" } else { other };
        assert_eq!(run(seen.command(prober()).arg("getcwd").current_dir(other)).1, expected);
        let missing = seen.command(prober()).current_dir(place.path().join("missing")).spawn();
        assert_eq!(missing.expect_err("as for every command").kind(), std::io::ErrorKind::NotFound);
        // One that is gone by now is like one that may not be seen.
        let gone = Place::new("programs");
        let mut command = seen.command(prober());
        command.arg("getcwd").current_dir(gone.path());
        let remove = gone.path().to_path_buf();
        use std::os::unix::process::CommandExt;
        let name = std::ffi::CString::new(remove.into_os_string().into_encoded_bytes()).expect("no NUL");
        let closure = move || {
            // SAFETY: the name is a C string that lives through the call.
            unsafe { libc::rmdir(name.as_ptr()) };
            Ok(())
        };
        // SAFETY: the closure calls nothing but `rmdir` between fork and exec.
        unsafe { command.pre_exec(closure) };
        assert_eq!(run(&mut command).1, "/");
    });
}
