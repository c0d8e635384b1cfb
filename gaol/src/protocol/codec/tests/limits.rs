//! Depth and element limits, which are the same in both directions.

use std::collections::{BTreeMap, HashMap};
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use super::{List, Tree, assert_round_trip, encoded, only_field, try_encode, variant};
use crate::protocol::codec::{DEPTH_LIMIT, DecodeError, EncodeError, FREE_ELEMENTS, decode, encode};

#[test]
fn depth_is_limited_alike_in_both_directions() {
    for depth in [DEPTH_LIMIT - 1, DEPTH_LIMIT] {
        assert_round_trip(&List::of_depth(depth));
        assert_eq!(decode(&List::bytes_of_depth(depth)), Ok(List::of_depth(depth)));
    }
    for depth in [DEPTH_LIMIT + 1, DEPTH_LIMIT + 2, 1_000] {
        assert_eq!(try_encode(&List::of_depth(depth)), Err(EncodeError::TooDeep));
        assert_eq!(decode::<List>(&List::bytes_of_depth(depth)), Err(DecodeError::TooDeep));
    }
}

/// Each way for a type to hold itself, with the bytes of one level and how many levels of ours that is.
#[test]
fn every_kind_of_container_is_a_level() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct ByOption(Option<Box<ByOption>>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct ByMap(BTreeMap<u8, ByMap>);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum ByVariant {
        End,
        Tuple(u8, Box<ByVariant>),
        Struct { next: Box<ByVariant> },
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Node {
        next: Option<Box<Node>>,
    }

    fn check<T: Serialize + for<'de> Deserialize<'de>>(level: &[u8], end: &[u8], levels: usize) {
        let bytes = |count: usize| [level.repeat(count), end.to_vec()].concat();
        let most = DEPTH_LIMIT / levels;
        assert_eq!(encoded(&decode::<T>(&bytes(most - 1)).unwrap()), bytes(most - 1));
        assert_eq!(decode::<T>(&bytes(most + 1)).err(), Some(DecodeError::TooDeep));
        assert_eq!(decode::<T>(&bytes(1_000_000)).err(), Some(DecodeError::TooDeep));
    }

    check::<ByOption>(&[1], &[0], 1);
    check::<ByMap>(&[1, 9], &[0], 1);
    let end = variant(0, "End");
    check::<ByVariant>(&[variant(1, "Tuple"), vec![5]].concat(), &end, 1);
    check::<ByVariant>(&[variant(2, "Struct"), only_field("next")].concat(), &end, 1);
    check::<Node>(&[only_field("next"), vec![1]].concat(), &[only_field("next"), vec![0]].concat(), 2);
    check::<Tree>(&[1], &[0], 2);
}

#[test]
fn a_type_without_an_end_is_too_deep() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Endless(Box<Endless>, Box<Endless>);

    assert_eq!(decode::<Endless>(&[]), Err(DecodeError::TooDeep));
}

#[test]
fn elements_without_content_are_limited_alike_in_both_directions() {
    // The length itself takes three bytes, each of which pays for one element.
    let most = FREE_ELEMENTS as usize + 3;
    assert_round_trip(&vec![(); most]);
    assert_eq!(try_encode(&vec![(); most + 1]), Err(EncodeError::TooMany));
    assert_eq!(decode::<Vec<()>>(&encoded(&(most as u64 + 1))), Err(DecodeError::TooMany));

    // Nested sequences draw on the same account.
    let half = FREE_ELEMENTS as usize / 2 + 3;
    assert_round_trip(&[vec![(); half - 1], vec![(); half - 1]]);
    assert_eq!(try_encode(&[vec![(); half], vec![(); half + 1]]), Err(EncodeError::TooMany));
    let both = [encoded(&(half as u64)), encoded(&(half as u64 + 1))].concat();
    assert_eq!(decode::<[Vec<()>; 2]>(&both), Err(DecodeError::TooMany));
}

#[test]
fn elements_with_content_are_not_limited() {
    assert_round_trip(&vec![1_u8; 500_000]);
    assert_round_trip(&vec![vec![false; 3]; 100_000]);
    assert_round_trip(&(0..100_000_u32).map(|number| (number, ())).collect::<HashMap<_, _>>());
}

#[test]
fn a_sequence_that_cannot_fit_is_not_visited() {
    // 2^60 elements, which would take years.
    let endless = vec![(); 1 << 60];
    assert_eq!(encode(&endless, &mut Vec::new(), 1 << 20), Err(EncodeError::TooLarge { cap: 1 << 20 }));
}

/// A declared length fails before the first element, and before anything is reserved for it.
#[test]
fn a_declared_length_is_paid_for_at_once() {
    fn check<T: for<'de> Deserialize<'de>>() {
        for length in [70_000_u64, 1 << 32, 1 << 60, u64::MAX] {
            assert_eq!(decode::<T>(&encoded(&length)).err(), Some(DecodeError::TooMany));
        }
    }

    let start = std::time::Instant::now();
    check::<Vec<()>>();
    check::<Vec<Vec<()>>>();
    check::<Vec<[u8; 0]>>();
    check::<Vec<PhantomData<u64>>>();
    check::<Vec<u8>>();
    check::<Vec<[u64; 32]>>();
    check::<Box<[String]>>();
    check::<HashMap<(), ()>>();
    check::<BTreeMap<(), ()>>();
    check::<std::collections::HashSet<()>>();
    check::<Vec<NeverRead>>();
    // Microseconds; the bound only tells them from the years that the visits would take.
    assert!(start.elapsed().as_secs() < 5);
}

/// An element that must not be asked for.
struct NeverRead;

impl<'de> Deserialize<'de> for NeverRead {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("an element was visited before its sequence was paid for")
    }
}

/// Each inner sequence declares all that is left: only the first can.
#[test]
fn nested_bombs_share_one_budget() {
    let inner = encoded(&60_000_u64);
    let bytes = [encoded(&1_000_u64), inner.repeat(1_000)].concat();
    assert_eq!(decode::<Vec<Vec<()>>>(&bytes), Err(DecodeError::TooMany));

    let start = std::time::Instant::now();
    let bytes = [encoded(&1_000_000_u64), encoded(&60_000_u64).repeat(1_000_000)].concat();
    assert_eq!(decode::<Vec<Vec<()>>>(&bytes), Err(DecodeError::TooMany));
    assert_eq!(decode::<Vec<HashMap<(), ()>>>(&bytes), Err(DecodeError::TooMany));
    assert!(start.elapsed().as_secs() < 20);
}
