//! What servo/gaol got wrong about processes, one test a fault: each shows what is right, and that the act works without a sandbox.
//!
//! # Safety
//!
//! Single calls without a safe form, on a process of a test's own.
#![allow(unsafe_code)]

use std::fs;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

use gaol::{ChildSandbox, Error, Layer, Operation, PathPattern, Profile, ProfileError, sandboxed};
use libc::{EBADF, ENOSYS, EPERM};

use super::activated::refusal_of_activation;
use super::acts::{self, Act, End};
use super::profiles::Allowed;
use super::ways::{
    Tier, Way, ends, ends_in_a_thread, ends_outside, errnos, every_way, for_programs, in_tier, prober, tiers, ways,
};
use crate::support::alone::{Alone, place};
use crate::support::processes;

/// `clone3`, whose flags no filter can read, was allowed.
#[test]
fn no_call_starts_a_process_unseen() {
    Alone::new("servo_gaol::process_faults::no_call_starts_a_process_unseen").run(|| {
        let call = |call: libc::c_long, flags: i32| {
            Act::Call(u32::try_from(call).expect("a small number"), vec![flags.into(), 0, 0, 0, 0])
        };
        assert_eq!(ends_outside(&Act::Clone3), End::Done);
        every_way(&Allowed::Nothing, &Act::Clone3, errnos([ENOSYS; 5]));
        for act in
            [call(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD), call(libc::SYS_unshare, libc::CLONE_NEWUSER)]
        {
            if gaol::support().has(Layer::Namespaces) {
                assert_eq!(ends_outside(&act), End::Done, "{act:?}");
            }
            every_way(&Allowed::Nothing, &act, errnos([EPERM; 5]));
        }
        // A program may start others, which count as threads do.
        let fork = call(libc::SYS_clone, libc::SIGCHLD);
        assert_eq!(ends_outside(&fork), End::Done);
        every_way(&Allowed::Nothing, &fork, errnos([EPERM, EPERM, 0, 0, EPERM]));
        for tier in tiers() {
            let status = in_tier(tier, || {
                let profile = for_programs(tier, &Allowed::Nothing).expect("a profile that can be kept");
                let mut limits = *profile.limits();
                limits.threads = Some(1);
                prober(&profile.with_limits(limits)).args(fork.arguments()).status().expect("a launcher")
            });
            assert_eq!(status.code(), Some(libc::EAGAIN), "tier {tier:?}");
        }
    });
}

/// What the parent had open was open in the child.
#[test]
fn what_the_parent_has_open_is_not_inherited() {
    Alone::new("servo_gaol::process_faults::what_the_parent_has_open_is_not_inherited").run(|| {
        let file = fs::File::open("/etc/passwd").expect("a file");
        // SAFETY: the descriptor is open. The copy is inherited by what knows nothing of it, and is left open.
        let number = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, 400) };
        assert!(number >= 400);
        let that_one = Act::Descriptor(number);
        assert_eq!(ends_outside(&that_one), End::Done);
        assert_eq!(ends_outside(&Act::AnyDescriptor), End::Done);
        // What a process has that puts itself under a profile, it keeps.
        for (way, tier) in ways().filter(|(way, _)| *way != Way::Activated) {
            let end = ends(way, tier, &Allowed::Nothing, &that_one);
            assert_eq!(end, End::Errno(EBADF), "{way:?} in tier {tier:?}");
        }
        for tier in tiers() {
            let end = ends(Way::Command, tier, &Allowed::Nothing, &Act::AnyDescriptor);
            assert_eq!(end, End::Errno(EBADF), "a program has the three streams, in tier {tier:?}");
        }
    });
}

#[sandboxed]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

