//! Tainted data is sent between the parent and a sandbox, by gaol's codec, and nowhere else.
//!
//! serde is a way in: `serde_json::to_string(&tainted)` would read the value, and a `#[derive(Serialize)]` on a struct around it would
//! do so unseen. So the content is written and read where the codec has answered to its [reserved] name, which no other format does.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use super::Tainted;
use crate::protocol::codec::reserved;

/// As the value, with not a byte added, between the parent and a sandbox.
///
/// # Errors
///
/// In any other format, "tainted data can be sent to a sandbox and nowhere else".
impl<T: Serialize> Serialize for Tainted<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        reserved::ask();
        serializer.serialize_newtype_struct(reserved::NAME, &Content(&self.0))
    }
}

/// What the codec writes once it has answered.
struct Content<'a, T>(&'a T);

impl<T: Serialize> Serialize for Content<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !reserved::is_answered() {
            return Err(S::Error::custom(
                "tainted data can be sent to a sandbox and nowhere else; call `verify` or `trust_because` first",
            ));
        }
        self.0.serialize(serializer)
    }
}

/// As the value, with not a byte added, between the parent and a sandbox.
///
/// # Errors
///
/// In any other format, "tainted data is received from a sandbox and nowhere else".
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Tainted<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        reserved::ask();
        deserializer.deserialize_newtype_struct(reserved::NAME, Receiver(PhantomData))
    }
}

/// What reads the content once the codec has answered.
struct Receiver<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Receiver<T> {
    type Value = Tainted<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tainted data, which is received from a sandbox and nowhere else")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tainted<T>, D::Error> {
        if !reserved::is_answered() {
            return Err(D::Error::custom(
                "tainted data is received from a sandbox and nowhere else; read the value and mark it with `Tainted::new`",
            ));
        }
        T::deserialize(deserializer).map(Tainted)
    }
}
