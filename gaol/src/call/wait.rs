//! Waiting and reading, with a deadline. Nothing that another process can reach is read in any other way than by these.

use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags};

use crate::sys::os::descriptors::{Received, receive};

/// The most descriptors that the kernel sends with one message.
const MOST_WITH_A_MESSAGE: usize = 253;

/// What a wait came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readable {
    Yes,
    Late,
}

/// Waits until a descriptor can be read, has ended or failed, or the deadline is past.
pub(crate) fn wait_readable(fd: BorrowedFd<'_>, deadline: Option<Instant>) -> io::Result<Readable> {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll_until(&mut fds, deadline)
}

/// Whether there is nothing to be read, nor ever was an end.
pub(crate) fn is_silent(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&Timespec::default()))) == Ok(0)
}

/// Waits until one of `fds` is ready, or the deadline is past.
pub(crate) fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<Readable> {
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.map(timespec);
        match rustix::event::poll(fds, timeout.as_ref()) {
            Ok(0) if left.is_some_and(|left| left.is_zero()) => return Ok(Readable::Late),
            Ok(0) | Err(Errno::INTR) => {}
            Ok(_) => return Ok(Readable::Yes),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Receives one message of gaol's own processes, and waits for it no longer than until `deadline`.
pub(crate) fn receive_by(socket: BorrowedFd<'_>, buffer: &mut [u8], deadline: Instant) -> io::Result<Received> {
    loop {
        match receive(socket, buffer, RecvFlags::DONTWAIT) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            received => return received,
        }
        if wait_readable(socket, Some(deadline))? == Readable::Late {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
}

/// What came from a child at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FromChild {
    pub(crate) bytes: usize,
    /// The kernel had no room for some of the descriptors that came.
    pub(crate) cut: bool,
}

/// Receives what there is now of what a child sends. Every descriptor with it is added to `descriptors`, so that the kernel closes none here.
pub(crate) fn receive_from_child(
    socket: impl AsFd,
    buffer: &mut [u8],
    flags: RecvFlags,
    descriptors: &mut Vec<OwnedFd>,
) -> Result<FromChild, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_WITH_A_MESSAGE))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = flags | RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    let message = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(&socket, &mut [IoSliceMut::new(&mut *buffer)], &mut control, flags)
    });
    for entry in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = entry {
            descriptors.extend(fds);
        }
    }
    let message = message?;
    Ok(FromChild { bytes: message.bytes, cut: message.flags.contains(ReturnFlags::CTRUNC) })
}

fn timespec(duration: Duration) -> Timespec {
    // A time that no clock reaches is as good as none.
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX / 2),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
