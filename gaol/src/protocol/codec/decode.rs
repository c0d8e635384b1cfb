//! Reads a value from bytes that a hostile peer may have written.

mod budget;
mod named;
mod stack;

use std::mem::needs_drop;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use self::budget::{ALLOCATION, Account, Growth, MULTIPLE};
use self::named::{Fields, FieldsInOrder, SomeFields, variant_of};
use self::stack::Stack;
use super::shape::{NAME_BYTES, NameMark, Part, SEAL_BYTES, Shape};
use super::{BLOCK, DEPTH_LIMIT, FREE_ELEMENTS, Set, reserved, short_message};
use crate::protocol::descriptors;
use crate::sys::os::numbers::Numbers;

pub(crate) use self::budget::Budget;

/// Reads one value, which must take all of `bytes`, from a peer that is gaol's own, or that sends no more than a few of them.
///
/// # Errors
///
/// Any [`DecodeError`]; the first one found.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    decode_within(bytes, Budget::UNLIMITED)
}

/// Reads one value, which must take all of `bytes`.
///
/// Never panics, and takes no more memory, time and stack than `budget` says, whatever the bytes say. What a `Deserialize`
/// implementation does by itself is its own affair.
///
/// # Errors
///
/// Any [`DecodeError`]; the first one found.
pub(crate) fn decode_within<T: DeserializeOwned>(bytes: &[u8], budget: Budget) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes, None, budget);
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
    /// A message, with what was sent out of band of it.
    pub(crate) fn new(bytes: &'de [u8], aside: Option<&'de mut dyn Set>, budget: Budget) -> Self {
        let input = Input {
            rest: bytes,
            elements_left: (bytes.len() as u64).saturating_add(FREE_ELEMENTS),
            reservable: budget.reservable(bytes.len()),
            account: Account::new(budget),
            stack: Stack::from_here(),
            aside,
            shape: Shape::default(),
            asked: false,
        };
        Self { input }
    }

    /// Reads a value as serde has it.
    pub(crate) fn value<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        let value = T::deserialize(Decoder { input: &mut self.input, depth: 0, around: Around::of::<T>() })?;
        // A type may have gone on without what it was refused.
        self.input.account.verdict().map(|()| value)
    }

    /// Reads what [`Writer::sealed`](super::Writer::sealed) wrote, and makes sure that both halves of the type mean the same.
    pub(crate) fn sealed<T: DeserializeOwned>(&mut self) -> Result<T, DecodeError> {
        self.input.shape = Shape::default();
        let value = match self.value() {
            Err(problem @ (DecodeError::Late | DecodeError::TooMuch { .. } | DecodeError::StackUsed)) => {
                return Err(problem);
            }
            // Whatever the type made of it.
            _ if self.input.asked => return Err(DecodeError::Asks),
            read => read?,
        };
        if *self.input.raw::<SEAL_BYTES>()? == self.input.shape.seal() {
            return Ok(value);
        }
        Err(DecodeError::Disagree("it is written as other parts than it is read as".to_owned()))
    }

    /// Reads bytes that stand together, as numbers of a type for which every bit pattern is one.
    pub(crate) fn numbers<P: bytemuck::Pod>(&mut self) -> Result<Vec<P>, DecodeError> {
        let length = self.input.block_length()?;
        if !length.is_multiple_of(size_of::<P>()) {
            return Err(DecodeError::custom("the bytes are no whole number of elements"));
        }
        self.input.account.pay_for_block(length)?;
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
    /// The two halves of a type disagree: what its `Serialize` writes is not what its `Deserialize` reads.
    #[error(
        "the type's two halves disagree: {0} (serde's `skip`, `skip_serializing` or `skip_deserializing`, `rename`, `with`, `from` or `into` \
         on one side only, or one of the two written by hand)"
    )]
    Disagree(String),
    /// The type asks what the bytes are.
    #[error(
        "the type asks the bytes what they are, which they do not say (serde's `untagged`, `flatten` and `tag` do this, \
         and types that hold anything, such as `serde_json::Value`); send it as text, or as a type that says what it is"
    )]
    Asks,
    /// It is a part of something.
    #[error("{whole}: {problem}")]
    In {
        /// What: a parameter, or the result, with its type.
        whole: String,
        /// What is wrong with it.
        problem: Box<DecodeError>,
    },
    /// The value has more levels than `DEPTH_LIMIT`.
    #[error("the value is nested deeper than {DEPTH_LIMIT} levels")]
    TooDeep,
    /// A sequence or map declares more elements than a message of this size may have.
    #[error("the value declares more elements than a message of its size may have")]
    TooMany,
    /// What is made of the bytes takes more memory than it may.
    #[error(
        "the value takes more than {limit} bytes of memory, which is {MULTIPLE} times what `reply` allows; allow more with `reply = …`"
    )]
    TooMuch {
        /// The bytes that it may take.
        limit: u64,
    },
    /// The value needs more stack than the thread can spare.
    #[error("the value needs more stack to be read than this thread can spare; call from a thread with a larger one")]
    StackUsed,
    /// The time of the call was over before the value was read.
    #[error("the time of the call was over before the value was read")]
    Late,
}

