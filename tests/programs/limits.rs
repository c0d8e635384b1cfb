//! Limits hold for programs, each with the result that belongs to it.

use std::time::{Duration, Instant};

use gaol::{Limits, Profile};

use super::tools::{
    End, all_gone, bare, end_of, exec, in_each_tier, marker, prober, profile, run, spawn_and_hear, try_in, try_outside,
    write,
};
use crate::support::place::Place;

/// The same profile with other limits.
fn limited(profile: Profile, change: impl FnOnce(&mut Limits)) -> Profile {
    let mut limits = *profile.limits();
    change(&mut limits);
    profile.with_limits(limits)
}

#[test]
pub(super) fn a_program_is_killed_at_its_time() {
    const TIME: Duration = Duration::from_millis(300);
    in_each_tier(|tier| {
        let bare = limited(bare(tier), |limits| limits.time = Some(TIME));
        let shell = limited(profile(tier, [exec("/bin/sh")]), |limits| limits.time = Some(TIME));
        for (profile, program, arguments) in [
            (&bare, prober(), vec!["sleep"]),
            (&bare, prober(), vec!["spin"]),
            (&bare, prober(), vec!["leave-behind", "nothing", "and-sleep"]),
            // One that is stopped, and one that waits for another.
            (&shell, "/bin/sh".as_ref(), vec!["-c", "kill -STOP $$"]),
            (&shell, "/bin/sh".as_ref(), vec!["-c", "while :; do :; done & wait"]),
        ] {
            let word = marker("time");
            let begun = Instant::now();
            let (end, _) = run(profile.command(program).args(&arguments).arg(&word));
            assert_eq!(end, End::Signal(libc::SIGKILL), "{arguments:?}");
            assert!(begun.elapsed() >= TIME, "{arguments:?} was ended early");
            assert!(begun.elapsed() < TIME * 30, "{arguments:?} took {:?}", begun.elapsed());
            all_gone(&word);
        }
        // One that keeps within its time ends as it likes.
        assert_eq!(try_in(&bare, &["exit", "2"]), End::Exit(2));
    });
}

#[test]
pub(super) fn without_a_limit_on_time_a_program_takes_what_it_needs() {
    in_each_tier(|tier| {
        let profile = limited(bare(tier), |limits| limits.time = None);
        let (mut child, _) = spawn_and_hear(profile.command(prober()).arg("wait-for-signal"));
        std::thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().expect("a child").is_none());
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::USR1).expect("a child to signal");
        assert_eq!(end_of(&mut child), End::Exit(libc::SIGUSR1));
    });
}

#[test]
pub(super) fn a_program_that_uses_up_its_cpu_time_gets_sigxcpu() {
    in_each_tier(|tier| {
        let profile = limited(bare(tier), |limits| limits.cpu = Some(Duration::from_millis(500)));
        let begun = Instant::now();
        assert_eq!(try_in(&profile, &["spin"]), End::Signal(libc::SIGXCPU));
        assert!(begun.elapsed() >= Duration::from_millis(900), "whole seconds are counted");
        // Time that it does not use does not count.
        let profile = limited(profile, |limits| limits.time = Some(Duration::from_millis(1500)));
        assert_eq!(try_in(&profile, &["sleep"]), End::Signal(libc::SIGKILL));
    });
}

/// Ten programs one after the other, each of which uses seven tenths of a second, less than it may.
const TEN: &str =
    "i=0; while [ $i -lt 10 ]; do timeout -s KILL 0.7 sh -c 'while :; do :; done'; i=$((i+1)); done; exit 5";

