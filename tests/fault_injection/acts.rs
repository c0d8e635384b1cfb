//! What an application does while faults are injected: a call, a command, an activation. Each says what became of it.
//!
//! # Safety
//!
//! The application has one thread. A fork of it puts itself under a profile, and leaves by `_exit`.
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use gaol::{ChildSandbox, Error, Layer, Outcome, Profile, ProfileError, sandboxed};
use serde::{Deserialize, Serialize};

use super::application::{A_THREAD, Got, Task, task};
use super::marks::Mark;
use crate::support::attack::{Attempt, attack};

/// What an application does.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// Calls a function that has files, in the tier that there is.
    Call,
    /// The same without namespaces.
    CallWithoutNamespaces,
    /// Calls a function whose profile names its arguments: each call has a template of its own.
    CallByArguments,
    /// Runs a program.
    Command,
    CommandWithoutNamespaces,
    /// A fork of the application puts itself under a profile.
    Activation,
    /// Calls a function that takes too long, and looks at the wall clock before.
    TimeOut,
}

impl Act {
    /// How far below the host the processes are that become programs.
    pub(crate) fn programs(self) -> Option<usize> {
        matches!(self, Self::Command | Self::CommandWithoutNamespaces).then_some(4)
    }

    fn without(self) -> &'static [Layer] {
        match self {
            Self::CallWithoutNamespaces | Self::CommandWithoutNamespaces => &[Layer::Namespaces],
            Self::Call | Self::CallByArguments | Self::Command | Self::Activation | Self::TimeOut => &[],
        }
    }
}

/// An act that is ready to begin.
pub(crate) struct Acting {
    act: Act,
    place: PathBuf,
    profile: Option<Profile>,
    _without: gaol::controls::Without,
}

fn place() -> PathBuf {
    task().place
}

#[sandboxed(read = place().join("granted"), write = place().join("drop"), time = "20s")]
fn tries(ground: &Path) -> gaol::Result<Vec<Attempt>> {
    Ok(confined(ground))
}

#[sandboxed(read = granted, write = dropped, time = "20s")]
fn tries_arguments(ground: &Path, granted: &Path, dropped: &Path) -> gaol::Result<Vec<Attempt>> {
    assert!(granted.starts_with(ground) && dropped.starts_with(ground));
    Ok(confined(ground))
}

/// What runs confined.
fn confined(ground: &Path) -> Vec<Attempt> {
    Mark::Runs.set();
    let attempts = try_all(ground);
    Mark::Ran.set();
    attempts
}

fn try_all(ground: &Path) -> Vec<Attempt> {
    let mut attempts = attack(&ground.join("secret"));
    let mut attempt = |name: &str, answer: std::io::Result<()>| {
        attempts.push((name.to_owned(), answer.err().map(|error| error.raw_os_error().unwrap_or(-1))));
    };
    // What the profile allows, and what of it Landlock alone refuses.
    attempt("read what is granted", std::fs::read(ground.join("granted/file")).map(drop));
    attempt("write what is granted", std::fs::write(ground.join("drop/written"), "x"));
    attempt("read what may be written", std::fs::read(ground.join("drop/file")).map(drop));
    attempt("write what may be read", std::fs::write(ground.join("granted/file"), "anyone"));
    attempt(A_THREAD, std::thread::Builder::new().spawn(|| ()).map(|thread| drop(thread.join())));
    attempts
}

#[sandboxed(time = "200ms")]
fn sleeps() -> gaol::Result<()> {
    std::thread::sleep(Duration::from_secs(3600));
    Ok(())
}

fn called(result: gaol::Result<Vec<Attempt>>) -> Got {
    match result {
        Ok(attempts) => Got::Ran(attempts),
        Err(error) => Got::failed(error.outcome(), error),
    }
}

/// Its time is its own time, whatever the wall clock says.
fn time_out() -> Got {
    let _ = std::hint::black_box(SystemTime::now());
    let begun = Instant::now();
    match sleeps() {
        Err(Error::TimedOut { .. }) if begun.elapsed() >= Duration::from_millis(200) => Got::Ran(Vec::new()),
        other => Got::Wrong(format!("{other:?} after {:?}", begun.elapsed())),
    }
}

const PROGRAM: &str = "/bin/cat";

