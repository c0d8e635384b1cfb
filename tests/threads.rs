//! Many calls from many threads leave nothing behind: no descriptor, no process, no memory.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

use std::collections::BTreeMap;
use std::path::Path;

use gaol::{Error, Layer, sandboxed};

use support::alone::{Alone, User};
use support::processes;

const THREADS: u32 = 8;
const CALLS: u32 = 1250;
/// How much larger this process may be after ten thousand calls. A leak of a single page a call would be forty times as much.
const GROWTH: u64 = 1 << 20;

#[sandboxed]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(process = "reused")]
fn adds_reused(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

#[sandboxed(read = "/usr/share")]
fn fails(how: u32) -> gaol::Result<u32> {
    match how % 4 {
        0 => panic!("as it should"),
        1 => std::process::abort(),
        2 => Err("an error of its own")?,
        _ => std::process::exit(1),
    }
}

#[sandboxed(read = path, time = "20s")]
fn reads(path: &Path) -> gaol::Result<bool> {
    Ok(path.exists())
}

/// What could grow.
#[derive(Debug, PartialEq, Eq)]
struct Held {
    descriptors: usize,
    processes: BTreeMap<String, usize>,
    mounts: usize,
}

fn held() -> Held {
    let mut processes = BTreeMap::new();
    for process in processes::of(std::process::id()) {
        *processes.entry(process.name).or_insert(0) += 1;
    }
    Held {
        descriptors: std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count(),
        processes,
        mounts: std::fs::read_to_string("/proc/self/mounts").expect("/proc is mounted").lines().count(),
    }
}

/// Resident memory of this process, in bytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc is mounted");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// Waits for the workers of calls that are over to be gone, and the spares that so many calls at once have got.
fn settles_to(expected: &Held, call: impl Fn(u32, u32)) {
    // The descriptors of the spare worker are at hand, or on their way still.
    const OF_A_SPARE: usize = 4;
    let mut last = held();
    for _ in 0..2000 {
        // A call lets go of the descriptors of spares that have ended.
        if last.processes == expected.processes && last.descriptors > expected.descriptors + OF_A_SPARE {
            call(1, 1);
        }
        let more = last.descriptors.saturating_sub(expected.descriptors);
        if more <= OF_A_SPARE && last.processes == expected.processes && last.mounts == expected.mounts {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
        last = held();
    }
    assert_eq!(&last, expected);
}

/// Runs `call` in each thread, so often.
fn storm(calls: u32, call: impl Fn(u32, u32) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let call = &call;
            scope.spawn(move || (0..calls).for_each(|index| call(thread, index)));
        }
    });
}

fn calls_add(thread: u32, index: u32) {
    assert_eq!(adds(thread, index).expect("a call"), thread + index);
}

/// The state that a storm of calls has to leave as it was: one zygote, one template, one spare worker.
fn quiet(call: impl Fn(u32, u32) + Sync, templates: usize, workers: usize) -> Held {
    storm(60, call);
    // So many threads at once may have left more spares than one call does; it takes some calls to use them up.
    processes::eventually("quiet", || {
        let held = held();
        held.processes.get("gaol-zygote") == Some(&1)
            && held.processes.get("gaol-template").copied().unwrap_or(0) == templates
            && held.processes.get("gaol-worker").copied().unwrap_or(0) == workers
    });
    held()
}

fn ten_thousand_calls() {
    let before = quiet(calls_add, 1, 1);
    let memory_before = memory();
    storm(CALLS, calls_add);
    settles_to(&before, calls_add);
    let growth = memory().saturating_sub(memory_before);
    assert!(growth < GROWTH, "{growth} bytes more after {} calls", THREADS * CALLS);
    eprintln!("{} calls: {before:?}, {growth} bytes of growth", THREADS * CALLS);
}

#[test]
fn ten_thousand_calls_leave_nothing_behind() {
    Alone::new("ten_thousand_calls_leave_nothing_behind").run(ten_thousand_calls);
}

#[test]
fn ten_thousand_calls_in_tier_b_leave_nothing_behind() {
    Alone::new("ten_thousand_calls_in_tier_b_leave_nothing_behind").run(|| {
        let call = |thread, index| {
            let _guard = gaol::controls::without(&[Layer::Namespaces]);
            calls_add(thread, index);
        };
        let before = quiet(call, 1, 1);
        let memory_before = memory();
        storm(CALLS, call);
        settles_to(&before, call);
        let growth = memory().saturating_sub(memory_before);
        assert!(growth < GROWTH, "{growth} bytes more");
    });
}

#[test]
fn ten_thousand_calls_of_an_unprivileged_user_leave_nothing_behind() {
    let Some(alone) = Alone::new("ten_thousand_calls_of_an_unprivileged_user_leave_nothing_behind").user(User::Nobody)
    else {
        return;
    };
    alone.run(ten_thousand_calls);
}

#[test]
fn failing_calls_leave_nothing_behind() {
    Alone::new("failing_calls_leave_nothing_behind").run(|| {
        let call = |thread: u32, index: u32| match ((thread + index) % 4, fails(thread + index)) {
            (0, Err(Error::Panicked { .. }))
            | (1, Err(Error::Killed { signal: libc::SIGABRT, .. }))
            | (2, Err(Error::Function(_)))
            | (3, Err(Error::Exited { code: 1, .. })) => {}
            (how, other) => panic!("{how}: {other:?}"),
        };
        let before = quiet(call, 1, 1);
        let memory_before = memory();
        storm(250, call);
        settles_to(&before, call);
        let growth = memory().saturating_sub(memory_before);
        assert!(growth < GROWTH, "{growth} bytes more");
    });
}

#[test]
fn calls_with_profiles_of_their_own_leave_nothing_behind() {
    Alone::new("calls_with_profiles_of_their_own_leave_nothing_behind").run(|| {
        let call = |_: u32, index: u32| {
            let path = ["/usr/share", "/usr/lib", "/etc"][index as usize % 3];
            assert!(reads(Path::new(path)).expect("a call"));
        };
        let before = quiet(call, 0, 0);
        let memory_before = memory();
        storm(60, call);
        settles_to(&before, call);
        let growth = memory().saturating_sub(memory_before);
        assert!(growth < GROWTH, "{growth} bytes more");
    });
}

/// Without a pid namespace a worker that ends after its template falls to the zygote.
#[test]
fn workers_that_end_after_their_template_are_reaped() {
    Alone::new("workers_that_end_after_their_template_are_reaped").run(|| {
        let _guard = gaol::controls::without(&[Layer::Namespaces]);
        let call = || assert!(reads(Path::new("/usr/share")).expect("a call"));
        (0..40).for_each(|_| call());
        let [zygote] = &processes::mine("gaol-zygote")[..] else { panic!("there is one zygote") };
        let children = format!("/proc/{0}/task/{0}/children", zygote.pid);
        // The next end of a template is the next look: those of the last template may be left.
        processes::eventually("the end of the rest", || {
            call();
            let children = std::fs::read_to_string(&children).expect("the children of the zygote");
            children.split_whitespace().count() <= 3
        });
    });
}

#[test]
fn kept_workers_are_no_more_than_were_busy_at_once() {
    Alone::new("kept_workers_are_no_more_than_were_busy_at_once").run(|| {
        storm(CALLS, |thread, index| {
            assert_eq!(adds_reused(thread, index).expect("a call"), thread + index);
        });
        let held = held();
        let workers = held.processes.get("gaol-worker").copied().unwrap_or(0);
        assert!((1..=THREADS as usize).contains(&workers), "{held:?}");
    });
}
