//! How much stack reading a value may take: the depth of a value is limited, but not what a level of it takes.

use super::DecodeError;
use crate::{role, sys};

/// What is taken without a question. Few values take more, and every thread has it.
const FREE: usize = 4 << 10;

/// What may be taken where nobody can tell how much there is: on the stack of a coroutine, for instance.
const UNKNOWN: usize = 128 << 10;

/// What a child may take, whose stack is the main thread's: what it is sent is the application's own, and its end is its own.
const OF_CHILDREN: usize = 1 << 20;

/// The stack that reading began on.
pub(super) struct Stack {
    begun: usize,
    /// The lowest address that may be reached, once it is known.
    lowest: usize,
}

/// An address in the frame of whoever asks. Stacks grow downwards on every system that gaol runs on.
macro_rules! here {
    () => {{
        let marker = 0_u8;
        std::ptr::from_ref(&marker).addr()
    }};
}

impl Stack {
    #[inline]
    pub(super) fn from_here() -> Self {
        let begun = here!();
        Self { begun, lowest: begun.saturating_sub(FREE) }
    }

    /// Before one more level: it takes from the reserve, which is half of what there was, if it takes more than the levels before.
    #[inline]
    pub(super) fn check(&mut self) -> Result<(), DecodeError> {
        let here = here!();
        if here >= self.lowest { Ok(()) } else { self.look(here) }
    }

    #[cold]
    fn look(&mut self, here: usize) -> Result<(), DecodeError> {
        let may_take = if role::is_child() {
            OF_CHILDREN
        } else {
            sys::os::stack::of_this_thread()
                .filter(|stack| stack.contains(&self.begun))
                .map_or(UNKNOWN, |stack| (self.begun - stack.start) / 2)
        };
        self.lowest = self.begun.saturating_sub(may_take);
        if here >= self.lowest { Ok(()) } else { Err(DecodeError::StackUsed) }
    }
}
