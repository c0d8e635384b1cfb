//! Prefaulted buffers: how much shared memory a worker has ready for long blocks, by what the calls before it took.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::codec::BLOCK;

/// The largest prefaulted buffer. A worker that has one costs as much again while it waits.
pub(crate) const LARGEST: u64 = 2 << 20;

/// How many calls in a row take less before a prefaulted buffer becomes smaller.
const CALM: u32 = 32;

/// What calls took lately.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    size: AtomicU64,
    /// Calls in a row that took less.
    calm: AtomicU32,
}

impl Demand {
    /// A call is going to send so many bytes out of band: what is asked for while it runs is for calls like it.
    pub(crate) fn expects(&self, aside: u64) {
        self.size.fetch_max(size(aside), Ordering::Relaxed);
    }

    /// A call sent so many bytes out of band, in one direction. Threads that say so at once may overlook one another: it is a guess in any case.
    pub(crate) fn saw(&self, aside: u64) {
        let wanted = size(aside);
        let holds = wanted < self.size.load(Ordering::Relaxed);
        if holds && self.calm.fetch_add(1, Ordering::Relaxed) + 1 < CALM {
            return;
        }
        self.size.store(wanted, Ordering::Relaxed);
        self.calm.store(0, Ordering::Relaxed);
    }

    /// How large the next worker's prefaulted buffer is to be; 0 for none.
    pub(crate) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }
}

/// The prefaulted buffer that so many bytes want.
fn size(aside: u64) -> u64 {
    if aside < BLOCK as u64 { 0 } else { aside.checked_next_power_of_two().unwrap_or(LARGEST).min(LARGEST) }
}

/// How much of a prefaulted buffer's size a worker with these limits can have: all or nothing.
///
/// It writes under its own limit on the size of files, and touches as much memory of its own while it waits.
pub(crate) fn allowed(size: u64, file_size: Option<u64>, memory: Option<u64>) -> u64 {
    let writes = file_size.is_none_or(|limit| size <= limit);
    let holds = memory.is_none_or(|limit| size <= limit / 16);
    if writes && holds { size } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::{CALM, Demand, LARGEST, allowed};
    use crate::protocol::codec::BLOCK;

    const BLOCK_SIZE: u64 = BLOCK as u64;

    #[test]
    fn a_lane_is_as_large_as_what_went_aside_and_bounded() {
        for (aside, size) in [
            (0, 0),
            (BLOCK_SIZE - 1, 0),
            (BLOCK_SIZE, BLOCK_SIZE),
            (BLOCK_SIZE + 1, 2 * BLOCK_SIZE),
            (LARGEST, LARGEST),
            (LARGEST + 1, LARGEST),
            (u64::MAX, LARGEST),
        ] {
            let demand = Demand::default();
            demand.saw(aside);
            assert_eq!(demand.size(), size, "{aside}");
        }
    }

    #[test]
    fn a_lane_that_nobody_uses_is_given_up() {
        let demand = Demand::default();
        demand.saw(LARGEST);
        for _ in 1..CALM {
            demand.saw(0);
        }
        assert_eq!(demand.size(), LARGEST);
        // One that uses it starts the count anew.
        demand.saw(LARGEST);
        for _ in 1..CALM {
            demand.saw(BLOCK_SIZE);
        }
        assert_eq!(demand.size(), LARGEST);
        demand.saw(BLOCK_SIZE);
        assert_eq!(demand.size(), BLOCK_SIZE);
        for _ in 0..CALM {
            demand.saw(0);
        }
        assert_eq!(demand.size(), 0);
    }

    #[test]
    fn small_limits_leave_no_lane() {
        assert_eq!(allowed(LARGEST, None, None), LARGEST);
        assert_eq!(allowed(LARGEST, Some(LARGEST), Some(16 * LARGEST)), LARGEST);
        assert_eq!(allowed(LARGEST, Some(LARGEST - 1), None), 0);
        assert_eq!(allowed(LARGEST, None, Some(16 * LARGEST - 1)), 0);
    }
}
