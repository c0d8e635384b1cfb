//! What a tainted value lets out, and how it comes apart.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Reason, Taint, Tainted, TaintedIter};
use crate::protocol::codec;
use crate::protocol::codec::DecodeError;
use crate::reason;

fn reason() -> Reason {
    reason!("a test made it")
}

fn encoded<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes, u64::MAX).unwrap();
    bytes
}

#[test]
fn verify_returns_what_the_check_makes() {
    assert_eq!(Tainted::new(4_u32).verify(u8::try_from), Ok(4));
    assert!(Tainted::new(400_u32).verify(u8::try_from).is_err());
    assert_eq!(Tainted::new("a").verify(|_| Err::<(), _>("refused")), Err("refused"));
}

#[test]
fn verify_ref_lends_a_part_and_keeps_the_value_tainted() {
    let tainted = Tainted::new(vec!["a".to_owned(), "b".to_owned()]);
    let first: Result<&str, ()> = tainted.verify_ref(|list| list.first().map(String::as_str).ok_or(()));
    assert_eq!(first, Ok("a"));
    assert_eq!(tainted.verify_ref(|list| if list.len() == 1 { Ok(()) } else { Err(list.len()) }), Err(2));
    assert_eq!(tainted.as_ref().verify(|list| Ok::<_, ()>(list.len())), Ok(2));
    assert_eq!(tainted.trust_because(reason()), ["a", "b"]);
}

#[test]
fn a_reason_keeps_its_words() {
    const CONSTANT: Reason = reason!("in a constant");
    assert_eq!(CONSTANT.as_str(), "in a constant");
    assert_eq!(reason().to_string(), "a test made it");
}

#[test]
fn debug_prints_the_type_and_nothing_of_the_value() {
    #[derive(Debug)]
    #[allow(dead_code, reason = "printed")]
    struct Outer {
        password: Tainted<String>,
    }
    assert_eq!(format!("{:?}", Tainted::new(7_u32)), "Tainted<u32>(..)");
    assert_eq!(
        format!("{:#?}", Outer { password: "secret".to_owned().into() }),
        "Outer {\n    password: Tainted<alloc::string::String>(..),\n}"
    );
    let list = Tainted::new(vec!["secret"]);
    assert_eq!(format!("{:?} {:?}", (&list).into_iter(), list.clone().into_iter()), "TaintedIter(..) TaintedIter(..)");

    // A type without `Debug` has it too.
    struct Silent;
    assert_eq!(
        format!("{:?}", Some(Tainted::new(Silent))),
        format!("Some(Tainted<{}::Silent>(..))", {
            concat!(module_path!(), "::debug_prints_the_type_and_nothing_of_the_value")
        })
    );
}

#[test]
fn tuples_and_arrays_split() {
    let (a, b) = Tainted::new((1_u8, "b")).split();
    assert_eq!((a.trust_because(reason()), b.trust_because(reason())), (1, "b"));
    let [first, second] = Tainted::new([1_u8, 2]).split();
    assert_eq!(first.trust_because(reason()) + second.trust_because(reason()), 3);
    let twelve = Tainted::new((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)).split();
    assert_eq!(twelve.11.trust_because(reason()), 12);
}

#[test]
fn a_type_with_fields_of_its_own_splits() {
    struct Size {
        width: u32,
    }
    impl Taint for Size {
        type Fields = Tainted<u32>;

        fn into_fields(self) -> Tainted<u32> {
            self.width.into()
        }
    }
    assert_eq!(Tainted::new(Size { width: 3 }).split().trust_because(reason()), 3);
}

#[test]
fn options_and_double_taint_come_apart() {
    assert!(Tainted::new(None::<u8>).transpose().is_none());
    assert_eq!(Tainted::new(Some(1)).transpose().unwrap().trust_because(reason()), 1);
    assert_eq!(Tainted::new(Tainted::new(1)).flatten().trust_because(reason()), 1);
}

