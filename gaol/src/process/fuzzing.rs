//! The readers of gaol's children, put to bytes of somebody's choice in a process that is none.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::net::{Shutdown, SocketType};

pub(crate) use crate::process::launcher::main::Progress;
use crate::process::worker::main::Setup;
use crate::process::worker::spin::AdaptiveSpin;
use crate::process::zygote::main::Request;
use crate::process::{template, worker, zygote};
use crate::profile::Profile;
use crate::support::Layers;
use crate::sys::os::descriptors::{send, socket_pair};
use crate::sys::paths::resolve_within;

/// A worker's one call: `bytes` with that many descriptors come in, and what comes back is its whole reply.
///
/// # Errors
///
/// The worker's own: it would end without a reply.
pub fn serve_call(bytes: &[u8], descriptors: usize, reply: u64) -> io::Result<Vec<u8>> {
    let (ours, theirs) = socket_pair(SocketType::STREAM)?;
    send_with(&ours, bytes, descriptors)?;
    rustix::net::shutdown(&ours, Shutdown::Write)?;
    let mut plan = resolve_within(&Profile::NOTHING, Layers::ALL)
        .map_err(|unresolved| io::Error::other(unresolved.problem.to_string()))?;
    plan.reply = Some(reply);
    let setup = Setup { plan: &plan, inherited: &[], own_domain: None, filter: None };
    let mut channel = std::fs::File::from(theirs);
    let served = worker::main::serve(&setup, &mut channel, None, &mut AdaptiveSpin::default());
    drop(channel);
    let mut answer = Vec::new();
    match io::Read::read_to_end(&mut std::fs::File::from(ours), &mut answer) {
        // It went with unread bytes of the call.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => return Err(error),
        Ok(_) => {}
    }
    served.map(|_| answer)
}

/// What the zygote makes of a message of the application's: whether it knows it. An error means that the application is gone.
pub fn zygote_hears(bytes: &[u8], descriptors: usize) -> io::Result<bool> {
    let (ours, theirs) = socket_pair(SocketType::SEQPACKET)?;
    send_with(&ours, bytes, descriptors)?;
    Ok(!matches!(zygote::main::hear(&theirs)?, Request::Unknown))
}

/// What the zygote makes of a greeting: whether it stays.
pub fn zygote_greets(bytes: &[u8], descriptors: usize) -> io::Result<bool> {
    let (ours, theirs) = socket_pair(SocketType::SEQPACKET)?;
    send_with(&ours, bytes, descriptors)?;
    Ok(zygote::main::greet(&theirs).is_ok())
}

/// What a template makes of a plan that comes in these messages, the first of which says how long it is: whether it is one.
pub fn template_receives(messages: &[&[u8]], descriptors: usize) -> io::Result<bool> {
    let (ours, theirs) = socket_pair(SocketType::SEQPACKET)?;
    for (number, bytes) in messages.iter().enumerate() {
        send_with(&ours, bytes, if number == 0 { descriptors } else { 0 })?;
    }
    drop(ours);
    Ok(template::main::receive_plan(&theirs).is_ok())
}

fn send_with(socket: &OwnedFd, bytes: &[u8], descriptors: usize) -> io::Result<()> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let fds: Vec<BorrowedFd<'_>> = vec![null.as_fd(); descriptors.min(64)];
    send(socket.as_fd(), bytes, &fds)
}
