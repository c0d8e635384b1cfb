//! Values that come back as they were.

use std::cell::RefCell;
use std::fmt;

use proptest::collection::{btree_map, hash_map, vec};
use proptest::option;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof, proptest};
use serde::{Deserialize, Serialize, Serializer};

use super::{ByteString, Kind, Newtype, Numbers, Pair, Shapes, Text, Unit, assert_round_trip, encoded, try_encode};
use crate::protocol::codec::{DecodeError, EncodeError, decode, encode};

fn kind() -> BoxedStrategy<Kind> {
    let leaf = prop_oneof![Just(Kind::Unit), (any::<u8>(), any::<String>()).prop_map(|(a, b)| Kind::Tuple(a, b))];
    leaf.prop_recursive(5, 24, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| Kind::Newtype(Box::new(kind))),
            (option::of(inner.clone()), vec(inner, 0..4))
                .prop_map(|(left, right)| Kind::Struct { left: left.map(Box::new), right }),
        ]
    })
    .boxed()
}

fn numbers() -> impl Strategy<Value = Numbers> {
    (
        any::<(u8, u16, u32, u64, u128, usize)>(),
        any::<(i8, i16, i32, i64, i128, isize)>(),
        any::<(f32, f64)>(),
        any::<bool>(),
    )
        .prop_map(|(unsigned, signed, floating, truth)| Numbers { unsigned, signed, floating, truth })
}

fn text() -> impl Strategy<Value = Text> {
    (any::<char>(), any::<String>(), any::<Vec<u8>>(), any::<Vec<u8>>()).prop_map(
        |(letter, string, bytes, byte_sequence)| Text { letter, string, bytes: ByteString(bytes), byte_sequence },
    )
}

fn shapes() -> impl Strategy<Value = Shapes> {
    let containers = (
        vec(kind(), 0..4),
        btree_map(any::<String>(), any::<Vec<u32>>(), 0..4),
        hash_map(any::<u64>(), kind(), 0..4),
        any::<Vec<Option<bool>>>(),
    );
    let standard =
        (any::<std::time::Duration>(), any::<std::net::IpAddr>(), any::<Result<u8, String>>(), any::<String>());
    (
        numbers(),
        text(),
        any::<Option<Option<u8>>>(),
        any::<(u8, (i64, char), [u16; 3])>(),
        any::<i16>(),
        containers,
        standard,
    )
        .prop_map(|(numbers, text, nested_option, tuple, number, (enums, sorted, hashed, newtype), standard)| {
            Shapes {
                numbers,
                text,
                nested_option,
                enums,
                tuple,
                sorted,
                hashed,
                newtype: Newtype(newtype),
                unit: (),
                unit_struct: Unit,
                tuple_struct: Pair(number, Unit),
                of_the_standard_library: (standard.0, standard.1, standard.2, standard.3.into_boxed_str()),
            }
        })
}

proptest! {
    #[test]
    fn every_shape_comes_back(value in shapes()) {
        assert_round_trip(&value);
    }

    #[test]
    fn a_value_cut_off_anywhere_is_truncated(value in (numbers(), text(), kind())) {
        let bytes = encoded(&value);
        for end in 0..bytes.len() {
            assert_eq!(decode::<(Numbers, Text, Kind)>(&bytes[..end]), Err(DecodeError::Truncated), "at {end}");
        }
    }

    #[test]
    fn the_cap_is_exact(value in shapes(), before in 0..40_usize) {
        let bytes = encoded(&value);
        let cap = (before + bytes.len()) as u64;
        let mut out = vec![7; before];
        encode(&value, &mut out, cap).unwrap();
        assert_eq!((&out[..before], &out[before..]), (&vec![7; before][..], &bytes[..]));
        assert!(out.capacity() <= before + bytes.len());

        out.truncate(before);
        assert_eq!(encode(&value, &mut out, cap - 1), Err(EncodeError::TooLarge { cap: cap - 1 }));
        assert_eq!(out, vec![7; before]);
    }

    #[test]
    fn bytes_left_over_are_refused(value in kind(), extra in any::<u8>()) {
        let mut bytes = encoded(&value);
        bytes.push(extra);
        assert_eq!(decode::<Kind>(&bytes), Err(DecodeError::Trailing));
    }
}

#[test]
fn nothing_fits_after_too_much() {
    let mut out = vec![7; 10];
    assert_eq!(encode(&1_u8, &mut out, 4), Err(EncodeError::TooLarge { cap: 4 }));
    assert_eq!(encode(&(), &mut out, 4), Ok(()));
    assert_eq!(out, vec![7; 10]);
}

