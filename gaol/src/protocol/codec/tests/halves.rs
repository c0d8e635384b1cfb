//! Types whose halves disagree: what was meant comes back, or an error says of which type and which attribute.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::protocol::codec::{Budget, DecodeError, Reader, encode_with};

/// Writes and reads a value as one of which nobody knows whether its halves agree.
fn cross<T: Serialize, U: DeserializeOwned>(value: &T) -> Result<U, DecodeError> {
    let mut bytes = Vec::new();
    encode_with(&mut bytes, u64::MAX, None, |writer| writer.sealed(value)).expect("it can be written");
    let mut reader = Reader::new(&bytes, None, Budget::UNLIMITED);
    let value = reader.sealed()?;
    reader.end().map(|()| value)
}

/// In which way the halves disagree.
#[track_caller]
fn disagreement<T: Serialize + DeserializeOwned + fmt::Debug>(value: &T) -> String {
    match cross::<T, T>(value) {
        Err(DecodeError::Disagree(how)) => how,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_variant_behind_a_skipped_one_is_not_taken_for_the_next() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Operation {
        List,
        #[serde(skip)]
        #[allow(dead_code)]
        Internal,
        Read,
        Delete,
    }
    assert_eq!(cross(&Operation::List), Ok(Operation::List));
    for (operation, name) in [(Operation::Read, "Operation::Read"), (Operation::Delete, "Operation::Delete")] {
        let how = disagreement(&operation);
        assert!(how.contains(name) && how.contains("stand last"), "{how}");
    }
}

#[test]
fn variants_before_a_skipped_one_come_back() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Operation {
        Read,
        Delete,
        #[serde(skip)]
        #[allow(dead_code)]
        Internal,
    }
    for operation in [Operation::Read, Operation::Delete] {
        assert_eq!(cross(&operation), Ok(operation));
    }
}

#[test]
fn variants_of_other_names_on_one_side_are_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Renamed {
        #[serde(rename(serialize = "read"))]
        Read,
        #[serde(rename(serialize = "Write", deserialize = "write"))]
        Other,
        #[serde(rename(serialize = "write", deserialize = "Write"))]
        Another,
    }
    assert!(disagreement(&Renamed::Read).contains("`Renamed` writes variant number 0"));
    // Exchanged: the one that would come first is refused, as it may be skipped ones that make it so.
    assert!(disagreement(&Renamed::Another).contains("`Renamed::write`"));
}

#[test]
fn aliases_change_nothing() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Aliased {
        #[serde(alias = "a", alias = "Z")]
        First,
        Second(u8),
        #[serde(alias = "s")]
        Third {
            #[serde(alias = "a")]
            left: u8,
            right: u8,
        },
    }
    for value in [Aliased::First, Aliased::Second(3), Aliased::Third { left: 1, right: 2 }] {
        let again = cross(&value);
        assert_eq!(again, Ok(value));
    }
}

#[test]
fn an_unknown_variant_is_not_the_other() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum WithOther {
        Known,
        #[serde(skip_deserializing)]
        New,
        #[serde(other)]
        Other,
    }
    assert_eq!(cross(&WithOther::Known), Ok(WithOther::Known));
    assert!(disagreement(&WithOther::New).contains("`WithOther` writes variant number 1"));
}

#[test]
fn fields_that_one_side_skips_are_told_by_their_names() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Crossed {
        #[serde(skip_serializing)]
        a: u8,
        #[serde(skip_deserializing)]
        b: u8,
        c: u8,
    }
    assert!(disagreement(&Crossed { a: 1, b: 2, c: 3 }).contains("`Crossed` writes a field that it does not read"));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Read {
        #[serde(skip_serializing)]
        a: u8,
        b: u8,
    }
    assert!(disagreement(&Read { a: 1, b: 2 }).contains("reads field `a`, which is not written"));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Written {
        #[serde(skip_deserializing)]
        a: u8,
        b: u8,
    }
    assert!(disagreement(&Written { a: 1, b: 2 }).contains("`Written` writes more fields than it reads"));

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Neither {
        #[serde(skip)]
        a: u8,
        b: u8,
    }
    assert_eq!(cross(&Neither { a: 1, b: 2 }), Ok(Neither { a: 0, b: 2 }));
}