impl DecodeError {
    /// An error that says in which way the halves of a type disagree.
    #[cold]
    fn disagree(how: std::fmt::Arguments<'_>) -> Self {
        Self::Disagree(short_message(&how))
    }

    /// Whether it is the type that cannot be read, from whatever bytes.
    pub(crate) fn is_of_type(&self) -> bool {
        match self {
            Self::In { problem, .. } => problem.is_of_type(),
            problem => matches!(problem, Self::Disagree(_) | Self::Asks),
        }
    }

    /// The same, of nothing in particular.
    pub(crate) fn alone(self) -> Self {
        match self {
            Self::In { problem, .. } => *problem,
            problem => problem,
        }
    }

    /// The same of `whole`.
    #[cold]
    pub(crate) fn of(self, whole: &str, type_name: &str) -> Self {
        match self {
            Self::In { .. } | Self::Late => self,
            problem => Self::In { whole: format!("{whole} (`{type_name}`)"), problem: Box::new(problem) },
        }
    }
}

impl Error for DecodeError {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Invalid(short_message(&message))
    }

    // What a type says of its own halves: no bytes make it say so where they agree.

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::disagree(format_args!("it reads {expected} where there is {unexpected}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::disagree(format_args!("it reads field `{field}`, which is not written"))
    }

    fn unknown_field(field: &str, _expected: &'static [&'static str]) -> Self {
        Self::disagree(format_args!("it writes field `{field}`, which it does not read"))
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
    /// Memory and time.
    account: Account,
    stack: Stack,
    /// Where long blocks are, if not among the bytes.
    aside: Option<&'de mut dyn Set>,
    /// What the value that is being read looks like so far.
    shape: Shape,
    /// A type asked what the bytes are.
    asked: bool,
}

impl<'de> Input<'de> {
    /// Reads a leaf.
    #[inline]
    fn leaf<T: Leaf>(&mut self) -> Result<T, DecodeError> {
        Ok(T::read(&mut self.rest)?)
    }

    /// Reads so many bytes as they are.
    #[inline]
    fn raw<const LENGTH: usize>(&mut self) -> Result<&'de [u8; LENGTH], DecodeError> {
        let (own, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(own)
    }

