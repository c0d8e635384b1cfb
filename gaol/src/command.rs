//! Other programs, run under a profile: a plain `std::process::Command`.

use std::ffi::OsStr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use crate::call::marked;
use crate::process::launcher::messages::{ARGUMENT, Launch, SET_UP_FAILURE, locate};
use crate::profile::Profile;
use crate::role;
use crate::sys::os::descriptors::is_secure_execution;
use crate::sys::paths::Writable;
use crate::testing::controls;

impl Profile {
    /// A command that starts `program` inside this profile.
    ///
    /// It is a plain [`Command`], and everything that can be done with one works: arguments, pipes, `output()`, `current_dir()`, and
    /// `tokio::process::Command::from`. What it starts is this binary, as a *launcher*, which enters the layers, runs the program in
    /// them, passes signals on to it, and ends as the program ended: with its exit code, or by the signal that killed it. A large
    /// application pays no fork.
    ///
    /// * `program` must be covered by an operation [`ProcessExec`](crate::Operation::ProcessExec) of the profile. A plain name is looked
    ///   up in `PATH`.
    /// * The environment is empty, but for the variables that the profile names and those that are set on the command.
    /// * The working directory is the command's (or the application's) where the profile allows to look at it, else `/`.
    /// * Of the descriptors only the three standard streams are passed on.
    /// * Of the limits, `time`, `cpu` (in whole seconds), `memory`, `files`, `threads` and `file_size` hold; `threads` counts the threads
    ///   of all processes that the program starts together, and `cpu` what they use together; the others hold for each process. A program that runs out of `time`, or has
    ///   started too many others, is killed by SIGKILL.
    ///
    /// # How it ends
    ///
    /// When the program ends, so does everything that it has started, daemons included: a command that was waited for has left nothing
    /// behind. The same holds when the launcher is killed, and when the application ends, which no program outlives. SIGTERM and other
    /// signals that can be handled reach the program and nobody else; SIGTSTP stops program and launcher, SIGCONT continues both, SIGSTOP
    /// stops the launcher alone.
    ///
    /// # What it does not do
    ///
    /// The first command of a process makes a socket that its children inherit: by what it holds, launchers know that this process wrote
    /// their command line. Where something closes it between fork and exec, they refuse, and say so.
    ///
    /// The launcher gets the environment of the command before the program does, and is no part of the sandbox: a variable that steers
    /// the dynamic loader (`LD_PRELOAD`) steers the launcher as well. So nobody else may choose the *names* of variables that are set on
    /// the command. (Those of the profile are checked.)
    ///
    /// Without namespaces, which is where `metadata = "/"` has to be granted, a program can map as code whatever it may read, by way of its
    /// loader. It cannot execute it, and stays in its sandbox.
    ///
    /// # Errors
    ///
    /// What keeps the program from being started comes out when the command has run: the launcher says on its standard error what is
    /// wrong and what to write, and ends in a way that no program can end in, which [`is_set_up_failure`] tells. To know before, ask
    /// [`Profile::check`]. Where `/proc` is not mounted, there is no binary to start, and the command itself fails with `NotFound`.
    ///
    /// # Panics
    ///
    /// If this process has no entry point ([`main!`](crate::main!), [`init()`](crate::init)), since the command would run the application
    /// again; inside a sandbox, which can start no other; and in a set-user-ID program, whose children do not know themselves.
    ///
    /// ```no_run
    /// use gaol::{Operation, PathPattern, Profile};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// gaol::init();
    /// let profile = Profile::new(vec![
    ///     Operation::ProcessExec(PathPattern::subpath("/usr/bin/file")?),
    ///     Operation::FileReadAll(PathPattern::subpath("/usr/share/misc")?),
    /// ])?;
    /// let output = profile.command("/usr/bin/file").arg("-").stdin(std::fs::File::open("upload")?).output()?;
    /// println!("{}", String::from_utf8_lossy(&output.stdout));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        assert!(!role::is_child(), "a sandbox can start no other: call `Profile::command` in the application");
        assert!(
            role::has_entry_point(),
            "this process has no entry point, so a command could not be told from the application: wrap `main` in \
             `gaol::main! {{ … }}`, call `gaol::init()` first thing in it, or in tests enable gaol's feature `test-support`"
        );
        assert!(!is_secure_execution(), "a set-user-ID program (AT_SECURE) cannot start children of its own kind");
        let writable = Writable::known();
        let launch = Launch {
            program: locate(program.as_ref()),
            profile: self.clone(),
            layers: controls::layers(),
            writable: writable.to_tell(),
            application: std::process::id().cast_signed(),
        };
        // A later one may meet what this one is going to plant. Its own it knows.
        writable.extend(self);
        let mut command = Command::new("/proc/self/exe");
        command.arg0(program.as_ref()).arg(ARGUMENT).arg(marked(&launch.to_argument())).env_clear();
        for name in self.environment() {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}

/// Whether a command of [`Profile::command`] could not start its program.
///
/// The reason is on the command's standard error. No program can end in such a way by itself.
#[must_use]
pub fn is_set_up_failure(status: &ExitStatus) -> bool {
    status.signal() == Some(SET_UP_FAILURE)
}
