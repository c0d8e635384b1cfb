//! The profiles of the matrix: each as sandboxed functions that perform whatever act they are handed, and as a value.

use std::path::{Path, PathBuf};

use gaol::sandboxed;
use serde_json::{Value, json};

use super::place::{Place, place};
use super::row::{Answer, Tier};
use super::toolbox::Seen;
use super::way::Process;
use super::{Act, handed, perform, supervisor};

/// Which profile an act runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl Profile {
    /// Whether it is about how calls go, and not about what a process may do.
    pub(crate) fn is_of_calls(self) -> bool {
        matches!(self, Self::Beside | Self::Again | Self::AnotherThread)
    }

    /// Whether the rows under it make their calls themselves, of functions of their own.
    pub(crate) fn has_its_own_calls(self) -> bool {
        matches!(
            self,
            Self::Handed | Self::Listen | Self::FewThreads | Self::Beside | Self::Again | Self::AnotherThread
        )
    }
}

/// Performs an act under a profile in a sandboxed function, and says what the caller gets to see.
pub(crate) fn attempt(process: Process, profile: Profile, act: Act, place: &Place) -> Answer {
    Answer::of(match process {
        _ if profile.has_its_own_calls() => attempt_by_its_own(process, profile, act, place),
        Process::Fresh => fresh::attempt(profile, act, place),
        Process::Reused => reused::attempt(profile, act, place),
        Process::Exec => exec::attempt(profile, act, place),
    })
}

fn attempt_by_its_own(process: Process, profile: Profile, act: Act, place: &Place) -> gaol::Result<Seen> {
    match profile {
        Profile::Handed => handed::attempt(process, act, place),
        Profile::Listen => supervisor::listen(process, act, place),
        Profile::Beside => supervisor::beside(process, act, place),
        Profile::Again => supervisor::again(act, place),
        Profile::AnotherThread => supervisor::another_thread(process, act, place),
        _ => supervisor::few_threads(process, act, place),
    }
}

/// Performs acts one after the other in one process of a function of its own, which is for acts that leave the next ones as they were.
pub(crate) fn attempt_all(profile: Profile, acts: Acts, place: &Place) -> Vec<Answer> {
    let seen = match profile {
        Profile::Handed => handed::attempt_all(acts, place),
        _ => exec_all::attempt(profile, acts, place),
    };
    seen.map(|seen| seen.into_iter().map(|seen| Answer::of(Ok(seen))).collect()).unwrap_or_default()
}

type Acts = Vec<Act>;
type Sights = Vec<Seen>;

fn perform_all(acts: Acts, place: &Place) -> Sights {
    acts.into_iter().map(|act| perform(act, place)).collect()
}

/// The functions of one kind of process: one per profile, with the keys of its attribute.
macro_rules! functions {
    ($process:ident $kind:tt $act:ident $seen:ident $perform:ident: $($profile:ident $name:ident ($($keys:tt)*);)*) => {
        mod $process {
            use super::*;

            pub(super) fn attempt(profile: Profile, act: $act, place: &Place) -> gaol::Result<$seen> {
                match profile {
                    $(Profile::$profile => $name(act, place),)*
                    Profile::ReadPerCall => read_per_call::$process(act, place),
                    own => unreachable!("{own:?} has calls of its own"),
                }
            }

            $(#[sandboxed($($keys)*, process = $kind)]
            fn $name(act: $act, place: &Place) -> gaol::Result<$seen> {
                Ok($perform(act, place))
            })*
        }
    };
}

macro_rules! functions_of_every_profile {
    ($process:ident $kind:tt $act:ident $seen:ident $perform:ident) => {
        functions! { $process $kind $act $seen $perform:
            Nothing nothing (time = "20s");
            Read read (read = readable(), time = "20s");
            Write write (read = [readable(), writable()], write = writable(), time = "20s");
            WriteOnly write_only (write = writable(), time = "20s");
            Metadata metadata (metadata = readable(), time = "20s");
            Proc proc (read = "/proc", time = "20s");
            Tcp tcp (net = granted(), time = "20s");
            Terminal terminal (stdout = "inherit", time = "20s");
            Kill kill (violation = "kill", time = "20s");
            ReadKill read_kill (read = readable(), violation = "kill", time = "20s");
            Memory memory (memory = "64MiB", time = "20s");
            Files files (files = 32, time = "20s");
            Threads threads (threads = 8, time = "20s");
            FileSize file_size (read = writable(), write = writable(), file_size = "1MiB", time = "20s");
            Time time (time = "150ms");
            Cpu cpu (cpu = "200ms", time = "20s");
            Reply reply (reply = "64KiB", time = "20s");
            Wide wide (read = "/", write = writable(), net = granted(), listen = granted(), time = "20s");
            Everything everything (read = "/", write = root(), time = "20s");
        }
    };
}

