//! A lane: a directory and a program of its own, in which applications are run one after another.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::acts::Act;
use super::application::{Report, TASK, Task, report_in};
use super::family::{Interfere, Seen, follow};
use super::watchdog::Watched;
use crate::support::alone::NOBODY;
use crate::support::place::Place;

/// Who the application is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum User {
    Same,
    Nobody,
}

/// What is run in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Scenario {
    pub(crate) act: Act,
    pub(crate) user: User,
}

#[derive(Debug)]
pub(crate) struct Lane {
    place: Place,
    watched: Watched,
}

/// One run of an application, from outside and from within.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seen: Seen,
    /// None where the application did not get to the end.
    pub(crate) report: Option<Report>,
    /// Files that are there and should not, or the other way round; mounts as well.
    pub(crate) left: Vec<String>,
    /// What it said on its standard error.
    pub(crate) said: String,
}

/// Everything that is in a lane's directory before and after.
const FILES: [&str; 8] = ["drop", "drop/file", "granted", "granted/file", "program", "report.json", "said", "secret"];

impl Lane {
    pub(crate) fn new() -> Self {
        let place = Place::new("lane");
        for directory in ["granted", "drop"] {
            let path = place.path().join(directory);
            std::fs::create_dir(&path).expect("a directory");
            open_to_all(&path);
            std::fs::write(path.join("file"), "anyone").expect("a file");
            open_to_all(&path.join("file"));
        }
        std::fs::write(place.path().join("secret"), "no one").expect("a file");
        open_to_all(&place.path().join("secret"));
        let built = std::env::current_exe().expect("the name of this program");
        let program = place.path().join("program");
        if std::fs::hard_link(&built, &program).is_err() {
            std::fs::copy(&built, &program).expect("a copy of this program");
        }
        Self { place, watched: Watched::new() }
    }

    /// Runs an application to its end, and everything that it has started.
    pub(crate) fn run(&mut self, scenario: Scenario, interfere: &mut dyn Interfere) -> Run {
        let place = self.place.path();
        let name = place.display().to_string();
        for file in ["report.json", "said"] {
            std::fs::write(place.join(file), "").expect("an empty file");
            open_to_all(&place.join(file));
        }
        let _ = std::fs::remove_file(place.join("drop/written"));
        let task = Task { act: scenario.act, place: place.to_owned() };
        let mut command = Command::new(place.join("program"));
        command
            .args(["--exact", "the_application", "--nocapture", "--test-threads=1", "--include-ignored"])
            .env(TASK, serde_json::to_string(&task).expect("plain data"))
            .env("TMPDIR", place)
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::options().append(true).open(place.join("said")).expect("its file"));
        if scenario.user == User::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        let mounts = mounts(&name);
        let mut seen = follow(&mut command, scenario.act.programs(), &mut self.watched, interfere);
        // Lanes differ in the names of their directories.
        for view in seen.ran.iter_mut().filter_map(|(_, view)| view.as_mut()) {
            if scenario.act == Act::Activation {
                // It takes away no descriptor.
                view.remove("descriptors");
            }
            if scenario.act.programs().is_some() {
                // Where it cannot be found out or entered, the program starts in `/`.
                view.remove("cwd");
            }
            view.values_mut().for_each(|value| *value = value.replace(&name, "PLACE"));
        }
        let mut left = differences(&FILES.map(str::to_owned), &files_in(place));
        left.retain(|file| !file.ends_with("drop/written"));
        left.extend(differences(&mounts, &self::mounts(&name)));
        let report = std::fs::read(report_in(place)).expect("the report");
        let said = std::fs::read(place.join("said")).expect("what it said");
        Run {
            seen,
            report: serde_json::from_slice(&report).ok(),
            left,
            said: String::from_utf8_lossy(&said).into_owned(),
        }
    }
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("permissions");
}

/// The names beneath a directory.
fn files_in(directory: &Path) -> Vec<String> {
    let mut waiting: Vec<PathBuf> = vec![directory.to_owned()];
    let mut found = Vec::new();
    while let Some(path) = waiting.pop() {
        for entry in std::fs::read_dir(&path).expect("a directory").flatten() {
            let path = entry.path();
            found.push(path.strip_prefix(directory).expect("beneath it").display().to_string());
            if path.is_dir() {
                waiting.push(path);
            }
        }
    }
    found
}

/// Mounts at and beneath what gaol mounts at, and what it grants: other programs may mount what they like meanwhile.
fn mounts(place: &str) -> Vec<String> {
    let text = std::fs::read_to_string("/proc/self/mountinfo").expect("/proc is mounted");
    text.lines().filter(|line| line.contains(place) || line.contains(" /proc ")).map(str::to_owned).collect()
}

fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|name| !after.contains(name)).map(|name| format!("gone: {name}"));
    let new = after.iter().filter(|name| !before.contains(name)).map(|name| format!("new: {name}"));
    gone.chain(new).collect()
}