#[test]
fn extreme_numbers_come_back() {
    assert_round_trip(&(u16::MAX, u32::MAX, u64::MAX, u128::MAX, usize::MAX));
    assert_round_trip(&(i8::MIN, i16::MIN, i32::MIN, i64::MIN, i128::MIN));
    assert_round_trip(&(char::MAX, '\0', f64::INFINITY, -0.0_f32));
    let not_a_number = f64::from_bits(0x7ff8_dead_beef_0001);
    assert_eq!(decode::<f64>(&encoded(&not_a_number)).unwrap().to_bits(), not_a_number.to_bits());
}

#[test]
fn nothing_at_all_comes_back() {
    assert_round_trip(&());
    assert!(encoded(&()).is_empty());
    assert_eq!(decode::<()>(&[0]), Err(DecodeError::Trailing));
}

#[test]
fn a_large_value_takes_no_more_than_the_cap() {
    let mut out = Vec::new();
    encode(&vec![200_u8; 1_000_000], &mut out, 1_100_000).unwrap();
    assert_eq!(out.len(), 1_000_003);
    assert!(out.capacity() <= 1_100_000);
    let mut out = Vec::new();
    assert_eq!(encode(&vec!["four"; 1_000_000], &mut out, 1_000_100), Err(EncodeError::TooLarge { cap: 1_000_100 }));
    assert!(out.is_empty());
    assert!(out.capacity() <= 1_000_100);
}

#[test]
fn displayed_text_comes_back_as_a_string() {
    let long = "ä".repeat(1_000);
    assert_eq!(encoded(&Displayed(&long)), encoded(&long));
    let cap = encoded(&long).len() as u64;
    encode(&Displayed(&long), &mut Vec::new(), cap).unwrap();
    for cap in [0, 1, cap - 2, cap - 1] {
        assert_eq!(encode(&Displayed(&long), &mut Vec::new(), cap), Err(EncodeError::TooLarge { cap }));
    }
}

struct Displayed<'a>(&'a str);

impl Serialize for Displayed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Displayed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().for_each(|letter| {
            let _overlooked = write!(f, "{letter}");
        });
        Ok(())
    }
}

#[test]
fn both_sides_are_binary() {
    #[derive(Debug, PartialEq)]
    struct Asks;

    impl Serialize for Asks {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert!(!serializer.is_human_readable());
            serializer.serialize_unit()
        }
    }

    impl<'de> Deserialize<'de> for Asks {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            assert!(!deserializer.is_human_readable());
            Ok(Self)
        }
    }

    assert_round_trip(&vec![Asks]);
}

#[test]
fn says_why_a_value_cannot_be_written() {
    use std::os::unix::ffi::OsStrExt;

    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(b"/\xff"));
    assert_eq!(try_encode(path), value_error("path contains invalid UTF-8 characters"));

    let locked = RefCell::new(1);
    let _guard = locked.borrow_mut();
    assert_eq!(try_encode(&locked), value_error("already mutably borrowed"));
}

#[test]
fn refuses_lengths_that_are_unknown_or_untrue() {
    struct Sequence(Option<usize>, usize);

    impl Serialize for Sequence {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut sequence = serializer.serialize_seq(self.0)?;
            (0..self.1).try_for_each(|_| sequence.serialize_element(&0_u8))?;
            sequence.end()
        }
    }

    assert!(try_encode(&Sequence(Some(2), 2)).is_ok());
    assert_eq!(
        try_encode(&Sequence(None, 2)),
        value_error(
            "a sequence or map does not know its length (serde's `flatten` makes such a map); send the fields without `flatten`, or collect the elements before"
        )
    );
    let untrue = value_error("a sequence, map or struct has another length than it declared");
    assert_eq!(try_encode(&Sequence(Some(1), 2)), untrue);
    assert_eq!(try_encode(&Sequence(Some(3), 2)), untrue);
}

/// What has no names is as postcard has it.
#[test]
fn leaves_and_unnamed_containers_are_postcards() {
    fn check<T: Serialize + PartialEq + fmt::Debug>(value: &T) {
        assert_eq!(encoded(value), postcard::to_stdvec(value).unwrap());
    }
    check(&(u16::MAX, i64::MIN, 1.5_f32, 'ä', true, "text", ByteString(vec![1, 2])));
    check(&vec![Some(vec![1_u8]), None]);
    check(&std::collections::BTreeMap::from([("one", [1_u32, 2]), ("two", [3, 4])]));
    check(&Pair(3, Unit));
}

fn value_error(message: &str) -> Result<Vec<u8>, EncodeError> {
    Err(EncodeError::Value(message.to_owned()))
}
