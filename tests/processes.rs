//! Which process serves a call: a fresh one, one of another address layout, or one that is kept.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, Mutex};

use gaol::{Error, Layer, Outcome, sandboxed};

use support::alone::Alone;
use support::processes;

static CALLS: AtomicU32 = AtomicU32::new(0);
static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

/// Counts its calls in memory that lives as long as the process.
fn count() -> u32 {
    SEEN.lock().expect("no panic in between").push("a call".to_owned());
    CALLS.fetch_add(1, Ordering::Relaxed) + 1
}

#[sandboxed]
fn counts() -> gaol::Result<u32> {
    Ok(count())
}

#[sandboxed(process = "exec")]
fn counts_exec() -> gaol::Result<u32> {
    Ok(count())
}

#[sandboxed(process = "reused")]
fn counts_reused(ending: &str) -> gaol::Result<u32> {
    let calls = count();
    match ending {
        "error" => Err("the function's own error")?,
        "panic" => panic!("call {calls}"),
        "exit" => std::process::exit(3),
        _ => {}
    }
    Ok(calls)
}

#[test]
fn a_fresh_process_remembers_nothing() {
    in_each_tier(|| {
        for _ in 0..20 {
            assert_eq!(counts().expect("a call"), 1);
        }
        for _ in 0..3 {
            assert_eq!(counts_exec().expect("a call"), 1);
        }
    });
    assert_eq!(CALLS.load(Ordering::Relaxed), 0, "nothing happened in this process");
    assert!(SEEN.lock().expect("no panic in between").is_empty());
}

#[test]
fn a_reused_process_remembers() {
    in_each_tier(|| {
        let first = counts_reused("").expect("a call");
        for later in 1..20 {
            assert_eq!(counts_reused("").expect("a call"), first + later);
        }
        // An error is an answer like any other.
        assert!(matches!(counts_reused("error"), Err(Error::Function(_))));
        assert_eq!(counts_reused("").expect("a call"), first + 21);
        match counts_reused("panic") {
            Err(Error::Panicked { message, .. }) => assert_eq!(message, format!("call {}", first + 22)),
            other => panic!("expected a panic, not {other:?}"),
        }
    });
}

#[test]
fn a_reused_process_that_ended_is_replaced() {
    #[sandboxed(process = "reused")]
    fn ends(ending: &str) -> gaol::Result<u32> {
        if ending == "exit" {
            std::process::exit(3);
        }
        Ok(count())
    }
    in_each_tier(|| {
        assert_eq!(ends("").expect("a call"), 1);
        assert_eq!(ends("").expect("a call"), 2);
        assert!(matches!(ends("exit"), Err(Error::Exited { code: 3, .. })));
        assert_eq!(ends("").expect("a call of a new worker"), 1);
    });
}

/// A panic may leave what the function shares in pieces, so that the worker is not used again.
#[test]
fn a_reused_process_that_panicked_is_replaced() {
    #[sandboxed(process = "reused")]
    fn panics(panics: bool) -> gaol::Result<u32> {
        let calls = count();
        assert!(!panics, "now");
        Ok(calls)
    }
    in_each_tier(|| {
        assert_eq!(panics(false).expect("a call"), 1);
        assert!(matches!(panics(true), Err(Error::Panicked { .. })));
        assert_eq!(panics(false).expect("a call of a new worker"), 1);
    });
}

/// Where things are: code, heap, stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
struct Layout {
    code: usize,
    heap: usize,
    stack: usize,
}

fn layout() -> Layout {
    let (on_heap, on_stack) = (Box::new(1_u8), 2_u8);
    Layout {
        code: layout as *const () as usize,
        heap: std::ptr::from_ref(std::hint::black_box(&*on_heap)).addr(),
        stack: std::ptr::from_ref(std::hint::black_box(&on_stack)).addr(),
    }
}

#[sandboxed]
fn layout_fresh() -> gaol::Result<Layout> {
    Ok(layout())
}

#[sandboxed(process = "exec")]
fn layout_exec() -> gaol::Result<Layout> {
    Ok(layout())
}

