//! What is written reads back, whatever the profile holds.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::time::Duration;

use gaol_spec::{Output, Process, Violation};
use proptest::prelude::*;
use serde_json::json;

use super::from_json;
use crate::function::manifest::tests::operation;
use crate::profile::file::{KEYS, place};
use crate::profile::{Limits, Profile, rules};
use crate::protocol::codec;

fn limits() -> impl Strategy<Value = Limits> {
    let time = || prop::option::of(prop_oneof![1..=5_000_u64, 1..=u64::from(u32::MAX) * 1000]);
    let size = || {
        prop::option::of(prop_oneof![1..=1_u64 << 44, 1..=i64::MAX as u64, (0..=43_u32).prop_map(|shift| 1 << shift)])
    };
    let count = || prop::option::of(1..=u64::from(u32::MAX));
    let chosen = (time(), time(), size(), count(), count(), size(), size());
    chosen.prop_map(|(time, cpu, memory, files, threads, file_size, reply)| {
        let (time, cpu) = (time.map(Duration::from_millis), cpu.map(Duration::from_millis));
        Limits { time, cpu, memory, files, threads, file_size, reply }
    })
}

/// In any order, with repetitions.
fn profile() -> impl Strategy<Value = Profile> {
    let output = || prop_oneof![Just(Output::Capture), Just(Output::Null), Just(Output::Inherit)];
    let process = prop_oneof![Just(Process::Fresh), Just(Process::Exec), Just(Process::Reused)];
    let violation = prop_oneof![Just(Violation::Deny), Just(Violation::Kill)];
    let name =
        "[A-Z][A-Z_]{0,2}|[a-zé\" \\\\]{1,5}".prop_filter("a name", |name| gaol_spec::check_env_name(name).is_ok());
    let operations = prop::collection::vec(operation(), 0..10);
    let names = prop::collection::vec(name, 0..4);
    let limits = prop_oneof![Just(Limits::DEFAULT), limits()];
    (operations, names, limits, output(), output(), process, violation).prop_map(
        |(operations, names, limits, stdout, stderr, process, violation)| {
            let mut profile = Profile::from_parts(&[], &[], limits, stdout, stderr, process, violation);
            *profile.operations_mut() = operations;
            *profile.environment_mut() = names.into_iter().map(Cow::Owned).collect();
            if rules::check(&profile).is_err() {
                profile.operations_mut().retain(|operation| operation.key() != "exec");
            }
            profile
        },
    )
}

/// The same as a file has it: by key, and each once.
fn in_order(profile: &Profile) -> Profile {
    fn once<T: PartialEq + Clone>(list: &mut Vec<T>) {
        let mut known: Vec<T> = Vec::new();
        list.retain(|value| {
            let new = !known.contains(value);
            known.push(value.clone());
            new
        });
    }
    let mut profile = profile.clone();
    profile.operations_mut().sort_by_key(place);
    once(profile.operations_mut());
    once(profile.environment_mut());
    profile
}

/// As the attribute would be written with the values of the file.
fn as_attribute(file: &serde_json::Value) -> String {
    let one = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => format!("{:?}", OsStr::new(text)),
        number => number.to_string(),
    };
    let keys = KEYS.iter().filter_map(|key| Some((key.name, file.get(key.name)?)));
    let written = keys.map(|(key, value)| match value {
        serde_json::Value::Array(list) if list.len() == 1 => format!("{key} = {}", one(&list[0])),
        serde_json::Value::Array(list) => format!("{key} = [{}]", list.iter().map(one).collect::<Vec<_>>().join(", ")),
        value => format!("{key} = {}", one(value)),
    });
    written.collect::<Vec<_>>().join(", ")
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_the_same_profile(profile in profile()) {
        let expected = in_order(&profile);
        let json = serde_json::to_string(&profile).expect("a file can hold it");
        prop_assert_eq!(&from_json(&json).map_err(TestCaseError::fail)?, &expected);
        let toml = toml::to_string(&profile).expect("a file can hold it");
        prop_assert_eq!(&toml::from_str::<Profile>(&toml).expect("it reads back"), &expected);
        let mut bytes = Vec::new();
        codec::encode(&profile, &mut bytes, 1 << 20).expect("a call can hold it");
        prop_assert_eq!(&codec::decode::<Profile>(&bytes).expect("it reads back"), &expected);
        prop_assert_eq!(serde_json::to_string(&expected).expect("a file can hold it"), json);
    }

    #[test]
    fn what_is_printed_is_the_attribute_with_the_values_of_the_file(profile in profile()) {
        let file = serde_json::to_value(&profile).expect("a file can hold it");
        prop_assert_eq!(as_attribute(&file), profile.to_string());
    }

    #[test]
    fn text_of_any_kind_is_read_or_refused(key in 0..KEYS.len(), text in "\\PC{0,20}|(/|literal:|unix:|tcp:|udp:)?[a-z0-9/.:]{0,9}") {
        let key = KEYS[key].name;
        let Ok(profile) = serde_json::from_value::<Profile>(json!({ key: text })) else { return Ok(()) };
        let written = serde_json::to_string(&profile).expect("what was read can be written");
        prop_assert_eq!(from_json(&written), Ok(profile));
    }

    #[test]
    fn bytes_of_any_kind_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[a-z\\[\\]{}\":=, \n/0-9]{0,64}") {
        let _ = serde_json::from_slice::<Profile>(&bytes);
        let _ = postcard::from_bytes::<Profile>(&bytes);
        let _ = serde_json::from_str::<Profile>(&text);
        let _ = toml::from_str::<Profile>(&text);
    }
}
