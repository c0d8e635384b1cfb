//! What reading costs: memory by what is built, time, and stack.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet, LinkedList, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};

use super::{List, Shapes, encoded, mark, only_field, variant};
use crate::protocol::codec::{Budget, DecodeError, decode_within};

const MIB: u64 = 1 << 20;

/// What a reply of at most `reply` bytes may cost.
fn of(reply: u64, bytes: &[u8]) -> Budget {
    Budget::of_reply(Some(reply), bytes.len() as u64, None)
}

/// The largest budget that refuses these bytes, and the smallest that takes them: what reading a `T` from them is reckoned to cost.
fn cost<T: DeserializeOwned>(bytes: &[u8]) -> u64 {
    let refuses = |memory: u64| match decode_within::<T>(bytes, Budget::of_memory(memory)) {
        Ok(_) => false,
        Err(DecodeError::TooMuch { limit }) => {
            assert_eq!(limit, memory);
            true
        }
        Err(error) => panic!("{error}"),
    };
    let (mut low, mut high) = (0, 1 << 40);
    while low < high {
        let middle = u64::midpoint(low, high);
        if refuses(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// A length, and so many bytes that are 0.
fn zeros(count: u64) -> Vec<u8> {
    let mut bytes = encoded(&count);
    bytes.resize(bytes.len() + count as usize, 0);
    bytes
}

#[test]
fn what_is_built_is_paid_for_and_not_its_bytes() {
    // 8 MiB that would be 2.1 GiB.
    let bytes = zeros(8 * MIB);
    let limit = 512 * MIB;
    assert_eq!(
        decode_within::<Vec<Option<[u64; 32]>>>(&bytes, of(64 * MIB, &bytes)),
        Err(DecodeError::TooMuch { limit })
    );
    // A `reply` of "none" lifts the limit of what comes, not the proportion.
    let unlimited = Budget::of_reply(None, bytes.len() as u64, None);
    assert_eq!(decode_within::<Vec<Option<[u64; 32]>>>(&bytes, unlimited), Err(DecodeError::TooMuch { limit }));
    // What is no more than it may be, is there.
    let bytes = zeros(MIB);
    assert_eq!(decode_within::<Vec<Option<[u64; 32]>>>(&bytes, of(64 * MIB, &bytes)).expect("a value").len(), 1 << 20);
}

/// A thousand of each thing that takes a byte or two, and what each takes of memory at least.
#[test]
fn each_kind_of_owner_is_paid_for() {
    #[derive(Deserialize)]
    struct Wide {
        _all: Option<[u64; 32]>,
    }
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Newtype(#[allow(dead_code, reason = "it is read")] Box<Wide>);
    #[derive(Deserialize)]
    enum Choice {
        Wide(#[allow(dead_code, reason = "it is read")] Box<Wide>),
    }
    #[derive(Deserialize)]
    struct Skips {
        #[serde(skip)]
        _all: [u64; 32],
    }

    /// `bytes` are those of one.
    fn check<T: DeserializeOwned>(bytes: &[u8], at_least: u64) {
        let all = [encoded(&1_000_u64), bytes.repeat(1_000)].concat();
        let cost = cost::<Vec<T>>(&all);
        let name = std::any::type_name::<T>();
        assert!(cost >= 1_000 * at_least, "{name}: {cost} bytes for a thousand, which take {at_least} each");
        // And no more than three times, and what an allocation or two are reckoned to be.
        assert!(
            cost <= 1_000 * (3 * at_least + 100),
            "{name}: {cost} bytes for a thousand, which take {at_least} each"
        );
    }

    let wide = [only_field("_all"), vec![0]].concat();
    let (cons, nil) = (variant(1, "Cons"), variant(0, "Nil"));

    check::<u8>(&[0], 1);
    check::<u64>(&[0], 8);
    check::<Option<[u64; 32]>>(&[0], 264);
    check::<(Option<[u64; 32]>, u8)>(&[0, 0], 272);
    check::<Wide>(&wide, 264);
    check::<Skips>(&[0], 256);
    check::<String>(&[0], 24);
    check::<String>(&[1, b'x'], 24 + 32);
    check::<Box<str>>(&[1, b'x'], 16 + 32);
    check::<PathBuf>(&[1, b'x'], 24 + 32);
    check::<Cow<'static, str>>(&[1, b'x'], 24 + 32);
    check::<Vec<u8>>(&[0], 24);
    check::<Vec<u8>>(&[1, 0], 24 + 32);
    check::<Box<[u8]>>(&[1, 0], 16 + 32);
    check::<Vec<Option<[u64; 32]>>>(&[1, 0], 24 + 264);
    check::<Box<u8>>(&[0], 8 + 32);
    check::<Box<u64>>(&[0], 8 + 32);
    check::<Box<(u8, u8)>>(&[0, 0], 8 + 32);
    check::<Box<Option<[u64; 32]>>>(&[0], 8 + 264);
    check::<Option<Box<Option<[u64; 32]>>>>(&[1, 0], 8 + 264);
    check::<Box<Wide>>(&wide, 8 + 264);
    check::<Box<String>>(&[1, b'x'], 8 + 32 + 32);
    check::<Box<Vec<u8>>>(&[0], 8 + 32);
    check::<Newtype>(&wide, 8 + 264);
    check::<Choice>(&[variant(0, "Wide"), wide.clone()].concat(), 8 + 264);
    check::<Box<List>>(&nil, 8 + 32);
    check::<Box<List>>(&[cons, nil].concat(), 8 + 2 * 32);
    check::<Result<u8, Box<Wide>>>(&[variant(1, "Err"), wide].concat(), 16 + 264);
    check::<BTreeSet<Option<[u64; 32]>>>(&[1, 0], 24 + 11 * 264);
    check::<BTreeMap<u8, Option<[u64; 32]>>>(&[1, 0, 0], 24 + 11 * 265);
    check::<HashMap<u8, Option<[u64; 32]>>>(&[1, 0, 0], 48 + 4 * 272);
    check::<HashSet<u64>>(&[1, 0], 48 + 4 * 8 + 20);
    check::<LinkedList<u8>>(&[1, 0], 24 + 32);
    check::<VecDeque<u64>>(&[1, 0], 32 + 32);
    check::<BinaryHeap<u64>>(&[1, 0], 24 + 32);
}

#[test]
fn honest_values_cost_little_more_than_they_take() {
    #[derive(Clone, Serialize, Deserialize)]
    struct Record {
        name: String,
        numbers: [u32; 4],
        inner: (u64, Option<u64>),
        tags: Vec<String>,
    }
    let record =
        Record { name: "a name of some length".to_owned(), numbers: [7; 4], inner: (1, Some(2)), tags: vec![] };
    let bytes = encoded(&vec![record; 1_000]);
    let takes = 1_000 * (size_of::<Record>() as u64 + 48);
    let cost = cost::<Vec<Record>>(&bytes);
    assert!((takes..takes * 5 / 4).contains(&cost), "{cost} for {takes}");

    // What is as long as a reply may be passes where its bytes are what it takes, and where they are an eighth of it.
    let bytes = encoded(&"x".repeat(4 << 20));
    assert!(decode_within::<String>(&bytes, of(4 * MIB, &bytes)).is_ok());
    let bytes = zeros(4 * MIB - 4);
    assert!(decode_within::<Vec<u64>>(&bytes, of(4 * MIB, &bytes)).is_ok());
    assert!(decode_within::<Vec<bool>>(&bytes, of(4 * MIB, &bytes)).is_ok());
    // A small limit of bytes is none of what a type takes.
    assert!(decode_within::<Vec<[Option<[u64; 32]>; 8]>>(&zeros(8)[..], of(64, &[])).is_err(), "nothing follows");
    assert!(decode_within::<[Option<[u64; 32]>; 8]>(&[0; 8], of(64, &[])).is_ok());
}

#[test]
fn names_of_collections_are_those_that_are_known() {
    // Another name would cost more, which this notices.
    let one = |cost: u64| cost - 32;
    assert_eq!(one(cost::<Vec<u64>>(&[1, 0])), 8);
    assert_eq!(one(cost::<VecDeque<u64>>(&[1, 0])), 8);
    assert_eq!(one(cost::<BinaryHeap<u64>>(&[1, 0])), 8);
    for cost in [cost::<BTreeSet<u64>>(&[1, 0]), cost::<HashSet<u64>>(&[1, 0])] {
        assert_eq!(one(cost), 11 * 8 + 8);
    }
    for cost in [cost::<BTreeMap<u64, u64>>(&[1, 0, 0]), cost::<HashMap<u64, u64>>(&[1, 0, 0])] {
        assert_eq!(one(cost), 2 * (11 * 8 + 8));
    }
    assert_eq!(one(cost::<LinkedList<u64>>(&[1, 0])), 11 * 8 + 32);
    // From the second on it is twice.
    assert_eq!(one(cost::<BTreeSet<u64>>(&[2, 0, 0])), 11 * 8 + 2 * 8 + 2 * 8);
}

#[test]
fn time_that_is_over_ends_it() {
    let bytes = zeros(8 * MIB);
    let until = |deadline| Budget::of_reply(None, 0, Some(deadline));
    let now = Instant::now();
    assert_eq!(decode_within::<Vec<u8>>(&bytes, until(now)), Err(DecodeError::Late));
    assert_eq!(decode_within::<Vec<(u8, u8)>>(&bytes, until(now + Duration::from_millis(1))), Err(DecodeError::Late));
    assert!(now.elapsed() < Duration::from_secs(1), "{:?}", now.elapsed());
    // The control.
    assert!(decode_within::<Vec<u8>>(&bytes, until(now + Duration::from_secs(600))).is_ok());
    // Where there is little to read nobody looks.
    assert!(decode_within::<Shapes>(&[], until(now)).is_err_and(|error| error == DecodeError::Truncated));
    // One long block after the other.
    let text = encoded(&vec!["x".repeat(1 << 20); 2]);
    assert_eq!(decode_within::<Vec<String>>(&text, until(now)), Err(DecodeError::Late));
}

/// A type that makes something of what it was refused is refused all the same.
#[test]
fn a_refusal_cannot_be_swallowed() {
    #[derive(Debug, PartialEq)]
    struct Careless(u64);

    impl<'de> Deserialize<'de> for Careless {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Ok(Self(Vec::<Option<[u64; 32]>>::deserialize(deserializer).map_or(0, |all| all.len() as u64)))
        }
    }

    let bytes = zeros(100_000);
    assert_eq!(decode_within(&bytes, of(64 * MIB, &bytes)), Ok(Careless(100_000)));
    assert_eq!(decode_within::<Careless>(&bytes, of(MIB, &bytes)), Err(DecodeError::TooMuch { limit: 8 * MIB }));
}

/// A level of this takes 8 KiB of a box, and more of the stack while it is read.
#[derive(Serialize, Deserialize)]
struct Fat {
    _pad: [[[u64; 32]; 32]; 1],
    next: Option<Box<Fat>>,
}

impl Fat {
    fn bytes(levels: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for level in 1..=levels {
            bytes.push(2);
            bytes.extend(mark("_pad").to_le_bytes());
            bytes.extend([0; 1024]);
            bytes.extend(mark("next").to_le_bytes());
            bytes.push(u8::from(level < levels));
        }
        bytes
    }
}

/// Two levels of the codec's for each struct of the list.
const FAT: usize = 60;

#[test]
fn a_value_takes_no_more_stack_than_there_is() {
    fn read(stack: usize, levels: usize) -> Result<(), DecodeError> {
        let read = move || decode_within::<Fat>(&Fat::bytes(levels), Budget::UNLIMITED).map(drop);
        std::thread::Builder::new().stack_size(stack).spawn(read).expect("a thread").join().expect("no panic")
    }
    assert_eq!(read(1 << 20, FAT), Err(DecodeError::StackUsed));
    // The controls: there is enough, or it is not so deep.
    assert_eq!(read(64 << 20, FAT), Ok(()));
    assert_eq!(read(1 << 20, 1), Ok(()));
    // A thread with hardly any still reads what every thread reads.
    let small = || decode_within::<Vec<Option<(u8, String)>>>(&[1, 1, 7, 1, b'x'], Budget::UNLIMITED);
    let small =
        std::thread::Builder::new().stack_size(64 << 10).spawn(small).expect("a thread").join().expect("no panic");
    assert_eq!(small, Ok(vec![Some((7, "x".to_owned()))]));
}
