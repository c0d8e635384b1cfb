//! A shape that remembers which of its fields were looked at.
//!
//! An answer that was worked out from some fields of a shape is the same for every shape that agrees on those. So what is proven for one
//! shape is proven for others, and far more shapes can be tried than there is time for.

use std::cell::Cell;

use super::super::{Gate, Paths, Shape};
use crate::profile::Violation;

pub(super) struct Watched {
    shape: Shape,
    looked_at: Cell<Fields>,
}

/// Some fields of a shape, one bit each.
pub(super) type Fields = u32;

impl Watched {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, looked_at: Cell::new(0) }
    }

    /// All that was asked for since it was made.
    pub(super) fn looked_at(&self) -> Fields {
        self.looked_at.get()
    }
}

macro_rules! fields {
    ($($bit:literal $name:ident: $type:ty,)*) => {
        impl Watched {
            $(pub(super) fn $name(&self) -> $type {
                self.looked_at.set(self.looked_at.get() | 1 << $bit);
                self.shape.$name
            })*
        }

        /// The fields in which two shapes differ.
        pub(super) fn differences(one: &Shape, other: &Shape) -> Fields {
            // Every field is here, or this does not compile.
            let Shape { $($name,)* } = one;
            0 $(| u32::from(*$name != other.$name) << $bit)*
        }
    };
}

fields! {
    0 paths: Paths,
    1 write: bool,
    2 private_root: bool,
    3 tcp: bool,
    4 udp: bool,
    5 unix: bool,
    6 listen: Gate,
    7 bind_udp: bool,
    8 exec: bool,
    9 system_info: bool,
    10 narrows: bool,
    11 threads: Gate,
    12 violation: Violation,
}
