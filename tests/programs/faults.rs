//! What the system lacks at the moment is told with the step that it was needed for.
//!
//! # Safety
//!
//! Limits are lowered in processes between their fork and their exec, and users changed in processes of the tests' own.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::Command;

use super::tools::{End, bare, in_each_tier, prober, reason, run};
use crate::support::alone::{Alone, User};

/// The command's process begins with this limit.
fn limit(command: &mut Command, resource: libc::__rlimit_resource_t, value: u64) -> &mut Command {
    let lower = move || {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: the limit lives through the call.
        if unsafe { libc::setrlimit(resource, &raw const limit) } == 0 {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    };
    // SAFETY: the closure calls nothing but `setrlimit` between fork and exec.
    unsafe { command.pre_exec(lower) }
}

#[test]
fn too_few_descriptors_are_told_with_the_step_that_wanted_one() {
    // The kernel bounds by this limit what a user has on the way between processes as well, whoever sends it.
    let reasons = [
        ("Too many open files (os error 24)", "; raise the limit on open files (RLIMIT_NOFILE), or close some"),
        (
            "Too many references: cannot splice (os error 109)",
            "; too many descriptors of this user are on their way between processes (bounded by RLIMIT_NOFILE)",
        ),
    ];
    in_each_tier(|tier| {
        let profile = bare(tier);
        let (mut worked, mut failed) = (0, 0);
        // Below four not even the loader of this binary can open a library.
        for files in 4..40 {
            let mut command = profile.command(prober());
            let output = limit(command.args(["exit", "0"]), libc::RLIMIT_NOFILE, files).output().expect("a process");
            if End::from(output.status) == End::Exit(0) {
                worked += 1;
                continue;
            }
            failed += 1;
            let said = reason(&output);
            let is_told = reasons.iter().any(|(error, remedy)| said.contains(error) && said.ends_with(remedy));
            assert!(is_told, "{files}: {said}");
        }
        assert!(worked > 10 && failed > 5, "{worked} worked, {failed} failed");
    });
}

#[test]
fn too_few_processes_are_told_with_the_step_that_wanted_one() {
    // The limit does not bind root.
    let name = "programs::faults::too_few_processes_are_told_with_the_step_that_wanted_one";
    let Some(alone) = Alone::new(name).user(User::Lonely) else { return };
    alone.run(|| {
        in_each_tier(|tier| {
            let profile = bare(tier);
            let mut failures = Vec::new();
            // The application and its zygote with what that has started are some; whoever starts one more is told.
            for processes in 1..60 {
                let mut command = profile.command(prober());
                limit(command.args(["exit", "0"]), libc::RLIMIT_NPROC, processes);
                let output = command.output().expect("a process");
                if End::from(output.status) == End::Exit(0) {
                    break;
                }
                let said = reason(&output);
                assert!(said.contains("Resource temporarily unavailable (os error 11)"), "{processes}: {said}");
                let remedy = "; the limit on processes (RLIMIT_NPROC or a pids cgroup) is reached";
                assert!(said.ends_with(remedy), "{processes}: {said}");
                failures.push(said);
            }
            failures.dedup();
            eprintln!("tier {tier:?}: {failures:#?}");
            assert!(failures.iter().any(|said| said.contains("fork") || said.contains("clone")), "{failures:?}");
        });
    });
}

#[test]
fn without_proc_there_is_no_command() {
    let name = "programs::faults::without_proc_there_is_no_command";
    if !rustix::process::geteuid().is_root() {
        eprintln!("{name}: left out, since only root can hide /proc");
        return;
    }
    in_each_tier(|tier| {
        let mut command = bare(tier).command(prober());
        let hide = || {
            // SAFETY: takes numbers only.
            if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
                return Err(std::io::Error::last_os_error());
            }
            let flags = libc::MS_REC | libc::MS_PRIVATE;
            let none = std::ptr::null();
            // SAFETY: the paths are C strings that live through the calls.
            unsafe { libc::mount(none, c"/".as_ptr(), none, flags, none.cast()) };
            // SAFETY: as above.
            let answer = unsafe { libc::mount(c"none".as_ptr(), c"/proc".as_ptr(), c"tmpfs".as_ptr(), 0, none.cast()) };
            if answer == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        };
        // SAFETY: the closure makes system calls only between fork and exec.
        unsafe { command.pre_exec(hide) };
        let error = command.output().expect_err("there is no /proc/self/exe");
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    });
}

#[test]
fn where_proc_is_hidden_from_others_commands_run() {
    let name = "programs::faults::where_proc_is_hidden_from_others_commands_run";
    if !rustix::process::geteuid().is_root() {
        eprintln!("{name}: left out, since only root can mount /proc anew");
        return;
    }
    in_each_tier(|tier| {
        for user in [0, crate::support::alone::NOBODY] {
            let mut command = bare(tier).command(prober());
            let remount = move || {
                // SAFETY: takes numbers only.
                if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                let (none, flags) = (std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
                // SAFETY: the paths are C strings that live through the calls.
                unsafe { libc::mount(none, c"/".as_ptr(), none, flags, none.cast()) };
                let options = c"hidepid=2".as_ptr().cast();
                // SAFETY: as above.
                let answer = unsafe { libc::mount(c"proc".as_ptr(), c"/proc".as_ptr(), c"proc".as_ptr(), 0, options) };
                // SAFETY: takes numbers only; there is one thread.
                unsafe { libc::setgid(user) };
                // SAFETY: as above.
                unsafe { libc::setuid(user) };
                if answer == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
            };
            // SAFETY: the closure makes system calls only between fork and exec.
            unsafe { command.pre_exec(remount) };
            assert_eq!(run(command.args(["exit", "5"])).0, End::Exit(5), "user {user}");
        }
    });
}
