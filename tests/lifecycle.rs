//! Processes come and go: gaol's own, the application, its binary and its limits; calls work, or say what stood in the way.
//!
//! # Safety
//!
//! Forks, and changes of user, streams and signals, in processes of the tests' own: each has one thread besides the harness's, which
//! waits for it. A fork's child makes calls and leaves by `_exit`.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gaol::{Error, Layer, Outcome, sandboxed};
use rustix::process::{Resource, Rlimit, Signal};

use support::alone::{Alone, NOBODY, Started, User, place};
use support::processes::{self, eventually, is_alive};

#[sandboxed]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(process = "reused")]
fn adds_reused(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(process = "exec")]
fn adds_exec(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(read = path)]
fn exists(path: &Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

#[sandboxed(time = "20s", stdout = "inherit")]
fn sleeps() -> gaol::Result<()> {
    sleep()
}

#[sandboxed(time = "20s", process = "reused", stdout = "inherit")]
fn sleeps_reused() -> gaol::Result<()> {
    sleep()
}

#[sandboxed(time = "20s", process = "exec", stdout = "inherit")]
fn sleeps_exec() -> gaol::Result<()> {
    sleep()
}

/// Says so on the application's own stream, and never wakes up.
fn sleep() -> gaol::Result<()> {
    rustix::io::write(rustix::stdio::stdout(), b"[asleep]").map_err(std::io::Error::from)?;
    loop {
        std::thread::sleep(Duration::from_secs(3600));
    }
}

/// How many functions have gone to sleep in a process that a test started.
fn asleep(place: &Path) -> usize {
    fs::read_to_string(place.join("said")).expect("what the process said").matches("[asleep]").count()
}

/// Every kind of call works.
fn calls_work() {
    assert_eq!(adds(1, 2).expect("a call"), 3);
    assert_eq!(adds(3, 4).expect("a call"), 7);
    assert_eq!(adds_reused(1, 2).expect("a call"), 3);
    assert_eq!(adds_exec(1, 2).expect("a call"), 3);
    assert!(exists(Path::new("/usr")).expect("a call"));
}

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

/// Runs a test as this user and, where that is root, as another.
fn as_each_user(names: [&'static str; 2], which: usize, body: impl Fn()) {
    let user = [User::Same, User::Nobody][which];
    if let Some(alone) = Alone::new(names[which]).user(user) {
        alone.run(body);
    }
}

/// Declares a test that runs alone in a process of its own, once as this user and once as an unprivileged one.
macro_rules! alone_as_each_user {
    ($($as_self:ident, $as_nobody:ident: $body:expr;)*) => {$(
        #[test]
        fn $as_self() {
            as_each_user([stringify!($as_self), stringify!($as_nobody)], 0, $body);
        }

        #[test]
        fn $as_nobody() {
            as_each_user([stringify!($as_self), stringify!($as_nobody)], 1, $body);
        }
    )*};
}

alone_as_each_user! {
    a_killed_process_between_calls_costs_none, a_killed_process_between_calls_costs_an_unprivileged_user_none: kill_between_calls;
    a_killed_process_in_a_call_costs_that_call, a_killed_process_in_a_call_costs_an_unprivileged_user_that_call: kill_in_a_call;
    a_stopped_process_is_not_waited_for_for_ever, a_stopped_process_of_an_unprivileged_user_is_not_waited_for: stop_worker;
    a_fork_of_the_application_calls_too, a_fork_of_an_unprivileged_application_calls_too: fork_and_call;
    ignored_sigchld_changes_nothing, ignored_sigchld_of_an_unprivileged_user_changes_nothing: ignore_children;
    a_thread_that_reaps_every_child_changes_nothing, a_thread_of_an_unprivileged_user_that_reaps_changes_nothing: reap_everything;
    closed_streams_change_nothing, closed_streams_of_an_unprivileged_user_change_nothing: close_streams;
    a_deleted_binary_changes_nothing, a_binary_deleted_under_an_unprivileged_user_changes_nothing: delete_binary;
    strange_surroundings_change_nothing, strange_surroundings_of_an_unprivileged_user_change_nothing: strange_surroundings;
}

const KINDS: [&str; 3] = ["gaol-zygote", "gaol-template", "gaol-worker"];

fn kill_between_calls() {
    in_each_tier(|| {
        for name in KINDS {
            calls_work();
            let family = processes::of(std::process::id());
            for victim in family.iter().filter(|process| process.name == name) {
                victim.signal(Signal::KILL);
            }
            // Their ends are the ends of those that come from them.
            let rank = |name: &str| KINDS.iter().position(|kind| *kind == name);
            eventually("their end", || {
                family.iter().filter(|process| rank(&process.name) >= rank(name)).all(|process| !is_alive(process.pid))
            });
            calls_work();
            // Killed at a moment of its own choosing.
            for victim in processes::mine(name) {
                victim.signal(Signal::KILL);
            }
            match adds(1, 2) {
                Ok(sum) => assert_eq!(sum, 3),
                Err(Error::Killed { signal: libc::SIGKILL, .. } | Error::Start { .. }) => {}
                Err(error) => panic!("a {name} killed just before a call shows: {error:?}"),
            }
            settle();
            calls_work();
        }
    });
}

fn kill_in_a_call() {
    for tier_b in [false, true] {
        let without: &[Layer] = if tier_b { &[Layer::Namespaces] } else { &[] };
        let _guard = gaol::controls::without(without);
        for (name, function) in
            KINDS.iter().flat_map(|name| [sleeps, sleeps_reused, sleeps_exec].map(|function| (*name, function)))
        {
            let begun = Instant::now();
            let before = asleep(&place());
            let result = std::thread::scope(|scope| {
                let call = scope.spawn(move || {
                    let _guard = gaol::controls::without(without);
                    function()
                });
                eventually("a sleeping worker", || asleep(&place()) > before || call.is_finished());
                // All of them: the one that sleeps and the spare, and those of other functions.
                for victim in processes::of(std::process::id()).iter().filter(|process| process.name == name) {
                    victim.signal(Signal::KILL);
                }
                call.join().expect("a call that does not panic")
            });
            match result {
                Err(error @ Error::Killed { signal: libc::SIGKILL, .. }) => {
                    assert_eq!(error.outcome(), Outcome::Unknown)
                }
                other => panic!("{name} killed in a call: {other:?}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(15), "{name}: the deadline was waited for");
            settle();
            calls_work();
        }
    }
}

/// Waits for the ends that follow from another: a zygote's is its templates', and theirs their workers'.
fn settle() {
    eventually("orphans to end", || {
        let found = processes::of(std::process::id());
        let count = |name: &str| found.iter().filter(|process| process.name == name).count();
        count("gaol-zygote") > 0 || found.is_empty()
    });
    std::thread::sleep(Duration::from_millis(50));
}

/// Gaol's processes, once nothing comes or goes: a spare that is being forked, or the template of a call that is over.
fn quiet_family() -> Vec<processes::Process> {
    let mut family = Vec::new();
    eventually("quiet", || {
        let before = std::mem::replace(&mut family, processes::of(std::process::id()));
        std::thread::sleep(Duration::from_millis(20));
        before.iter().map(|process| process.pid).eq(family.iter().map(|process| process.pid))
    });
    family
}

/// Kills gaol's zygotes, and waits until all that came from them is gone.
fn kill_zygotes() {
    let family = quiet_family();
    for process in family.iter().filter(|process| process.name == "gaol-zygote") {
        process.signal(Signal::KILL);
    }
    eventually("their end", || family.iter().all(|process| !is_alive(process.pid)));
}

#[sandboxed(time = "500ms")]
fn sleeps_for_half_a_second() -> gaol::Result<()> {
    std::thread::sleep(Duration::from_secs(3600));
    Ok(())
}

fn stop_worker() {
    in_each_tier(|| {
        calls_work();
        let begun = Instant::now();
        // The spare is stopped, and is sent a call then.
        adds(1, 1).expect("a call");
        for worker in processes::mine("gaol-worker") {
            worker.signal(Signal::STOP);
        }
        let result = sleeps_for_half_a_second();
        assert!(matches!(result, Err(Error::TimedOut { .. })), "{result:?}");
        for worker in processes::mine("gaol-worker") {
            worker.signal(Signal::STOP);
        }
        let result = sleeps_for_half_a_second();
        assert!(matches!(result, Err(Error::TimedOut { .. })), "{result:?}");
        assert!(begun.elapsed() < Duration::from_secs(20));
        for worker in processes::mine("gaol-worker") {
            worker.signal(Signal::CONT);
        }
        calls_work();
    });
}

/// Forks, runs `body` in the child, and gives its exit status.
fn in_a_fork(body: impl FnOnce()) -> i32 {
    // SAFETY: see the head of the file.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let passed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).is_ok();
        // SAFETY: takes a number, and does not return.
        unsafe { libc::_exit(if passed { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: `status` lives through the call.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid, "waitpid: {}", std::io::Error::last_os_error());
    status
}

fn fork_and_call() {
    in_each_tier(|| {
        calls_work();
        let of_parent = quiet_family();
        assert_eq!(of_parent.iter().filter(|process| process.name == "gaol-zygote").count(), 1, "{of_parent:?}");
        let status = in_a_fork(|| {
            calls_work();
            let own = processes::mine("gaol-zygote");
            assert!(own.iter().all(|zygote| !of_parent.contains(zygote)), "a zygote of its own");
            // The fork of a fork, too.
            assert_eq!(in_a_fork(calls_work), 0);
            calls_work();
        });
        assert_eq!(status, 0, "the fork's calls work");
        // The end of the fork disturbs nothing of its parent's.
        for process in of_parent.iter().filter(|process| process.name != "gaol-worker") {
            assert!(is_alive(process.pid), "{process:?} ended with the fork");
        }
        calls_work();
        let zygotes = processes::mine("gaol-zygote");
        let zygote = of_parent.iter().find(|process| process.name == "gaol-zygote").expect("one zygote");
        assert!(zygotes.iter().any(|process| process.pid == zygote.pid), "the zygote from before the fork serves on");
    });
    // A fork before the first call of anyone, with the parent calling at the same time.
    let status = in_a_fork(|| {
        for _ in 0..20 {
            calls_work();
        }
    });
    assert_eq!(status, 0);
    calls_work();
}

fn ignore_children() {
    // SAFETY: SIG_IGN is valid for SIGCHLD.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    in_each_tier(calls_work);
    kill_zygotes();
    in_each_tier(calls_work);
    assert!(no_children(), "gaol's processes are not this one's children");
}

/// Whether this process has no child, also none that has ended.
fn no_children() -> bool {
    // SAFETY: a null status is allowed.
    let answer = unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
    answer == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ECHILD)
}

fn reap_everything() {
    static OVER: AtomicBool = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !OVER.load(Ordering::Relaxed) {
                // SAFETY: a null status is allowed.
                unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) };
                std::thread::yield_now();
            }
        });
        let result = std::panic::catch_unwind(|| {
            in_each_tier(|| {
                for _ in 0..10 {
                    calls_work();
                    kill_zygotes();
                }
                calls_work();
            });
        });
        OVER.store(true, Ordering::Relaxed);
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    });
}

