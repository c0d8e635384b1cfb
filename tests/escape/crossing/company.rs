//! An honest call of the same function, at work while the hostile ones are made: nobody is to read it, stop it or change what it gives.

use std::io;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::thread::JoinHandle;

use gaol::{Fd, Layer};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};

use super::super::hands::Hand;
use super::super::place::Place;
use super::super::row::Tier;
use super::PATIENCE;
use super::factors::Crossed;
use super::functions::{Came, Task, Working, call, right};

/// The honest call.
pub(crate) struct Company {
    line: UnixStream,
    call: JoinHandle<gaol::Result<Came>>,
    working: Working,
    /// Its process, as this one counts them.
    pid: i32,
    seed: u64,
}

impl Company {
    /// Has an honest call come to work.
    pub(crate) fn join(profile: Crossed, tier: Tier) -> io::Result<Self> {
        let (line, theirs) = UnixStream::pair()?;
        rustix::net::sockopt::set_socket_passcred(&line, true)?;
        let seed = u64::from(std::process::id());
        let call = std::thread::spawn(move || {
            let _guard = (tier == Tier::B).then(|| gaol::controls::without(&[Layer::Namespaces]));
            call(profile, Task::Honest(seed), vec![(Hand::UnixStream, Fd::new(OwnedFd::from(theirs)))])
        });
        match hear(&line) {
            Ok((working, pid)) => Ok(Self { line, call, working, pid, seed }),
            Err(error) => {
                drop(line);
                let came = call.join().map_err(|_| io::Error::other("its thread panicked"))?;
                Err(io::Error::other(format!("{error}: {came:?}")))
            }
        }
    }

    /// The place with this call where the application is: for who counts processes as a worker beside it does, and for who looks beneath
    /// `/proc`.
    pub(crate) fn place(&self, place: &Place, profile: Crossed, tier: Tier) -> (Place, Place) {
        let redirected = |pid: i32| Place {
            parent: pid,
            parent_secret_address: self.working.secret,
            parent_scratch_address: self.working.secret,
            parent_secret_fd: self.working.descriptor,
            bystander: pid,
            ..place.clone()
        };
        // A call with a template of its own has a pid namespace of its own, in which the other has no number.
        let shared = tier == Tier::A && !profile.has_own_template();
        (redirected(if shared { self.working.pid } else { self.pid }), redirected(self.pid))
    }

    /// Lets it finish, and says what became of it if it was harmed.
    pub(crate) fn leave(mut self) -> Result<(), String> {
        self.line.write_all(b"x").map_err(|error| format!("it does not listen any more: {error}"))?;
        match self.call.join() {
            Ok(Ok(Came::Honest(sum))) if sum == right(self.seed) => Ok(()),
            Ok(came) => Err(format!("{came:?}, and not {}", right(self.seed))),
            Err(_) => Err("its thread panicked".to_owned()),
        }
    }
}

/// What it says of itself, and who the kernel says that it is.
fn hear(line: &UnixStream) -> io::Result<(Working, i32)> {
    let patience = Timespec { tv_sec: PATIENCE.as_secs() as i64, tv_nsec: 0 };
    if rustix::event::poll(&mut [PollFd::new(line, PollFlags::IN)], Some(&patience))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let mut text = [0_u8; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received =
        rustix::net::recvmsg(line, &mut [io::IoSliceMut::new(&mut text)], &mut ancillary, RecvFlags::empty())?;
    let pid = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(credentials) => Some(credentials.pid.as_raw_nonzero().get()),
        _ => None,
    });
    let working = serde_json::from_slice(&text[..received.bytes])?;
    Ok((working, pid.ok_or_else(|| io::Error::other("nobody says who it is"))?))
}
