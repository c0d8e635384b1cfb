//! Whether what ran left descriptors open.

use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// The number that the next descriptor gets: the lowest that is free.
fn next() -> RawFd {
    let null: OwnedFd = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .expect("a descriptor is to be had, unless those before it were left open");
    null.as_raw_fd()
}

/// Runs `work`, after which no descriptor may be open that was not before.
pub fn leaves_none(work: impl FnOnce()) {
    let before = next();
    work();
    assert!(next() <= before, "descriptors were left open");
}
