//! What acts for a confined process from outside of it: it answers notifications, counts descendants, changes modes.

pub(crate) mod descendants;
pub(crate) mod in_flight;
pub(crate) mod inodes;
pub(crate) mod notification;
