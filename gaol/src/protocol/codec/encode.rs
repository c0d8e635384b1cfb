//! Writes a value as bytes, under a cap.

mod elements;
mod output;
mod scoped;

use std::fmt::Display;

use serde::ser::{Error, Serialize, Serializer};

use self::elements::Elements;
use self::output::Output;
use super::shape::{Part, Shape};
use super::{BlockSink, DEPTH_LIMIT, FREE_ELEMENTS, reserved, short_message};

/// Appends `value` to `out`, which may become `cap` bytes long: what it holds already (a frame's header) counts.
///
/// The capacity grows to no more than `cap` either. On an error `out` is as long as before.
///
/// # Errors
///
/// Any [`EncodeError`]; the first one found.
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>, cap: u64) -> Result<(), EncodeError> {
    encode_with(out, cap, None, |writer| writer.value(value)).map(drop)
}

/// The same for several values, some of whose bytes may be sent out of band. Returns how many were.
///
/// What was sent out of band counts against the cap.
///
/// # Errors
///
/// Any [`EncodeError`]; the first one found.
#[inline]
pub(crate) fn encode_with<'o>(
    out: &'o mut Vec<u8>,
    cap: u64,
    aside: Option<&'o mut dyn BlockSink>,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Result<u64, EncodeError> {
    let mut writer = Writer { output: Output::new(out, cap, aside) };
    let written = write(&mut writer);
    writer.output.end(written)
}

/// Where the values of a message are written.
#[allow(missing_debug_implementations, reason = "it is lent to generated code")]
pub struct Writer<'o> {
    output: Output<'o>,
}

impl Writer<'_> {
    /// Writes a value as serde has it.
    pub(crate) fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Encoder { output: &mut self.output, depth: 0 })
    }

    /// Writes a value as serde has it, and after it what its shape was: for a type of whose halves nobody knows whether they agree.
    pub(crate) fn sealed<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.output.shape = Shape::default();
        self.output.may_have_scopes = false;
        self.value(value)?;
        if self.output.may_have_scopes {
            scoped::check(value)?;
        }
        let seal = self.output.shape.seal();
        self.output.raw(&seal)
    }

    /// Writes bytes that stand together, of numbers that have `width` bytes each.
    pub(crate) fn block(&mut self, bytes: &[u8], width: usize) -> Result<(), EncodeError> {
        self.output.block(bytes, width)
    }
}

/// Why a value cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The value takes more bytes than there is room for.
    #[error("the value does not fit in {cap} bytes")]
    TooLarge {
        /// The bytes that it may take, with those before it.
        cap: u64,
    },
    /// The value cannot be written, in the words of its `Serialize` implementation.
    #[error("the value cannot be written: {0}")]
    Value(String),
    /// The value has more levels than `DEPTH_LIMIT`.
    #[error("the value is nested deeper than {DEPTH_LIMIT} levels")]
    TooDeep,
    /// The value has more than `FREE_ELEMENTS` elements that take no bytes.
    #[error("the value has more than {FREE_ELEMENTS} elements without content")]
    TooMany,
    /// It is a part of something.
    #[error("{whole}: {problem}")]
    In {
        /// What: a parameter, or the result, with its type.
        whole: String,
        /// Why it cannot be sent.
        problem: Box<EncodeError>,
    },
    /// There is no memory to send a block out of band in.
    #[error("a block of bytes cannot be put in shared memory: {0}")]
    Block(String),
}

impl EncodeError {
    /// The same of `whole`, unless it is no fault of the value's.
    #[cold]
    pub(crate) fn of(self, whole: &str, type_name: &str) -> Self {
        match self {
            Self::TooLarge { .. } | Self::Block(_) | Self::In { .. } => self,
            problem => Self::In { whole: format!("{whole} (`{type_name}`)"), problem: Box::new(problem) },
        }
    }
}

impl Error for EncodeError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Value(short_message(&message))
    }
}

/// serde's view of the output at one level.
struct Encoder<'a, 'o> {
    output: &'a mut Output<'o>,
    /// How many containers the next value is in.
    depth: usize,
}

impl<'a, 'o> Encoder<'a, 'o> {
    /// One level down.
    #[inline]
    fn nested(self) -> Result<Self, EncodeError> {
        if self.depth < DEPTH_LIMIT { Ok(Self { depth: self.depth + 1, ..self }) } else { Err(EncodeError::TooDeep) }
    }

