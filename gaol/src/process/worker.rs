//! The worker: the process that runs the function.

pub(crate) mod main;
pub(crate) mod reply_buffer;
pub(crate) mod spin;
