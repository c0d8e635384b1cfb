//! What gaol asks of Linux that confines nothing: processes, memory, signals, clocks.

pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod identity;
pub(crate) mod numbers;
pub(crate) mod shared;
pub(crate) mod signals;
pub(crate) mod spawn;
pub(crate) mod stack;
