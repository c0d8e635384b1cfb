//! Capabilities: none in any set, and no way to get one.

use rustix::io::Errno;
use rustix::thread::{CapabilitiesSecureBits, CapabilitySet, CapabilitySets};

use crate::support::Layer;
use crate::sys::plan::Refusal;
use crate::sys::refusal;

/// Whether they can be looked at, which a filter around the process may refuse.
pub(crate) fn check() -> Result<(), Refusal> {
    rustix::thread::capabilities(None).map(drop).map_err(|errno| refused("capget", errno))
}

/// Takes every capability out of the bounding set: no exec gives one any more. What the process holds it keeps.
///
/// Nothing that it has yet to do depends on that set, so that this can be done long before [`drop_all`].
pub(crate) fn shrink_bounding_set() -> Result<(), Refusal> {
    // Only CAP_SETPCAP may; a process without any capability gains none by an exec, since no_new_privs keeps it from that.
    if !may_shrink()? {
        return Ok(());
    }
    for number in 0..64 {
        match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(1 << number)) {
            Ok(()) => {}
            // The first number that the kernel does not know.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(refused("prctl(PR_CAPBSET_DROP)", errno)),
        }
    }
    Ok(())
}

/// Empties every other capability set and locks the securebits, so that uid 0 is a number like any other.
pub(crate) fn drop_all() -> Result<(), Refusal> {
    if may_shrink()? {
        rustix::thread::clear_ambient_capability_set()
            .map_err(|errno| refused("prctl(PR_CAP_AMBIENT_CLEAR_ALL)", errno))?;
        rustix::thread::set_capabilities_secure_bits(
            CapabilitiesSecureBits::NO_ROOT
                | CapabilitiesSecureBits::NO_ROOT_LOCKED
                | CapabilitiesSecureBits::NO_SETUID_FIXUP
                | CapabilitiesSecureBits::NO_SETUID_FIXUP_LOCKED
                | CapabilitiesSecureBits::KEEP_CAPS_LOCKED
                | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE
                | CapabilitiesSecureBits::NO_CAP_AMBIENT_RAISE_LOCKED,
        )
        .map_err(|errno| refused("prctl(PR_SET_SECUREBITS)", errno))?;
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, none).map_err(|errno| refused("capset", errno))
}

/// Whether the process may shrink its bounding set and lock its securebits.
fn may_shrink() -> Result<bool, Refusal> {
    let held = rustix::thread::capabilities(None).map_err(|errno| refused("capget", errno))?;
    Ok(held.effective.contains(CapabilitySet::SETPCAP))
}

/// Sets `no_new_privs`: an exec gives nothing, and filters and rulesets may be installed without privilege.
pub(crate) fn forbid_new_privileges() -> Result<(), Refusal> {
    rustix::thread::set_no_new_privs(true).map_err(|errno| refused("prctl(PR_SET_NO_NEW_PRIVS)", errno))
}

fn refused(step: &str, errno: Errno) -> Refusal {
    refusal(Layer::Capabilities, step, &errno.into())
}
