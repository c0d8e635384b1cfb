//! Writes a profile as the map of its keys.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use gaol_spec::SpecError;
use serde::ser::{Error, SerializeMap, Serializer};

use super::{KEYS, check_length, check_values};
use crate::function::manifest;
use crate::profile::{AddressPattern, Operation, PathPattern, Profile, rules};

/// The keys that differ from [`Profile::NOTHING`], with the texts that the profile prints: `{"read": ["/data"], "time": "2s"}`.
///
/// Lists are written as lists, also of one value. What comes out reads back as a profile that allows the same: an equal one, but that
/// operations are in the order of the keys, and each is there once.
///
/// # Errors
///
/// A value that a file cannot hold: a path that is not UTF-8, a duration finer than a millisecond, more than 1024 values of one key; or
/// one that could not be read back, being against a rule ([`RuleError`](crate::RuleError)).
impl serde::Serialize for Profile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entries = entries(self).map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(Some(entries.len()))?;
        for (key, value) in &entries {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

enum Value {
    Texts(Vec<String>),
    Text(String),
    Count(u64),
}

impl serde::Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Texts(texts) => texts.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Count(count) if serializer.is_human_readable() => serializer.serialize_u64(*count),
            // A reader of bytes that do not say what they are cannot choose between a number and "none".
            Self::Count(count) => serializer.collect_str(count),
        }
    }
}

/// Each key that is to be written, or why one cannot be.
fn entries(profile: &Profile) -> Result<Vec<(&'static str, Value)>, String> {
    rules::check(profile).map_err(|error| error.to_string())?;
    let default = Profile::NOTHING;
    let mut entries = Vec::new();
    for key in KEYS.map(|key| key.name) {
        let value = match key {
            "env" => texts(profile.environment().map(|name| Ok(name.to_owned()))),
            "time" => changed(profile.limits().time, default.limits().time, duration),
            "cpu" => changed(profile.limits().cpu, default.limits().cpu, duration),
            "memory" => changed(profile.limits().memory, default.limits().memory, size),
            "files" => changed(profile.limits().files, default.limits().files, count),
            "threads" => changed(profile.limits().threads, default.limits().threads, count),
            "file_size" => changed(profile.limits().file_size, default.limits().file_size, size),
            "reply" => changed(profile.limits().reply, default.limits().reply, size),
            "stdout" => Ok(chosen(profile.stdout(), default.stdout())),
            "stderr" => Ok(chosen(profile.stderr(), default.stderr())),
            "process" => Ok(chosen(profile.process(), default.process())),
            "violation" => Ok(chosen(profile.violation(), default.violation())),
            "system" => operations(profile, key).next().transpose().map(|text| text.map(Value::Text)),
            key => texts(operations(profile, key)),
        };
        let value = value.map_err(|error| format!("{key}: {error}"))?;
        entries.extend(value.map(|value| (key, value)));
    }
    Ok(entries)
}

/// What the profile says at the key of an operation.
fn operations(profile: &Profile, key: &str) -> impl Iterator<Item = Result<String, SpecError>> {
    profile.allowed_operations().iter().filter(move |operation| operation.key() == key).map(text)
}

/// Each text once.
fn texts(all: impl Iterator<Item = Result<String, SpecError>>) -> Result<Option<Value>, SpecError> {
    let (mut once, mut known) = (Vec::new(), HashSet::new());
    for text in all {
        let text = text?;
        check_length(&text)?;
        if known.insert(text.clone()) {
            once.push(text);
        }
        check_values(once.len())?;
    }
    Ok((!once.is_empty()).then_some(Value::Texts(once)))
}

fn text(operation: &Operation) -> Result<String, SpecError> {
    match operation {
        Operation::FileReadAll(pattern)
        | Operation::FileReadMetadata(pattern)
        | Operation::FileWriteAll(pattern)
        | Operation::ProcessExec(pattern) => match pattern {
            PathPattern::Literal(path) => with_prefix("literal:", path.as_path()),
            PathPattern::Subpath(path) => with_prefix("", path.as_path()),
        },
        Operation::NetworkOutbound(address) | Operation::NetworkInbound(address) => match address {
            AddressPattern::All => Ok("all".to_owned()),
            AddressPattern::Tcp(port) => Ok(format!("tcp:{port}")),
            AddressPattern::Udp(port) => Ok(format!("udp:{port}")),
            AddressPattern::LocalSocket(path) => with_prefix("unix:", path.as_path()),
        },
        Operation::SystemInfoRead => Ok(gaol_spec::System::Info.to_string()),
        Operation::PlatformSpecific(operation) => match *operation {},
    }
}

fn with_prefix(word: &str, path: &Path) -> Result<String, SpecError> {
    match path.to_str() {
        Some(path) => Ok(format!("{word}{path}")),
        None => {
            Err(SpecError::new(format!("{path:?} is not UTF-8, so no file can hold it; name a directory above it")))
        }
    }
}

fn changed<T: Copy + PartialEq>(
    value: Option<T>,
    default: Option<T>,
    write: fn(T) -> Result<Value, SpecError>,
) -> Result<Option<Value>, SpecError> {
    match value {
        value if value == default => Ok(None),
        None => Ok(Some(Value::Text("none".to_owned()))),
        Some(value) => write(value).map(Some),
    }
}

fn duration(time: Duration) -> Result<Value, SpecError> {
    match manifest::duration(time) {
        Some(text) => Ok(Value::Text(text)),
        None => Err(SpecError::new(format!("`{time:?}` is finer than a millisecond; expected whole milliseconds"))),
    }
}

fn size(bytes: u64) -> Result<Value, SpecError> {
    Ok(Value::Text(manifest::size(bytes)))
}

fn count(count: u64) -> Result<Value, SpecError> {
    Ok(Value::Count(count))
}

fn chosen<T: PartialEq + ToString>(value: T, default: T) -> Option<Value> {
    (value != default).then(|| Value::Text(value.to_string()))
}
