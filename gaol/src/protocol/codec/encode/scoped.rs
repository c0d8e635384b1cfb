//! Finds IPv6 addresses whose scope would be lost.
//!
//! serde writes a [`SocketAddrV6`] to a binary format as its address and its port; its scope (which interface `fe80::1` is behind) is left out,
//! and the reader takes it for none. A format for people is given text instead, where the scope stands. So a value that has such an address is
//! written once more as if for people, to nowhere, and the texts with a scope are counted.

use std::fmt::Display;
use std::net::{Ipv6Addr, SocketAddrV6};

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::EncodeError;
use crate::protocol::codec::reserved;
use crate::protocol::descriptors;

/// Whether an element of a tuple may be the address of a [`SocketAddrV6`]. Known when this is compiled.
#[inline]
pub(super) fn may_be_one_of<T: ?Sized>() -> bool {
    std::any::type_name::<T>() == std::any::type_name::<&Ipv6Addr>()
}

/// Refuses a value that has an address with a scope.
#[cold]
pub(super) fn check<T: Serialize + ?Sized>(value: &T) -> Result<(), EncodeError> {
    let count = |for_people| {
        // What it holds of descriptors was collected already.
        let _collecting = descriptors::collect();
        let mut found = 0;
        value.serialize(Scan { for_people, found: &mut found }).map(|()| found)
    };
    // A text of the user's may look like one, in both forms.
    if count(true)? <= count(false)? {
        return Ok(());
    }
    Err(EncodeError::custom(
        "an IPv6 socket address has a scope (`%…`), which serde does not write; send the address as text, or its `scope_id()` beside it",
    ))
}

/// A format that writes nothing.
struct Scan<'a> {
    for_people: bool,
    /// Texts that are an address with a scope.
    found: &'a mut usize,
}

impl Scan<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Scan { for_people: self.for_people, found: self.found })
    }
}

/// Implements the methods whose values hold no text.
macro_rules! ignore {
    ($($serialize:ident($($argument:ty),*),)*) => {$(
        fn $serialize(self, $(_: $argument),*) -> Result<(), EncodeError> {
            Ok(())
        }
    )*};
}

/// Implements the methods that begin a container.
macro_rules! enter {
    ($($serialize:ident($($argument:ty),*),)*) => {$(
        fn $serialize(self, $(_: $argument),*) -> Result<Self, EncodeError> {
            Ok(self)
        }
    )*};
}

impl Serializer for Scan<'_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        self.for_people
    }

    ignore! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_f32(f32),
        serialize_f64(f64),
        serialize_char(char),
        serialize_bytes(&[u8]),
        serialize_none(),
        serialize_unit(),
        serialize_unit_struct(&'static str),
        serialize_unit_variant(&'static str, u32, &'static str),
    }

    enter! {
        serialize_seq(Option<usize>),
        serialize_map(Option<usize>),
        serialize_tuple(usize),
        serialize_tuple_struct(&'static str, usize),
        serialize_struct(&'static str, usize),
        serialize_tuple_variant(&'static str, u32, &'static str, usize),
        serialize_struct_variant(&'static str, u32, &'static str, usize),
    }

    fn serialize_str(self, text: &str) -> Result<(), EncodeError> {
        let has_scope = |address: SocketAddrV6| address.scope_id() != 0;
        *self.found += usize::from(text.parse().is_ok_and(has_scope));
        Ok(())
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.serialize_str(&value.to_string())
    }

    fn serialize_some<T: Serialize + ?Sized>(mut self, value: &T) -> Result<(), EncodeError> {
        self.value(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        reserved::answer(name);
        self.value(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.value(value)
    }
}

/// Implements the traits whose members are values.
macro_rules! members {
    ($($trait:ident::$member:ident($($name:ty)?);)*) => {$(
        impl $trait for Scan<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $member<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Result<(), EncodeError> {
                self.value(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        }
    )*};
}

members! {
    SerializeSeq::serialize_element();
    SerializeTuple::serialize_element();
    SerializeTupleStruct::serialize_field();
    SerializeTupleVariant::serialize_field();
    SerializeStruct::serialize_field(&'static str);
    SerializeStructVariant::serialize_field(&'static str);
}

impl SerializeMap for Scan<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.value(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.value(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}
