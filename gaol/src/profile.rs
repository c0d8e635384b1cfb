//! The profile: everything that a sandboxed call may do, as a value.

pub(crate) mod build;
pub(crate) mod dynamic;
#[cfg(feature = "serde")]
pub(crate) mod file;
pub(crate) mod rules;
mod text;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
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

impl TryFrom<&str> for ProfilePath {
    type Error = gaol_spec::SpecError;

    fn try_from(path: &str) -> Result<Self, Self::Error> {
        Self::new(path)
    }
}

impl TryFrom<&Path> for ProfilePath {
    type Error = gaol_spec::SpecError;

    fn try_from(path: &Path) -> Result<Self, Self::Error> {
        Self::new(path)
    }
}

impl TryFrom<PathBuf> for ProfilePath {
    type Error = gaol_spec::SpecError;

    fn try_from(path: PathBuf) -> Result<Self, Self::Error> {
        Self::new(path)
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
    /// One file, and nothing else. The attribute writes `"literal:/etc/hosts"`.
    ///
    /// A directory cannot be granted so: no layer of Linux tells a directory from what is beneath it. A call whose literal is a directory
    /// fails before the function runs ([`PathProblem::LiteralDirectory`](crate::PathProblem::LiteralDirectory)).
    Literal(ProfilePath),
    /// The path and, where it is a directory, everything beneath it. The attribute writes `"/data"`.
    Subpath(ProfilePath),
}

impl PathPattern {
    /// One file.
    ///
    /// # Errors
    ///
    /// The path is not absolute and normal; the message says what is wrong with it.
    pub fn literal(path: impl Into<PathBuf>) -> Result<Self, gaol_spec::SpecError> {
        ProfilePath::new(path).map(Self::Literal)
    }

    /// A path and everything beneath it.
    ///
    /// # Errors
    ///
    /// The path is not absolute and normal; the message says what is wrong with it.
    pub fn subpath(path: impl Into<PathBuf>) -> Result<Self, gaol_spec::SpecError> {
        ProfilePath::new(path).map(Self::Subpath)
    }

    /// The path that the pattern starts from.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Literal(path) | Self::Subpath(path) => path.as_path(),
        }
    }

    /// Whether everything that `other` covers is covered.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Subpath(own), _) => other.path().starts_with(own.as_path()),
            (Self::Literal(own), Self::Literal(other)) => own == other,
            (Self::Literal(_), Self::Subpath(_)) => false,
        }
    }
}

/// As the attribute would be written: `"/data"`, `"literal:/etc/hosts"`.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(path) => fmt::Debug::fmt(&with_prefix("literal:", path), f),
            Self::Subpath(path) => fmt::Debug::fmt(path, f),
        }
    }
}

/// Which addresses a network operation covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressPattern {
    /// Every TCP and UDP address, over IPv4 and IPv6. No other protocol, and no Unix socket. The attribute writes `"all"`.
    ///
    /// UDP has no connections, so what may send to every address may receive on every port as well.
    All,
    /// A TCP port: of any host, or with [`Operation::NetworkInbound`] of this one. The attribute writes `"tcp:443"`.
    Tcp(u16),
    /// A UDP port: of any host, or with [`Operation::NetworkInbound`] of this one. The attribute writes `"udp:53"`.
    Udp(u16),
    /// The Unix socket at this path. The attribute writes `"unix:/run/x.sock"`.
    LocalSocket(ProfilePath),
}

impl AddressPattern {
    /// The Unix socket at `path`.
    ///
    /// # Errors
    ///
    /// The path is not absolute and normal; the message says what is wrong with it.
    pub fn local_socket(path: impl Into<PathBuf>) -> Result<Self, gaol_spec::SpecError> {
        ProfilePath::new(path).map(Self::LocalSocket)
    }

    /// Whether everything that `other` covers is covered.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other || (*self == Self::All && !matches!(other, Self::LocalSocket(_)))
    }
}

/// As the attribute would be written: `"tcp:443"`.
impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("\"all\""),
            Self::Tcp(port) => write!(f, "\"tcp:{port}\""),
            Self::Udp(port) => write!(f, "\"udp:{port}\""),
            Self::LocalSocket(path) => fmt::Debug::fmt(&with_prefix("unix:", path), f),
        }
    }
}

/// A path with a word before it, for printing.
fn with_prefix(word: &str, path: &ProfilePath) -> OsString {
    let mut text = OsString::from(word);
    text.push(path.as_path());
    text
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
    /// Run a program, in the same sandbox: it, and what its loader needs, may be read and executed, and `/dev/null` opened. What it starts is in the sandbox as
    /// well, and may run what the profile lets be run. The attribute's `exec`.
    ///
    /// Of a directory, run what is beneath and map it as code (plug-ins, extension modules); what those programs need elsewhere is not
    /// included.
    ProcessExec(PathPattern),
    /// Open outbound connections. The attribute's `net`.
    NetworkOutbound(AddressPattern),
    /// Accept inbound connections on a local port. The attribute's `listen`.
    NetworkInbound(AddressPattern),
    /// Read what the system tells of itself: sysinfo(2) and, read-only, the sysctl variables beneath `/proc/sys`. The attribute's
    /// `system = "info"`.
    SystemInfoRead,
    /// What only one system has.
    PlatformSpecific(platform::Operation),
}

