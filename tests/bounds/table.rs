//! Measures one thing after the other, and prints what came of it.
//!
//! # Safety
//!
//! The allocator is told to give back what it does not use, by a call that takes a number.
#![allow(unsafe_code)]

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bytes in a MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// What this process held at most, beyond what it held before, while something ran; and how long that took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    pub(crate) peak: u64,
    pub(crate) took: Duration,
}

/// What a test holds until it has ended: what one has in memory must not be another's.
pub(crate) fn alone() -> impl Drop {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `attack`, and measures this process meanwhile.
pub(crate) fn measure<R>(attack: impl FnOnce() -> R) -> (R, Measured) {
    // SAFETY: takes a number, and frees nothing that is in use.
    unsafe { libc::malloc_trim(0) };
    // Proc's word for: the highest that was held is what is held now.
    std::fs::write("/proc/self/clear_refs", "5").expect("the highest resident set is forgotten");
    let before = status("VmRSS:");
    let begun = Instant::now();
    let result = attack();
    let took = begun.elapsed();
    (result, Measured { peak: status("VmHWM:").saturating_sub(before), took })
}

/// Bytes that this process's status tells.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("what this process holds");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}

/// Prints a row of the table, and fails where the bound does not hold.
#[track_caller]
pub(crate) fn row(attack: &str, whose: &str, held: u64, bound: u64) {
    let mib = |bytes: u64| bytes as f64 / MIB as f64;
    // Not by a macro, whose text the harness would keep to itself.
    let line = format!("bounds: {attack:<58} {whose:<8} {:>8.1} MiB of {:>8.1} MiB\n", mib(held), mib(bound));
    let _ = std::io::stderr().write_all(line.as_bytes());
    assert!(held <= bound, "{attack}: {whose} held {held} bytes, and {bound} are stated");
}