#[test]
fn gaols_processes_are_no_children_of_the_application() {
    Alone::new("gaols_processes_are_no_children_of_the_application").run(|| {
        in_each_tier(calls_work);
        assert!(no_children());
    });
}

/// What kind of file each of the three streams is.
#[sandboxed(stdout = "inherit", stderr = "inherit")]
fn streams_inherited() -> gaol::Result<[String; 3]> {
    let kind = |stream: std::os::fd::BorrowedFd<'_>| match rustix::fs::fstat(stream) {
        Ok(stat) => format!("{:?}", rustix::fs::FileType::from_raw_mode(stat.st_mode)),
        Err(errno) => errno.to_string(),
    };
    Ok([kind(rustix::stdio::stdin()), kind(rustix::stdio::stdout()), kind(rustix::stdio::stderr())])
}

/// Opens what is closed again, for the harness to print to.
fn reopen_streams() {
    let null = fs::File::options().read(true).write(true).open("/dev/null").expect("/dev/null");
    for number in 0..3 {
        // SAFETY: takes numbers only.
        unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&null), number) };
    }
}

fn close_streams() {
    for number in 0..3 {
        // SAFETY: takes a number. Nothing here uses the streams from now on but gaol, which must not.
        unsafe { libc::close(number) };
    }
    in_each_tier(|| {
        calls_work();
        kill_zygotes();
        calls_work();
        // What is not there cannot be inherited: nothing else takes its place, least of all a socket of gaol's own.
        match streams_inherited() {
            Ok(streams) => assert_eq!(streams, ["CharacterDevice"; 3]),
            Err(Error::Start { source, .. }) => assert_eq!(source.raw_os_error(), Some(libc::EBADF)),
            Err(error) => panic!("{error:?}"),
        }
        calls_work();
    });
    reopen_streams();
}

