//! What is left of a command when it has ended, however it ended: nothing.
//!
//! # Safety
//!
//! A group of processes that the test has started is killed by its number.
#![allow(unsafe_code)]

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal};

use super::tools::{
    End, Tier, all_gone, bare, end_of, in_each_tier, in_tier, marked, marker, prober, run, spawn_and_hear, tiers,
};
use crate::support::alone::{Alone, Started, place};
use crate::support::processes::eventually;

/// A program that has left a grandchild behind which ignores every signal, and sleeps.
fn start(tier: Tier, word: &str, adjust: impl FnOnce(&mut Command)) -> Child {
    let mut command = bare(tier).command(prober());
    adjust(command.args(["leave-behind", word, "and-sleep"]));
    let (child, said) = spawn_and_hear(&mut command);
    assert_eq!(said, "left");
    // Launcher, init, the program, and what it has left behind.
    assert_eq!(marked(word).len(), 4, "{:?}", names(word));
    child
}

fn names(word: &str) -> Vec<String> {
    marked(word).iter().map(|pid| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default()).collect()
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("a process to signal");
}

/// The process among those of a command that has this name.
fn named(word: &str, name: &str) -> u32 {
    let comm = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    marked(word).into_iter().find(|pid| comm(pid).trim_end() == name).expect("a process of that name")
}

#[test]
pub(super) fn a_daemon_ends_with_the_program_that_left_it_behind() {
    // Outside it lives on: the hole is there.
    let word = marker("daemon");
    let (mut child, _) = spawn_and_hear(Command::new(prober()).args(["leave-behind", &word]));
    assert_eq!(end_of(&mut child), End::Exit(0));
    let left = marked(&word);
    assert_eq!(left.len(), 1);
    kill(left[0], Signal::KILL);
    in_each_tier(|tier| {
        for _ in 0..10 {
            let word = marker("daemon");
            let (end, printed) = run(bare(tier).command(prober()).args(["leave-behind", &word]));
            assert_eq!((end, printed.as_str()), (End::Exit(0), "left\n"));
            // Not sooner or later: when the command has ended.
            assert_eq!(names(&word), [""; 0]);
        }
    });
}

#[test]
pub(super) fn a_killed_command_takes_everything_along() {
    in_each_tier(|tier| {
        let word = marker("killed");
        let mut child = start(tier, &word, |_| {});
        child.kill().expect("a child to kill");
        assert_eq!(end_of(&mut child), End::Signal(libc::SIGKILL));
        all_gone(&word);

        let mut child = start(tier, &word, |_| {});
        kill(child.id(), Signal::TERM);
        assert_eq!(end_of(&mut child), End::Signal(libc::SIGTERM));
        assert_eq!(names(&word), [""; 0], "a command that is asked to end waits for what it has started");
    });
}

#[test]
pub(super) fn a_killed_group_takes_everything_along() {
    in_each_tier(|tier| {
        let word = marker("group");
        let mut child = start(tier, &word, |command| {
            command.process_group(0);
        });
        // SAFETY: takes numbers only; the child leads its group and has not been waited for.
        assert_eq!(unsafe { libc::kill(-child.id().cast_signed(), libc::SIGKILL) }, 0);
        assert_eq!(end_of(&mut child), End::Signal(libc::SIGKILL));
        all_gone(&word);
    });
}

#[test]
pub(super) fn a_killed_init_takes_everything_along() {
    in_each_tier(|tier| {
        let word = marker("init");
        let mut child = start(tier, &word, |_| {});
        kill(named(&word, "gaol-init"), Signal::KILL);
        assert_eq!(end_of(&mut child), End::Signal(libc::SIGKILL));
        assert_eq!(names(&word), [""; 0]);
    });
}

/// What the application of [`ends_with_its_application`] starts, one in each tier.
fn commands(word: &str) -> Vec<Child> {
    let start = |tier| in_tier(tier, || start(tier, &format!("{word}{tier:?}."), |_| {}));
    tiers().into_iter().map(start).collect()
}

/// Kills an application whose commands run.
fn ends_with_its_application(name: &'static str, kill: impl FnOnce(&mut Started)) {
    let parent = if std::env::var_os("GAOL_TEST_PLACE").is_some() {
        std::os::unix::process::parent_id()
    } else {
        std::process::id()
    };
    let word = format!("marked-{}-{parent}.", name.rsplit(':').next().expect("a name"));
    let body = || {
        let _children = commands(&word);
        std::fs::write(place().join("ready"), "").expect("room");
        loop {
            std::thread::park();
        }
    };
    Alone::new(name).beside(body, |started| {
        let ready = started.place.path().join("ready");
        eventually("its commands", || {
            assert!(started.child.try_wait().expect("a child").is_none(), "{}", started.said());
            ready.exists()
        });
        kill(started);
        for tier in tiers() {
            all_gone(&format!("{word}{tier:?}."));
        }
    });
}

