//! The CPU clock of another process.
//!
//! # Safety
//!
//! `clock_gettime(2)` with the clock of a process id, which `rustix` does not offer: it writes one structure.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use rustix::process::Pid;

/// CPU time used by all threads of a process.
#[derive(Debug)]
pub(crate) struct CpuClock(libc::clockid_t);

impl CpuClock {
    /// The clock of the process behind a pidfd.
    ///
    /// # Errors
    ///
    /// `NotFound` when the process is gone; what reading `/proc` gives otherwise.
    pub(crate) fn of(pidfd: BorrowedFd<'_>) -> io::Result<Self> {
        let pid = process_of(pidfd)?;
        // CPUCLOCK_SCHED of a whole process: the id is inverted and shifted by three (clock_getcpuclockid(3)).
        Ok(Self((!pid.as_raw_nonzero().get() << 3) | 2))
    }

    /// The time that the process has used.
    ///
    /// # Errors
    ///
    /// `EINVAL` when the process is gone.
    pub(crate) fn now(&self) -> io::Result<Duration> {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `time` lives through the call, which writes it whole or fails.
        if unsafe { libc::clock_gettime(self.0, &raw mut time) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Ok(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0)))
    }
}

/// The process behind a pidfd, by its number.
///
/// # Errors
///
/// `NotFound` when the process is gone; what reading `/proc` gives otherwise.
pub(crate) fn process_of(pidfd: BorrowedFd<'_>) -> io::Result<Pid> {
    // The kernel tells the process id, in this process's own pid namespace, only there.
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).map_err(io::Error::other)?;
    let pid = info
        .lines()
        .find_map(|line| line.strip_prefix("Pid:"))
        .and_then(|pid| pid.trim().parse::<libc::pid_t>().ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(|| io::ErrorKind::NotFound.into())
}
