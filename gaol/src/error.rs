//! What can go wrong with a call, sorted by what the caller may do next.

mod function;
mod problem;
mod profile;
pub(crate) mod refusal;
mod text;

use std::fmt;
use std::io;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use self::text::Harmless;
pub(crate) use self::text::printable;

pub use self::function::FunctionError;
pub(crate) use self::function::Words;
pub use self::problem::{PathProblem, ProgramProblem, ProtocolProblem, Unsupported, Violation};
pub use self::profile::ProfileError;

/// The result of a sandboxed function whose own errors need no type of their own.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a sandboxed call gave no value.
///
/// Ask [`outcome`](Error::outcome) first: it says whether the function ran.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    // Not run: the call can be repeated once the cause is gone.
    /// The process has no entry point, so a child could not tell that it is one.
    #[error(
        "{call} cannot run in a sandbox: this process has no entry point; wrap `main` in `gaol::main! {{ … }}`, call \
         `gaol::init()` first thing in it, or in tests enable gaol's feature `test-support`"
    )]
    NoEntryPoint {
        /// The function.
        call: Box<Call>,
    },
    /// The function is in a library that was loaded after gaol had looked which functions there are.
    #[error(
        "{call} cannot run in a sandbox: it is in a library that this process loaded while it ran, which a child does not have; link the \
         library, or call a function of the program itself"
    )]
    Unregistered {
        /// The function.
        call: Box<Call>,
    },
    /// The call was made by sandboxed code, which may start no processes.
    #[error(
        "{call} was called inside a sandbox, which may start no other; call it from the application and pass its result in"
    )]
    Nested {
        /// The function.
        call: Box<Call>,
    },
    /// A value that the attribute computes at the call is not valid there.
    #[error("{call}: {message}")]
    InvalidProfile {
        /// The function.
        call: Box<Call>,
        /// What is wrong; what belongs there.
        message: String,
    },
    /// This system cannot allow an operation, or enforce the profile, precisely.
    #[error("{call} cannot run in a sandbox here: {unsupported}")]
    Unsupported {
        /// The function.
        call: Box<Call>,
        /// The operation, the layer, the errno and the way out.
        unsupported: Box<Unsupported>,
    },
    /// A path that the profile names is not there, or is nothing that can be granted.
    #[error("{call}: {operation}: {}: {problem}", path.display())]
    Path {
        /// The function.
        call: Box<Call>,
        /// The operation, as the attribute writes it.
        operation: String,
        /// The path that was looked at: the one that was written, or one that it leads through.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: PathProblem,
    },
    /// The arguments could not be sent.
    #[error("{call}: the arguments cannot be sent: {problem}")]
    Arguments {
        /// The function.
        call: Box<Call>,
        /// What is wrong with them.
        problem: String,
    },
    /// The call waited for its turn as long as its `time` allows. It is safe to call again.
    #[error(
        "{call} waited {waited:?} for its turn; call again later, or allow more calls at once than {workers} with \
         `gaol::set_max_workers`{}",
        short_of(source)
    )]
    Busy {
        /// The function.
        call: Box<Call>,
        /// How long it waited.
        waited: Duration,
        /// How many calls run at once, at most: [`max_workers`](crate::max_workers).
        workers: NonZero<usize>,
        /// What the system answered, where something else than a turn was missing.
        source: Option<io::Error>,
    },
    /// A worker process could not be started at this moment.
    #[error("{call}: could not start a worker process: {}: {source}{}", Harmless(step), remedy_for(source))]
    Start {
        /// The function.
        call: Box<Call>,
        /// What failed.
        step: String,
        /// What the system answered.
        source: io::Error,
    },

    // Stopped: the function began, and something ended it.
    /// The function panicked.
    #[error("{call} panicked{}: {}{}", at(location), Harmless(message), call.printed_before(location, message))]
    Panicked {
        /// The function, and what it printed.
        call: Box<Call>,
        /// The panic's message.
        message: String,
        /// `file:line:column`.
        location: Option<String>,
    },
    /// A signal ended the child.
    #[error("{call} was killed by {}{}", signal_name(*signal), call.printed())]
    Killed {
        /// The function, and what it printed.
        call: Box<Call>,
        /// The signal's number.
        signal: i32,
    },
    /// The child exited instead of returning.
    #[error("{call} exited with code {code} instead of returning{}", call.printed())]
    Exited {
        /// The function, and what it printed.
        call: Box<Call>,
        /// The exit code.
        code: i32,
    },
    /// The child made a system call that ends it.
    #[error("{call} was killed for {violation}{}", call.printed())]
    Violation {
        /// The function, and what it printed.
        call: Box<Call>,
        /// What it tried.
        violation: Violation,
    },
    /// The call took longer than its profile allows.
    #[error("{call} took longer than {limit:?}; allow more with `time = …`, or lift the limit with `time = \"none\"`{}", call.printed())]
    TimedOut {
        /// The function, and what it printed.
        call: Box<Call>,
        /// The limit.
        limit: Duration,
    },
    /// The child asked for more memory than its profile allows.
    #[error("{call} ran out of memory{}; allow more with `memory = …`{}", limit_in_bytes(*limit), call.printed())]
    OutOfMemory {
        /// The function, and what it printed.
        call: Box<Call>,
        /// The limit in bytes.
        limit: Option<u64>,
    },
    /// The child used more CPU time than its profile allows.
    #[error("{call} used more than {limit:?} of CPU time; allow more with `cpu = …`{}", call.printed())]
    CpuExceeded {
        /// The function, and what it printed.
        call: Box<Call>,
        /// The limit.
        limit: Duration,
    },
    /// The application's own system calls failed while the call was under way.
    #[error("{call}: lost touch with the worker: {}: {source}{}", Harmless(step), remedy_for(source))]
    Lost {
        /// The function, and what it printed.
        call: Box<Call>,
        /// What failed.
        step: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The function ran, and what it returned cannot cross: its type does not say, or does not read, what it is.
    #[error("{call} ran, and its result cannot cross: {problem}{}", call.printed())]
    Result {
        /// The function, and what it printed.
        call: Box<Call>,
        /// What cannot cross, of which type, and what to write instead. The child has a say in it: for messages only.
        problem: String,
    },
    /// The reply from the sandbox is invalid: the child is broken or hostile.
    #[error("{call}: invalid reply from the sandbox: {problem}{}", call.printed())]
    Protocol {
        /// The function, and what it printed.
        call: Box<Call>,
        /// What is wrong with the reply.
        problem: ProtocolProblem,
    },

    // Beside calls.
    /// A profile that was made by hand is none, or cannot be entered here.
    #[error("profile: {0}")]
    Profile(Box<ProfileError>),

    // The function's own error.
    /// The function returned an error whose type is not serde's; its message and sources are kept.
    #[error(transparent)]
    Function(FunctionError),
}

