//! Whether the application has written what stands in a launcher's argument.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;

use rustix::net::RecvFlags;
use rustix::process::Pid;

use crate::process::launcher::main::Failure;
use crate::process::launcher::mark::{KEY_BYTES, Key, Marked};
use crate::sys::os::descriptors::{Maker, adopt};

/// How many generations there may be between the process that made a command and its launcher.
const GENERATIONS: usize = 16;

/// The argument is nothing that a launcher is told.
pub(crate) fn not_ours() -> Failure {
    Failure("the command line was not written by this version of gaol".to_owned())
}

/// The message of an argument, if a process that has started this one wrote it. Nothing of it is read before that is known.
pub(crate) fn message(argument: &OsStr) -> Result<&OsStr, Failure> {
    let marked = Marked::from_argument(argument).ok_or_else(not_ours)?;
    if marked.descriptor < 0 {
        let error = io::Error::from_raw_os_error(-marked.descriptor);
        return Err(crate::process::launcher::main::step(
            "the application could make no socket for the key of its commands",
        )(error));
    }
    let refused = |why: &str| {
        Failure(format!(
            "the command line was not written by the application that has started this process: {why}; where it was, leave descriptor \
             {} open, by which its commands are known",
            marked.descriptor
        ))
    };
    // The standard streams are of whoever has started the application.
    if marked.descriptor <= libc::STDERR_FILENO {
        return Err(refused("a standard stream holds no key"));
    }
    let socket = adopt(marked.descriptor).map_err(|error| refused(&format!("there is no key: {error}")))?;
    let maker = Maker::of(&socket).map_err(|error| refused(&format!("there is no key: {error}")))?;
    if !maker.is_no_stranger() || !is_forebear(maker.process) {
        return Err(refused("another process has made the key"));
    }
    let key = key(&socket).ok_or_else(|| refused("the key was taken away"))?;
    if marked.is_by(&key) { Ok(marked.message) } else { Err(refused("the mark on it is another one")) }
}

/// The key that a socket holds, which stays there.
fn key(socket: &OwnedFd) -> Option<Key> {
    let mut bytes = [0; KEY_BYTES + 1];
    let (_, length) =
        rustix::io::retry_on_intr(|| rustix::net::recv(socket, &mut bytes, RecvFlags::PEEK | RecvFlags::DONTWAIT))
            .ok()?;
    Some(Key::from_bytes(bytes.get(..length)?.try_into().ok()?))
}

/// Whether `process` is this one, before it became a launcher, or one that it descends from: a fork of the application may use a command.
fn is_forebear(process: i32) -> bool {
    let raw = |pid: Option<Pid>| pid.map_or(0, |pid| pid.as_raw_nonzero().get());
    let mut starter = raw(rustix::process::getppid());
    // Neither is seen from a pid namespace of the launcher's own.
    if process == starter || process == raw(Some(rustix::process::getpid())) {
        return true;
    }
    for _ in 0..GENERATIONS {
        match parent_of(starter) {
            Some(parent) if parent == process => return process > 0,
            Some(parent) if parent > 1 => starter = parent,
            _ => return false,
        }
    }
    false
}

/// The parent of a process, which everybody may see where `/proc` shows it.
fn parent_of(process: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold any byte but NUL.
    let after = stat.iter().rposition(|byte| *byte == b')')?;
    std::str::from_utf8(&stat[after + 1..]).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
}
