//! More threads call than workers may run: each is served in its turn, or told that its function has not run.

use std::num::NonZero;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

use gaol::{Error, Outcome, sandboxed};
use rustix::process::{Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize, Serializer};

use crate::support::alone::{Alone, User};
use crate::support::processes;

#[sandboxed(time = "100s")]
fn adds(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

/// Uses so much of a processor.
#[sandboxed(time = "100s")]
fn computes(milliseconds: i64) -> gaol::Result<u64> {
    let mut sum = 0_u64;
    loop {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        if used.tv_sec > 0 || used.tv_nsec > milliseconds * 1_000_000 {
            return Ok(sum);
        }
        sum = std::hint::black_box(sum + 1);
    }
}

#[sandboxed(time = "20s")]
fn sleeps(milliseconds: u64) -> gaol::Result<u64> {
    std::thread::sleep(Duration::from_millis(milliseconds));
    Ok(milliseconds)
}

/// Has little time, and needs less.
#[sandboxed(time = "300ms")]
fn hurries() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(time = "100s", process = "exec")]
fn adds_anew(a: u32, b: u32) -> gaol::Result<u32> {
    Ok(a + b)
}

fn at_once(workers: usize) {
    gaol::set_max_workers(NonZero::new(workers).expect("a number above zero"));
}

/// Has this process, and what it starts from now on, run on one processor.
fn on_one_processor() {
    let mut one = rustix::thread::CpuSet::new();
    let all = rustix::thread::sched_getaffinity(None).expect("the processors of this process");
    one.set((0..rustix::thread::CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).expect("a processor"));
    rustix::thread::sched_setaffinity(None, &one).expect("one processor of these");
}

/// Calls from so many threads, and gives what came of each.
fn from_threads<T: Send>(threads: u32, call: impl Fn(u32) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let call = &call;
        let start = |thread| {
            std::thread::Builder::new()
                .stack_size(128 << 10)
                .spawn_scoped(scope, move || call(thread))
                .expect("a thread")
        };
        let handles: Vec<_> = (0..threads).map(start).collect();
        handles.into_iter().map(|handle| handle.join().expect("a thread that does not panic")).collect()
    })
}

#[test]
fn any_number_of_threads_on_one_processor_is_served() {
    Alone::new("applications::overload::any_number_of_threads_on_one_processor_is_served").run(|| {
        on_one_processor();
        for threads in [1, 8, 64, 600, 5000] {
            let begun = Instant::now();
            for (thread, sum) in from_threads(threads, |thread| adds(thread, 1)).into_iter().enumerate() {
                assert_eq!(sum.unwrap_or_else(|error| panic!("{threads} threads: {error}")), thread as u32 + 1);
            }
            println!("{threads} threads, a call each: {:?}", begun.elapsed());
        }
        processes::eventually("no more workers than stand ready", || {
            processes::of(std::process::id()).iter().filter(|process| process.name == "gaol-worker").count() <= 4
        });
    });
}

/// With `GAOL_LOAD=long` they take a minute of the processor, and the last thread is served long after the first.
#[test]
fn six_hundred_threads_that_compute_on_one_processor_harm_each_other_in_nothing() {
    Alone::new("applications::overload::six_hundred_threads_that_compute_on_one_processor_harm_each_other_in_nothing")
        .run(|| {
            let milliseconds = if std::env::var("GAOL_LOAD").is_ok_and(|load| load == "long") { 100 } else { 5 };
            on_one_processor();
            // As many at once as without a limit: they all compete for the processor.
            at_once(600);
            let harmed = AtomicU32::new(0);
            from_threads(600, |_| {
                if let Err(error) = computes(milliseconds) {
                    eprintln!("{error}");
                    harmed.fetch_add(1, Ordering::Relaxed);
                }
            });
            assert_eq!(harmed.into_inner(), 0);
        });
}

