//! What programs start: counted, where nothing in the kernel counts it for us.
//!
//! In a user namespace of its own the kernel counts the processes of a user apart from others (`RLIMIT_NPROC`, from Linux 5.14 on), and
//! refuses one too many with EAGAIN. It does not bind uid 0, and without namespaces it counts the user's processes everywhere. So whoever
//! stands outside of the sandbox looks from time to time as well.

mod clock;

use std::time::Duration;

use rustix::process::{Pid, Signal};

pub(crate) use self::clock::DescendantClock;

/// How often a family is looked at. A fork takes a tenth of a millisecond, so that one that got out of hand has grown by some hundreds.
pub(crate) const INTERVAL: Duration = Duration::from_millis(10);

/// A process whose descendants are counted: gaol's own, and the reaper of its orphans.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Descendants {
    pub(crate) ancestor: Pid,
    /// Threads and processes together, the ancestor not counted.
    pub(crate) limit: u64,
}

impl Descendants {
    /// Ends the descendants if there are too many.
    pub(crate) fn check(self) {
        if self.is_too_large() {
            // Those next to the ancestor, whose ends it tells; what is left of their families comes to it, and is found the next time.
            for child in look_at(self.ancestor).1 {
                let _ = rustix::process::kill_process(child, Signal::KILL);
            }
        }
    }

    /// Whether there are too many descendants.
    pub(crate) fn is_too_large(self) -> bool {
        let mut threads = 0;
        let mut waiting = vec![self.ancestor];
        // No further than it takes to know: what grows faster than it is counted has no end.
        while threads <= self.limit
            && let Some(process) = waiting.pop()
        {
            let (own, children) = look_at(process);
            threads += if process == self.ancestor { 0 } else { own };
            waiting.extend(children);
        }
        threads > self.limit
    }
}

/// How many threads a process has, and its children. Nothing where it has ended.
fn look_at(process: Pid) -> (u64, Vec<Pid>) {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", process.as_raw_nonzero()));
    let (mut threads, mut children) = (0, Vec::new());
    for task in tasks.into_iter().flatten().flatten() {
        threads += 1;
        let list = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        children.extend(list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)));
    }
    (threads, children)
}
