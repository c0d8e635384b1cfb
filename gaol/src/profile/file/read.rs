//! Reads a profile from the map of its keys.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::{self, Display};

use gaol_spec::{Output, Process, SpecError, Violation};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{KEYS, Key, Takes, check_length, check_values, place};
use crate::profile::{Limits, Operation, Profile, rules};

/// As in the attribute, so that `{"read": "/data", "time": "2s"}` is `read = "/data", time = "2s"`.
///
/// * `read`, `write`, `metadata`, `exec`, `net`, `listen` and `env` are a string or a list of strings.
/// * `files` and `threads` are a whole number, or `"none"`.
/// * `memory`, `file_size` and `reply` are a string with a unit, a whole number of bytes, or `"none"`.
/// * Every other key is a string.
///
/// What is left out is as in [`Profile::NOTHING`], which is what an empty map reads as. Operations come out in the order of the keys that
/// the profile prints in, whatever their order in the file.
///
/// Reading does not ask the system: the paths need not exist, and what this system cannot allow is no error yet. [`Profile::check`] asks,
/// and so does whatever uses the profile.
///
/// # Errors
///
/// A key that there is not, or that is there twice; a value that the attribute would not take, told in its words after the key
/// (`read: …`); an empty list, a repetition in a list, more than 1024 values in one; and what [`RuleError`](crate::RuleError) says.
impl<'de> serde::Deserialize<'de> for Profile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ProfileVisitor)
    }
}

struct ProfileVisitor;

impl<'de> Visitor<'de> for ProfileVisitor {
    type Value = Profile;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile, which is a map of keys such as `read` and `time`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Profile, A::Error> {
        let mut draft = Draft::new();
        let mut written = Vec::new();
        while let Some(key) = map.next_key_seed(KeyName)? {
            if written.contains(&key.name) {
                return Err(Error::custom(written_twice(key)));
            }
            written.push(key.name);
            map.next_value_seed(Value { key, draft: &mut draft, list: None })?;
        }
        let profile = draft.finish();
        rules::check(&profile).map_err(Error::custom)?;
        Ok(profile)
    }
}

fn written_twice(key: Key) -> String {
    let instead = match key.takes {
        Takes::Texts => format!("write one list, such as [{}, …]", key.example),
        Takes::Text | Takes::Size | Takes::Count => "keep one".to_owned(),
    };
    format!("{}: the key is written twice; {instead}", key.name)
}

struct KeyName;

impl<'de> DeserializeSeed<'de> for KeyName {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyName {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key such as `read` or `time`")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Key, E> {
        KEYS.into_iter().find(|key| key.name == name).ok_or_else(|| E::custom(unknown_key(name)))
    }
}

fn unknown_key(name: &str) -> String {
    /// No misspelling is longer, and the comparison takes memory in proportion.
    const LONGEST: usize = 64;
    let names = KEYS.map(|key| key.name);
    let Some((cut, _)) = name.char_indices().nth(LONGEST) else {
        return match gaol_spec::nearest(name, &names) {
            Some(near) => format!("`{name}` is not a key; did you mean `{near}`?"),
            None => format!("`{name}` is not a key; expected one of `{}`", names.join("`, `")),
        };
    };
    format!("`{}…` is not a key; expected one of `{}`", &name[..cut], names.join("`, `"))
}

/// The value of a key, or one of its list.
struct Value<'a> {
    key: Key,
    draft: &'a mut Draft,
    /// In a list: what it held before.
    list: Option<&'a mut HashSet<String>>,
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(self)
        } else if self.key.takes == Takes::Texts && self.list.is_none() {
            // Bytes that do not say what they are: it is what `write.rs` writes.
            deserializer.deserialize_seq(self)
        } else {
            deserializer.deserialize_str(self)
        }
    }
}

