//! What the targets in `fuzz/` reach of gaol: its readers of bytes, as they are. Only under `--cfg fuzzing`, which no build of a program sets.
#![allow(missing_docs, missing_debug_implementations, clippy::missing_errors_doc)]

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use crate::call::fuzzing::{Came, Message, Script, come_of};
pub use crate::process::fuzzing::{serve_call, template_receives, zygote_greets, zygote_hears};
pub use crate::protocol::codec::{DecodeError, EncodeError};

use crate::process::fuzzing::Progress;
use crate::process::launcher::messages::Launch;
use crate::process::messages::{
    Ended, ForkTemplate, Hello, HelloReply, PlanHead, Purpose, Readiness, Spawned, Supervise, ZygoteRequest,
};
use crate::protocol::codec::{BlockSink, Budget, Reader, Set, Writer};
use crate::protocol::{self, codec, descriptors};
use crate::sys::os::numbers::Numbers;
use crate::sys::plan::{Plan, Refusal};

/// Bytes of a frame's header.
pub const HEADER: usize = crate::protocol::HEADER;

/// From this length on a block is sent out of band.
pub const BLOCK: usize = codec::BLOCK;

/// What a frame's header says, for those who write one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// A number of [`KINDS`] names a kind.
    pub kind: u32,
    pub nonce: u64,
    pub entry: u64,
    pub length: u64,
    pub prefix: u64,
    pub aside: u64,
    pub descriptors: u32,
    pub buffer: u32,
    pub reply_buffer: u64,
}

/// The numbers of the kinds of frames: a call, a result, …, room.
pub const KINDS: std::ops::RangeInclusive<u32> =
    protocol::Kind::ALL[0] as u32..=protocol::Kind::ALL[protocol::Kind::ALL.len() - 1] as u32;
pub const CALL: u32 = 1;
pub const RETURNED: u32 = 2;
pub const ROOM: u32 = 9;

impl Header {
    /// The bytes of the header, right but for what its fields may say wrongly.
    pub fn to_bytes(self) -> [u8; HEADER] {
        let head = crate::protocol::Header {
            kind: crate::protocol::Kind::Call,
            nonce: self.nonce,
            entry: self.entry,
            length: self.length,
            prefix: self.prefix,
            aside: self.aside,
            descriptors: self.descriptors,
            buffer: self.buffer,
            reply_buffer: self.reply_buffer,
        };
        let mut bytes = head.to_bytes();
        bytes[4..8].copy_from_slice(&self.kind.to_le_bytes());
        bytes
    }

    /// What the reader makes of the bytes.
    pub fn from_bytes(bytes: &[u8; HEADER]) -> Result<Self, &'static str> {
        let head = crate::protocol::Header::from_bytes(bytes)?;
        // What is a header is one header: there is no second way to write it.
        assert_eq!(head.to_bytes(), *bytes, "a header reads as what was written");
        Ok(Self {
            kind: head.kind as u32,
            nonce: head.nonce,
            entry: head.entry,
            length: head.length,
            prefix: head.prefix,
            aside: head.aside,
            descriptors: head.descriptors,
            buffer: head.buffer,
            reply_buffer: head.reply_buffer,
        })
    }
}

/// Writes a value as it is sent.
pub fn encode<T: Serialize + ?Sized>(value: &T, cap: u64) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes, cap)?;
    Ok(bytes)
}

/// Reads a value as it is sent.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DecodeError> {
    codec::decode(bytes)
}

/// Bytes beside a message, in memory: what shared memory is to a call.
#[derive(Debug, Default)]
pub struct Beside {
    pub bytes: Vec<u8>,
    at: usize,
}

impl Beside {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl BlockSink for Beside {
    fn put(&mut self, block: &[u8], _width: usize) -> std::io::Result<()> {
        self.bytes.extend_from_slice(block);
        Ok(())
    }
}

impl Set for Beside {
    fn left(&self) -> u64 {
        (self.bytes.len() - self.at) as u64
    }

