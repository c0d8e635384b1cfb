//! However a child ends, the caller learns how, and the next call works.
//!
//! # Safety
//!
//! One function reads from memory that may not be read, to be killed for it.
#![allow(unsafe_code)]

use std::time::{Duration, Instant};

use gaol::{Error, Layer, Outcome, ProtocolProblem, sandboxed};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

/// How a function leaves without returning.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Way {
    Return,
    Exit(i32),
    ExitAtOnce(i32),
    ExitInThread(i32),
    Abort,
    AbortInThread,
    Raise(i32),
    ReadForbiddenMemory,
    OverflowStack,
    OverflowStackOfThread,
    CloseChannelAndExit,
}

fn leave(way: Way) -> gaol::Result<u8> {
    println!("on its way");
    match way {
        Way::Return => {}
        Way::Exit(code) => std::process::exit(code),
        Way::ExitAtOnce(code) => exit_group(code),
        Way::ExitInThread(code) => {
            let _ = std::thread::spawn(move || std::process::exit(code)).join();
            hang();
        }
        Way::Abort => std::process::abort(),
        Way::AbortInThread => {
            let _ = std::thread::spawn(|| std::process::abort()).join();
        }
        Way::Raise(signal) => {
            // The standard library's handlers of SIGSEGV and SIGBUS step aside once, for the fault to happen again.
            for _ in 0..2 {
                raise(signal);
            }
        }
        Way::ReadForbiddenMemory => {
            read_forbidden_memory();
        }
        Way::OverflowStack => {
            std::hint::black_box(overflow(0));
        }
        Way::OverflowStackOfThread => {
            let _ = std::thread::spawn(|| std::hint::black_box(overflow(0))).join();
        }
        Way::CloseChannelAndExit => {
            close(3);
            exit_group(0);
        }
    }
    Ok(7)
}

#[sandboxed(time = "30s")]
fn leaves(way: Way) -> gaol::Result<u8> {
    leave(way)
}

#[sandboxed(time = "30s", process = "reused")]
fn leaves_reused(way: Way) -> gaol::Result<u8> {
    leave(way)
}

#[sandboxed(time = "30s", process = "exec")]
fn leaves_exec(way: Way) -> gaol::Result<u8> {
    leave(way)
}

fn exit_group(code: i32) -> ! {
    // SAFETY: takes a number, and does not return.
    unsafe { libc::_exit(code) }
}

fn raise(signal: i32) {
    // SAFETY: takes numbers only.
    let answer = unsafe { libc::raise(signal) };
    assert_eq!(answer, 0, "raise({signal}): {}", std::io::Error::last_os_error());
}

fn close(fd: i32) {
    // SAFETY: takes a number; that it belongs to someone else is the attack.
    unsafe { libc::close(fd) };
}

fn read_forbidden_memory() -> u8 {
    // SAFETY: a new map, where the kernel likes; nothing else is there.
    let map = unsafe {
        libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    assert_ne!(map, libc::MAP_FAILED);
    // SAFETY: none: the process is killed here.
    unsafe { map.cast::<u8>().read_volatile() }
}

#[allow(unconditional_recursion)]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 64]);
    overflow(room[3] + 1) + room[7]
}

fn hang() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// A function that ends in a way.
type Ends = fn(Way) -> gaol::Result<u8>;

/// Every way of running a call, with its name.
const PROCESSES: [(&str, Ends); 3] = [("fresh", leaves), ("reused", leaves_reused), ("exec", leaves_exec)];

