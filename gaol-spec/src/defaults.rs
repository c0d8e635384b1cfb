//! The limits of a profile that does not write them: they stop accidents, not work.

use std::time::Duration;

/// Wall-clock time of a call.
pub const TIME: Option<Duration> = Some(Duration::from_secs(60));
/// CPU time of a call.
pub const CPU: Option<Duration> = None;
/// Private writable memory, in bytes.
pub const MEMORY: Option<u64> = Some(1 << 30);
/// Open descriptors.
pub const FILES: Option<u64> = Some(256);
/// Threads at once.
pub const THREADS: Option<u64> = Some(64);
/// Largest file written, in bytes.
pub const FILE_SIZE: Option<u64> = Some(1 << 30);
/// Largest reply, in bytes.
pub const REPLY: Option<u64> = Some(64 << 20);
