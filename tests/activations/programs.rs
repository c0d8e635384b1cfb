//! Programs: those of the profile run, in the same sandbox, and are counted with what they start.
//!
//! # Safety
//!
//! `fork(2)` copies a process with one thread; the child leaves by `_exit`.
#![allow(unsafe_code)]

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use gaol::{Operation, Profile, ProfileError};
use libc::{EACCES, EAGAIN, EPERM};
use rustix::process::{Pid, WaitOptions, WaitStatus};

use super::stage::{activate, errno_of, exec, fork, limited, metadata, read, refusal, untried};
use crate::support::alone::place;

alone_as_each_user! {
    a_program_that_is_listed_runs_and_no_other: runs_one;
    a_program_is_confined_as_its_starter: confines_programs;
    the_process_itself_may_become_a_program: becomes_a_program;
    fewer_programs_are_left_to_a_narrower_profile: runs_fewer;
}

/// Forks, in a process that may not open files any more. The body's result is the child's exit code.
pub(super) fn child(body: impl FnOnce() -> i32) -> Pid {
    // SAFETY: this process has one thread.
    match unsafe { libc::fork() } {
        0 => {
            let code = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
            // SAFETY: takes a number, and does not return.
            unsafe { libc::_exit(code) }
        }
        pid => Pid::from_raw(pid.max(0)).expect("a fork"),
    }
}

pub(super) fn wait(child: Pid) -> WaitStatus {
    rustix::process::waitpid(Some(child), WaitOptions::empty()).expect("a child").expect("its end").1
}

/// A profile of programs, as many as they like.
fn programs(operations: &[Operation]) -> Profile {
    limited(untried(&[operations, &[metadata("/")]].concat()), |limits| limits.threads = None)
}

fn runs_one() {
    let other = |program: &str| Command::new(program).arg("/dev/null").status();
    assert!(other("/bin/cat").is_ok());
    activate(programs(&[exec("/bin/true")]));
    assert!(Command::new("/bin/true").status().expect("the program that is listed").success());
    assert_eq!(errno_of(other("/bin/cat")), Some(EACCES));
    assert_eq!(errno_of(other("/bin/sh")), Some(EACCES));
    // What may be read of it, as its loader does, may not be run.
    assert_eq!(errno_of(other("/etc/passwd")), Some(EACCES));
    assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EACCES));
}

fn confines_programs() {
    let path = place().join(format!("for-programs-{}", std::process::id()));
    fs::write(&path, "contents\n").expect("a file");
    activate(programs(&[exec("/bin/sh"), read(&path)]));
    let run = |script: &str| {
        let output = Command::new("/bin/sh").args(["-c", script]).stdin(Stdio::null()).output().expect("a shell");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    assert_eq!(run(&format!("read line < {}; echo $line", path.display())), (true, "contents\n".to_owned()));
    for script in [
        "read line < /etc/passwd",
        "echo x > /tmp/gaol-was-here",
        "/bin/ls /",
        "kill -CONT $PPID $PPID && false; kill -CONT 1",
        "ulimit -n 100000",
        "exec 3<>/dev/tcp/127.0.0.1/1",
    ] {
        assert_eq!(run(script), (false, String::new()), "{script}");
    }
    // The starter is in the same sandbox, and can be signalled.
    assert_eq!(run("kill -CONT $PPID && echo sent"), (true, "sent\n".to_owned()));
}

fn becomes_a_program() {
    let end = fork(|| {
        let only = limited(programs(&[exec("/bin/true"), exec("/bin/cat")]), |limits| limits.threads = Some(1));
        activate(only);
        assert_eq!(errno_of(Command::new("/bin/true").status()), Some(EAGAIN), "there is room for one process");
        assert_eq!(errno_of(std::thread::Builder::new().spawn(|| {})), Some(EAGAIN));
        let error = Command::new("/bin/cat").arg("/etc/passwd").exec();
        panic!("{error}");
    });
    assert_eq!(end.status.exit_status(), Some(1), "{}", end.said);
    assert!(end.said.contains("Permission denied"), "{}", end.said);
}

fn runs_fewer() {
    activate(programs(&[exec("/bin/true"), exec("/bin/cat")]));
    assert!(Command::new("/bin/cat").arg("/dev/null").status().expect("a program").success());
    match refusal(programs(&[exec("/bin/ls")])) {
        ProfileError::Widens { operation } => assert_eq!(operation, "exec = \"/bin/ls\""),
        other => panic!("{other}"),
    }
    activate(programs(&[exec("/bin/true")]));
    assert!(Command::new("/bin/true").status().expect("a program").success());
    assert_eq!(errno_of(Command::new("/bin/cat").arg("/dev/null").status()), Some(EACCES));
    // No program at all: none can be started.
    activate(programs(&[]));
    assert_eq!(errno_of(Command::new("/bin/true").status()), Some(EPERM));
}