    fn take(&mut self, length: usize, width: usize) -> std::io::Result<Numbers> {
        let mut numbers = Numbers::zeroed(length, width)?;
        numbers.bytes_mut().copy_from_slice(&self.bytes[self.at..][..length]);
        self.at += length;
        Ok(numbers)
    }
}

/// A whole message: its bytes, what was sent out of band, and what goes with it.
#[derive(Debug, Default)]
pub struct Whole {
    pub bytes: Vec<u8>,
    pub beside: Option<Beside>,
    pub descriptors: Vec<OwnedFd>,
}

/// Writes a message of several values, as generated code does.
pub fn write_whole(
    cap: u64,
    beside: bool,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Result<Whole, EncodeError> {
    let (mut bytes, mut aside) = (Vec::new(), Beside::default());
    let descriptors = descriptors::collect();
    let written = codec::encode_with(&mut bytes, cap, beside.then_some(&mut aside as &mut dyn BlockSink), write);
    let descriptors = descriptors.end();
    assert_eq!(written?, aside.bytes.len() as u64, "what went aside is what is there");
    Ok(Whole { bytes, beside: beside.then_some(aside), descriptors })
}

/// Reads a message of several values to its end, as generated code does.
pub fn read_whole<T>(
    whole: Whole,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, DecodeError> {
    let Whole { bytes, mut beside, descriptors } = whole;
    let _descriptors = descriptors::hand_out(descriptors);
    let mut reader = Reader::new(&bytes, beside.as_mut().map(|beside| beside as &mut dyn Set), Budget::UNLIMITED);
    let value = read(&mut reader)?;
    reader.end().map(|()| value)
}

/// Reads bytes as the message of that number between gaol's own processes, and writes it again. `None`: they are no such message.
///
/// # Panics
///
/// What was written again does not read, or not as the same.
pub fn control_message(number: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    fn again<T: Serialize + for<'de> Deserialize<'de>>(bytes: &[u8]) -> Option<Vec<u8>> {
        let value: T = decode(bytes).ok()?;
        let written = encode(&value, u64::MAX).expect("what was read can be written");
        let value: T = decode(&written).expect("what was written can be read");
        assert_eq!(encode(&value, u64::MAX).as_deref(), Ok(&written[..]), "it reads as what was written");
        Some(written)
    }
    match number % CONTROL_MESSAGES {
        0 => again::<Hello>(bytes),
        1 => again::<HelloReply>(bytes),
        2 => again::<ZygoteRequest>(bytes),
        3 => again::<ForkTemplate>(bytes),
        4 => again::<Supervise>(bytes),
        5 => again::<Readiness>(bytes),
        6 => again::<Spawned>(bytes),
        7 => again::<Refusal>(bytes).inspect(|_| {
            let refusal: Refusal = decode(bytes).expect("it was read before");
            // Its layer is a number that came from outside.
            let _ = refusal.layer();
        }),
        8 => again::<Plan>(bytes).inspect(|_| questions(&decode(bytes).expect("it was read before"))),
        9 => again::<Progress>(bytes),
        10 => {
            let ended = Ended::from_bytes(bytes.try_into().ok()?);
            assert_eq!(Ended::from_bytes(ended.to_bytes()), ended);
            Some(ended.to_bytes().to_vec())
        }
        // A launcher's argument is text of digits.
        _ => {
            let launch = Launch::from_argument(OsStr::from_bytes(bytes))?;
            let written = launch.to_argument();
            let again = Launch::from_argument(&written).expect("what was written can be read");
            assert_eq!(again.to_argument(), written, "it reads as what was written");
            assert_eq!(again.profile.allowed_operations(), launch.profile.allowed_operations());
            Some(written.as_bytes().to_vec())
        }
    }
}

/// What comes before a plan of that length.
pub fn plan_head(length: u64) -> Vec<u8> {
    PlanHead { purpose: Purpose::Enter, length }.to_bytes().to_vec()
}

/// How many kinds of control messages there are.
pub const CONTROL_MESSAGES: u8 = 12;

/// Everything that is asked of a plan, and the filters that are made of it: none of it may depend on the plan making sense.
fn questions(plan: &Plan) {
    let _ = (plan.has_paths(), plan.has_private_root(), plan.connects_locally(), plan.runs_programs());
    let _ = (plan.writes(), plan.sees_everything(), plan.asks(), plan.counted_threads(), plan.descendant_limit());
    let _ = crate::sys::rules(plan);
    let _ = crate::sys::shape(plan);
}

/// A duration as a profile prints it.
pub fn duration_text(duration: Duration) -> Option<String> {
    crate::function::manifest::duration(duration)
}

/// A size as a profile prints it.
pub fn size_text(bytes: u64) -> String {
    crate::function::manifest::size(bytes)
}

/// The operation that this text allows at this key, as a profile in a file has it.
pub fn operation(key: &str, text: &str) -> Result<crate::profile::Operation, gaol_spec::SpecError> {
    crate::profile::Operation::from_text(key, text)
}

/// The numbers of the functions that are registered in this binary.
pub fn entries() -> Vec<u64> {
    crate::function::entry::sorted().into_iter().filter_map(crate::function::entry::Entry::id).collect()
}
