//! Reads what has a name: fields, of which some may be left out, and variants.

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess};

use super::{Around, DecodeError, Decoder};
use crate::protocol::codec::shape::{NameMark, mark};

/// The fields of a struct that is being read.
pub(super) struct Fields<'a, 'de> {
    pub(super) decoder: Decoder<'a, 'de>,
    /// What the type calls itself.
    pub(super) of: &'static str,
    /// Those that the type reads, each with every name that it goes by.
    pub(super) fields: &'static [&'static str],
    /// How many of the names are behind us.
    pub(super) at: usize,
}

impl<'de> Fields<'_, 'de> {
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.fields.len()
    }

    /// The error for a type whose halves name other fields.
    #[cold]
    pub(super) fn disagree(&self, how: &str) -> DecodeError {
        let fields = match self.fields {
            [] => "none".to_owned(),
            fields => format!("`{}`", fields.join("`, `")),
        };
        DecodeError::disagree(format_args!("`{}` {how}; it reads {fields}", self.of))
    }

    fn value<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let Decoder { ref mut input, depth, .. } = self.decoder;
        input.account.tick()?;
        seed.deserialize(Decoder { input, depth, around: Around::of::<S::Value>() })
    }
}

/// Fields of which none is left out, and none has a second name.
pub(super) struct FieldsInOrder<'f, 'a, 'de>(pub(super) &'f mut Fields<'a, 'de>);

impl<'de> SeqAccess<'de> for FieldsInOrder<'_, '_, 'de> {
    type Error = DecodeError;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some(&name) = self.0.fields.get(self.0.at) else { return Ok(None) };
        if self.0.decoder.input.name()? != mark(name) {
            return Err(self.0.disagree(&format!("writes another field where it reads `{name}`")));
        }
        self.0.at += 1;
        self.0.value(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.fields.len() - self.0.at)
    }
}

/// Fields that are told by their names, for some may be left out. They come in the order of the names.
pub(super) struct SomeFields<'a, 'de> {
    pub(super) fields: Fields<'a, 'de>,
    /// How many are still to come.
    pub(super) left: usize,
}

impl<'de> MapAccess<'de> for SomeFields<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let written = self.fields.decoder.input.name()?;
        let later = self.fields.fields.get(self.fields.at..).unwrap_or_default();
        let Some(next) = later.iter().position(|name| mark(name) == written) else {
            return Err(self.fields.disagree("writes a field that it does not read, or in another order"));
        };
        self.fields.at += next + 1;
        seed.deserialize(BorrowedStrDeserializer::new(later[next])).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        self.fields.value(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// The variant that was written, of those that a type reads. `None`: the type does not say which it reads, so its number must do.
///
/// The number counts the variants of the type's `Serialize`. Those of its `Deserialize` have more names where there is an `alias`, and fewer
/// where there is a `skip`; so the name decides, but a name that comes earlier than its number says may as well be another variant's.
#[inline]
pub(super) fn variant_of(
    of: &'static str,
    variants: &'static [&'static str],
    index: u32,
    written: NameMark,
) -> Result<Option<&'static str>, DecodeError> {
    if variants.is_empty() {
        return Ok(None);
    }
    let from = usize::try_from(index).unwrap_or(usize::MAX);
    if let Some(&name) = variants.get(from..).unwrap_or_default().iter().find(|name| mark(name) == written) {
        return Ok(Some(name));
    }
    let those = variants.join("`, `");
    Err(match variants.iter().find(|name| mark(name) == written) {
        Some(name) => DecodeError::disagree(format_args!(
            "`{of}::{name}` is written as variant number {index}, and read as an earlier one of `{those}`; let the variants that are skipped \
             stand last in the enum"
        )),
        None => DecodeError::disagree(format_args!(
            "`{of}` writes variant number {index} by a name that it does not read: it reads `{those}`"
        )),
    })
}
