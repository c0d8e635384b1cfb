//! Limits: what a worker may use up, as the kernel counts it.

use rustix::process::{Resource, Rlimit};

use super::reserve::{self, TooMuch};
use crate::support::Layer;
use crate::sys::plan::{Plan, Reason, Refusal};
use crate::sys::{own_refusal, refusal};

/// A stack is grown on demand and not counted as private memory, so it has a limit of its own.
const STACK: u64 = 8 << 20;

/// How many signals may wait to be handled: more than a program has timers and threads.
const SIGNALS: u64 = 1024;

/// Sets the limits that workers inherit.
///
/// `usage` is what the process has already.
pub(crate) fn enter(plan: &Plan, usage: Usage) -> Result<(), Refusal> {
    // Private writable memory: heap, anonymous maps, copy-on-write maps of files. The stack is bounded beside it.
    let data = plan.memory.map(|memory| reserve::limit(memory).map_err(|more| not_bounded(memory, more)));
    let data = data.transpose()?;
    if data.is_none() && reserve::is_settled() {
        // The zygote may have kept its allocator from reserving much.
        lift(Resource::Data, "setrlimit(RLIMIT_DATA)")?;
    }
    lower(plan, Resource::Data, data, "setrlimit(RLIMIT_DATA)")?;
    // Pages that were written and then made read-only are no longer counted as writable, so all that is mapped is bounded as well.
    let space = plan.memory.map(|memory| address_space(usage.mapped, memory));
    lower(plan, Resource::As, space, "setrlimit(RLIMIT_AS)")?;
    lower(plan, Resource::Stack, Some(STACK), "setrlimit(RLIMIT_STACK)")?;
    lower(plan, Resource::Fsize, plan.file_size, "setrlimit(RLIMIT_FSIZE)")?;
    // One byte is what no dump fits into, and the one limit at which the kernel does not start a program to pipe a dump to either: for
    // processes that are, or by an exec become, dumpable.
    let core = if plan.runs_programs() || plan.judged_listeners().is_some() { 1 } else { 0 };
    // No lower one is kept for it: at zero that program would be started.
    let held = rustix::process::getrlimit(Resource::Core);
    set(Resource::Core, least(Some(core), held.maximum), "setrlimit(RLIMIT_CORE)")?;
    if let Some(limit) = plan.descendant_limit()
        && plan.has_private_root()
        && counts_by_namespace()
    {
        // The template, or init, is one more.
        lower(plan, Resource::Nproc, Some(limit.saturating_add(1)), "setrlimit(RLIMIT_NPROC)")?;
    }
    // Locked memory and message queues are nothing that a profile can ask for.
    lower(plan, Resource::Memlock, Some(0), "setrlimit(RLIMIT_MEMLOCK)")?;
    lower(plan, Resource::Msgqueue, Some(0), "setrlimit(RLIMIT_MSGQUEUE)")?;
    // Signals that wait and timers, which the kernel counts over all processes of a user.
    lower(plan, Resource::Sigpending, Some(SIGNALS), "setrlimit(RLIMIT_SIGPENDING)")
}

/// How many descriptors this process may have open. `None`: as many as it likes.
pub(crate) fn open_files() -> Option<usize> {
    rustix::process::getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok())
}

/// How large a file this process may write. `None`: as large as it likes. Shared memory is a file to the kernel, which ends a process with SIGXFSZ
/// that gives it a larger size.
pub(crate) fn file_size() -> Option<u64> {
    rustix::process::getrlimit(Resource::Fsize).current
}

/// Whether the kernel counts a user's processes in each user namespace by itself: from Linux 5.14 on.
fn counts_by_namespace() -> bool {
    release() >= (5, 14)
}

/// The kernel's version.
fn release() -> (u32, u32) {
    let release = rustix::system::uname();
    let mut numbers = release.release().to_str().unwrap_or_default().split(|letter: char| !letter.is_ascii_digit());
    let mut next = || numbers.next().and_then(|number| number.parse::<u32>().ok()).unwrap_or(0);
    (next(), next())
}

