//! Writes the members of a container.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};

use super::{EncodeError, Encoder, scoped};

/// A container whose elements are being written.
pub(super) struct Elements<'a, 'o> {
    pub(super) encoder: Encoder<'a, 'o>,
    /// How many are still to come, if the length is in the bytes; otherwise both halves of the type know it.
    pub(super) left: Option<usize>,
}

impl Elements<'_, '_> {
    /// Writes one value inside the container.
    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(Encoder { output: &mut *self.encoder.output, depth: self.encoder.depth })
    }

    /// Writes the next element, or the key of the next entry.
    #[inline]
    fn next<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or_else(wrong_length)?;
        }
        self.value(value)
    }

    /// Writes the next field, if it has a name: some bits of that before it.
    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), EncodeError> {
        self.encoder.output.name(name)?;
        self.next(value)
    }

    /// Checks that the length was true.
    fn finish(self) -> Result<(), EncodeError> {
        if self.left.unwrap_or(0) == 0 { Ok(()) } else { Err(wrong_length()) }
    }
}

/// The error for a length that was not true: what follows would be read out of step.
fn wrong_length() -> EncodeError {
    EncodeError::custom("a sequence, map or struct has another length than it declared")
}

impl SerializeSeq for Elements<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.next(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

impl SerializeMap for Elements<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.next(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.value(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

impl SerializeTuple for Elements<'_, '_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        if scoped::may_be_one_of::<T>() {
            self.encoder.output.may_have_scopes = true;
        }
        self.next(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

/// Implements the traits whose members are fields without a name.
macro_rules! encode_unnamed_fields {
    ($($trait:ident)*) => {$(
        impl $trait for Elements<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.next(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

encode_unnamed_fields! { SerializeTupleStruct SerializeTupleVariant }

/// Implements the traits whose members are fields with a name. One that is left out is not counted, and nothing is written of it.
macro_rules! encode_named_fields {
    ($($trait:ident)*) => {$(
        impl $trait for Elements<'_, '_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), EncodeError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        }
    )*};
}

encode_named_fields! { SerializeStruct SerializeStructVariant }
