//! How long a call looks for its reply before it sleeps: as long as a short call takes, where there is a processor to spare.
//!
//! To be woken costs more than many a call does. Whoever looks instead must not take the processor away from the worker, nor look for long:
//! the time is bounded, one caller in two processors looks, and where replies took longer lately nobody does.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Calls that take longer are slept through.
const LONGEST: Duration = Duration::from_micros(100);

/// After so long others may go first.
const TURN: Duration = Duration::from_micros(4);

/// How many callers may look at once.
static MOST: LazyLock<usize> =
    LazyLock::new(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get) / 2);
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// How long replies take, as far as is known.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// A moving average, in nanoseconds.
    usual: AtomicU32,
}

impl Pace {
    /// A reply took so long.
    pub(super) fn took(&self, time: Duration) {
        let usual = self.usual.load(Ordering::Relaxed);
        // One call that was held up by something else is not to count for much.
        let time = u32::try_from(time.min(4 * LONGEST).as_nanos()).unwrap_or(u32::MAX);
        self.usual.store(usual - usual / 8 + time / 8, Ordering::Relaxed);
    }

    /// Begins to look for a reply, if that is worth it. Nothing else waits for the processor then, as far as is known.
    pub(super) fn look(&self) -> Option<Look> {
        let usual = Duration::from_nanos(self.usual.load(Ordering::Relaxed).into());
        if usual > LONGEST {
            return None;
        }
        if LOOKING.fetch_add(1, Ordering::Relaxed) >= *MOST {
            LOOKING.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let now = Instant::now();
        Some(Look { yields: now + TURN, until: now + LONGEST })
    }
}

/// Somebody looks.
#[derive(Debug)]
pub(super) struct Look {
    yields: Instant,
    until: Instant,
}

impl Look {
    /// Whether to look once more. The worker may have been woken on this very processor: after a while it goes first.
    pub(super) fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        if now < self.yields {
            std::hint::spin_loop();
        } else {
            std::thread::yield_now();
            self.yields = now + TURN;
        }
        now < self.until
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        LOOKING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, for there are only so many who may look.
    #[test]
    fn who_waits_for_long_sleeps() {
        let slow = Pace::default();
        for _ in 0..64 {
            slow.took(Duration::from_secs(3));
        }
        assert!(slow.look().is_none());
        // It begins again when replies come quickly, and one slow reply among them changes nothing.
        let pace = slow;
        for _ in 0..64 {
            pace.took(Duration::from_micros(20));
        }
        pace.took(Duration::from_secs(60));
        let looks: Vec<Look> = std::iter::from_fn(|| pace.look()).take(1 << 10).collect();
        assert_eq!(looks.len(), *MOST, "so many look at once");
        assert!(pace.look().is_none());
        drop(looks);
        assert_eq!(pace.look().is_some(), *MOST > 0);
    }

    #[test]
    fn a_look_ends() {
        // It was not counted, and is not counted off.
        let mut look = std::mem::ManuallyDrop::new(Look { yields: Instant::now(), until: Instant::now() + 10 * TURN });
        while look.goes_on() {}
        assert!(Instant::now() >= look.until);
    }
}
