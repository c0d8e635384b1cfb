//! Compiles what a worker may do into the seccomp filters of its template and its own.
//!
//! A template's filter decides on every system call; a worker's, installed on top of it, takes back the few calls that
//! only the template needs, and pins those that name a process to the worker itself. Of several filters the strictest
//! answer counts.
//!
//! # References
//!
//! seccomp(2), and `Documentation/userspace-api/seccomp_filter.rst` in the kernel's source.

use std::io;

use seccompiler::BpfProgram;

use crate::profile::Violation;

mod bpf;
#[cfg(test)]
mod eval;
mod rule;
mod syscalls;

pub(crate) use syscalls::name;
pub(crate) use syscalls::{BY_HANDLER, shows_itself};

/// What stands behind a path that a worker names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Paths {
    /// The profile has no file operation: every call that takes a path is refused.
    None,
    /// A private root decides what has a name, or all metadata is granted: stat and its family are allowed.
    Visible,
    /// Only Landlock decides, and it does not judge stat: the SIGSYS handler answers for the family.
    Judged,
}

/// Who says whether something may happen once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Gate {
    /// It may not.
    Closed,
    /// The filter's listener is asked each time.
    ZygoteRequest,
    /// It may.
    Open,
}

/// All that the filters depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// What stands behind a path.
    pub(crate) paths: Paths,
    /// Files may be created, changed and removed, where Landlock or a mount allows it.
    pub(crate) write: bool,
    /// The worker sees a root of its own, read-only where the profile does not say `write`. Implies `Paths::Visible`
    /// where there are paths at all.
    pub(crate) private_root: bool,
    /// TCP connections may be opened, to the ports that Landlock allows.
    pub(crate) tcp: bool,
    /// Datagrams may be sent over UDP, to the ports that Landlock allows.
    pub(crate) udp: bool,
    /// Unix sockets may be connected, to the paths that the private root or Landlock allows.
    pub(crate) unix: bool,
    /// TCP sockets may listen, on the ports that Landlock lets them be bound to. A socket that was not bound would listen on any port:
    /// whoever is asked looks at that.
    pub(crate) listen: Gate,
    /// UDP sockets may be bound, to the ports that Landlock allows.
    pub(crate) bind_udp: bool,
    /// Programs may be run, where Landlock allows it: processes may be forked, code may be mapped, and no signal handler of gaol's
    /// survives in them. Implies `Paths::Visible`.
    pub(crate) exec: bool,
    /// sysinfo(2) may be asked.
    pub(crate) system_info: bool,
    /// The process may enter a narrower sandbox: more filters, more Landlock.
    pub(crate) narrows: bool,
    /// More threads, and with `exec` more processes.
    pub(crate) threads: Gate,
    /// What a refused call does.
    pub(crate) violation: Violation,
}

impl Shape {
    /// Whether its filter has a listener.
    pub(crate) fn asks(&self) -> bool {
        self.threads == Gate::ZygoteRequest || self.listen == Gate::ZygoteRequest
    }
}

/// The filter of a template.
///
/// It allows what a worker may do, and what a template must still do: fork workers, wait for them, kill them and
/// install the worker's filter.
pub(crate) fn template_filter(shape: &Shape) -> BpfProgram {
    let table = syscalls::template(shape);
    bpf::assemble_whole(&table, syscalls::UNLISTED, syscalls::NEWEST, shape.violation)
}

/// The same in two parts, for a template that has part of its layers to enter yet: the first leaves it what it needs for that, and the second
/// takes that back. Under both it is as under the whole.
pub(crate) fn template_filter_in_parts(shape: &Shape) -> [BpfProgram; 2] {
    let (first, rest) = syscalls::template(shape).in_parts(syscalls::SETUP, syscalls::UNLISTED);
    let first = bpf::assemble_whole(&first, syscalls::UNLISTED, syscalls::NEWEST, shape.violation);
    [first, bpf::assemble_addition(&rest, shape.violation)]
}

/// The filter of a template's workers, to be installed as a worker's last step.
///
/// Every call of a sandboxed function pays for it. So it is short, and the template assembles it once: a worker only
/// writes its own process id into it.
#[derive(Clone, Debug)]
pub(crate) struct WorkerFilter {
    program: BpfProgram,
    /// The instructions that compare with the worker's process id.
    own: Vec<usize>,
}

impl WorkerFilter {
    /// For workers of `shape`.
    pub(crate) fn new(shape: &Shape) -> Self {
        let program = bpf::assemble_addition(&syscalls::worker(shape, SOMEBODY), shape.violation);
        let own = (0..program.len()).filter(|index| program[*index].k == SOMEBODY).collect();
        Self { program, own }
    }

    /// For the worker with this process id, as the worker itself sees it.
    pub(crate) fn of(&mut self, pid: u32) -> &BpfProgram {
        for index in &self.own {
            self.program[*index].k = pid;
        }
        &self.program
    }
}

/// Stands for the worker's process id until it is known. No process has it: ids end at 2^22.
const SOMEBODY: u32 = 0x7FFF_FFFE;

/// The filter of one worker. `pid` is the worker's own, as the worker sees it.
#[cfg(test)]
pub(crate) fn worker_filter(shape: &Shape, pid: u32) -> BpfProgram {
    WorkerFilter::new(shape).of(pid).clone()
}

/// Puts the calling thread, and what it starts from now on, under a filter. This cannot be undone.
///
/// # Errors
///
/// The kernel's: EINVAL if it has no seccomp filters, ENOMEM, or the errno of a filter that is installed already.
pub(crate) fn install(program: &BpfProgram) -> io::Result<()> {
    seccompiler::apply_filter(program).map_err(|error| match error {
        seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error) => error,
        other => io::Error::other(other),
    })
}
