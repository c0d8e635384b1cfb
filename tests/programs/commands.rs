//! It is a plain `std::process::Command`: what can be done with one can be done with it.
//!
//! # Safety
//!
//! Memory is mapped and advised about, through calls that take what the test has mapped itself; a closure between fork and exec does
//! nothing.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use gaol::{Error, Sandbox, sandboxed};

use super::tools::{
    End, all_gone, bare, exec, in_each_tier, in_tier, marked, marker, prober, profile, run, spawn_and_hear, tiers,
};
use crate::support::alone::{Alone, NOBODY, User};
use crate::support::processes::eventually;

#[test]
pub(super) fn status_output_and_spawn_work() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/sh")]);
        let mut command = profile.command("/bin/sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let output = command.output().expect("a process");
        let seen = (output.status.code(), output.stdout.as_slice(), output.stderr.as_slice());
        assert_eq!(seen, (Some(3), b"out\n".as_slice(), b"err\n".as_slice()));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        assert_eq!(command.status().expect("a process").code(), Some(3));
        let child = command.stdout(Stdio::piped()).spawn().expect("a process");
        let output = child.wait_with_output().expect("its output");
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(3), b"out\n".as_slice()));
        // And once more: a command is not used up.
        for _ in 0..3 {
            assert_eq!(command.status().expect("a process").code(), Some(3));
        }
        let sandbox = Sandbox::new(profile.clone());
        assert_eq!(run(sandbox.command("/bin/sh").args(["-c", "exit 8"])).0, End::Exit(8));
    });
}

#[test]
pub(super) fn eight_threads_start_commands_at_once() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        std::thread::scope(|scope| {
            for thread in 0..8_u8 {
                let profile = &profile;
                scope.spawn(move || {
                    in_tier(tier, || {
                        for round in 0..8 {
                            let code = (thread * 8 + round).to_string();
                            let (end, _) = run(profile.command(prober()).args(["exit", &code]));
                            assert_eq!(end, End::Exit((thread * 8 + round).into()));
                        }
                    });
                });
            }
        });
    });
}

#[test]
pub(super) fn commands_run_beside_each_other() {
    in_each_tier(|tier| {
        let profile = bare(tier);
        let mut children: Vec<_> =
            (0..8).map(|_| spawn_and_hear(profile.command(prober()).arg("wait-for-signal")).0).collect();
        // The end of one is nothing to the others.
        while let Some(mut child) = children.pop() {
            assert!(children.iter_mut().all(|other| other.try_wait().expect("a child").is_none()));
            child.kill().expect("a child to kill");
            child.wait().expect("a child to wait for");
        }
    });
}

#[test]
pub(super) fn a_deleted_or_replaced_binary_starts_commands() {
    Alone::new("programs::commands::a_deleted_or_replaced_binary_starts_commands").run(|| {
        let binary = std::env::current_exe().expect("its name");
        let before = tiers()[0];
        let prepared = in_tier(before, || bare(before));
        std::fs::remove_file(&binary).expect("its own binary");
        let works = || {
            in_each_tier(|tier| {
                let profile = if tier == before { prepared.clone() } else { bare(tier) };
                assert_eq!(run(profile.command(prober()).args(["exit", "6"])).0, End::Exit(6));
                // Also where the launcher has nothing but its parent to know itself by.
                assert_eq!(run(profile.command(prober()).args(["exit", "7"]).env_clear()).0, End::Exit(7));
            });
        };
        works();
        std::fs::write(&binary, "#!/bin/sh\nexit 99\n").expect("something else in its place");
        std::fs::set_permissions(&binary, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("its mode");
        works();
    });
}

#[test]
pub(super) fn tokio_runs_commands() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    in_each_tier(|tier| {
        let cat = profile(tier, [exec("/bin/cat")]);
        let bare = bare(tier);
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let output = tokio::process::Command::from(bare.command(prober())).args(["exit", "9"]).output().await;
            assert_eq!(output.expect("a process").status.code(), Some(9));

            let mut child = tokio::process::Command::from(cat.command("/bin/cat"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("a process");
            let mut stdin = child.stdin.take().expect("its input");
            stdin.write_all(b"through").await.expect("its input");
            drop(stdin);
            let mut through = String::new();
            child.stdout.take().expect("its output").read_to_string(&mut through).await.expect("its output");
            assert_eq!(through, "through");
            assert!(child.wait().await.expect("a child").success());

            // Dropping kills, where that was asked for.
            let word = marker("tokio");
            let mut command = tokio::process::Command::from(bare.command(prober()));
            let mut child = command
                .args(["leave-behind", &word, "and-sleep"])
                .kill_on_drop(true)
                .stdout(Stdio::piped())
                .spawn()
                .expect("a process");
            let mut line = [0; 5];
            child.stdout.as_mut().expect("its output").read_exact(&mut line).await.expect("its output");
            assert_eq!(&line, b"left\n");
            drop(child);
            all_gone(&word);
        });
    });
}

