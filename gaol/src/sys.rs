//! The seam: what gaol asks of a system, answered by one module per system.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(not(target_os = "linux"))]
compile_error!("gaol does not run on this system yet: it confines children on Linux only");
