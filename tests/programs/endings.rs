//! A command ends as its program ends, and passes signals on.
//!
//! # Safety
//!
//! Signals are sent by number to children of the test, and ignored in one between its fork and its exec.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::tools::{
    End, bare, end_of, exec, in_each_tier, in_tier, marked, marker, prober, profile, run, spawn_and_hear, try_in,
    try_outside,
};
use crate::support::processes::eventually;

#[test]
pub(super) fn every_exit_code_is_the_programs_own() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        for code in 0..=255_u8 {
            assert_eq!(try_in(&profile, &["exit", &code.to_string()]), End::Exit(code.into()));
        }
    });
}

/// Signals that end a process by default.
fn fatal() -> impl Iterator<Item = i32> {
    let harmless = [
        libc::SIGCHLD,
        libc::SIGCONT,
        libc::SIGSTOP,
        libc::SIGTSTP,
        libc::SIGTTIN,
        libc::SIGTTOU,
        libc::SIGURG,
        libc::SIGWINCH,
    ];
    (1..=64).filter(move |signal| !harmless.contains(signal))
}

#[test]
pub(super) fn every_fatal_signal_is_the_programs_own() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        for signal in fatal() {
            let act = ["end-by", &signal.to_string()];
            assert_eq!(try_outside(&act), End::Signal(signal));
            // That one says that there was no program.
            let expected = if signal == 33 { libc::SIGKILL } else { signal };
            assert_eq!(try_in(&profile, &act), End::Signal(expected), "signal {signal}");
        }
        assert_eq!(try_in(&profile, &["fault"]), End::Signal(libc::SIGSEGV));
    });
}

#[test]
pub(super) fn the_end_of_a_child_of_the_program_is_not_the_programs() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/sh")]);
        let script = "(exit 9) & (kill -9 $$; exit 0) & wait; exit 4";
        assert_eq!(run(profile.command("/bin/sh").args(["-c", "(exit 9) & wait; exit 4"])).0, End::Exit(4));
        assert_eq!(run(profile.command("/bin/sh").args(["-c", script])).0, End::Signal(9));
    });
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn send(pid: Pid, signal: i32) {
    // SAFETY: takes numbers only; the child has not been waited for, so that the number is its own.
    let answer = unsafe { libc::kill(pid.as_raw_nonzero().get(), signal) };
    assert_eq!(answer, 0, "kill({pid:?}, {signal})");
}

#[test]
pub(super) fn signals_to_the_command_reach_the_program() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        for signal in (1..32).filter(|signal| ![libc::SIGKILL, libc::SIGSTOP, libc::SIGCHLD].contains(signal)) {
            if [libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU].contains(&signal) {
                continue;
            }
            let (mut child, said) = spawn_and_hear(profile.command(prober()).arg("wait-for-signal"));
            assert_eq!(said, "ready");
            send(pid_of(&child), signal);
            assert_eq!(end_of(&mut child), End::Exit(signal));
        }
    });
}

#[test]
pub(super) fn a_signal_that_the_program_does_not_handle_ends_it() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGUSR1, libc::SIGRTMIN() + 3] {
            let (mut child, _) = spawn_and_hear(profile.command(prober()).arg("sleep"));
            send(pid_of(&child), signal);
            assert_eq!(end_of(&mut child), End::Signal(signal));
        }
        // And one that ends nobody by default ends nobody.
        let (mut child, _) = spawn_and_hear(profile.command(prober()).arg("sleep"));
        for signal in [libc::SIGWINCH, libc::SIGURG, libc::SIGCONT, libc::SIGCHLD] {
            send(pid_of(&child), signal);
        }
        std::thread::sleep(Duration::from_millis(20));
        assert!(child.try_wait().expect("a child").is_none());
        child.kill().expect("a child to kill");
        assert_eq!(end_of(&mut child), End::Signal(9));
    });
}

#[test]
pub(super) fn signals_before_there_is_a_program_end_the_command_or_nothing() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        for round in 0..40 {
            let mut child = profile.command(prober()).args(["exit", "5"]).spawn().expect("a process");
            // From the first instruction of the launcher to the end of the program.
            std::thread::sleep(Duration::from_micros(250 * round));
            send(pid_of(&child), libc::SIGWINCH);
            send(pid_of(&child), libc::SIGCONT);
            assert_eq!(end_of(&mut child), End::Exit(5));
            let mut child = profile.command(prober()).args(["exit", "5"]).spawn().expect("a process");
            std::thread::sleep(Duration::from_micros(250 * round));
            let _ = rustix::process::kill_process(pid_of(&child), Signal::TERM);
            let end = end_of(&mut child);
            assert!([End::Exit(5), End::Signal(libc::SIGTERM)].contains(&end), "{end:?}");
        }
    });
}

