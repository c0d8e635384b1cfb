//! Limits: what a worker may use up, as the kernel counts it.

use rustix::process::{Resource, Rlimit};

use super::refusal;
use crate::plan::{Plan, Refusal};
use crate::support::Layer;

/// A stack is grown on demand and not counted as private memory, so it has a limit of its own.
const STACK: u64 = 8 << 20;

/// Sets the limits that workers inherit.
pub(crate) fn enter(plan: &Plan) -> Result<(), Refusal> {
    // Private writable memory: heap, anonymous maps, copy-on-write maps of files. The stack is bounded beside it.
    lower(Resource::Data, plan.memory, "setrlimit(RLIMIT_DATA)")?;
    lower(Resource::Stack, Some(STACK), "setrlimit(RLIMIT_STACK)")?;
    lower(Resource::Fsize, plan.file_size, "setrlimit(RLIMIT_FSIZE)")?;
    lower(Resource::Core, Some(0), "setrlimit(RLIMIT_CORE)")?;
    // Locked memory and message queues are nothing that a profile can ask for.
    lower(Resource::Memlock, Some(0), "setrlimit(RLIMIT_MEMLOCK)")?;
    lower(Resource::Msgqueue, Some(0), "setrlimit(RLIMIT_MSGQUEUE)")
}

/// Sets the limit on descriptors, in a worker: a template passes descriptors on, and the kernel bounds how many of its user's are on the
/// way by the sender's limit.
pub(crate) fn limit_files(plan: &Plan) -> Result<(), Refusal> {
    lower(Resource::Nofile, plan.files, "setrlimit(RLIMIT_NOFILE)")
}

/// Sets the limit that counts from the start of a process: the kernel's own backstop for the parent's finer watch.
pub(crate) fn limit_cpu(seconds: u64) -> std::io::Result<()> {
    // SIGXCPU says why; a worker that blocks it is killed a second later.
    let limit = Rlimit { current: Some(seconds), maximum: Some(seconds + 1) };
    rustix::process::setrlimit(Resource::Cpu, limit).map_err(Into::into)
}

/// Sets soft and hard limit to `limit`, or to what the process was left with where that is less.
fn lower(resource: Resource, limit: Option<u64>, step: &str) -> Result<(), Refusal> {
    let Some(limit) = limit else { return Ok(()) };
    let held = rustix::process::getrlimit(resource);
    let limit = held.maximum.map_or(limit, |maximum| maximum.min(limit));
    rustix::process::setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
        .map_err(|errno| refusal(Layer::Limits, step, &errno.into()))
}
