//! A profile prints as the attribute is written, and what is printed reads back as the same operations.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

use proptest::prelude::*;

use super::*;
use crate::profile::{AddressPattern, Operation, PathPattern, ProfilePath};

#[test]
fn a_profile_of_defaults_prints_nothing() {
    assert_eq!(Profile::NOTHING.to_string(), "");
}

#[test]
fn a_profile_prints_as_the_attribute_is_written() {
    static OPERATIONS: [Operation; 4] = [
        Operation::FileReadAll(PathPattern::Subpath(ProfilePath::from_checked("/a"))),
        Operation::NetworkOutbound(AddressPattern::Tcp(443)),
        Operation::FileReadAll(PathPattern::Subpath(ProfilePath::from_checked("/b"))),
        Operation::FileWriteAll(PathPattern::Subpath(ProfilePath::from_checked("/c"))),
    ];
    static ENVIRONMENT: [Cow<'static, str>; 1] = [Cow::Borrowed("TZ")];
    let limits = Limits {
        time: Some(Duration::from_millis(1500)),
        cpu: Some(Duration::from_secs(120)),
        memory: Some(3 << 20),
        files: None,
        ..Limits::DEFAULT
    };
    let profile = Profile::from_parts(
        &OPERATIONS,
        &ENVIRONMENT,
        limits,
        Output::Null,
        Output::Capture,
        Process::Reused,
        Violation::Kill,
    );
    assert_eq!(
        profile.to_string(),
        r#"read = ["/a", "/b"], write = "/c", net = "tcp:443", env = "TZ", time = "1500ms", cpu = "2min", memory = "3MiB", files = "none", stdout = "null", process = "reused", violation = "kill""#
    );
}

/// In another order than that of printing, and one of them twice.
const EVERY_OPERATION: [&str; 12] = [
    r#"system = "info""#,
    r#"listen = "udp:53""#,
    r#"net = "unix:/run/x.sock""#,
    r#"exec = "/usr/bin/convert""#,
    r#"metadata = "/usr/share""#,
    r#"read = "/data""#,
    r#"write = "literal:/var/log/app""#,
    r#"read = "literal:/etc/hosts""#,
    r#"read = "/data""#,
    r#"net = "tcp:443""#,
    r#"exec = "literal:/bin/true""#,
    r#"net = "udp:53""#,
];

#[test]
fn every_operation_prints_under_its_key() {
    let mut profile = Profile::NOTHING;
    for written in EVERY_OPERATION {
        profile.operations_mut().extend(operations(written));
    }
    profile.environment_mut().extend([Cow::Borrowed("TZ"), Cow::Borrowed("LANG"), Cow::Borrowed("TZ")]);
    // The attribute takes this text: gaol-macros holds it among the right combinations.
    assert_eq!(
        profile.to_string(),
        r#"read = ["/data", "literal:/etc/hosts"], write = "literal:/var/log/app", metadata = "/usr/share", exec = ["/usr/bin/convert", "literal:/bin/true"], net = ["unix:/run/x.sock", "tcp:443", "udp:53"], listen = "udp:53", system = "info", env = ["TZ", "LANG"]"#
    );
}

#[test]
fn an_operation_prints_as_it_is_written() {
    for written in EVERY_OPERATION.into_iter().chain([r#"net = "all""#, r#"listen = "all""#, r#"listen = "tcp:1""#]) {
        let [operation] = operations(written).try_into().expect("one operation");
        assert_eq!(operation.to_string(), written);
    }
}

#[test]
fn a_path_that_is_no_text_prints_with_its_bytes() {
    use std::os::unix::ffi::OsStrExt;

    let path = std::ffi::OsStr::from_bytes(b"/a\xff\"b");
    let mut profile = Profile::NOTHING;
    profile.operations_mut().push(Operation::FileReadAll(PathPattern::literal(path).expect("a path")));
    profile.operations_mut().push(Operation::NetworkOutbound(AddressPattern::local_socket(path).expect("a path")));
    assert_eq!(profile.to_string(), r#"read = "literal:/a\xFF\"b", net = "unix:/a\xFF\"b""#);
}

fn path() -> impl Strategy<Value = ProfilePath> {
    let component = prop_oneof!["[a-z]{1,3}", "[a-z\"'\\\\ :{}\n\t\u{7f}\u{200b}\u{301}]{1,8}", "[^/\\x00]{1,8}"];
    let component = component.prop_filter("normal", |name| name != "." && name != "..");
    prop::collection::vec(component, 0..4).prop_map(|components| {
        ProfilePath::new(format!("/{}", components.join("/"))).expect("it is absolute and normal")
    })
}

fn pattern() -> impl Strategy<Value = PathPattern> {
    prop_oneof![path().prop_map(PathPattern::Literal), path().prop_map(PathPattern::Subpath)]
}

fn ports() -> impl Strategy<Value = AddressPattern> {
    prop_oneof![
        Just(AddressPattern::All),
        (1..=u16::MAX).prop_map(AddressPattern::Tcp),
        (1..=u16::MAX).prop_map(AddressPattern::Udp),
    ]
}

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        pattern().prop_map(Operation::FileReadAll),
        pattern().prop_map(Operation::FileWriteAll),
        pattern().prop_map(Operation::FileReadMetadata),
        pattern().prop_map(Operation::ProcessExec),
        ports().prop_map(Operation::NetworkOutbound),
        path().prop_map(|path| Operation::NetworkOutbound(AddressPattern::LocalSocket(path))),
        ports().prop_map(Operation::NetworkInbound),
        Just(Operation::SystemInfoRead),
    ]
}

proptest! {
    #[test]
    fn a_printed_profile_reads_back_as_the_same_operations(list in prop::collection::vec(operation(), 0..10)) {
        let mut profile = Profile::NOTHING;
        profile.operations_mut().extend(list.iter().cloned());
        let mut expected: Vec<Operation> = Vec::new();
        for key in OPERATION_KEYS {
            for operation in list.iter().filter(|operation| operation.key() == key) {
                if !expected.contains(operation) {
                    expected.push(operation.clone());
                }
            }
        }
        prop_assert_eq!(operations(&profile.to_string()), expected);
    }
}

/// What the attribute would allow with this text.
fn operations(printed: &str) -> Vec<Operation> {
    let mut letters = printed.chars().peekable();
    let mut operations = Vec::new();
    while letters.peek().is_some() {
        let key: String = std::iter::from_fn(|| letters.next_if(|letter| *letter != ' ')).collect();
        expect(&mut letters, " = ");
        let list = letters.next_if_eq(&'[').is_some();
        loop {
            let text = string(&mut letters);
            operations.push(Operation::from_text(&key, &text).expect("what is printed can be written"));
            if !list || letters.next_if_eq(&']').is_some() {
                break;
            }
            expect(&mut letters, ", ");
        }
        if letters.peek().is_some() {
            expect(&mut letters, ", ");
        }
    }
    operations
}

fn expect(letters: &mut Peekable<Chars<'_>>, text: &str) {
    for letter in text.chars() {
        assert_eq!(letters.next(), Some(letter));
    }
}

/// The value of a string literal.
fn string(letters: &mut Peekable<Chars<'_>>) -> String {
    expect(letters, "\"");
    let mut text = String::new();
    loop {
        let letter = letters.next().expect("the string ends");
        match letter {
            '"' => return text,
            '\\' => text.push(escaped(letters)),
            letter => text.push(letter),
        }
    }
}

fn escaped(letters: &mut Peekable<Chars<'_>>) -> char {
    match letters.next().expect("something is escaped") {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '0' => '\0',
        letter @ ('"' | '\'' | '\\') => letter,
        'u' => {
            expect(letters, "{");
            let digits: String = std::iter::from_fn(|| letters.next_if(char::is_ascii_hexdigit)).collect();
            expect(letters, "}");
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).expect("a character")
        }
        other => panic!("`\\{other}` is no escape of a string"),
    }
}
