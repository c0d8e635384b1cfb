//! What the system itself costs, without gaol.

pub(crate) mod apart;
pub(crate) mod ballast;
pub(crate) mod confined;
pub(crate) mod fork;
pub(crate) mod sockets;
pub(crate) mod zygote;
