//! The sandboxed functions of the matrix: one per profile, and all of them perform whatever act they are handed.

use std::path::PathBuf;

use gaol::sandboxed;

use super::place::{Place, place};
use super::row::Answer;
use super::toolbox::Seen;
use super::{Act, handed, perform, supervisor};

/// Which profile an act runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// No operation.
    Nothing,
    /// `read` on one tree.
    Read,
    /// The same, with the path named by an argument.
    ReadPerCall,
    /// `read` on two trees and `write` on the second.
    Write,
    /// `write` on one tree, and nothing to read.
    WriteOnly,
    /// `metadata` on one tree.
    Metadata,
    /// `read` on `/proc`, which is more than anyone should write.
    Proc,
    /// `net` on one port.
    Tcp,
    /// The application's own standard output.
    Terminal,
    /// `violation = "kill"`.
    Kill,
    /// `violation = "kill"`, with one tree to read.
    ReadKill,
    /// Little memory.
    Memory,
    /// Few descriptors.
    Files,
    /// Few threads.
    Threads,
    /// Small files.
    FileSize,
    /// Little time.
    Time,
    /// Little CPU time.
    Cpu,
    /// A small reply.
    Reply,
    /// `process = "reused"`.
    Reused,
    /// `process = "exec"`.
    Exec,
    /// About as much as can be granted without other programs: everything to read, one tree to write, a port each way.
    Wide,
    /// No operation, and one descriptor of each kind.
    Handed,
    /// Everything to read and to write.
    Everything,
    /// `listen` on one port.
    Listen,
    /// Few threads, which somebody counts.
    FewThreads,
    /// The same, beside calls that end with their questions unanswered.
    Beside,
    /// A kept worker's second call.
    Again,
    /// A call by another thread than the one that made the first.
    AnotherThread,
}

/// Performs an act under a profile, and says what the caller gets to see.
pub(crate) fn attempt(profile: Profile, act: Act, place: &Place) -> Answer {
    Answer::of(match profile {
        Profile::Nothing => with_nothing(act, place),
        Profile::Read => with_read(act, place),
        Profile::ReadPerCall => with_read_per_call(act, place),
        Profile::Write => with_write(act, place),
        Profile::WriteOnly => with_write_only(act, place),
        Profile::Metadata => with_metadata(act, place),
        Profile::Proc => with_proc(act, place),
        Profile::Tcp => with_tcp(act, place),
        Profile::Terminal => with_terminal(act, place),
        Profile::Kill => with_kill(act, place),
        Profile::ReadKill => with_read_and_kill(act, place),
        Profile::Memory => with_little_memory(act, place),
        Profile::Files => with_few_files(act, place),
        Profile::Threads => with_few_threads(act, place),
        Profile::FileSize => with_small_files(act, place),
        Profile::Time => with_little_time(act, place),
        Profile::Cpu => with_little_cpu(act, place),
        Profile::Reply => with_small_reply(act, place),
        Profile::Reused => with_reused(act, place),
        Profile::Exec => with_exec(act, place),
        Profile::Wide => with_much(act, place),
        Profile::Everything => with_everything(act, place),
        Profile::Listen => supervisor::listen(act, place),
        Profile::FewThreads => supervisor::few_threads(act, place),
        Profile::Beside => supervisor::beside(act, place),
        Profile::Again => supervisor::again(act, place),
        Profile::AnotherThread => supervisor::another_thread(act, place),
        Profile::Handed => handed::attempt(act, place),
    })
}

#[sandboxed(time = "20s")]
fn with_nothing(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = readable(), time = "20s")]
fn with_read(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = place.readable.clone(), time = "20s")]
fn with_read_per_call(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = [readable(), writable()], write = writable(), time = "20s")]
fn with_write(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(write = writable(), time = "20s")]
fn with_write_only(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(metadata = readable(), time = "20s")]
fn with_metadata(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = "/proc", time = "20s")]
fn with_proc(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(net = granted(), time = "20s")]
fn with_tcp(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(stdout = "inherit", time = "20s")]
fn with_terminal(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(violation = "kill", time = "20s")]
fn with_kill(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = readable(), violation = "kill", time = "20s")]
fn with_read_and_kill(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(memory = "64MiB", time = "20s")]
fn with_little_memory(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(files = 32, time = "20s")]
fn with_few_files(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(threads = 8, time = "20s")]
fn with_few_threads(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = writable(), write = writable(), file_size = "1MiB", time = "20s")]
fn with_small_files(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(time = "400ms")]
fn with_little_time(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(cpu = "1s", time = "20s")]
fn with_little_cpu(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(reply = "64KiB", time = "20s")]
fn with_small_reply(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(process = "reused", time = "20s")]
fn with_reused(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(process = "exec", time = "20s")]
fn with_exec(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = "/", write = writable(), net = granted(), listen = granted(), time = "20s")]
fn with_much(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

#[sandboxed(read = "/", write = "/", time = "20s")]
fn with_everything(act: Act, place: &Place) -> gaol::Result<Seen> {
    Ok(perform(act, place))
}

fn readable() -> PathBuf {
    place().readable.clone()
}

fn writable() -> PathBuf {
    place().writable.clone()
}

fn granted() -> String {
    format!("tcp:{}", place().granted_port)
}