#[test]
fn gaol_takes_no_number_of_a_closed_stream_for_itself() {
    Alone::new("gaol_takes_no_number_of_a_closed_stream_for_itself").run(|| {
        for number in 0..3 {
            // SAFETY: as in `close_streams`.
            unsafe { libc::close(number) };
        }
        calls_work();
        let taken: Vec<_> = (0..3).filter_map(|number| fs::read_link(format!("/proc/self/fd/{number}")).ok()).collect();
        reopen_streams();
        // What the application prints now would be a message to a zygote.
        assert!(taken.is_empty(), "{taken:?}");
    });
}

fn delete_binary() {
    let program = place().join("program");
    assert_eq!(fs::read_link("/proc/self/exe").expect("/proc is mounted"), program);
    calls_work();
    fs::rename(&program, place().join("moved")).expect("a move of the binary");
    fs::copy("/bin/true", &program).expect("another program in its place");
    kill_zygotes();
    in_each_tier(calls_work);
    fs::remove_file(place().join("moved")).expect("the end of the binary");
    let name = fs::read_link("/proc/self/exe").expect("/proc is mounted");
    assert!(name.to_string_lossy().ends_with(" (deleted)"), "{name:?}");
    kill_zygotes();
    in_each_tier(calls_work);
}

fn no_worker(result: gaol::Result<u32>, errno: i32) -> bool {
    match result {
        Err(error @ Error::Start { .. }) => {
            assert_eq!(error.outcome(), Outcome::NotRun);
            let text = error.to_string();
            let Error::Start { source, .. } = error else { unreachable!("matched above") };
            assert!(text.contains("RLIMIT_"), "{text}");
            source.raw_os_error() == Some(errno)
        }
        Ok(_) => false,
        Err(other) => panic!("expected errno {errno}, not {other:?}"),
    }
}

