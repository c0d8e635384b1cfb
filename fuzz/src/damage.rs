//! Damage to bytes that were right: a hostile peer writes what is nearly a message.

use libfuzzer_sys::arbitrary::{Result, Unstructured};

/// The numbers that readers go wrong at.
const EDGES: [u64; 12] =
    [0, 1, 127, 128, 65_535, 65_536, 1 << 20, 1 << 31, (1 << 32) - 1, 1 << 60, u64::MAX / 2 + 1, u64::MAX];

/// A number at one of the edges, or any.
pub fn number(input: &mut Unstructured<'_>) -> Result<u64> {
    if input.ratio(3_u8, 4)? { Ok(*input.choose(&EDGES)?) } else { input.arbitrary() }
}

/// Changes `bytes` in a few places: a byte, a number as postcard writes it, a piece cut out, doubled or moved.
pub fn bytes(input: &mut Unstructured<'_>, bytes: &mut Vec<u8>) -> Result<()> {
    for _ in 0..input.int_in_range(0..=4)? {
        if bytes.is_empty() {
            bytes.push(input.arbitrary()?);
            continue;
        }
        let at = input.choose_index(bytes.len())?;
        match input.int_in_range(0..=5_u8)? {
            0 => bytes[at] = input.arbitrary()?,
            1 => bytes[at] ^= 1 << input.int_in_range(0..=7_u8)?,
            2 => {
                bytes.splice(at..=at, varint(number(input)?));
            }
            3 => bytes.truncate(at),
            4 => {
                let end = at + input.choose_index(bytes.len() - at)?;
                bytes.drain(at..end);
            }
            _ => {
                let length = input.choose_index((bytes.len() - at).min(64))?;
                let piece = bytes[at..at + length].to_vec();
                let to = input.choose_index(bytes.len())?;
                bytes.splice(to..to, piece);
            }
        }
    }
    Ok(())
}

/// A number as postcard writes it: seven bits a byte.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 128 {
        bytes.push(number as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
