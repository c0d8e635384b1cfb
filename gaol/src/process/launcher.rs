//! The launcher: runs another program inside a profile.

pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod main;
pub(crate) mod mark;
pub(crate) mod messages;
pub(crate) mod origin;
pub(crate) mod supervise;
