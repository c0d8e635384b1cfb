//! What tells the halves of a type apart: the names of its fields and variants, and the shape of what they hold.
//!
//! serde writes a type by one half and reads it by another, and the two may disagree: an attribute stands on one of them only, or somebody
//! wrote them by hand. The bytes have no types that would show it, so the names and shapes are compared. Nothing here keeps out a hostile
//! peer, who can write whatever agrees: it keeps an honest one from being misunderstood.

/// The name of a field or a variant, as it is sent: some bits of a hash of it.
///
/// Of two halves that disagree, one in 65,536 does not see it.
pub(super) type NameMark = u16;

/// Bytes that a [`NameMark`] takes.
pub(super) const NAME_BYTES: usize = size_of::<NameMark>();

/// Marks a name. Both ends are one binary, so that no other has to come to the same.
#[inline]
pub(super) fn mark(name: &str) -> NameMark {
    let bytes = name.as_bytes();
    let mut state = FACTOR ^ bytes.len() as u64;
    let mut rest = bytes;
    while let Some((word, after)) = rest.split_first_chunk::<8>() {
        state = mix(state, u64::from_le_bytes(*word));
        rest = after;
    }
    if let Some((half, after)) = rest.split_first_chunk::<4>() {
        state = mix(state, u64::from(u32::from_le_bytes(*half)));
        rest = after;
    }
    for &byte in rest {
        state = mix(state, u64::from(byte));
    }
    (state >> 48) as NameMark
}

const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

#[inline]
fn mix(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(FACTOR);
    mixed ^ (mixed >> 29)
}

/// What a part of a value is, as far as its bytes depend on it: parts of one kind are read as each other without loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Part {
    Bool = 1,
    /// One byte as it is.
    Signed8,
    Unsigned8,
    /// Of any wider type: they have the same bytes.
    Signed,
    Unsigned,
    Single,
    Double,
    /// Text, bytes and letters, which begin with their length.
    Block,
    Option,
    Sequence,
    Map,
    Tuple,
    Struct,
    Enum,
}

/// What has been written or read so far, in the order in which it was. Both sides come to the same number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape(u64);

impl Shape {
    /// Notes what comes next.
    #[inline]
    pub(super) fn note(&mut self, part: Part) {
        self.mix(part as u64);
    }

    /// Notes a container whose length stands in no byte.
    #[inline]
    pub(super) fn note_tuple(&mut self, length: usize) {
        self.mix(Part::Tuple as u64 | (length as u64) << 8);
    }

    #[inline]
    fn mix(&mut self, part: u64) {
        self.0 = (self.0.rotate_left(5) ^ part).wrapping_mul(FACTOR);
    }

    /// What is sent of it. Begins anew.
    #[inline]
    pub(super) fn seal(&mut self) -> [u8; SEAL_BYTES] {
        let seal = ((self.0 >> 32) as u32).to_le_bytes();
        *self = Self::default();
        seal
    }
}

/// Bytes that a seal takes.
pub(super) const SEAL_BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_that_differ_a_little_have_other_marks() {
        let mut names: HashSet<String> = (0..40).map(|length| "x".repeat(length)).collect();
        for name in ["read", "write", "delete", "field_number_10_of_it", "field_number_20_of_it", "ä"] {
            names.extend((0..=name.len()).filter(|end| name.is_char_boundary(*end)).map(|end| name[..end].to_owned()));
            names.insert(name.to_uppercase());
            names.insert(name.chars().rev().collect());
        }
        let marks: HashSet<NameMark> = names.iter().map(|name| mark(name)).collect();
        assert_eq!(marks.len(), names.len(), "{names:?}");
    }

    #[test]
    fn a_seal_depends_on_every_part_and_on_their_order() {
        let seal = |parts: &[Part]| {
            let mut shape = Shape::default();
            parts.iter().for_each(|part| shape.note(*part));
            shape.seal()
        };
        let parts = [Part::Bool, Part::Unsigned, Part::Block];
        let others = [
            &[Part::Bool, Part::Block, Part::Unsigned][..],
            &[Part::Bool, Part::Signed, Part::Block],
            &[Part::Bool, Part::Unsigned],
            &[Part::Bool, Part::Unsigned, Part::Block, Part::Bool],
            &[],
        ];
        for other in others {
            assert_ne!(seal(&parts), seal(other), "{other:?}");
        }
        assert_eq!(seal(&parts), seal(&parts), "the control");
    }

    #[test]
    fn tuples_of_other_lengths_have_other_seals() {
        let seal = |length| {
            let mut shape = Shape::default();
            shape.note_tuple(length);
            shape.note(Part::Bool);
            shape.seal()
        };
        assert_ne!(seal(2), seal(3));
    }
}
