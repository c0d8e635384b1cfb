//! What is made of a reply: `reply` bounds it, by what is built, and the call's time holds while it is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use gaol::{Error, Outcome, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

use super::table::{MIB, Measured, alone, measure, row};
use crate::attacks::forgery::{FAILED, FAILED_IN_WORDS, RETURNED, frame, send};
use crate::attacks::toolbox::exit_now;

/// Sends a frame with a length and so many copies of `unit`, as the last thing that the child does.
fn claim(kind: u32, count: u64, unit: &[u8]) -> ! {
    let mut payload = Vec::new();
    let mut rest = count;
    while rest >= 0x80 {
        payload.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    payload.push(rest as u8);
    payload.extend(unit.repeat(count as usize));
    let _ = frame(kind, &payload).and_then(|frame| send(&frame));
    exit_now(0)
}

/// The bytes of a value, as they stand in a sequence.
fn unsealed<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = gaol::as_sent(value);
    bytes.truncate(bytes.len() - 4);
    bytes
}

#[derive(Serialize, Deserialize, Debug)]
struct Wide {
    all: Option<[u64; 32]>,
    text: String,
    boxed: Option<Box<Wide>>,
}

macro_rules! claims {
    ($($name:ident: $type:ty),* $(,)?) => {$(
        #[sandboxed(time = "20s", reply = "8MiB")]
        fn $name(kind: u32, count: u64, unit: &[u8]) -> gaol::Result<$type> {
            claim(kind, count, unit)
        }
    )*};
}

claims! {
    few_options: Vec<Option<[u64; 32]>>,
    texts: Vec<String>,
    boxes: Vec<Box<Option<[u64; 32]>>>,
    small_boxes: Vec<Box<u8>>,
    wide: Vec<Wide>,
    vectors: Vec<Vec<u8>>,
    sets: Vec<BTreeSet<Option<[u64; 32]>>>,
    maps: Vec<BTreeMap<u8, u8>>,
    tables: Vec<HashMap<u8, Option<[u64; 32]>>>,
    words: u8,
}

#[sandboxed(time = "20s")]
fn options(kind: u32, count: u64, unit: &[u8]) -> gaol::Result<Vec<Option<[u64; 32]>>> {
    claim(kind, count, unit)
}

/// What SECURITY.md states: a reply as it comes, which may take twice while it grows, and what is built, which is eight times what `reply` allows.
/// glibc's allocator copies what is no larger than 32 MiB to let it grow. Something is left for what the rest of a call takes.
const fn stated(reply: u64) -> u64 {
    2 * reply + 8 * reply + 32 * MIB + 8 * MIB
}

#[track_caller]
fn refused_under<T: std::fmt::Debug>(reply: u64, name: &str, (result, measured): (gaol::Result<T>, Measured)) {
    let error = result.map(drop).expect_err("it is more than `reply` may become");
    let Error::Protocol { problem: ProtocolProblem::Decode(problem), .. } = &error else { panic!("{name}: {error:?}") };
    let expected = format!(
        "the value takes more than {} bytes of memory, which is 8 times what `reply` allows; allow more with `reply = …`",
        8 * reply
    );
    assert_eq!((problem, error.outcome()), (&expected, Outcome::Unknown), "{name}");
    row(name, "parent", measured.peak, stated(reply));
}

#[track_caller]
fn refused<T: std::fmt::Debug>(name: &str, result: (gaol::Result<T>, Measured)) {
    refused_under(8 * MIB, name, result);
}

