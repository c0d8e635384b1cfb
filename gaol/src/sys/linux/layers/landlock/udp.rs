//! Landlock's rules about UDP, which the `landlock` crate does not know yet.
//!
//! They make a ruleset of their own, entered beside the other: of two rulesets both must allow.
//!
//! # Safety
//!
//! The three system calls of Landlock are made directly, with structures of the kernel's layout that live through each call.
//!
//! # References
//!
//! landlock(7), and `include/uapi/linux/landlock.h` of Linux 7.2.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::sys::plan::{Network, Ports};

/// The first ABI that knows UDP.
pub(crate) const ABI: u32 = 10;

/// Bind a socket to a port; port 0 stands for the one that the kernel picks when a socket sends unbound.
const BIND: u64 = 1 << 2;
/// Connect a socket to a port, or send to one.
const CONNECT_SEND: u64 = 1 << 3;

const RULE_NET_PORT: libc::c_int = 2;

#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

#[repr(C)]
struct NetPortAttr {
    allowed_access: u64,
    port: u64,
}

/// Creates the ruleset. `None` where every address may be sent to, which includes being bound to any port.
///
/// # Errors
///
/// The kernel's: EINVAL or EOPNOTSUPP if it does not know UDP after all.
pub(super) fn create(network: &Network) -> io::Result<Option<OwnedFd>> {
    let mut handled = 0;
    if network.udp_outbound != Ports::Every {
        handled |= CONNECT_SEND;
        if network.udp_inbound != Ports::Every {
            handled |= BIND;
        }
    }
    if handled == 0 {
        return Ok(None);
    }
    let attributes = RulesetAttr { handled_access_fs: 0, handled_access_net: handled, scoped: 0 };
    // SAFETY: the kernel reads `size_of::<RulesetAttr>()` bytes of a structure that lives through the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, &raw const attributes, size_of::<RulesetAttr>(), 0) };
    let ruleset = match RawFd::try_from(answer) {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(fd) if fd >= 0 => unsafe { OwnedFd::from_raw_fd(fd) },
        _ => return Err(io::Error::last_os_error()),
    };
    // With an inbound direction that is open, what comes in may still be answered only where the outbound one allows.
    for &port in network.udp_outbound.judged() {
        add(&ruleset, CONNECT_SEND, port)?;
    }
    for &port in network.udp_inbound.judged().iter().filter(|_| handled & BIND != 0) {
        add(&ruleset, BIND, port)?;
    }
    if !network.udp_outbound.is_empty() && handled & BIND != 0 {
        // What sends must be bound, by itself or by the kernel, to a port of the kernel's choice.
        add(&ruleset, BIND, 0)?;
    }
    Ok(Some(ruleset))
}

fn add(ruleset: &OwnedFd, access: u64, port: u16) -> io::Result<()> {
    let rule = NetPortAttr { allowed_access: access, port: port.into() };
    // SAFETY: the ruleset is open, and the kernel reads a structure of this rule type's layout that lives through the call.
    let answer =
        unsafe { libc::syscall(libc::SYS_landlock_add_rule, ruleset.as_raw_fd(), RULE_NET_PORT, &raw const rule, 0) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Restricts the process for good.
///
/// # Errors
///
/// The kernel's: E2BIG if it is under 16 rulesets already.
pub(super) fn enter(ruleset: &OwnedFd, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: takes numbers only.
    let answer = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), flags) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