/// Who got no worker for twenty seconds killed the template once, and with it every call that it had served.
#[test]
fn who_waits_for_long_harms_no_call_that_is_under_way() {
    #[sandboxed(time = "60s")]
    fn sleeps_on(milliseconds: u64) -> gaol::Result<u64> {
        std::thread::sleep(Duration::from_millis(milliseconds));
        Ok(milliseconds)
    }
    Alone::new("applications::overload::who_waits_for_long_harms_no_call_that_is_under_way").run(|| {
        let template = || {
            let mut templates = processes::mine("gaol-template");
            assert_eq!(templates.len(), 1);
            templates.pop().expect("a template")
        };
        sleeps_on(0).expect("a call");
        std::thread::scope(|scope| {
            let under_way = scope.spawn(|| sleeps_on(24_000));
            std::thread::sleep(Duration::from_millis(500));
            template().signal(Signal::STOP);
            // More threads than stand ready.
            let waiting: Vec<_> = (0..8).map(|_| scope.spawn(|| sleeps_on(0))).collect();
            for call in waiting {
                call.join().expect("a thread").expect("by another template, after a while");
            }
            assert_eq!(under_way.join().expect("a thread").expect("nobody harms a call under way"), 24_000);
        });
        processes::eventually("the template that stood still has ended with its last call", || {
            processes::of(std::process::id()).iter().filter(|process| process.name == "gaol-template").count() == 1
        });
    });
}

#[test]
fn a_wait_that_takes_longer_than_time_is_busy_and_not_run() {
    Alone::new("applications::overload::a_wait_that_takes_longer_than_time_is_busy_and_not_run").run(|| {
        adds(1, 1).expect("a call");
        at_once(1);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| sleeps(1500));
            std::thread::sleep(Duration::from_millis(200));
            let begun = Instant::now();
            let error = hurries().expect_err("the only worker sleeps");
            assert!(begun.elapsed() >= Duration::from_millis(300), "{:?}", begun.elapsed());
            assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
            assert_eq!(error.outcome(), Outcome::NotRun);
            let Error::Busy { waited, workers, source: None, .. } = &error else { panic!("{error}") };
            assert!(*waited >= Duration::from_millis(300));
            assert_eq!(workers.get(), 1);
            assert!(error.to_string().contains("gaol::set_max_workers"), "{error}");
            assert_eq!(first.join().expect("a thread").expect("nobody harms who is served"), 1500);
        });
        hurries().expect("its turn, now");
    });
}

#[test]
fn a_call_that_waited_has_the_whole_of_its_time() {
    Alone::new("applications::overload::a_call_that_waited_has_the_whole_of_its_time").run(|| {
        #[sandboxed(time = "1s")]
        fn takes(milliseconds: u64) -> gaol::Result<()> {
            std::thread::sleep(Duration::from_millis(milliseconds));
            Ok(())
        }
        at_once(1);
        for result in from_threads(2, |_| takes(700)) {
            result.expect("700 ms of waiting are not part of its second");
        }
    });
}

#[test]
fn calls_are_served_in_the_order_in_which_they_came() {
    Alone::new("applications::overload::calls_are_served_in_the_order_in_which_they_came").run(|| {
        adds(1, 1).expect("a call");
        at_once(1);
        let served = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            let served = &served;
            scope.spawn(|| sleeps(1500));
            std::thread::sleep(Duration::from_millis(300));
            for number in 0..20 {
                scope.spawn(move || {
                    adds(number, 0).expect("its turn");
                    served.lock().expect("a lock").push(number);
                });
                std::thread::sleep(Duration::from_millis(30));
            }
        });
        // A thread that has been served may be overtaken on its way to the list, by one.
        let served = served.into_inner().expect("a lock");
        for (place, number) in served.iter().enumerate() {
            assert!((*number as usize).abs_diff(place) <= 2, "{served:?}");
        }
    });
}

#[test]
fn a_limit_that_is_raised_lets_those_run_who_wait() {
    Alone::new("applications::overload::a_limit_that_is_raised_lets_those_run_who_wait").run(|| {
        at_once(1);
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..8).map(|_| scope.spawn(|| sleeps(1000))).collect();
            std::thread::sleep(Duration::from_millis(100));
            at_once(8);
            calls.into_iter().for_each(|call| assert!(call.join().expect("a thread").is_ok()));
        });
        assert!(begun.elapsed() < Duration::from_secs(4), "one after the other: {:?}", begun.elapsed());
    });
}

/// Makes a call while it is written, after a block that takes a worker for the call that it is an argument of.
#[derive(Debug, Clone)]
struct Calling;

impl Serialize for Calling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sum = if gaol::max_workers().get() == 1 { adds(20, 1).map_err(serde::ser::Error::custom)? } else { 0 };
        sum.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Calling {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(|_| Self)
    }
}

#[sandboxed(time = "10s")]
fn takes_both(block: Vec<u8>, calling: Calling) -> gaol::Result<usize> {
    let Calling = calling;
    Ok(block.len())
}

