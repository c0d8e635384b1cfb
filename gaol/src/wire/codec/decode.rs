//! Reads a value from bytes that a hostile peer may have written.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::{BLOCK, DEPTH_LIMIT, FREE_ELEMENTS, Set, reserved, short_message};
use crate::sys::numbers::Numbers;
use crate::wire::descriptors;

/// Reads one value, which must take all of `bytes`.
///
/// Never panics, and takes time and memory in proportion to `bytes.len()` and the size of the types in `T`, whatever the
/// bytes say. What a `Deserialize` implementation does by itself is its own affair.
///
/// # Errors
///
/// Any [`DecodeError`]; the first one found.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes, None);
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

/// Where the values of a message are read from.
#[allow(missing_debug_implementations, reason = "it is lent to generated code")]
pub struct Reader<'de> {
    input: Input<'de>,
}

impl<'de> Reader<'de> {
    /// A message, with what went aside of it.
    pub(crate) fn new(bytes: &'de [u8], aside: Option<&'de mut dyn Set>) -> Self {
        let input = Input {
            rest: bytes,
            elements_left: (bytes.len() as u64).saturating_add(FREE_ELEMENTS),
            reservable: bytes.len(),
            aside,
        };
        Self { input }
    }

    /// Reads a value as serde has it.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        T::deserialize(Decoder { input: &mut self.input, depth: 0 })
    }

    /// Reads bytes that stand together, as numbers of a type for which every bit pattern is one.
    pub(crate) fn numbers<P: bytemuck::Pod>(&mut self) -> Result<Vec<P>, DecodeError> {
        let length = self.input.block_length()?;
        if !length.is_multiple_of(size_of::<P>()) {
            return Err(DecodeError::custom("the bytes are no whole number of elements"));
        }
        // The length was checked against what is there.
        if let Some(block) = self.input.aside(length, size_of::<P>())? {
            return Ok(block.into_vector());
        }
        Ok(bytemuck::pod_collect_to_vec(self.input.lent(length)?))
    }

    /// Refuses what is left over, bytes and descriptors.
    ///
    /// # Errors
    ///
    /// There is something.
    pub fn end(&self) -> Result<(), DecodeError> {
        let left_aside = self.input.aside.as_ref().map_or(0, |aside| aside.left());
        if descriptors::left() > 0 {
            return Err(DecodeError::custom("descriptors came with it that it does not name"));
        }
        if self.input.rest.is_empty() && left_aside == 0 { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// Why bytes are not a value of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the value does.
    #[error("the bytes end before the value does")]
    Truncated,
    /// The bytes are no value of this type, in postcard's words or those of the `Deserialize` implementation.
    ///
    /// The text may quote the child: it is bounded, but as untrusted as the value.
    #[error("invalid value: {0}")]
    Invalid(String),
    /// Bytes are left over after the value.
    #[error("bytes are left over after the value")]
    Trailing,
    /// The value has more levels than `DEPTH_LIMIT`.
    #[error("the value is nested deeper than {DEPTH_LIMIT} levels")]
    TooDeep,
    /// A sequence or map declares more elements than a message of this size may have.
    #[error("the value declares more elements than a message of its size may have")]
    TooMany,
}

impl Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Invalid(short_message(&message))
    }
}

impl From<postcard::Error> for DecodeError {
    fn from(error: postcard::Error) -> Self {
        match error {
            postcard::Error::DeserializeUnexpectedEnd => Self::Truncated,
            other => Self::custom(other),
        }
    }
}

/// What is left to read, and to spend.
struct Input<'de> {
    /// The bytes not read yet.
    rest: &'de [u8],
    /// The elements not paid for yet.
    elements_left: u64,
    /// The elements that containers may still make room for before they are read.
    reservable: usize,
    /// Where long blocks are, if not among the bytes.
    aside: Option<&'de mut dyn Set>,
}

impl<'de> Input<'de> {
    /// Reads a leaf.
    #[inline]
    fn leaf<T: Leaf>(&mut self) -> Result<T, DecodeError> {
        Ok(T::read(&mut self.rest)?)
    }

    /// Reads the length of a block, which is there in full.
    fn block_length(&mut self) -> Result<usize, DecodeError> {
        let declared = self.leaf::<u64>()?;
        let there = match &self.aside {
            Some(aside) if declared >= BLOCK as u64 => aside.left(),
            _ => self.rest.len() as u64,
        };
        if declared > there {
            return Err(DecodeError::Truncated);
        }
        usize::try_from(declared).map_err(|_| DecodeError::Truncated)
    }

    /// Reads a block whose length was read, if it is one that went aside.
    fn aside(&mut self, length: usize, width: usize) -> Result<Option<Numbers>, DecodeError> {
        match &mut self.aside {
            Some(aside) if length >= BLOCK => aside.take(length, width).map(Some).map_err(DecodeError::custom),
            _ => Ok(None),
        }
    }

    /// Reads a block whose length was read, and that is among the bytes.
    fn lent(&mut self, length: usize) -> Result<&'de [u8], DecodeError> {
        let (own, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(own)
    }

    /// Reads a block: lent where it is among the bytes.
    fn block(&mut self) -> Result<Block<'de>, DecodeError> {
        let length = self.block_length()?;
        match self.aside(length, 1)? {
            Some(block) => Ok(Block::Owned(block.into_vector())),
            None => self.lent(length).map(Block::Lent),
        }
    }

    /// Reads the declared length of a sequence or map, and pays for all of it.
    #[inline]
    fn length(&mut self) -> Result<usize, DecodeError> {
        let declared = self.leaf::<u64>()?;
        self.elements_left = self.elements_left.checked_sub(declared).ok_or(DecodeError::TooMany)?;
        usize::try_from(declared).map_err(|_| DecodeError::TooMany)
    }
}

