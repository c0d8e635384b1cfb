//! How calls ended, and how long they took.

use std::time::Duration;

use super::acts::Act;

/// So many of the first that went wrong are told in words.
const TOLD: usize = 10;

/// Latencies are counted in steps, so that a million of them take no memory: the soak measures memory itself.
const STEP: u64 = 10;
const STEPS: usize = 2000;

#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// For each act: its calls, and those that ended as they must.
    acts: [(u64, u64); Act::ALL.len()],
    /// Calls that answered, by how many steps of microseconds they took; the last counts all that took longer.
    latencies: Vec<u64>,
    told: Vec<String>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { acts: Default::default(), latencies: vec![0; STEPS], told: Vec::new() }
    }
}

impl Tally {
    pub(crate) fn count(&mut self, act: Act, outcome: Result<(), String>, took: Duration) {
        let (calls, right) = &mut self.acts[act as usize];
        *calls += 1;
        match outcome {
            Ok(()) => *right += 1,
            Err(words) => self.tell(words),
        }
        if act == Act::Answer {
            let step = (took.as_micros() as u64 / STEP) as usize;
            self.latencies[step.min(STEPS - 1)] += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (own, others) in self.acts.iter_mut().zip(&other.acts) {
            *own = (own.0 + others.0, own.1 + others.1);
        }
        self.latencies.iter_mut().zip(&other.latencies).for_each(|(own, others)| *own += others);
        other.told.iter().for_each(|words| self.tell(words.clone()));
    }

    fn tell(&mut self, words: String) {
        if self.told.len() < TOLD {
            self.told.push(words);
        }
    }

    pub(crate) fn of(&self, act: Act) -> (u64, u64) {
        self.acts[act as usize]
    }

    pub(crate) fn calls(&self) -> u64 {
        self.acts.iter().map(|(calls, _)| calls).sum()
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.acts.iter().map(|(calls, right)| calls - right).sum()
    }

    /// The first calls that did not end as they must.
    pub(crate) fn violations(&self) -> &[String] {
        &self.told
    }

    /// The step, in microseconds, that so many in a hundred of the answers do not exceed.
    pub(crate) fn latency(&self, percent: u64) -> u64 {
        let rank = (self.latencies.iter().sum::<u64>() * percent).div_ceil(100);
        let mut passed = 0;
        let step = self.latencies.iter().position(|count| {
            passed += count;
            passed >= rank
        });
        (step.unwrap_or(0) as u64 + 1) * STEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_is_counted_and_told() {
        let mut one = Tally::default();
        one.count(Act::Answer, Ok(()), Duration::from_micros(95));
        one.count(Act::Panic, Err("call 150".to_owned()), Duration::ZERO);
        let mut both = one.clone();
        both.add(&one);
        assert_eq!((both.of(Act::Answer), both.of(Act::Panic)), ((2, 2), (2, 0)));
        assert_eq!((both.calls(), both.wrong(), both.violations().len()), (4, 2, 2));
    }

    #[test]
    fn a_latency_is_the_end_of_its_step_and_the_last_step_takes_the_rest() {
        let mut tally = Tally::default();
        for microseconds in [5, 15, 25, 9_999_999] {
            tally.count(Act::Answer, Ok(()), Duration::from_micros(microseconds));
        }
        assert_eq!([50, 75, 100].map(|percent| tally.latency(percent)), [20, 30, STEPS as u64 * STEP]);
    }
}
