//! Why a value is trusted, in words that are there when the program is compiled.

use std::fmt;

/// Why [`Tainted::trust_because`](super::Tainted::trust_because) lets a value in. Made by [`reason!`](crate::reason!), and by nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    words: &'static str,
}

impl Reason {
    /// The words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.words
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }
}

/// The second half of `reason!`, which has checked the literal.
///
/// Not a function of [`Reason`]: rustc would propose it to those who have a string.
#[must_use]
pub const fn from_checked(words: &'static str) -> Reason {
    Reason { words }
}

/// What [`Tainted::trust_because`](super::Tainted::trust_because) takes: a [`Reason`]. It is a trait so that a string gets an answer that
/// says what to write.
#[diagnostic::on_unimplemented(
    message = "a reason is checked when the program is compiled, which `{Self}` is not; write `trust_because(gaol::reason!(\"…\"))`",
    label = "`reason!(\"…\")` belongs here, with a string literal"
)]
pub trait CheckedReason: sealed::Sealed {}

impl CheckedReason for Reason {}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Reason {}
}

/// A [`Reason`], from a string literal that says something. Anything else does not compile: no string that is known only
/// when the program runs, none without a letter or digit in it.
///
/// ```
/// use gaol::{Tainted, reason};
///
/// let bytes = Tainted::new([0_u8; 32]);
/// let bytes = bytes.trust_because(reason!("any 32 bytes are a digest"));
/// # assert_eq!(bytes, [0; 32]);
/// ```
///
/// ```compile_fail
/// # use gaol::{Tainted, reason};
/// # let bytes = Tainted::new([0_u8; 32]);
/// let bytes = bytes.trust_because(reason!(" "));
/// ```
#[macro_export]
macro_rules! reason {
    ($($reason:tt)*) => {
        $crate::__private::reason_from_checked($crate::__private::checked_reason!($($reason)*))
    };
}