/// The state of a process, as the kernel abbreviates it.
fn state(pid: u32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('-')
}

/// The program among the processes that have a word in their arguments: the last one started.
fn program(word: &str) -> u32 {
    let name = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let found = marked(word).into_iter().find(|pid| !name(pid).starts_with("gaol-"));
    found.expect("the program's process")
}

#[test]
pub(super) fn a_command_stops_and_goes_on_with_its_program() {
    in_each_tier(|tier| {
        let word = marker("stop");
        let (mut child, _) = spawn_and_hear(bare(tier).command(prober()).args(["sleep", &word]));
        let program = program(&word);
        for _ in 0..2 {
            send(pid_of(&child), libc::SIGTSTP);
            eventually("a stop of both", || state(child.id()) == 'T' && state(program) == 'T');
            send(pid_of(&child), libc::SIGCONT);
            eventually("both to go on", || state(child.id()) == 'S' && state(program) == 'S');
        }
        send(pid_of(&child), libc::SIGTERM);
        assert_eq!(end_of(&mut child), End::Signal(libc::SIGTERM));
    });
}

#[test]
pub(super) fn a_program_that_stops_itself_is_sent_on_its_way_by_sigcont() {
    in_each_tier(|tier| {
        let word = marker("self-stop");
        let profile = profile(tier, [exec("/bin/sh")]);
        let script = "echo here; kill -STOP $$; exit 6";
        let (mut child, said) = spawn_and_hear(profile.command("/bin/sh").args(["-c", script, &word]));
        assert_eq!(said, "here");
        let program = program(&word);
        eventually("a stop", || state(program) == 'T');
        assert!(child.try_wait().expect("a child").is_none(), "a stop is no end");
        send(pid_of(&child), libc::SIGCONT);
        assert_eq!(end_of(&mut child), End::Exit(6));
    });
}

#[test]
pub(super) fn what_the_application_ignores_is_not_ignored_for_it() {
    // SIGCHLD above all: a process that ignores it is never told how its children end.
    in_each_tier(|tier| {
        let profile = bare(tier);
        let ignoring = |command: &mut Command| {
            let ignore = || {
                for signal in 1..=64 {
                    // SAFETY: SIG_IGN is valid for every signal; where the kernel refuses, nothing changes.
                    unsafe { libc::signal(signal, libc::SIG_IGN) };
                }
                Ok(())
            };
            // SAFETY: the closure calls nothing but `signal` between fork and exec.
            unsafe { command.pre_exec(ignore) };
            let begun = Instant::now();
            let result = run(command);
            assert!(begun.elapsed() < Duration::from_secs(20), "nobody noticed its end");
            result
        };
        assert_eq!(ignoring(profile.command(prober()).args(["exit", "3"])).0, End::Exit(3));
        let (end, ignored) = ignoring(profile.command(prober()).arg("signals"));
        assert_eq!((end, ignored.as_str()), (End::Exit(0), ""));
    });
}

#[test]
pub(super) fn a_program_starts_with_signals_as_they_were_made() {
    in_each_tier(|tier| {
        let (end, odd) = run(bare(tier).command(prober()).arg("signals"));
        assert_eq!((end, odd.as_str()), (End::Exit(0), ""));
    });
}

#[test]
pub(super) fn sigpipe_ends_a_program_that_nobody_listens_to() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/cat"), super::tools::read("/dev/zero")]);
        let mut command = profile.command("/bin/cat");
        let (mut child, _) = in_tier(tier, || spawn_and_drop(command.arg("/dev/zero")));
        assert_eq!(end_of(&mut child), End::Signal(libc::SIGPIPE));
    });
}

/// Starts a command, reads a little of what it prints and no more.
fn spawn_and_drop(command: &mut Command) -> (Child, Vec<u8>) {
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("a process");
    let mut some = vec![0; 1 << 16];
    let mut stdout = child.stdout.take().expect("its output");
    std::io::Read::read_exact(&mut stdout, &mut some).expect("some output");
    (child, some)
}
