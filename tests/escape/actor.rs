//! The process that performs acts where no function does: a plain one, a program under a profile, or one that puts itself under a profile.
//!
//! It is this program, started once more. Its standard input is a socket to the run: tasks come in by it, and go out as what was seen.
//! So it has no descriptor that a program has not, and needs no variable.
//!
//! # Safety
//!
//! `fork(2)`, in a process whose other thread, the harness's, waits for the one that forks. The child performs one act and leaves by
//! `_exit`.
#![allow(unsafe_code)]

use std::panic::AssertUnwindSafe;

use gaol::{ChildSandbox, Layer};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::toolbox::{Seen, call, exit_now};
use super::{Act, handed, perform};

/// The argument by which this program knows that it is the actor.
pub(crate) const ARGUMENT: &str = "gaol-matrix-actor";
/// The exit code of an act that panicked, as of a program.
pub(crate) const PANICKED: i32 = 101;
/// What carries tasks, and what was seen.
const LINE: i32 = 0;
/// No message is longer.
pub(crate) const LONGEST: usize = 64 << 10;

/// What is to be done.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) struct Task {
    /// In their order. More than one are acts that leave the next ones as they were.
    pub(crate) acts: Vec<Act>,
    pub(crate) place: Place,
    pub(crate) by: By,
}

/// Who does it.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum By {
    /// A fork of the actor: whatever is done to its process, the next task finds none of it.
    Fork,
    /// The actor itself, which ends with the task.
    Itself,
    /// A fork that puts itself under a profile first, with these layers left out.
    Activated { profile: gaol::Profile, without: Vec<usize> },
}

/// What comes back.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Said {
    Saw(Seen),
    /// The profile was not entered, for this reason.
    NotEntered(String),
    /// The fork has ended, with this status.
    Ended(i32),
}

/// Whether this process is to be an actor.
pub(crate) fn is_one() -> bool {
    std::env::args_os().any(|argument| argument == ARGUMENT)
}

/// Performs what it is told, until nobody tells it anything any more.
pub(crate) fn serve() -> ! {
    while let Some(task) = hear() {
        if matches!(task.by, By::Itself) {
            play(&task);
        }
        // SAFETY: see the module's Safety paragraph.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            play(&task);
        }
        let mut status = PANICKED << 8;
        if pid > 0 {
            let _ = call!(libc::SYS_wait4, pid, &raw mut status, 0, 0);
        }
        say(&Said::Ended(status));
    }
    exit_now(0)
}

/// From the task to the end of the process.
fn play(task: &Task) -> ! {
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| {
        // What a process has before it puts itself under a profile.
        if task.acts.iter().any(|act| matches!(act, Act::Hand(_))) {
            handed::take(&task.place);
        }
        if let By::Activated { profile, without } = &task.by {
            let layers: Vec<Layer> = without.iter().map(|index| Layer::ALL[*index]).collect();
            let _guard = gaol::controls::without(&layers);
            if let Err(error) = ChildSandbox::new(profile.clone()).activate() {
                return say(&Said::NotEntered(error.to_string()));
            }
        }
        for act in &task.acts {
            say(&Said::Saw(perform(*act, &task.place)));
        }
    }));
    exit_now(if done.is_ok() { 0 } else { PANICKED })
}

fn hear() -> Option<Task> {
    let mut buffer = vec![0_u8; LONGEST];
    let length = call!(libc::SYS_read, LINE, buffer.as_mut_ptr(), buffer.len()).unwrap_or(0);
    serde_json::from_slice(&buffer[..length]).ok()
}

fn say(said: &Said) {
    let bytes = serde_json::to_vec(said).unwrap_or_default();
    let _ = call!(libc::SYS_write, LINE, bytes.as_ptr(), bytes.len());
}
