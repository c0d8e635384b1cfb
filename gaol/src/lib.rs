//! Sandbox a function with one attribute: every call of it runs in a fresh child process that may do only what the attribute lists.
//!
//! ```
//! use gaol::sandboxed;
//!
//! /// Counts words of a text that nobody trusts. It may compute, and nothing else.
//! #[sandboxed(time = "2s", memory = "64MiB")]
//! fn count_words(text: &str) -> gaol::Result<usize> {
//!     Ok(text.split_whitespace().count())
//! }
//!
//! gaol::main! {
//!     fn main() -> gaol::Result<()> {
//!         assert_eq!(count_words("so it goes")?, 3);
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # Terminology
//!
//! * A **profile** is everything that a call may do: [`Profile`]. An **operation** is one thing that it allows ([`Operation`]): `read = "/data"`
//!   writes one. What is not listed is prohibited.
//! * A **layer** is one mechanism that confines a child: hygiene, namespaces, capabilities, limits, Landlock, seccomp ([`Layer`]).
//! * The **parent** is the application; a **child** is any process that gaol starts. The **zygote** is this binary, started again, that all others
//!   are forked from; a **template** is one a profile, inside every layer; a **worker** is forked from a template and runs one call.
//! * An **entry** is a function that a worker can be asked to run: [`profiles()`] lists them.
//! * **Tier A** is a system where user namespaces are available, **tier B** one where they are not, as in most containers: there Landlock and
//!   seccomp keep the same promises, and what they cannot keep is an error. [`support()`] tells which this is.
//!
//! # What it stops
//!
//! The child is taken to be hostile from the first instruction of the function. It cannot open, list or stat files that the profile does not
//! name, connect anywhere but to the ports that it names, start programs, see or signal other processes, read the parent's memory,
//! environment or descriptors, or use more than its limits. What it sends back is decoded under limits, and a call ends at its deadline
//! whatever the child does. Anything that this system cannot enforce precisely is an [`Error::Unsupported`] before the function runs.
//!
//! # What gaol does not do
//!
//! It does not stop side channels through the processor or through timing, or bugs of the kernel in the system calls that a profile allows. A TCP
//! rule names a port, not a host. What a function returns is as trustworthy as its input: validate it. `SECURITY.md` in the repository has
//! the whole threat model, each promise with the test that shows it.
//!
//! # The entry point
//!
//! A child is this same binary, started again, so the binary must know when it is one: wrap `main` in [`main!`], or call [`init()`] first thing in
//! it. Under `cargo test`, where `main` is the harness's, enable the feature `test-support` in `dev-dependencies`.
//!
//! # Features
//!
//! All are off by default.
//!
//! * `serde`: profiles from files and to them, in any format that serde has.
//! * `test-support`: an entry point in `cargo test` and nextest processes. For `dev-dependencies`.
//! * `escape-suite`: the module `escape_suite` makes some eighty attacks under a profile of yours on your own system, and reports each.
//! * `test-controls`: for gaol's own tests.
//!
//! # After a failure
//!
//! [`Error::outcome()`] answers the first question: did the function run?
//!
//! # References
//!
//! `user_namespaces(7)`, `pivot_root(2)`, `landlock(7)`, `seccomp(2)`, `capabilities(7)`, `pidfd_open(2)`.

#[doc(hidden)]
pub mod __private;
mod activate;
mod call;
mod command;
mod descriptor;
mod error;
mod function;
mod init;
mod process;
mod profile;
mod protocol;
mod role;
mod stream;
mod support;
mod sys;
mod tainted;
#[cfg(feature = "test-support")]
mod test_support;
mod testing;

pub use gaol_macros::{Taint, sandboxed};

pub use crate::activate::{ChildSandbox, Enforcement, Sandbox};
pub use crate::call::{max_workers, prepare, renew, set_max_workers, shut_down, support, zygote_environment};
pub use crate::command::is_set_up_failure;
pub use crate::descriptor::Fd;
pub use crate::error::{
    Call, Error, FunctionError, Outcome, PathProblem, ProfileError, ProgramProblem, ProtocolProblem, Result,
    Unprepared, Unsupported, Violation,
};
pub use crate::function::entry::Entry;
pub use crate::function::manifest::profiles;
pub use crate::function::transfer::Returned;
#[cfg(feature = "test-controls")]
#[doc(hidden)]
pub use crate::function::transfer::as_sent;
pub use crate::init::init;
pub use crate::profile::build::{OperationSupport, OperationSupportLevel};
pub use crate::profile::dynamic::{ChoiceValue, DurationValue, NumberValue, PathValues, TextValues};
pub use crate::profile::{
    AddressPattern, Limits, Operation, Output, PathPattern, Process, Profile, ProfilePath, RuleError,
    Violation as OnViolation, platform,
};
pub use crate::stream::{Drain, Feeder, Moved, Moving, Progress, pipe, pipe_out};
pub use crate::support::{Availability, Layer, Support};
pub use crate::tainted::{CheckedReason, Reason, Taint, Tainted, TaintedIter};
#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub use crate::testing::bench_internals;
#[cfg(feature = "test-controls")]
#[doc(hidden)]
pub use crate::testing::controls;
#[cfg(feature = "escape-suite")]
pub use crate::testing::escape_suite;
#[cfg(fuzzing)]
#[doc(hidden)]
pub use crate::testing::fuzz;
