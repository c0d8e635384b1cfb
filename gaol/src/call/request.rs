//! A call that is written, and what to do where the worker that it was written for is gone.

use std::io;
use std::os::fd::OwnedFd;

use super::disposal;
use crate::call::argument_blocks::Reserved;
use crate::function::entry::{Purpose, Request};
use crate::protocol::{HEADER, Header};
use crate::sys::os::shared::{Piece, PrefaultedBuffer, SharedReader, SharedWriter};

/// A call, ready to be sent.
pub(crate) struct Outgoing {
    pub(crate) frame: Vec<u8>,
    /// Shared memory, if any of the call is in it, and the arguments that are descriptors.
    pub(crate) descriptors: Vec<OwnedFd>,
    /// How much shared memory its header lets the worker ask for at once.
    pub(crate) reply_buffer: u64,
    /// How many bytes of it are beside the frame.
    pub(crate) aside: u64,
    /// The worker that it is for, and no other, where some of these are in its prefaulted buffer.
    pub(crate) reserved: Option<Reserved>,
}

impl Outgoing {
    /// Some of it is in the prefaulted buffer of a worker.
    pub(crate) fn is_prefaulted(&self) -> bool {
        self.header().is_some_and(|header| header.buffer > 0)
    }

    /// Has what is in the prefaulted buffer of a worker that is gone where any worker finds it.
    pub(crate) fn leave_buffer(&mut self, buffer: Option<&PrefaultedBuffer>) -> io::Result<()> {
        let (Some(header), Some(buffer)) = (self.header().filter(|header| header.buffer > 0), buffer) else {
            return Ok(());
        };
        let prefaulted = u64::from(header.buffer);
        let rest = (header.aside > prefaulted).then(|| self.descriptors.remove(0));
        let rest = rest.map(|memory| Piece::new(memory, header.aside - prefaulted));
        let mut reader = SharedReader::new([buffer.piece(prefaulted)].into_iter().chain(rest), header.aside);
        let whole = reader.take(usize::try_from(header.aside).map_err(io::Error::other)?, 1)?;
        let mut shared = SharedWriter::default();
        shared.put(whole.bytes())?;
        self.descriptors.splice(0..0, shared.seal()?);
        self.frame[..HEADER].copy_from_slice(&Header { buffer: 0, ..header }.to_bytes());
        Ok(())
    }

    /// The call is over: what it took along is let go of.
    fn end(&mut self) {
        let own = self.header().is_some_and(|header| header.aside > u64::from(header.buffer));
        if self.descriptors.len() > usize::from(own) {
            disposal::disconnect(self.descriptors.split_off(usize::from(own)));
        }
    }

    /// The arguments as a worker has them, that had `buffer`: to see whether they can be read.
    pub(crate) fn arguments(&self, buffer: Option<&PrefaultedBuffer>) -> Option<Request<'_>> {
        let header = self.header()?;
        let arguments = self.frame[HEADER..].get(usize::try_from(header.prefix).ok()?..)?;
        let prefaulted = u64::from(header.buffer);
        let shared = usize::from(header.aside > prefaulted);
        let mut beside = self.descriptors.iter().map(OwnedFd::try_clone).collect::<io::Result<Vec<_>>>().ok()?;
        let descriptors = beside.split_off(shared.min(beside.len()));
        let pieces = buffer.filter(|_| prefaulted > 0).map(|buffer| buffer.piece(prefaulted)).into_iter();
        let pieces = pieces.chain(beside.into_iter().map(|memory| Piece::new(memory, header.aside - prefaulted)));
        let aside = (header.aside > 0).then(|| SharedReader::new(pieces, header.aside));
        Some(Request { arguments, aside, descriptors, reply_buffer: None, cap: 0, purpose: Purpose::Check })
    }

    fn header(&self) -> Option<Header> {
        Header::from_bytes(self.frame.first_chunk()?).ok()
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.end();
    }
}