/// Calls in every kind of process and in both tiers, and checks that the next call works.
fn each(way: Way, check: impl Fn(gaol::Result<u8>) -> bool) {
    for namespaces in [true, false] {
        let without: &[Layer] = if namespaces { &[] } else { &[Layer::Namespaces] };
        let _guard = gaol::controls::without(without);
        for (name, function) in PROCESSES {
            let result = function(way);
            let said = format!("{result:?}");
            if let Err(error) = &result {
                assert_eq!(error.outcome(), Outcome::Unknown, "{way:?}, {name}");
                assert!(error.output().contains("on its way"), "{way:?}, {name}: {:?}", error.output());
            }
            assert!(check(result), "{way:?} in a {name} process, namespaces {namespaces}: {said}");
            assert_eq!(function(Way::Return).expect("the next call"), 7, "after {way:?} in a {name} process");
        }
    }
}

fn exited(expected: i32) -> impl Fn(gaol::Result<u8>) -> bool {
    move |result| matches!(result, Err(Error::Exited { code, .. }) if code == expected)
}

fn killed(expected: i32) -> impl Fn(gaol::Result<u8>) -> bool {
    move |result| matches!(result, Err(Error::Killed { signal, .. }) if signal == expected)
}

#[test]
fn exit_is_no_return() {
    for code in [0, 1, 42, 125, 255] {
        each(Way::Exit(code), exited(code));
    }
    each(Way::ExitAtOnce(0), exited(0));
    each(Way::ExitAtOnce(3), exited(3));
}

#[test]
fn exit_keeps_eight_bits_as_everywhere() {
    each(Way::Exit(256), exited(0));
    each(Way::Exit(-1), exited(255));
}

#[test]
fn exit_of_a_thread_is_the_childs() {
    each(Way::ExitInThread(9), exited(9));
}

#[test]
fn exit_behind_a_closed_channel_is_an_exit() {
    each(Way::CloseChannelAndExit, exited(0));
}

#[test]
fn abort_is_sigabrt() {
    each(Way::Abort, killed(libc::SIGABRT));
    each(Way::AbortInThread, killed(libc::SIGABRT));
}

#[test]
fn a_fault_is_sigsegv() {
    each(Way::ReadForbiddenMemory, killed(libc::SIGSEGV));
}

#[test]
fn a_stack_overflow_kills_the_child() {
    // With `gaol::main!` the standard library has its handler in place, which says so and aborts. In a test it is not there yet.
    let check = |result| killed(libc::SIGSEGV)(result);
    each(Way::OverflowStack, check);
    each(Way::OverflowStackOfThread, check);
}

#[test]
fn a_fatal_signal_is_named() {
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::ILL,
        Signal::TRAP,
        Signal::BUS,
        Signal::FPE,
        Signal::KILL,
        Signal::USR1,
        Signal::SEGV,
        Signal::USR2,
        Signal::ALARM,
        Signal::TERM,
        Signal::XCPU,
        Signal::VTALARM,
        Signal::PROF,
        Signal::IO,
        Signal::POWER,
    ] {
        let signal = signal.as_raw();
        each(Way::Raise(signal), killed(signal));
    }
    for signal in [libc::SIGSTKFLT, libc::SIGRTMIN(), libc::SIGRTMAX()] {
        each(Way::Raise(signal), killed(signal));
    }
}

#[test]
fn sigabrt_that_is_raised_kills_as_abort_does() {
    each(Way::Raise(libc::SIGABRT), killed(libc::SIGABRT));
}

#[test]
fn sigsys_that_is_raised_is_no_system_call() {
    // It looks as if a filter had ended the child: there is no telling from outside.
    each(
        Way::Raise(libc::SIGSYS),
        |result| matches!(result, Err(Error::Violation { violation, .. }) if violation.syscall.is_none()),
    );
}

#[test]
fn a_signal_that_is_ignored_by_default_changes_nothing() {
    // SIGPIPE and SIGXFSZ are ignored in a child, so that a failing write is an error there as it is in any Rust program.
    for signal in [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH, libc::SIGCONT, libc::SIGPIPE, libc::SIGXFSZ] {
        each(Way::Raise(signal), |result| matches!(result, Ok(7)));
    }
}

