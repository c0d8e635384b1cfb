//! What changes around an application while it calls: signals without end, a wall clock that jumps, and `/proc` that is gone.
//!
//! The other faults of its surroundings have tests of their own: a binary that was replaced, SIGCHLD ignored and a table of descriptors
//! that is full are in `tests/lifecycle.rs`.
//!
//! # Safety
//!
//! A signal handler that does nothing, signals to a thread that is waited for, and mounts in a namespace of the test's own.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use gaol::{Layer, Outcome, sandboxed};

use super::acts::Act;
use super::clock::Jumps;
use super::family::APPLICATION;
use super::faults::Storm;
use super::lane::{Lane, Run, Scenario, User};
use crate::support::alone::Alone;

fn whole(run: &Run) {
    let report = run.report.as_ref().unwrap_or_else(|| panic!("no report: {}", run.said));
    assert!(report.calls.iter().all(|(got, _)| got.is_whole()), "{:?}", report.calls);
    assert_eq!((report.calls.len(), &run.left[..], run.seen.hung), (2, &[][..], false));
}

#[test]
fn what_can_be_interrupted_is_made_again() {
    let mut lane = Lane::new();
    for act in [Act::Call, Act::CallWithoutNamespaces, Act::Command, Act::CommandWithoutNamespaces, Act::Activation] {
        let mut storm = Storm::default();
        whole(&lane.run(Scenario { act, user: User::Nobody }, &mut storm));
        assert!(storm.count > 20, "{act:?}: {} calls were interrupted", storm.count);
        eprintln!("{act:?}: {} calls of all processes were interrupted, each once", storm.count);
    }
}

#[test]
fn a_wall_clock_that_jumps_is_not_looked_at() {
    let mut lane = Lane::new();
    for act in [Act::Call, Act::CallWithoutNamespaces, Act::Command, Act::CommandWithoutNamespaces, Act::Activation] {
        let mut jumps = Jumps::default();
        whole(&lane.run(Scenario { act, user: User::Same }, &mut jumps));
        assert_eq!(jumps.wall, [], "{act:?}");
    }
    // The control: who looks is told.
    let mut jumps = Jumps::default();
    whole(&lane.run(Scenario { act: Act::TimeOut, user: User::Same }, &mut jumps));
    let depths: Vec<_> = jumps.wall.iter().map(|member| member.depth).collect();
    assert_eq!(depths, [APPLICATION; 2]);
    assert!(jumps.monotonic > 0, "deadlines are counted by the clock that never jumps");
}

#[sandboxed]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(read = path)]
fn reads(path: &Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

static SIGNALS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_signal: libc::c_int) {
    SIGNALS.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn signals_without_end_keep_no_call_from_working() {
    Alone::new("fault_injection::surroundings::signals_without_end_keep_no_call_from_working").run(|| {
        // SAFETY: zeroes are no flags, SA_RESTART among them, and an empty mask.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = count as *const () as usize;
        // SAFETY: the handler adds to an atomic number, which is allowed in one.
        assert_eq!(unsafe { libc::sigaction(libc::SIGALRM, &raw const action, std::ptr::null_mut()) }, 0);
        // SAFETY: asks for a number.
        let caller = unsafe { libc::pthread_self() };
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // SAFETY: the thread waits for this one.
                    unsafe { libc::pthread_kill(caller, libc::SIGALRM) };
                    std::thread::sleep(Duration::from_micros(100));
                }
            });
            let calls = std::panic::catch_unwind(|| {
                for without in [&[][..], &[Layer::Namespaces][..]] {
                    let _guard = gaol::controls::without(without);
                    for index in 0..100 {
                        assert_eq!(adds(index, 1).expect("a call"), index + 1);
                        assert!(index % 10 > 0 || reads(Path::new("/usr")).expect("a call"));
                    }
                }
            });
            done.store(true, Ordering::Relaxed);
            calls.expect("every call works");
        });
        let signals = SIGNALS.load(Ordering::Relaxed);
        assert!(signals > 100, "only {signals} signals");
        eprintln!("220 calls, {signals} signals");
    });
}

fn mount_proc() {
    let (kind, place): (&CStr, &CStr) = (c"proc", c"/proc");
    // SAFETY: the strings live through the call.
    let mounted = unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), 0, std::ptr::null()) };
    assert_eq!(mounted, 0, "{}", std::io::Error::last_os_error());
}

fn unmount_proc() {
    // Others may be mounted beneath it, or on it.
    while Path::new("/proc/self").exists() {
        // SAFETY: the string lives through the call.
        let unmounted = unsafe { libc::umount2(c"/proc".as_ptr(), libc::MNT_DETACH) };
        assert_eq!(unmounted, 0, "{}", std::io::Error::last_os_error());
    }
}

/// Says what is missing, and did not run.
#[track_caller]
fn is_not_run<T>(result: gaol::Result<T>) {
    let error = result.err().expect("there is no /proc");
    assert_eq!(error.outcome(), Outcome::NotRun, "{error:?}");
    let text = error.to_string();
    assert!(text.contains("/proc"), "{text}");
}

#[test]
fn without_proc_what_needs_it_is_named_and_with_it_everything_works_again() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not run: only root may unmount /proc in a namespace of its own");
        return;
    }
    let name = "fault_injection::surroundings::without_proc_what_needs_it_is_named_and_with_it_everything_works_again";
    Alone::new(name).run(|| {
        // SAFETY: takes a number. The other thread of this process only waits.
        assert_eq!(unsafe { libc::unshare(libc::CLONE_NEWNS) }, 0);
        let (none, root): (&CStr, &CStr) = (c"none", c"/");
        let flags = libc::MS_REC | libc::MS_PRIVATE;
        // SAFETY: the strings live through the call.
        let private = unsafe { libc::mount(none.as_ptr(), root.as_ptr(), std::ptr::null(), flags, std::ptr::null()) };
        assert_eq!(private, 0, "{}", std::io::Error::last_os_error());
        for without in [&[][..], &[Layer::Namespaces][..]] {
            let _guard = gaol::controls::without(without);
            unmount_proc();
            is_not_run(adds(1, 2));
            is_not_run(reads(Path::new("/usr")));
            mount_proc();
            assert_eq!(adds(1, 2).expect("a call"), 3);
            assert!(reads(Path::new("/usr")).expect("a call"));
            unmount_proc();
            // What is there already needs no /proc any more: a template, and the groundwork for one more.
            assert_eq!(adds(3, 4).expect("a call"), 7);
            match reads(Path::new("/usr")) {
                Ok(there) => assert!(there),
                refused => is_not_run(refused),
            }
            mount_proc();
            assert!(reads(Path::new("/usr")).expect("a call"));
        }
    });
}
