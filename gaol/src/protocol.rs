//! The wire: frames between the application and a worker, and the limits of both.

pub(crate) mod codec;
pub(crate) mod descriptors;
pub(crate) mod prefaulted;
pub(crate) mod reply_buffer;

/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 64;

/// The first four bytes of every frame. The last one is the version of the wire.
const MAGIC: u32 = u32::from_le_bytes(*b"gao\x02");

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Kind {
    /// To the worker: run an entry with these arguments.
    Call = 1,
    /// The function returned `Ok`.
    Returned = 2,
    /// The function returned `Err`, encoded by serde.
    Failed = 3,
    /// The function returned `Err`, as a message and its sources.
    FailedInWords = 4,
    /// The function panicked. Advisory where the worker did not survive it.
    Panicked = 5,
    /// An allocation failed. Advisory: only believed of a worker that aborted.
    OutOfMemory = 6,
    /// A system call was refused that ends the worker. Advisory: only believed of a worker that died of SIGSYS.
    Violated = 7,
    /// The worker could not run the function: what it lacked, in words.
    Unable = 8,
    /// From the worker: shared memory is wanted for so many bytes of its reply. To the worker: here it is, as a descriptor.
    ReplyBuffer = 9,
    /// The arguments are none of the function's. Advisory: only believed where the application finds the same.
    Unreadable = 10,
    /// The function ran, and what it returned cannot be sent: why, in words.
    Unsendable = 11,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub(crate) const ALL: [Self; 11] = [
        Self::Call,
        Self::Returned,
        Self::Failed,
        Self::FailedInWords,
        Self::Panicked,
        Self::OutOfMemory,
        Self::Violated,
        Self::Unable,
        Self::ReplyBuffer,
        Self::Unreadable,
        Self::Unsendable,
    ];

    fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u32 == number)
    }
}

/// The fixed head of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// Differs from call to call: a reply to another call is not taken for this one's.
    pub(crate) nonce: u64,
    /// The entry that is called, with its signature.
    pub(crate) entry: u64,
    /// Bytes that follow.
    pub(crate) length: u64,
    /// How many of them come before the payload proper: the environment in a call.
    pub(crate) prefix: u64,
    /// Bytes of it that are in shared memory.
    pub(crate) aside: u64,
    /// Descriptors that come with it, those of shared memory not counted.
    pub(crate) descriptors: u32,
    /// How many of the bytes in shared memory are in the worker's prefaulted buffer: the first of them.
    pub(crate) buffer: u32,
    /// In a call: how much shared memory the worker may ask for at once; 0 where the whole reply stands in its frame.
    pub(crate) reply_buffer: u64,
}

impl Header {
    /// A header of nothing but a frame.
    pub(crate) const fn plain(kind: Kind, nonce: u64, entry: u64, length: u64) -> Self {
        Self { kind, nonce, entry, length, prefix: 0, aside: 0, descriptors: 0, buffer: 0, reply_buffer: 0 }
    }
}

impl Header {
    /// The header as bytes.
    pub(crate) fn to_bytes(self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        bytes[0..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&(self.kind as u32).to_le_bytes());
        bytes[8..16].copy_from_slice(&self.nonce.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.entry.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.length.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.prefix.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.aside.to_le_bytes());
        bytes[48..52].copy_from_slice(&self.descriptors.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.buffer.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.reply_buffer.to_le_bytes());
        bytes
    }

    /// Reads a header, believing nothing of it.
    pub(crate) fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, &'static str> {
        let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let wide = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
        if number(0) != MAGIC {
            return Err("the frame does not begin as one of this version does");
        }
        let kind = Kind::from_number(number(4)).ok_or("the frame is of no known kind")?;
        let header = Self {
            kind,
            nonce: wide(8),
            entry: wide(16),
            length: wide(24),
            prefix: wide(32),
            aside: wide(40),
            descriptors: number(48),
            buffer: number(52),
            reply_buffer: wide(56),
        };
        if u64::from(header.buffer) > header.aside {
            return Err("more of the frame is in a prefaulted buffer than is in shared memory");
        }
        if header.prefix > header.length {
            return Err("the frame's parts are longer than the frame");
        }
        Ok(header)
    }
}

/// A whole frame as bytes.
pub(crate) fn frame(kind: Kind, nonce: u64, entry: u64, payload: &[u8]) -> Vec<u8> {
    let header = Header::plain(kind, nonce, entry, payload.len() as u64);
    let mut frame = Vec::with_capacity(HEADER + payload.len());
    frame.extend_from_slice(&header.to_bytes());
    frame.extend_from_slice(payload);
    frame
}