#[test]
fn bounds_of_what_is_built() {
    let _alone = alone();
    // The one by which it was found: 2.1 GiB, and 1.7 s after the deadline.
    refused_under(64 * MIB, "8 MiB of zeros as options of 256 bytes", measure(|| options(RETURNED, 8 * MIB, &[0])));
    let many = 8 * MIB - 8;
    refused(
        "8 MiB of zeros as options, `reply = \"8MiB\"` from here on",
        measure(|| few_options(RETURNED, many, &[0])),
    );
    refused("8 Mi empty texts", measure(|| texts(RETURNED, many, &[0])));
    refused("4 Mi texts of a letter", measure(|| texts(RETURNED, many / 2, &[1, b'x'])));
    refused("8 Mi boxes of options of 256 bytes", measure(|| boxes(RETURNED, many, &[0])));
    refused("8 Mi boxes of a byte", measure(|| small_boxes(RETURNED, many, &[0])));
    let record = |boxed| unsealed(&Wide { all: None, text: String::new(), boxed });
    let (one, two) = (record(None), record(Some(Box::new(Wide { all: None, text: String::new(), boxed: None }))));
    refused("wide records", measure(|| wide(RETURNED, many / one.len() as u64, &one)));
    refused("wide records with one in a box", measure(|| wide(RETURNED, many / two.len() as u64, &two)));
    refused("4 Mi vectors of a byte", measure(|| vectors(RETURNED, many / 2, &[1, 0])));
    refused("4 Mi sets of an option of 256 bytes", measure(|| sets(RETURNED, many / 2, &[1, 0])));
    refused("2 Mi maps of a byte", measure(|| maps(RETURNED, many / 3, &[1, 0, 0])));
    refused("2 Mi tables of an option of 256 bytes", measure(|| tables(RETURNED, many / 3, &[1, 0, 0])));
    // An error of the function's is a value as well.
    refused("4 Mi words of an error", measure(|| words(FAILED_IN_WORDS, many / 2, &[1, b'x'])));
    refused("3 Mi words of an error of serde's", measure(|| fails(3 * MIB).map_err(Fails::into_inner)));
}

/// An error type that is serde's.
#[derive(Serialize, Deserialize, Debug)]
enum Fails {
    Texts(Vec<String>),
    #[serde(skip)]
    Gaol(Error),
}

impl Fails {
    fn into_inner(self) -> Error {
        match self {
            Self::Gaol(error) => error,
            Self::Texts(_) => panic!("it was decoded"),
        }
    }
}

impl From<Error> for Fails {
    fn from(error: Error) -> Self {
        Self::Gaol(error)
    }
}

#[sandboxed(time = "20s", reply = "8MiB")]
fn fails(count: u64) -> Result<u8, Fails> {
    // The variant with its name, the length, and the texts.
    let mut payload = unsealed(&Fails::Texts(Vec::new()))[..3].to_vec();
    payload.extend([(count & 0x7f) as u8 | 0x80, (count >> 7 & 0x7f) as u8 | 0x80]);
    payload.extend([(count >> 14 & 0x7f) as u8 | 0x80, (count >> 21) as u8]);
    payload.extend([1, b'x'].repeat(count as usize));
    let _ = frame(FAILED, &payload).and_then(|frame| send(&frame));
    exit_now(0)
}

#[sandboxed(memory = "2GiB")]
fn honest_bytes(size: u64) -> gaol::Result<Vec<u8>> {
    Ok(vec![7; size as usize])
}

#[sandboxed(memory = "2GiB")]
fn honest_records(count: u64) -> gaol::Result<Vec<(u64, String, Option<f64>)>> {
    Ok((0..count).map(|number| (number, format!("record {number}"), Some(0.5))).collect())
}

#[sandboxed(memory = "2GiB", reply = "256MiB")]
fn allowed_more() -> gaol::Result<Vec<Option<[u64; 32]>>> {
    Ok(vec![None; 7_000_000])
}

#[test]
fn bounds_let_honest_results_pass() {
    let _alone = alone();
    let (bytes, measured) = measure(|| honest_bytes(64 * MIB - 64));
    assert_eq!(bytes.expect("a value").len() as u64, 64 * MIB - 64);
    row("an honest result of 64 MiB of bytes", "parent", measured.peak, stated(64 * MIB));
    let (records, measured) = measure(|| honest_records(2_000_000));
    assert_eq!(records.expect("a value").len(), 2_000_000);
    row("an honest result of two million records", "parent", measured.peak, stated(64 * MIB));
    // What is too much under one limit passes under another.
    let (all, measured) = measure(allowed_more);
    assert_eq!(all.expect("a value").len(), 7_000_000);
    row("7,000,000 options of 256 bytes, with `reply = \"256MiB\"`", "parent", measured.peak, stated(256 * MIB));
}