#[test]
pub(super) fn cpu_time_is_the_sum_over_all_programs() {
    in_each_tier(|tier| {
        let operations = || [exec("/bin/sh"), exec("/usr/bin/timeout"), exec("/bin/sleep")];
        let with =
            |seconds| limited(profile(tier, operations()), |limits| limits.cpu = Some(Duration::from_secs(seconds)));
        let shell = |profile: &Profile, script: &str| {
            let begun = Instant::now();
            let mut command = profile.command("/bin/sh");
            (run(command.env("PATH", "/bin:/usr/bin").args(["-c", script])).0, begun.elapsed())
        };
        // One after the other, beside each other, and in the background, left to whoever adopts them.
        for script in [
            TEN,
            "for i in 1 2 3 4 5 6 7 8 9 10; do timeout -s KILL 20 sh -c 'while :; do :; done' & done; wait; exit 5",
            "for i in 1 2 3 4 5 6 7 8 9 10; do (timeout -s KILL 20 sh -c 'while :; do :; done' &); done; sleep 60; exit 5",
            // What ignores SIGCHLD waits for nobody, and nothing is left to it.
            &format!("trap '' CHLD; {TEN}"),
        ] {
            let (end, took) = shell(&with(2), script);
            assert_eq!(end, End::Signal(libc::SIGXCPU), "{script}");
            assert!(took > Duration::from_millis(900), "{took:?}: it has used two seconds");
            assert!(took < Duration::from_secs(40), "{took:?}");
        }
        // The control: with enough for all of them it ends as it likes.
        assert_eq!(shell(&with(60), TEN).0, End::Exit(5));
    });
}

#[test]
pub(super) fn memory_is_bounded() {
    let much = (64 << 20).to_string();
    assert_eq!(try_outside(&["take-memory", &much]), End::Exit(0), "the control");
    in_each_tier(|tier| {
        let profile = limited(bare(tier), |limits| limits.memory = Some(32 << 20));
        assert_eq!(try_in(&profile, &["take-memory", &much]), End::Exit(libc::ENOMEM));
        assert_eq!(try_in(&profile, &["take-memory", &(16 << 20).to_string()]), End::Exit(0));
        let profile = limited(profile, |limits| limits.memory = None);
        assert_eq!(try_in(&profile, &["take-memory", &much]), End::Exit(0));
    });
}

#[test]
pub(super) fn descriptors_are_bounded() {
    in_each_tier(|tier| {
        let profile = limited(bare(tier), |limits| limits.files = Some(16));
        let (end, opened) = run(profile.command(prober()).arg("open-many"));
        assert_eq!((end, opened.as_str()), (End::Exit(libc::EMFILE), "13\n"), "and the three streams");
    });
}

#[test]
pub(super) fn files_are_bounded() {
    let place = Place::new("programs");
    let path = place.path().join("file").display().to_string();
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(prober()), write(place.path())]);
        let profile = limited(profile, |limits| limits.file_size = Some(1 << 20));
        let much = (2 << 20).to_string();
        assert_eq!(try_outside(&["fill", &path, &much]), End::Exit(0), "the control");
        for (act, end, length) in [
            (vec!["fill", &path, &much], End::Signal(libc::SIGXFSZ), 1 << 20),
            (vec!["fill", &path, &much, "ignoring"], End::Exit(libc::EFBIG), 1 << 20),
            (vec!["fill", &path, "1048576"], End::Exit(0), 1 << 20),
        ] {
            std::fs::remove_file(&path).expect("it was written");
            assert_eq!(try_in(&profile, &act), end, "{act:?}");
            assert_eq!(std::fs::metadata(&path).expect("it was written").len(), length, "{act:?}");
        }
        std::fs::remove_file(&path).expect("it was written");
    });
}

#[test]
pub(super) fn no_core_is_dumped() {
    let place = Place::new("programs");
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(prober()), write(place.path())]);
        let output = profile.command(prober()).arg("fault").current_dir(place.path()).output().expect("a process");
        assert_eq!(End::from(output.status), End::Signal(libc::SIGSEGV));
        assert!(!std::os::unix::process::ExitStatusExt::core_dumped(&output.status));
        assert_eq!(std::fs::read_dir(place.path()).expect("a directory").count(), 0);
    });
}

#[test]
pub(super) fn every_default_limit_leaves_room_for_a_program() {
    assert_eq!(Limits::DEFAULT.threads, Some(64));
    in_each_tier(|tier| {
        let profile = bare(tier);
        for act in [["take-memory", "268435456"].as_slice(), &["start-threads", "50"], &["start-processes", "50", "1"]]
        {
            assert_eq!(try_in(&profile, act), End::Exit(0), "{act:?}");
        }
        let (end, opened) = run(profile.command(prober()).arg("open-many"));
        assert_eq!((end, opened.as_str()), (End::Exit(libc::EMFILE), "253\n"));
    });
}
