//! Bytes that grow to a cap, with a count of the elements in them.

use std::fmt::{self, Display, Write};

use postcard::ser_flavors::Flavor;
use serde::ser::{Error, Serialize};

use super::EncodeError;
use crate::error::remedy_for;
use crate::protocol::codec::shape::Shape;
use crate::protocol::codec::{BLOCK, BlockSink, FREE_ELEMENTS, shape};

/// The capacity to start from, so that a short value allocates once.
const SMALLEST_GROWTH: usize = 64;

/// What has been written, and what of it counts.
pub(super) struct Output<'o> {
    postcard: postcard::Serializer<CappedBytes<'o>>,
    cap: u64,
    /// How many bytes there were before.
    start: usize,
    /// Elements declared so far.
    elements: u64,
    /// Where long blocks go, if not among the bytes.
    aside: Option<&'o mut dyn BlockSink>,
    /// Bytes that went there.
    put_aside: u64,
    /// What the value that is being written looks like so far.
    pub(super) shape: Shape,
    /// It may have IPv6 socket addresses.
    pub(super) may_have_scopes: bool,
}

impl<'o> Output<'o> {
    /// An output that ends at `cap` bytes, or is full.
    pub(super) fn new(bytes: &'o mut Vec<u8>, cap: u64, aside: Option<&'o mut dyn BlockSink>) -> Self {
        let start = bytes.len();
        let longest = usize::try_from(cap).unwrap_or(usize::MAX).max(start);
        let postcard = postcard::Serializer { output: CappedBytes { bytes, longest } };
        Self { postcard, cap, start, elements: 0, aside, put_aside: 0, shape: Shape::default(), may_have_scopes: false }
    }

    /// Writes bytes that stand together: with their length among the others, or beside them where they are many.
    pub(super) fn block(&mut self, block: &[u8], width: usize) -> Result<(), EncodeError> {
        self.leaf(&(block.len() as u64))?;
        let Some(aside) = self.aside.as_mut().filter(|_| block.len() >= BLOCK) else {
            return self.raw(block);
        };
        let length = block.len() as u64;
        let room = self.postcard.output.longest - self.postcard.output.bytes.len();
        if length > room as u64 {
            return Err(EncodeError::TooLarge { cap: self.cap });
        }
        // It counts against the same cap.
        self.postcard.output.longest -= block.len();
        self.put_aside += length;
        aside.put(block, width).map_err(|error| EncodeError::Block(format!("{error}{}", remedy_for(&error))))
    }

    /// Writes bytes as they are.
    #[inline]
    pub(super) fn raw(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let full = EncodeError::TooLarge { cap: self.cap };
        self.postcard.output.try_extend(bytes).map_err(|_| full)
    }

    /// Writes some bits of the name of a field or a variant.
    #[inline]
    pub(super) fn name(&mut self, name: &str) -> Result<(), EncodeError> {
        self.raw(&shape::mark(name).to_le_bytes())
    }

    /// Ends a message, and gives how many bytes were sent out of band. Of one that could not be written nothing is left.
    pub(super) fn end(self, written: Result<(), EncodeError>) -> Result<u64, EncodeError> {
        let whole = written.and_then(|()| self.check_elements());
        if whole.is_err() {
            self.postcard.output.bytes.truncate(self.start);
        }
        whole.map(|()| self.put_aside)
    }

