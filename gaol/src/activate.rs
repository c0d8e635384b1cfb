//! This process: put under a profile, for good.

mod activation;
mod enforcement;
mod own_status;
mod report;
pub(crate) mod supervisor;

use std::ffi::OsStr;
use std::process::Command;

pub use self::enforcement::Enforcement;
use crate::error::ProfileError;
use crate::profile::Profile;

/// A profile and what is started under it: the parent's side.
///
/// ```no_run
/// use gaol::{Operation, PathPattern, Profile, Sandbox};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// gaol::init();
/// let sandbox = Sandbox::new(Profile::new(vec![Operation::ProcessExec(PathPattern::subpath("/usr/bin/true")?)])?);
/// assert!(sandbox.command("/usr/bin/true").status()?.success());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sandbox {
    profile: Profile,
}

impl Sandbox {
    /// A sandbox of this profile. Nothing is started or restricted yet.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self { profile }
    }

    /// What may be done in it.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// A command that starts `program` in it: [`Profile::command`].
    ///
    /// # Panics
    ///
    /// If this process has no entry point, or is in a sandbox itself.
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.profile.command(program)
    }
}

/// A profile that this process is going to put itself under.
///
/// For a program that opens what it needs first and locks itself down then. For a function, or another program, let a child do it: what
/// this process has in its memory and has open stays there.
///
/// ```no_run
/// use gaol::{ChildSandbox, Operation, PathPattern, Profile};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// gaol::init();
/// let listener = std::net::TcpListener::bind("127.0.0.1:8080")?;
/// let profile = Profile::new(vec![Operation::FileReadAll(PathPattern::subpath("/srv/www")?)])?;
/// ChildSandbox::new(profile).activate()?;
/// // From here on: that socket, those files, and nothing else.
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ChildSandbox {
    profile: Profile,
}

impl ChildSandbox {
    /// A sandbox of this profile. Nothing is restricted yet.
    #[must_use]
    pub fn new(profile: Profile) -> Self {
        Self { profile }
    }

    /// What may be done in it.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Puts the calling process under the profile. This cannot be undone.
    ///
    /// It is done without namespaces, by hygiene, capabilities, limits, Landlock and seccomp, on every system: what only namespaces can
    /// keep is refused before anything is entered. The working directory becomes `/`. From then on the process, and each thread that it
    /// starts, may do what the profile says and nothing else. Root is a user like any other then: a file whose mode keeps others out is
    /// out of its reach too, unless it owns it.
    ///
    /// # What stays open
    ///
    /// What the process has already: its memory with everything in it, its environment (`env` means nothing here), and its descriptors.
    /// Files that are open can be read and written as they were opened; what lies beneath a directory that is open can be named by it,
    /// where Landlock allows it to be opened. Sockets that are connected go on, by read(2), write(2), send(2) and recv(2); sockets that
    /// listen go on accepting. A socket that is not connected can only be where the profile has a `net` for some address, and then a
    /// datagram socket goes anywhere: close it before.
    ///
    /// The handler of SIGSYS is gaol's from then on; it answers where the filter asks it to.
    ///
    /// Its children that run already are not confined, and what it can tell them by a pipe or shared memory they may do. They can be
    /// waited for, not signalled. It keeps its terminal, from which it can be interrupted.
    ///
    /// Sandboxed functions cannot be called any more, nor commands started by [`Profile::command`].
    ///
    /// # Limits
    ///
    /// They are the kernel's, of the process as a whole: `memory` counts what is used already, `cpu` (in whole seconds) is counted from
    /// its start and ended by SIGXCPU, a file that grows beyond `file_size` is answered by SIGXFSZ unless that is ignored. `time` and
    /// `reply` are limits of calls, and mean nothing here. None is ever raised: a soft limit that is lower stays, and what it could have
    /// been raised to is given up.
    ///
    /// `threads` are counted by a process of gaol's, which needs an [entry point](crate::init); with `threads` 1 or none it is not
    /// needed. It ends with this process; should it be killed, no thread can be started any more. What programs start cannot be counted
    /// here: with `exec` there is no limit of `threads` but 1, at which this process can only become a program.
    ///
    /// # Once more
    ///
    /// A process under a profile may put itself under a second one that allows less: each operation must be covered by one of the first.
    /// Of its limits `memory`, `cpu`, `files` and `file_size` are lowered, and `threads` may become 1. There is room for 16 Landlock
    /// rulesets, inherited ones included.
    ///
    /// # Errors
    ///
    /// * [`ProfileError::Threads`]: other threads run, which would not be covered.
    /// * [`ProfileError::Unsupported`]: what this system cannot keep precisely without namespaces, such as `metadata` of one path.
    /// * [`ProfileError::Path`]: a path is not there.
    /// * [`ProfileError::NoEntryPoint`]: threads, or ports to listen on, are to be counted and told apart, and nobody can be started to.
    /// * [`ProfileError::Forked`]: this process was forked from one that uses gaol.
    /// * [`ProfileError::Widens`]: a second profile allows what the first does not.
    /// * [`ProfileError::Nested`]: in a sandboxed function, or in a fork of a process that is under a profile.
    /// * [`ProfileError::Rule`], [`ProfileError::Start`]: the profile is none; something is short.
    /// * [`ProfileError::Partly`]: a layer was refused after others had been entered. Every other error leaves the process as it was,
    ///   but for the processes that served its calls.
    ///
    /// # References
    ///
    /// landlock(7), seccomp(2), capabilities(7), setrlimit(2).
    pub fn activate(self) -> Result<Enforcement, ProfileError> {
        activation::activate(self.profile)
    }
}
