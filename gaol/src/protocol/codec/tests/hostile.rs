//! Bytes that no encoder wrote.

use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::fmt;
use std::num::NonZeroU8;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use proptest::sample::Index;
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Kind, List, Newtype, Shapes, Tree, encoded, mark, variant};
use crate::protocol::codec::{DecodeError, MESSAGE_LIMIT, decode};

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        decode_as_everything(&bytes);
    }

    /// Small numbers are tags and lengths that make sense, and lead further in.
    #[test]
    fn plausible_bytes_never_panic(bytes in vec(0..4_u8, 0..300)) {
        decode_as_everything(&bytes);
    }

    #[test]
    fn a_damaged_value_never_panics(at in any::<Index>(), to in any::<u8>(), repeat in 0..3_usize) {
        let mut bytes = encoded(&a_value());
        let at = at.index(bytes.len());
        bytes.splice(at..=at, std::iter::repeat_n(to, repeat));
        check::<Kind>(&bytes);
    }
}

/// A value with every kind of variant.
fn a_value() -> Kind {
    Kind::Struct {
        left: Some(Box::new(Kind::Tuple(3, "text".to_owned()))),
        right: vec![Kind::Unit, Kind::Newtype(Box::new(Kind::Unit)), Kind::Struct { left: None, right: vec![] }],
    }
}

fn decode_as_everything(bytes: &[u8]) {
    check::<Shapes>(bytes);
    check::<Kind>(bytes);
    check::<List>(bytes);
    check::<Tree>(bytes);
    check::<Newtype>(bytes);
    check::<Vec<Vec<()>>>(bytes);
    check::<HashMap<String, Vec<Option<char>>>>(bytes);
    check::<BTreeMap<(), ()>>(bytes);
    check::<Vec<(bool, char, f64, u128, CString)>>(bytes);
    check::<(PathBuf, std::net::SocketAddr, std::time::SystemTime, NonZeroU8)>(bytes);
}

/// Decodes what may be anything; what is a value after all can be written again.
fn check<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>(bytes) {
        let again = encoded(&value);
        assert_eq!(encoded(&decode::<T>(&again).unwrap()).len(), again.len());
    }
}

#[test]
fn refuses_values_that_are_none() {
    fn message<T: DeserializeOwned + fmt::Debug>(bytes: &[u8]) -> String {
        match decode::<T>(bytes) {
            Err(DecodeError::Invalid(message)) => message,
            other => panic!("{other:?} from {bytes:?}"),
        }
    }

    assert_eq!(message::<bool>(&[2]), "Found a bool that wasn't 0 or 1");
    assert_eq!(message::<Option<u8>>(&[2]), "Found an Option discriminant that wasn't 0 or 1");
    assert_eq!(message::<char>(&[5, 0, 0, 0, 0, 0]), "Found an invalid unicode char");
    // A surrogate, and no letter at all.
    assert_eq!(message::<char>(&[3, 0xed, 0xa0, 0x80]), "Found an invalid unicode char");
    assert_eq!(message::<char>(&[0]), "Found an invalid unicode char");
    assert_eq!(message::<String>(&[2, 0xc3, 0x28]), "invalid utf-8 sequence of 1 bytes from index 0");
    assert_eq!(message::<Box<str>>(&[1, 0xff]), "invalid utf-8 sequence of 1 bytes from index 0");
    assert_eq!(
        message::<u16>(&[0xff, 0xff, 0x7f]),
        "Found a varint that didn't terminate. Is the usize too big for this platform?"
    );
    assert_eq!(message::<NonZeroU8>(&[0]), "invalid value: integer `0`, expected a nonzero u8");
}

#[test]
fn text_longer_than_the_bytes_is_truncated() {
    for length in [2_u64, 1 << 20, 1 << 40, u64::MAX] {
        let bytes = [encoded(&length), b"x".to_vec()].concat();
        assert_eq!(decode::<String>(&bytes), Err(DecodeError::Truncated));
        assert_eq!(decode::<super::ByteString>(&bytes), Err(DecodeError::Truncated));
        assert_eq!(decode::<CString>(&bytes), Err(DecodeError::Truncated));
    }
}

#[test]
fn errors_keep_the_words_of_the_type_but_not_all_of_the_childs() {
    #[derive(Debug, PartialEq)]
    struct Picky;

    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format_args!("not to my taste: {text}")))
        }
    }

    let short = decode::<(u8, Picky)>(&encoded(&(0_u8, "olives"))).unwrap_err();
    assert_eq!(short.to_string(), "invalid value: not to my taste: olives");

    let Err(DecodeError::Invalid(long)) = decode::<Picky>(&encoded(&"ö".repeat(1_000_000))) else { panic!() };
    assert!(long.starts_with("not to my taste: ööö") && long.ends_with("ö…"), "{long}");
    assert!(long.len() <= MESSAGE_LIMIT + '…'.len_utf8() && long.len() > MESSAGE_LIMIT - 4);
}

