//! How a value finds out that this codec, and no other format, reads or writes it.
//!
//! serde shows a format the name of a newtype struct, and a format may do with it what it likes: most do nothing. This codec
//! answers to one name, [`NAME`], right before it turns to the struct's content. So a value that may only cross takes that
//! name, [asks](ask), and reads or writes its content only if it was [answered](is_answered). The bytes are those of any newtype struct.

use std::cell::Cell;

/// The name that the codec answers to.
pub(crate) const NAME: &str = "gaol::only_crosses";

thread_local! {
    static ANSWERED: Cell<bool> = const { Cell::new(false) };
}

/// The value's first step, before it gives its name to a format.
pub(crate) fn ask() {
    ANSWERED.set(false);
}

/// The value's second step, in its content: whether the format is this codec. Each answer counts once.
pub(crate) fn is_answered() -> bool {
    ANSWERED.take()
}

/// The codec's step, with nothing between it and the content of the newtype struct of that name.
#[inline]
pub(super) fn answer(name: &str) {
    if name == NAME {
        ANSWERED.set(true);
    }
}