impl Value<'_> {
    fn text<E: Error>(self, text: &str) -> Result<(), E> {
        let key = self.key.name;
        let wrong = |error: SpecError| E::custom(format!("{key}: {error}"));
        check_length(text).map_err(wrong)?;
        self.draft.put(key, text).map_err(wrong)?;
        if let Some(list) = self.list
            && !list.insert(text.to_owned())
        {
            return Err(E::custom(format!("{key}: `{text}` is written twice; keep one")));
        }
        Ok(())
    }

    /// A number has the bounds, and the messages, of the same number as text.
    fn number<E: Error>(self, number: impl Display) -> Result<(), E> {
        match self.key.takes {
            Takes::Size => self.text(&format!("{number}B")),
            Takes::Count => self.text(&number.to_string()),
            Takes::Texts | Takes::Text => self.wrong(format_args!("the number `{number}`")),
        }
    }

    fn wrong<E: Error>(&self, what: impl Display) -> Result<(), E> {
        Err(E::custom(format!("{}: {what} does not belong here; expected {}", self.key.name, self.expected())))
    }

    fn expected(&self) -> String {
        let example = self.key.example;
        match self.key.takes {
            Takes::Texts if self.list.is_none() => format!("a string such as {example}, or a list of strings"),
            Takes::Texts | Takes::Text => format!("a string such as {example}"),
            Takes::Size => format!("a string such as {example}, a whole number of bytes, or \"none\""),
            Takes::Count => format!("a whole number such as {example}, or \"none\""),
        }
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` to be {}", self.key.name, self.expected())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.text(text)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_u128<E: Error>(self, number: u128) -> Result<(), E> {
        self.number(number)
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<(), E> {
        self.number(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.wrong(format_args!("the number `{number:?}`"))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.wrong(format_args!("`{value}`"))
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.wrong("null")
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.wrong("null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        if self.key.takes != Takes::Texts || self.list.is_some() {
            return self.wrong("a list");
        }
        let wrong = |error: SpecError| A::Error::custom(format!("{}: {error}", self.key.name));
        let mut list = HashSet::new();
        while let Some(()) =
            values.next_element_seed(Value { key: self.key, draft: self.draft, list: Some(&mut list) })?
        {
            check_values(list.len()).map_err(wrong)?;
        }
        if list.is_empty() {
            // It reads as if it might allow everything.
            return Err(wrong(SpecError::new(format!(
                "the list is empty and allows nothing; leave `{}` out",
                self.key.name
            ))));
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // What `serde_json` makes of a number when any crate of the program enables its feature `arbitrary_precision`.
        if let Ok(Some(name)) = map.next_key::<Cow<'_, str>>()
            && name == "$serde_json::private::Number"
        {
            return self.number(map.next_value::<String>()?);
        }
        self.wrong("a map")
    }
}

/// A profile before it is held to the rules.
struct Draft {
    operations: Vec<Operation>,
    environment: Vec<Cow<'static, str>>,
    limits: Limits,
    stdout: Output,
    stderr: Output,
    process: Process,
    violation: Violation,
}

impl Draft {
    fn new() -> Self {
        let default = Profile::NOTHING;
        Self {
            operations: Vec::new(),
            environment: Vec::new(),
            limits: *default.limits(),
            stdout: default.stdout(),
            stderr: default.stderr(),
            process: default.process(),
            violation: default.violation(),
        }
    }

    /// Takes what the attribute's key says with this text.
    fn put(&mut self, key: &str, text: &str) -> Result<(), SpecError> {
        match key {
            "env" => {
                gaol_spec::check_env_name(text)?;
                self.environment.push(Cow::Owned(text.to_owned()));
            }
            "time" => self.limits.time = gaol_spec::parse_duration(text)?,
            "cpu" => self.limits.cpu = gaol_spec::parse_duration(text)?,
            "memory" => self.limits.memory = gaol_spec::parse_size(text)?,
            "files" => self.limits.files = gaol_spec::parse_count(text)?,
            "threads" => self.limits.threads = gaol_spec::parse_count(text)?,
            "file_size" => self.limits.file_size = gaol_spec::parse_size(text)?,
            "reply" => self.limits.reply = gaol_spec::parse_size(text)?,
            "stdout" => self.stdout = Output::parse(text)?,
            "stderr" => self.stderr = Output::parse(text)?,
            "process" => self.process = Process::parse(text)?,
            "violation" => self.violation = Violation::parse(text)?,
            operation => self.operations.push(Operation::from_text(operation, text)?),
        }
        Ok(())
    }

    fn finish(mut self) -> Profile {
        // Files that say the same are equal profiles.
        self.operations.sort_by_key(place);
        let mut profile =
            Profile::from_parts(&[], &[], self.limits, self.stdout, self.stderr, self.process, self.violation);
        *profile.operations_mut() = self.operations;
        *profile.environment_mut() = self.environment;
        profile
    }
}
