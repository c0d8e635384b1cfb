//! What a worker prints, where that is captured: so much of it as errors show.

use rustix::net::RecvFlags;

use super::disposal::{ChildSocket, Unclaimed};
use super::wait::{FromChild, receive_from_child};
use crate::process::template::handle::Worker;

/// The most of a worker's output that is kept, in bytes.
const MOST_OUTPUT: usize = 64 << 10;

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// How often at most what a worker has left in the socket is read: that is more than it holds.
const AT_MOST: usize = 256;

/// What a worker printed.
#[derive(Default)]
pub(crate) struct Output {
    pub(crate) bytes: Vec<u8>,
    pub(crate) truncated: bool,
}

/// What there was of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Printed {
    Something,
    /// Nothing now.
    Nothing,
    /// It has ended.
    End,
}

/// Reads what there is of the output. Descriptors that came with it are nobody's.
pub(crate) fn read_output(socket: &ChildSocket, output: &mut Output) -> Printed {
    let mut chunk = [0; CHUNK];
    let mut orphans = Unclaimed::default();
    match receive_from_child(socket, &mut chunk, RecvFlags::empty(), &mut orphans.0) {
        Ok(FromChild { bytes: count @ 1.., .. }) => {
            let room = MOST_OUTPUT - output.bytes.len();
            output.bytes.extend_from_slice(&chunk[..count.min(room)]);
            output.truncated |= count > room;
            Printed::Something
        }
        Err(rustix::io::Errno::AGAIN) => Printed::Nothing,
        Ok(_) | Err(_) => Printed::End,
    }
}

/// Reads what a worker has left in the socket. False: it goes on printing.
pub(crate) fn drain(worker: &Worker, output: &mut Output) -> bool {
    let Some(socket) = &worker.output else { return true };
    (0..AT_MOST).any(|_| read_output(socket, output) != Printed::Something)
}
