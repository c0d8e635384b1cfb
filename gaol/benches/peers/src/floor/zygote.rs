//! A zygote with a spare child ready, and no layer: what gaol's way of starting a process costs at least.
//!
//! It has the structure of gaol's: this binary, started once; a control socket that carries "fork one" one way and a socket to the new child
//! the other; a child that answers one call on that socket and exits. It has none of the rest: no reading of how a child ended, no deadline, no
//! captured output. Its children are reaped by the kernel.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType,
};
use rustix::process::Signal;

use super::fork::{Side, exit_now, fork, reap_automatically};
use crate::arguments::Role;

/// When the next child is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Once the call is sent: it is forked while the call runs.
    Meanwhile,
    /// Once the reply is there.
    Afterwards,
    /// There is no spare: the call begins with asking for its own child.
    First,
}

pub(crate) struct Zygote {
    control: OwnedFd,
    ask: Ask,
    process: Child,
}

impl Zygote {
    /// Starts one that keeps `spares` children ready.
    pub(crate) fn start(spares: usize, ask: Ask) -> io::Result<Self> {
        Self::start_as(Role::FloorZygote, spares, ask)
    }

    /// The same under every layer: see [`confined`](super::confined).
    pub(crate) fn start_confined(spares: usize, ask: Ask) -> io::Result<Self> {
        Self::start_as(Role::ConfinedZygote, spares, ask)
    }

    fn start_as(role: Role, spares: usize, ask: Ask) -> io::Result<Self> {
        let (control, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let process = Command::new("/proc/self/exe")
            .args(["--role", role.name()])
            .env_clear()
            .stdin(Stdio::from(theirs))
            .spawn()?;
        let zygote = Self { control, ask, process };
        (0..spares).try_for_each(|_| zygote.ask_for_child())?;
        Ok(zygote)
    }

    /// One call of one child. Any number of threads may call at once: each message on the control socket is one whole child.
    pub(crate) fn call(&self, number: u64) -> Result<Duration, String> {
        let begun = Instant::now();
        let got = self.exchange(number).map_err(|error| error.to_string());
        let time = begun.elapsed();
        match got? {
            got if got == number + 1 => Ok(time),
            got => Err(format!("got {got}, and not {}", number + 1)),
        }
    }

    fn exchange(&self, number: u64) -> io::Result<u64> {
        if self.ask == Ask::First {
            self.ask_for_child()?;
        }
        let Taken { mut child, pidfd, _pipes } = self.take()?;
        child.write_all(&number.to_le_bytes())?;
        if self.ask == Ask::Meanwhile {
            self.ask_for_child()?;
        }
        let mut reply = [0; 8];
        child.read_exact(&mut reply)?;
        if self.ask == Ask::Afterwards {
            self.ask_for_child()?;
        }
        if let Some(pidfd) = pidfd {
            // Whatever it does yet, its call is over.
            let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
        }
        Ok(u64::from_le_bytes(reply))
    }

    fn ask_for_child(&self) -> io::Result<()> {
        rustix::net::send(&self.control, &[1], SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// The next child that is ready.
    fn take(&self) -> io::Result<Taken> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&self.control, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, flags)?;
        let mut descriptors = ancillary.drain().flat_map(|message| match message {
            RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
            _ => Vec::new(),
        });
        let child = descriptors.next().ok_or_else(|| io::Error::other("the zygote is gone"))?;
        Ok(Taken { child: child.into(), pidfd: descriptors.next(), _pipes: descriptors.collect() })
    }
}

/// A child that is ready.
struct Taken {
    child: UnixStream,
    /// What comes beside it, where its zygote is a confined one: a handle on it, and the pipes, which are closed with it.
    pidfd: Option<OwnedFd>,
    _pipes: Vec<OwnedFd>,
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The zygote's own side: its standard input is the control socket. Its children that stand ready end when the other end of their
/// socket closes.
pub(crate) fn serve() -> ! {
    reap_automatically();
    let control = rustix::stdio::stdin();
    loop {
        let mut byte = [0];
        match rustix::net::recv(control, &mut byte, RecvFlags::empty()) {
            Ok((1.., _)) => {}
            _ => exit_now(0),
        }
        if fork_child(control).is_err() {
            exit_now(1);
        }
    }
}

fn fork_child(control: BorrowedFd<'_>) -> io::Result<()> {
    let (ours, theirs) = UnixStream::pair()?;
    match fork()? {
        Side::Child => {
            drop(ours);
            exit_now(i32::from(answer(theirs).is_err()))
        }
        Side::Parent(_) => {
            let descriptors = [ours.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            ancillary.push(SendAncillaryMessage::ScmRights(&descriptors));
            rustix::net::sendmsg(control, &[IoSlice::new(&[1])], &mut ancillary, SendFlags::NOSIGNAL)?;
            Ok(())
        }
    }
}

/// The child's one call.
fn answer(mut channel: UnixStream) -> io::Result<()> {
    let mut number = [0; 8];
    channel.read_exact(&mut number)?;
    channel.write_all(&(u64::from_le_bytes(number) + 1).to_le_bytes())
}
