//! What the functions of the soak do, and how each call must end.
//!
//! # Safety
//!
//! One function reads from an address where nothing is, to be killed for it.
#![allow(unsafe_code)]

use std::time::Duration;

use gaol::{Error, sandboxed};
use serde::{Deserialize, Serialize};

/// The most that a call may use, and less than what the greedy one asks for.
const MEMORY: u64 = 64 << 20;
const GREED: usize = 256 << 20;
const TIME: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Act {
    Answer,
    Crash,
    Panic,
    Hang,
    Exhaust,
}

impl Act {
    pub(crate) const ALL: [Self; 5] = [Self::Answer, Self::Crash, Self::Panic, Self::Hang, Self::Exhaust];

    /// Of so many calls in a row one does each of the bad acts: one in a hundred ends badly.
    pub(crate) const PERIOD: u64 = 400;

    /// What the call of this number does.
    pub(crate) fn of(number: u64) -> Self {
        match number % Self::PERIOD {
            50 => Self::Crash,
            150 => Self::Panic,
            250 => Self::Hang,
            350 => Self::Exhaust,
            _ => Self::Answer,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answer => "answers",
            Self::Crash => "reads where nothing is: SIGSEGV",
            Self::Panic => "panics",
            Self::Hang => "does not come back: deadline",
            Self::Exhaust => "takes more memory than it may",
        }
    }
}

/// A number that no other call's reply has.
pub(crate) fn mix(number: u64) -> u64 {
    (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}

/// Most calls, the bad ones too, are of one function, so that they share a template with the good ones.
#[sandboxed(memory = "64MiB")]
fn acts(act: Act, number: u64) -> gaol::Result<u64> {
    match act {
        Act::Answer | Act::Hang => {}
        Act::Crash => crash(),
        Act::Panic => panic!("call {number}"),
        Act::Exhaust => {
            std::hint::black_box(vec![1_u8; GREED]);
        }
    }
    Ok(mix(number))
}

/// A deadline belongs to a profile. A short one is not for calls that must not miss it.
#[sandboxed(time = "100ms")]
fn hangs(number: u64, hangs: bool) -> gaol::Result<u64> {
    while std::hint::black_box(hangs) {
        std::thread::sleep(Duration::from_secs(3600));
    }
    Ok(mix(number))
}

fn crash() {
    let nowhere = std::hint::black_box(64 as *const u8);
    // SAFETY: not sound, and meant: the first page is never mapped, so that the process is killed here.
    let byte = unsafe { nowhere.read_volatile() };
    std::hint::black_box(byte);
}

/// Makes the call of this number. An error says what came instead of what must.
pub(crate) fn call(number: u64) -> Result<(), String> {
    let act = Act::of(number);
    let got = match act {
        Act::Hang => hangs(number, true),
        _ => acts(act, number),
    };
    if is_right(act, number, &got) { Ok(()) } else { Err(format!("call {number}, which {}: {got:?}", act.name())) }
}

/// One call of each function, which is not counted. It must not fail either, but for the short deadline, which a busy machine may miss.
pub(crate) fn call_each() -> Result<(), String> {
    const NUMBER: u64 = u64::MAX - 1;
    let of_first = acts(Act::Answer, NUMBER);
    let of_second = hangs(NUMBER, false);
    let missed = matches!(of_second, Err(Error::TimedOut { .. }));
    if is_right(Act::Answer, NUMBER, &of_first) && (missed || is_right(Act::Answer, NUMBER, &of_second)) {
        Ok(())
    } else {
        Err(format!("a call between two parts: {of_first:?}, {of_second:?}"))
    }
}

fn is_right(act: Act, number: u64, got: &gaol::Result<u64>) -> bool {
    match (act, got) {
        (Act::Answer, Ok(reply)) => *reply == mix(number),
        (Act::Crash, Err(Error::Killed { signal, .. })) => *signal == libc::SIGSEGV,
        (Act::Panic, Err(Error::Panicked { message, .. })) => *message == format!("call {number}"),
        (Act::Hang, Err(Error::TimedOut { limit, .. })) => *limit == TIME,
        (Act::Exhaust, Err(Error::OutOfMemory { limit, .. })) => *limit == Some(MEMORY),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_call_in_a_hundred_ends_badly_and_in_each_way() {
        let count = |act| (0..100_000).filter(|number| Act::of(*number) == act).count();
        assert_eq!(Act::ALL.map(count), [99_000, 250, 250, 250, 250]);
    }

    #[test]
    fn no_two_calls_have_the_same_reply() {
        let replies: HashSet<u64> = (0..100_000).map(mix).collect();
        assert_eq!(replies.len(), 100_000);
    }

    #[test]
    fn another_calls_reply_is_wrong_and_so_is_a_good_end_of_a_bad_act() {
        assert!(is_right(Act::Answer, 7, &Ok(mix(7))));
        assert!(!is_right(Act::Answer, 7, &Ok(mix(8))));
        assert!(!is_right(Act::Panic, 150, &Ok(mix(150))));
        assert!(!is_right(Act::Answer, 7, &Err("anything".into())));
    }
}
