//! The template: one process per profile, already inside every layer, which forks a worker for each call.

pub(crate) mod handle;
pub(crate) mod main;
pub(crate) mod prewarmed;
