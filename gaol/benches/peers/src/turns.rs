//! Contenders taking turns.

use std::fmt::{Debug, Display};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::figures::Figures;

/// Between two calls, so that a spare process stands ready: what a service under light load sees.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);

/// One turn: makes a call that is numbered, checks what came of it, and says how long the call took.
pub(crate) type Turn<'a> = Box<dyn FnMut(u64) -> Result<Duration, String> + 'a>;

pub(crate) struct Contender<'a> {
    pub(crate) name: String,
    /// Waits before each call.
    pub(crate) pauses: bool,
    /// How many calls of a turn count. One more comes before them.
    pub(crate) block: usize,
    turn: Turn<'a>,
}

impl<'a> Contender<'a> {
    /// One that pauses, and has three calls a turn.
    pub(crate) fn new(name: impl Into<String>, turn: impl FnMut(u64) -> Result<Duration, String> + 'a) -> Self {
        Self { name: name.into(), pauses: true, block: 3, turn: Box::new(turn) }
    }

    #[must_use]
    pub(crate) fn in_blocks_of(self, block: usize) -> Self {
        Self { block, ..self }
    }

    #[must_use]
    pub(crate) fn back_to_back(self) -> Self {
        Self { pauses: false, ..self }
    }
}

/// Lets every contender have its turn, `rounds` times. Who goes first changes from round to round.
pub(crate) fn take_turns(
    phase: &str,
    mut contenders: Vec<Contender<'_>>,
    rounds: usize,
    arguments: &Arguments,
    figures: &mut Figures,
) {
    contenders.retain(|contender| arguments.wants(phase, &contender.name));
    for round in 0..rounds {
        contenders.retain_mut(|contender| match block(contender, round as u64) {
            Ok(times) => {
                times.into_iter().for_each(|time| figures.record(phase, &contender.name, time));
                true
            }
            Err(error) => {
                figures.wrong(format!("{phase}, {}: {error}", contender.name));
                false
            }
        });
        if !contenders.is_empty() {
            contenders.rotate_left(1);
        }
    }
}

fn block(contender: &mut Contender<'_>, round: u64) -> Result<Vec<Duration>, String> {
    let calls = contender.block as u64 + 1;
    let mut times = Vec::with_capacity(contender.block);
    for call in 0..calls {
        if contender.pauses {
            std::thread::sleep(PAUSE);
        }
        let time = (contender.turn)(round * calls + call)?;
        if call > 0 {
            times.push(time);
        }
    }
    Ok(times)
}

/// Makes a call, and holds its result against what it must be once the clock has stopped.
pub(crate) fn timed<T: PartialEq + Debug, E: Display>(
    expected: T,
    call: impl FnOnce() -> Result<T, E>,
) -> Result<Duration, String> {
    let begun = Instant::now();
    let got = call();
    let time = begun.elapsed();
    match got {
        Ok(got) if got == expected => Ok(time),
        Ok(got) => Err(format!("got {got:?}, and not {expected:?}")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn everybody_has_as_many_turns_and_the_first_call_of_each_does_not_count() {
        let calls = RefCell::new(Vec::new());
        let one = |name: &'static str| {
            let calls = &calls;
            Contender::new(name, move |number| {
                calls.borrow_mut().push((name, number));
                Ok(Duration::from_micros(number))
            })
            .in_blocks_of(1)
            .back_to_back()
        };
        let mut figures = Figures::default();
        take_turns("phase", vec![one("a"), one("b")], 2, &Arguments::default(), &mut figures);
        let expected = [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2), ("b", 3), ("a", 2), ("a", 3)];
        assert_eq!(*calls.borrow(), expected);
        let counts: Vec<_> =
            figures.times_of("phase").into_iter().map(|(name, summary)| (name, summary.count)).collect();
        assert_eq!(counts, [("a", 2), ("b", 2)]);
    }

    #[test]
    fn a_wrong_result_ends_a_contender_and_is_told() {
        let bad = Contender::new("bad", |number| timed(number + 1, || Ok::<_, String>(number))).back_to_back();
        let good = Contender::new("good", |number| timed(number, || Ok::<_, String>(number))).back_to_back();
        let mut figures = Figures::default();
        take_turns("phase", vec![bad, good], 3, &Arguments::default(), &mut figures);
        assert_eq!(figures.wrongs(), ["phase, bad: got 0, and not 1"]);
        assert_eq!(figures.times_of("phase").len(), 1);
    }
}
