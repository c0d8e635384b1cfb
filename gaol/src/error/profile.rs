//! What can be wrong with a profile, apart from any call under it.

use std::io;
use std::path::PathBuf;

use super::problem::{PathProblem, Unsupported};
use crate::profile::RuleError;

/// Why a profile is none, or cannot be entered here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Two of its operations exclude each other, or one says what no operation can.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A path or another value is not valid; the message says what belongs there.
    #[error(transparent)]
    Value(#[from] gaol_spec::SpecError),
    /// This system cannot allow an operation precisely, or cannot confine at all.
    #[error("{0}")]
    Unsupported(Box<Unsupported>),
    /// A path is not there, or is nothing that can be granted.
    #[error("{operation}: {}: {problem}", path.display())]
    Path {
        /// The operation, as the attribute writes it.
        operation: String,
        /// The path that was looked at: the one that was written, or one that it leads through.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        problem: PathProblem,
    },
    /// The process has no entry point, so a child could not tell that it is one.
    #[error(
        "this process has no entry point; wrap `main` in `gaol::main! {{ … }}`, call `gaol::init()` first thing in it, or in tests \
         enable gaol's feature `test-support`"
    )]
    NoEntryPoint,
    /// The process is in a sandbox, which can start no other.
    #[error("this process is in a sandbox, which can start no other; do it in the application and pass the result in")]
    Nested,
    /// A process of gaol's could not be started.
    #[error("{step}: {source}")]
    Start {
        /// What failed.
        step: String,
        /// What the system answered.
        source: io::Error,
    },
    /// Other threads run, which an activation would not cover.
    #[error(
        "{count} threads run, and a profile covers only the one that activates it; activate it before any other is started"
    )]
    Threads {
        /// How many there are.
        count: usize,
    },
    /// The process was forked from one that had started processes of gaol's, and holds copies of the sockets to them: by those, what is
    /// confined could ask for what is not.
    #[error(
        "this process was forked from one that uses gaol, and holds copies of its sockets; use gaol only after the fork, or start the \
         process by an exec"
    )]
    Forked,
    /// The process is under a profile already, which does not allow an operation of the new one.
    #[error("`{operation}` is not in the profile that this process is under, and a second one can only take away")]
    Widens {
        /// The operation, as the attribute writes it.
        operation: String,
    },
    /// The layers were entered in part, and the rest was refused. The process is confined, but not as its profile says: it should end.
    #[error("the process is only partly confined and should end: {0}")]
    Partly(Box<ProfileError>),
}
