//! The mark on a launcher's argument: a code that only the application can have computed, and where the key to it is found.
//!
//! The key is in a socket that the application has made and that its children inherit. Whoever merely chooses words of a command line
//! has no key; whoever brings a socket with a key of his own is not the process that has started the launcher, and the kernel says so.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

/// The length of a key, which is the one message that the socket holds.
pub(crate) const KEY_BYTES: usize = 16;

/// What the application knows, and a launcher that it has started.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key([u8; KEY_BYTES]);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Key {
    pub(crate) fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The code of `text`: SipHash-2-4 with 128 bits, a pseudo-random function of whoever has the key.
    fn code(&self, text: &[u8]) -> u128 {
        let [low, high]: [u64; 2] = bytemuck::cast(self.0);
        let (low, high) = (u64::from_le(low), u64::from_le(high));
        let mut state = [
            low ^ 0x736f_6d65_7073_6575,
            high ^ 0x646f_7261_6e64_6f6d ^ 0xee,
            low ^ 0x6c79_6765_6e65_7261,
            high ^ 0x7465_6462_7974_6573,
        ];
        let (words, rest) = text.as_chunks::<8>();
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // The length, as far as a byte tells it, fills the last word.
        last[7] = text.len().to_le_bytes()[0];
        for word in words.iter().chain([&last]) {
            let word = u64::from_le_bytes(*word);
            state[3] ^= word;
            rounds(&mut state, 2);
            state[0] ^= word;
        }
        let mut half = |tweak: (usize, u64)| {
            state[tweak.0] ^= tweak.1;
            rounds(&mut state, 4);
            state.iter().fold(0, |all, word| all ^ word)
        };
        let (first, second) = (half((2, 0xee)), half((1, 0xdd)));
        u128::from(second) << 64 | u128::from(first)
    }
}

/// SipHash's round, so many times.
fn rounds([a, b, c, d]: &mut [u64; 4], count: u32) {
    for _ in 0..count {
        *a = a.wrapping_add(*b);
        *b = b.rotate_left(13) ^ *a;
        *a = a.rotate_left(32);
        *c = c.wrapping_add(*d);
        *d = d.rotate_left(16) ^ *c;
        *a = a.wrapping_add(*d);
        *d = d.rotate_left(21) ^ *a;
        *c = c.wrapping_add(*b);
        *b = b.rotate_left(17) ^ *c;
        *c = c.rotate_left(32);
    }
}

/// What stands before the message in an argument.
#[derive(Debug)]
pub(crate) struct Marked<'a> {
    /// The number of the descriptor that holds the key, or the negative errno for which there is none.
    pub(crate) descriptor: i32,
    code: u128,
    pub(crate) message: &'a OsStr,
}

impl<'a> Marked<'a> {
    /// Marks a message with the key that is found at `descriptor`.
    pub(crate) fn new(message: &'a OsStr, key: &Key, descriptor: i32) -> Self {
        Self { descriptor, code: key.code(message.as_bytes()), message }
    }

    /// A message that no launcher takes, since no descriptor could be made for the key.
    pub(crate) fn without_key(message: &'a OsStr, errno: i32) -> Self {
        Self { descriptor: -errno.abs(), code: 0, message }
    }

    pub(crate) fn to_argument(&self) -> OsString {
        let mut argument = OsString::from(format!("{}.{:032x}.", self.descriptor, self.code));
        argument.push(self.message);
        argument
    }

    pub(crate) fn from_argument(argument: &'a OsStr) -> Option<Self> {
        let mut parts = argument.as_bytes().splitn(3, |byte| *byte == b'.');
        let mut text = || std::str::from_utf8(parts.next()?).ok();
        let (descriptor, code) = (text()?.parse().ok()?, u128::from_str_radix(text()?, 16).ok()?);
        Some(Self { descriptor, code, message: OsStr::from_bytes(parts.next()?) })
    }

    /// Whether the message is one that was marked with this key.
    pub(crate) fn is_by(&self, key: &Key) -> bool {
        // Who compares is a process that is started anew for each guess: how long it takes tells nothing of use.
        self.code == key.code(self.message.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key(std::array::from_fn(|index| index.to_le_bytes()[0]))
    }

    #[test]
    fn codes_are_those_of_the_reference() {
        // Of the vectors of SipHash's authors, for a key and a text that count up from 0.
        let text: Vec<u8> = (0..64).collect();
        for (length, expected) in [
            (0, "a3817f04ba25a8e66df67214c7550293"),
            (1, "da87c1d86b99af44347659119b22fc45"),
            (2, "8177228da4a45dc7fca38bdef60affe4"),
            (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
            (8, "3b62a9ba6258f5610f83e264f31497b4"),
            (15, "5493e99933b0a8117e08ec0f97cfc3d9"),
            (63, "5150d1772f50834a503e069a973fbd7c"),
        ] {
            assert_eq!(format!("{:032x}", key().code(&text[..length]).swap_bytes()), expected, "{length} bytes");
        }
    }

    #[test]
    fn a_mark_is_of_one_message_and_one_key() {
        let message = OsStr::new("c0ffee");
        let argument = Marked::new(message, &key(), 7).to_argument();
        let marked = Marked::from_argument(&argument).expect("it reads what it wrote");
        assert_eq!((marked.descriptor, marked.message), (7, message));
        assert!(marked.is_by(&key()));
        let mut other = key();
        other.0[9] ^= 1;
        assert!(!marked.is_by(&other));
        for changed in ["c0ffef", "c0ffee0", "c0ffe", ""] {
            assert!(!Marked { message: OsStr::new(changed), ..marked }.is_by(&key()), "{changed}");
        }
    }

    #[test]
    fn what_is_no_mark_is_none() {
        for wrong in ["", "7", "7.", "7.00", "x.00.y", "7.zz.y", "99999999999.00.y"] {
            assert!(Marked::from_argument(OsStr::new(wrong)).is_none(), "{wrong}");
        }
        let unmarked = Marked::without_key(OsStr::new("c0ffee"), libc::EMFILE).to_argument();
        let unmarked = Marked::from_argument(&unmarked).expect("it reads what it wrote");
        assert_eq!(unmarked.descriptor, -libc::EMFILE);
    }
}