    /// Writes a leaf.
    #[inline]
    pub(super) fn leaf<T: Leaf>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.write(self)
    }

    /// Writes what `value` displays as text, formatted straight into the bytes.
    pub(super) fn display<T: Display + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let start = self.postcard.output.bytes.len();
        let mut text = CappedText { output: &mut self.postcard.output, is_full: false };
        let result = write!(text, "{value}");
        if text.is_full {
            return Err(EncodeError::TooLarge { cap: self.cap });
        }
        result.map_err(|_| EncodeError::custom("a `Display` implementation failed"))?;

        // The length is known only now, and belongs before the text.
        let length = self.postcard.output.bytes.len() - start;
        if self.aside.is_some() && length >= BLOCK {
            // Whoever reads it looks for it there.
            let text = self.postcard.output.bytes.split_off(start);
            return self.block(&text, 1);
        }
        self.leaf(&(length as u64))?;
        self.postcard.output.bytes[start..].rotate_left(length);
        Ok(())
    }

    /// Writes the length of a sequence or map, and counts it.
    pub(super) fn length(&mut self, length: Option<usize>) -> Result<usize, EncodeError> {
        let length = length.ok_or_else(|| EncodeError::custom(UNKNOWN_LENGTH))?;
        self.elements = self.elements.saturating_add(length as u64);
        if self.elements > self.cap.saturating_add(FREE_ELEMENTS) {
            // It would not decode from `cap` bytes: no need to visit the elements to know it.
            return Err(EncodeError::TooLarge { cap: self.cap });
        }
        self.leaf(&(length as u64))?;
        Ok(length)
    }

    /// Refuses what [`decode`](crate::protocol::codec::decode()) would refuse for its number of elements.
    fn check_elements(&self) -> Result<(), EncodeError> {
        let written = (self.postcard.output.bytes.len() - self.start) as u64;
        if self.elements <= written.saturating_add(FREE_ELEMENTS) { Ok(()) } else { Err(EncodeError::TooMany) }
    }
}

const UNKNOWN_LENGTH: &str = "a sequence or map does not know its length (serde's `flatten` makes such a map); send the fields without \
                              `flatten`, or collect the elements before";

/// A type without elements, which postcard writes without calling back.
pub(super) trait Leaf {
    /// Writes it. The code of this is in one place of a binary, however many of its crates have types that hold a leaf.
    fn write(&self, output: &mut Output<'_>) -> Result<(), EncodeError>;
}

macro_rules! leaves {
    ($($leaf:ty)*) => {$(
        impl Leaf for $leaf {
            fn write(&self, output: &mut Output<'_>) -> Result<(), EncodeError> {
                self.serialize(&mut output.postcard).map_err(|error| match error {
                    postcard::Error::SerializeBufferFull => EncodeError::TooLarge { cap: output.cap },
                    other => EncodeError::custom(other),
                })
            }
        }
    )*};
}

leaves! { bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char }

/// Where postcard's bytes go: a vector that has a longest length.
struct CappedBytes<'o> {
    bytes: &'o mut Vec<u8>,
    /// Never less than the length of `bytes`.
    longest: usize,
}

impl CappedBytes<'_> {
    /// Checks the cap for `more` bytes, and has capacity for them.
    #[inline]
    fn make_room(&mut self, more: usize) -> postcard::Result<()> {
        if more > self.longest - self.bytes.len() {
            return Err(postcard::Error::SerializeBufferFull);
        }
        if more > self.bytes.capacity() - self.bytes.len() {
            self.grow(self.bytes.len() + more);
        }
        Ok(())
    }

    /// Doubles the capacity as `Vec` does, but on the last step not past the cap.
    #[cold]
    fn grow(&mut self, needed: usize) {
        let wanted = self.bytes.capacity().saturating_mul(2).max(SMALLEST_GROWTH).clamp(needed, self.longest);
        self.bytes.reserve_exact(wanted - self.bytes.len());
    }
}

impl Flavor for CappedBytes<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.make_room(1)?;
        self.bytes.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, more: &[u8]) -> postcard::Result<()> {
        self.make_room(more.len())?;
        self.bytes.extend_from_slice(more);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// The same capped bytes, for text that is formatted straight into them.
struct CappedText<'a, 'o> {
    output: &'a mut CappedBytes<'o>,
    /// A `Display` implementation may overlook that a write failed.
    is_full: bool,
}

impl Write for CappedText<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.output.try_extend(text.as_bytes()).map_err(|_| {
            self.is_full = true;
            fmt::Error
        })
    }
}
