//! A call whose profile names its argument finds a template that expected it, under the first part of its filter already. What a template
//! does under that part is not its worker's to do.
//!
//! # Safety
//!
//! System calls are made by number, with arguments that no call can use.
#![allow(unsafe_code)]
#![allow(unused_variables, reason = "some parameters are there for the attribute alone")]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

use std::io::{PipeReader, Read, Write};
use std::path::Path;
use std::time::Duration;

use gaol::{Layer, sandboxed};

use support::alone::{Alone, User};
use support::processes::{eventually, mine};

/// What is left to a template that expects a plan, and what a worker gets for it, whatever its arguments.
const LEFT: [(libc::c_long, i32); 13] = [
    (libc::SYS_openat2, libc::ENOSYS),
    (libc::SYS_mkdirat, libc::EACCES),
    (libc::SYS_symlinkat, libc::EACCES),
    (libc::SYS_open_tree, libc::EPERM),
    (libc::SYS_mount_setattr, libc::EPERM),
    (libc::SYS_move_mount, libc::EPERM),
    (libc::SYS_umount2, libc::EPERM),
    (libc::SYS_capget, libc::EPERM),
    (libc::SYS_capset, libc::EPERM),
    (libc::SYS_prctl, libc::EPERM),
    (libc::SYS_landlock_create_ruleset, libc::ENOSYS),
    (libc::SYS_landlock_add_rule, libc::ENOSYS),
    (libc::SYS_landlock_restrict_self, libc::ENOSYS),
];

/// Asks with arguments that mean nothing.
fn ask(call: libc::c_long) -> i32 {
    // SAFETY: minus one is no address, no descriptor and no operation: nothing is read, written or done.
    let answer = unsafe { libc::syscall(call, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64) };
    if answer == -1 { std::io::Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 }
}

#[sandboxed(read = path)]
fn tries(path: &Path) -> gaol::Result<Vec<i32>> {
    Ok(LEFT.iter().map(|(call, _)| ask(*call)).collect())
}

#[sandboxed(read = path, violation = "kill")]
fn tries_one(path: &Path, which: usize) -> gaol::Result<i32> {
    Ok(ask(LEFT[which].0))
}

/// Waits until its input ends.
#[sandboxed(read = path)]
fn waits(path: &Path, mut input: PipeReader) -> gaol::Result<usize> {
    let mut text = String::new();
    Ok(input.read_to_string(&mut text)?)
}

/// How many filters a process is under.
fn filters(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let count = status.lines().find_map(|line| line.strip_prefix("Seccomp_filters:"));
    count.and_then(|count| count.trim().parse().ok()).expect("a number")
}

/// Beneath how many filters more than this process the worker of a call is.
fn filters_of_a_call() -> usize {
    let (input, mut feeder) = std::io::pipe().expect("a pipe");
    std::thread::scope(|scope| {
        let call = scope.spawn(|| waits(Path::new("/usr"), input));
        let mut found = 0;
        eventually("a worker under its last filter", || {
            let workers = mine("gaol-worker");
            found = workers.last().map_or(0, |worker| filters(worker.pid)) - filters(std::process::id());
            found >= 2
        });
        feeder.write_all(b"go").expect("a reader");
        drop(feeder);
        assert_eq!(call.join().expect("no panic").expect("a call"), 2);
        found
    })
}

fn both_parts() {
    // Nothing expected the first.
    assert_eq!(filters_of_a_call(), 2, "the template's and the worker's");
    // One that comes before its template is ready may be made on another.
    eventually("a call that was expected", || {
        std::thread::sleep(Duration::from_millis(20));
        match filters_of_a_call() {
            2 => false,
            3 => true,
            other => panic!("under {other} filters"),
        }
    });
}

#[test]
fn a_template_that_expected_its_call_was_under_its_filter_before() {
    const NAME: &str = "a_template_that_expected_its_call_was_under_its_filter_before";
    if !gaol::support().has(Layer::Namespaces) {
        eprintln!("{NAME}: left out, since nothing is expected without namespaces");
        return;
    }
    Alone::new(NAME).run(both_parts);
}

fn the_same_answers() {
    let path = Path::new("/usr");
    let expected: Vec<i32> = LEFT.iter().map(|(_, errno)| *errno).collect();
    let plainly = {
        let _guard = gaol::controls::without(&[Layer::Seccomp, Layer::Capabilities]);
        tries(path).expect("a call")
    };
    for ((call, errno), plain) in LEFT.iter().zip(&plainly) {
        assert_ne!(errno, plain, "{call}: the control gets as far as its arguments");
    }
    for _ in 0..5 {
        assert_eq!(tries(path).expect("a call"), expected, "expected or not");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Those that are violations.
    for (which, (call, _)) in LEFT.iter().enumerate().filter(|(_, (_, errno))| *errno == libc::EPERM) {
        let error = tries_one(path, which).expect_err("it ends the worker");
        assert!(matches!(error, gaol::Error::Violation { .. }), "{call}: {error:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn what_is_left_to_a_template_is_refused_to_its_worker() {
    the_same_answers();
    const NAME: &str = "what_is_left_to_a_template_is_refused_to_its_worker";
    if let Some(alone) = Alone::new(NAME).user(User::Nobody) {
        alone.run(the_same_answers);
    }
}
