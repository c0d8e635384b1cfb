//! The plan: a profile made ready for this system, as it travels from the application to a template.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::support::{Layer, Layers};

/// Everything that a template needs to know to enter the layers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The layers to enter. A template that cannot enter one of them refuses to serve.
    pub(crate) layers: Layers,
    /// What may be reached by path, outermost first.
    pub(crate) grants: Vec<Grant>,
    /// The symbolic links that lead from the written names to the granted paths.
    pub(crate) links: Vec<Link>,
    /// What may be reached by address.
    pub(crate) network: Network,
    /// sysinfo(2) may be asked.
    pub(crate) system_info: bool,
    /// CPU time in whole seconds, rounded up: the kernel's own backstop for the parent's finer watch.
    pub(crate) cpu_seconds: Option<u64>,
    /// `RLIMIT_DATA`, in bytes.
    pub(crate) memory: Option<u64>,
    /// `RLIMIT_NOFILE`.
    pub(crate) files: Option<u64>,
    /// Threads at once.
    pub(crate) threads: Option<u64>,
    /// `RLIMIT_FSIZE`, in bytes.
    pub(crate) file_size: Option<u64>,
    /// A refused system call ends the worker.
    pub(crate) kill_on_violation: bool,
    /// The largest payload of a reply, in bytes.
    pub(crate) reply: Option<u64>,
    /// One worker serves call after call.
    pub(crate) reused: bool,
    /// The process is the application itself, which may put itself under a narrower profile later.
    pub(crate) narrows: bool,
    /// Another filter asks already, whose answers hold here too.
    pub(crate) answered: bool,
    /// A filter that the application is under ends a process that asks for Landlock: there is none, then.
    pub(crate) lethal_landlock: bool,
    /// Where descriptor 1 goes.
    pub(crate) stdout: Stream,
    /// Where descriptor 2 goes.
    pub(crate) stderr: Stream,
}

impl Plan {
    /// The plan without its paths.
    pub(crate) fn frame(&self) -> Self {
        Self { grants: Vec::new(), links: Vec::new(), network: self.network.clone(), ..*self }
    }

    /// Whether much of it can be entered before its paths are known.
    pub(crate) fn can_be_prewarmed(&self) -> bool {
        self.has_private_root() && !self.sees_everything() && !self.runs_programs()
    }

    /// Whether the profile allows anything by path.
    pub(crate) fn has_paths(&self) -> bool {
        !self.grants.is_empty()
    }

    /// Whether the child sees only what is granted, because it has a root of its own.
    pub(crate) fn has_private_root(&self) -> bool {
        self.layers.has(Layer::Namespaces)
    }

    /// How many threads a worker may have, where that has to be counted: one is what a filter can refuse to exceed by itself.
    pub(crate) fn counted_threads(&self) -> Option<u64> {
        let judged = !self.answered
            && !self.runs_programs()
            && self.layers.has(Layer::Seccomp)
            && self.layers.has(Layer::Limits);
        self.threads.filter(|&threads| threads > 1 && judged)
    }

    /// How many threads and processes there may be together, where programs may be run.
    pub(crate) fn descendant_limit(&self) -> Option<u64> {
        self.threads.filter(|_| self.runs_programs() && self.layers.has(Layer::Limits))
    }

    /// The ports that a socket must be bound to before it may listen, where somebody has to look at that.
    pub(crate) fn judged_listeners(&self) -> Option<&[u16]> {
        match &self.network.tcp_inbound {
            Ports::These(ports) if !ports.is_empty() && !self.answered && self.layers.has(Layer::Seccomp) => {
                Some(ports)
            }
            _ => None,
        }
    }

    /// Whether the filter puts questions to somebody outside of the sandbox.
    pub(crate) fn asks(&self) -> bool {
        self.counted_threads().is_some() || self.judged_listeners().is_some()
    }

    /// Whether a Unix socket may be connected to.
    pub(crate) fn connects_locally(&self) -> bool {
        self.grants.iter().any(|grant| grant.rights.connect)
    }

