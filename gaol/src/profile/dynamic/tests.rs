//! What an expression may evaluate to, and what is told of a value that does not belong.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::*;
use crate::profile::{AddressPattern, Limits, Process, ProfilePath};

const NEW: Dynamic = Dynamic::new(false);

fn operations(dynamic: Dynamic) -> Vec<Operation> {
    let nothing = Profile::NOTHING;
    dynamic.apply(&nothing).expect("right values").allowed_operations().to_vec()
}

fn problem(dynamic: Dynamic) -> String {
    dynamic.apply(&Profile::NOTHING).expect_err("a wrong value")
}

fn subpath(path: &str) -> PathPattern {
    PathPattern::subpath(path).expect("a path")
}

fn literal(path: &str) -> PathPattern {
    PathPattern::literal(path).expect("a path")
}

#[test]
fn only_text_has_a_prefix() {
    for dynamic in [
        NEW.read("literal:/a"),
        NEW.read(&"literal:/a".to_owned()),
        NEW.read(&["literal:/a"]),
        NEW.read(&Some("literal:/a")),
        NEW.read(&literal("/a")),
        NEW.read(&vec![literal("/a")]),
    ] {
        assert_eq!(operations(dynamic), [Operation::FileReadAll(literal("/a"))]);
    }
    for dynamic in [
        NEW.read("/a"),
        NEW.read(Path::new("/a")),
        NEW.read(&PathBuf::from("/a")),
        NEW.read(OsStr::new("/a")),
        NEW.read(&OsString::from("/a")),
        NEW.read(&Cow::Borrowed(Path::new("/a"))),
        NEW.read(&ProfilePath::new("/a").expect("a path")),
        NEW.read(&subpath("/a")),
    ] {
        assert_eq!(operations(dynamic), [Operation::FileReadAll(subpath("/a"))]);
    }
    for dynamic in
        [NEW.read(Path::new("literal:/a")), NEW.read(&PathBuf::from("literal:/a")), NEW.read(OsStr::new("literal:/a"))]
    {
        let expected = "`read = …`: `literal:/a` is relative; expected an absolute path, which starts with `/`";
        assert_eq!(problem(dynamic), expected);
    }
}

#[test]
fn each_key_allows_its_operation() {
    let dynamic = NEW
        .read("/a")
        .write(Path::new("/b"))
        .metadata(&["/c", "literal:/d"])
        .exec(&PathBuf::from("/e"))
        .net(&["tcp:1", "udp:2", "unix:/f", "all"])
        .listen(&["tcp:3".to_owned(), "udp:4".to_owned()])
        .system("info");
    let expected = [
        Operation::FileReadAll(subpath("/a")),
        Operation::FileWriteAll(subpath("/b")),
        Operation::FileReadMetadata(subpath("/c")),
        Operation::FileReadMetadata(literal("/d")),
        Operation::ProcessExec(subpath("/e")),
        Operation::NetworkOutbound(AddressPattern::Tcp(1)),
        Operation::NetworkOutbound(AddressPattern::Udp(2)),
        Operation::NetworkOutbound(AddressPattern::local_socket("/f").expect("a path")),
        Operation::NetworkOutbound(AddressPattern::All),
        Operation::NetworkInbound(AddressPattern::Tcp(3)),
        Operation::NetworkInbound(AddressPattern::Udp(4)),
        Operation::SystemInfoRead,
    ];
    assert_eq!(operations(dynamic), expected);
    assert_eq!(operations(NEW.system(&System::Info).system("info")), [Operation::SystemInfoRead]);
}

#[test]
fn a_wrong_value_is_told_as_a_literal_would_be() {
    for (dynamic, expected) in [
        (NEW.exec("convert"), "`exec = …`: `convert` is relative; expected an absolute path, which starts with `/`"),
        (NEW.exec("litteral:/a"), "`exec = …`: `litteral:` goes before no path; did you mean `literal:/a`?"),
        (NEW.net("udp:0"), "`net = …`: `udp:0` names no port; expected `udp:PORT` with PORT in 1..=65535"),
        (
            NEW.net("unix:x"),
            "`net = …`: the path in `unix:x` is relative; expected an absolute path, which starts with `/`",
        ),
        (
            NEW.listen("unix:/x"),
            "`listen = …`: `unix:/x` is a Unix socket, which no sandboxed function may bind; bind the socket in the \
             application, outside",
        ),
        (NEW.listen("8080"), "`listen = …`: `8080` names no protocol; write `tcp:8080`"),
        (NEW.system("inof"), "`system = …`: `inof` is not a valid part of the system; did you mean `info`?"),
    ] {
        assert_eq!(problem(dynamic), expected);
    }
}

#[test]
fn values_that_exclude_each_other_are_refused_wherever_they_come_from() {
    static RUN: [Operation; 1] = [Operation::ProcessExec(PathPattern::Subpath(ProfilePath::from_checked("/opt/tool")))];
    let profile = |process| {
        let output = Output::Capture;
        Profile::from_parts(&RUN, &[], Limits::DEFAULT, output, output, process, Violation::Deny)
    };
    let (fresh, reused) = (profile(Process::Fresh), profile(Process::Reused));
    let written = "`write = \"/opt\"` lets the function change what `exec = \"/opt/tool\"` runs; write elsewhere or run \
                   elsewhere";
    assert_eq!(NEW.write("/opt").apply(&fresh), Err(written.to_owned()));
    assert_eq!(problem(NEW.write("/opt").exec("/opt/tool")), written);
    assert_eq!(NEW.threads(&1).apply(&fresh), Err(gaol_spec::rules::EXEC_ONE_THREAD.to_owned()));
    assert_eq!(problem(NEW.exec("/opt/tool").threads(&1)), gaol_spec::rules::EXEC_ONE_THREAD);
    assert_eq!(NEW.read("/data").apply(&reused), Err(gaol_spec::rules::EXEC_REUSED.to_owned()));
    assert!(NEW.write("/opt/tools").threads(&2).apply(&fresh).is_ok());
}
