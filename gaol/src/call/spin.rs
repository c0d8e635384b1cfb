//! How long a call looks for its reply before it sleeps: as long as a short call takes, where there is a processor to spare.
//!
//! To be woken costs more than many a call does. Whoever looks instead must not take the processor away from the worker, nor look for long:
//! the time is bounded, one caller in two processors looks, and where replies took longer lately nobody does.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::sys::PROCESSORS;

/// Calls that take longer are slept through.
const LONGEST: Duration = Duration::from_micros(100);

/// After so long others may go first.
const TURN: Duration = Duration::from_micros(1);

/// How many look now.
static SPINNING: AtomicUsize = AtomicUsize::new(0);

/// How long replies take, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct AdaptiveSpin {
    /// A moving average, in nanoseconds.
    usual: AtomicU32,
}

impl AdaptiveSpin {
    /// A reply took so long.
    pub(crate) fn took(&self, time: Duration) {
        let usual = self.usual.load(Ordering::Relaxed);
        // One call that was held up by something else is not to count for much.
        let time = u32::try_from(time.min(4 * LONGEST).as_nanos()).unwrap_or(u32::MAX);
        self.usual.store(usual - usual / 8 + time / 8, Ordering::Relaxed);
    }

    /// Begins to look for a reply, if that is worth it, and no longer than the call may take.
    pub(crate) fn spin(&self, deadline: Option<Instant>) -> Option<Spin> {
        let usual = Duration::from_nanos(self.usual.load(Ordering::Relaxed).into());
        if usual > LONGEST {
            return None;
        }
        if SPINNING.fetch_add(1, Ordering::Relaxed) >= most() {
            SPINNING.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let now = Instant::now();
        let longest = now + LONGEST;
        Some(Spin { yields: now + TURN, until: deadline.map_or(longest, |deadline| deadline.min(longest)) })
    }
}

/// How many callers may look at once.
fn most() -> usize {
    *PROCESSORS / 2
}

/// Somebody looks.
#[derive(Debug)]
pub(crate) struct Spin {
    yields: Instant,
    until: Instant,
}

impl Spin {
    /// Whether to look once more. The worker may have been woken on this very processor: after a while it goes first.
    pub(crate) fn continues(&mut self) -> bool {
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

impl Drop for Spin {
    fn drop(&mut self) {
        SPINNING.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, for there are only so many who may look.
    #[test]
    fn who_waits_for_long_sleeps() {
        let slow = AdaptiveSpin::default();
        for _ in 0..64 {
            slow.took(Duration::from_secs(3));
        }
        assert!(slow.spin(None).is_none());
        // It begins again when replies come quickly, and one slow reply among them changes nothing.
        let pace = slow;
        for _ in 0..64 {
            pace.took(Duration::from_micros(20));
        }
        pace.took(Duration::from_secs(60));
        let spins: Vec<Spin> = std::iter::from_fn(|| pace.spin(None)).take(1 << 10).collect();
        assert_eq!(spins.len(), most(), "so many spin at once");
        assert!(pace.spin(None).is_none());
        drop(spins);
        assert_eq!(pace.spin(None).is_some(), most() > 0);
    }

    #[test]
    fn a_look_ends() {
        // It was not counted, and is not counted off.
        let mut spin = std::mem::ManuallyDrop::new(Spin { yields: Instant::now(), until: Instant::now() + 10 * TURN });
        while spin.continues() {}
        assert!(Instant::now() >= spin.until);
    }
}
