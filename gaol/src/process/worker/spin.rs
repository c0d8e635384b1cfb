//! How a kept worker waits for its next call: for a while it looks, where calls come one after the other, and then it sleeps.
//!
//! The next call is here sooner then than the process would be asleep and awake again.

use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::sys::PROCESSORS;

/// How long it looks.
const LOOK: Duration = Duration::from_micros(50);

/// How many times in a row it looks in vain.
const IN_VAIN: u32 = 4;

/// Whoever gets the processor back later than that shares it.
const SHARED: Duration = Duration::from_micros(2);

/// How many calls are answered at least between two steps aside, and at most.
const STAYS: RangeInclusive<u32> = 4..=1024;

/// What the calls so far say about the next.
#[derive(Debug, Default)]
pub(crate) struct Leisure {
    /// How many times it is going to look in vain before it does not look any more.
    looks: u32,
    aside: Aside,
}

/// When a worker steps aside: less and less often where that does not help.
#[derive(Debug, Default)]
struct Aside {
    /// How many calls were answered since it last did.
    since: u32,
    /// How many it answers first.
    stays: u32,
}

impl Aside {
    /// Whether to do so now.
    fn is_due(&mut self) -> bool {
        let due = self.since >= self.stays;
        if due {
            let helped = self.since >= self.stays.saturating_mul(2);
            self.stays = if helped { *STAYS.start() } else { (self.stays * 2).min(*STAYS.end()) };
            self.since = 0;
        }
        due
    }
}

impl Leisure {
    /// Notes how long it waited for a call.
    pub(crate) fn note(&mut self, waited: Duration) {
        self.looks = if waited < 4 * LOOK { IN_VAIN } else { self.looks.saturating_sub(1) };
        self.aside.since = self.aside.since.saturating_add(1);
    }

    /// Begins to look, if that is worth it: calls came quickly lately, and there is a processor for the application beside this one.
    pub(crate) fn look(&mut self) -> Option<Look<'_>> {
        (self.looks > 0 && *PROCESSORS > 1).then(|| Look { until: Instant::now() + LOOK, aside: &mut self.aside })
    }
}

/// A worker that looks for its next call.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    until: Instant,
    aside: &'a mut Aside,
}

impl Look<'_> {
    /// Whether to look once more. Whoever is to call may be waiting for this very processor, and goes first.
    pub(crate) fn goes_on(&mut self) -> bool {
        let begun = Instant::now();
        std::thread::yield_now();
        let now = Instant::now();
        if now - begun > SHARED && self.aside.is_due() {
            // Each waits for the other to look, while another processor may be idle. Nobody is moved there who never sleeps; who wakes up is.
            std::thread::sleep(Duration::from_nanos(1));
        }
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After how many calls a worker steps aside, where it shares its processor after every call.
    fn steps(aside: &mut Aside, calls: u32) -> Vec<u32> {
        let mut steps = Vec::new();
        for call in 0..calls {
            if aside.is_due() {
                steps.push(call);
            }
            aside.since += 1;
        }
        steps
    }

    #[test]
    fn who_gains_nothing_by_it_steps_aside_less_and_less() {
        let mut aside = Aside::default();
        assert_eq!(steps(&mut aside, 60), [0, 4, 12, 28]);
        assert_eq!(steps(&mut aside, 100_000).windows(2).map(|pair| pair[1] - pair[0]).max(), Some(*STAYS.end()));
        // It helped for a long time: the next is soon.
        aside.since = 10 * STAYS.end();
        assert_eq!(steps(&mut aside, 10), [0, 4]);
    }
}
