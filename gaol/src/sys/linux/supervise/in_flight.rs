//! How many threads of one process were let go on and are not counted yet.
//!
//! A thread that was let go on shows in the count a moment later, and nothing says which thread is whose. What is certain: a thread that
//! asks again has what it asked for before, and each thread that was not there before is one that was let go on. So the number that may
//! still be coming is the greatest that fits to what is seen, never less.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long a thread that was let go on may take to be counted. It is in the middle of a system call that does not wait.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub(crate) struct InFlightThreads {
    /// Threads that were there before anybody was on the way.
    known: BTreeSet<u32>,
    /// How many were let go on since, and have surely come. Some may have ended.
    come: usize,
    /// Who else was let go on.
    permitted: Vec<Permitted>,
}

#[derive(Debug)]
struct Permitted {
    /// The thread that asked, which cannot ask again before it has its answer.
    creator: u32,
    since: Instant,
}

impl InFlightThreads {
    /// Of a process of which nobody is on the way.
    pub(crate) fn new(counted: &BTreeSet<u32>) -> Self {
        Self { known: counted.clone(), come: 0, permitted: Vec::new() }
    }

    pub(crate) fn is_any_pending(&self) -> bool {
        self.permitted.iter().any(|permitted| permitted.since.elapsed() < ON_ITS_WAY)
    }

    /// How many may come beside those that are counted now, when `asking` asks for one more.
    pub(crate) fn pending(&mut self, asking: u32, counted: &BTreeSet<u32>) -> u64 {
        let before = self.permitted.len();
        self.permitted.retain(|permitted| permitted.creator != asking && permitted.since.elapsed() < ON_ITS_WAY);
        self.come += before - self.permitted.len();
        let new = counted.difference(&self.known).count();
        // The new ones are of those that have surely come, as far as these can be, and the rest of those on the way.
        let arrived = new.saturating_sub(self.come);
        if arrived >= self.permitted.len() {
            *self = Self::new(counted);
            return 0;
        }
        if new == 0 {
            self.come = 0;
        }
        (self.permitted.len() - arrived) as u64
    }

    /// `creator` was let go on, and makes one more.
    pub(crate) fn permit(&mut self, creator: u32) {
        self.permitted.push(Permitted { creator, since: Instant::now() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are<const N: usize>(threads: [u32; N]) -> BTreeSet<u32> {
        threads.into()
    }

    #[test]
    fn one_after_the_other_nobody_is_on_the_way() {
        let mut in_flight = InFlightThreads::new(&are([1]));
        for threads in [are([1]), are([1, 2]), are([1, 2, 3]), are([1]), are([1, 9])] {
            assert_eq!(in_flight.pending(1, &threads), 0);
            in_flight.permit(1);
        }
    }

    #[test]
    fn whom_another_asks_beside_is_coming_until_it_shows() {
        let mut in_flight = InFlightThreads::new(&are([1, 2, 3]));
        in_flight.permit(1);
        assert_eq!(in_flight.pending(2, &are([1, 2, 3])), 1);
        in_flight.permit(2);
        assert_eq!(in_flight.pending(3, &are([1, 2, 3])), 2);
        assert_eq!(in_flight.pending(3, &are([1, 2, 3, 4])), 1);
        assert_eq!(in_flight.pending(3, &are([1, 2, 3, 4, 5])), 0);
    }

    #[test]
    fn nobody_is_counted_as_the_arrival_of_two() {
        let mut in_flight = InFlightThreads::new(&are([1, 2, 3]));
        in_flight.permit(1);
        in_flight.permit(2);
        // One has come: whoever asks, and however often, one is coming.
        for asking in [3, 4, 3, 4] {
            assert_eq!(in_flight.pending(asking, &are([1, 2, 3, 4])), 1);
        }
    }

    #[test]
    fn the_thread_of_who_asks_again_is_nobody_elses_arrival() {
        let mut in_flight = InFlightThreads::new(&are([1, 2, 3]));
        in_flight.permit(1);
        in_flight.permit(2);
        // Thread 2 has what it asked for, which is thread 4 or has ended; what thread 1 asked for may still come.
        assert_eq!(in_flight.pending(2, &are([1, 2, 3, 4])), 1);
        in_flight.permit(2);
        assert_eq!(in_flight.pending(3, &are([1, 2, 3, 4])), 2);
        assert_eq!(in_flight.pending(3, &are([1, 2, 3, 4, 5])), 1);
        assert_eq!(in_flight.pending(3, &are([1, 2, 3, 4, 5, 6])), 0);
    }

    #[test]
    fn who_came_and_went_is_not_waited_for_when_its_creator_asks_again() {
        let mut in_flight = InFlightThreads::new(&are([1]));
        for _ in 0..1000 {
            in_flight.permit(1);
            assert_eq!(in_flight.pending(1, &are([1])), 0);
        }
    }
}
