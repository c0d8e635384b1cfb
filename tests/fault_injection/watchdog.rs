//! Ends what does not end by itself, so that a hang is a failure with a name.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal};

/// How long a family may take, from its start to the end of its last member. Far more than any deadline in it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A family that is watched.
#[derive(Debug, Default)]
pub(crate) struct Watched(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    until: Option<Instant>,
    /// Whoever belongs to it: a handle can be no other process's.
    members: Vec<(i32, OwnedFd)>,
    hung: bool,
    over: bool,
}

impl Watched {
    /// One that is watched for as long as it lives.
    pub(crate) fn new() -> Self {
        let watched = Self::default();
        let state = Arc::clone(&watched.0);
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(Duration::from_millis(250));
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                if state.over {
                    return;
                }
                if state.until.is_some_and(|until| until < Instant::now()) {
                    state.hung = true;
                    state.members.iter().for_each(|(_, member)| kill(member));
                }
            }
        });
        watched
    }

    /// A family begins.
    pub(crate) fn begin(&mut self, first: i32) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *state = State { until: Some(Instant::now() + PATIENCE), ..State::default() };
        drop(state);
        self.add(first);
    }

    /// A tracee that has not been waited for joins it.
    pub(crate) fn add(&mut self, pid: i32) {
        // A thread, or a process whose end nobody has seen yet: neither needs one.
        let Some(Ok(member)) = Pid::from_raw(pid).map(|pid| rustix::process::pidfd_open(pid, PidfdFlags::empty()))
        else {
            return;
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).members.push((pid, member));
    }

    /// Kills a member.
    pub(crate) fn kill(&mut self, pid: i32) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The number may have been another's before.
        let member = state.members.iter().rev().find(|(number, _)| *number == pid);
        kill(&member.expect("every process of the family is here").1);
    }

    /// The family has ended; whether it had to be killed.
    pub(crate) fn end(&mut self) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.until = None;
        state.members.clear();
        state.hung
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).over = true;
    }
}

fn kill(member: impl AsFd) {
    let _ = rustix::process::pidfd_send_signal(member, Signal::KILL);
}
