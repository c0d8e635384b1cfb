//! Values that find out which codec they are in.

use std::fmt;

use serde::de::{Error as _, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{encoded, try_encode};
use crate::protocol::codec::reserved::{NAME, answer, ask, is_answered};
use crate::protocol::codec::{DEPTH_LIMIT, DecodeError, EncodeError, decode};

/// A number that is sent under the reserved name, or under another.
#[derive(Debug, PartialEq)]
struct Asking<const RESERVED: bool>(u32);

impl<const RESERVED: bool> Asking<RESERVED> {
    const NAME: &'static str = if RESERVED { NAME } else { "Asking" };
}

impl<const RESERVED: bool> Serialize for Asking<RESERVED> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ask();
        serializer.serialize_newtype_struct(Self::NAME, &Content(self.0))
    }
}

#[derive(Debug, PartialEq)]
struct Content(u32);

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_answered() { serializer.serialize_u32(self.0) } else { Err(S::Error::custom("no answer")) }
    }
}

impl<'de, const RESERVED: bool> Deserialize<'de> for Asking<RESERVED> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ask();
        deserializer.deserialize_newtype_struct(Self::NAME, Receiver)
    }
}

struct Receiver<const RESERVED: bool>;

impl<'de, const RESERVED: bool> Visitor<'de> for Receiver<RESERVED> {
    type Value = Asking<RESERVED>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if is_answered() { u32::deserialize(deserializer).map(Asking) } else { Err(D::Error::custom("no answer")) }
    }
}

#[test]
fn this_codec_answers_and_adds_no_byte() {
    assert_eq!(encoded(&Asking::<true>(300)), encoded(&300_u32));
    assert_eq!(decode::<Asking<true>>(&encoded(&300_u32)), Ok(Asking(300)));
    let list = [Some(Asking::<true>(1)), None, Some(Asking(300))];
    let bytes = encoded(&list);
    assert_eq!(bytes, encoded(&[Some(1_u32), None, Some(300)]));
    assert_eq!(decode::<[Option<Asking<true>>; 3]>(&bytes), Ok(list));
}

#[test]
fn no_other_name_is_answered() {
    let problem = "no answer".to_owned();
    assert_eq!(try_encode(&Asking::<false>(1)), Err(EncodeError::Value(problem.clone())));
    assert_eq!(decode::<Asking<false>>(&[1]), Err(DecodeError::Invalid(problem)));
}

#[test]
fn no_other_codec_answers() {
    assert_eq!(postcard::to_stdvec(&Asking::<true>(1)), Err(postcard::Error::SerdeSerCustom));
    assert_eq!(postcard::from_bytes::<Asking<true>>(&[1]), Err(postcard::Error::SerdeDeCustom));
}

#[test]
fn an_answer_counts_once_and_until_the_next_question() {
    answer(NAME);
    assert!(is_answered());
    assert!(!is_answered());
    answer(NAME);
    ask();
    assert!(!is_answered());
    // Taken by nobody: the next value must not take it for its own.
    answer(NAME);
    assert_eq!(postcard::to_stdvec(&Asking::<true>(1)), Err(postcard::Error::SerdeSerCustom));
}

/// Two codecs at work at once, the one inside a value of the other.
#[test]
fn another_codec_inside_this_one_is_not_answered() {
    struct Inside;

    impl Serialize for Inside {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match postcard::to_stdvec(&Asking::<true>(1)) {
                Ok(bytes) => serializer.serialize_bytes(&bytes),
                Err(_) => serializer.serialize_unit(),
            }
        }
    }
    assert_eq!(encoded(&(Asking::<true>(7), Inside, Asking::<true>(7))), [7, 7]);
}

#[test]
fn it_is_a_level_like_any_newtype() {
    #[derive(Debug)]
    struct Level(usize);

    impl Serialize for Level {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self.0 {
                0 => serializer.serialize_unit(),
                levels => serializer.serialize_newtype_struct(NAME, &Level(levels - 1)),
            }
        }
    }
    assert!(encoded(&Level(DEPTH_LIMIT)).is_empty());
    assert_eq!(try_encode(&Level(DEPTH_LIMIT + 1)), Err(EncodeError::TooDeep));
}
