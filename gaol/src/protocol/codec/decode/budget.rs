//! What reading a value may cost: the memory of what is made of the bytes, and time.
//!
//! Bytes say little of what is made of them. A byte that is 0 is an `Option<[u64; 32]>` of 264 bytes, and a `String` of one letter takes two
//! bytes of a message, 24 of a vector, and an allocation. So what is paid for is what is built: each element of a collection by its size, each
//! text by its length, each allocation by what an allocator takes for it, and what may be in a box, as far as the types tell.

use std::any::type_name;
use std::time::Instant;

use super::DecodeError;

/// How many times what `reply` allows the value may take that is made of a reply.
pub(crate) const MULTIPLE: u64 = 8;

/// A reply may always be made a value of [`MULTIPLE`] times as much, however little `reply` allows: types have a size as well.
const LEAST_REPLY: u64 = 1 << 20;

/// What counts as `reply` where it is `"none"`, unless the message itself is longer: what is read stays in proportion.
const UNLIMITED_REPLY: u64 = 64 << 20;

/// What an allocator takes for an allocation beyond its size, at most: a header, and up to the next size that it has.
pub(super) const ALLOCATION: usize = 32;

/// How many elements are read between two looks at the clock.
const BETWEEN_LOOKS: u32 = 1024;

/// A block from which on the clock is looked at before each.
const LONG: usize = 1 << 20;

/// What reading a message may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    memory: u64,
    deadline: Option<Instant>,
}

impl Budget {
    /// For what trusted peers send.
    pub(crate) const UNLIMITED: Self = Self { memory: u64::MAX, deadline: None };

    /// For a reply: `reply` is the profile's limit, `message` how many bytes there are.
    pub(crate) fn of_reply(reply: Option<u64>, message: u64, deadline: Option<Instant>) -> Self {
        let reply = reply.unwrap_or(UNLIMITED_REPLY.max(message)).max(LEAST_REPLY);
        Self { memory: reply.saturating_mul(MULTIPLE), deadline }
    }

    /// So many bytes of memory.
    #[cfg(test)]
    pub(crate) fn of_memory(memory: u64) -> Self {
        Self { memory, deadline: None }
    }

    /// How many elements collections may make room for before they are read, of a message of so many bytes: not every collection is as
    /// careful as serde's own. An element has 256 bytes, as far as this knows.
    pub(super) fn reservable(&self, bytes: usize) -> usize {
        usize::try_from(self.memory / 256).unwrap_or(usize::MAX).min(bytes)
    }
}

/// What is left of it.
pub(super) struct Account {
    budget: Budget,
    memory_left: u64,
    until_look: u32,
    /// Why it is closed.
    closed: Option<DecodeError>,
}

impl Account {
    pub(super) fn new(budget: Budget) -> Self {
        Self { budget, memory_left: budget.memory, until_look: BETWEEN_LOOKS, closed: None }
    }

    /// Pays for a block of so many bytes, which is copied.
    pub(super) fn pay_for_block(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.pay(bytes)?;
        if bytes >= LONG { self.look() } else { Ok(()) }
    }

    /// Pays for so many bytes of memory.
    #[inline]
    pub(super) fn pay(&mut self, bytes: usize) -> Result<(), DecodeError> {
        match self.memory_left.checked_sub(bytes as u64) {
            Some(left) => {
                self.memory_left = left;
                Ok(())
            }
            None => Err(self.close(DecodeError::TooMuch { limit: self.budget.memory })),
        }
    }

    /// Counts one element, and looks at the clock from time to time.
    #[inline]
    pub(super) fn tick(&mut self) -> Result<(), DecodeError> {
        match self.until_look.checked_sub(1) {
            Some(left) => {
                self.until_look = left;
                Ok(())
            }
            None => self.look(),
        }
    }

    #[cold]
    fn look(&mut self) -> Result<(), DecodeError> {
        self.until_look = BETWEEN_LOOKS;
        if self.budget.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(self.close(DecodeError::Late));
        }
        Ok(())
    }

    #[cold]
    fn close(&mut self, why: DecodeError) -> DecodeError {
        self.memory_left = 0;
        self.until_look = 0;
        self.closed = Some(why.clone());
        why
    }

    /// Whether it was ever closed, whatever the type that was read has made of it.
    pub(super) fn verdict(&self) -> Result<(), DecodeError> {
        self.closed.clone().map_or(Ok(()), Err)
    }
}

/// What a collection takes for an element, as a multiple of the element's size and something beside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    times: u32,
    later: u32,
    beside: usize,
}

impl Growth {
    /// Elements that stand in what holds them.
    pub(super) const NONE: Self = Self { times: 0, later: 0, beside: 0 };

    /// Elements in a row. A vector that grows has up to twice the room, whose other half it does not touch.
    const ROW: Self = Self { times: 1, later: 1, beside: 0 };

    /// A tree begins with a node for eleven, and its nodes are half full at least. A hash table is, too.
    const TABLE: Self = Self { times: 11, later: 2, beside: 8 };

    /// What is not known: as a tree, or a list with an allocation for each.
    const UNKNOWN: Self = Self { beside: 32, ..Self::TABLE };

    /// What a collection of the type `T` takes. A name that is not known costs more, never less.
    pub(super) fn of<T>() -> Self {
        let name = type_name::<T>();
        let begins = |known: &[&str]| known.iter().any(|known| name.starts_with(known));
        if begins(&["alloc::vec::Vec<", "alloc::collections::vec_deque::", "alloc::collections::binary_heap::"]) {
            Self::ROW
        } else if begins(&["alloc::collections::btree::", "std::collections::hash::"]) {
            Self::TABLE
        } else {
            Self::UNKNOWN
        }
    }

    /// For an element of that size.
    #[inline]
    pub(super) fn of_one(self, size: usize) -> usize {
        size.saturating_mul(self.times as usize) + self.beside
    }

    /// The first element, or entry, was paid for.
    #[inline]
    pub(super) fn has_begun(&mut self) {
        self.times = self.later;
    }
}
