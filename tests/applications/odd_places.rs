//! Calls from where little of a process or a thread is left: destructors, `atexit`, a panic, a fork, a small stack.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gaol::{Error, Fd, sandboxed};

use crate::support::alone::{Alone, place};

#[sandboxed(time = "20s")]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

/// What can be put into the places of the thread: a descriptor each way, and a long block each way.
#[sandboxed(time = "20s")]
fn reads(file: Fd<File>, block: Vec<u8>) -> gaol::Result<(Fd<File>, Vec<u8>)> {
    let mut text = String::new();
    let mut file = file.into_inner();
    file.read_to_string(&mut text)?;
    Ok((Fd::new(file), [block, text.into_bytes()].concat()))
}

#[sandboxed(time = "20s", process = "reused")]
fn adds_reused(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

/// Every kind of call.
fn calls() -> gaol::Result<()> {
    assert_eq!(adds(2, 3)?, 5);
    assert_eq!(adds_reused(2, 4)?, 6);
    let (_file, block) = reads(Fd::new(File::open("/proc/self/comm")?), vec![7; 100_000])?;
    assert!(block.len() > 100_000);
    Ok(())
}

/// How many destructors, handlers and hooks have made their calls.
static DONE: AtomicU32 = AtomicU32::new(0);

struct CallsWhenDropped;

impl Drop for CallsWhenDropped {
    fn drop(&mut self) {
        calls().expect("calls in a destructor");
        DONE.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_destructor_of_a_thread_local_makes_calls() {
    thread_local! {
        static BEFORE: RefCell<Option<CallsWhenDropped>> = const { RefCell::new(None) };
    }
    Alone::new("applications::odd_places::a_destructor_of_a_thread_local_makes_calls").run(|| {
        for calls_before in [false, true] {
            std::thread::spawn(move || {
                if calls_before {
                    // What gaol keeps for the thread is destroyed first then, if it is destroyed at all.
                    BEFORE.set(Some(CallsWhenDropped));
                    calls().expect("calls");
                } else {
                    calls().expect("calls");
                    BEFORE.set(Some(CallsWhenDropped));
                }
            })
            .join()
            .expect("a thread that does not panic");
        }
        assert_eq!(DONE.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn a_panic_makes_calls_while_it_unwinds() {
    Alone::new("applications::odd_places::a_panic_makes_calls_while_it_unwinds").run(|| {
        let panicked = std::panic::catch_unwind(|| {
            let _calls = CallsWhenDropped;
            panic!("with a destructor that makes calls");
        });
        assert!(panicked.is_err());
        assert_eq!(DONE.load(Ordering::Relaxed), 1);
        calls().expect("calls, afterwards");
    });
}

#[test]
fn a_panic_hook_makes_calls() {
    Alone::new("applications::odd_places::a_panic_hook_makes_calls").run(|| {
        std::panic::set_hook(Box::new(|_| {
            calls().expect("calls in a panic hook");
            DONE.fetch_add(1, Ordering::Relaxed);
        }));
        let panicked = std::panic::catch_unwind(|| panic!("with a hook that makes calls"));
        drop(std::panic::take_hook());
        assert!(panicked.is_err());
        assert_eq!(DONE.load(Ordering::Relaxed), 1);
    });
}

extern "C" fn calls_at_exit() {
    let mut file = File::create(place().join("at-exit")).expect("a file");
    match calls() {
        Ok(()) => file.write_all(b"ok").expect("a word"),
        Err(error) => write!(file, "{error}").expect("an error"),
    }
}

/// `exit` as C's, whose handlers run in the order in which they were not registered.
#[test]
fn handlers_of_atexit_make_calls() {
    Alone::new("applications::odd_places::handlers_of_atexit_make_calls").run(|| {
        let child = fork_with(|| {
            #[allow(unsafe_code, reason = "no crate of the workspace has atexit")]
            // SAFETY: the handler is a function of this binary, which outlives the process's exit, and does not unwind.
            let registered = unsafe { libc::atexit(calls_at_exit) };
            assert_eq!(registered, 0);
            calls().expect("calls");
            std::process::exit(0);
        });
        assert!(child.success(), "{child}");
        assert_eq!(std::fs::read_to_string(place().join("at-exit")).expect("the handler's word"), "ok");
    });
}

/// Runs `body` in a fork of this process, which has other threads: it may do what a fork of a program with threads may.
fn fork_with(body: impl FnOnce()) -> std::process::ExitStatus {
    use std::os::unix::process::ExitStatusExt;
    #[allow(unsafe_code, reason = "a fork of the application is what is tried")]
    // SAFETY: the tests' process has this one thread that is doing anything (`--test-threads=1`), so no lock is held by another.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "a process");
    if child == 0 {
        body();
        std::process::exit(0);
    }
    let mut status = 0;
    #[allow(unsafe_code, reason = "the child is no child of std's")]
    // SAFETY: `status` is a valid place for one number.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child);
    std::process::ExitStatus::from_raw(status)
}

#[test]
fn a_fork_of_the_application_makes_calls() {
    Alone::new("applications::odd_places::a_fork_of_the_application_makes_calls").run(|| {
        calls().expect("calls");
        let child = fork_with(|| calls().expect("calls of a fork"));
        assert!(child.success(), "{child}");
        calls().expect("calls, afterwards");
    });
}

#[test]
fn a_thread_with_a_small_stack_makes_calls() {
    Alone::new("applications::odd_places::a_thread_with_a_small_stack_makes_calls").run(|| {
        for kibibytes in [1024, 256, 128, 64] {
            let thread = std::thread::Builder::new().stack_size(kibibytes << 10).spawn(calls);
            let result = thread.expect("a thread").join().expect("a thread that does not panic");
            result.unwrap_or_else(|error| panic!("{kibibytes} KiB: {error}"));
        }
    });
}

#[test]
fn a_child_that_calls_in_a_destructor_is_told_that_it_is_nested() {
    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    struct Late;
    impl Drop for Late {
        fn drop(&mut self) {
            let is_nested = matches!(adds(1, 1), Err(Error::Nested { .. }));
            // What a destructor of a thread finds is told by how the process ends.
            std::process::exit(if is_nested { 42 } else { 1 });
        }
    }
    #[sandboxed(time = "20s", threads = 4)]
    fn has_a_thread() -> gaol::Result<()> {
        std::thread::spawn(|| LATE.set(Some(Late))).join().ok();
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    }
    Alone::new("applications::odd_places::a_child_that_calls_in_a_destructor_is_told_that_it_is_nested").run(|| {
        let error = has_a_thread().expect_err("it exits");
        assert!(matches!(error, Error::Exited { code: 42, .. }), "{error}");
    });
}
