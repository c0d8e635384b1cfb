//! Follows an application with all that it starts, numbers the system calls of each process, and interferes with them.
//!
//! The tracer sees every process from its first instruction to its end, so that none can stay behind unseen.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{SIGSTOP, SIGTRAP, pid_t};

use super::marks::Mark;
use super::ptrace::{self, At, Did, Stopped};
use super::view::{self, View};
use super::watchdog::Watched;

/// A process by its place in the family: how far below the one that began, and which of those there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Member {
    pub(crate) depth: usize,
    /// From 1.
    pub(crate) ordinal: u32,
}

/// The harness's process, which starts the application.
pub(crate) const HOST: usize = 0;
/// The application, which counts only while it makes calls.
pub(crate) const APPLICATION: usize = 1;

/// Below whom nobody knows.
const ORPHAN: usize = 9;

/// One system call that a member is about to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) member: Member,
    pub(crate) pid: pid_t,
    /// From 1.
    pub(crate) number: u32,
    pub(crate) call: u64,
    pub(crate) arguments: [u64; 6],
    /// Which of the application's calls is under way, or was the last one; from 1.
    pub(crate) during: u32,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step {} (system call {}), during call {}", self.number, self.call, self.during)
    }
}

/// What is done to a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interference {
    None,
    /// The call is not made, and answers this.
    Instead(i64),
    /// The call is made, and answers this.
    Afterwards(i64),
    /// The process is killed before the call.
    Kill,
    /// The call reads or writes no more than this.
    Length(u64),
}

/// Somebody who interferes.
pub(crate) trait Interfere {
    /// Whether it is told of this member's calls. The others run as fast as they can.
    fn wants(&self, member: Member) -> bool;

    /// Before a call.
    fn before(&mut self, step: &Step) -> Interference;

    /// A process has become another program.
    fn executed(&mut self, _stopped: Stopped) {}

    /// After a call that was left alone, whose results are in the process's memory.
    fn after(&mut self, _step: &Step, _answer: i64) {}
}

/// What was seen of a family.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many steps each member made.
    pub(crate) steps: BTreeMap<Member, u32>,
    /// What ran: during which call, and the layers that it was under, unless it was killed before they had been looked at.
    pub(crate) ran: Vec<(u32, Option<View>)>,
    /// How the application ended, and the host.
    pub(crate) application: Option<Did>,
    pub(crate) host: Option<Did>,
    /// Somebody had to be killed for it to end.
    pub(crate) hung: bool,
}

struct Process {
    member: Member,
    steps: u32,
    /// The call that it is in, and what is to be done when that is over.
    inside: Option<(Step, Interference)>,
    /// Code that is not gaol's own runs in it.
    foreign: bool,
}

struct Family<'a> {
    interfere: &'a mut dyn Interfere,
    watched: &'a mut Watched,
    processes: BTreeMap<pid_t, Process>,
    /// How deep those belong that were started and have not stopped yet.
    born: BTreeMap<pid_t, usize>,
    members: BTreeMap<usize, u32>,
    host: pid_t,
    programs: Option<usize>,
    during: u32,
    calling: bool,
    seen: Seen,
}

/// Starts `command`, whose process asks to be traced, and follows it and all that it starts until none of them is left.
///
/// A program that one of `programs` becomes is confined code.
pub(crate) fn follow(
    command: &mut Command,
    programs: Option<usize>,
    watched: &mut Watched,
    interfere: &mut dyn Interfere,
) -> Seen {
    // A group of its own, so that nothing reaches the harness.
    #[allow(clippy::zombie_processes, reason = "it is waited for as a tracee")]
    let host = ptrace::traced(command.process_group(0)).spawn().expect("this program again");
    let host = pid_t::try_from(host.id()).expect("a process id");
    watched.begin(host);
    let mut family = Family {
        interfere,
        watched,
        processes: BTreeMap::new(),
        born: BTreeMap::new(),
        members: BTreeMap::new(),
        host,
        programs,
        during: 0,
        calling: false,
        seen: Seen::default(),
    };
    while let Some((pid, did)) = ptrace::wait() {
        family.did(pid, did);
    }
    family.seen.hung = family.watched.end();
    family.seen
}