/// Bounds the process ids in the pid namespace of this process, root's processes included, from Linux 6.14 on. To be called while `/proc`
/// is still there.
///
/// A brake, not the limit: what grows faster than it is looked at stays small enough to be ended at once. Where it is not to be had
/// (`/proc/sys` may be read-only), only the looking is left.
pub(crate) fn bound_process_ids(plan: &Plan) {
    /// Ids below are given out once, and not again: so many can be in use beside those that the limit is about.
    const RESERVED: u64 = 300;
    /// What a namespace of its own begins with. Before there was one for each, the number was the whole system's.
    const OF_A_NEW_NAMESPACE: &str = "4194304\n";
    const PATH: &str = "/proc/sys/kernel/pid_max";
    let Some(limit) = plan.descendant_limit().filter(|_| plan.has_private_root() && release() >= (6, 14)) else {
        return;
    };
    if std::fs::read_to_string(PATH).is_ok_and(|number| number == OF_A_NEW_NAMESPACE) {
        // The first process is one more, and the number is the first that is not given out.
        let _ = std::fs::write(PATH, limit.saturating_add(RESERVED + 2).min(4_194_304).to_string());
    }
}

/// Makes this process, and what it forks, the first that the kernel ends when memory runs out, before what has not half of all memory more.
/// To be called while `/proc` is still there.
///
/// Much of what a worker has the kernel hold is in nobody's resident set, and an application may have been given a protection that its
/// children inherit. A brake, as of [`bound_process_ids`]: where it is not to be had, the limits are what is left.
pub(crate) fn be_ended_first() {
    const ADJUSTMENT: i32 = 500;
    const PATH: &str = "/proc/self/oom_score_adj";
    let inherited = std::fs::read_to_string(PATH).ok().and_then(|number| number.trim().parse::<i32>().ok());
    // It is never lowered, for which a privilege would be needed.
    if inherited.is_some_and(|inherited| inherited < ADJUSTMENT) {
        let _ = std::fs::write(PATH, ADJUSTMENT.to_string());
    }
}

/// How many threads there are in the whole system. To be asked while `/proc` is still there.
pub(crate) fn threads_of_system() -> Option<u64> {
    let load = std::fs::read_to_string("/proc/loadavg").ok()?;
    load.split(' ').nth(3)?.split('/').nth(1)?.parse().ok()
}

/// Bounds how far a program's family can grow before it is looked at, where there are no namespaces and the user is not root: a brake as of
/// [`bound_process_ids`].
///
/// The kernel counts all processes of the user then, wherever they are, so there is room for those that come while the program runs.
pub(crate) fn bound_user(plan: &Plan, threads_of_system: Option<u64>) -> Result<(), Refusal> {
    const ROOM: u64 = 512;
    let limit = plan.descendant_limit().filter(|_| !plan.has_private_root()).zip(threads_of_system);
    let limit = limit.map(|(limit, others)| limit.saturating_add(others).saturating_add(ROOM));
    lower(plan, Resource::Nproc, limit, "setrlimit(RLIMIT_NPROC)")
}

/// Lowers the limits of a process that has some already, which are never raised.
///
/// `mapped` is what the process has mapped now, in bytes.
pub(crate) fn lower_all(plan: &Plan, mapped: u64) -> Result<(), Refusal> {
    lower(plan, Resource::Data, plan.memory, "setrlimit(RLIMIT_DATA)")?;
    lower(plan, Resource::As, plan.memory.map(|memory| address_space(mapped, memory)), "setrlimit(RLIMIT_AS)")?;
    lower(plan, Resource::Fsize, plan.file_size, "setrlimit(RLIMIT_FSIZE)")
}

/// Bytes of address space for a worker with `memory` bytes: twice as much, and room for what is reserved without being used (stacks of
/// threads, arenas of malloc).
fn address_space(mapped: u64, memory: u64) -> u64 {
    const RESERVED: u64 = 256 << 20;
    mapped.saturating_add(memory.saturating_mul(2)).saturating_add(RESERVED)
}

