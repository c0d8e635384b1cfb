//! A call whose worker is a script: every byte, boundary and descriptor of its reply is somebody's choice.
#![allow(missing_docs)]

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, LazyLock};

use rustix::fs::{Mode, OFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketType};

use super::exchange::{Answer, Terms, exchange};
use super::output::Output;
use crate::call::request::Outgoing;
use crate::error::{FunctionError, ProtocolProblem};
use crate::function::transfer::{ErrorCodec, Meaning, Returned, understand};
use crate::process::template::handle::{Template, Worker};
use crate::process::zygote::handle::Zygote;
use crate::profile::Profile;
use crate::protocol::codec::{DecodeError, Reader};
use crate::protocol::{Header, Kind};
use crate::support::Layers;
use crate::sys::os::descriptors::socket_pair;
use crate::sys::paths::resolve_within;

/// The most descriptors of one message: the kernel's own limit.
const MOST_DESCRIPTORS: usize = 253;

/// What one write of the worker's puts into its channel.
#[derive(Debug)]
pub struct Message<'a> {
    pub bytes: &'a [u8],
    /// How many descriptors go with it.
    pub descriptors: usize,
}

/// What a worker does, and the terms of its call.
#[derive(Debug)]
pub struct Script<'a> {
    pub messages: &'a [Message<'a>],
    /// What is read of how it ended.
    pub status: &'a [u8],
    pub nonce: u64,
    pub entry: u64,
    pub reply: Option<u64>,
    pub reply_buffer: u64,
}

/// What the application makes of it.
#[derive(Debug)]
pub enum Came<T, E> {
    Value(T),
    FunctionError(E),
    Words(FunctionError),
    /// A frame that answers this call, whose content is no value. With what is wrong.
    Undecodable(String),
    Unbelievable(ProtocolProblem),
    Ended,
    NeverBegan,
    /// It ran into a limit, or a system call of the application's failed.
    Stopped(String),
}

/// Makes the call, as [`Prepared::call`](super::Prepared) does once it has a worker.
pub fn come_of<R: Returned>(
    script: &Script<'_>,
    read: impl FnOnce(&mut Reader<'_>) -> Result<R::Ok, DecodeError>,
    errors: &ErrorCodec<R::Err>,
) -> io::Result<Came<R::Ok, R::Err>> {
    // Its messages keep their boundaries, so that the script says what is read at once. Otherwise it is as the channel is.
    let (ours, theirs) = socket_pair(SocketType::SEQPACKET)?;
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    for message in script.messages {
        send(&theirs, message, null.as_fd())?;
    }
    rustix::net::shutdown(&theirs, Shutdown::Write)?;
    let (status, status_of_template) = socket_pair(SocketType::STREAM)?;
    rustix::io::write(&status_of_template, script.status)?;
    drop(status_of_template);
    // Nobody's, and asked for nothing.
    static TEMPLATE: LazyLock<Template> = LazyLock::new(|| {
        let null = || OwnedFd::from(std::fs::File::open("/dev/null").expect("every system has it"));
        let plan = resolve_within(&Profile::NOTHING, Layers::ALL).map_err(|unresolved| unresolved.problem);
        let zygote = Arc::new(Zygote::of_nobody(null(), null()));
        Template::of_nobody(null(), null(), plan.expect("it names no path"), zygote)
    });
    // No process: what is sent to it by way of this descriptor reaches nobody.
    let worker = Worker {
        channel: ours.into(),
        pidfd: null,
        status,
        output: None,
        passed: [None, None],
        ends: [0; 2],
        buffer: None,
    };
    let frame = Header::plain(Kind::Call, script.nonce, script.entry, 0).to_bytes().to_vec();
    let outgoing =
        Outgoing { frame, descriptors: Vec::new(), reply_buffer: script.reply_buffer, aside: 0, reserved: None };
    let terms = Terms {
        nonce: script.nonce,
        entry: script.entry,
        time: None,
        cpu: None,
        reply: script.reply,
        reply_buffer: script.reply_buffer,
        reused: false,
    };
    Ok(match exchange(&worker, &outgoing, &terms, &TEMPLATE, &mut Output::default()) {
        Answer::Reply(back) => match understand::<R>(back, script.reply, read, errors) {
            Meaning::Value(value) => Came::Value(value),
            Meaning::FunctionError(error) => Came::FunctionError(error),
            Meaning::Words(words) => Came::Words(words),
            Meaning::Undecodable(problem) => Came::Undecodable(problem.to_string()),
            Meaning::Late => Came::Stopped("it timed out".to_owned()),
        },
        Answer::NeverBegan => Came::NeverBegan,
        Answer::Ended { .. } => Came::Ended,
        Answer::Unbelievable(problem) => Came::Unbelievable(problem),
        Answer::TimedOut => Came::Stopped("it timed out".to_owned()),
        Answer::CpuExceeded => Came::Stopped("it used up its CPU time".to_owned()),
        Answer::Broken(step, error) => Came::Stopped(format!("{step}: {error}")),
    })
}

fn send(socket: &OwnedFd, message: &Message<'_>, fd: BorrowedFd<'_>) -> io::Result<()> {
    let fds = vec![fd; message.descriptors.min(MOST_DESCRIPTORS)];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(&fds));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    rustix::net::sendmsg(socket, &[IoSlice::new(message.bytes)], &mut control, flags)?;
    Ok(())
}
