//! What a worker sends, prints and takes without end: the parent holds what the profile says, and the worker no more than its memory.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gaol::{Error, ProtocolProblem, sandboxed};

use super::table::{MIB, alone, measure, row};
use crate::attacks::forgery::{Control, Forged, RETURNED, send, send_with};
use crate::attacks::toolbox::exit_now;

/// What a call takes of the parent in any case.
const A_CALL: u64 = 8 * MIB;

/// Sends a header that announces so much, and then so much of it, and stays.
fn announce(announced: u64, sent: u64) -> ! {
    let mut header = Forged::reply(RETURNED, 0).unwrap_or_else(|_| exit_now(1));
    header.length = announced;
    let _ = send(&header.to_bytes());
    let chunk = vec![0; MIB as usize];
    for _ in 0..sent / MIB {
        let _ = send(&chunk);
    }
    std::thread::sleep(Duration::from_secs(60));
    exit_now(0)
}

#[sandboxed(time = "4s")]
fn announces(announced: u64, sent: u64) -> gaol::Result<Vec<u8>> {
    announce(announced, sent)
}

#[test]
fn bounds_of_replies_that_do_not_end() {
    let _alone = alone();
    let (result, measured) = measure(|| announces(64 * MIB, 63 * MIB));
    assert!(matches!(result, Err(Error::TimedOut { .. })), "{:?}", result.map(|all| all.len()));
    row("a reply of 64 MiB that lacks its end", "parent", measured.peak, 2 * 64 * MIB + A_CALL);
    let (result, measured) = measure(|| announces(64 * MIB + 1, MIB));
    let problem = result.map(|all| all.len()).expect_err("it is too long");
    assert!(matches!(&problem, Error::Protocol { problem: ProtocolProblem::TooLarge { .. }, .. }), "{problem:?}");
    row("a reply that announces a byte too much", "parent", measured.peak, A_CALL);
}

#[sandboxed(time = "2s")]
fn prints() -> gaol::Result<u8> {
    loop {
        println!("{}", "x".repeat(1 << 16));
    }
}

#[test]
fn bounds_of_output_that_does_not_end() {
    let _alone = alone();
    let (result, measured) = measure(prints);
    let Err(error @ Error::TimedOut { .. }) = result else { panic!("{result:?}") };
    let kept = error.output().len() as u64;
    assert!(kept > 0 && kept <= 64 << 10, "{kept} bytes are kept");
    row("output without end, of which 64 KiB are kept", "parent", measured.peak, A_CALL);
}

#[sandboxed(time = "4s")]
fn sends_descriptors() -> gaol::Result<u8> {
    let rights = [Control::rights(&[1; 64])];
    while send_with(&[0], &rights).is_ok() {}
    exit_now(0)
}

#[test]
fn bounds_of_descriptors_that_do_not_end() {
    let _alone = alone();
    let descriptors = || std::fs::read_dir("/proc/self/fd").expect("this process's").count();
    drop(sends_descriptors());
    let before = descriptors();
    let (result, measured) = measure(sends_descriptors);
    assert!(matches!(result, Err(Error::Protocol { .. })), "{result:?}");
    row("messages of 64 descriptors without end", "parent", measured.peak, A_CALL);
    // They are closed by another thread, soon.
    let begun = std::time::Instant::now();
    while descriptors() > before + 4 {
        assert!(begun.elapsed() < Duration::from_secs(10), "{} descriptors, and {before} before", descriptors());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[sandboxed(memory = "64MiB", time = "20s")]
fn takes_memory() -> gaol::Result<u64> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut more: Vec<u8> = Vec::new();
        if more.try_reserve_exact(MIB as usize).is_err() {
            // As long as somebody looks.
            std::thread::sleep(Duration::from_millis(500));
            return Ok(all.len() as u64);
        }
        more.resize(MIB as usize, 7);
        if all.len() == all.capacity() && all.try_reserve(1).is_err() {
            return Ok(all.len() as u64);
        }
        all.push(more);
    }
}

/// The largest resident set of a worker of this process's, looked at while something runs.
fn largest_worker<R>(act: impl FnOnce() -> R) -> (R, u64) {
    let (done, largest) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                for worker in crate::support::processes::of(std::process::id()) {
                    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.pid)).unwrap_or_default();
                    let held = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
                    let held = held.and_then(|held| held.trim().trim_end_matches(" kB").parse::<u64>().ok());
                    if worker.name == "gaol-worker" {
                        largest.fetch_max(held.unwrap_or(0) << 10, Ordering::Relaxed);
                    }
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        });
        let result = act();
        done.store(true, Ordering::Relaxed);
        result
    });
    (result, largest.into_inner())
}

#[test]
fn bounds_of_a_workers_memory() {
    let _alone = alone();
    let (taken, held) = largest_worker(takes_memory);
    let taken = taken.expect("a value");
    assert!(taken > 40, "{taken} MiB could be had of 64");
    // What it maps of the program, and its stack, are beside it.
    row("a worker that takes all it gets, `memory = \"64MiB\"`", "worker", held, 64 * MIB + 32 * MIB);
    assert!(held > 40 * MIB, "{held} bytes were seen");
}
