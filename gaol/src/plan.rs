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
    /// TCP ports that may be connected to.
    pub(crate) tcp_ports: Vec<u16>,
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
    /// Where descriptor 1 goes.
    pub(crate) stdout: Stream,
    /// Where descriptor 2 goes.
    pub(crate) stderr: Stream,
}

impl Plan {
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
        self.threads.filter(|&threads| threads > 1 && self.layers.has(Layer::Seccomp) && self.layers.has(Layer::Limits))
    }

    /// Whether any path may be written.
    pub(crate) fn writes(&self) -> bool {
        self.grants.iter().any(|grant| grant.rights.write)
    }

    /// Whether metadata of every path may be seen (`metadata = "/"` or `read = "/"`).
    pub(crate) fn sees_everything(&self) -> bool {
        self.grants.iter().any(|grant| grant.path() == Path::new("/"))
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
}

/// What may be done at and beneath a path. Each includes its metadata.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Rights {
    pub(crate) read: bool,
    pub(crate) write: bool,
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
    Inherit,
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
}

/// What a refusal means for what to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reason {
    /// The layer is not to be had on this system, whatever the profile.
    Layer,
    /// The operation named by `object` cannot be kept precisely here.
    Operation,
    /// A granted path is no longer what the parent saw.
    Changed,
    /// The system lacks something at this moment: descriptors, memory, processes.
    Resources,
    /// A canary was not refused: a layer that was entered does not hold.
    Canary,
}

impl Refusal {
    pub(crate) fn layer(&self) -> Layer {
        Layer::ALL.get(usize::from(self.layer)).copied().unwrap_or(Layer::Hygiene)
    }
}

/// Paths as bytes: they need not be UTF-8.
mod path_bytes {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::PathBuf;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().as_bytes().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(PathBuf::from(OsString::from_vec(Vec::deserialize(deserializer)?)))
    }
}