/// Takes every descriptor that this process may have, but `spared` of them.
fn hoard(spared: usize) -> Vec<std::os::fd::OwnedFd> {
    use std::os::fd::AsFd;
    let file = fs::File::open("/dev/null").expect("/dev/null");
    let mut hoard: Vec<_> = std::iter::from_fn(|| file.as_fd().try_clone_to_owned().ok()).collect();
    hoard.truncate(hoard.len().saturating_sub(spared));
    hoard
}

fn exhaust_descriptors() {
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    rustix::process::setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).expect("a lower limit");
    let functions: [fn(u32, u32) -> gaol::Result<u32>; 3] = [adds, adds_reused, adds_exec];
    // Where something stands ready for other functions, a call has what that gives back.
    let ever_refused = std::cell::Cell::new(0);
    in_each_tier(|| {
        for function in functions {
            // Nothing is started yet; then everything is, and a spare may be on its way.
            for warm in [false, true] {
                if warm {
                    assert_eq!(function(1, 2).expect("a call"), 3);
                }
                let (mut refused, mut worked) = (0, 0);
                for spared in 0..24 {
                    let hoard = hoard(spared);
                    let result = function(1, 2);
                    drop(hoard);
                    if matches!(result, Ok(3)) {
                        worked += 1;
                    } else {
                        assert!(no_worker(result, libc::EMFILE), "with {spared} descriptors left");
                        refused += 1;
                    }
                    // It recovers by itself.
                    assert_eq!(function(1, 2).expect("a call after the want of descriptors"), 3);
                    if !warm {
                        kill_zygotes();
                    }
                }
                assert!(worked > 0, "with many descriptors left calls work");
                ever_refused.set(ever_refused.get() + refused);
            }
        }
        calls_work();
    });
    assert!(ever_refused.get() > 0, "with no descriptor left, and nothing to give back, no call works");
    // Workers that calls in quick succession had need of go after a second, and the next call lets go of what they had.
    std::thread::sleep(Duration::from_millis(1200));
    in_each_tier(|| [adds, adds_reused].iter().for_each(|function| assert_eq!(function(1, 2).expect("a call"), 3)));
    let descriptors = fs::read_dir("/proc/self/fd").expect("/proc is mounted").count();
    assert!(descriptors < 40, "{descriptors} descriptors are left open");
}

