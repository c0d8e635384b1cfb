//! The key by which this process marks what it tells launchers, in a socket that they inherit.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::io::{Errno, FdFlags};
use rustix::net::{RecvFlags, SendFlags, SocketType};
use rustix::rand::GetRandomFlags;

use crate::call::leaked::LeakedCell;
use crate::process::launcher::mark::{KEY_BYTES, Key, Marked};
use crate::sys::os::descriptors::socket_pair;

/// A message to a launcher, under the mark of this process.
pub(crate) fn marked(message: &OsStr) -> OsString {
    match Mark::of_this_process() {
        Ok(mark) => Marked::new(message, &mark.key, mark.socket.as_raw_fd()).to_argument(),
        Err(error) => Marked::without_key(message, error.raw_os_error().unwrap_or(libc::EIO)).to_argument(),
    }
}

/// A key, and where those find it that this process starts.
#[derive(Debug)]
struct Mark {
    /// A fork has one of its own: the kernel tells launchers who has made it.
    process: u32,
    key: Key,
    /// Survives an exec, and holds the key as its one message. Its other end is closed: nothing more can come, and what is there stays,
    /// since whoever reads it only looks at it.
    socket: OwnedFd,
}

impl Mark {
    fn of_this_process() -> io::Result<&'static Self> {
        static MARK: LeakedCell<Mark> = LeakedCell::empty();
        match MARK.get() {
            Some(mark) if mark.is_good() => Ok(mark),
            old => Ok(MARK.replace(old, Self::new()?)),
        }
    }

    fn new() -> io::Result<Self> {
        let mut bytes = [0; KEY_BYTES];
        // So few bytes come at once.
        if rustix::io::retry_on_intr(|| rustix::rand::getrandom(&mut bytes, GetRandomFlags::empty()))? < KEY_BYTES {
            return Err(Errno::IO.into());
        }
        let key = Key::from_bytes(bytes);
        let (socket, sender) = socket_pair(SocketType::SEQPACKET)?;
        rustix::io::retry_on_intr(|| rustix::net::send(&sender, key.as_bytes(), SendFlags::NOSIGNAL))?;
        rustix::io::fcntl_setfd(&socket, FdFlags::empty())?;
        Ok(Self { process: std::process::id(), key, socket })
    }

    /// It is this process's own, and nobody has taken the key away or closed the descriptor.
    fn is_good(&self) -> bool {
        let mut held = [0; KEY_BYTES + 1];
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        self.process == std::process::id()
            && rustix::io::retry_on_intr(|| rustix::net::recv(&self.socket, &mut held, peek))
                .is_ok_and(|(_, length)| held.get(..length) == Some(self.key.as_bytes()))
    }
}
