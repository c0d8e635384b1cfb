//! The processor time of all descendants of a process together, of those that have ended as well.
//!
//! A process that is waited for leaves its time to whoever waits (proc_pid_stat(5), `cutime` and `cstime`), so that what a tree of processes has
//! used is what its living have, with what was left to them. What a parent lets the kernel reap, by ignoring SIGCHLD, is left to nobody:
//! then the sum is less than it was, and what is missing is kept here. Of a process that lives for less time than passes between two looks,
//! and is reaped in that way, nothing is known.

use std::collections::HashSet;
use std::time::Duration;

use rustix::process::Pid;

use super::look_at;

/// How often a sum that is less than before is looked at again: who ends while it is made may be in it nowhere.
const LOOKS: u32 = 3;

/// What the descendants of a process have used.
#[derive(Debug)]
pub(crate) struct DescendantClock {
    ancestor: Pid,
    /// The last sum, in ticks, and what was missing in one after it.
    last: u64,
    lost: u64,
}

impl DescendantClock {
    pub(crate) fn of(ancestor: Pid) -> Self {
        Self { ancestor, last: sum(ancestor), lost: 0 }
    }

    /// The same, of the process that adopts what a process's descendants leave behind: itself, or its parent.
    pub(crate) fn of_adopter(process: Pid, is_itself: bool) -> Option<Self> {
        if is_itself {
            return Some(Self::of(process));
        }
        let parent = stat(process)?.parent;
        Pid::from_raw(parent).map(Self::of)
    }

    /// The time since there were descendants.
    pub(crate) fn used(&mut self) -> Duration {
        let now = (0..LOOKS).map(|_| sum(self.ancestor)).find(|now| *now >= self.last);
        let now = now.unwrap_or_else(|| {
            let now = sum(self.ancestor);
            self.lost += self.last.saturating_sub(now);
            now
        });
        self.last = now;
        Duration::from_secs_f64((now + self.lost) as f64 / rustix::param::clock_ticks_per_second() as f64)
    }
}

/// What the living descendants of a process have used, and what was left to them and to it.
fn sum(ancestor: Pid) -> u64 {
    let mut all = stat(ancestor).map_or(0, |stat| stat.left);
    let (mut seen, mut waiting) = (HashSet::from([ancestor]), look_at(ancestor).1);
    while let Some(process) = waiting.pop() {
        // Who lost its parent meanwhile may be found twice.
        if !seen.insert(process) {
            continue;
        }
        // Before its children: what one of them leaves to it in between is missed this time, and not counted twice.
        all += stat(process).map_or(0, |stat| stat.own + stat.left);
        waiting.extend(look_at(process).1);
    }
    all
}

/// What `/proc` tells of a process, in ticks.
struct Stat {
    parent: i32,
    /// Of all its threads.
    own: u64,
    /// Of the children that it has waited for, and of what was left to them.
    left: u64,
}

fn stat(process: Pid) -> Option<Stat> {
    let stat = std::fs::read(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name, in parentheses, may hold any byte but NUL.
    let after = stat.iter().rposition(|byte| *byte == b')')?;
    let fields: Vec<&str> = std::str::from_utf8(&stat[after + 1..]).ok()?.split_ascii_whitespace().collect();
    // The state is the third of all fields.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, own: field(14)? + field(15)?, left: field(16)? + field(17)? })
}
