//! Finds gaol's processes in `/proc`, and tells whose they are.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// One of gaol's processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    parent: u32,
    pub(crate) name: String,
    /// As the kernel abbreviates it: `R`, `S`, `T`, `Z`…
    pub(crate) state: char,
}

impl Process {
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.pid).expect("a process id")).expect("a process id");
        // It may have ended by itself.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Those that serve the process `owner`: a zygote holds a pidfd of whom it serves, the others descend from it.
pub(crate) fn of(owner: u32) -> Vec<Process> {
    let all: Vec<Process> = every_process().into_iter().filter(|process| process.state != 'Z').collect();
    let mut found: Vec<Process> =
        all.iter().filter(|process| process.name == "gaol-zygote" && serves(process.pid, owner)).cloned().collect();
    for name in ["gaol-template", "gaol-worker"] {
        let children: Vec<Process> = all
            .iter()
            .filter(|process| process.name == name && found.iter().any(|parent| parent.pid == process.parent))
            .cloned()
            .collect();
        found.extend(children);
    }
    found
}

/// Those of this process that have `name`, once there is one.
pub(crate) fn mine(name: &str) -> Vec<Process> {
    let mut found = Vec::new();
    eventually("a process of gaol's", || {
        found = of(std::process::id());
        found.retain(|process| process.name == name);
        !found.is_empty()
    });
    found
}

/// Whether a process is there and has not ended.
pub(crate) fn is_alive(pid: u32) -> bool {
    read(pid).is_some_and(|process| !matches!(process.state, 'Z' | 'X'))
}

/// Waits for what is bound to happen, and fails when it does not.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn every_process() -> Vec<Process> {
    std::fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| read(entry.ok()?.file_name().to_str()?.parse().ok()?))
        .collect()
}

fn read(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let mut rest = rest.split_whitespace();
    let state = rest.next()?.chars().next()?;
    let parent = rest.next()?.parse().ok()?;
    Some(Process { pid, parent, name: name.to_owned(), state })
}

/// Whether a process holds a pidfd of another.
fn serves(pid: u32, owner: u32) -> bool {
    let Ok(descriptors) = std::fs::read_dir(Path::new("/proc").join(pid.to_string()).join("fdinfo")) else {
        return false;
    };
    let wanted = format!("Pid:\t{owner}");
    descriptors
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok())
        .any(|text| text.lines().any(|line| line == wanted))
}

/// Processes of the system whose command line names `word`.
pub(crate) fn processes_with(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").expect("processes");
    let named = |entry: &std::fs::DirEntry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).split('\0').any(|argument| argument == word))
    };
    entries.flatten().filter(named).count()
}
