//! What programs leave behind: processes whose parent has ended, where no pid namespace ends them with it.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use crate::sys::layers::landlock;

/// From now on the orphans among this process's descendants become its children.
pub(crate) fn adopt() {
    // Fails on no kernel that has pidfds.
    let _ = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
}

/// Reaps every child of this process that has ended, but those that somebody else waits for.
pub(crate) fn reap(keep: impl Fn(Pid) -> bool) {
    for orphan in children().into_iter().filter(|pid| !keep(*pid)) {
        let _ = rustix::process::waitid(WaitId::Pid(orphan), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }
}

/// Kills every child of this process but those that are to be kept, and what comes to it when they end.
///
/// What starts processes faster than this one is given time to find them gets away: a [`SignalScope`] leaves it no time.
pub(crate) fn kill(keep: impl Fn(Pid) -> bool) {
    loop {
        let orphans: Vec<Pid> = children().into_iter().filter(|pid| !keep(*pid)).collect();
        if orphans.is_empty() {
            return;
        }
        // Killed first and waited for then: each needs some time of the processor's to end.
        for orphan in &orphans {
            let _ = rustix::process::kill_process(*orphan, Signal::KILL);
        }
        for orphan in orphans {
            let _ = rustix::process::waitid(WaitId::Pid(orphan), WaitIdOptions::EXITED);
        }
    }
}

/// The children of this process, which has one thread.
pub(crate) fn children() -> Vec<Pid> {
    let list = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)).collect()
}

/// What keeps the signals of this process, and of what it starts from now on, among themselves.
///
/// `kill(-1)` is sent to everybody whom the sender may signal, and no fork comes between: one that has begun fails. By itself that is
/// every process of the user's; in a Landlock domain of its own it is the processes in that domain, however many, and however they hide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalScope {
    Around,
    /// There is none.
    None,
}

impl SignalScope {
    /// Puts one up. `parent` is this process's parent, which must be outside of it then: nothing less than that is believed.
    pub(crate) fn enter(parent: Pid) -> Self {
        let before = rustix::process::test_kill_process(parent);
        let entered = landlock::scope_signals();
        let after = rustix::process::test_kill_process(parent);
        // It is the same process as long as it is the parent.
        let is_still = rustix::process::getppid() == Some(parent);
        match (before, entered, after) {
            (Ok(()), Ok(()), Err(Errno::PERM)) if is_still => Self::Around,
            _ => Self::None,
        }
    }

    /// Kills every process within, except this one, at once.
    pub(crate) fn kill_all(self) {
        if self == Self::Around {
            // The group of number one is everybody.
            let _ = rustix::process::kill_process_group(Pid::INIT, Signal::KILL);
        }
    }
}
