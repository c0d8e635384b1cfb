//! Hygiene: what a process inherits without being asked.

use rustix::process::DumpableBehavior;

use crate::support::Layer;
use crate::sys::plan::Refusal;
use crate::sys::refusal;

/// Gives up the terminal.
///
/// Descriptors and signals were reset when the zygote started, the environment was empty from its exec on.
pub(crate) fn leave_terminal() {
    // A session of its own has no controlling terminal: TIOCSTI and job control have nothing to act on.
    // The only error is that the process leads a session already.
    let _ = rustix::process::setsid();
}

/// Leaves the working directory.
pub(crate) fn leave_directory() -> Result<(), Refusal> {
    rustix::process::chdir("/").map_err(|errno| refusal(Layer::Hygiene, "chdir(\"/\")", &errno.into()))
}

/// Keeps memory out of core dumps and out of the reach of ptrace.
///
/// A step of its own, since an undumpable process cannot write its own `uid_map`.
pub(crate) fn forbid_dumps() -> Result<(), Refusal> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|errno| refusal(Layer::Hygiene, "prctl(PR_SET_DUMPABLE, 0)", &errno.into()))
}
