//! Replies that are lies: of every type that decodes, to every kind of worker. They cost an error, and neither time nor memory.

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use gaol::{Error, Layer, Outcome, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

use attacks::forgery::{RETURNED, frame, send};
use attacks::toolbox::exit_now;

/// Sends `payload` as the function's result, as the last thing that the child does.
fn claim(payload: &[u8]) -> ! {
    let _ = frame(RETURNED, payload).and_then(|frame| send(&frame));
    exit_now(0)
}

macro_rules! claims {
    ($($name:ident: $type:ty),* $(,)?) => {
        $(#[sandboxed(reply = "none", time = "20s")]
        fn $name(payload: &[u8]) -> gaol::Result<$type> {
            claim(payload)
        })*
    };
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
enum Choice {
    One,
    Two(u8),
}

#[derive(Serialize, Deserialize, Debug, PartialEq)]
struct Node {
    next: Option<Box<Node>>,
}

claims! {
    claim_bool: bool,
    claim_char: char,
    claim_text: String,
    claim_option: Option<u8>,
    claim_choice: Choice,
    claim_units: Vec<()>,
    claim_units_of_units: Vec<Vec<()>>,
    claim_numbers: Vec<u64>,
    claim_bytes: Vec<u8>,
    claim_set: BTreeSet<()>,
    claim_map: BTreeMap<u64, String>,
    claim_node: Node,
    claim_small: u8,
    claim_wide: u64,
    claim_pair: (u8, u8),
    claim_float: f64,
    claim_path: std::path::PathBuf,
    claim_duration: Duration,
}

/// A number as it crosses.
fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").expect("what this process holds");
    text.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).expect("pages") * 4096
}

#[track_caller]
fn assert_undecodable<T: std::fmt::Debug>(claim: fn(&[u8]) -> gaol::Result<T>, payload: &[u8]) {
    let (before, begun) = (resident(), Instant::now());
    let result = claim(payload);
    let (took, grown) = (begun.elapsed(), resident().saturating_sub(before));
    assert!(
        matches!(&result, Err(Error::Protocol { problem: ProtocolProblem::Decode(_), .. })),
        "{:x?} gave {result:?}",
        &payload[..payload.len().min(64)]
    );
    assert!(took < Duration::from_secs(2), "{payload:x?} took {took:?}");
    assert!(grown < 32 << 20, "{payload:x?} cost {grown} bytes");
}

#[test]
fn what_no_value_looks_like_does_not_decode() {
    assert_undecodable(claim_bool, &[2]);
    assert_undecodable(claim_bool, &[0xff]);
    assert_undecodable(claim_bool, &[]);
    assert_undecodable(claim_bool, &[1, 0]);
    assert_undecodable(claim_char, &[4, 0xf4, 0x90, 0x80, 0x80]); // past the last character
    assert_undecodable(claim_char, &[3, 0xed, 0xa0, 0x80]); // half of a surrogate pair
    assert_undecodable(claim_text, &[2, 0xc3, 0x28]);
    assert_undecodable(claim_text, &[5, b'a']);
    assert_undecodable(claim_option, &[2, 0]);
    assert_undecodable(claim_choice, &[2]);
    assert_undecodable(claim_choice, &[1]);
    assert_undecodable(claim_choice, &varint(1 << 32 | 1));
    assert_undecodable(claim_small, &[]);
    assert_undecodable(claim_wide, &[0xff; 11]);
    assert_undecodable(claim_wide, &[0x80, 0x80]);
    assert_undecodable(claim_pair, &[1]);
    assert_undecodable(claim_float, &[0; 7]);
    assert_undecodable(claim_path, &[2, 0xff]);
    let duration = |seconds: u64, nanoseconds: u64| {
        let whole = gaol::as_sent(&Duration::ZERO);
        [&whole[..3], &varint(seconds), &whole[4..6], &varint(nanoseconds), &whole[7..]].concat()
    };
    assert_undecodable(claim_duration, &duration(1, u64::from(u32::MAX) + 1));
    assert_undecodable(claim_duration, &duration(u64::MAX, 1_000_000_000));
    assert_eq!(claim_duration(&duration(1, 2)).expect("the control"), Duration::new(1, 2));
}

#[test]
fn lengths_that_are_lies_cost_nothing() {
    for length in [1 << 20, 1 << 31, 1 << 32, 1 << 40, 1 << 60, u64::MAX - 1, u64::MAX] {
        let length = varint(length);
        assert_undecodable(claim_units, &length);
        assert_undecodable(claim_units_of_units, &[varint(3), length.clone(), length.clone(), length.clone()].concat());
        assert_undecodable(claim_numbers, &length);
        assert_undecodable(claim_bytes, &length);
        assert_undecodable(claim_text, &length);
        assert_undecodable(claim_set, &length);
        assert_undecodable(claim_map, &length);
        assert_undecodable(claim_path, &length);
    }
}

#[test]
fn nesting_without_end_does_not_overflow_the_stack() {
    let level = &gaol::as_sent(&Node { next: Some(Box::new(Node { next: None })) })[..4];
    assert_undecodable(claim_node, &level.repeat(1 << 18));
}

