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
static LOOKING: AtomicUsize = AtomicUsize::new(0);

/// How long replies take, as far as is known.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// A moving average, in nanoseconds.
    usual: AtomicU32,
}

impl Pace {
    /// A reply took so long.
    pub(crate) fn took(&self, time: Duration) {
        let usual = self.usual.load(Ordering::Relaxed);
        // One call that was held up by something else is not to count for much.
        let time = u32::try_from(time.min(4 * LONGEST).as_nanos()).unwrap_or(u32::MAX);
        self.usual.store(usual - usual / 8 + time / 8, Ordering::Relaxed);
    }

    /// Begins to look for a reply, if that is worth it, and no longer than the call may take.
    pub(crate) fn look(&self, deadline: Option<Instant>) -> Option<Look> {
        let usual = Duration::from_nanos(self.usual.load(Ordering::Relaxed).into());
        if usual > LONGEST {
            return None;
        }
        if LOOKING.fetch_add(1, Ordering::Relaxed) >= most() {
            LOOKING.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let now = Instant::now();
        let longest = now + LONGEST;
        Some(Look { yields: now + TURN, until: deadline.map_or(longest, |deadline| deadline.min(longest)) })
    }
}

/// How many callers may look at once.
fn most() -> usize {
    *PROCESSORS / 2
}

/// Somebody looks.
#[derive(Debug)]
pub(crate) struct Look {
    yields: Instant,
    until: Instant,
}

impl Look {
    /// Whether to look once more. The worker may have been woken on this very processor: after a while it goes first.
    pub(crate) fn goes_on(&mut self) -> bool {
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
        assert!(slow.look(None).is_none());
        // It begins again when replies come quickly, and one slow reply among them changes nothing.
        let pace = slow;
        for _ in 0..64 {
            pace.took(Duration::from_micros(20));
        }
        pace.took(Duration::from_secs(60));
        let looks: Vec<Look> = std::iter::from_fn(|| pace.look(None)).take(1 << 10).collect();
        assert_eq!(looks.len(), most(), "so many look at once");
        assert!(pace.look(None).is_none());
        drop(looks);
        assert_eq!(pace.look(None).is_some(), most() > 0);
    }

    #[test]
    fn a_look_ends() {
        // It was not counted, and is not counted off.
        let mut look = std::mem::ManuallyDrop::new(Look { yields: Instant::now(), until: Instant::now() + 10 * TURN });
        while look.goes_on() {}
        assert!(Instant::now() >= look.until);
    }
}