#[test]
pub(super) fn a_launcher_knows_its_application_without_looking_at_it() {
    let name = "programs::commands::a_launcher_knows_its_application_without_looking_at_it";
    let Some(alone) = Alone::new(name).user(User::Nobody) else { return };
    alone.run(|| {
        // Nobody may look at this process any more, its own children included.
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).expect("a prctl");
        in_each_tier(|tier| {
            let profile = bare(tier);
            assert_eq!(run(profile.command(prober()).args(["exit", "4"])).0, End::Exit(4));
            assert_eq!(run(profile.command(prober()).args(["exit", "5"]).env_clear()).0, End::Exit(5));
        });
    });
}

#[sandboxed]
fn starts_a_command() -> gaol::Result<bool> {
    Ok(gaol::Profile::NOTHING.command("/bin/true").status()?.success())
}

#[test]
pub(super) fn a_sandbox_starts_no_command() {
    match starts_a_command() {
        Err(Error::Panicked { message, .. }) => {
            assert_eq!(message, "a sandbox can start no other: call `Profile::command` in the application");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
pub(super) fn a_command_may_change_the_user() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("left out: only root can become another user");
        return;
    }
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/usr/bin/id")]);
        let (end, printed) = run(profile.command("/usr/bin/id").arg("-u").uid(NOBODY).gid(NOBODY));
        assert_eq!((end, printed), (End::Exit(0), format!("{NOBODY}\n")));
    });
}

#[test]
pub(super) fn an_application_is_not_copied_for_a_command() {
    const SIZE: usize = 1 << 30;
    let name = "programs::commands::an_application_is_not_copied_for_a_command";
    Alone::new(name).run(|| {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new map, where the kernel likes; nothing else is there.
        let map = unsafe { libc::mmap(std::ptr::null_mut(), SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert_ne!(map, libc::MAP_FAILED);
        // SAFETY: the range is the map that was just made. Small pages are what can be counted.
        assert_eq!(unsafe { libc::madvise(map, SIZE, libc::MADV_NOHUGEPAGE) }, 0);
        // Writes to each page, and tells how many of them the kernel had to be asked for: after a fork it is all of them.
        let touch = || {
            let faults = || {
                // SAFETY: all-zero bytes are a `rusage`.
                let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
                // SAFETY: it lives through the call.
                unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) };
                usage.ru_minflt
            };
            let before = faults();
            for page in 0..SIZE / 4096 {
                // SAFETY: within the map.
                let byte = unsafe { map.cast::<u8>().add(page * 4096) };
                // SAFETY: nobody else has the map.
                unsafe { byte.write_volatile(1) };
            }
            faults() - before
        };
        let pages = (SIZE / 4096) as i64;
        assert!(touch() >= pages, "the control: it was not there before");
        assert!(touch() < 100, "the control: it is there now");
        in_each_tier(|tier| {
            let profile = bare(tier);
            assert_eq!(run(profile.command(prober()).args(["exit", "0"])).0, End::Exit(0));
            let faults = touch();
            assert!(faults < 100, "{faults} pages were copied, or about to be");
        });
        // A command that has std fork.
        let mut forked = Command::new("/bin/true");
        // SAFETY: the closure does nothing.
        unsafe { forked.pre_exec(|| Ok(())) };
        assert!(forked.status().expect("a process").success());
        assert!(touch() >= pages, "the control: a fork would have shown");
    });
}

#[test]
pub(super) fn a_command_that_is_dropped_runs_on() {
    // As every command: the child is the application's to wait for, or not.
    in_each_tier(|tier| {
        let word = marker("dropped");
        let (mut child, _) = spawn_and_hear(bare(tier).command(prober()).args(["sleep", &word]));
        drop(child.stdout.take());
        let pid = rustix::process::Pid::from_child(&child);
        drop(child);
        assert_eq!(marked(&word).len(), 3);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a child to signal");
        eventually("its end", || marked(&word).is_empty());
        let status = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty()).expect("a child");
        assert_eq!(status.and_then(|(_, status)| status.terminating_signal()), Some(libc::SIGTERM));
    });
}

#[test]
pub(super) fn a_command_names_what_it_starts() {
    in_each_tier(|tier| {
        let command = bare(tier).command(prober());
        assert_eq!(Path::new(command.get_program()), Path::new("/proc/self/exe"));
        let debug = format!("{command:?}");
        assert!(debug.contains(&prober().display().to_string()), "{debug}");
    });
}
