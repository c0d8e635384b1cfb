//! The deadline of a call holds, whatever its child does to what the application reads, closes, drops and waits for.
//!
//! Every module beneath has attacks of one kind. Each is made in both tiers, and may end no more than [`BOUND`] after its deadline.

#[path = "support"]
mod support {
    #![allow(dead_code, reason = "other tests use the rest")]
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod tiers;
}

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}

#[path = "deadlines"]
mod kinds {
    pub(crate) mod closes;
    pub(crate) mod reads;
    pub(crate) mod streams;
}

use std::cell::RefCell;
use std::time::{Duration, Instant};

use support::tiers::in_each_tier;

/// How long after its deadline a call may end at the latest.
const BOUND: Duration = Duration::from_millis(500);

/// The deadline of each call, but for those that need longer to get ready.
pub(crate) const TIME: Duration = Duration::from_millis(700);

/// A child that makes the application slow.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    /// When everything that `act` does is to be over.
    pub(crate) time: Duration,
    /// Makes the call, and checks how it ends.
    pub(crate) act: fn(),
}

#[test]
fn deadlines_hold_whatever_a_child_does() {
    let attacks = [kinds::reads::ATTACKS, kinds::closes::ATTACKS, kinds::streams::ATTACKS].concat();
    let overruns: RefCell<Vec<(Duration, &str, &str)>> = RefCell::default();
    in_each_tier(|namespaces| {
        for Attack { name, time, act } in &attacks {
            let begun = Instant::now();
            act();
            let took = begun.elapsed();
            let over = took.saturating_sub(*time);
            println!("{over:>9.1?} over: {took:.1?} of {time:?}: {name}");
            overruns.borrow_mut().push((over, name, if namespaces { "tier A" } else { "tier B" }));
        }
    });
    let overruns = overruns.into_inner();
    let (over, name, tier) = overruns.iter().max().expect("attacks");
    println!("deadlines: {} attacks, the longest {over:.1?} over its deadline ({name}, {tier})", overruns.len());
    let late: Vec<_> = overruns.iter().filter(|(over, ..)| *over > BOUND).collect();
    assert!(late.is_empty(), "later than {BOUND:?}: {late:?}");
}
