//! Contenders that start a program for a call.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::arguments::Role;
use crate::functions::next;
use crate::turns::timed;

/// A small program that is linked dynamically.
const TRUE: &str = "/bin/true";

pub(crate) fn procspawn(number: u64) -> Result<Duration, String> {
    timed(next(number), || procspawn::spawn(number, next).join())
}

/// std takes posix_spawn(3) for a command that asks for nothing between fork and exec.
pub(crate) fn run_true() -> Result<Duration, String> {
    run(Command::new(TRUE).env_clear())
}

pub(crate) fn run_self() -> Result<Duration, String> {
    run(&mut this_binary(Role::Nothing))
}

/// This binary, in a role.
pub(crate) fn this_binary(role: Role) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--role", role.name()]).env_clear();
    command
}

/// bubblewrap, with everything unshared that it can.
pub(crate) struct Bwrap(PathBuf);

pub(crate) fn bwrap() -> Option<Bwrap> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|directory| directory.join("bwrap")).find(|path| path.is_file()).map(Bwrap)
}

impl Bwrap {
    pub(crate) fn run(&self) -> Result<Duration, String> {
        let arguments = ["--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--", TRUE];
        run(command(&self.0, arguments).env_clear())
    }
}

fn command(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> Result<Duration, String> {
    let begun = Instant::now();
    let status = command.status();
    let time = begun.elapsed();
    match status {
        Ok(status) if status.success() => Ok(time),
        Ok(status) => Err(format!("{command:?}: {status}")),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