/// What a process has, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// What it has mapped.
    pub(crate) mapped: u64,
    /// The private and writable part of it, with the stack.
    pub(crate) data: u64,
}

/// What this process has. To be asked while `/proc` is still there.
pub(crate) fn usage() -> std::io::Result<Usage> {
    let pages = std::fs::read_to_string("/proc/self/statm")?;
    let field = |index| {
        let pages = pages.split_ascii_whitespace().nth(index).and_then(|pages| pages.parse::<u64>().ok());
        pages
            .map(|pages| pages.saturating_mul(rustix::param::page_size() as u64))
            .ok_or(std::io::ErrorKind::InvalidData)
    };
    Ok(Usage { mapped: field(0)?, data: field(5)? })
}

/// More memory stood ready before the call than the profile allows it.
fn not_bounded(memory: u64, TooMuch { ready, largest }: TooMuch) -> Refusal {
    let mebibytes = |bytes: u64| format!("{} MiB", bytes.div_ceil(1 << 20));
    let step = format!(
        "bound what the process has reserved before the call: it could use {} without asking for it, most of it in {largest}",
        mebibytes(ready)
    );
    own_refusal(Layer::Limits, &step, format!("memory of {}", mebibytes(memory)), Reason::Reserved)
}

/// Sets a soft limit to the hard one.
fn lift(resource: Resource, step: &str) -> Result<(), Refusal> {
    let held = rustix::process::getrlimit(resource);
    if held.current == held.maximum { Ok(()) } else { set(resource, held.maximum, step) }
}

/// Sets the limit on descriptors, in a worker: a template passes descriptors on, and the kernel bounds how many of its user's are on the
/// way by the sender's limit.
pub(crate) fn limit_files(plan: &Plan) -> Result<(), Refusal> {
    lower(plan, Resource::Nofile, plan.files, "setrlimit(RLIMIT_NOFILE)")
}

/// Sets the limit that counts from the start of a process: the kernel's own backstop for the parent's finer watch.
pub(crate) fn limit_cpu(seconds: u64) -> std::io::Result<()> {
    // SIGXCPU says why; a worker that blocks it is killed a second later.
    let limit = Rlimit { current: Some(seconds), maximum: Some(seconds + 1) };
    rustix::process::setrlimit(Resource::Cpu, limit).map_err(Into::into)
}

/// The same for a process that may have one already, which is never raised: the kernel's own kill stays a second behind.
pub(crate) fn lower_cpu(plan: &Plan) -> Result<(), Refusal> {
    let held = rustix::process::getrlimit(Resource::Cpu);
    let Some(seconds) = least(held.current, plan.cpu_seconds) else { return Ok(()) };
    let most = |limit: u64| held.maximum.map_or(limit, |maximum| maximum.min(limit));
    let limit = Rlimit { current: Some(most(seconds)), maximum: Some(most(seconds.saturating_add(1))) };
    rustix::process::setrlimit(Resource::Cpu, limit)
        .map_err(|errno| refusal(Layer::Limits, "setrlimit(RLIMIT_CPU)", &errno.into()))
}

/// Sets soft and hard limit to `limit`, or to what the process was left with where that is less.
///
/// An application that puts itself under the plan keeps a soft limit that is lower, and can raise it no more.
fn lower(plan: &Plan, resource: Resource, limit: Option<u64>, step: &str) -> Result<(), Refusal> {
    if limit.is_none() && !plan.narrows {
        return Ok(());
    }
    let held = rustix::process::getrlimit(resource);
    let left = if plan.narrows { least(held.current, held.maximum) } else { held.maximum };
    set(resource, least(limit, left), step)
}

/// Sets soft and hard limit alike.
fn set(resource: Resource, limit: Option<u64>, step: &str) -> Result<(), Refusal> {
    rustix::process::setrlimit(resource, Rlimit { current: limit, maximum: limit })
        .map_err(|errno| refusal(Layer::Limits, step, &errno.into()))
}

/// The lower one of two limits, of which `None` is none.
fn least(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}