/// Whether the function of a failed call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did not: nothing happened that the call could have caused.
    NotRun,
    /// It did, to its end or to where it was stopped.
    Ran,
    /// It was sent to a worker, and cannot be known to have begun or to have ended.
    Unknown,
}

impl Error {
    /// Whether the function ran.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::NoEntryPoint { .. }
            | Self::Unregistered { .. }
            | Self::Nested { .. }
            | Self::InvalidProfile { .. }
            | Self::Unsupported { .. }
            | Self::Path { .. }
            | Self::Arguments { .. }
            | Self::Start { .. }
            | Self::Busy { .. }
            | Self::Profile(_) => Outcome::NotRun,
            // What the application made of an error of its own never reached a child.
            Self::Function(error) if error.call().is_none() => Outcome::NotRun,
            Self::Panicked { .. } | Self::Result { .. } | Self::Function(_) => Outcome::Ran,
            Self::Killed { .. }
            | Self::Exited { .. }
            | Self::Violation { .. }
            | Self::TimedOut { .. }
            | Self::OutOfMemory { .. }
            | Self::CpuExceeded { .. }
            | Self::Lost { .. }
            | Self::Protocol { .. } => Outcome::Unknown,
        }
    }

    /// The call that failed. `None` for an error of the application's own, and for that of a profile made by hand.
    #[must_use]
    pub fn call(&self) -> Option<&Call> {
        match self {
            Self::NoEntryPoint { call }
            | Self::Unregistered { call }
            | Self::Nested { call }
            | Self::InvalidProfile { call, .. }
            | Self::Unsupported { call, .. }
            | Self::Path { call, .. }
            | Self::Arguments { call, .. }
            | Self::Start { call, .. }
            | Self::Busy { call, .. }
            | Self::Panicked { call, .. }
            | Self::Killed { call, .. }
            | Self::Exited { call, .. }
            | Self::Violation { call, .. }
            | Self::TimedOut { call, .. }
            | Self::OutOfMemory { call, .. }
            | Self::CpuExceeded { call, .. }
            | Self::Lost { call, .. }
            | Self::Result { call, .. }
            | Self::Protocol { call, .. } => Some(call),
            Self::Function(error) => error.call(),
            Self::Profile(_) => None,
        }
    }

    /// What the child printed before it was stopped, where its output was captured.
    #[must_use]
    pub fn output(&self) -> &str {
        self.call().map_or("", |call| &call.output)
    }

    /// Makes the function's own error of any other, keeping its message and sources: for `.map_err(gaol::Error::function)?`.
    pub fn function(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let error = error.into();
        Self::Function(FunctionError::from_error(error.as_ref()))
    }
}

/// What [`Display`](fmt::Display) says, with the sources: for whoever unwraps a call.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        with_sources(self, f)
    }
}

