//! fork(2) of this process, and what is forked ending at once.
//!
//! # Safety
//!
//! A child runs async-signal-safe system calls only (read, write, _exit), so it does not matter what other threads held when it was forked.
#![allow(unsafe_code)]

use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions};

/// Which side of a fork this is.
pub(crate) enum Side {
    Parent(Pid),
    Child,
}

/// Forks. The child has one thread, and may only make system calls before it ends by [`exit_now`].
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: the callers in this program keep to what the child may do.
    match unsafe { libc::fork() } {
        0 => Ok(Side::Child),
        pid @ 1.. => Pid::from_raw(pid).map(Side::Parent).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the process at once: no destructor, no exit handler, no flush of what the parent had buffered.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// Has the kernel reap children: nobody waits for them.
pub(crate) fn reap_automatically() {
    // SAFETY: an ignored signal runs no handler.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// One fork, exit and wait.
pub(crate) fn fork_exit_wait() -> Result<Duration, String> {
    const CODE: i32 = 7;
    let begun = Instant::now();
    let pid = match fork().map_err(|error| format!("fork: {error}"))? {
        Side::Child => exit_now(CODE),
        Side::Parent(pid) => pid,
    };
    let ended =
        rustix::process::waitpid(Some(pid), WaitOptions::empty()).map_err(|errno| format!("waitpid: {errno}"))?;
    let time = begun.elapsed();
    match ended.and_then(|(_, status)| status.exit_status()) {
        Some(CODE) => Ok(time),
        other => Err(format!("it ended with {other:?}")),
    }
}
