//! How a value is sent: as a block of bytes, through serde, or as a descriptor.

use std::any::type_name;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;

use super::Sent;
use crate::protocol::codec::{DecodeError, EncodeError, Reader, Writer};
use crate::protocol::descriptors;

/// How values of one type are written and read. Chosen by what the type implements: see [`Way`].
pub trait Codec {
    /// What is written.
    type Borrowed: ?Sized;
    /// What is read.
    type Owned;

    /// Writes a value.
    ///
    /// # Errors
    ///
    /// What keeps it from being sent.
    fn encode(&self, value: &Self::Borrowed, writer: &mut Writer<'_>) -> Result<(), EncodeError>;

    /// Reads a value.
    ///
    /// # Errors
    ///
    /// What is wrong with the bytes.
    fn decode(&self, reader: &mut Reader<'_>) -> Result<Self::Owned, DecodeError>;

    /// The same as [`encode`](Codec::encode), of what is called `whole`.
    ///
    /// # Errors
    ///
    /// The same, with that.
    #[inline]
    fn encode_as(&self, whole: &str, value: &Self::Borrowed, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.encode(value, writer).map_err(|problem| problem.of(whole, type_name::<Self::Borrowed>()))
    }

    /// The same as [`decode`](Codec::decode), of what is called `whole`.
    ///
    /// # Errors
    ///
    /// The same, with that.
    #[inline]
    fn decode_as(&self, whole: &str, reader: &mut Reader<'_>) -> Result<Self::Owned, DecodeError> {
        self.decode(reader).map_err(|problem| problem.of(whole, type_name::<Self::Owned>()))
    }
}

/// Picks the codec of a type by autoref: `(&&&&Way::<T>::NEW).codec()` finds a block first, then serde, then a descriptor.
#[derive(Debug)]
pub struct Way<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: ?Sized> Way<T> {
    /// The only value.
    pub const NEW: Self = Self(PhantomData);
}

/// A number of which every bit pattern is one, and which is sent as it lies in memory.
pub trait Plain: bytemuck::Pod {}

macro_rules! plain {
    ($($number:ty)*) => {$(
        impl Plain for $number {}
    )*};
}

plain! { u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 }

/// Text, a name of the system's, or plain numbers in a row.
pub trait Block {
    /// What is read.
    type Owned;

    /// How many bytes one of the numbers has.
    const WIDTH: usize;

    /// The bytes, as they lie in memory.
    fn bytes(&self) -> &[u8];

    /// Reads them.
    ///
    /// # Errors
    ///
    /// They are none of this type.
    fn read(reader: &mut Reader<'_>) -> Result<Self::Owned, DecodeError>;
}

impl<P: Plain> Block for [P] {
    type Owned = Vec<P>;
    const WIDTH: usize = size_of::<P>();

    fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Vec<P>, DecodeError> {
        reader.numbers()
    }
}

impl<P: Plain> Block for Vec<P> {
    type Owned = Self;
    const WIDTH: usize = size_of::<P>();

    fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.numbers()
    }
}

impl<P: Plain> Block for Box<[P]> {
    type Owned = Self;
    const WIDTH: usize = size_of::<P>();

    fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(self)
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.numbers().map(Vec::into_boxed_slice)
    }
}

impl Block for str {
    type Owned = String;
    const WIDTH: usize = 1;

    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn read(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
        String::from_utf8(reader.numbers()?).map_err(DecodeError::custom)
    }
}

impl Block for String {
    type Owned = Self;
    const WIDTH: usize = 1;

    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        <str as Block>::read(reader)
    }
}

/// Implements [`Block`] for names that are bytes, whatever is in them. serde takes a path for text, and refuses one that is none.
macro_rules! names {
    ($($borrowed:ty, $owned:ty: $bytes:expr, $read:expr;)*) => {$(
        impl Block for $borrowed {
            type Owned = $owned;
            const WIDTH: usize = 1;

            fn bytes(&self) -> &[u8] {
                let bytes: fn(&$borrowed) -> &[u8] = $bytes;
                bytes(self)
            }

            fn read(reader: &mut Reader<'_>) -> Result<$owned, DecodeError> {
                let read: fn(Vec<u8>) -> Result<$owned, DecodeError> = $read;
                read(reader.numbers()?)
            }
        }

        impl Block for $owned {
            type Owned = Self;
            const WIDTH: usize = 1;

            fn bytes(&self) -> &[u8] {
                <$borrowed as Block>::bytes(self)
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                <$borrowed as Block>::read(reader)
            }
        }
    )*};
}

