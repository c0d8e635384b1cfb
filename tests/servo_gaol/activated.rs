//! A process that puts itself under a profile: this program, started once more, and forked there before it has used gaol.
//!
//! # Safety
//!
//! It is forked from a process in which one thread besides the harness's waits for it, and leaves by `_exit`.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use gaol::{ChildSandbox, Layer, Profile};
use serde::{Deserialize, Serialize};

use super::acts::{self, Act, End};
use super::profiles::Allowed;
use super::ways::{Tier, in_tier, of_status, unsupported};
use crate::support::alone::place;

/// What a process does that has put itself under a profile.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) enum Task {
    Act(Act),
    /// In a thread that is started then.
    ActInThread(Act),
    Sweep(u32, u32, Vec<u32>),
    /// It cannot put itself under it, and says why; in spite of that, another file can still be read.
    Refused {
        /// A second thread runs.
        with_a_thread: bool,
    },
}

/// Tells this program, started once more, what to put itself under and what to do then.
const TASK: &str = "GAOL_TEST_TASK";

/// What a process says that could not put itself under its profile: this, and the layer that is missing.
const UNSUPPORTED: &str = "unsupported: ";

/// How a task ends in a process that puts itself under a profile, and what it says.
pub(crate) fn activated(allowed: &Allowed, task: &Task) -> (End, String) {
    let report = place().join("report");
    let mut command = Command::new(std::env::current_exe().expect("the name of this program"));
    command.args([
        "--exact",
        "servo_gaol::activated::the_process_that_is_put_under_a_profile",
        "--ignored",
        "--test-threads=1",
    ]);
    command.env(TASK, serde_json::to_string(&(allowed, task, &report)).expect("plain data"));
    let output = command.output().expect("this program again");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let (status, said): (i32, String) =
        serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("plain data");
    let missing =
        said.strip_prefix(UNSUPPORTED).and_then(|name| Layer::ALL.into_iter().find(|layer| layer.to_string() == name));
    let end = missing.map_or_else(|| of_status(ExitStatus::from_raw(status), &said), End::Unsupported);
    (end, said)
}

/// What a process says that cannot put itself under a profile.
pub(crate) fn refusal_of_activation(allowed: &Allowed, with_a_thread: bool) -> String {
    let (end, said) = activated(allowed, &Task::Refused { with_a_thread });
    assert_eq!(end, End::Done, "a refusal leaves the process as it was");
    said
}

/// The other side of [`activated`]. Only a process of one thread may put itself under a profile, and only one that was not forked from
/// another that uses gaol: so it is a fork, before anything here has used gaol.
#[test]
#[ignore = "run by the others, in processes of their own"]
fn the_process_that_is_put_under_a_profile() {
    let Ok(task) = std::env::var(TASK) else { return };
    let (allowed, task, report): (Allowed, Task, PathBuf) = serde_json::from_str(&task).expect("plain data");
    let (status, said) = in_a_fork(|mut said| {
        let another_thread = matches!(task, Task::Refused { with_a_thread: true })
            .then(|| std::thread::spawn(|| std::thread::sleep(Duration::from_secs(3600))));
        let profile = in_tier(Tier::B, || Profile::new(allowed.operations()));
        let (code, text) = match (profile.and_then(|profile| ChildSandbox::new(profile).activate()), task) {
            (Ok(_), Task::Refused { .. }) => panic!("it was not refused"),
            (Err(error), Task::Refused { .. }) => {
                let code = Act::Read("/etc/passwd".into()).perform();
                (code, error.to_string())
            }
            (Err(error), _) => (0, format!("{UNSUPPORTED}{}", unsupported(error))),
            (Ok(enforcement), task) => {
                assert!(!enforcement.has(Layer::Namespaces) && enforcement.has(Layer::Seccomp), "{enforcement}");
                match task {
                    Task::Act(act) => (act.perform(), String::new()),
                    Task::ActInThread(act) => (act.perform_in_a_thread(), String::new()),
                    Task::Sweep(first, last, left_out) => (0, acts::sweep(first..=last, &left_out)),
                    Task::Refused { .. } => unreachable!("matched above"),
                }
            }
        };
        drop(another_thread);
        said.write_all(text.as_bytes()).map_or(255, |()| code)
    });
    let text = serde_json::to_vec(&(status.into_raw(), said)).expect("plain data");
    std::fs::write(report, text).expect("the report is written");
}

/// Forks, and gives the child's status and what it wrote to the file that it was given.
pub(crate) fn in_a_fork(body: impl FnOnce(File) -> i32) -> (ExitStatus, String) {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    // SAFETY: see the head of the file.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        drop(read);
        let body = std::panic::AssertUnwindSafe(|| body(File::from(write)));
        let code = std::panic::catch_unwind(body).unwrap_or(254);
        // SAFETY: takes a number, and does not return.
        unsafe { libc::_exit(code) };
    }
    drop(write);
    let mut said = String::new();
    File::from(read).read_to_string(&mut said).expect("what it said");
    let mut status = -1;
    // SAFETY: `status` lives through the call.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(waited, child, "waitpid: {}", std::io::Error::last_os_error());
    (ExitStatus::from_raw(status), said)
}
