//! What the system itself costs, without any layer and without any library.

pub(crate) mod ballast;
pub(crate) mod fork;
pub(crate) mod sockets;
pub(crate) mod zygote;