impl Acting {
    pub(crate) fn new(task: &Task) -> Self {
        let Task { act, place } = task.clone();
        let without = gaol::controls::without(act.without());
        // Written down, so that nothing is tried before there is a fault.
        let (granted, drop) = (place.join("granted"), place.join("drop"));
        let written = match act {
            Act::Call | Act::CallWithoutNamespaces | Act::CallByArguments | Act::TimeOut => None,
            Act::Command => Some(serde_json::json!({"read": granted, "exec": PROGRAM})),
            // Nothing else keeps metadata from a program there.
            Act::CommandWithoutNamespaces => {
                Some(serde_json::json!({"read": granted, "exec": PROGRAM, "metadata": "/"}))
            }
            Act::Activation => Some(serde_json::json!({"read": granted, "write": drop})),
        };
        let profile = written.map(|written| serde_json::from_value(written).expect("a profile"));
        Self { act, place, profile, _without: without }
    }

    pub(crate) fn act(&self) -> Got {
        match (self.act, &self.profile) {
            (Act::Activation, Some(profile)) => self.activate(profile),
            (_, Some(profile)) => self.command(profile),
            (Act::TimeOut, None) => time_out(),
            (Act::CallByArguments, None) => {
                called(tries_arguments(&self.place, &self.place.join("granted"), &self.place.join("drop")))
            }
            (_, None) => called(tries(&self.place)),
        }
    }

    /// Has a program read what is granted and what is not.
    fn command(&self, profile: &Profile) -> Got {
        let [granted, secret] = ["granted/file", "secret"].map(|name| self.place.join(name));
        let output = match profile.command(PROGRAM).arg(&granted).arg(&secret).arg("/etc/passwd").output() {
            Ok(output) => output,
            Err(error) => return Got::failed(Outcome::NotRun, error),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        if gaol::is_set_up_failure(&output.status) {
            // What is killed on its way says nothing; what fails, does.
            return Got::failed(Outcome::NotRun, said);
        }
        if output.status.code() != Some(1) {
            return Got::failed(Outcome::Unknown, format!("{}: {said}", output.status));
        }
        let refused = |path: &Path| {
            let line = said.lines().find(|line| line.contains(&path.display().to_string()))?;
            let answers = [("Permission denied", libc::EACCES), ("No such file", libc::ENOENT)];
            Some(answers.iter().find(|(text, _)| line.contains(text)).map_or(-1, |(_, errno)| *errno))
        };
        let passwd = Path::new("/etc/passwd");
        let reads =
            [granted.as_path(), secret.as_path(), passwd].map(|path| (path.display().to_string(), refused(path)));
        let read = String::from_utf8_lossy(&output.stdout).into_owned();
        Got::Ran(
            reads
                .into_iter()
                .map(|(path, errno)| (path.replace(&place().display().to_string(), ""), errno))
                .chain([(read, None)])
                .collect(),
        )
    }

    /// Has a fork of this process activate a profile, and says what it said.
    fn activate(&self, profile: &Profile) -> Got {
        let (mut heard, mut said) = std::io::pipe().expect("a pipe");
        // SAFETY: see the module's Safety paragraph.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let got = std::panic::catch_unwind(|| self.activated(profile));
            let got = got.unwrap_or_else(|_| Got::Wrong("the activation panicked".to_owned()));
            let _ = said.write_all(&serde_json::to_vec(&got).expect("plain data"));
            // SAFETY: takes a number, and does not return.
            unsafe { libc::_exit(0) }
        }
        assert!(pid > 0, "no fork");
        drop(said);
        let mut text = Vec::new();
        heard.read_to_end(&mut text).expect("what it said");
        // SAFETY: a null status is allowed, and the process is a child that nobody else waits for.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
        serde_json::from_slice(&text).unwrap_or_else(|_| Got::failed(Outcome::Unknown, "it ended without a word"))
    }

    fn activated(&self, profile: &Profile) -> Got {
        match ChildSandbox::new(profile.clone()).activate() {
            Ok(_) => Got::Ran(confined(&self.place)),
            // It is known that the process may do less than before, and not all that the profile says was taken away.
            Err(error @ ProfileError::Partly(_)) => Got::failed(Outcome::NotRun, error),
            Err(error) => {
                // Then nothing was taken away.
                let refused: Vec<_> = try_all(&self.place).into_iter().filter(|(_, errno)| errno.is_some()).collect();
                let _ = std::fs::remove_file(self.place.join("secret.new"));
                if refused.is_empty() {
                    Got::failed(Outcome::NotRun, error)
                } else {
                    Got::Wrong(format!("{error}, and {refused:?}"))
                }
            }
        }
    }
}