#[test]
fn collections_come_apart_into_tainted_elements() {
    fn trusted<T, I: Iterator<Item = Tainted<T>>>(elements: I) -> Vec<T> {
        elements.map(|element| element.trust_because(reason())).collect()
    }
    assert_eq!(trusted(Tainted::new(vec![1, 2]).into_iter()), [1, 2]);
    assert_eq!(trusted(Tainted::new([1, 2]).into_iter()), [1, 2]);
    assert_eq!(trusted(Tainted::new(VecDeque::from([1, 2])).into_iter()), [1, 2]);
    assert_eq!(trusted(Tainted::new(BTreeSet::from([2, 1])).into_iter()), [1, 2]);
    assert_eq!(trusted(Tainted::new(HashSet::from([1])).into_iter()), [1]);
    assert_eq!(trusted(Tainted::new(BTreeMap::from([(1, 'a')])).into_iter()), [(1, 'a')]);
    assert_eq!(trusted(Tainted::new(HashMap::from([(1, 'a')])).into_iter()), [(1, 'a')]);

    let list = Tainted::new(vec![1, 2, 3]);
    let mut borrowed: TaintedIter<_> = (&list).into_iter();
    assert_eq!(borrowed.len(), 3);
    assert_eq!(borrowed.next_back().unwrap().trust_because(reason()), &3);
    assert_eq!(trusted(borrowed), [&1, &2]);
    let map = Tainted::new(BTreeMap::from([(1, 'a')]));
    for entry in &map {
        let (key, value) = entry.split();
        assert_eq!((key.trust_because(reason()), value.trust_because(reason())), (&1, &'a'));
    }
}

#[test]
fn some_elements_go_back() {
    let list: Tainted<Vec<u8>> = Tainted::new(vec![1, 2, 3]).into_iter().skip(1).collect();
    assert_eq!(list.trust_because(reason()), [2, 3]);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Plain {
    width: u32,
    names: Vec<String>,
    comment: Option<(u8, String)>,
}

#[derive(Serialize, Deserialize)]
struct Marked {
    width: Tainted<u32>,
    names: Vec<Tainted<String>>,
    comment: Option<Tainted<(Tainted<u8>, String)>>,
}

#[test]
fn the_codec_writes_and_reads_the_value_and_nothing_else() {
    let plain = Plain { width: 3, names: vec!["a".to_owned(), String::new()], comment: Some((1, "c".to_owned())) };
    let bytes = encoded(&plain);
    let marked: Marked = codec::decode(&bytes).unwrap();
    assert_eq!(encoded(&marked), bytes);
    let whole: Tainted<Plain> = codec::decode(&bytes).unwrap();
    assert_eq!(encoded(&whole), bytes);
    assert_eq!(encoded(&whole.as_ref()), bytes);
    assert_eq!(whole.trust_because(reason()), plain);
    assert_eq!(marked.width.trust_because(reason()), 3);
}

#[test]
fn bytes_that_are_no_value_are_still_refused() {
    assert_eq!(codec::decode::<Tainted<bool>>(&[]).err(), Some(DecodeError::Truncated));
    assert_eq!(codec::decode::<Tainted<bool>>(&[1, 1]).err(), Some(DecodeError::Trailing));
    assert!(matches!(codec::decode::<Tainted<bool>>(&[7]), Err(DecodeError::Invalid(_))));
    assert_eq!(codec::decode::<Tainted<Vec<()>>>(&[255, 255, 255, 255, 127]).err(), Some(DecodeError::TooMany));
}

#[test]
fn no_other_format_writes_or_reads_it() {
    assert_eq!(postcard::to_stdvec(&Tainted::new(7_u8)), Err(postcard::Error::SerdeSerCustom));
    assert_eq!(postcard::to_stdvec(&vec![Some(Tainted::new(7_u8))]), Err(postcard::Error::SerdeSerCustom));
    assert_eq!(postcard::from_bytes::<Tainted<u8>>(&[7]).err(), Some(postcard::Error::SerdeDeCustom));
    assert_eq!(postcard::from_bytes::<Marked>(&encoded(&3_u32)).err(), Some(postcard::Error::SerdeDeCustom));
}