/// Operations that only the running system has.
pub mod platform {
    /// Linux has none: what it can allow precisely, the operations of every system say.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    #[non_exhaustive]
    pub enum Operation {}
}

impl Operation {
    /// The path of a file operation, of a program, or of a Unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::FileReadAll(pattern)
            | Self::FileReadMetadata(pattern)
            | Self::FileWriteAll(pattern)
            | Self::ProcessExec(pattern) => Some(pattern.path()),
            Self::NetworkOutbound(AddressPattern::LocalSocket(path))
            | Self::NetworkInbound(AddressPattern::LocalSocket(path)) => Some(path.as_path()),
            Self::NetworkOutbound(_) | Self::NetworkInbound(_) | Self::SystemInfoRead | Self::PlatformSpecific(_) => {
                None
            }
        }
    }

    /// Whether everything that `other` allows is allowed by this operation alone.
    ///
    /// Reading, writing and running a file include its metadata, and running it includes reading it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::FileReadAll(own), Self::FileReadAll(other) | Self::FileReadMetadata(other))
            | (Self::FileReadMetadata(own), Self::FileReadMetadata(other))
            | (Self::FileWriteAll(own), Self::FileWriteAll(other) | Self::FileReadMetadata(other))
            | (
                Self::ProcessExec(own),
                Self::ProcessExec(other) | Self::FileReadAll(other) | Self::FileReadMetadata(other),
            ) => own.covers(other),
            (Self::NetworkOutbound(own), Self::NetworkOutbound(other))
            | (Self::NetworkInbound(own), Self::NetworkInbound(other)) => own.covers(other),
            (Self::SystemInfoRead, Self::SystemInfoRead) => true,
            _ => false,
        }
    }

    /// The attribute's key for it.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::FileReadAll(_) => "read",
            Self::FileReadMetadata(_) => "metadata",
            Self::FileWriteAll(_) => "write",
            Self::ProcessExec(_) => "exec",
            Self::NetworkOutbound(_) => "net",
            Self::NetworkInbound(_) => "listen",
            Self::SystemInfoRead => "system",
            Self::PlatformSpecific(operation) => match *operation {},
        }
    }

    /// The value that the attribute's key has for it, in quotes.
    pub(crate) fn value(&self) -> String {
        match self {
            Self::FileReadAll(pattern)
            | Self::FileReadMetadata(pattern)
            | Self::FileWriteAll(pattern)
            | Self::ProcessExec(pattern) => pattern.to_string(),
            Self::NetworkOutbound(address) | Self::NetworkInbound(address) => address.to_string(),
            Self::SystemInfoRead => "\"info\"".to_owned(),
            Self::PlatformSpecific(operation) => match *operation {},
        }
    }
}

/// As the attribute would be written: `read = "/data"`.
impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key(), self.value())
    }
}

/// What a call may use up. `None` means no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Limits {
    /// Wall-clock time of the call, from the request to the result, decoded. Default 60 s.
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
    ///
    /// What is made of a reply in the parent may take eight times as much memory (and 8 MiB in any case): each element of a collection counts
    /// with its size, text with its length, an allocation with 32 bytes. Where there is no limit, what is made of a message may take eight
    /// times its length, or 512 MiB.
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

pub use self::rules::RuleError;

/// Everything that a call may do: a whitelist of operations, the environment it sees, and its limits.
///
/// Printed, it reads as the attribute would be written.
///
/// # Files
///
/// With the feature `serde` a profile is read from a file, and written to one, in any format that serde has: a map of the attribute's keys.
///
/// ```
/// # #[cfg(feature = "serde")] {
/// let profile: gaol::Profile = toml::from_str(
///     r#"
///     read = ["/usr/share", "literal:/etc/hosts"]
///     net = "tcp:443"
///     time = "2s"
///     threads = 8
///     "#,
/// )?;
/// assert_eq!(
///     profile.to_string(),
///     r#"read = ["/usr/share", "literal:/etc/hosts"], net = "tcp:443", time = "2s", threads = 8"#
/// );
/// assert_eq!(
///     serde_json::to_string(&profile)?,
///     r#"{"read":["/usr/share","literal:/etc/hosts"],"net":["tcp:443"],"time":"2s","threads":8}"#
/// );
///
/// let error = serde_json::from_str::<gaol::Profile>(r#"{"read": "data"}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "read: `data` is relative; expected an absolute path, which starts with `/` at line 1 column 15"
/// );
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A file is held to the rules of the attribute, but reading does not ask the system: the paths need not exist, and what this system cannot
/// allow is no error yet. [`Profile::check`] asks, and so does whatever uses the profile: a command, or an activation. Who writes the file
/// decides what is allowed, so it belongs where the sandboxed cannot write.
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

    /// Whether a call may run programs.
    pub(crate) fn runs_programs(&self) -> bool {
        self.operations.iter().any(|operation| matches!(operation, Operation::ProcessExec(_)))
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

    #[cfg(feature = "escape-suite")]
    pub(crate) fn set_process(&mut self, process: Process) {
        self.process = process;
    }

    pub(crate) fn set_violation(&mut self, violation: Violation) {
        self.violation = violation;
    }
}
