//! The application that faults are injected into: does the same until it has worked twice, and writes down what became of each attempt.
//!
//! # Safety
//!
//! The harness's process has another thread, which waits; a fork of it is the application, which leaves by `_exit`. Numbers of
//! descriptors are asked about, not used.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gaol::{ChildSandbox, Limits, Outcome, Profile};
use serde::{Deserialize, Serialize};

use super::acts::{Act, Acting};
use super::marks::Mark;
use crate::support::attack::Attempt;

/// The variable by which this program, started once more, knows what to do and where.
pub(crate) const TASK: &str = "GAOL_TEST_FAULT_INJECTION";

#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Task {
    pub(crate) act: Act,
    pub(crate) place: PathBuf,
}

/// What became of one attempt.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Got {
    /// It ran, and tried these.
    Ran(Vec<Attempt>),
    /// What gaol says of it.
    Failed { outcome: String, message: String },
    /// Gaol panicked in the application, or has not said what it should have.
    Wrong(String),
}

/// What is allowed, but asks a process outside of the sandbox, which may have been killed.
pub(crate) const A_THREAD: &str = "a thread";

impl Got {
    pub(crate) fn failed(outcome: Outcome, message: impl ToString) -> Self {
        Self::Failed { outcome: format!("{outcome:?}"), message: message.to_string() }
    }

    /// Whether it ran and lacked nothing.
    pub(crate) fn is_whole(&self) -> bool {
        let Self::Ran(attempts) = self else { return false };
        !attempts.iter().any(|(name, errno)| name == A_THREAD && errno.is_some())
    }

    /// Whether gaol says that it did not run.
    pub(crate) fn is_not_run(&self) -> bool {
        matches!(self, Self::Failed { outcome, .. } if *outcome == format!("{:?}", Outcome::NotRun))
    }
}

/// What the application writes down.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Report {
    pub(crate) calls: Vec<(Got, Duration)>,
    /// Open descriptors before the first call, and when everything of gaol's was let go.
    pub(crate) descriptors: (Vec<i32>, Vec<i32>),
}

/// When it gives up. Processes that are about to end may serve one call more.
const MOST_CALLS: usize = 8;

/// The file of the report, in the place of a task.
pub(crate) fn report_in(place: &Path) -> PathBuf {
    place.join("report.json")
}

/// What this process is to do.
pub(crate) fn task() -> Task {
    serde_json::from_str(&std::env::var(TASK).expect("a task")).expect("a task")
}

/// Runs in the process that a tracer has started: starts the application.
pub(crate) fn host() {
    let task = task();
    // SAFETY: see the module's Safety paragraph.
    match unsafe { libc::fork() } {
        0 => {
            let done = std::panic::catch_unwind(|| application(&task));
            // SAFETY: takes a number, and does not return.
            unsafe { libc::_exit(if done.is_ok() { 0 } else { 101 }) }
        }
        pid => {
            assert!(pid > 0, "no fork");
            // SAFETY: a null status is allowed.
            unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
            // SAFETY: as above.
            unsafe { libc::_exit(0) }
        }
    }
}

fn application(task: &Task) {
    let mut file = File::create(report_in(&task.place)).expect("a file for the report");
    let before = open_descriptors();
    let acting = Acting::new(task);
    let mut calls: Vec<(Got, Duration)> = Vec::new();
    while calls.len() < 2 || (!calls.last().is_some_and(|(got, _)| got.is_whole()) && calls.len() < MOST_CALLS) {
        let begun = Instant::now();
        Mark::Begins.set();
        let got = std::panic::catch_unwind(AssertUnwindSafe(|| acting.act()));
        Mark::Ends.set();
        let got = got.unwrap_or_else(|_| Got::Wrong("it panicked".to_owned()));
        calls.push((got, begun.elapsed()));
    }
    drop(acting);
    // An activation lets go of everything that was started, and holds one file itself.
    let mut limits = Limits::DEFAULT;
    limits.threads = Some(1);
    ChildSandbox::new(Profile::NOTHING.with_limits(limits)).activate().expect("an activation");
    let report = Report { calls, descriptors: (before, open_descriptors()) };
    file.write_all(&serde_json::to_vec(&report).expect("plain data")).expect("the report is written");
}

fn open_descriptors() -> Vec<i32> {
    // SAFETY: F_GETFD takes numbers, and says whether there is a descriptor.
    (0..64).filter(|&number| unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0).collect()
}