fn strange_surroundings() {
    // A directory that is gone, a mask that hides everything, blocked signals, a nice value, a foreign locale and a large environment.
    let gone = place().join("gone");
    fs::create_dir(&gone).expect("a directory");
    std::env::set_current_dir(&gone).expect("a working directory");
    fs::remove_dir(&gone).expect("its end");
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o777));
    // SAFETY: all-zero bytes are a set of signals.
    let mut every: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set lives through the call.
    unsafe { libc::sigfillset(&raw mut every) };
    // SAFETY: the set lives through the call; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const every, std::ptr::null_mut()) };
    let _ = rustix::process::nice(5);
    for index in 0..1000 {
        // SAFETY: see the head of the file.
        unsafe { std::env::set_var(format!("VARIABLE_{index}"), "x".repeat(100)) };
    }
    in_each_tier(calls_work);
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    // SAFETY: the set lives through the call; the old one is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const every, std::ptr::null_mut()) };
}

#[test]
fn a_full_descriptor_table_is_an_error() {
    Alone::new("a_full_descriptor_table_is_an_error").run(exhaust_descriptors);
}

#[test]
fn a_full_descriptor_table_of_an_unprivileged_user_is_an_error() {
    let name = "a_full_descriptor_table_of_an_unprivileged_user_is_an_error";
    if let Some(alone) = Alone::new(name).user(User::Lonely) {
        alone.run(exhaust_descriptors);
    }
}

/// A child that ends with the test, however that ends.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_limit_on_processes_is_an_error() {
    let Some(alone) = Alone::new("a_limit_on_processes_is_an_error").user(User::Lonely) else { return };
    alone.run(|| {
        let limit = Rlimit { current: Some(40), maximum: Some(40) };
        rustix::process::setrlimit(Resource::Nproc, limit).expect("a lower limit");
        // Other processes of this user, as many as there may be. They go one by one.
        let mut others: Vec<_> =
            std::iter::from_fn(|| Command::new("sleep").arg("3600").spawn().ok().map(Ending)).collect();
        assert!(others.len() > 20, "{} processes", others.len());
        // Each step needs one more: the process that is started, the zygote, the template and the worker.
        let mut refused = 0;
        loop {
            let result = adds(1, 2);
            if matches!(result, Ok(3)) {
                break;
            }
            assert!(no_worker(result, libc::EAGAIN), "with {} other processes", others.len());
            refused += 1;
            drop(others.pop().expect("room enough once all the others are gone"));
        }
        assert!((3..12).contains(&refused), "{refused} calls were refused");
        drop(others);
        in_each_tier(calls_work);
    });
}

