//! The worker's side of shared memory for its reply. Runs in the *confined* window: the parent believes none of it.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;

use rustix::net::RecvFlags;

use crate::protocol;
use crate::protocol::codec::BlockSink;
use crate::protocol::{HEADER, Header, Kind};
use crate::sys::os::descriptors::receive_some;
use crate::sys::os::shared::PrefaultedBuffer;

/// Shared memory for a reply, asked for when it is needed.
pub(crate) struct ReplyBuffer<'a> {
    channel: BorrowedFd<'a>,
    nonce: u64,
    entry: u64,
    /// The most that may be asked for at once.
    most: u64,
    /// Bytes that were asked for, and those that still may be.
    held: u64,
    left: u64,
    /// What there is, where to go on in it, and where it ends.
    memory: Option<std::fs::File>,
    at: u64,
    end: u64,
    /// What is there without being asked for, and how much of it is full. Once a block does not fit, no other goes there.
    buffer: Option<PrefaultedBuffer>,
    prefaulted: u64,
}

impl<'a> ReplyBuffer<'a> {
    pub(crate) fn new(channel: BorrowedFd<'a>, call: &Header, cap: u64, buffer: Option<PrefaultedBuffer>) -> Self {
        let Header { nonce, entry, reply_buffer: most, .. } = *call;
        Self { channel, nonce, entry, most, held: 0, left: cap, memory: None, at: 0, end: 0, buffer, prefaulted: 0 }
    }

    /// How many bytes are in the prefaulted buffer.
    pub(crate) fn prefaulted(&self) -> u32 {
        u32::try_from(self.prefaulted).unwrap_or(u32::MAX)
    }

    fn ask(&mut self, needed: u64) -> io::Result<()> {
        let wanted = protocol::reply_buffer::next(needed, self.held, self.most, self.left);
        let frame = protocol::frame(Kind::ReplyBuffer, self.nonce, self.entry, &wanted.to_le_bytes());
        let mut rest = &frame[..];
        while !rest.is_empty() {
            let count = rustix::io::retry_on_intr(|| rustix::io::write(self.channel, rest))?;
            rest = &rest[count..];
        }
        let mut answer = [0; HEADER];
        let received = receive_some(self.channel, &mut answer, 1, RecvFlags::empty())?;
        let memory = received.descriptors.into_iter().next().filter(|_| received.bytes == HEADER);
        self.memory = Some(memory.ok_or(io::ErrorKind::UnexpectedEof)?.into());
        (self.at, self.end) = (0, wanted);
        self.held += wanted;
        self.left -= wanted;
        Ok(())
    }
}

impl BlockSink for ReplyBuffer<'_> {
    fn put(&mut self, mut block: &[u8], _width: usize) -> io::Result<()> {
        self.buffer.take_if(|buffer| buffer.size() - self.prefaulted < block.len() as u64);
        if let Some(buffer) = &self.buffer {
            buffer.write(block, self.prefaulted)?;
            self.prefaulted += block.len() as u64;
            return Ok(());
        }
        while !block.is_empty() {
            if self.at == self.end {
                self.ask(block.len() as u64)?;
            }
            let here = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(block.len());
            let (now, later) = block.split_at(here);
            let memory = self.memory.as_ref().ok_or(io::ErrorKind::UnexpectedEof)?;
            memory.write_all_at(now, self.at)?;
            self.at += here as u64;
            block = later;
        }
        Ok(())
    }
}