    /// Reads some bits of the name of a field or a variant.
    #[inline]
    fn name(&mut self) -> Result<NameMark, DecodeError> {
        Ok(NameMark::from_le_bytes(*self.raw::<NAME_BYTES>()?))
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

    /// Reads a block whose length was read, if it is one that was sent out of band.
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
        if length > 0 {
            self.account.pay_for_block(length.saturating_add(ALLOCATION))?;
        }
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

/// What a value stands in, whose memory is paid for or not on the heap: a type that reads another in its place may have it in a box.
#[derive(Clone, Copy)]
struct Around {
    size: usize,
    /// It may have something on the heap.
    owns: bool,
}

impl Around {
    #[inline]
    const fn of<T>() -> Self {
        Self { size: size_of::<T>(), owns: needs_drop::<T>() }
    }

    /// Whether a `T` that is read for it may stand elsewhere: it is larger, or there is an owner that the `T` itself is not.
    #[inline]
    fn may_be_apart_from<T>(self) -> bool {
        size_of::<T>() > self.size || (self.owns && (!needs_drop::<T>() || self.size <= size_of::<usize>()))
    }
}

/// serde's view of the input at one level.
struct Decoder<'a, 'de> {
    input: &'a mut Input<'de>,
    /// How many containers the next value is in.
    depth: usize,
    /// What asks for the next value.
    around: Around,
}

impl<'a, 'de> Decoder<'a, 'de> {
    /// One level down, into a `T`, which is paid for.
    #[inline]
    fn nested<T>(self) -> Result<Self, DecodeError> {
        self.into_content::<T>()?.inside()
    }

    /// What stands in a `T`, which is paid for: on the same level.
    #[inline]
    fn into_content<T>(self) -> Result<Self, DecodeError> {
        if self.around.may_be_apart_from::<T>() {
            self.input.account.pay(size_of::<T>() + ALLOCATION)?;
        }
        Ok(Self { around: Around::of::<T>(), ..self })
    }

    /// One level down, into what is around already.
    #[inline]
    fn inside(self) -> Result<Self, DecodeError> {
        if self.depth >= DEPTH_LIMIT {
            return Err(DecodeError::TooDeep);
        }
        self.input.stack.check()?;
        Ok(Self { depth: self.depth + 1, ..self })
    }

    /// Pays for text or a collection, whose content is paid for elsewhere, if it may be in a box. A box of two words is its content itself.
    #[inline]
    fn pay_for_head<T>(&mut self) -> Result<(), DecodeError> {
        if self.around.size < 2 * size_of::<usize>() && self.around.may_be_apart_from::<T>() {
            self.input.account.pay(size_of::<T>() + ALLOCATION)?;
        }
        // From here on the head is what is around.
        self.around = Around::of::<T>();
        Ok(())
    }

    /// The elements of a sequence or map of the type `T`, whose length is in the bytes.
    ///
    /// Not every collection is as careful as serde's own, which reserve a MiB at most. All containers together may make
    /// room for as many elements as the message has bytes, which is enough for every element that takes a byte.
    fn declared_elements<T>(mut self, part: Part) -> Result<Elements<'a, 'de>, DecodeError> {
        self.input.shape.note(part);
        let left = self.input.length()?;
        let reserved = left.min(self.input.rest.len()).min(self.input.reservable);
        self.input.reservable -= reserved;
        self.pay_for_head::<T>()?;
        if left > 0 {
            self.input.account.pay(ALLOCATION)?;
        }
        Ok(Elements { decoder: self.inside()?, left, reserved, growth: Growth::of::<T>() })
    }

    /// Named fields, of which some may be left out, of a container that was entered.
    fn named_fields<V: Visitor<'de>>(
        self,
        of: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.input.shape.note(Part::Struct);
        let written = self.input.leaf::<u64>()?;
        let mut fields = Fields { decoder: self, of, fields, at: 0 };
        // An enum with `tag` and `content` is a struct of two fields to serde, and reads its variant only where it is told the names.
        if written == fields.fields.len() as u64 && written != 2 {
            let value = visitor.visit_seq(FieldsInOrder(&mut fields))?;
            return if fields.is_at_end() {
                Ok(value)
            } else {
                Err(fields.disagree("writes fields that it does not read"))
            };
        }
        match usize::try_from(written).ok().filter(|written| *written <= fields.fields.len()) {
            Some(written) => visitor.visit_map(SomeFields { fields, left: written }),
            None => Err(fields.disagree("writes more fields than it reads")),
        }
    }
}

/// Implements the methods that read one leaf and show it to the visitor.
macro_rules! decode_leaves {
    ($($deserialize:ident => $visit:ident($leaf:ty) $part:ident,)*) => {$(
        #[inline]
        fn $deserialize<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
            self.input.shape.note(Part::$part);
            if self.around.owns {
                // In a box.
                self.input.account.pay(size_of::<$leaf>() + ALLOCATION)?;
            }
            visitor.$visit(self.input.leaf::<$leaf>()?)
        }
    )*};
}