#[test]
fn an_error_names_the_signal() {
    let text = leaves(Way::Raise(libc::SIGTERM)).expect_err("a signal").to_string();
    assert!(text.contains("was killed by SIGTERM; it printed: \"on its way\""), "{text}");
    let text = leaves(Way::Raise(libc::SIGRTMAX())).expect_err("a signal").to_string();
    assert!(text.contains("was killed by signal 64"), "{text}");
}

/// How a function goes on for ever.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Forever {
    Loop,
    LoopDeaf,
    LoopInThreads,
    Sleep,
    Stop,
    LeaveThreadBehind,
    WaitForNothing,
}

#[sandboxed(time = "300ms")]
fn goes_on(how: Forever) -> gaol::Result<()> {
    match how {
        Forever::Loop => hang(),
        Forever::LoopDeaf => {
            // SAFETY: all-zero bytes are a set of signals.
            let mut every: libc::sigset_t = unsafe { std::mem::zeroed() };
            // SAFETY: the set lives through the call.
            unsafe { libc::sigfillset(&raw mut every) };
            // SAFETY: the set lives through the call; the old one is not asked for.
            unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const every, std::ptr::null_mut()) };
            for signal in 1..=64 {
                // SAFETY: SIG_IGN is valid for every signal; where the kernel or libc refuses, nothing changes.
                unsafe { libc::signal(signal, libc::SIG_IGN) };
            }
            hang()
        }
        Forever::LoopInThreads => {
            for _ in 0..8 {
                std::thread::spawn(|| hang());
            }
            hang()
        }
        Forever::Sleep => std::thread::sleep(Duration::from_secs(3600)),
        Forever::Stop => raise(libc::SIGSTOP),
        Forever::LeaveThreadBehind => {
            std::thread::spawn(|| hang());
            // SAFETY: takes a number, and ends this thread alone.
            unsafe { libc::syscall(libc::SYS_exit, 0) };
        }
        Forever::WaitForNothing => loop {
            std::thread::park();
        },
    }
    Ok(())
}

#[test]
fn what_does_not_end_is_ended_at_its_time() {
    for namespaces in [true, false] {
        let without: &[Layer] = if namespaces { &[] } else { &[Layer::Namespaces] };
        let _guard = gaol::controls::without(without);
        for how in [
            Forever::Loop,
            Forever::LoopDeaf,
            Forever::LoopInThreads,
            Forever::Sleep,
            Forever::Stop,
            Forever::LeaveThreadBehind,
            Forever::WaitForNothing,
        ] {
            let begun = Instant::now();
            match goes_on(how) {
                Err(Error::TimedOut { limit, .. }) => assert_eq!(limit, Duration::from_millis(300)),
                other => panic!("{how:?}, namespaces {namespaces}: {other:?}"),
            }
            assert!(begun.elapsed() >= Duration::from_millis(300), "{how:?} was ended early");
            assert!(begun.elapsed() < Duration::from_secs(10), "{how:?} took {:?}", begun.elapsed());
        }
    }
}

#[sandboxed(time = "30s")]
fn closes_its_channel_and_lives_on() -> gaol::Result<()> {
    close(3);
    hang()
}

#[test]
fn a_closed_channel_is_not_waited_for() {
    let begun = Instant::now();
    match closes_its_channel_and_lives_on() {
        Err(Error::Protocol { problem: ProtocolProblem::Closed, .. }) => {}
        other => panic!("expected a closed channel, not {other:?}"),
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "the deadline was waited for");
    assert_eq!(leaves(Way::Return).expect("the next call"), 7);
}

#[sandboxed]
fn leaves_a_thread_running() -> gaol::Result<u8> {
    std::thread::spawn(|| hang());
    Ok(3)
}

#[test]
fn threads_left_behind_do_not_hold_up_the_result() {
    for _ in 0..20 {
        assert_eq!(leaves_a_thread_running().expect("a result"), 3);
    }
}