#[test]
fn what_is_true_is_believed() {
    let with_seal = |bytes: &[u8], like: Vec<u8>| [bytes, &like[like.len() - 4..]].concat();
    assert!(claim_bool(&with_seal(&[1], gaol::as_sent(&false))).expect("a bool"));
    assert_eq!(claim_char(&with_seal(&[2, 0xc3, 0xa4], gaol::as_sent("x"))).expect("a char"), 'ä');
    assert_eq!(claim_choice(&gaol::as_sent(&Choice::Two(7))).expect("a choice"), Choice::Two(7));
    assert_eq!(claim_choice(&gaol::as_sent(&Choice::One)).expect("a choice"), Choice::One);
    assert_eq!(claim_units(&with_seal(&varint(1000), gaol::as_sent(&vec![(); 3]))).expect("units").len(), 1000);
    let node = Node { next: Some(Box::new(Node { next: None })) };
    assert_eq!(claim_node(&gaol::as_sent(&node)).expect("a node"), node);
}

/// A seal is no secret: it keeps an honest type from being misunderstood, and a child that forges one has said what its own value is.
#[test]
fn a_seal_of_other_parts_is_refused() {
    for other in [gaol::as_sent(&1_u8), gaol::as_sent(&(true, true)), vec![0; 4]] {
        let payload = [&[1][..], &other[other.len() - 4..]].concat();
        assert!(matches!(claim_bool(&payload), Err(Error::Result { .. })), "{payload:?}");
    }
}

/// The same in a worker that is kept: what one call leaves behind must not become the next one's answer.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Legacy {
    /// Nothing: the calls that come before and after.
    Honest,
    /// A second reply, sent by a thread after the function has returned.
    LateReply,
    /// A reply that arrives with the true one.
    TwoReplies,
    /// A thread that reads the next request in the worker's place.
    Thief,
    /// A reply from a thread, while the function itself never returns: the next request is never read.
    NeverReads,
    /// The worker ends after its reply.
    Exits,
}

#[sandboxed(process = "reused", time = "1500ms", threads = 8)]
fn kept(legacy: Legacy, weight: &[String]) -> gaol::Result<usize> {
    let reply = || frame(RETURNED, &gaol::as_sent(&4711_usize)).unwrap_or_default();
    match legacy {
        Legacy::Honest => {}
        Legacy::LateReply => {
            let reply = reply();
            std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(100));
                let _ = send(&reply);
            });
        }
        Legacy::TwoReplies => {
            let _ = send(&reply());
        }
        Legacy::Thief => {
            std::thread::spawn(|| {
                let mut buffer = [0_u8; 4096];
                loop {
                    let target = buffer.as_mut_ptr();
                    let _ = attacks::toolbox::call!(libc::SYS_read, attacks::forgery::CHANNEL, target, buffer.len());
                }
            });
            // The thief is to be first in line.
            std::thread::sleep(Duration::from_millis(50));
        }
        Legacy::NeverReads => {
            let _ = send(&reply());
            std::thread::sleep(Duration::from_secs(3600));
        }
        Legacy::Exits => {
            std::thread::spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                exit_now(3);
            });
        }
    }
    Ok(weight.len())
}

fn light(count: usize) -> Vec<String> {
    vec![String::new(); count]
}

#[test]
fn a_kept_worker_cannot_answer_for_the_next_call() {
    for tier_b in [false, true] {
        let _without = tier_b.then(|| gaol::controls::without(&[Layer::Namespaces]));
        for legacy in [Legacy::LateReply, Legacy::TwoReplies, Legacy::Thief, Legacy::NeverReads, Legacy::Exits] {
            assert_eq!(kept(Legacy::Honest, &light(10)).expect("before"), 10, "before {legacy:?}");
            let first = kept(legacy, &light(20));
            match (&first, legacy) {
                // Whatever it says is its answer, if it is one.
                (Ok(20), _) | (Ok(4711), Legacy::NeverReads | Legacy::TwoReplies) => {}
                (Err(Error::Protocol { .. }), Legacy::TwoReplies) => {}
                other => panic!("{other:?}"),
            }
            std::thread::sleep(Duration::from_millis(200));
            // More than any socket holds, and all of it in the frame.
            let weight = vec!["x".repeat(32 << 10); 256];
            let begun = Instant::now();
            let second = kept(Legacy::Honest, &weight);
            match &second {
                Ok(length) => assert_eq!(*length, weight.len(), "{legacy:?}"),
                Err(error) => assert_eq!(error.outcome(), Outcome::Unknown, "{legacy:?}: {error}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(4), "{legacy:?} took {:?}", begun.elapsed());
            assert_eq!(kept(Legacy::Honest, &light(30)).expect("after"), 30, "after {legacy:?}");
        }
    }
}

/// A hostile child that stops reading cannot hold up the parent, which has much to send.
#[sandboxed(time = "800ms", memory = "none")]
fn stops_itself_while_arguments_come(weight: Vec<Slow>) -> gaol::Result<usize> {
    Ok(weight.len())
}

/// Takes its time to be decoded, in the child.
#[derive(Serialize, Debug, Clone)]
struct Slow(u8);

impl<'de> Deserialize<'de> for Slow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::thread::sleep(Duration::from_millis(10));
        u8::deserialize(deserializer).map(Self)
    }
}

#[test]
fn arguments_that_take_for_ever_to_decode_end_at_the_deadline() {
    let begun = Instant::now();
    let result = stops_itself_while_arguments_come(vec![Slow(1); 100_000]);
    assert!(matches!(result, Err(Error::TimedOut { .. })), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}
