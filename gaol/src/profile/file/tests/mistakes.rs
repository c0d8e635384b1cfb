//! Each mistake has its message.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::value::{Error as PlainError, MapDeserializer};
use serde_json::json;

use super::{from_json, with};
use crate::profile::file::{KEYS, Takes};
use crate::profile::{AddressPattern, Limits, Operation, PathPattern, Profile};

#[test]
fn each_mistake_has_its_message() {
    let all = KEYS.map(|key| key.name).join("`, `");
    for (written, message) in [
        // Keys
        (r#"{"writes": "/a"}"#, "`writes` is not a key; did you mean `write`?".to_owned()),
        (r#"{"banana": 1}"#, format!("`banana` is not a key; expected one of `{all}`")),
        (r#"{"": 1}"#, format!("`` is not a key; expected one of `{all}`")),
        (r#"{"broker": "x"}"#, format!("`broker` is not a key; expected one of `{all}`")),
        (
            r#"{"read": "/a", "read": "/b"}"#,
            "read: the key is written twice; write one list, such as [\"/data\", …]".to_owned(),
        ),
        (r#"{"time": "1s", "time": "1s"}"#, "time: the key is written twice; keep one".to_owned()),
        // Lists
        (r#"{"exec": []}"#, "exec: the list is empty and allows nothing; leave `exec` out".to_owned()),
        (r#"{"env": ["TZ", "LANG", "TZ"]}"#, "env: `TZ` is written twice; keep one".to_owned()),
        // Types
        (
            r#"{"read": 1}"#,
            "read: the number `1` does not belong here; expected a string such as \"/data\", or a list of strings"
                .to_owned(),
        ),
        (
            r#"{"net": [443]}"#,
            "net: the number `443` does not belong here; expected a string such as \"tcp:443\"".to_owned(),
        ),
        (
            r#"{"read": [["/a"]]}"#,
            "read: a list does not belong here; expected a string such as \"/data\"".to_owned(),
        ),
        (
            r#"{"system": ["info"]}"#,
            "system: a list does not belong here; expected a string such as \"info\"".to_owned(),
        ),
        (
            r#"{"listen": {"tcp": 80}}"#,
            "listen: a map does not belong here; expected a string such as \"tcp:8080\", or a list of strings".to_owned(),
        ),
        (r#"{"time": 2}"#, "time: the number `2` does not belong here; expected a string such as \"2s\"".to_owned()),
        (r#"{"cpu": null}"#, "cpu: null does not belong here; expected a string such as \"2s\"".to_owned()),
        (
            r#"{"memory": 1.0}"#,
            "memory: the number `1.0` does not belong here; expected a string such as \"256MiB\", a whole number of bytes, \
             or \"none\""
                .to_owned(),
        ),
        (
            r#"{"threads": true}"#,
            "threads: `true` does not belong here; expected a whole number such as 64, or \"none\"".to_owned(),
        ),
        (
            r#"["/data"]"#,
            "invalid type: sequence, expected a profile, which is a map of keys such as `read` and `time`".to_owned(),
        ),
        // Values: one a grammar, all of which `gaol-spec` has with their messages.
        (
            r#"{"read": ["/a", "data"]}"#,
            "read: `data` is relative; expected an absolute path, which starts with `/`".to_owned(),
        ),
        (r#"{"write": "/a/"}"#, "write: `/a/` ends with `/`; write `/a`".to_owned()),
        (
            r#"{"metadata": "litteral:/a"}"#,
            "metadata: `litteral:` goes before no path; did you mean `literal:/a`?".to_owned(),
        ),
        (r#"{"exec": ""}"#, "exec: the path is empty; expected an absolute path such as `/data`".to_owned()),
        (r#"{"net": "443"}"#, "net: `443` names no protocol; write `tcp:443`".to_owned()),
        (
            r#"{"listen": "unix:/x"}"#,
            "listen: `unix:/x` is a Unix socket, which no sandboxed function may bind; bind the socket in the application, \
             outside"
                .to_owned(),
        ),
        (r#"{"system": "inof"}"#, "system: `inof` is not a valid part of the system; did you mean `info`?".to_owned()),
        (
            r#"{"env": "LD_PRELOAD"}"#,
            "env: `LD_PRELOAD` steers the dynamic loader; it cannot be passed to a sandboxed process".to_owned(),
        ),
        (
            r#"{"time": "2"}"#,
            "time: `2` has no unit; expected one of `ms`, `s`, `min`, `h`, as in `2s`".to_owned(),
        ),
        (
            r#"{"memory": "64"}"#,
            "memory: `64` has no unit; expected one of `B`, `KiB`, `MiB`, `GiB`, `TiB`, as in `64MiB`".to_owned(),
        ),
        (
            r#"{"reply": 0}"#,
            "reply: `0B` leaves nothing to run with; expected at least `1B`, or `none` for no limit".to_owned(),
        ),
        (
            r#"{"file_size": 18446744073709551615}"#,
            "file_size: `18446744073709551615B` is too large; expected at most `8388607TiB`, or `none` for no limit"
                .to_owned(),
        ),
        (
            r#"{"memory": -1}"#,
            "memory: `-1B` is negative; expected a whole number and a unit, such as `2MiB`".to_owned(),
        ),
        (
            r#"{"files": -1}"#,
            "files: `-1` is not a count; expected a whole number such as `64`, or `none`".to_owned(),
        ),
        (
            r#"{"threads": 0}"#,
            "threads: a count of `0` leaves nothing to run with; expected at least `1`".to_owned(),
        ),
        (
            r#"{"files": 4294967296}"#,
            "files: the count is too large; expected at most `4294967295`, or `\"none\"` for no limit".to_owned(),
        ),
        (r#"{"stdout": "captured"}"#, "stdout: `captured` is not a valid output destination; did you mean `capture`?".to_owned()),
        (
            r#"{"stderr": "file"}"#,
            "stderr: `file` is not a valid output destination; expected `capture`, `null` or `inherit`".to_owned(),
        ),
        (r#"{"process": "reuse"}"#, "process: `reuse` is not a valid kind of process; did you mean `reused`?".to_owned()),
        (r#"{"violation": "dney"}"#, "violation: `dney` is not a valid answer to a violation; did you mean `deny`?".to_owned()),
        // What holds between values
        (
            r#"{"exec": "/opt/tool", "write": "/opt"}"#,
            "`write = \"/opt\"` lets the function change what `exec = \"/opt/tool\"` runs; write elsewhere or run elsewhere"
                .to_owned(),
        ),
        (r#"{"exec": "/opt", "process": "reused"}"#, gaol_spec::rules::EXEC_REUSED.to_owned()),
        (r#"{"exec": "/opt", "threads": 1}"#, gaol_spec::rules::EXEC_ONE_THREAD.to_owned()),
    ] {
        assert_eq!(from_json(written), Err(message), "{written}");
    }
}

#[test]
fn a_mistake_is_told_where_it_is() {
    let error = toml::from_str::<Profile>("time = \"2s\"\nread = [\"/a\",\n  \"b\"]\n").expect_err("a relative path");
    assert_eq!(
        error.to_string(),
        "TOML parse error at line 3, column 3\n  |\n3 |   \"b\"]\n  |   ^^^\nread: `b` is relative; expected an absolute path, \
         which starts with `/`\n"
    );
    let error = toml::from_str::<Profile>("time = \"2s\"\nraed = \"/a\"\n").expect_err("an unknown key");
    assert_eq!(
        error.to_string(),
        "TOML parse error at line 2, column 1\n  |\n2 | raed = \"/a\"\n  | ^^^^\n`raed` is not a key; did you mean `read`?\n"
    );
    let error = serde_json::from_str::<Profile>("{\n  \"time\": \"2\"}").expect_err("no unit");
    assert_eq!((error.line(), error.column()), (2, 13), "{error}");
}

#[test]
fn a_value_that_no_file_can_hold_is_told() {
    let path = || PathPattern::literal(OsStr::from_bytes(b"/a\xff")).expect("a path");
    let operations = |list: Vec<Operation>| with(|profile| *profile.operations_mut() = list);
    let limits = |limits: Limits| with(|profile| *profile.limits_mut() = limits);
    let ports = |last| (1..=last).map(|port| Operation::NetworkOutbound(AddressPattern::Tcp(port))).collect();
    for (profile, message) in [
        (
            operations(vec![Operation::FileReadAll(path())]),
            r#"read: "/a\xFF" is not UTF-8, so no file can hold it; name a directory above it"#,
        ),
        (
            operations(vec![Operation::NetworkOutbound(
                AddressPattern::local_socket(OsStr::from_bytes(b"/\xfe")).expect("a path"),
            )]),
            r#"net: "/\xFE" is not UTF-8, so no file can hold it; name a directory above it"#,
        ),
        (
            limits(Limits { time: Some(Duration::from_micros(2500)), ..Limits::DEFAULT }),
            "time: `2.5ms` is finer than a millisecond; expected whole milliseconds",
        ),
        (
            limits(Limits { cpu: Some(Duration::from_nanos(1)), ..Limits::DEFAULT }),
            "cpu: `1ns` is finer than a millisecond; expected whole milliseconds",
        ),
        (
            operations(ports(1025)),
            "net: the list has more than 1024 values; expected fewer and wider ones, such as the directory of many files",
        ),
        (
            with(|profile| profile.environment_mut().push(Cow::Owned("A".repeat(4104)))),
            "env: the text is 4104 bytes long; expected at most 4103",
        ),
        // Against a rule, so it would not be read back.
        (
            limits(Limits { threads: Some(0), ..Limits::DEFAULT }),
            "`threads`: a count of `0` leaves nothing to run with; expected at least `1`",
        ),
        (
            operations(vec![Operation::NetworkInbound(AddressPattern::Tcp(0))]),
            "`listen = \"tcp:0\"` names no port; expected a port in 1..=65535",
        ),
    ] {
        assert_eq!(serde_json::to_string(&profile).expect_err("no file can hold it").to_string(), message);
        assert_eq!(toml::to_string(&profile).expect_err("no file can hold it").to_string(), message);
    }
    let most = operations(ports(1024));
    assert_eq!(from_json(&serde_json::to_string(&most).expect("a file can hold it")), Ok(most));
}

#[test]
fn hostile_input_is_an_error() {
    const MANY: usize = 1_000_000;
    let long = "a".repeat(10 * MANY);
    let numbers = |count: usize| (0..count).map(|number| format!("\"/{number}\"")).collect::<Vec<_>>().join(",");
    let too_many = "read: the list has more than 1024 values; expected fewer and wider ones, such as the directory of many \
                    files";
    let too_long = "the text is 10000000 bytes long; expected at most 4103";
    for (written, expected) in [
        ("[".repeat(MANY), "invalid type: sequence"),
        (r#"{"read":"#.repeat(MANY), "read: a map does not belong here"),
        (format!(r#"{{"read":{}"#, "[".repeat(MANY)), "read: a list does not belong here"),
        (format!(r#"{{"time":{}"#, "[".repeat(MANY)), "time: a list does not belong here"),
        (format!(r#"{{"read":[{}]}}"#, numbers(MANY)), too_many),
        (format!(r#"{{"read":[{}"/"]}}"#, "\"/\",".repeat(MANY)), "read: `/` is written twice; keep one"),
        (format!(r#"{{"read":"/{long}"}}"#), "read: the text is 10000001 bytes long; expected at most 4103"),
        (format!(r#"{{"stdout":"{long}"}}"#), too_long),
        (format!(r#"{{"env":"{long}"}}"#), too_long),
        (format!(r#"{{"threads":{}}}"#, "9".repeat(MANY)), "number out of range"),
        (format!(r#"{{"{long}":"/"}}"#), "is not a key; expected one of `read`"),
        (format!(r#"{{"{}":1"#, "é".repeat(65)), "is not a key; expected one of `read`"),
        (r#"{"read":"#.to_owned(), "EOF while parsing a value"),
    ] {
        let message = from_json(&written).expect_err("no profile");
        assert!(message.contains(expected) && message.len() < 1024, "{message}");
    }
    for written in [
        format!("read = {}", "[".repeat(MANY)),
        format!("read = {}{}", "[".repeat(MANY), "]".repeat(MANY)),
        format!("read = {}", "{a=".repeat(1000)),
        format!("{}a = 1", "a.".repeat(1000)),
        format!("read = [{}]", numbers(MANY / 10)),
        format!("stdout = \"{}\"", "a".repeat(MANY)),
        "read = 1979-05-27T07:32:00Z".to_owned(),
        "memory = 1979-05-27".to_owned(),
        "[read]\nx = 1".to_owned(),
        "[[read]]\nx = 1".to_owned(),
        "read = \"/a\"\nread = \"/b\"".to_owned(),
    ] {
        assert!(toml::from_str::<Profile>(&written).is_err());
    }
}

#[test]
fn a_value_of_another_type_is_an_error_at_every_key() {
    let wrong =
        [json!(null), json!(true), json!(1.5), json!({}), json!({"a": 1}), json!([[]]), json!([1]), json!([{}])];
    for key in KEYS {
        let kinds = match key.takes {
            Takes::Texts => vec![json!(1), json!(-1), json!([null])],
            Takes::Text => vec![json!(1), json!(["x"])],
            Takes::Size | Takes::Count => vec![json!(0), json!(-1), json!(["64"]), json!("")],
        };
        for value in wrong.iter().chain(&kinds) {
            let error = serde_json::from_value::<Profile>(json!({ key.name: value })).expect_err("no such value");
            assert!(error.to_string().starts_with(&format!("{}: ", key.name)), "{}: {value}: {error}", key.name);
        }
    }
}

#[test]
fn a_type_that_only_some_formats_have_is_told_with_the_key() {
    let bytes = MapDeserializer::<_, PlainError>::new([("read", &b"/a"[..])].into_iter());
    assert_eq!(
        Profile::deserialize(bytes).expect_err("bytes are no text").to_string(),
        "invalid type: byte array, expected `read` to be a string such as \"/data\", or a list of strings"
    );
}
