//! The profile: everything that a sandboxed call may do, as a value.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// An absolute, normal path, buildable in a `const`.
///
/// It has no `.` or `..` component, no repeated or trailing `/`, and no NUL byte. Bytes that are not UTF-8 are kept.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProfilePath(Cow<'static, [u8]>);

impl ProfilePath {
    /// For the attribute, which has checked the literal at compile time.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_checked(path: &'static str) -> Self {
        Self(Cow::Borrowed(path.as_bytes()))
    }

    /// Checks a path by the rules of the attribute's literals.
    ///
    /// # Errors
    ///
    /// The message says what is wrong with the path and what belongs there.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, gaol_spec::SpecError> {
        let path = path.into();
        gaol_spec::check_path(path.as_os_str().as_bytes())?;
        Ok(Self(Cow::Owned(path.into_os_string().into_encoded_bytes())))
    }

    /// The path itself.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.0))
    }
}

impl AsRef<Path> for ProfilePath {
    fn as_ref(&self) -> &Path {
        self.as_path()
    }
}

impl fmt::Debug for ProfilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_path(), f)
    }
}

impl fmt::Display for ProfilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_path().display(), f)
    }
}

/// Which paths a file operation covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PathPattern {
    /// The path and, where it is a directory, everything beneath it.
    Subpath(ProfilePath),
}

impl PathPattern {
    /// The path that the pattern starts from.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Subpath(path) => path.as_path(),
        }
    }
}

/// Which addresses a network operation covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressPattern {
    /// A TCP port of any host.
    Tcp(u16),
}

/// One thing that a profile allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Read contents and metadata; list directories. The attribute's `read`.
    FileReadAll(PathPattern),
    /// Read metadata: stat, list, resolve. The attribute's `metadata`.
    FileReadMetadata(PathPattern),
    /// Create, change, rename and remove, and see the metadata of what is there; not read contents. The attribute's `write`.
    FileWriteAll(PathPattern),
    /// Open outbound connections. The attribute's `net`.
    NetworkOutbound(AddressPattern),
}

impl Operation {
    /// The path of a file operation.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::FileReadAll(pattern) | Self::FileReadMetadata(pattern) | Self::FileWriteAll(pattern) => {
                Some(pattern.path())
            }
            Self::NetworkOutbound(_) => None,
        }
    }
}

/// As the attribute would be written: `read = "/data"`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileReadAll(pattern) => write!(f, "read = {:?}", pattern.path()),
            Self::FileReadMetadata(pattern) => write!(f, "metadata = {:?}", pattern.path()),
            Self::FileWriteAll(pattern) => write!(f, "write = {:?}", pattern.path()),
            Self::NetworkOutbound(AddressPattern::Tcp(port)) => write!(f, "net = \"tcp:{port}\""),
        }
    }
}

/// What a call may use up. `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Wall-clock time of the call, from the request to the whole reply. Default 60 s.
    pub time: Option<Duration>,
    /// CPU time of the call, all threads together. Default none.
    pub cpu: Option<Duration>,
    /// Private writable memory in bytes (`RLIMIT_DATA`). Default 1 GiB. All that is mapped is bounded too, more widely (`RLIMIT_AS`).
    pub memory: Option<u64>,
    /// Open descriptors. Default 256.
    pub files: Option<u64>,
    /// Threads at once, the first included. Default 64.
    pub threads: Option<u64>,
    /// Largest file written, in bytes. Default 1 GiB.
    pub file_size: Option<u64>,
    /// Largest reply, in bytes as encoded. Default 64 MiB.
    pub reply: Option<u64>,
}

impl Limits {
    /// The limits of a profile that names none: they stop accidents, not work.
    pub const DEFAULT: Self = Self {
        time: gaol_spec::defaults::TIME,
        cpu: gaol_spec::defaults::CPU,
        memory: gaol_spec::defaults::MEMORY,
        files: gaol_spec::defaults::FILES,
        threads: gaol_spec::defaults::THREADS,
        file_size: gaol_spec::defaults::FILE_SIZE,
        reply: gaol_spec::defaults::REPLY,
    };

    /// For the attribute, which writes every limit down.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_parts(
        time: Option<Duration>,
        cpu: Option<Duration>,
        memory: Option<u64>,
        files: Option<u64>,
        threads: Option<u64>,
        file_size: Option<u64>,
        reply: Option<u64>,
    ) -> Self {
        Self { time, cpu, memory, files, threads, file_size, reply }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

pub use gaol_spec::{Output, Process, Violation};

/// Everything that a call may do: a whitelist of operations, the environment it sees, and its limits.
///
/// Printed, it reads as the attribute would be written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Profile {
    operations: Cow<'static, [Operation]>,
    environment: Cow<'static, [Cow<'static, str>]>,
    limits: Limits,
    stdout: Output,
    stderr: Output,
    process: Process,
    violation: Violation,
}

impl Profile {
    /// The profile that allows nothing but to compute, within the default limits.
    pub const NOTHING: Self =
        Self::from_parts(&[], &[], Limits::DEFAULT, Output::Capture, Output::Capture, Process::Fresh, Violation::Deny);

    /// For the attribute.
    #[doc(hidden)]
    #[must_use]
    pub const fn from_parts(
        operations: &'static [Operation],
        environment: &'static [Cow<'static, str>],
        limits: Limits,
        stdout: Output,
        stderr: Output,
        process: Process,
        violation: Violation,
    ) -> Self {
        Self {
            operations: Cow::Borrowed(operations),
            environment: Cow::Borrowed(environment),
            limits,
            stdout,
            stderr,
            process,
            violation,
        }
    }

    /// The operations that the profile allows, in the order in which they were written.
    #[must_use]
    pub fn allowed_operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The names of the variables copied from the parent.
    pub fn environment(&self) -> impl Iterator<Item = &str> {
        self.environment.iter().map(AsRef::as_ref)
    }

    /// What a call may use up.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where the child's standard output goes.
    #[must_use]
    pub fn stdout(&self) -> Output {
        self.stdout
    }

    /// Where the child's standard error goes.
    #[must_use]
    pub fn stderr(&self) -> Output {
        self.stderr
    }

    /// Which process serves a call.
    #[must_use]
    pub fn process(&self) -> Process {
        self.process
    }

    /// What a refused system call does.
    #[must_use]
    pub fn violation(&self) -> Violation {
        self.violation
    }

    /// The operations on files.
    pub(crate) fn file_operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.path().is_some())
    }

    /// The TCP ports that the profile lets a call connect to.
    pub(crate) fn tcp_ports(&self) -> impl Iterator<Item = u16> + '_ {
        self.operations.iter().filter_map(|operation| match operation {
            Operation::NetworkOutbound(AddressPattern::Tcp(port)) => Some(*port),
            _ => None,
        })
    }

    pub(crate) fn operations_mut(&mut self) -> &mut Vec<Operation> {
        self.operations.to_mut()
    }

    pub(crate) fn environment_mut(&mut self) -> &mut Vec<Cow<'static, str>> {
        self.environment.to_mut()
    }

    pub(crate) fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    pub(crate) fn set_stdout(&mut self, output: Output) {
        self.stdout = output;
    }

    pub(crate) fn set_stderr(&mut self, output: Output) {
        self.stderr = output;
    }

    pub(crate) fn set_violation(&mut self, violation: Violation) {
        self.violation = violation;
    }
}