#[test]
fn a_fresh_process_has_the_layout_of_the_one_before_and_not_the_applications() {
    // The heap is at the same place too, but what came before on it differs.
    let places: HashSet<(usize, usize)> =
        (0..5).map(|_| layout_fresh().expect("a call")).map(|layout| (layout.code, layout.stack)).collect();
    assert_eq!(places.len(), 1, "{places:?}");
    let own = layout();
    if is_randomized() {
        assert!(places.iter().all(|(code, stack)| *code != own.code && *stack != own.stack), "{own:?} {places:?}");
    }
}

#[test]
fn an_exec_has_another_layout_each_time() {
    if !is_randomized() {
        eprintln!("an_exec_has_another_layout_each_time: left out, since this system lays out no process at random");
        return;
    }
    in_each_tier(|| {
        let layouts: Vec<Layout> = (0..4).map(|_| layout_exec().expect("a call")).collect();
        for part in [|layout: &Layout| layout.code, |layout: &Layout| layout.heap, |layout: &Layout| layout.stack] {
            let different: HashSet<usize> = layouts.iter().map(part).collect();
            assert!(different.len() > 2, "{layouts:?}");
        }
    });
}

fn is_randomized() -> bool {
    std::fs::read_to_string("/proc/sys/kernel/randomize_va_space").is_ok_and(|text| text.trim() == "2")
}

#[sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

#[test]
fn first_calls_may_come_all_at_once() {
    Alone::new("first_calls_may_come_all_at_once").run(|| {
        const THREADS: u32 = 32;
        let barrier = Barrier::new(THREADS as usize);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    assert_eq!(doubles(thread).expect("a first call"), thread * 2);
                    assert_eq!(counts().expect("a first call"), 1);
                });
            }
        });
        let (zygotes, templates) = (processes::mine("gaol-zygote").len(), processes::mine("gaol-template").len());
        assert_eq!((zygotes, templates), (1, 2), "one zygote, and one template a function");
    });
}

#[sandboxed]
fn calls_another() -> gaol::Result<u32> {
    doubles(4)
}

#[sandboxed]
fn asks_what_is_supported() -> gaol::Result<(Vec<bool>, String)> {
    let support = gaol::support();
    let prepared = gaol::prepare().expect_err("nothing can be prepared in here");
    Ok((Layer::ALL.map(|layer| support.has(layer)).to_vec(), prepared.errors()[0].to_string()))
}

#[sandboxed]
fn says_why_it_cannot_call() -> gaol::Result<(bool, String)> {
    let error = doubles(4).expect_err("a call in a sandbox");
    Ok((matches!(error, Error::Nested { .. }) && error.outcome() == Outcome::NotRun, error.to_string()))
}

#[test]
fn a_sandboxed_function_calls_no_other() {
    in_each_tier(|| {
        let error = calls_another().expect_err("a call in a sandbox");
        assert!(error.to_string().contains("was called inside a sandbox"), "{error}");
        let (nested, message) = says_why_it_cannot_call().expect("a call");
        assert!(nested, "{message}");
        assert!(message.contains("`processes::doubles` (tests/processes.rs:"), "{message}");
        let (layers, message) = asks_what_is_supported().expect("a call");
        assert!(layers.iter().all(|layer| !layer), "{layers:?}");
        assert!(message.contains("was called inside a sandbox"), "{message}");
    });
}

#[test]
fn a_worker_stands_ready_for_the_next_call() {
    Alone::new("a_worker_stands_ready_for_the_next_call").run(|| {
        doubles(1).expect("a call");
        processes::eventually("a spare worker and no other", || {
            processes::of(std::process::id()).iter().filter(|process| process.name == "gaol-worker").count() == 1
        });
        // It stays: those that only many calls at once need end by themselves, and this is none of them.
        for calls in [0, 1, 50] {
            for _ in 0..calls {
                doubles(1).expect("a call");
            }
            std::thread::sleep(std::time::Duration::from_millis(1500));
            processes::eventually("a spare worker and no other", || {
                processes::of(std::process::id()).iter().filter(|process| process.name == "gaol-worker").count() == 1
            });
        }
    });
}

