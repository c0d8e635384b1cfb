//! What stays outside when the application puts itself under a profile: nothing that it could ask for a process, and somebody who answers.

use std::os::fd::OwnedFd;

use crate::call::application::Application;
use crate::call::disposal;
use crate::error::ProfileError;
use crate::process::zygote::handle;
use crate::process::zygote::handle::{NotStarted, Zygote};
use crate::role;
use crate::sys::supervise::notification::Rules;

/// Ends the threads of gaol's own, as far as they have nothing to do.
pub(crate) fn end_idle_threads() {
    Application::end_idle_workers();
    disposal::rest();
}

/// Lets go of every process that this one has started for its calls.
///
/// # Errors
///
/// [`ProfileError::Forked`] where this process is a fork, and has copies of the sockets of another's, which only that one knows;
/// [`ProfileError::Threads`] where what a child sent is still being closed.
pub(crate) fn disconnect() -> Result<(), ProfileError> {
    if handle::has_copies() {
        return Err(ProfileError::Forked);
    }
    Application::end_idle_workers();
    Application::end_all();
    if disposal::rest() { Ok(()) } else { Err(ProfileError::Threads { count: 2 }) }
}

/// A process outside of the sandbox, for the questions of a filter that this process is going to put itself under.
pub(crate) struct Supervisor(Zygote);

/// Starts one.
///
/// # Errors
///
/// What kept it from being started.
pub(crate) fn start() -> Result<Supervisor, ProfileError> {
    if !role::has_entry_point() {
        return Err(ProfileError::NoEntryPoint);
    }
    Zygote::start().map(Supervisor).map_err(|NotStarted { step, source }| ProfileError::Start { step, source })
}

impl Supervisor {
    /// Hands the listener of the filter over. From then on the process hears nothing else.
    pub(crate) fn begin(self, rules: Rules, listener: &OwnedFd) -> std::io::Result<()> {
        self.0.watch(rules, listener)
    }
}
