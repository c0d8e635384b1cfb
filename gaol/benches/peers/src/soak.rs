//! Very many fresh calls, some of which end badly, and what is left behind by them: nothing.

mod acts;
mod samples;
mod tally;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Barrier, mpsc};
use std::time::{Duration, Instant};

use self::acts::Act;
use self::samples::Sample;
use self::tally::Tally;
use crate::processes;

/// Threads that call. More than there are processors, so that calls wait for workers too.
const THREADS: usize = 4;
/// After each of so many parts everything stands still and is looked at.
const PARTS: u64 = 20;
/// How often something is said.
const PROGRESS: Duration = Duration::from_secs(10);
/// The longest that a part may stand still without a reply. Every call has a deadline far below.
const PATIENCE: Duration = Duration::from_secs(120);

/// What is known of a part.
struct Part {
    sample: Sample,
    calls: u64,
    rate: f64,
    /// In microseconds.
    p50: u64,
    p99: u64,
}

impl Part {
    fn of(tally: &Tally, took: Duration) -> Result<Self, String> {
        let calls = tally.calls();
        let rate = calls as f64 / took.as_secs_f64();
        Ok(Self { sample: Sample::take()?, calls, rate, p50: tally.latency(50), p99: tally.latency(99) })
    }
}

/// Makes `calls` calls, and a tenth more before them that warm up.
pub(crate) fn run(calls: u64) -> ExitCode {
    match soak(calls) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("gaol-peers: soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn soak(calls: u64) -> Result<bool, String> {
    processes::inherit_orphans()?;
    // At least one of each kind of act before the first look.
    let warm_up = (calls / 10).max(Act::PERIOD);
    let mut ends = vec![warm_up];
    ends.extend((1..=PARTS).map(|part| warm_up + calls * part / PARTS));
    println!(
        "{calls} calls from {THREADS} threads, after {warm_up} that warm up; one in {} ends badly",
        Act::PERIOD / 4
    );

    let next = AtomicU64::new(0);
    let end = AtomicU64::new(0);
    let barrier = Barrier::new(THREADS + 1);
    let (news, heard) = mpsc::channel();
    let mut total = Tally::default();
    // What is kept of a part is little, and has its place already: the soak's own memory must not look like a leak.
    let mut parts: Vec<Part> = Vec::with_capacity(ends.len());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let news = news.clone();
            let (next, end, barrier, parts) = (&next, &end, &barrier, ends.len());
            scope.spawn(move || {
                for _ in 0..parts {
                    barrier.wait();
                    let _ = news.send(make_calls(next, end.load(Ordering::Acquire)));
                }
            });
        }
        let mut problem = None;
        for upto in &ends {
            end.store(*upto, Ordering::Release);
            let begun = Instant::now();
            barrier.wait();
            let tally = hear(&heard, &next);
            let took = begun.elapsed();
            match tally.and_then(|tally| Ok((Part::of(&tally, took)?, tally))) {
                Ok((part, tally)) => {
                    parts.push(part);
                    total.add(&tally);
                }
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
        }
        if let Some(error) = problem {
            // The scope would wait for the threads.
            eprintln!("gaol-peers: soak: {error}");
            std::process::exit(1)
        }
    });
    Ok(report(&total, &parts, warm_up, *ends.last().unwrap_or(&0)))
}

/// One thread's share of a part.
fn make_calls(next: &AtomicU64, end: u64) -> Tally {
    let mut tally = Tally::default();
    loop {
        // Numbers are not given back: the part ends with the number, not with the thread.
        let number = next.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| (next < end).then_some(next + 1));
        let Ok(number) = number else { return tally };
        let begun = Instant::now();
        let outcome = acts::call(number);
        tally.count(Act::of(number), outcome, begun.elapsed());
    }
}

/// Waits for every thread, and says how it goes.
fn hear(heard: &mpsc::Receiver<Tally>, next: &AtomicU64) -> Result<Tally, String> {
    let mut tally = Tally::default();
    let (mut seen, mut moved, mut told) = (next.load(Ordering::Relaxed), Instant::now(), Instant::now());
    for _ in 0..THREADS {
        loop {
            match heard.recv_timeout(Duration::from_secs(1)) {
                Ok(of_thread) => {
                    tally.add(&of_thread);
                    break;
                }
                Err(_) => {
                    let now = next.load(Ordering::Relaxed);
                    if now != seen {
                        (seen, moved) = (now, Instant::now());
                    }
                    if moved.elapsed() > PATIENCE {
                        return Err(format!("no call ended in {PATIENCE:?}, after {now}"));
                    }
                    if told.elapsed() > PROGRESS {
                        told = Instant::now();
                        println!("{now} calls begun");
                    }
                }
            }
        }
    }
    Ok(tally)
}

fn report(total: &Tally, parts: &[Part], warm_up: u64, all: u64) -> bool {
    println!("\n| calls so far | calls/s | p50 | p99 | {} |", Sample::HEADS.join(" | "));
    println!("|---|---|---|---|{}", "---|".repeat(Sample::HEADS.len()));
    let mut so_far = 0;
    for Part { sample, calls, rate, p50, p99 } in parts {
        so_far += calls;
        println!("| {so_far} | {rate:.0} | {p50} µs | {p99} µs | {} |", sample.cells().join(" | "));
    }
    println!("\n| act | calls | ended as it must |\n|---|---|---|");
    for act in Act::ALL {
        let (calls, right) = total.of(act);
        println!("| {} | {calls} | {right} |", act.name());
    }
    let mut violations = total.violations().to_vec();
    if total.calls() != all {
        violations.push(format!("{all} calls were to be made, and {} ended", total.calls()));
    }
    if let [first, .., last] = parts {
        violations.extend(first.sample.grown_to(&last.sample));
    }
    if parts.iter().any(|part| !part.sample.saw_children()) {
        println!("\nleft out: what gaol's processes hold, which only root may look at");
    }
    println!("\n(the first {warm_up} calls warm up: growth is counted from there)");
    for violation in &violations {
        println!("VIOLATION: {violation}");
    }
    let (wrong, verdict) = (total.wrong(), if violations.is_empty() { "ok" } else { "VIOLATED" });
    println!("{} calls, {wrong} wrong, {} violations: {verdict}", total.calls(), violations.len());
    violations.is_empty()
}