/// Starts an application that makes a call which does not end, kills it, and looks for what it leaves behind.
fn kill_application(name: &'static str, user: User, tier_b: bool) {
    let Some(alone) = Alone::new(name).user(user) else { return };
    alone.beside(
        || {
            let without: &[Layer] = if tier_b { &[Layer::Namespaces] } else { &[] };
            let _guard = gaol::controls::without(without);
            calls_work();
            std::thread::scope(|scope| {
                for function in [sleeps, sleeps_reused, sleeps_exec] {
                    scope.spawn(move || {
                        let _guard = gaol::controls::without(without);
                        let _ = function();
                    });
                }
            });
        },
        |started: &mut Started| {
            let owner = started.child.id();
            eventually("three sleeping workers", || {
                asleep(started.place.path()) == 3 || started.child.try_wait().is_ok_and(|status| status.is_some())
            });
            let found = processes::of(owner);
            assert!(found.len() >= 6, "{found:?}\n{}", started.said());
            started.child.kill().expect("a child to kill");
            started.child.wait().expect("a child to wait for");
            eventually("the end of all that served it", || found.iter().all(|process| !is_alive(process.pid)));
        },
    );
}

#[test]
fn a_killed_application_leaves_nothing_behind() {
    kill_application("a_killed_application_leaves_nothing_behind", User::Same, false);
}

#[test]
fn a_killed_application_in_tier_b_leaves_nothing_behind() {
    kill_application("a_killed_application_in_tier_b_leaves_nothing_behind", User::Same, true);
}

#[test]
fn a_killed_application_of_an_unprivileged_user_leaves_nothing_behind() {
    kill_application("a_killed_application_of_an_unprivileged_user_leaves_nothing_behind", User::Nobody, false);
}

#[test]
fn a_killed_application_of_an_unprivileged_user_in_tier_b_leaves_nothing_behind() {
    kill_application(
        "a_killed_application_of_an_unprivileged_user_in_tier_b_leaves_nothing_behind",
        User::Nobody,
        true,
    );
}

#[sandboxed]
fn who_am_i() -> gaol::Result<(u32, u32)> {
    Ok((rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw()))
}

#[test]
fn an_application_that_becomes_another_user_gets_children_of_that_user() {
    let name = "an_application_that_becomes_another_user_gets_children_of_that_user";
    if !rustix::process::geteuid().is_root() {
        eprintln!("{name}: left out, since only root can become another user");
        return;
    }
    Alone::new(name).run(|| {
        in_each_tier(|| assert_eq!(who_am_i().expect("a call"), (0, 0)));
        // SAFETY: takes a number; libc changes the group of every thread.
        assert_eq!(unsafe { libc::setgid(NOBODY) }, 0, "{}", std::io::Error::last_os_error());
        in_each_tier(|| assert_eq!(who_am_i().expect("a call"), (0, NOBODY)));
        // SAFETY: takes a number; libc changes the user of every thread.
        assert_eq!(unsafe { libc::setuid(NOBODY) }, 0, "{}", std::io::Error::last_os_error());
        in_each_tier(|| {
            assert_eq!(who_am_i().expect("a call"), (NOBODY, NOBODY));
            calls_work();
        });
    });
}

#[test]
fn an_application_that_was_started_with_odd_descriptors_calls() {
    let name = "an_application_that_was_started_with_odd_descriptors_calls";
    Alone::new(name)
        .adjust(|command: &mut Command| {
            let close_two = || {
                for number in [0, 2] {
                    // SAFETY: takes a number; the process has yet to become a program.
                    unsafe { libc::close(number) };
                }
                Ok(())
            };
            // SAFETY: the closure calls nothing but `close` between fork and exec.
            unsafe { command.pre_exec(close_two) };
        })
        .run(|| in_each_tier(calls_work));
}