#[test]
fn a_call_within_the_arguments_of_another_does_not_wait_for_itself() {
    Alone::new("applications::overload::a_call_within_the_arguments_of_another_does_not_wait_for_itself").run(|| {
        at_once(1);
        for _ in 0..3 {
            assert_eq!(takes_both(vec![1; 1 << 20], Calling).expect("both calls"), 1 << 20);
        }
        from_threads(4, |_| assert_eq!(takes_both(vec![1; 1 << 20], Calling).expect("both calls"), 1 << 20));
    });
}

/// What came of calls under a limit: all served, or not run for want of what the limit bounds.
fn served_or_not_run(results: Vec<gaol::Result<u32>>) -> usize {
    let mut served = 0;
    for result in results {
        match result {
            Ok(_) => served += 1,
            Err(error) => assert_eq!(error.outcome(), Outcome::NotRun, "{error}"),
        }
    }
    served
}

fn limit(resource: Resource, to: u64) {
    rustix::process::setrlimit(resource, Rlimit { current: Some(to), maximum: Some(to) }).expect("a lower limit");
}

#[test]
fn few_descriptors_are_no_reason_to_fail() {
    Alone::new("applications::overload::few_descriptors_are_no_reason_to_fail").run(|| {
        limit(Resource::Nofile, 64);
        assert_eq!(gaol::max_workers().get(), 8);
        assert_eq!(served_or_not_run(from_threads(200, |thread| adds(thread, 1))), 200);
        assert_eq!(served_or_not_run(from_threads(20, |thread| adds_anew(thread, 1))), 20);
        // More than there are descriptors for: a call that lacks one waits for another to end.
        at_once(64);
        for _ in 0..5 {
            let served = served_or_not_run(from_threads(64, |thread| adds(thread, 1)));
            println!("{served} of 64 were served");
        }
        at_once(4);
        adds(1, 1).expect("a call, afterwards");
    });
}

#[test]
fn few_processes_are_no_reason_to_kill_a_call() {
    let alone = Alone::new("applications::overload::few_processes_are_no_reason_to_kill_a_call");
    let Some(alone) = alone.user(User::Lonely) else { return };
    alone.run(|| {
        adds(1, 1).expect("a call");
        // This process, its threads, and gaol's.
        limit(Resource::Nproc, 60);
        for _ in 0..5 {
            let results = from_threads(40, |thread| adds(thread, 1));
            assert_eq!(served_or_not_run(results), 40, "a call that cannot have a process waits for another to end");
        }
        adds(1, 1).expect("a call, afterwards");
    });
}

#[test]
fn a_template_that_stands_still_fails_its_callers_in_time_and_is_replaced() {
    Alone::new("applications::overload::a_template_that_stands_still_fails_its_callers_in_time_and_is_replaced").run(
        || {
            hurries().expect("a call");
            let template = processes::mine("gaol-template").pop().expect("it has a template");
            template.signal(Signal::STOP);
            let begun = Instant::now();
            let mut busy = 0;
            // The spare that stands ready serves the first.
            loop {
                let call = Instant::now();
                match hurries() {
                    Ok(()) if busy > 0 => break,
                    Ok(()) => {}
                    Err(error @ Error::Busy { .. }) => {
                        assert!(call.elapsed() < Duration::from_secs(1), "{:?}: {error}", call.elapsed());
                        busy += 1;
                    }
                    Err(error) => panic!("{error}"),
                }
                assert!(begun.elapsed() < Duration::from_secs(40), "it is not replaced");
            }
            println!("{busy} calls were busy; replaced after {:?}", begun.elapsed());
            hurries().expect("of the template that replaced it");
        },
    );
}

#[test]
fn busy_can_be_made_again_until_it_is_served() {
    Alone::new("applications::overload::busy_can_be_made_again_until_it_is_served").run(|| {
        #[sandboxed(time = "150ms")]
        fn short(milliseconds: u64) -> gaol::Result<()> {
            std::thread::sleep(Duration::from_millis(milliseconds));
            Ok(())
        }
        short(0).expect("a call");
        at_once(2);
        let start = Arc::new(Barrier::new(16));
        let busy = AtomicU32::new(0);
        from_threads(16, |_| {
            start.wait();
            loop {
                match short(40) {
                    Ok(()) => break,
                    Err(error @ Error::Busy { .. }) => {
                        assert_eq!(error.outcome(), Outcome::NotRun);
                        busy.fetch_add(1, Ordering::Relaxed);
                    }
                    // On a busy machine it may be late.
                    Err(Error::TimedOut { .. }) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
        println!("{} were busy at first", busy.into_inner());
    });
}
