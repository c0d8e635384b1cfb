//! The layers: each is one mechanism of the kernel that confines a process.

pub(crate) mod capabilities;
pub(crate) mod hygiene;
pub(crate) mod landlock;
pub(crate) mod limits;
pub(crate) mod namespaces;
pub(crate) mod prewarmed;
pub(crate) mod probe;
pub(crate) mod reopening;
pub(crate) mod reserve;
pub(crate) mod seccomp;
pub(crate) mod sigsys;
pub(crate) mod steps;