#[test]
pub(super) fn a_command_ends_with_its_application() {
    ends_with_its_application("programs::remains::a_command_ends_with_its_application", |started| {
        started.child.kill().expect("a child to kill");
        started.child.wait().expect("a child to wait for");
    });
}

#[test]
pub(super) fn a_command_ends_with_its_application_that_nobody_has_reaped() {
    let name = "programs::remains::a_command_ends_with_its_application_that_nobody_has_reaped";
    ends_with_its_application(name, |started| started.child.kill().expect("a child to kill"));
}

#[test]
pub(super) fn the_end_of_the_thread_that_started_it_means_nothing_to_a_command() {
    in_each_tier(|tier| {
        let start = || in_tier(tier, || spawn_and_hear(bare(tier).command(prober()).arg("wait-for-signal")));
        let (mut child, said) = std::thread::scope(|scope| scope.spawn(start).join().expect("no panic"));
        assert_eq!(said, "ready");
        std::thread::sleep(std::time::Duration::from_millis(50));
        assert!(child.try_wait().expect("a child").is_none());
        kill(child.id(), Signal::USR1);
        assert_eq!(end_of(&mut child), End::Exit(libc::SIGUSR1));
    });
}

/// What could be left: descriptors, mounts, children and files.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    mounts: usize,
    children: String,
    files: Vec<std::ffi::OsString>,
}

fn held() -> Held {
    let names = |directory: &std::path::Path| {
        let mut names: Vec<_> = std::fs::read_dir(directory)
            .expect("a directory to list")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    };
    Held {
        descriptors: names("/proc/self/fd".as_ref()).len(),
        mounts: std::fs::read_to_string("/proc/self/mounts").expect("/proc is mounted").lines().count(),
        children: std::fs::read_to_string("/proc/thread-self/children").expect("/proc is mounted"),
        files: names(&place()),
    }
}

#[test]
pub(super) fn a_hundred_commands_leave_nothing_in_the_application() {
    let name = "programs::remains::a_hundred_commands_leave_nothing_in_the_application";
    // The place is also where temporary files would be, and where the application is.
    let adjust = |command: &mut Command| {
        let place = command.get_current_dir().expect("a place").to_owned();
        command.env("TMPDIR", place);
    };
    Alone::new(name).adjust(adjust).run(|| {
        prober();
        in_each_tier(|tier| {
            // Trying a profile out starts gaol's own processes, which stay.
            let profile = bare(tier);
            // The first command makes the key for all of them.
            drop(profile.command(prober()));
            let before = held();
            for round in 0..50 {
                match round % 5 {
                    0 => assert_eq!(run(profile.command(prober()).args(["exit", "1"])).0, End::Exit(1)),
                    1 => assert_eq!(run(profile.command(prober()).arg("fault")).0, End::Signal(libc::SIGSEGV)),
                    2 => drop(super::tools::refused(&mut profile.command("/bin/true"))),
                    3 => {
                        let (mut child, _) = spawn_and_hear(profile.command(prober()).arg("sleep"));
                        child.kill().expect("a child to kill");
                        child.wait().expect("a child to wait for");
                    }
                    _ => drop(run(profile.command(prober()).args(["leave-behind", "word"]))),
                }
            }
            assert_eq!(held(), before);
        });
    });
}

#[test]
pub(super) fn a_command_that_has_taken_the_applications_place_ends_as_its_program() {
    let name = "programs::remains::a_command_that_has_taken_the_applications_place_ends_as_its_program";
    let parent = if std::env::var_os("GAOL_TEST_PLACE").is_some() {
        std::os::unix::process::parent_id()
    } else {
        std::process::id()
    };
    let word = format!("marked-exec-{parent}.");
    let body = || {
        let mut command = in_tier(tiers()[0], || bare(tiers()[0]).command(prober()));
        // A child from before, which is none of the program's.
        #[allow(clippy::zombie_processes, reason = "whoever waits for it is another program by then")]
        let older = Command::new(prober()).args(["sleep", &format!("{word}older.")]).spawn().expect("a process");
        std::fs::write(place().join("older"), older.id().to_string()).expect("room");
        panic!("{}", command.args(["wait-for-signal", &word]).exec());
    };
    Alone::new(name).beside(body, |started| {
        eventually("the program", || {
            assert!(started.child.try_wait().expect("a child").is_none(), "{}", started.said());
            started.said().contains("ready\n")
        });
        kill(started.child.id(), Signal::USR2);
        assert_eq!(end_of(&mut started.child), End::Exit(libc::SIGUSR2));
        all_gone(&word);
        let older = marked(&format!("{word}older."));
        assert_eq!(older.len(), 1, "what was the application's lives on");
        kill(older[0], Signal::KILL);
    });
}
