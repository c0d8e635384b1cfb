//! Whoever writes the command line of an application that starts itself makes no launcher of it: only the application does.
//!
//! # Safety
//!
//! A process becomes another one by its number only, between fork and exec.
#![allow(unsafe_code)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output, Stdio};

use gaol::sandboxed;
use rustix::io::FdFlags;
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType};

use super::tools::{End, bare, in_each_tier, prober, run};
use crate::support::alone::{Alone, User};

/// This binary again, with a stranger's words: what an application does that starts itself and passes words on.
fn itself(words: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(words);
    command
}

/// The process has refused, and run neither the application nor a program; it gives the reason.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(output.status.signal(), Some(33), "{output:?}");
    said.strip_prefix("gaol: ").and_then(|said| said.strip_suffix('\n')).expect("a reason").to_owned()
}

/// The launcher's words for a line that another has written.
fn not_the_application(why: &str, descriptor: i32) -> String {
    format!(
        "the command line was not written by the application that has started this process: {why}; where it was, leave descriptor \
         {descriptor} open, by which its commands are known"
    )
}

/// The words of a true command, and the number of the descriptor that holds the key.
fn words(command: &Command) -> (Vec<OsString>, i32) {
    let words: Vec<OsString> = command.get_args().map(OsStr::to_owned).collect();
    assert_eq!(words[0], "--gaol-program");
    let descriptor = words[1].to_str().and_then(|word| word.split('.').next()).expect("text").parse();
    (words, descriptor.expect("a number"))
}

/// The words with another descriptor for the key.
fn with_key_at(words: &[OsString], descriptor: i32) -> Vec<OsString> {
    let mut words = words.to_vec();
    let (_, rest) = words[1].to_str().and_then(|word| word.split_once('.')).expect("a mark");
    words[1] = format!("{descriptor}.{rest}").into();
    words
}

#[test]
pub(super) fn words_alone_make_no_launcher() {
    for (words, expected) in [
        (vec!["--gaol-program"], "the command line names no program"),
        (vec!["--gaol-program", ""], "the command line was not written by this version of gaol"),
        (vec!["--gaol-program", "00zz", "x"], "the command line was not written by this version of gaol"),
        (vec!["--gaol-program", "-24.0.00", "x"], "the application could make no socket"),
    ] {
        let plain = itself(&words).output().expect("a process");
        assert!(refusal(&plain).contains(expected), "{words:?}: {plain:?}");
        // Nor does what once was the mark of gaol, in the environment, or anything else there.
        let marked = itself(&words).env("GAOL_PROGRAM", "1").output().expect("a process");
        assert_eq!(refusal(&marked), refusal(&plain));
    }
}

#[test]
pub(super) fn what_the_application_did_not_write_is_not_believed() {
    in_each_tier(|tier| {
        let mut command = bare(tier).command(prober());
        command.args(["exit", "77"]);
        let (words, descriptor) = words(&command);
        let other = not_the_application("the mark on it is another one", descriptor);

        // The control: the same words unchanged, which the application wrote.
        assert_eq!(itself(&words).output().expect("a process").status.code(), Some(77));

        // Another message under a true mark: a digit of the message, of the mark, and one that is missing.
        let text = words[1].to_str().expect("text");
        let flipped = |at: usize| {
            let mut text = text.as_bytes().to_vec();
            text[at] = if text[at] == b'0' { b'1' } else { b'0' };
            String::from_utf8(text).expect("text")
        };
        let mark = text.find('.').expect("a mark") + 1;
        for forged in [flipped(text.len() - 1), flipped(mark + 33), flipped(mark), text[..text.len() - 2].to_owned()] {
            let output = itself(&["--gaol-program", &forged, "exit", "77"]).output().expect("a process");
            assert_eq!(refusal(&output), other);
        }
        // A true line of another application, whose key is not here.
        let elsewhere = itself(&with_key_at(&words, 1_000_000)).output().expect("a process");
        assert!(refusal(&elsewhere).contains("there is no key: Bad file descriptor"), "{elsewhere:?}");
    });
}

/// What a launcher takes for a key.
fn key() -> OwnedFd {
    let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::empty(), None)
        .expect("a pair of sockets");
    rustix::net::send(&other, &[7; 16], SendFlags::empty()).expect("a message");
    one
}

/// A hostile worker, which may do so without any profile.
#[sandboxed]
fn makes_a_key() -> gaol::Result<OwnedFd> {
    Ok(key())
}

