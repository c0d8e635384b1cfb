//! The functions that are called: once sandboxed, and once plain where both are measured.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

/// The smallest work that shows that it was done.
pub(crate) fn next(number: u64) -> u64 {
    number + 1
}

#[sandboxed]
pub(crate) fn fresh(number: u64) -> gaol::Result<u64> {
    Ok(next(number))
}

#[sandboxed(read = "/etc")]
pub(crate) fn fresh_with_files(number: u64) -> gaol::Result<u64> {
    Ok(next(number))
}

#[sandboxed(process = "reused")]
pub(crate) fn reused(number: u64) -> gaol::Result<u64> {
    Ok(next(number))
}

#[sandboxed(process = "exec")]
pub(crate) fn exec(number: u64) -> gaol::Result<u64> {
    Ok(next(number))
}

#[sandboxed(read = path)]
pub(crate) fn per_call(path: &Path, number: u64) -> gaol::Result<(bool, u64)> {
    Ok((path.is_dir(), next(number)))
}

/// What is seen of bytes without reading all of them: how many there are, and one of each page or of fewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seen {
    length: usize,
    sum: u64,
}

impl Seen {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let step = (bytes.len() / 64).max(1);
        let last = bytes.last().copied().unwrap_or_default();
        let sum: u64 =
            bytes.iter().step_by(step).enumerate().map(|(at, byte)| (at as u64 + 1) * u64::from(*byte)).sum();
        Self { length: bytes.len(), sum: sum + u64::from(last) }
    }
}

#[sandboxed]
pub(crate) fn take(bytes: &[u8]) -> gaol::Result<Seen> {
    Ok(Seen::of(bytes))
}

#[sandboxed]
pub(crate) fn take_owned(bytes: Vec<u8>) -> gaol::Result<Seen> {
    Ok(Seen::of(&bytes))
}

/// Bytes that tell by which call they were made.
pub(crate) fn bytes(length: usize, number: u64) -> Vec<u8> {
    vec![(number % 251) as u8 + 1; length]
}

/// Builds bytes and gives them back, or how many there are and nothing else: the same function does both, so that both find the same memory.
#[sandboxed(reply = "128MiB")]
pub(crate) fn give(length: usize, number: u64, back: bool) -> gaol::Result<(usize, Vec<u8>)> {
    let bytes = std::hint::black_box(bytes(length, number));
    Ok((bytes.len(), if back { bytes } else { Vec::new() }))
}

/// How long it took inside, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Work {
    nanoseconds: u64,
    pub(crate) sum: u64,
}

impl Work {
    fn of(work: impl FnOnce() -> std::io::Result<u64>) -> std::io::Result<Self> {
        let begun = Instant::now();
        let sum = work()?;
        let nanoseconds = begun.elapsed().as_nanos() as u64;
        Ok(Self { nanoseconds, sum })
    }

    pub(crate) fn time(self) -> Duration {
        Duration::from_nanos(self.nanoseconds)
    }
}

/// Multiplies and shifts, `rounds` times. The WebAssembly module of `contenders/wasm.rs` does the same.
pub(crate) fn compute(rounds: u64, seed: u64) -> std::io::Result<Work> {
    Work::of(|| {
        let mut state = std::hint::black_box(seed | 1);
        let mut sum = 0_u64;
        for _ in 0..std::hint::black_box(rounds) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            sum = sum.wrapping_mul(31).wrapping_add(state);
        }
        Ok(sum)
    })
}

#[sandboxed]
pub(crate) fn compute_sandboxed(rounds: u64, seed: u64) -> gaol::Result<Work> {
    Ok(compute(rounds, seed)?)
}

/// Opens, reads and closes a file, `times` times.
pub(crate) fn read_file(path: &Path, times: u64) -> std::io::Result<Work> {
    Work::of(|| (0..times).try_fold(0, |sum, _| Ok(sum + last_byte(&std::fs::read(path)?))))
}

#[sandboxed(read = scratch())]
pub(crate) fn read_file_sandboxed(path: &Path, times: u64) -> gaol::Result<Work> {
    Ok(read_file(path, times)?)
}

/// Reads a file that is open in blocks of 4 KiB, `times` times over.
pub(crate) fn read_blocks(path: &Path, times: u64) -> std::io::Result<Work> {
    let file = File::open(path)?;
    let blocks = file.metadata()?.len() / 4096;
    let mut block = [0; 4096];
    Work::of(|| {
        let mut sum = 0;
        for _ in 0..times {
            for at in 0..blocks {
                file.read_exact_at(&mut block, at * 4096)?;
                sum += last_byte(&block);
            }
        }
        Ok(sum)
    })
}

#[sandboxed(read = scratch())]
pub(crate) fn read_blocks_sandboxed(path: &Path, times: u64) -> gaol::Result<Work> {
    Ok(read_blocks(path, times)?)
}

fn last_byte(bytes: &[u8]) -> u64 {
    bytes.last().copied().map_or(0, u64::from)
}

static SCRATCH: OnceLock<PathBuf> = OnceLock::new();

/// The directory that the functions that read may read. Empty until it is set.
pub(crate) fn scratch() -> &'static Path {
    SCRATCH.get().map_or(Path::new(""), PathBuf::as_path)
}

/// Sets it, for good.
pub(crate) fn set_scratch(directory: PathBuf) {
    let _ = SCRATCH.set(directory);
}
