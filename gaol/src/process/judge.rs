//! The judge: changes modes and times for one worker, of what is beneath a grant to write and of nothing else.
//!
//! A template forks it when its worker first asks, so it is in every layer of the template's: the kernel judges it as it would judge the
//! worker. It ends with the worker. What a worker sends it is closed here: that may take long, and holds up nobody else.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Pid, Signal};

use crate::sys::os::descriptors::{close_from, place, receive_some};
use crate::sys::os::spawn::exit_now;
use crate::sys::plan::Plan;
use crate::sys::supervise::inodes::{Answer, Change, LONGEST, MODES, Named, Request, SPECIAL_MODES, Writable, change};

/// Its end of the socket to the worker.
const WORKER: i32 = 3;
/// The list of the mounts of the private root.
const MOUNTS: i32 = 4;

/// From the fork to the end of the process.
pub(crate) fn main(plan: &Plan, worker: &OwnedFd, mounts: Option<&OwnedFd>, template: Pid) -> ! {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if rustix::process::getppid() != Some(template) {
        exit_now(0);
    }
    let _ = rustix::thread::set_name(c"gaol-judge");
    if let Ok((worker, writable)) = settle(plan, worker, mounts) {
        while serve(&worker, &writable).is_ok() {}
    }
    exit_now(0)
}

/// Keeps what it needs, and nothing else that the template had.
fn settle(plan: &Plan, worker: &OwnedFd, mounts: Option<&OwnedFd>) -> io::Result<(OwnedFd, Writable)> {
    // Lifted out of the way first, for each may have another's number.
    let lift = |fd: &OwnedFd| rustix::io::fcntl_dupfd_cloexec(fd, MOUNTS + 1);
    let (worker, mounts) = (lift(worker)?, mounts.map(lift).transpose()?);
    let placed = place(worker.as_fd(), WORKER)?;
    let mounts =
        mounts.map(|mounts| place(mounts.as_fd(), MOUNTS).inspect(|_| std::mem::forget(mounts))).transpose()?;
    // It is closed with all else, whose owners in this copy of the template's memory are never dropped.
    std::mem::forget(worker);
    close_from(if mounts.is_some() { MOUNTS + 1 } else { WORKER + 1 })?;
    Ok((placed, Writable::of(plan, mounts.as_ref())?))
}

/// Answers one request. An error means that there is no more to come.
fn serve(worker: &OwnedFd, writable: &Writable) -> io::Result<()> {
    const MOST: usize = 2;
    let mut bytes = [0; LONGEST];
    let received = receive_some(worker.as_fd(), &mut bytes, MOST, RecvFlags::empty())?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut descriptors = received.descriptors.into_iter();
    // Who gets no answer sees the end of the socket that it has sent.
    let Some(socket) = descriptors.next() else { return Ok(()) };
    let Some(request) = Request::read(&bytes[..received.bytes]) else { return Ok(()) };
    let answer = match answer(&request, descriptors.next(), writable) {
        Ok(answer) => answer,
        Err(errno) => errno.into(),
    };
    let flags = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
    let _ = rustix::net::send(socket, &answer.to_bytes(), flags);
    Ok(())
}

fn answer(request: &Request<'_>, descriptor: Option<OwnedFd>, writable: &Writable) -> Result<Answer, Errno> {
    let target = match (request.named, descriptor) {
        (Named::Descriptor, Some(target)) => target,
        (Named::Descriptor, None) => return Err(Errno::BADF),
        (Named::Path { path, follow }, directory) => {
            let directory = directory.as_ref().map_or(CWD, AsFd::as_fd);
            let flags = OFlags::PATH | OFlags::CLOEXEC | if follow { OFlags::empty() } else { OFlags::NOFOLLOW };
            // The kernel's own links (/proc/self/fd/N) would lead to what this process has.
            match rustix::fs::openat2(directory, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS) {
                Ok(target) => target,
                // What is not granted is not told of.
                Err(Errno::ACCESS) => return Ok(Answer::Refused),
                Err(errno) => return Err(errno),
            }
        }
    };
    if !writable.has(target.as_fd())? {
        return Ok(Answer::Refused);
    }
    if let Change::Mode(mode) = request.change {
        let has = rustix::fs::fstat(&target)?.st_mode;
        if has & MODES == mode & MODES {
            return Ok(Answer::Changed);
        }
        if mode & SPECIAL_MODES != 0 {
            return Ok(Answer::Refused);
        }
    }
    change(target.as_fd(), request.change)?;
    Ok(Answer::Changed)
}