names! {
    OsStr, OsString: OsStr::as_bytes, |bytes| Ok(OsString::from_vec(bytes));
    Path, PathBuf: |path| path.as_os_str().as_bytes(), |bytes| Ok(OsString::from_vec(bytes).into());
    CStr, CString: CStr::to_bytes, |bytes| CString::new(bytes).map_err(DecodeError::custom);
}

/// Writes blocks.
#[derive(Debug)]
pub struct BlockCodec<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: Block + ?Sized> Codec for BlockCodec<T> {
    type Borrowed = T;
    type Owned = T::Owned;

    fn encode(&self, value: &T, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.block(value.bytes(), T::WIDTH)
    }

    fn decode(&self, reader: &mut Reader<'_>) -> Result<T::Owned, DecodeError> {
        T::read(reader)
    }
}

/// Writes what is serde's.
#[derive(Debug)]
pub struct SerdeCodec<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: Serialize + Sent<Owned: DeserializeOwned> + ?Sized> Codec for SerdeCodec<T> {
    type Borrowed = T;
    type Owned = T::Owned;

    fn encode(&self, value: &T, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.sealed(value)
    }

    fn decode(&self, reader: &mut Reader<'_>) -> Result<T::Owned, DecodeError> {
        reader.sealed()
    }
}

/// Takes descriptors along.
#[derive(Debug)]
pub struct DescriptorCodec<T>(PhantomData<fn(&T)>);

impl<T: AsFd + From<OwnedFd>> Codec for DescriptorCodec<T> {
    type Borrowed = T;
    type Owned = T;

    fn encode(&self, value: &T, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let number = descriptors::put(value.as_fd()).map_err(EncodeError::custom)?;
        writer.value(&number)
    }

    fn decode(&self, reader: &mut Reader<'_>) -> Result<T, DecodeError> {
        descriptors::take(reader.value()?).map(T::from).map_err(DecodeError::custom)
    }
}

/// Text and plain numbers in a row.
pub trait WayOfBlocks {
    /// The codec.
    type Codec;
    /// The codec.
    fn codec(&self) -> Self::Codec;
}

impl<T: Block + ?Sized> WayOfBlocks for &&&Way<T> {
    type Codec = BlockCodec<T>;

    fn codec(&self) -> BlockCodec<T> {
        BlockCodec(PhantomData)
    }
}

/// What serde encodes.
pub trait WayOfSerde {
    /// The codec.
    type Codec;
    /// The codec.
    fn codec(&self) -> Self::Codec;
}

impl<T: Serialize + Sent<Owned: DeserializeOwned> + ?Sized> WayOfSerde for &&Way<T> {
    type Codec = SerdeCodec<T>;

    fn codec(&self) -> SerdeCodec<T> {
        SerdeCodec(PhantomData)
    }
}

/// What is made of a descriptor, and lends it.
pub trait WayOfDescriptors {
    /// The codec.
    type Codec;
    /// The codec.
    fn codec(&self) -> Self::Codec;
}

impl<T: AsFd + From<OwnedFd>> WayOfDescriptors for &Way<T> {
    type Codec = DescriptorCodec<T>;

    fn codec(&self) -> DescriptorCodec<T> {
        DescriptorCodec(PhantomData)
    }
}

/// What does not cross, which an assertion beside it says better than a missing method would.
pub trait WayOfNothing {
    /// The codec.
    type Codec;
    /// The codec.
    fn codec(&self) -> Self::Codec;
}

impl<T: Sent + ?Sized> WayOfNothing for Way<T> {
    type Codec = NoCodec<T>;

    fn codec(&self) -> NoCodec<T> {
        NoCodec(PhantomData)
    }
}

/// Stands where there is no codec, in code that does not compile.
#[derive(Debug)]
pub struct NoCodec<T: ?Sized>(PhantomData<fn(&T)>);

impl<T: Sent + ?Sized> Codec for NoCodec<T> {
    type Borrowed = T;
    type Owned = T::Owned;

    fn encode(&self, _value: &T, _writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        Err(EncodeError::custom("it does not cross"))
    }