/// A type without elements, whose size postcard checks against the bytes that are left.
trait Leaf: Sized {
    /// Takes it from the bytes. The code of this is in one place of a binary, however many of its crates have types that hold a leaf.
    fn read(bytes: &mut &[u8]) -> postcard::Result<Self>;
}

macro_rules! leaves {
    ($($leaf:ty)*) => {$(
        impl Leaf for $leaf {
            fn read(bytes: &mut &[u8]) -> postcard::Result<Self> {
                let (value, rest) = postcard::take_from_bytes(bytes)?;
                *bytes = rest;
                Ok(value)
            }
        }
    )*};
}

leaves! { bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char }

/// Bytes that stood together.
enum Block<'de> {
    Lent(&'de [u8]),
    Owned(Vec<u8>),
}

/// serde's view of the input at one level.
struct Decoder<'a, 'de> {
    input: &'a mut Input<'de>,
    /// How many containers the next value is in.
    depth: usize,
}

impl<'a, 'de> Decoder<'a, 'de> {
    /// One level down.
    #[inline]
    fn nested(self) -> Result<Self, DecodeError> {
        if self.depth < DEPTH_LIMIT { Ok(Self { depth: self.depth + 1, ..self }) } else { Err(DecodeError::TooDeep) }
    }

    /// The elements of a sequence or map, whose length is in the bytes.
    ///
    /// Not every collection is as careful as serde's own, which reserve a MiB at most. All containers together may make
    /// room for as many elements as the message has bytes, which is enough for every element that takes a byte.
    fn declared_elements(self) -> Result<Elements<'a, 'de>, DecodeError> {
        let left = self.input.length()?;
        let reserved = left.min(self.input.rest.len()).min(self.input.reservable);
        self.input.reservable -= reserved;
        Ok(Elements { decoder: self.nested()?, left, reserved })
    }
}

/// Implements the methods that read one leaf and show it to the visitor.
macro_rules! decode_leaves {
    ($($deserialize:ident => $visit:ident($leaf:ty),)*) => {$(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            visitor.$visit(self.input.leaf::<$leaf>()?)
        }
    )*};
}

/// Implements the methods for types that only a self-describing format can serve.
macro_rules! refuse_unknown_types {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
            Err(DecodeError::custom(
                "the type asks the bytes what they are, which they do not say \
                 (serde's `untagged`, `tag` and `flatten` do this)",
            ))
        }
    )*};
}

impl<'de> Deserializer<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;

    fn is_human_readable(&self) -> bool {
        false
    }

    refuse_unknown_types! { deserialize_any deserialize_identifier deserialize_ignored_any }

    decode_leaves! {
        deserialize_bool => visit_bool(bool),
        deserialize_i8 => visit_i8(i8),
        deserialize_i16 => visit_i16(i16),
        deserialize_i32 => visit_i32(i32),
        deserialize_i64 => visit_i64(i64),
        deserialize_i128 => visit_i128(i128),
        deserialize_u8 => visit_u8(u8),
        deserialize_u16 => visit_u16(u16),
        deserialize_u32 => visit_u32(u32),
        deserialize_u64 => visit_u64(u64),
        deserialize_u128 => visit_u128(u128),
        deserialize_f32 => visit_f32(f32),
        deserialize_f64 => visit_f64(f64),
        deserialize_char => visit_char(char),
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input.block()? {
            Block::Lent(bytes) => visitor.visit_borrowed_str(std::str::from_utf8(bytes).map_err(DecodeError::custom)?),
            Block::Owned(bytes) => visitor.visit_string(String::from_utf8(bytes).map_err(DecodeError::custom)?),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input.block()? {
            Block::Lent(bytes) => visitor.visit_borrowed_bytes(bytes),
            Block::Owned(bytes) => visitor.visit_byte_buf(bytes),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.input.leaf::<u8>()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(self.nested()?),
            _ => Err(postcard::Error::DeserializeBadOption.into()),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let content = self.nested()?;
        reserved::answer(name);
        visitor.visit_newtype_struct(content)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut elements = self.declared_elements()?;
        let value = visitor.visit_seq(&mut elements)?;
        elements.check_all_taken()?;
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut elements = self.declared_elements()?;
        let value = visitor.visit_map(&mut elements)?;
        elements.check_all_taken()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        // The type knows the length, so that it is not charged for, nor anything reserved.
        visitor.visit_seq(Elements { decoder: self.nested()?, left: length, reserved: length })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(self)
    }
}

impl<'de> EnumAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), DecodeError> {
        let index = self.input.leaf::<u32>()?;
        let variant = seed.deserialize(IntoDeserializer::<DecodeError>::into_deserializer(index))?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DecodeError> {
        seed.deserialize(self.nested()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}

/// The elements of a container that are still to be read.
struct Elements<'a, 'de> {
    decoder: Decoder<'a, 'de>,
    left: usize,
    /// How many elements the container may make room for before they are read.
    reserved: usize,
}

impl<'de> Elements<'_, 'de> {
    /// Reads one value inside the container.
    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        seed.deserialize(Decoder { input: &mut *self.decoder.input, depth: self.decoder.depth })
    }

    /// Reads the next element, or the key of the next entry.
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.value(seed).map(Some)
    }

    /// How many elements the container may make room for now.
    fn hint(&self) -> Option<usize> {
        Some(self.left.min(self.reserved))
    }

    /// Refuses a length longer than the type takes, after which the rest would be read out of step.
    fn check_all_taken(&self) -> Result<(), DecodeError> {
        if self.left == 0 { Ok(()) } else { Err(DecodeError::custom("more elements than the type takes")) }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        self.next(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        self.value(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}
