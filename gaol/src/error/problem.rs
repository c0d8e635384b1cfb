//! The parts of an error that say what exactly is wrong.

use std::fmt;
use std::io;

use super::remedy_for;
use super::text::Harmless;
use crate::support::Layer;
pub use crate::sys::programs::ProgramProblem;

/// What this system cannot do, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// The operation as the attribute writes it; empty where no single operation is at fault.
    pub operation: String,
    /// The layer that is missing.
    pub layer: Layer,
    /// What failed, in the kernel's words.
    pub step: String,
    /// What the kernel answered, where it was asked.
    pub errno: Option<i32>,
    /// The way out.
    pub remedy: String,
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.operation.is_empty() {
            write!(f, "`{}` cannot be kept precisely: ", self.operation)?;
        }
        write!(f, "{}: {}", self.layer, self.step)?;
        if let Some(errno) = self.errno {
            write!(f, ": {}", io::Error::from_raw_os_error(errno))?;
        }
        write!(f, "; {}", self.remedy)
    }
}

/// What is wrong with a path of a profile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathProblem {
    /// It cannot be opened.
    #[error("{error}{}", way_out(.0), error = .0)]
    Io(io::Error),
    /// It is a pipe, which would be a way to talk to other processes.
    #[error("it is a named pipe; read it in the application and pass what it holds")]
    Pipe,
    /// It is a socket.
    #[error("it is a socket; sockets are not files to a sandbox")]
    Socket,
    /// It kept changing while the sandbox was built.
    #[error("it was replaced while the sandbox was built; try again")]
    Changed,
    /// It is, or leads through, a symbolic link that a sandboxed function may have put there.
    #[error(
        "it is a symbolic link in a tree that a sandboxed function may write, so it may lead anywhere; name what it leads to"
    )]
    WritableLink,
    /// A literal names one file, and this is a directory.
    #[error(
        "it is a directory, and a literal names one file; no layer tells a directory from what is beneath it: write the path without `literal:`"
    )]
    LiteralDirectory,
    /// A Unix socket was named, and this is something else.
    #[error("it is not a Unix socket")]
    NotASocket,
    /// It cannot be run.
    #[error("{0}")]
    Program(ProgramProblem),
    /// It is a program or a library, in a tree that the same profile lets be written.
    #[error("it would be code that the child may write; run programs from elsewhere, or write elsewhere")]
    WritableProgram,
    /// Following it never ends.
    #[error("it leads through more than 40 symbolic links")]
    TooManyLinks,
}

/// What to do about a path that cannot be opened.
fn way_out(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR) => "; a profile can only name what is there when the call is made",
        Some(libc::EACCES | libc::EPERM) => "; a profile can only name what the application may reach itself",
        _ => remedy_for(error),
    }
}

/// What a child did that ends it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The system call's name, where the child could still be asked. Said by the child: for messages only.
    pub syscall: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.syscall {
            Some(name) => write!(f, "the system call {}, which its profile does not allow", Harmless(name)),
            None => f.write_str("a system call that its profile does not allow"),
        }
    }
}

/// What is wrong with a reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolProblem {
    /// The header is not one.
    #[error("{0}")]
    Header(&'static str),
    /// The reply is not to this call.
    #[error("it answers another call")]
    OtherCall,
    /// The reply announces more than the profile allows.
    #[error("it announces {announced} bytes where {limit} are allowed; allow more with `reply = …`")]
    TooLarge {
        /// What it announces.
        announced: u64,
        /// What the profile allows.
        limit: u64,
    },
    /// The reply ends early.
    #[error("it ends after {received} of {announced} bytes")]
    Truncated {
        /// What came.
        received: u64,
        /// What was announced, the header included.
        announced: u64,
    },
    /// Something follows the reply.
    #[error("something follows it")]
    Extra,
    /// Descriptors came with the reply.
    #[error("descriptors came with it that it does not name")]
    Descriptors,
    /// A descriptor of the result is one that the call itself goes by: an end of its streams ([`pipe`](crate::pipe),
    /// [`pipe_out`](crate::pipe_out)), of its channel or its output, or its shared memory. Whoever held it would keep them from ending.
    #[error("a descriptor of it is an end of the call's own streams, channel or shared memory")]
    OwnEnd,
    /// The child closed its channel and lived on.
    #[error("the child closed its channel without one")]
    Closed,
    /// The payload does not decode as the function's result.
    #[error("it does not decode: {}", Harmless(.0))]
    Decode(String),
    /// The worker could not serve the call; what it says of it.
    #[error("{}", Harmless(.0))]
    Unable(String),
}