/// Everything of gaol's that starts a process.
fn use_gaol() {
    for tier in tiers() {
        in_tier(tier, || {
            assert_eq!(adds(1, 2).expect("a call"), 3);
            let profile = for_programs(tier, &Allowed::SystemInfo).expect("a profile that can be kept");
            let status = prober(&profile).args(Act::SystemInfo.arguments()).status().expect("a launcher");
            assert!(status.success(), "{status}");
        });
    }
    assert!(gaol::support().has(Layer::Seccomp));
}

/// `wait` took whichever child had ended.
#[test]
fn an_application_waits_for_its_own_children_itself() {
    Alone::new("servo_gaol::process_faults::an_application_waits_for_its_own_children_itself").run(|| {
        let mut child =
            Command::new(acts::prober(&place())).arg("exits").stderr(Stdio::null()).spawn().expect("a child");
        processes::eventually("its end", || !processes::is_alive(child.id()));
        use_gaol();
        assert_eq!(child.wait().expect("a child to wait for").code(), Some(255));
        // Nor is anything left that the application would find when it waits for all.
        // SAFETY: a null status is allowed.
        let any = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
        let error = std::io::Error::last_os_error();
        assert_eq!((any, error.raw_os_error()), (-1, Some(libc::ECHILD)));
    });
}

fn own_temporary_files(command: &mut Command) {
    command.env("TMPDIR", ".");
}

/// Each command leaked a pipe, the process adopted orphans from then on, and each activation left a directory.
#[test]
fn nothing_is_left_of_a_child() {
    Alone::new("servo_gaol::process_faults::nothing_is_left_of_a_child").adjust(own_temporary_files).run(|| {
        let count = |path: &str| fs::read_dir(path).expect("a directory").count();
        let activate = || {
            let end = ends(Way::Activated, Tier::B, &Allowed::SystemInfo, &Act::SystemInfo);
            assert_eq!(end, End::Done);
        };
        use_gaol();
        activate();
        let (descriptors, files) = (count("/proc/self/fd"), count("."));
        for _ in 0..10 {
            use_gaol();
        }
        activate();
        // A spare worker of each tier, with its socket, pidfd and two streams, may or may not stand ready.
        let now = count("/proc/self/fd");
        assert!(now <= descriptors + 8, "{descriptors} descriptors before, {now} after 20 calls and 20 commands");
        assert_eq!(count("."), files);
        let mut adopts: libc::c_int = -1;
        // SAFETY: the kernel writes an integer to where there is one.
        let asked = unsafe { libc::prctl(libc::PR_GET_CHILD_SUBREAPER, &raw mut adopts) };
        assert_eq!((asked, adopts), (0, 0));
        processes::eventually("the end of what served the calls", || {
            let family = processes::of(std::process::id());
            let count = |name: &str| family.iter().filter(|process| process.name == name).count();
            // A zygote, and in each tier a template and its spare.
            count("gaol-zygote") == 1 && count("gaol-template") <= 2 && count("gaol-worker") <= 2
        });
    });
}

#[sandboxed]
fn panics() -> gaol::Result<()> {
    panic!("in the child");
}

#[sandboxed]
fn exits() -> gaol::Result<()> {
    std::process::exit(3);
}

#[sandboxed(read = "/nowhere/at/all")]
fn reads_what_is_missing() -> gaol::Result<()> {
    Ok(())
}