functions_of_every_profile! { fresh "fresh" Act Seen perform }
functions_of_every_profile! { reused "reused" Act Seen perform }
functions_of_every_profile! { exec "exec" Act Seen perform }
functions_of_every_profile! { exec_all "exec" Acts Sights perform_all }

/// The functions whose profile names their argument.
mod read_per_call {
    use super::*;

    #[sandboxed(read = place.readable.clone(), time = "20s")]
    pub(super) fn fresh(act: Act, place: &Place) -> gaol::Result<Seen> {
        Ok(perform(act, place))
    }

    #[sandboxed(read = place.readable.clone(), time = "20s", process = "reused")]
    pub(super) fn reused(act: Act, place: &Place) -> gaol::Result<Seen> {
        Ok(perform(act, place))
    }

    #[sandboxed(read = place.readable.clone(), time = "20s", process = "exec")]
    pub(super) fn exec(act: Act, place: &Place) -> gaol::Result<Seen> {
        Ok(perform(act, place))
    }

    #[sandboxed(read = place.readable.clone(), time = "20s", process = "exec")]
    pub(super) fn exec_all(acts: Acts, place: &Place) -> gaol::Result<Sights> {
        Ok(perform_all(acts, place))
    }
}

fn readable() -> PathBuf {
    place().readable.clone()
}

fn writable() -> PathBuf {
    place().writable.clone()
}

/// Computed: a literal would be what this program may write, and no link would be followed on the way to a command's libraries.
fn root() -> PathBuf {
    "/".into()
}

fn granted() -> String {
    format!("tcp:{}", place().granted_port)
}

impl Profile {
    /// The same for something that runs for as long as it is asked to, by the keys of the attribute.
    fn keys(self) -> Value {
        let (readable, writable) = (readable(), writable());
        let mut keys = match self {
            Self::Wide => json!({ "read": "/", "write": writable, "net": granted(), "listen": granted() }),
            Self::Everything => json!({ "read": "/", "write": "/" }),
            Self::Read | Self::ReadPerCall => json!({ "read": readable }),
            Self::Write => json!({ "read": [readable, writable], "write": writable }),
            Self::WriteOnly => json!({ "write": writable }),
            Self::Metadata => json!({ "metadata": readable }),
            Self::Proc => json!({ "read": "/proc" }),
            Self::Tcp => json!({ "net": granted() }),
            Self::Kill => json!({ "violation": "kill" }),
            Self::ReadKill => json!({ "read": readable, "violation": "kill" }),
            Self::Memory => json!({ "memory": "64MiB" }),
            Self::Files => json!({ "files": 32 }),
            Self::Threads => json!({ "threads": 8 }),
            Self::FileSize => json!({ "read": writable, "write": writable, "file_size": "1MiB" }),
            Self::Listen => json!({ "listen": supervisor::listened_on() }),
            Self::FewThreads => json!({ "threads": 8 }),
            Self::Time => json!({ "time": "700ms" }),
            Self::Cpu => json!({ "cpu": "1s" }),
            // What they are about is not what is granted.
            _ => json!({}),
        };
        if self != Self::Time {
            keys["time"] = json!("none");
        }
        keys
    }

    /// The profile of a process that puts itself under it.
    pub(crate) fn of_activation(self) -> gaol::Profile {
        read(self.keys())
    }

    /// The profile of a command that runs `program`. Without namespaces it names `metadata = "/"`, without which nothing is run there.
    pub(crate) fn of_command(self, program: &Path, tier: Tier) -> gaol::Profile {
        let mut keys = self.keys();
        keys["exec"] = json!(program);
        if tier == Tier::B {
            keys["metadata"] = json!("/");
        }
        read(keys)
    }
}

/// Reading asks nobody whether this system can keep it: that is to come out when it is used.
fn read(keys: Value) -> gaol::Profile {
    serde_json::from_value(keys).expect("the keys of a profile")
}