    /// Whether programs may be run.
    pub(crate) fn runs_programs(&self) -> bool {
        self.grants.iter().any(|grant| grant.rights.execute)
    }

    /// Whether any path may be written.
    pub(crate) fn writes(&self) -> bool {
        self.grants.iter().any(|grant| grant.rights.write)
    }

    /// Whether a worker has somebody to ask for modes and times of what it may write. A program has no handler that could ask.
    pub(crate) fn has_judge(&self) -> bool {
        self.writes() && !self.runs_programs() && !self.narrows && self.layers.has(Layer::Seccomp)
    }

    /// Whether metadata of every path may be seen (`metadata = "/"` or `read = "/"`).
    pub(crate) fn sees_everything(&self) -> bool {
        self.grants.iter().any(|grant| grant.path() == Path::new("/"))
    }
}

/// What may be reached by address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Network {
    /// Ports that may be connected to.
    pub(crate) tcp_outbound: Ports,
    /// Ports that may be listened on.
    pub(crate) tcp_inbound: Ports,
    /// Ports that may be sent to.
    pub(crate) udp_outbound: Ports,
    /// Ports that may be received on.
    pub(crate) udp_inbound: Ports,
}

impl Network {
    /// Whether some ports may be reached and others not. Who may reach every one needs nobody to look at them.
    pub(crate) fn tells_ports_apart(&self) -> bool {
        [&self.tcp_outbound, &self.tcp_inbound, &self.udp_outbound, &self.udp_inbound]
            .into_iter()
            .any(|ports| !ports.judged().is_empty())
    }

    /// Whether nothing at all may be reached, so that the child needs no network.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.tcp_outbound, &self.tcp_inbound, &self.udp_outbound, &self.udp_inbound]
            .into_iter()
            .all(|ports| ports.is_empty())
    }
}

/// Some ports of one protocol, in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Ports {
    These(Vec<u16>),
    Every,
}

impl Default for Ports {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Ports {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::These(ports) if ports.is_empty())
    }

    /// The ports that somebody has to tell from others; none where every port is allowed.
    pub(crate) fn judged(&self) -> &[u16] {
        match self {
            Self::These(ports) => ports,
            Self::Every => &[],
        }
    }

    pub(crate) fn contains(&self, port: u16) -> bool {
        match self {
            Self::These(ports) => ports.contains(&port),
            Self::Every => true,
        }
    }

    pub(crate) fn add(&mut self, port: u16) {
        if let Self::These(ports) = self
            && !ports.contains(&port)
        {
            ports.push(port);
        }
    }
}

/// One granted file or tree: its real path, with no symbolic link in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Grant {
    #[serde(with = "path_bytes")]
    pub(crate) path: PathBuf,
    pub(crate) identity: Identity,
    pub(crate) kind: Kind,
    pub(crate) rights: Rights,
}

impl Grant {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// What a path was when the parent looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The kinds of file that can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Kind {
    Directory,
    Regular,
    Device,
    Socket,
}

/// What may be done at and beneath a path. Each includes its metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
    /// Run what is there.
    pub(crate) execute: bool,
    /// Map what is there as code: libraries.
    pub(crate) map: bool,
    /// Connect to the Unix socket that is there.
    pub(crate) connect: bool,
}

impl Rights {
    pub(crate) const METADATA: Self = Self { read: false, write: false, execute: false, map: false, connect: false };
    pub(crate) const READ: Self = Self { read: true, ..Self::METADATA };
    pub(crate) const WRITE: Self = Self { write: true, ..Self::METADATA };
    /// A library.
    pub(crate) const MAP: Self = Self { map: true, ..Self::READ };
    /// A program. It can be mapped in any case, by being run.
    pub(crate) const EXECUTE: Self = Self { execute: true, ..Self::MAP };
    pub(crate) const CONNECT: Self = Self { connect: true, ..Self::METADATA };

