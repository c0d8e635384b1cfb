//! What a hostile child can put on its channel: frames of its own making, with the numbers of the call it is serving.
//!
//! # Safety
//!
//! Memory is searched through `write(2)`, which answers with `EFAULT` where there is none.

use std::sync::atomic::AtomicU8;

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
pub(crate) const UNREADABLE: u32 = 10;

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
    /// How much of what is aside is in the lane.
    pub(crate) lane: u32,
    pub(crate) room: u64,
}

impl Forged {
    /// The header that a true reply of this size to the call being served would have.
    pub(crate) fn reply(kind: u32, length: usize) -> Result<Self, Refusal> {
        let (nonce, entry) = served_call()?;
        let length = length as u64;
        Ok(Self { magic: MAGIC, kind, nonce, entry, length, prefix: 0, aside: 0, descriptors: 0, lane: 0, room: 0 })
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.magic.to_vec();
        bytes.extend_from_slice(&self.kind.to_le_bytes());
        let beside = u64::from(self.descriptors) | u64::from(self.lane) << 32;
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

/// What stands beside the bytes of a message, believable or not.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    /// What it says its length is; `None`: what it is.
    pub(crate) length: Option<u64>,
    pub(crate) level: i32,
    pub(crate) kind: i32,
    pub(crate) content: Vec<u8>,
}

impl Control {
    /// Copies of these descriptors.
    pub(crate) fn rights(descriptors: &[i32]) -> Self {
        let content = descriptors.iter().flat_map(|fd| fd.to_le_bytes()).collect();
        Self { length: None, level: libc::SOL_SOCKET, kind: libc::SCM_RIGHTS, content }
    }

    /// The words that the kernel reads, each control message from a new word on.
    fn words(controls: &[Self]) -> Vec<u64> {
        let mut words = Vec::new();
        for control in controls {
            words.push(control.length.unwrap_or(16 + control.content.len() as u64));
            words.push(control.level as u32 as u64 | (control.kind as u32 as u64) << 32);
            words.extend(control.content.chunks(8).map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(word)
            }));
        }
        words
    }
}

/// Sends one message with what stands beside it, and the rest of the bytes after it.
pub(crate) fn send_with(bytes: &[u8], controls: &[Control]) -> Result<(), Refusal> {
    let sent = send_on(CHANNEL, bytes, controls)?;
    send(&bytes[sent..])
}

/// Sends one message on a socket.
pub(crate) fn send_on(socket: i32, bytes: &[u8], controls: &[Control]) -> Result<usize, Refusal> {
    let vector = [bytes.as_ptr() as usize, bytes.len()];
    let control = Control::words(controls);
    // struct msghdr: no name, one vector, the control messages, no flags.
    let message = [0, 0, vector.as_ptr() as usize, 1, control.as_ptr() as usize, control.len() * 8, 0];
    call!(libc::SYS_sendmsg, socket, message.as_ptr(), 0)
}

/// Asks for shared memory, and does not wait for it.
pub(crate) fn ask_for_room(size: u64) -> Result<(), Refusal> {
    send(&frame(ROOM, &size.to_le_bytes())?)
}

/// Takes the shared memory that was asked for.
pub(crate) fn take_room() -> Result<i32, Refusal> {
    let mut head = [0_u8; HEADER];
    let mut control = [0_u64; 4];
    let vector = [head.as_mut_ptr() as usize, HEADER];
    let mut message = [0, 0, vector.as_ptr() as usize, 1, control.as_mut_ptr() as usize, 24, 0];
    let received = call!(libc::SYS_recvmsg, CHANNEL, message.as_mut_ptr(), 0)?;
    // One descriptor, and it is the low half of what follows the head of the control message.
    if received == HEADER && control[0] == 20 { Ok(control[2] as i32) } else { Err(Refusal::Absent) }
}

fn head_of(page: &[u8]) -> [u8; HEADER] {
    let mut head = [0; HEADER];
    head.copy_from_slice(&page[..HEADER]);
    head
}

/// The nonce and entry of the call that is being served.
///
/// The worker keeps a frame with both in a static, for the end of its memory.
fn served_call() -> Result<(u64, u64), Refusal> {
    const PAGE: usize = 4096;
    let mut ends = [0_i32; 2];
    call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0)?;
    let read = |page: usize| {
        let mut copy = [0_u8; PAGE];
        let there = matches!(call!(libc::SYS_write, ends[1], page, PAGE), Ok(PAGE));
        (there && call!(libc::SYS_read, ends[0], copy.as_mut_ptr(), PAGE).is_ok()).then_some(copy)
    };
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());

    static BESIDE_IT: AtomicU8 = AtomicU8::new(0);
    let here = &raw const BESIDE_IT as usize & !(PAGE - 1);
    // With the beginning of the page after it, where the frame may end.
    let search = |page: usize| {
        let whole: Vec<u8> = [&read(page)?[..], &read(page + PAGE).map_or([0; HEADER], |next| head_of(&next))].concat();
        Some((0..PAGE).step_by(8).map(|start| &whole[start..start + HEADER]).find_map(|head| {
            let is_it = head[..4] == MAGIC && head[4..8] == OUT_OF_MEMORY.to_le_bytes();
            is_it.then(|| (word(head, 8), word(head, 16)))
        }))
    };
    let above = (here..).step_by(PAGE).map_while(search).flatten().next();
    let below = || (0..here).rev().step_by(PAGE).map(|last| last & !(PAGE - 1)).map_while(search).flatten().next();
    let found = above.or_else(below);
    let _ = call!(libc::SYS_close, ends[0]);
    let _ = call!(libc::SYS_close, ends[1]);
    found.ok_or(Refusal::Absent)
}