/// An error and its sources, each in a line.
fn with_sources(error: &dyn std::error::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{error}")?;
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut said = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        // Some errors say what their source says.
        if !said.ends_with(&cause) {
            write!(f, "\n  caused by: {}", printable(&cause))?;
        }
        said = cause;
    }
    Ok(())
}

impl From<ProfileError> for Error {
    fn from(error: ProfileError) -> Self {
        Self::Profile(Box::new(error))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::function(error)
    }
}

impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::function(error)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Self {
        Self::function(message)
    }
}

impl From<String> for Error {
    fn from(message: String) -> Self {
        Self::function(message)
    }
}

/// Which call failed, and what it printed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// The function, with its module path.
    pub function: &'static str,
    /// The file that it stands in.
    pub file: &'static str,
    /// The line of its attribute.
    pub line: u32,
    /// What the child printed on its captured streams, at most 64 KiB. Bytes that are not UTF-8 are replaced.
    pub output: String,
    /// The child printed more than was kept.
    pub output_truncated: bool,
}

impl Call {
    /// The end of a message: the last lines that the child printed, made harmless for a terminal.
    fn printed(&self) -> String {
        const SHOWN: usize = 400;
        let text = self.output.trim_end();
        if text.is_empty() {
            return String::new();
        }
        let mut start = text.len().saturating_sub(SHOWN);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        format!("; it printed: {}{:?}", if start > 0 { "…" } else { "" }, Harmless(&text[start..]))
    }
}

impl Call {
    /// The same without what the standard library printed of a panic, which the error says itself.
    fn printed_before(&self, location: &Option<String>, message: &str) -> String {
        const NOTE: &str = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let Some(location) = location else { return self.printed() };
        let said = format!(" panicked at {location}:\n{message}\n");
        let found =
            self.output.find(&said).and_then(|at| Some((self.output[..at].rfind("thread '")?, at + said.len())));
        let Some((begin, end)) = found else { return self.printed() };
        let (before, after) = (&self.output[..begin], &self.output[end..]);
        let output = format!("{}{}", before.trim_end(), after.strip_prefix(NOTE).unwrap_or(after));
        Self { output, ..self.clone() }.printed()
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ({}:{})", self.function, short(self.file), self.line)
    }
}

/// What [`prepare`](crate::prepare) could not prepare.
#[derive(Debug)]
pub struct Unprepared {
    errors: Vec<Error>,
}

impl Unprepared {
    pub(crate) fn new(errors: Vec<Error>) -> Self {
        Self { errors }
    }

    /// One error a function.
    #[must_use]
    pub fn errors(&self) -> &[Error] {
        &self.errors
    }
}

impl fmt::Display for Unprepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sandboxed functions cannot be served here", self.errors.len())?;
        self.errors.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}

impl std::error::Error for Unprepared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.errors.first().map(|error| error as _)
    }
}

fn at(location: &Option<String>) -> String {
    location.as_ref().map(|location| format!(" at {}", Harmless(short(location)))).unwrap_or_default()
}

/// A path of a source file from where its reader knows it: the crate of a registry, or the standard library.
fn short(path: &str) -> &str {
    let in_registry = path.split_once("/registry/src/").and_then(|(_, rest)| Some(rest.split_once('/')?.1));
    let in_std = || path.strip_prefix("/rustc/").and_then(|rest| Some(rest.split_once('/')?.1));
    in_registry.or_else(in_std).unwrap_or(path)
}

fn limit_in_bytes(limit: Option<u64>) -> String {
    limit.map(|limit| format!(" ({limit} bytes)")).unwrap_or_default()
}

/// What was missing beside a turn.
fn short_of(source: &Option<io::Error>) -> String {
    source.as_ref().map(|error| format!("; the system answered: {error}{}", remedy_for(error))).unwrap_or_default()
}

pub(crate) fn remedy_for(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE) => "; raise the limit on open files (RLIMIT_NOFILE), or close some",
        Some(libc::ETOOMANYREFS) => {
            "; too many descriptors of this user are on their way between processes (bounded by RLIMIT_NOFILE)"
        }
        Some(libc::ENFILE) => "; the whole system is out of open files (fs.file-max)",
        Some(libc::EAGAIN) => "; the limit on processes (RLIMIT_NPROC or a pids cgroup) is reached",
        Some(libc::ENOMEM) => "; the system is out of memory",
        _ => "",
    }
}

/// `SIGSEGV` and the like; `signal 42` for one without a name.
pub(crate) fn signal_name(signal: i32) -> String {
    let name = match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGILL => "SIGILL",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGABRT => "SIGABRT",
        libc::SIGBUS => "SIGBUS",
        libc::SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGPIPE => "SIGPIPE",
        libc::SIGALRM => "SIGALRM",
        libc::SIGTERM => "SIGTERM",
        libc::SIGXCPU => "SIGXCPU",
        libc::SIGXFSZ => "SIGXFSZ",
        libc::SIGSYS => "SIGSYS",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}
