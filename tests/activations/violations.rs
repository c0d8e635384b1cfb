//! `violation = "kill"`: what is refused ends the process, which says so first.

use std::fs;
use std::net::TcpStream;

use gaol::{OnViolation, Operation, Profile};
use libc::{EACCES, ENOSYS};
use rustix::process::Signal;

use super::stage::{activate, errno_of, fork, limited, profile, read, syscall};
use crate::support::alone::place;

alone_as_each_user! {
    a_violation_ends_the_process_and_is_told: ends_and_tells;
    in_a_thread_it_ends_the_process_too: ends_from_a_thread;
    what_libraries_try_by_themselves_is_none: goes_on;
    what_landlock_refuses_is_an_error: goes_on_after_landlock;
    a_narrower_profile_forgives_nothing: forgives_nothing;
    a_narrower_profile_may_begin_to_kill: begins_to_kill;
}

fn lethal(operations: impl IntoIterator<Item = Operation>) -> Profile {
    profile(operations).with_violation(OnViolation::Kill)
}

fn ends_and_tells() {
    let end = fork(|| {
        activate(lethal([]));
        eprintln!("on its way");
        let _ = fs::read("/etc/passwd");
        eprintln!("it lives");
    });
    end.is_by(Signal::SYS);
    let line = format!("on its way\ngaol: the profile does not allow system call {} (openat)\n", libc::SYS_openat);
    assert_eq!(end.said, line);
    for (call, name) in [(libc::SYS_mount, "mount"), (libc::SYS_kill, "kill"), (libc::SYS_unshare, "unshare")] {
        let end = fork(|| {
            activate(lethal([read("/usr")]));
            let _ = syscall(call, [1, 0, 0, 0, 0, 0]);
        });
        end.is_by(Signal::SYS);
        assert_eq!(end.said, format!("gaol: the profile does not allow system call {call} ({name})\n"));
    }
    // SIGSYS leaves a core where one may be left.
    assert_eq!(end.status.as_raw() & 0x80, 0, "{end:?}");
}

fn ends_from_a_thread() {
    let end = fork(|| {
        activate(lethal([]));
        let _ = std::thread::spawn(|| fs::read("/etc/passwd")).join();
        eprintln!("it lives");
    });
    end.is_by(Signal::SYS);
    assert!(end.said.ends_with("(openat)\n"), "{}", end.said);
}

fn goes_on() {
    activate(lethal([]));
    let _ = std::thread::available_parallelism();
    std::thread::spawn(|| std::hint::black_box(vec![1_u8; 1 << 20]).len()).join().expect("no panic");
    assert_eq!(errno_of(TcpStream::connect("127.0.0.1:1")), Some(libc::EAFNOSUPPORT));
    assert_eq!(errno_of(syscall(libc::SYS_io_uring_setup, [0; 6])), Some(ENOSYS));
}

fn goes_on_after_landlock() {
    let path = place().join(format!("beside-{}", std::process::id()));
    fs::write(&path, "x").expect("a file");
    activate(lethal([read("/usr")]));
    assert_eq!(errno_of(fs::read(&path)), Some(EACCES));
    assert_eq!(errno_of(fs::metadata(&path)), Some(EACCES));
    assert!(fs::read_dir("/usr").is_ok());
}

fn forgives_nothing() {
    let end = fork(|| {
        activate(lethal([read("/usr")]));
        // With `violation = "deny"`, which would be less.
        activate(profile_of_nothing());
        let _ = syscall(libc::SYS_mount, [1, 0, 0, 0, 0, 0]);
        eprintln!("it lives");
    });
    end.is_by(Signal::SYS);
    let end = fork(|| {
        activate(lethal([read("/usr")]));
        activate(profile_of_nothing());
        let _ = fs::read_dir("/usr");
        eprintln!("it lives");
    });
    end.is_by(Signal::SYS);
    assert!(end.said.ends_with("(openat)\n"), "{}", end.said);
}

fn begins_to_kill() {
    let end = fork(|| {
        activate(profile([read("/usr")]));
        assert!(syscall(libc::SYS_mount, [1, 0, 0, 0, 0, 0]).is_err());
        activate(profile_of_nothing().with_violation(OnViolation::Kill));
        let _ = syscall(libc::SYS_mount, [1, 0, 0, 0, 0, 0]);
        eprintln!("it lives");
    });
    end.is_by(Signal::SYS);
}

fn profile_of_nothing() -> Profile {
    limited(Profile::NOTHING, |limits| limits.threads = Some(1))
}
