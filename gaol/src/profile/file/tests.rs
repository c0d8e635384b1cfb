//! What a file says is what the profile prints.

mod mistakes;
mod round_trips;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::value::{Error as PlainError, MapDeserializer};

use super::*;
use crate::profile::{AddressPattern, PathPattern, Profile};

fn from_json(text: &str) -> Result<Profile, String> {
    serde_json::from_str(text).map_err(|error| without_place(&error.to_string()))
}

/// The message of `serde_json` without the line and the column.
fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or_default().to_owned()
}

fn with(change: impl FnOnce(&mut Profile)) -> Profile {
    let mut profile = Profile::NOTHING;
    change(&mut profile);
    profile
}

/// Every key, in another order than that of printing.
const EVERY_KEY: &str = r#"{
    "violation": "kill", "process": "exec", "stderr": "null", "stdout": "inherit",
    "reply": 3000, "file_size": "none", "threads": 8, "files": "none", "memory": "64MiB", "cpu": "1500ms", "time": "2s",
    "env": ["TZ", "LANG"], "system": "info", "listen": ["tcp:8080", "udp:53"], "net": ["unix:/run/x.sock", "all"],
    "exec": "/usr/bin/convert", "metadata": ["/c"], "write": "/b", "read": ["literal:/etc/hosts", "/data"]
}"#;

const EVERY_KEY_PRINTED: &str = r#"read = ["literal:/etc/hosts", "/data"], write = "/b", metadata = "/c", exec = "/usr/bin/convert", net = ["unix:/run/x.sock", "all"], listen = ["tcp:8080", "udp:53"], system = "info", env = ["TZ", "LANG"], time = "2s", cpu = "1500ms", memory = "64MiB", files = "none", threads = 8, file_size = "none", reply = "3000B", stdout = "inherit", stderr = "null", process = "exec", violation = "kill""#;

const EVERY_KEY_WRITTEN: &str = r#"{"read":["literal:/etc/hosts","/data"],"write":["/b"],"metadata":["/c"],"exec":["/usr/bin/convert"],"net":["unix:/run/x.sock","all"],"listen":["tcp:8080","udp:53"],"system":"info","env":["TZ","LANG"],"time":"2s","cpu":"1500ms","memory":"64MiB","files":"none","threads":8,"file_size":"none","reply":"3000B","stdout":"inherit","stderr":"null","process":"exec","violation":"kill"}"#;

#[test]
fn every_key_is_read_and_written() {
    let profile = from_json(EVERY_KEY).expect("a profile");
    assert_eq!(profile.to_string(), EVERY_KEY_PRINTED);
    assert_eq!(serde_json::to_string(&profile).expect("a file can hold it"), EVERY_KEY_WRITTEN);
    let toml = toml::to_string(&profile).expect("a file can hold it");
    assert_eq!(toml::from_str(&toml), Ok(profile));
    for key in KEYS {
        assert!(toml.contains(&format!("{} = ", key.name)), "{}", key.name);
    }
}

#[test]
fn the_attribute_is_toml() {
    let written = EVERY_KEY_PRINTED.replace("], ", "]\n").replace("\", ", "\"\n").replace("8, ", "8\n");
    // What stands between the values of a list is a separator as well.
    let written = written.replace("\"\n\"", "\", \"");
    assert_eq!(toml::from_str::<Profile>(&written), Ok(from_json(EVERY_KEY).expect("a profile")), "{written}");
}

#[test]
fn what_is_left_out_is_the_default() {
    assert_eq!(from_json("{}"), Ok(Profile::NOTHING));
    assert_eq!(toml::from_str(""), Ok(Profile::NOTHING));
    assert_eq!(serde_json::to_string(&Profile::NOTHING).expect("a file can hold it"), "{}");
    let written = r#"{"time": "60s", "cpu": "none", "memory": "1GiB", "files": 256, "threads": "64", "file_size": "1024MiB",
        "reply": 67108864, "stdout": "capture", "stderr": "capture", "process": "fresh", "violation": "deny"}"#;
    assert_eq!(from_json(written), Ok(Profile::NOTHING));
}

#[test]
fn the_order_of_keys_means_nothing() {
    let one = from_json(r#"{"net": "tcp:1", "read": ["/b", "/a"]}"#).expect("a profile");
    let other = from_json(r#"{"read": ["/b", "/a"], "net": ["tcp:1"]}"#).expect("a profile");
    assert_eq!(one, other);
    assert_eq!(one.to_string(), r#"read = ["/b", "/a"], net = "tcp:1""#);
}

#[test]
fn what_allows_the_same_is_written_the_same() {
    let path = |path| PathPattern::subpath(path).expect("a path");
    let (read, net) = (Operation::FileReadAll(path("/a")), Operation::NetworkOutbound(AddressPattern::All));
    let profile = with(|profile| {
        profile.operations_mut().extend([net.clone(), read.clone(), Operation::SystemInfoRead, net.clone()]);
        profile.operations_mut().extend([Operation::SystemInfoRead, read.clone()]);
        profile.environment_mut().extend([Cow::Borrowed("TZ"), Cow::Borrowed("TZ")]);
    });
    let written = serde_json::to_string(&profile).expect("a file can hold it");
    assert_eq!(written, r#"{"read":["/a"],"net":["all"],"system":"info","env":["TZ"]}"#);
    let read_back = from_json(&written).expect("it reads back");
    assert_eq!(read_back.allowed_operations(), [read, net, Operation::SystemInfoRead]);
    assert_eq!(read_back.to_string(), profile.to_string());
}

#[test]
fn a_number_may_come_as_serde_json_passes_it_with_arbitrary_precision() {
    let number = |key: &'static str, digits: &'static str| {
        let number = std::collections::BTreeMap::from([("$serde_json::private::Number", digits)]);
        let number = MapDeserializer::<_, PlainError>::new(number.into_iter());
        let map = MapDeserializer::new([(key, number)].into_iter());
        Profile::deserialize(map).map(|profile| profile.to_string()).map_err(|error| error.to_string())
    };
    assert_eq!(number("threads", "8"), Ok("threads = 8".to_owned()));
    assert_eq!(number("memory", "65536"), Ok("memory = \"64KiB\"".to_owned()));
    assert_eq!(
        number("threads", "1.5"),
        Err("threads: `1.5` is not a count; expected a whole number such as `64`, or `none`".to_owned())
    );
    assert_eq!(
        number("read", "8"),
        Err("read: the number `8` does not belong here; expected a string such as \"/data\", or a list of strings"
            .to_owned())
    );
}