#[test]
pub(super) fn a_strangers_key_is_none() {
    in_each_tier(|tier| {
        let (words, _) = words(bare(tier).command(prober()).args(["exit", "77"]));

        // By a descriptor that a child of the application's has made, and that the application passes on.
        let theirs = makes_a_key().expect("a key");
        rustix::io::fcntl_setfd(&theirs, FdFlags::empty()).expect("to be inherited");
        let number = theirs.as_raw_fd();
        let output = itself(&with_key_at(&words, number)).output().expect("a process");
        assert_eq!(refusal(&output), not_the_application("another process has made the key", number));
        // The control: made by the application, only the mark is wrong.
        let ours = key();
        let number = ours.as_raw_fd();
        let output = itself(&with_key_at(&words, number)).output().expect("a process");
        assert_eq!(refusal(&output), not_the_application("the mark on it is another one", number));

        // By the standard input.
        let output = itself(&with_key_at(&words, 0)).stdin(Stdio::from(theirs)).output().expect("a process");
        assert_eq!(refusal(&output), not_the_application("a standard stream holds no key", 0));

        // By something that is no socket.
        let file = File::open("/dev/null").expect("a file");
        rustix::io::fcntl_setfd(&file, FdFlags::empty()).expect("to be inherited");
        let number = file.as_fd().as_raw_fd();
        let output = itself(&with_key_at(&words, number)).output().expect("a process");
        let why = "there is no key: Socket operation on non-socket (os error 88)";
        assert_eq!(refusal(&output), not_the_application(why, number));
    });
}

#[test]
pub(super) fn a_key_of_somebody_with_fewer_rights_is_none() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can start a process as another user");
        return;
    }
    // Its pid is that of the starter, as it is after sudo(8), but the user has changed since.
    let name = "programs::strangers::a_key_of_somebody_with_fewer_rights_is_none";
    Alone::new(name).run(|| {
        let (words, _) = words(bare(super::tools::tiers()[0]).command(prober()).args(["exit", "77"]));
        let nobody = rustix::process::Uid::from_raw(super::super::support::alone::NOBODY);
        let root = rustix::process::Uid::ROOT;
        // The whole process, since the kernel notes the user of the thread, and the starter is this thread.
        rustix::thread::set_thread_res_uid(root, nobody, root).expect("to become somebody else");
        let key = key();
        rustix::thread::set_thread_res_uid(root, root, root).expect("to become root again");
        let number = key.as_raw_fd();
        let output = itself(&with_key_at(&words, number)).output().expect("a process");
        assert_eq!(refusal(&output), not_the_application("another process has made the key", number));
    });
}

#[test]
pub(super) fn where_the_key_was_closed_or_taken_nothing_is_started() {
    let name = "programs::strangers::where_the_key_was_closed_or_taken_nothing_is_started";
    Alone::new(name).run(|| {
        in_each_tier(|tier| {
            let mut command = bare(tier).command(prober());
            let (_, descriptor) = words(command.args(["exit", "77"]));
            assert_eq!(run(&mut command).0, End::Exit(77));
            let close = move || {
                // SAFETY: takes a number; nothing in this process uses it before the exec.
                unsafe { libc::close(descriptor) };
                Ok(())
            };
            // SAFETY: the closure calls nothing but `close` between fork and exec.
            unsafe { command.pre_exec(close) };
            let why = "there is no key: Bad file descriptor (os error 9)";
            assert_eq!(refusal(&command.output().expect("a process")), not_the_application(why, descriptor));

            // Somebody reads the key instead of looking at it; the next command has another one.
            let mut command = bare(tier).command(prober());
            command.args(["exit", "77"]);
            let socket = File::open("/dev/null").expect("a file");
            drop(socket);
            // SAFETY: the mark's descriptor stays open as long as the process.
            let socket = unsafe { std::os::fd::BorrowedFd::borrow_raw(descriptor) };
            let mut taken = [0; 64];
            rustix::net::recv(socket, &mut taken, rustix::net::RecvFlags::DONTWAIT).expect("the key");
            let said = refusal(&command.output().expect("a process"));
            assert_eq!(said, not_the_application("the key was taken away", descriptor));
            assert_eq!(run(bare(tier).command(prober()).args(["exit", "78"])).0, End::Exit(78));
        });
    });
}

#[test]
pub(super) fn a_fork_of_the_application_uses_its_commands_and_its_own() {
    let name = "programs::strangers::a_fork_of_the_application_uses_its_commands_and_its_own";
    let Some(alone) = Alone::new(name).user(User::Same) else { return };
    alone.run(|| {
        in_each_tier(|tier| {
            let profile = bare(tier);
            let mut before = profile.command(prober());
            before.args(["exit", "5"]);
            // SAFETY: the child calls what a fork of a process may, and exits.
            match unsafe { libc::fork() } {
                0 => {
                    let mut after = profile.command(prober());
                    let ends = [run(&mut before).0, run(after.args(["exit", "6"])).0];
                    let good = ends == [End::Exit(5), End::Exit(6)];
                    if !good {
                        let _ = writeln!(std::io::stderr(), "{ends:?}");
                    }
                    // SAFETY: ends the process.
                    unsafe { libc::_exit(i32::from(!good)) }
                }
                child => {
                    let mut status = 0;
                    // SAFETY: waits for a child of this process.
                    unsafe { libc::waitpid(child, &raw mut status, 0) };
                    assert_eq!(status, 0);
                }
            }
        });
    });
}
