//! Turns values into postcard's bytes for the channel, with limits that hold against a hostile peer.
//!
//! Leaves (numbers, text, bytes, tags, lengths) are read and written by `postcard`; the serde containers around them
//! are our own, because that is where the limits are. What has no names has exactly postcard's bytes; fields and variants have
//! some bits of their names beside them, and how many fields there are, since the two halves of a type need not agree ([`shape`]).
//! Both sides count the same things, so that whatever [`encode()`] accepts, [`decode()`] does not refuse for its size:
//!
//! * **Depth.** A value that holds another value is a level: sequence, map, tuple, struct, newtype, `Some`, a variant
//!   with content. At most [`DEPTH_LIMIT`] levels. A list of `struct Node { next: Option<Box<Node>> }` takes two a node.
//! * **Elements.** Each element of a sequence and each entry of a map costs one; a message may have as many as it has
//!   bytes, and [`FREE_ELEMENTS`] more. An element of at least one byte is thus always paid for: only those of no
//!   bytes at all (`()`, `[T; 0]`) can run out. The whole declared length is charged before the first element is read.
//!
//! What decoding costs: text and bytes take no more memory than the input has left, all containers together are told to
//! reserve no more elements than the input has bytes, and no more elements are visited than were paid for. A reply is decoded
//! within a [`Budget`] as well: of memory, by what is built, and of time; and no value takes more than half of the stack that is left.

mod decode;
mod encode;
pub(crate) mod reserved;
mod shape;
#[cfg(test)]
mod tests;

use std::fmt::{self, Display, Write};
use std::io;

use crate::sys::os::numbers::Numbers;
use crate::sys::os::shared::{SharedReader, SharedWriter};

pub(crate) use decode::{Budget, decode, decode_within};
pub use decode::{DecodeError, Reader};
pub use encode::{EncodeError, Writer};
pub(crate) use encode::{encode, encode_with};

/// The shortest block of bytes that is sent out of band, where blocks can be.
///
/// From here on a descriptor and a page or two of shared memory cost less than the copies of a socket.
pub(crate) const BLOCK: usize = 64 << 10;

/// Where long blocks go, beside the bytes of a message.
pub(crate) trait BlockSink {
    /// Keeps a block, of numbers that have `width` bytes each. The blocks are taken in the order in which they were put.
    fn put(&mut self, block: &[u8], width: usize) -> io::Result<()>;
}

/// What was sent out of band of a message.
pub(crate) trait Set {
    /// Bytes that have not been taken.
    fn left(&self) -> u64;

    /// Takes so many bytes, as numbers that have `width` bytes each. Each is read once.
    fn take(&mut self, length: usize, width: usize) -> io::Result<Numbers>;
}

/// The most levels that a value may have.
///
/// Bounds the stack that decoding takes, and that whatever walks the value takes later (its drop, its `Debug`): without it, one byte
/// of input buys one level of recursion.
const DEPTH_LIMIT: usize = 128;

/// How many elements a message may have beyond one for each of its bytes.
const FREE_ELEMENTS: u64 = 65_536;

/// The longest message of a `Serialize` or `Deserialize` implementation that is kept, in bytes.
///
/// serde quotes the offending value, which a hostile child makes as long as it likes.
const MESSAGE_LIMIT: usize = 512;

/// The text of `message`, cut off after [`MESSAGE_LIMIT`] bytes.
fn short_message(message: &dyn Display) -> String {
    let mut short = ShortText(String::new());
    if write!(short, "{message}").is_err() {
        short.0.push('…');
    }
    short.0
}

/// Text that refuses to grow past [`MESSAGE_LIMIT`], which also stops the formatting.
struct ShortText(String);

impl Write for ShortText {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = MESSAGE_LIMIT - self.0.len();
        if text.len() <= room {
            self.0.push_str(text);
            return Ok(());
        }
        let fits = (0..=room).rev().find(|&end| text.is_char_boundary(end));
        self.0.push_str(&text[..fits.unwrap_or(0)]);
        Err(fmt::Error)
    }
}

impl BlockSink for SharedWriter {
    fn put(&mut self, block: &[u8], _width: usize) -> io::Result<()> {
        Self::put(self, block)
    }
}

impl Set for SharedReader {
    fn left(&self) -> u64 {
        Self::left(self)
    }

    fn take(&mut self, length: usize, width: usize) -> io::Result<Numbers> {
        Self::take(self, length, width)
    }
}
