//! What the codec promises, as values that have every shape serde knows.

mod blocks;
mod budget;
mod halves;
mod hostile;
mod limits;
mod reserved;
mod round_trip;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::shape::mark;
use super::{EncodeError, decode, encode};

/// The bytes of a value, without a cap.
fn encoded<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    try_encode(value).unwrap()
}

/// The bytes of a value, without a cap, or why it has none.
fn try_encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    encode(value, &mut bytes, u64::MAX).map(|()| bytes)
}

/// Checks that a value comes back.
fn assert_round_trip<T: Serialize + DeserializeOwned + PartialEq + fmt::Debug>(value: &T) {
    let bytes = encoded(value);
    assert_eq!(&decode::<T>(&bytes).unwrap(), value);
}

/// The bytes that say which variant follows.
fn variant(index: u8, name: &str) -> Vec<u8> {
    [&[index][..], &mark(name).to_le_bytes()].concat()
}

/// The bytes that go before the one field of a struct.
fn only_field(name: &str) -> Vec<u8> {
    variant(1, name)
}

/// Every shape of serde's data model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shapes {
    numbers: Numbers,
    text: Text,
    nested_option: Option<Option<u8>>,
    enums: Vec<Kind>,
    tuple: (u8, (i64, char), [u16; 3]),
    sorted: BTreeMap<String, Vec<u32>>,
    hashed: HashMap<u64, Kind>,
    newtype: Newtype,
    unit: (),
    unit_struct: Unit,
    tuple_struct: Pair,
    of_the_standard_library: (Duration, IpAddr, Result<u8, String>, Box<str>),
}

/// Every number, and `bool`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    unsigned: (u8, u16, u32, u64, u128, usize),
    signed: (i8, i16, i32, i64, i128, isize),
    floating: (f32, f64),
    truth: bool,
}

/// Everything with a length in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Text {
    letter: char,
    string: String,
    bytes: ByteString,
    byte_sequence: Vec<u8>,
}

/// The four kinds of variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(Box<Kind>),
    Tuple(u8, String),
    Struct { left: Option<Box<Kind>>, right: Vec<Kind> },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Vec<Option<bool>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Pair(i16, Unit);

/// serde's byte string, which `Vec<u8>` is not.
#[derive(Clone, Debug, PartialEq)]
struct ByteString(Vec<u8>);

impl Serialize for ByteString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for ByteString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = ByteString;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<ByteString, E> {
                Ok(ByteString(bytes.to_vec()))
            }
        }

        deserializer.deserialize_byte_buf(Bytes)
    }
}

/// A type as deep as its bytes say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum List {
    Nil,
    Cons(Box<List>),
}

impl List {
    /// A list of that many levels.
    fn of_depth(depth: usize) -> Self {
        (0..depth).fold(Self::Nil, |list, _| Self::Cons(Box::new(list)))
    }

    /// The bytes of such a list, as a hostile child writes them.
    fn bytes_of_depth(depth: usize) -> Vec<u8> {
        [variant(1, "Cons").repeat(depth), variant(0, "Nil")].concat()
    }
}

/// A type as deep and as wide as its bytes say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tree(Vec<Tree>);