#[test]
fn fields_that_are_left_out_now_and_then_are_what_the_type_says() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Sparse {
        #[serde(skip_serializing_if = "Option::is_none")]
        perhaps: Option<u8>,
        always: u8,
        #[serde(default = "seven", skip_serializing_if = "is_seven")]
        mostly: u8,
        #[serde(skip_serializing, default = "seven")]
        never: u8,
    }
    fn seven() -> u8 {
        7
    }
    fn is_seven(number: &u8) -> bool {
        *number == 7
    }
    for perhaps in [None, Some(3)] {
        for mostly in [7, 8] {
            let value = Sparse { perhaps, always: 1, mostly, never: 7 };
            assert_eq!(cross(&vec![value.clone(); 3]), Ok(vec![value.clone(), value.clone(), value]));
        }
    }
}

#[test]
fn parts_of_another_kind_are_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(into = "u32", from = "i32")]
    struct Signed(i32);
    impl From<Signed> for u32 {
        fn from(value: Signed) -> Self {
            value.0.unsigned_abs()
        }
    }
    impl From<i32> for Signed {
        fn from(value: i32) -> Self {
            Self(value)
        }
    }
    impl Clone for Signed {
        fn clone(&self) -> Self {
            Self(self.0)
        }
    }
    assert!(disagreement(&Signed(2)).contains("other parts"));

    fn refused<T: Serialize, U: DeserializeOwned + fmt::Debug>(value: &T) {
        let problem = cross::<T, U>(value);
        assert!(matches!(problem, Err(DecodeError::Disagree(_))), "{problem:?}");
    }
    refused::<u8, bool>(&1);
    refused::<u8, u16>(&1);
    refused::<u64, i64>(&1);
    refused::<f32, u32>(&0.0);
    refused::<Vec<u8>, String>(&vec![65]);
    refused::<(u8, u8), [u8; 1]>(&(1, 2));
    refused::<Option<u8>, bool>(&None);
    refused::<[u8; 0], ()>(&[]);
}

#[test]
fn what_has_the_same_bytes_and_means_the_same_comes_back() {
    assert_eq!(cross::<u16, u64>(&7), Ok(7));
    assert_eq!(cross::<i16, i128>(&-7), Ok(-7));
    assert_eq!(cross::<char, String>(&'ä'), Ok("ä".to_owned()));
    assert_eq!(cross::<(u8, u8), [u8; 2]>(&(1, 2)), Ok([1, 2]));
    assert_eq!(cross::<u64, u8>(&7).map_err(|error| matches!(error, DecodeError::Disagree(_))), Err(true), "a control");
}

/// A type that swallows the error of a part reads on at the wrong place.
#[test]
fn an_error_that_a_type_swallows_is_seen() {
    #[derive(Debug, PartialEq, Serialize)]
    struct Lenient(Vec<u8>);
    impl<'de> Deserialize<'de> for Lenient {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(Vec::<bool>::deserialize(deserializer).map(|_| vec![]).unwrap_or_default()))
        }
    }
    assert!(matches!(cross::<_, (Lenient, u8)>(&(Lenient(vec![2]), 5_u8)), Err(DecodeError::Disagree(_))));

    #[derive(Debug, PartialEq, Serialize)]
    struct Anything(u8);
    impl<'de> Deserialize<'de> for Anything {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(deserializer.deserialize_any(serde::de::IgnoredAny).map(|_| 1).unwrap_or_default()))
        }
    }
    assert_eq!(cross::<_, Anything>(&Anything(1)), Err(DecodeError::Asks));
}