#[test]
fn a_call_whose_profile_names_its_arguments_leaves_nothing_behind() {
    Alone::new("a_call_whose_profile_names_its_arguments_leaves_nothing_behind").run(|| {
        #[sandboxed(read = path)]
        fn reads(path: &str) -> gaol::Result<bool> {
            Ok(std::fs::metadata(path).is_ok())
        }
        for _ in 0..20 {
            assert!(reads("/usr").expect("a call"));
            assert_eq!(counts_exec().expect("a call"), 1);
        }
        processes::eventually("an end of all but the zygote", || {
            let names: Vec<String> =
                processes::of(std::process::id()).into_iter().map(|process| process.name).collect();
            names == ["gaol-zygote"]
        });
    });
}

/// What it leaves behind when it has replied.
#[sandboxed(process = "reused", time = "10s", threads = 8)]
fn leaves_behind(threads: u32, pause: Option<u64>) -> gaol::Result<u32> {
    for _ in 0..threads {
        std::thread::spawn(move || {
            loop {
                match pause {
                    Some(milliseconds) => std::thread::sleep(std::time::Duration::from_millis(milliseconds)),
                    None => std::hint::spin_loop(),
                }
            }
        });
    }
    Ok(count())
}

/// The processor time that a process has used, in seconds.
fn processor_time(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// It could have used all processors, for as long as nobody called.
#[test]
fn a_kept_worker_that_works_while_nobody_calls_is_ended() {
    Alone::new("a_kept_worker_that_works_while_nobody_calls_is_ended").run(|| {
        in_each_tier(|| {
            let before: Vec<u32> = processes::of(std::process::id()).iter().map(|process| process.pid).collect();
            assert_eq!(leaves_behind(4, None).expect("a call"), 1);
            let mut workers = processes::mine("gaol-worker");
            workers.retain(|worker| !before.contains(&worker.pid));
            let [worker] = workers.as_slice() else { panic!("{workers:?}") };
            let mut used = 0.0;
            processes::eventually("the end of a worker that nobody called", || {
                used = processor_time(worker.pid).unwrap_or(used);
                !processes::is_alive(worker.pid)
            });
            // Two looks, and what the machine takes for them, on each of at most four processors.
            assert!(used < 4.0, "{used} s of processor time");
            println!("it used {used} s of processor time before it was ended");
            assert_eq!(leaves_behind(0, None).expect("the next call"), 1, "another worker");
        });
    });
}

/// One that is found out when it is to be called again serves no other call.
#[test]
fn a_kept_worker_that_only_waits_is_kept() {
    Alone::new("a_kept_worker_that_only_waits_is_kept").run(|| {
        in_each_tier(|| {
            assert_eq!(leaves_behind(2, Some(100)).expect("a call"), 1);
            std::thread::sleep(std::time::Duration::from_secs(2));
            assert_eq!(leaves_behind(0, None).expect("the next call"), 2, "the same worker");
            for call in 3..50 {
                assert_eq!(leaves_behind(0, None).expect("a call"), call);
            }
        });
    });
}

/// Nobody can put itself under a profile beside a thread of gaol's.
#[test]
fn the_thread_that_looks_after_workers_ends_before_an_activation() {
    Alone::new("the_thread_that_looks_after_workers_ends_before_an_activation").run(|| {
        assert_eq!(leaves_behind(0, None).expect("a call"), 1);
        let thread = std::thread::spawn(|| {
            // The harness has a thread of its own, so that only the count is looked at.
            let named = |name: &str| {
                std::fs::read_dir("/proc/self/task")
                    .expect("threads")
                    .flatten()
                    .filter(|task| {
                        std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
                    })
                    .count()
            };
            assert_eq!(named("gaol-idleness"), 1, "the control");
            let refused = gaol::ChildSandbox::new(gaol::Profile::NOTHING).activate();
            assert!(matches!(refused, Err(gaol::ProfileError::Threads { .. })), "{refused:?}");
            processes::eventually("the end of the thread", || named("gaol-idleness") == 0);
        });
        thread.join().expect("no panic");
        assert_eq!(leaves_behind(0, None).expect("calls go on"), 1, "another worker");
    });
}
