//! Many attempts of one kind, which are all to get the same answer.

use super::toolbox::{Refusal, Seen};

/// What one attempt got.
pub(crate) struct Attempted(pub(crate) String, pub(crate) Result<usize, Refusal>);

/// The errno, where every attempt was refused with it; done, where none was; and which were and were not, where they differ.
///
/// So a single attempt that comes through is seen in the refusal, and a single one that something else refuses is seen in the control.
pub(crate) fn sweep(errno: i32, attempts: impl IntoIterator<Item = Attempted>) -> Seen {
    let (mut refused, mut reached) = (Vec::new(), Vec::new());
    for Attempted(name, answer) in attempts {
        match answer {
            Err(Refusal::Errno(found)) if found == errno => refused.push(name),
            other => reached.push(format!("{name}: {other:?}")),
        }
    }
    match (refused.len(), reached.len()) {
        (0, 0) => Seen::Split("nothing was tried".into()),
        (_, 0) => Seen::Errno(errno),
        (0, count) => Seen::Done(format!("{count} answers of the kernel's own")),
        _ => Seen::Split(format!("refused: {}; not refused: {}", refused.join(", "), reached.join(", "))),
    }
}