    /// Both together.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            read: self.read || other.read,
            write: self.write || other.write,
            execute: self.execute || other.execute,
            map: self.map || other.map,
            connect: self.connect || other.connect,
        }
    }

    /// Whether nothing but metadata is allowed.
    pub(crate) fn is_metadata(self) -> bool {
        self == Self::METADATA
    }
}

/// A symbolic link to put in the private root.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Link {
    #[serde(with = "path_bytes")]
    pub(crate) at: PathBuf,
    #[serde(with = "path_bytes")]
    pub(crate) target: PathBuf,
}

/// Where one output stream of a worker goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Stream {
    Capture,
    Null,
    /// The template has a description of it.
    Inherit,
    /// By a socket to the application, which writes it to its own stream.
    Pass,
    /// By the same socket as standard output.
    PassWithStdout,
}

/// Why a template refuses to serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Index into [`Layer::ALL`].
    pub(crate) layer: u8,
    /// What was being done, in the kernel's words.
    pub(crate) step: String,
    /// What it was done to: a path, a port; empty where there is nothing to name.
    pub(crate) object: String,
    /// 0 where the kernel answered nothing: the refusal is gaol's own.
    pub(crate) errno: i32,
    pub(crate) reason: Reason,
    pub(crate) need: Need,
}

/// What the profile needs the refused step for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Need {
    /// The layer, whatever the profile.
    Layer,
    /// To judge any file.
    Files,
    /// To judge what is written.
    Write,
    /// To keep metadata apart from contents.
    Metadata,
    TcpPorts,
    UdpPorts,
    /// To keep one Unix socket apart from others.
    UnixSocket,
    /// The same where a directory is granted that may hold others.
    UnixSocketBesideDirectory,
    /// To keep a program from metadata.
    ProgramMetadata,
    /// To keep the signals of a program inside.
    ProgramSignals,
    /// To count the processes of a program.
    CountProcesses,
    /// To count threads.
    CountThreads,
    /// The same of a program, which one thread does not limit.
    CountThreadsOfPrograms,
    /// To be asked about sockets that are to listen.
    AskAboutListeners,
    /// To look at a socket that is to listen.
    LookAtListeners,
}

/// What a refusal means for what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reason {
    /// The layer is not available on this system, whatever the profile.
    Layer,
    /// The operation named by `object` cannot be kept precisely here.
    Operation,
    /// A granted path is no longer what the parent saw.
    Changed,
    /// The system lacks something at this moment: descriptors, memory, processes.
    Resources,
    /// A canary was not refused: a layer that was entered does not hold.
    Canary,
    /// More memory was reserved before the call than the profile allows it.
    Reserved,
    /// A filter that the application is under ends a process that takes the step.
    Lethal,
}

impl Refusal {
    /// The same, with what the step was needed for.
    #[must_use]
    pub(crate) fn needed_for(self, need: Need) -> Self {
        Self { need, ..self }
    }

    pub(crate) fn layer(&self) -> Layer {
        Layer::ALL.get(usize::from(self.layer)).copied().unwrap_or(Layer::Hygiene)
    }

    /// The application may find another state of things if it looks again.
    pub(crate) fn is_worth_another_look(&self) -> bool {
        self.reason == Reason::Changed
    }

    /// The system has not got what was refused, and is not going to have it: the answer may be kept. Anything else is asked for again.
    pub(crate) fn is_for_good(&self) -> bool {
        match self.reason {
            Reason::Changed | Reason::Resources => false,
            Reason::Layer | Reason::Operation | Reason::Canary | Reason::Reserved | Reason::Lethal => matches!(
                self.errno,
                // 0: gaol's own.
                0 | libc::EPERM
                    | libc::EACCES
                    | libc::ENOSYS
                    | libc::EINVAL
                    | libc::EOPNOTSUPP
                    | libc::ENODEV
                    | libc::EROFS
                    | libc::EUSERS
            ),
        }
    }
}

/// Paths as bytes: they need not be UTF-8.
mod path_bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(PathBuf::from(OsString::from_vec(Vec::deserialize(deserializer)?)))
    }
}