    fn decode(&self, _reader: &mut Reader<'_>) -> Result<T::Owned, DecodeError> {
        Err(DecodeError::custom("it does not cross"))
    }
}

/// A codec that is one.
#[diagnostic::on_unimplemented(
    message = "`{T}` does not cross to another process: it is neither serde's nor a descriptor",
    label = "does not cross",
    note = "a descriptor inside of data crosses as `gaol::Fd`: write `Vec<gaol::Fd<File>>` for `Vec<File>`",
    note = "anything else crosses if it implements `serde::Serialize` and `serde::Deserialize`"
)]
pub trait Known<T: ?Sized> {}

impl<T: ?Sized> Known<T> for BlockCodec<T> {}
impl<T: ?Sized> Known<T> for SerdeCodec<T> {}
impl<T> Known<T> for DescriptorCodec<T> {}

/// Says at compile time, on a type's own span, that it cannot cross.
pub fn assert_known<T: ?Sized>(_codec: impl Known<T>) {}

/// An option of what is sent in some way.
#[derive(Debug)]
pub struct OptionCodec<C>(pub C);

impl<C: Codec<Borrowed = <C as Codec>::Owned, Owned: Sized>> Codec for OptionCodec<C> {
    type Borrowed = Option<C::Owned>;
    type Owned = Option<C::Owned>;

    fn encode(&self, value: &Option<C::Owned>, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.value(&value.is_some())?;
        value.as_ref().map_or(Ok(()), |value| self.0.encode(value, writer))
    }

    fn decode(&self, reader: &mut Reader<'_>) -> Result<Option<C::Owned>, DecodeError> {
        if reader.value()? { self.0.decode(reader).map(Some) } else { Ok(None) }
    }
}

macro_rules! tuples {
    ($(($($codec:ident $number:tt),+))+) => {$(
        /// A tuple of what is sent in some ways.
        impl<$($codec: Codec<Borrowed = <$codec as Codec>::Owned, Owned: Sized>),+> Codec for ($($codec,)+) {
            type Borrowed = ($($codec::Owned,)+);
            type Owned = ($($codec::Owned,)+);

            fn encode(&self, value: &Self::Borrowed, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
                $(self.$number.encode(&value.$number, writer)?;)+
                Ok(())
            }

            fn decode(&self, reader: &mut Reader<'_>) -> Result<Self::Owned, DecodeError> {
                Ok(($(self.$number.decode(reader)?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0)
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6)
    (A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7)
}

/// A parameter behind `&mut`, and what comes back for it.
pub trait Returns: Sent {
    /// Whether what came back can take its place.
    ///
    /// # Errors
    ///
    /// It cannot: a slice does not change its length.
    fn fits(&self, owned: &Self::Owned) -> Result<(), DecodeError>;

    /// Puts it there.
    fn put_back(&mut self, owned: Self::Owned);
}

impl<T> Returns for T {
    fn fits(&self, _owned: &T) -> Result<(), DecodeError> {
        Ok(())
    }

    fn put_back(&mut self, owned: T) {
        *self = owned;
    }
}

impl<T> Returns for [T] {
    fn fits(&self, owned: &Vec<T>) -> Result<(), DecodeError> {
        if owned.len() == self.len() {
            return Ok(());
        }
        Err(DecodeError::custom(format_args!("{} elements came back for a slice of {}", owned.len(), self.len())))
    }

    fn put_back(&mut self, owned: Vec<T>) {
        for (place, value) in self.iter_mut().zip(owned) {
            *place = value;
        }
    }
}

/// One argument in the child: taken by the function, lent to it, or lent to be changed.
#[derive(Debug)]
pub struct Place<T>(Option<T>);

impl<T> Place<T> {
    /// Holds an argument.
    pub fn new(argument: T) -> Self {
        Self(Some(argument))
    }

    /// Takes it. Generated code does so once.
    ///
    /// # Panics
    ///
    /// The second time.
    pub fn take(&mut self) -> T {
        self.0.take().expect("an argument is taken once")
    }

    /// Lends it, unless it was taken.
    ///
    /// # Panics
    ///
    /// If it was.
    pub fn lend(&mut self) -> &mut T {
        self.0.as_mut().expect("an argument that is lent is not taken")
    }
}