/// A level of it takes more of the stack than eight thousand bytes.
#[derive(Serialize, Deserialize, Debug)]
struct Fat {
    pad: [[[u64; 32]; 32]; 1],
    next: Option<Box<Fat>>,
}

#[sandboxed]
fn fat(levels: u64) -> gaol::Result<Fat> {
    let level = |next| Fat { pad: [[[0; 32]; 32]; 1], next };
    let all = (1..levels).fold(level(None), |all, _| level(Some(Box::new(all))));
    let _ = frame(RETURNED, &gaol::as_sent(&all)).and_then(|frame| send(&frame));
    exit_now(0)
}

/// Calls from a thread with so much stack, which a value that takes more would end, and this process with it.
fn fat_on(stack: u64, levels: u64) -> gaol::Result<Fat> {
    let call = move || fat(levels);
    let thread = std::thread::Builder::new().stack_size(stack as usize).spawn(call).expect("a thread");
    thread.join().expect("no panic")
}

#[test]
fn bounds_of_the_stack() {
    let _alone = alone();
    for stack in [MIB / 2, MIB, 2 * MIB] {
        let error = fat_on(stack, 60).map(drop).expect_err("it takes more stack than there is");
        let Error::Protocol { problem: ProtocolProblem::Decode(problem), .. } = &error else { panic!("{error:?}") };
        assert_eq!(
            problem,
            "the value needs more stack to be read than this thread can spare; call from a thread with a larger one"
        );
    }
    // The control: there is enough. It is dropped and printed on the same stack.
    let deep = move || {
        let deep = fat(60).expect("a value");
        assert!(format!("{deep:?}").len() > 60 * 1024);
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(deep).expect("a thread").join().expect("no panic");
    fat_on(2 * MIB, 1).expect("a value");
}

type Triples = Vec<(Option<u8>, Option<u8>, Option<u8>)>;

#[sandboxed(time = limit, reply = "1GiB", memory = "4GiB")]
fn slow_to_decode(limit: Duration, count: u64) -> gaol::Result<Triples> {
    let _ = limit;
    claim(RETURNED, count, &[0, 0, 0])
}

#[test]
fn bounds_of_time_while_a_reply_is_decoded() {
    let _alone = alone();
    // The control: with time enough it is decoded to its end, where the seal is missing. Most of what it takes is to decode it.
    let (result, whole) = measure(|| slow_to_decode(Duration::from_secs(600), 2 * MIB));
    let error = result.map(|all| all.len()).expect_err("it has no seal");
    let at_the_end = ProtocolProblem::Decode("the bytes end before the value does".to_owned());
    assert!(matches!(&error, Error::Protocol { problem, .. } if *problem == at_the_end), "{error:?}");
    // With half of it, it is none, and the call ends when its time is over.
    let limit = whole.took / 2;
    let (result, measured) = measure(|| slow_to_decode(limit, 2 * MIB));
    let error = result.map(|all| all.len()).expect_err("the time is over");
    assert!(matches!(&error, Error::TimedOut { limit: told, .. } if *told == limit), "{error:?}");
    let over = measured.took.saturating_sub(limit);
    assert!(over < Duration::from_millis(500), "{over:?} over a deadline of {limit:?}");
    // A reply that is large is read in time as well: not what has come is touched again with each piece, but the piece.
    let (_, measured) = measure(|| slow_to_decode(Duration::from_millis(1500), 40 * MIB));
    let over = measured.took.saturating_sub(Duration::from_millis(1500));
    assert!(over < Duration::from_millis(500), "{over:?} over a deadline of 1.5 s");
}
