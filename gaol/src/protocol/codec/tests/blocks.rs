//! Blocks that are sent out of band: in order, counted against the cap, and looked for where they were put.

use std::io::{self, ErrorKind};

use serde::{Deserialize, Serialize, Serializer};

use super::ByteString;
use crate::protocol::codec::encode::encode_with;
use crate::protocol::codec::{BLOCK, BlockSink, Budget, DecodeError, EncodeError, Reader, Set};
use crate::sys::os::numbers::Numbers;

/// Bytes that are kept out of band, and what was read of them.
#[derive(Debug, Default)]
struct Pile {
    bytes: Vec<u8>,
    read: usize,
    full: bool,
}

impl BlockSink for Pile {
    fn put(&mut self, block: &[u8], _width: usize) -> io::Result<()> {
        if self.full {
            return Err(ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(block);
        Ok(())
    }
}

impl Set for Pile {
    fn left(&self) -> u64 {
        (self.bytes.len() - self.read) as u64
    }

    fn take(&mut self, length: usize, width: usize) -> io::Result<Numbers> {
        let from = self.bytes.get(self.read..self.read + length).ok_or(ErrorKind::UnexpectedEof)?;
        let mut numbers = Numbers::zeroed(length, width)?;
        numbers.bytes_mut().copy_from_slice(from);
        self.read += length;
        Ok(numbers)
    }
}

/// A value as bytes, and what was sent out of band.
fn encoded<T: Serialize>(value: &T, cap: u64) -> Result<(Vec<u8>, Pile), EncodeError> {
    let (mut bytes, mut pile) = (Vec::new(), Pile::default());
    let aside = encode_with(&mut bytes, cap, Some(&mut pile), |writer| writer.value(value))?;
    assert_eq!(aside, pile.bytes.len() as u64);
    Ok((bytes, pile))
}

fn decoded<T: for<'de> Deserialize<'de>>(bytes: &[u8], pile: &mut Pile) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes, Some(pile), Budget::UNLIMITED);
    let value = reader.value()?;
    reader.end().map(|()| value)
}

/// What serializes as what it displays.
struct Displayed(usize);

impl Serialize for Displayed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&"ä".repeat(self.0))
    }
}

#[test]
fn from_a_certain_length_on_blocks_are_aside() {
    for length in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK] {
        let value = (1_u8, "x".repeat(length), ByteString(vec![7; length]), 2_u8);
        let (bytes, mut pile) = encoded(&value, u64::MAX).expect("room");
        assert_eq!(pile.bytes.len(), if length >= BLOCK { 2 * length } else { 0 }, "{length}");
        assert_eq!(decoded::<(u8, String, ByteString, u8)>(&bytes, &mut pile), Ok(value), "{length}");
    }
}

#[test]
fn displayed_text_is_where_it_is_looked_for() {
    for letters in [BLOCK / 2 - 1, BLOCK / 2, BLOCK] {
        let (bytes, mut pile) = encoded(&(1_u8, Displayed(letters), 2_u8), u64::MAX).expect("room");
        assert_eq!(decoded(&bytes, &mut pile), Ok((1_u8, "ä".repeat(letters), 2_u8)), "{letters}");
    }
}

#[test]
fn what_is_aside_counts_against_the_cap() {
    let value = (ByteString(vec![7; BLOCK]), ByteString(vec![7; BLOCK]));
    let whole = 2 * BLOCK as u64 + 2 * 3;
    assert!(encoded(&value, whole).is_ok());
    for cap in [whole - 1, BLOCK as u64 + 3, BLOCK as u64, 1] {
        assert_eq!(encoded(&value, cap).map(drop), Err(EncodeError::TooLarge { cap }));
    }
}

#[test]
fn an_aside_that_is_full_is_an_error() {
    let (mut bytes, mut pile) = (vec![1], Pile { full: true, ..Pile::default() });
    let result = encode_with(&mut bytes, u64::MAX, Some(&mut pile), |writer| writer.block(&[7; BLOCK], 1));
    assert_eq!(result, Err(EncodeError::Block("no storage space".to_owned())));
    assert_eq!(bytes, [1]);
}

#[test]
fn lengths_that_are_lies_are_refused_before_memory_is_had() {
    let length = |length: u64| super::encoded(&length);
    for (declared, there, expected) in [
        (BLOCK as u64, BLOCK - 1, DecodeError::Truncated),
        (BLOCK as u64, 0, DecodeError::Truncated),
        (1 << 40, BLOCK, DecodeError::Truncated),
        (u64::MAX, BLOCK, DecodeError::Truncated),
        (BLOCK as u64, BLOCK + 1, DecodeError::Trailing),
        (0, 1, DecodeError::Trailing),
        // Too short to be out of band, where it is.
        (BLOCK as u64 - 1, BLOCK - 1, DecodeError::Truncated),
    ] {
        let mut pile = Pile { bytes: vec![7; there], ..Pile::default() };
        assert_eq!(decoded::<ByteString>(&length(declared), &mut pile), Err(expected), "{declared} of {there}");
    }
    // Long enough to be out of band, and in the frame.
    let bytes = [length(BLOCK as u64), vec![7; BLOCK]].concat();
    assert_eq!(decoded::<ByteString>(&bytes, &mut Pile::default()), Err(DecodeError::Truncated));
}

#[test]
fn numbers_are_whole() {
    for (length, numbers) in [(0, Ok(0)), (8, Ok(2)), (7, Err(())), (BLOCK, Ok(BLOCK / 4)), (BLOCK + 2, Err(()))] {
        let (mut bytes, mut pile) = (Vec::new(), Pile::default());
        encode_with(&mut bytes, u64::MAX, Some(&mut pile), |writer| writer.block(&vec![1; length], 1)).expect("room");
        let mut reader = Reader::new(&bytes, Some(&mut pile), Budget::UNLIMITED);
        let read = reader.numbers::<u32>();
        match numbers {
            Ok(count) => assert_eq!(read, Ok(vec![0x0101_0101; count])),
            Err(()) => {
                let problem = "the bytes are no whole number of elements".to_owned();
                assert_eq!(read, Err(DecodeError::Invalid(problem)));
            }
        }
    }
}