impl Family<'_> {
    fn did(&mut self, pid: pid_t, did: Did) {
        let stopped = Stopped(pid);
        match did {
            Did::Exited(_) | Did::Killed(_) => self.ended(pid, did),
            Did::Executed
                if self.processes.get(&pid).is_some_and(|process| Some(process.member.depth) == self.programs) =>
            {
                self.mark(stopped, Mark::Runs);
                self.resume(stopped, 0);
            }
            Did::Executed => {
                self.interfere.executed(stopped);
                self.resume(stopped, 0);
            }
            Did::Started => {
                // It may have been killed since.
                if let Ok(child) = stopped.started()
                    && !self.processes.contains_key(&child)
                {
                    self.born.insert(child, self.below(pid, child));
                }
                self.resume(stopped, 0);
            }
            Did::SystemCall => self.system_call(stopped),
            Did::Signalled(SIGTRAP) if self.processes.is_empty() => {
                // The host's exec.
                stopped.follow().expect("a tracee");
                self.adopt(pid, HOST);
                self.interfere.executed(stopped);
                self.resume(stopped, 0);
            }
            // Each tracee that is started begins with one.
            Did::Signalled(SIGSTOP) => {
                if !self.processes.contains_key(&pid) {
                    let depth = self.born.remove(&pid).unwrap_or_else(|| self.guess(pid));
                    self.adopt(pid, depth);
                }
                self.resume(stopped, 0);
            }
            Did::Signalled(SIGTRAP) => {
                if let Ok(Some(mark)) = stopped.first_argument().map(Mark::of) {
                    self.mark(stopped, mark);
                }
                self.resume(stopped, 0);
            }
            Did::Signalled(signal) => self.resume(stopped, signal),
        }
    }

    fn adopt(&mut self, pid: pid_t, depth: usize) {
        let ordinal = self.members.entry(depth).or_default();
        *ordinal += 1;
        let member = Member { depth, ordinal: *ordinal };
        if depth > HOST {
            self.watched.add(pid);
        }
        self.processes.insert(pid, Process { member, steps: 0, inside: None, foreign: false });
    }

    /// How deep somebody belongs whom `starter` has started. The host's threads are the host.
    fn below(&self, starter: pid_t, child: pid_t) -> usize {
        match self.processes.get(&starter) {
            Some(_) if field_of(child, "Tgid") == Some(self.host) => HOST,
            Some(starter) => starter.member.depth + 1,
            None if starter == self.host => HOST + 1,
            None => ORPHAN,
        }
    }

    /// The same for somebody who has stopped before its starter said so. That one may have been killed at that, and never says it.
    fn guess(&self, child: pid_t) -> usize {
        let process = field_of(child, "Tgid").filter(|process| *process != child);
        let starter = process.or_else(|| field_of(child, "PPid")).unwrap_or_default();
        self.below(starter, child)
    }

    fn ended(&mut self, pid: pid_t, did: Did) {
        if pid == self.host {
            self.seen.host = Some(did);
        }
        let Some(process) = self.processes.remove(&pid) else { return };
        self.seen.steps.insert(process.member, process.steps);
        if process.member == (Member { depth: APPLICATION, ordinal: 1 }) {
            self.seen.application = Some(did);
        }
    }

    /// Whoever's calls nobody wants to hear of, or are the confined code's own, runs to its next event.
    fn resume(&self, stopped: Stopped, signal: i32) {
        let counts = self.processes.get(&stopped.0).is_some_and(|process| self.counts(process));
        stopped.resume(!counts, signal);
    }

    fn counts(&self, process: &Process) -> bool {
        let is_at_it = match process.member.depth {
            HOST => false,
            APPLICATION => self.calling,
            _ => !process.foreign,
        };
        // What was done to the call that it is in is not done yet.
        process.inside.is_some() || (is_at_it && self.interfere.wants(process.member))
    }

    fn system_call(&mut self, stopped: Stopped) {
        match stopped.at() {
            Ok(At::Entry { number, arguments }) => self.entry(stopped, number, arguments),
            Ok(At::Exit { answer }) => self.exit(stopped, answer),
            // It was killed meanwhile.
            Ok(At::Elsewhere) | Err(_) => {}
        }
        self.resume(stopped, 0);
    }

    fn entry(&mut self, stopped: Stopped, call: u64, arguments: [u64; 6]) {
        let Some(process) = self.processes.get_mut(&stopped.0) else { return };
        process.steps += 1;
        let (member, number) = (process.member, process.steps);
        let step = Step { member, pid: stopped.0, number, call, arguments, during: self.during };
        let interference = self.interfere.before(&step);
        // A call that nobody refuses, whatever filters there are, takes the place of one that is not made.
        match interference {
            Interference::None | Interference::Afterwards(_) => {}
            Interference::Instead(_) => stopped.set_number(libc::SYS_getpid).expect("a tracee at a system call"),
            Interference::Length(length) => stopped.set_third(length).expect("a tracee at a system call"),
            Interference::Kill => self.watched.kill(stopped.0),
        }
        process.inside = Some((step, interference));
    }

    fn exit(&mut self, stopped: Stopped, answer: i64) {
        let Some(process) = self.processes.get_mut(&stopped.0) else { return };
        match process.inside.take() {
            Some((_, Interference::Instead(other) | Interference::Afterwards(other))) => {
                stopped.set_answer(other).expect("a tracee at a system call");
            }
            Some((step, Interference::None)) => self.interfere.after(&step, answer),
            _ => {}
        }
    }

    fn mark(&mut self, stopped: Stopped, mark: Mark) {
        let Some(process) = self.processes.get_mut(&stopped.0) else { return };
        match mark {
            Mark::Begins => {
                self.during += 1;
                self.calling = true;
            }
            Mark::Ends => self.calling = false,
            Mark::Runs => {
                process.foreign = true;
                let view = view::look(stopped.0);
                let is_still_there = stopped.at().is_ok();
                self.seen.ran.push((self.during, is_still_there.then_some(view)));
            }
            Mark::Ran => process.foreign = false,
        }
    }
}

/// A number from the status of a process.
fn field_of(pid: pid_t, name: &str) -> Option<pid_t> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse().ok())
}