/// Implements the methods for types that only a self-describing format can serve.
macro_rules! refuse_unknown_types {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, DecodeError> {
            self.input.asked = true;
            Err(DecodeError::Asks)
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
        deserialize_bool => visit_bool(bool) Bool,
        deserialize_i8 => visit_i8(i8) Signed8,
        deserialize_i16 => visit_i16(i16) Signed,
        deserialize_i32 => visit_i32(i32) Signed,
        deserialize_i64 => visit_i64(i64) Signed,
        deserialize_i128 => visit_i128(i128) Signed,
        deserialize_u8 => visit_u8(u8) Unsigned8,
        deserialize_u16 => visit_u16(u16) Unsigned,
        deserialize_u32 => visit_u32(u32) Unsigned,
        deserialize_u64 => visit_u64(u64) Unsigned,
        deserialize_u128 => visit_u128(u128) Unsigned,
        deserialize_f32 => visit_f32(f32) Single,
        deserialize_f64 => visit_f64(f64) Double,
        deserialize_char => visit_char(char) Block,
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        self.input.shape.note(Part::Block);
        self.pay_for_head::<V::Value>()?;
        match self.input.block()? {
            Block::Lent(bytes) => visitor.visit_borrowed_str(std::str::from_utf8(bytes).map_err(DecodeError::custom)?),
            Block::Owned(bytes) => visitor.visit_string(String::from_utf8(bytes).map_err(DecodeError::custom)?),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, DecodeError> {
        self.input.shape.note(Part::Block);
        self.pay_for_head::<V::Value>()?;
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
        self.input.shape.note(Part::Option);
        let content = self.into_content::<V::Value>()?;
        match content.input.leaf::<u8>()? {
            0 => visitor.visit_none(),
            1 => visitor.visit_some(content.inside()?),
            _ => Err(postcard::Error::DeserializeBadOption.into()),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let content = self.nested::<V::Value>()?;
        reserved::answer(name);
        visitor.visit_newtype_struct(content)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut elements = self.declared_elements::<V::Value>(Part::Sequence)?;
        let value = visitor.visit_seq(&mut elements)?;
        elements.check_all_taken()?;
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        let mut elements = self.declared_elements::<V::Value>(Part::Map)?;
        let value = visitor.visit_map(&mut elements)?;
        elements.check_all_taken()?;
        Ok(value)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.input.shape.note_tuple(length);
        // The type knows the length, so that it is not charged for, nor anything reserved.
        let decoder = self.nested::<V::Value>()?;
        visitor.visit_seq(Elements { decoder, left: length, reserved: length, growth: Growth::NONE })
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
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.nested::<V::Value>()?.named_fields(name, fields, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        let decoder = self.into_content::<V::Value>()?;
        visitor.visit_enum(Variants { decoder, of: name, variants })
    }
}

/// An enum whose variant is still to be read.
struct Variants<'a, 'de> {
    decoder: Decoder<'a, 'de>,
    /// What the type calls itself.
    of: &'static str,
    /// Those that the type reads.
    variants: &'static [&'static str],
}

impl<'a, 'de> EnumAccess<'de> for Variants<'a, 'de> {
    type Error = DecodeError;
    type Variant = Decoder<'a, 'de>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), DecodeError> {
        let Self { decoder, of, variants } = self;
        decoder.input.shape.note(Part::Enum);
        let index = decoder.input.leaf::<u32>()?;
        let name = decoder.input.name()?;
        let variant = match variant_of(of, variants, index, name)? {
            Some(name) => seed.deserialize(BorrowedStrDeserializer::<DecodeError>::new(name)),
            None => seed.deserialize(IntoDeserializer::<DecodeError>::into_deserializer(index)),
        };
        Ok((variant?, decoder))
    }
}

impl<'de> VariantAccess<'de> for Decoder<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Result<(), DecodeError> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, DecodeError> {
        let inside = self.inside()?;
        seed.deserialize(Decoder { around: Around::of::<S::Value>(), ..inside })
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, DecodeError> {
        self.input.shape.note_tuple(length);
        // The enum, which is what the visitor makes, is paid for.
        let decoder = self.inside()?;
        visitor.visit_seq(Elements { decoder, left: length, reserved: length, growth: Growth::NONE })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.inside()?.named_fields("a variant", fields, visitor)
    }
}

/// The elements of a container that are still to be read.
struct Elements<'a, 'de> {
    decoder: Decoder<'a, 'de>,
    left: usize,
    /// How many elements the container may make room for before they are read.
    reserved: usize,
    /// What the container takes for an element.
    growth: Growth,
}

impl<'de> Elements<'_, 'de> {
    /// Reads one value inside the container.
    #[inline]
    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        self.decoder.input.account.pay(self.growth.of_one(size_of::<S::Value>()))?;
        let Decoder { ref mut input, depth, .. } = self.decoder;
        seed.deserialize(Decoder { input, depth, around: Around::of::<S::Value>() })
    }

    /// Reads the next element, or the key of the next entry.
    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.decoder.input.account.tick()?;
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
        let element = self.next(seed)?;
        self.growth.has_begun();
        Ok(element)
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
        let value = self.value(seed)?;
        self.growth.has_begun();
        Ok(value)
    }

    fn size_hint(&self) -> Option<usize> {
        self.hint()
    }
}
