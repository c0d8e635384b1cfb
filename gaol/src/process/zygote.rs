//! The zygote: the clean, single-threaded process that every other child is forked from.

pub(crate) mod handle;
pub(crate) mod host;
pub(crate) mod main;
