//! Descriptors: closing what was inherited, putting others where a worker finds them, and passing them on.
//!
//! # Safety
//!
//! Descriptors are closed and replaced by number, which is sound only while no owner of those numbers is left: in a process that was
//! just forked or executed, by code that holds its own descriptors by number too.
#![allow(unsafe_code)]

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::FdFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};

/// The most descriptors that one message carries.
pub(crate) const MOST: usize = 64;

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).unwrap_or(0);
    // SAFETY: takes numbers only. The caller is a process that was just started, and owns nothing at or above `first` that it still uses.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, libc::c_uint::MAX, 0) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes `number` a copy of `fd`, and gives it as an owner. A standard stream survives an exec, and nothing else does.
pub(crate) fn place(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<OwnedFd> {
    let survives = number <= libc::STDERR_FILENO;
    if fd.as_raw_fd() == number {
        rustix::io::fcntl_setfd(fd, if survives { FdFlags::empty() } else { FdFlags::CLOEXEC })?;
    } else {
        let flags = if survives { 0 } else { libc::O_CLOEXEC };
        // SAFETY: takes numbers only; the caller knows that nobody owns `number`.
        if unsafe { libc::dup3(fd.as_raw_fd(), number, flags) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    // SAFETY: `number` is open now, and the caller knows that nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Takes ownership of a descriptor that the process was started with.
pub(crate) fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD takes numbers only, and says whether the descriptor is open.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and the standard streams have no owner in a Rust program.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether a descriptor that an exec leaves open is the machine's null device, which every process of gaol starts with for its streams.
///
/// # Errors
///
/// The kernel's. A number that nothing has is no null device.
pub(crate) fn is_null_device(number: RawFd) -> io::Result<bool> {
    // SAFETY: F_GETFD takes numbers only, and says whether the descriptor is open.
    let flags = || unsafe { libc::fcntl(number, libc::F_GETFD) };
    match flags() {
        0 => {}
        1.. => return Ok(false),
        _ => {
            let error = io::Error::last_os_error();
            // Twice, for a stream that only seems to be closed would be left as it is.
            let is_closed = error.raw_os_error() == Some(libc::EBADF) && flags() < 0;
            return if is_closed { Ok(false) } else { Err(error) };
        }
    }
    // SAFETY: it is open, and stays so: the process has one thread.
    let stat = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(number) })?;
    Ok(stat.st_mode & libc::S_IFMT == libc::S_IFCHR && stat.st_rdev == rustix::fs::makedev(1, 3))
}

/// A pair of sockets that keep message boundaries, or a stream, both closed by an exec.
pub(crate) fn socket_pair(kind: SocketType) -> io::Result<(OwnedFd, OwnedFd)> {
    let (one, other) = rustix::net::socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    Ok((above_streams(one)?, above_streams(other)?))
}

/// The same descriptor under a number that is no standard stream's. An application that has closed its streams and prints all the same
/// must not print into gaol's sockets.
pub(crate) fn above_streams(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() > libc::STDERR_FILENO { Ok(fd) } else { Ok(rustix::io::fcntl_dupfd_cloexec(&fd, 3)?) }
}

/// Sends one message with descriptors.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    let sent = rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)
    })?;
    if sent == bytes.len() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::WriteZero)) }
}

/// What came with a message.
pub(crate) struct Received {
    pub(crate) bytes: usize,
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Receives one message with its descriptors, which are closed by an exec. Zero bytes mean that the other end is gone.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], flags: RecvFlags) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut once = || {
        rustix::io::retry_on_intr(|| {
            rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags | RecvFlags::CMSG_CLOEXEC)
        })
    };
    let message = match once() {
        // The other end is gone and left something unread. The kernel says so once, before what that end sent last.
        Err(rustix::io::Errno::CONNRESET) => once()?,
        other => other?,
    };
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for entry in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = entry {
            descriptors.extend(fds);
        }
    }
    let descriptors = descriptors.into_iter().map(above_streams).collect::<io::Result<Vec<_>>>()?;
    if message.flags.contains(ReturnFlags::CTRUNC) {
        // The kernel ran out of room or of descriptor numbers on the way: what was received is dropped here, the rest was never installed.
        return Err(io::Error::from_raw_os_error(libc::EMFILE));
    }
    Ok(Received { bytes: message.bytes, descriptors })
}

/// Receives what there is of a stream, with at most `most` descriptors (and never more than 65), which are closed by an exec.
///
/// What the kernel had no room for is not among them: whoever asked knows how many to expect.
pub(crate) fn receive_some(
    socket: BorrowedFd<'_>,
    buffer: &mut [u8],
    most: usize,
    flags: RecvFlags,
) -> io::Result<Received> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(65))];
    let length = rustix::cmsg_space!(ScmRights(most)).min(space.len());
    let mut control = RecvAncillaryBuffer::new(&mut space[..length]);
    let message = rustix::io::retry_on_intr(|| {
        rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags | RecvFlags::CMSG_CLOEXEC)
    })?;
    let mut descriptors: Vec<OwnedFd> = Vec::new();
    for entry in control.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = entry {
            descriptors.extend(fds);
        }
    }
    let descriptors = descriptors.into_iter().map(above_streams).collect::<io::Result<Vec<_>>>()?;
    Ok(Received { bytes: message.bytes, descriptors })
}

/// Who has made a socket, or connected it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maker {
    /// The process, as this one sees it. 0: it is in a pid namespace that this one does not see into.
    pub(crate) process: i32,
    user: u32,
}

impl Maker {
    /// The maker of a pair of Unix sockets, as the kernel has noted it when it was made (unix(7), `SO_PEERCRED`).
    pub(crate) fn of(socket: impl AsFd) -> io::Result<Self> {
        let mut credentials = libc::ucred { pid: 0, uid: libc::uid_t::MAX, gid: libc::gid_t::MAX };
        let mut length = libc::socklen_t::try_from(size_of_val(&credentials)).unwrap_or(0);
        // SAFETY: the kernel writes at most `length` bytes, which is the size of `credentials`.
        let answer = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERCRED,
                (&raw mut credentials).cast(),
                &raw mut length,
            )
        };
        if answer < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { process: credentials.pid, user: credentials.uid })
    }

    /// It was not somebody with fewer rights than this process has, who may have become its starter since, by sudo(8) for instance.
    pub(crate) fn is_no_stranger(self) -> bool {
        self.user == 0 || self.user == rustix::process::geteuid().as_raw()
    }

    /// Whether it was the process that has started this one.
    pub(crate) fn is_starter(self) -> bool {
        let starter = rustix::process::getppid().map_or(0, |process| process.as_raw_nonzero().get());
        self.is_no_stranger() && self.process == starter
    }
}

/// The process was started with more privileges than its starter has (set-user-ID and the like).
pub(crate) fn is_secure_execution() -> bool {
    // SAFETY: `getauxval` reads a value that the kernel left for this process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Whether a descriptor is a Unix socket that keeps message boundaries: what gaol starts its own processes with.
pub(crate) fn is_control_socket(fd: impl AsFd) -> bool {
    matches!(rustix::net::sockopt::socket_domain(&fd), Ok(AddressFamily::UNIX))
        && matches!(rustix::net::sockopt::socket_type(&fd), Ok(SocketType::SEQPACKET))
}
