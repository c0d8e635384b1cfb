//! What a hostile child can put on its channel: frames of its own making, with the numbers of the call it is serving.
//!
//! # Safety
//!
//! The stack is searched through `write(2)`, which answers with `EFAULT` where there is none.

use super::toolbox::{Refusal, call};

/// The worker's end of the channel.
pub(crate) const CHANNEL: i32 = 3;
/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 64;
const MAGIC: [u8; 4] = *b"gao\x02";

pub(crate) const CALL: u32 = 1;
pub(crate) const RETURNED: u32 = 2;
pub(crate) const FAILED: u32 = 3;
pub(crate) const FAILED_IN_WORDS: u32 = 4;
pub(crate) const PANICKED: u32 = 5;
pub(crate) const OUT_OF_MEMORY: u32 = 6;
pub(crate) const VIOLATED: u32 = 7;
pub(crate) const UNABLE: u32 = 8;
pub(crate) const ROOM: u32 = 9;

/// A header, believable or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forged {
    pub(crate) magic: [u8; 4],
    pub(crate) kind: u32,
    pub(crate) nonce: u64,
    pub(crate) entry: u64,
    pub(crate) length: u64,
    pub(crate) prefix: u64,
    pub(crate) aside: u64,
    pub(crate) descriptors: u32,
    /// What every frame has as zero.
    pub(crate) nothing: u32,
    pub(crate) room: u64,
}

impl Forged {
    /// The header that a true reply of this size to the call being served would have.
    pub(crate) fn reply(kind: u32, length: usize) -> Result<Self, Refusal> {
        let (nonce, entry) = served_call()?;
        let length = length as u64;
        Ok(Self { magic: MAGIC, kind, nonce, entry, length, prefix: 0, aside: 0, descriptors: 0, nothing: 0, room: 0 })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        bytes.extend_from_slice(&self.kind.to_le_bytes());
        let beside = u64::from(self.descriptors) | u64::from(self.nothing) << 32;
        for word in [self.nonce, self.entry, self.length, self.prefix, self.aside, beside, self.room] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// A frame that is right in every respect.
pub(crate) fn frame(kind: u32, payload: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut frame = Forged::reply(kind, payload.len())?.to_bytes();
    frame.extend_from_slice(payload);
    Ok(frame)
}

/// Writes all of it to the channel.
pub(crate) fn send(mut bytes: &[u8]) -> Result<(), Refusal> {
    while !bytes.is_empty() {
        let written = call!(libc::SYS_write, CHANNEL, bytes.as_ptr(), bytes.len())?;
        bytes = &bytes[written..];
    }
    Ok(())
}

/// The nonce and entry of the call, from the request's header, which lies further up on the stack of the worker.
fn served_call() -> Result<(u64, u64), Refusal> {
    const PAGE: usize = 4096;
    const REACH: usize = 1 << 20;
    let mut ends = [0_i32; 2];
    call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0)?;
    let here = &raw const ends as usize & !(PAGE - 1);
    let mut stack = Vec::new();
    let mut found = None;
    for page in (here..here + REACH).step_by(PAGE) {
        let mut copy = [0_u8; PAGE];
        if !matches!(call!(libc::SYS_write, ends[1], page, PAGE), Ok(PAGE)) {
            break;
        }
        call!(libc::SYS_read, ends[0], copy.as_mut_ptr(), PAGE)?;
        stack.extend_from_slice(&copy);
    }
    for start in (0..stack.len().saturating_sub(HEADER)).rev() {
        let head = &stack[start..start + HEADER];
        let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap_or_default());
        if head[..4] == MAGIC && head[4..8] == CALL.to_le_bytes() && word(8) != 0 {
            found = Some((word(8), word(16)));
            break;
        }
    }
    let _ = call!(libc::SYS_close, ends[0]);
    let _ = call!(libc::SYS_close, ends[1]);
    found.ok_or(Refusal::Absent)
}
