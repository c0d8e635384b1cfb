//! How a kept worker waits for its next call: for a while it looks, where calls come one after the other, and then it sleeps.
//!
//! The next call is here sooner then than the process would be asleep and awake again.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::sys::PROCESSORS;

/// How long it looks.
const SPIN: Duration = Duration::from_micros(50);

/// How many times in a row it looks in vain.
const IN_VAIN: u32 = 4;

/// Whoever gets the processor back later than that shares it.
const SHARED: Duration = Duration::from_micros(2);

/// How many calls are answered at least between two yields, and at most.
const CALLS_BETWEEN_YIELDS: RangeInclusive<u32> = 4..=1024;

/// What the calls so far say about the next.
#[derive(Debug, Default)]
pub(crate) struct AdaptiveSpin {
    /// How many times it is going to look in vain before it does not look any more.
    spins: u32,
    yielding: Yielding,
}

/// When a worker yields: less and less often where that does not help.
#[derive(Debug, Default)]
struct Yielding {
    /// How many calls were answered since it last did.
    since: u32,
    /// How many it answers first.
    calls_between: u32,
}

impl Yielding {
    /// Whether to do so now.
    fn is_due(&mut self) -> bool {
        let due = self.since >= self.calls_between;
        if due {
            let helped = self.since >= self.calls_between.saturating_mul(2);
            self.calls_between = if helped {
                *CALLS_BETWEEN_YIELDS.start()
            } else {
                (self.calls_between * 2).min(*CALLS_BETWEEN_YIELDS.end())
            };
            self.since = 0;
        }
        due
    }
}

impl AdaptiveSpin {
    /// Notes how long it waited for a call.
    pub(crate) fn note(&mut self, waited: Duration) {
        self.spins = if waited < 4 * SPIN { IN_VAIN } else { self.spins.saturating_sub(1) };
        self.yielding.since = self.yielding.since.saturating_add(1);
    }

    /// Begins to look, if that is worth it: calls came quickly lately, and there is a processor for the application beside this one.
    pub(crate) fn spin(&mut self) -> Option<Spin<'_>> {
        (self.spins > 0 && *PROCESSORS > 1).then(|| Spin { until: Instant::now() + SPIN, yielding: &mut self.yielding })
    }
}

/// A worker that looks for its next call.
#[derive(Debug)]
pub(crate) struct Spin<'a> {
    until: Instant,
    yielding: &'a mut Yielding,
}

impl Spin<'_> {
    /// Whether to look once more. Whoever is to call may be waiting for this very processor, and goes first.
    pub(crate) fn continues(&mut self) -> bool {
        let begun = Instant::now();
        std::thread::yield_now();
        let now = Instant::now();
        if now - begun > SHARED && self.yielding.is_due() {
            // Each waits for the other to look, while another processor may be idle. Nobody is moved there who never sleeps; who wakes up is.
            std::thread::sleep(Duration::from_nanos(1));
        }
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many calls a worker yields, where it shares its processor after every call.
    fn steps(yielding: &mut Yielding, calls: u32) -> Vec<u32> {
        let mut steps = Vec::new();
        for call in 0..calls {
            if yielding.is_due() {
                steps.push(call);
            }
            yielding.since += 1;
        }
        steps
    }

    #[test]
    fn who_gains_nothing_by_it_steps_aside_less_and_less() {
        let mut yielding = Yielding::default();
        assert_eq!(steps(&mut yielding, 60), [0, 4, 12, 28]);
        assert_eq!(
            steps(&mut yielding, 100_000).windows(2).map(|pair| pair[1] - pair[0]).max(),
            Some(*CALLS_BETWEEN_YIELDS.end())
        );
        // It helped for a long time: the next is soon.
        yielding.since = 10 * CALLS_BETWEEN_YIELDS.end();
        assert_eq!(steps(&mut yielding, 10), [0, 4]);
    }
}