/// An error in the forked child returned into the caller's code, which then ran twice.
#[test]
fn the_code_after_a_failure_runs_once() {
    Alone::new("servo_gaol::process_faults::the_code_after_a_failure_runs_once").run(|| {
        let marks = place().join("marks");
        let mark = |what: &str| {
            let mut file = fs::File::options().create(true).append(true).open(&marks).expect("a file");
            writeln!(file, "{what} {}", std::process::id()).expect("a line");
        };
        let missing = PathPattern::subpath("/nowhere/at/all").expect("a path");
        for tier in tiers() {
            in_tier(tier, || {
                assert!(matches!(reads_what_is_missing(), Err(Error::Path { .. })));
                mark("call");
                assert!(matches!(panics(), Err(Error::Panicked { .. })));
                mark("panic");
                assert!(matches!(exits(), Err(Error::Exited { code: 3, .. })));
                mark("exit");
                let profile = for_programs(tier, &Allowed::Read(vec!["/nowhere/at/all".into()]));
                let profile = profile.expect("the path need not be there yet");
                let output = prober(&profile).output().expect("a launcher");
                assert!(gaol::is_set_up_failure(&output.status), "{}", output.status);
                mark("command");
                let program = profile.command("/nowhere/at/all").output().expect("a launcher");
                assert!(gaol::is_set_up_failure(&program.status), "{}", program.status);
                mark("program");
                assert!(matches!(profile.check(), Err(ProfileError::Path { .. })));
                mark("check");
            });
        }
        let profile = Profile::new(vec![Operation::FileReadAll(missing)]).expect("the path need not be there yet");
        assert!(ChildSandbox::new(profile).activate().is_err());
        mark("activation");
        let text = fs::read_to_string(&marks).expect("marks");
        let own = std::process::id();
        let once = ["call", "panic", "exit", "command", "program", "check"].map(|what| format!("{what} {own}"));
        let in_each_tier = tiers().flat_map(|_| once.clone());
        let expected: Vec<String> = in_each_tier.chain([format!("activation {own}")]).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    });
}

/// Only the thread that asked was confined, and only a thread was killed.
#[test]
fn a_profile_covers_every_thread() {
    Alone::new("servo_gaol::process_faults::a_profile_covers_every_thread").run(|| {
        let said = refusal_of_activation(&Allowed::Nothing, true);
        assert_eq!(said, ProfileError::Threads { count: 2 }.to_string());
        let read = Act::Read("/etc/passwd".into());
        assert_eq!(ends_outside(&read), End::Done);
        let attack = Act::Call(u32::try_from(libc::SYS_ptrace).expect("a small number"), vec![-1]);
        for (way, tier) in ways().filter(|(way, _)| *way != Way::Command) {
            let end = |act| ends_in_a_thread(way, tier, &Allowed::Nothing, act);
            assert_eq!(end(&read), End::Errno(EPERM), "{way:?} in tier {tier:?}");
            assert_eq!(end(&attack), End::Signal(libc::SIGSYS), "{way:?} in tier {tier:?}");
        }
    });
}

/// `ioctl` and `prctl` were allowed whatever they were asked.
#[test]
fn calls_with_many_meanings_are_judged_by_what_they_are_asked() {
    Alone::new("servo_gaol::process_faults::calls_with_many_meanings_are_judged_by_what_they_are_asked").run(|| {
        let call = |call: libc::c_long, arguments: &[i64]| {
            Act::Call(u32::try_from(call).expect("a small number"), arguments.to_vec())
        };
        // Types for somebody else, takes a terminal, asks for a signal, tells who holds a device; of a stream that is no terminal.
        for request in [libc::TIOCSTI, libc::TIOCSCTTY, libc::FIOASYNC, 0x1261] {
            let act = call(libc::SYS_ioctl, &[0, request.try_into().expect("a number"), 0]);
            let outside = ends_outside(&act);
            assert!(![End::Errno(EPERM), End::Done].contains(&outside), "{act:?}: {outside:?}");
            every_way(&Allowed::Nothing, &act, errnos([EPERM; 5]));
        }
        let options = [
            (libc::PR_SET_DUMPABLE, 1),
            (libc::PR_SET_CHILD_SUBREAPER, 1),
            (libc::PR_SET_KEEPCAPS, 0),
            (libc::PR_SET_TIMERSLACK, 1),
        ];
        for (option, value) in options {
            let act = call(libc::SYS_prctl, &[option.into(), value, 0, 0, 0]);
            assert_eq!(ends_outside(&act), End::Done, "{act:?}");
            every_way(&Allowed::Nothing, &act, errnos([EPERM; 5]));
        }
    });
}
