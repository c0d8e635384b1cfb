//! Many attempts of one kind, which are all to get the same answer.

use super::row::Answer;
use super::toolbox::{Apart, Refusal, Seen};

/// What one attempt got.
pub(crate) struct Attempted(pub(crate) String, pub(crate) Result<usize, Refusal>);

/// What a sweep of so many attempts sees where `errno` refuses all but some.
pub(crate) fn all_but(errno: i32, attempts: usize, others: impl IntoIterator<Item = (String, Option<i32>)>) -> Answer {
    let mut others: Vec<_> = others.into_iter().collect();
    others.sort();
    match others.len() {
        0 => Answer::Errno(errno),
        count if count == attempts => Answer::done(),
        _ => Answer::Apart(Apart { refused: Vec::new(), others }),
    }
}

/// The errno, where every attempt was refused with it; done, where none was; and which were and were not, where they differ.
///
/// So a single attempt that comes through is seen in the refusal, and a single one that something else refuses is seen in the control.
pub(crate) fn sweep(errno: i32, attempts: impl IntoIterator<Item = Attempted>) -> Seen {
    let (mut refused, mut others) = (Vec::new(), Vec::new());
    for Attempted(name, answer) in attempts {
        match answer {
            Err(Refusal::Errno(found)) if found == errno => refused.push(name),
            Err(Refusal::Errno(other)) => others.push((name, Some(other))),
            Ok(_) | Err(Refusal::Absent) => others.push((name, None)),
        }
    }
    others.sort();
    match (refused.len(), others.len()) {
        (0, 0) => Seen::Absent,
        (_, 0) => Seen::Errno(errno),
        (0, count) => Seen::Done(format!("{count} answers of the kernel's own")),
        _ => Seen::Apart(Apart { refused, others }),
    }
}