    /// A container that was just entered; `left` if its length was written.
    fn elements(self, left: Option<usize>) -> Result<Elements<'a, 'o>, EncodeError> {
        Ok(Elements { encoder: self.nested()?, left })
    }

    /// A sequence or map that was just entered.
    fn counted(self, part: Part, length: Option<usize>) -> Result<Elements<'a, 'o>, EncodeError> {
        self.output.shape.note(part);
        let length = self.output.length(length)?;
        self.elements(Some(length))
    }

    /// A tuple that was just entered. Both halves of a type know its length, and the seal tells whether they mean the same.
    fn tuple(self, length: usize) -> Result<Elements<'a, 'o>, EncodeError> {
        self.output.shape.note_tuple(length);
        self.elements(None)
    }

    /// Named fields that were just entered: how many there are is written, since some may be left out.
    fn fields(self, length: usize) -> Result<Elements<'a, 'o>, EncodeError> {
        self.output.shape.note(Part::Struct);
        self.output.leaf(&(length as u64))?;
        self.elements(Some(length))
    }

    /// Writes which variant follows: its number, and some bits of its name.
    #[inline]
    fn variant(&mut self, index: u32, name: &'static str) -> Result<(), EncodeError> {
        self.output.shape.note(Part::Enum);
        self.output.leaf(&index)?;
        self.output.name(name)
    }
}

/// Implements the methods that write one leaf.
macro_rules! encode_leaves {
    ($($serialize:ident($leaf:ty) $part:ident,)*) => {$(
        #[inline]
        fn $serialize(self, value: $leaf) -> Result<(), EncodeError> {
            self.output.shape.note(Part::$part);
            self.output.leaf(&value)
        }
    )*};
}

impl<'a, 'o> Serializer for Encoder<'a, 'o> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Elements<'a, 'o>;
    type SerializeTuple = Elements<'a, 'o>;
    type SerializeTupleStruct = Elements<'a, 'o>;
    type SerializeTupleVariant = Elements<'a, 'o>;
    type SerializeMap = Elements<'a, 'o>;
    type SerializeStruct = Elements<'a, 'o>;
    type SerializeStructVariant = Elements<'a, 'o>;

    fn is_human_readable(&self) -> bool {
        false
    }

    encode_leaves! {
        serialize_bool(bool) Bool,
        serialize_i8(i8) Signed8,
        serialize_i16(i16) Signed,
        serialize_i32(i32) Signed,
        serialize_i64(i64) Signed,
        serialize_i128(i128) Signed,
        serialize_u8(u8) Unsigned8,
        serialize_u16(u16) Unsigned,
        serialize_u32(u32) Unsigned,
        serialize_u64(u64) Unsigned,
        serialize_u128(u128) Unsigned,
        serialize_f32(f32) Single,
        serialize_f64(f64) Double,
        serialize_char(char) Block,
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.output.shape.note(Part::Block);
        self.output.block(value.as_bytes(), 1)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.output.shape.note(Part::Block);
        self.output.block(value, 1)
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.output.shape.note(Part::Block);
        self.output.display(value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.output.shape.note(Part::Option);
        self.output.leaf(&0u8)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.output.shape.note(Part::Option);
        self.output.leaf(&1u8)?;
        value.serialize(self.nested()?)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_variant(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.variant(index, variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<(), EncodeError> {
        let content = self.nested()?;
        reserved::answer(name);
        value.serialize(content)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.variant(index, variant)?;
        value.serialize(self.nested()?)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Elements<'a, 'o>, EncodeError> {
        self.counted(Part::Sequence, length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Elements<'a, 'o>, EncodeError> {
        self.counted(Part::Map, length)
    }

    fn serialize_tuple(self, length: usize) -> Result<Elements<'a, 'o>, EncodeError> {
        self.tuple(length)
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<Elements<'a, 'o>, EncodeError> {
        self.tuple(length)
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Elements<'a, 'o>, EncodeError> {
        self.fields(length)
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements<'a, 'o>, EncodeError> {
        self.variant(index, variant)?;
        self.tuple(length)
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Elements<'a, 'o>, EncodeError> {
        self.variant(index, variant)?;
        self.fields(length)
    }
}