#[test]
fn refuses_types_that_ask_the_bytes() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u8),
        Text(String),
    }

    let bytes = encoded(&Untagged::Number(1));
    assert_eq!(decode::<Untagged>(&bytes), Err(DecodeError::Asks));
}

/// Also where a number that has the name belongs to no variant, or a name that has the number.
#[test]
fn refuses_variants_that_are_none() {
    for (index, name) in [(4, "Unit"), (4, "Struct"), (0, "Struct!"), (3, "Unit"), (2, "Newtype"), (100, "Tuple")] {
        for bytes in [variant(index, name), [vec![1], variant(index, name)].concat()] {
            let (one, many) = (decode::<Kind>(&bytes), decode::<Vec<Kind>>(&bytes));
            let is_refused = |problem: Option<DecodeError>| matches!(problem, Some(DecodeError::Disagree(_)));
            assert!(is_refused(one.err()) || is_refused(many.err()), "{index} {name}");
        }
    }
    assert_eq!(decode(&variant(0, "Unit")), Ok(Kind::Unit), "the control");
}

/// The number of fields is the child's to say.
#[test]
fn refuses_fields_that_are_none() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Point {
        x: u8,
        y: u8,
    }

    let field = |name: &str| mark(name).to_le_bytes().to_vec();
    let whole = [vec![2], field("x"), vec![7], field("y"), vec![8]].concat();
    assert_eq!(decode(&whole), Ok(Point { x: 7, y: 8 }), "the control");
    for bytes in [
        vec![0],
        [vec![1], field("x"), vec![7]].concat(),
        [vec![1], field("y"), vec![7]].concat(),
        [vec![2], field("y"), vec![7], field("x"), vec![8]].concat(),
        [vec![2], field("x"), vec![7], field("x"), vec![8]].concat(),
        [vec![3], field("x"), vec![7], field("y"), vec![8], field("z"), vec![9]].concat(),
        [vec![0xff; 9], vec![1]].concat(),
    ] {
        let Err(DecodeError::Disagree(how)) = decode::<Point>(&bytes) else { panic!("{bytes:?}") };
        assert!(how.contains("`Point`") || how.contains("is not written"), "{how}");
    }
}

/// What a collection is told to reserve for: never more elements than there are bytes.
#[test]
fn size_hints_are_backed_by_bytes() {
    for (declared, hint_before_nothing, hint_before_three) in [(60_000_u64, 0, 3), (2, 0, 2), (0, 0, 0)] {
        let length = encoded(&declared);
        assert_eq!(decode(&length), Ok(Hint::<false>(hint_before_nothing)));
        assert_eq!(decode(&length), Ok(Hint::<true>(hint_before_nothing)));

        let with_three = [length, vec![0; 3]].concat();
        assert_eq!(decode(&with_three), Ok((Hint::<false>(hint_before_three), [0_u8; 3])));
        assert_eq!(decode(&with_three), Ok((Hint::<true>(hint_before_three), [0_u8; 3])));
    }
}

/// Otherwise a message of nested lengths would reserve its own size at every level.
#[test]
fn size_hints_share_what_there_are_bytes_for() {
    // Five bytes in all: four of them are left for the first hint, which leaves one to reserve.
    assert_eq!(decode(&[9, 9, 0, 0, 0]), Ok((Hint::<false>(4), Hint::<true>(1), [0_u8; 3])));
}

/// The size hint of a sequence or map whose elements take no bytes.
#[derive(Debug, PartialEq)]
struct Hint<const MAP: bool>(usize);

impl<'de, const MAP: bool> Deserialize<'de> for Hint<MAP> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let hint = if MAP { deserializer.deserialize_map(Hints) } else { deserializer.deserialize_seq(Hints) };
        hint.map(Self)
    }
}

struct Hints;

impl<'de> Visitor<'de> for Hints {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<usize, A::Error> {
        let hint = elements.size_hint().unwrap();
        while elements.next_element::<()>()?.is_some() {}
        Ok(hint)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<usize, A::Error> {
        let hint = entries.size_hint().unwrap();
        while entries.next_entry::<(), ()>()?.is_some() {}
        Ok(hint)
    }
}

/// A visitor that stops early would leave the rest to be read as something else.
#[test]
fn refuses_elements_that_nobody_takes() {
    struct FirstOnly;

    impl<'de> Visitor<'de> for FirstOnly {
        type Value = u8;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<u8, A::Error> {
            Ok(elements.next_element()?.unwrap_or(0))
        }
    }

    #[derive(Debug, PartialEq)]
    struct First(u8);

    impl<'de> Deserialize<'de> for First {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_seq(FirstOnly).map(First)
        }
    }

    assert_eq!(decode(&[1, 8]), Ok(First(8)));
    let unread = DecodeError::Invalid("more elements than the type takes".to_owned());
    assert_eq!(decode::<First>(&[2, 8, 9]), Err(unread));
}
