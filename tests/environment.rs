//! A child sees the variables that its profile grants, as they are at the call, and no others.
//!
//! # Safety
//!
//! Variables are set and removed in a process of the test's own, whose other thread is the harness, which waits.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
}

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use gaol::{Layer, sandboxed};

use support::alone::Alone;

/// What the machine is called, and its domain.
#[sandboxed]
fn names() -> gaol::Result<(String, String)> {
    let system = rustix::system::uname();
    let text = |name: &std::ffi::CStr| name.to_string_lossy().into_owned();
    Ok((text(system.nodename()), text(system.domainname())))
}

#[test]
fn the_machines_name_is_not_told_where_there_are_namespaces() {
    Alone::new("the_machines_name_is_not_told_where_there_are_namespaces").run(|| {
        if gaol::support().has(Layer::Namespaces) {
            assert_eq!(names().expect("a call"), ("localhost".to_owned(), "(none)".to_owned()));
        }
        let system = rustix::system::uname();
        let _guard = gaol::controls::without(&[Layer::Namespaces]);
        // The control, and what SECURITY.md says of uname(2).
        assert_eq!(names().expect("a call").0.as_bytes(), system.nodename().to_bytes());
        assert_eq!(rustix::system::uname().nodename(), system.nodename(), "the machine keeps its name");
    });
}

type Variables = Vec<(OsString, OsString)>;

fn variables() -> Variables {
    let mut variables: Variables = std::env::vars_os().collect();
    variables.sort();
    variables
}

fn set(name: &str, value: impl AsRef<OsStr>) {
    // SAFETY: see the head of the file.
    unsafe { std::env::set_var(name, value) };
}

fn remove(name: &str) {
    // SAFETY: see the head of the file.
    unsafe { std::env::remove_var(name) };
}

fn pairs(expected: &[(&str, &[u8])]) -> Variables {
    expected.iter().map(|(name, value)| ((*name).into(), OsStr::from_bytes(value).into())).collect()
}

#[sandboxed]
fn sees_nothing() -> gaol::Result<Variables> {
    Ok(variables())
}

#[sandboxed(env = ["COLOUR", "SHAPE"])]
fn sees_two() -> gaol::Result<Variables> {
    Ok(variables())
}

#[sandboxed(env = ["COLOUR", "SHAPE"], process = "exec")]
fn sees_two_exec() -> gaol::Result<Variables> {
    Ok(variables())
}

#[sandboxed(env = ["COLOUR", "SHAPE"], process = "reused")]
fn sees_two_reused() -> gaol::Result<(u32, Variables)> {
    Ok((std::process::id(), variables()))
}

#[sandboxed(env = name)]
fn sees_what_is_asked_for(name: &str) -> gaol::Result<Variables> {
    println!("{name}");
    Ok(variables())
}

#[test]
fn nothing_is_visible_that_is_not_granted() {
    Alone::new("nothing_is_visible_that_is_not_granted").run(|| {
        set("SECRET", "of the application");
        assert!(variables().len() > 2, "a control: the application has an environment");
        for namespaces in [true, false] {
            let without: &[Layer] = if namespaces { &[] } else { &[Layer::Namespaces] };
            let _guard = gaol::controls::without(without);
            assert_eq!(sees_nothing().expect("a call"), []);
            assert_eq!(sees_two().expect("a call"), []);
            assert_eq!(sees_two_exec().expect("a call"), []);
        }
    });
}

#[test]
fn what_is_granted_is_as_it_is_at_the_call() {
    Alone::new("what_is_granted_is_as_it_is_at_the_call").run(|| {
        for function in [sees_two, sees_two_exec] {
            remove("COLOUR");
            remove("SHAPE");
            assert_eq!(function().expect("a call"), []);
            set("COLOUR", "red");
            assert_eq!(function().expect("a call"), pairs(&[("COLOUR", b"red")]));
            set("COLOUR", "blue");
            set("SHAPE", "");
            assert_eq!(function().expect("a call"), pairs(&[("COLOUR", b"blue"), ("SHAPE", b"")]));
            set("COLOUR", OsStr::from_bytes(b"\xff\xfe=\n"));
            remove("SHAPE");
            assert_eq!(function().expect("a call"), pairs(&[("COLOUR", b"\xff\xfe=\n")]));
            set("COLOUR", "x".repeat(1 << 20));
            assert_eq!(function().expect("a call")[0].1.len(), 1 << 20);
        }
    });
}

#[test]
fn a_reused_worker_sees_what_has_changed() {
    Alone::new("a_reused_worker_sees_what_has_changed").run(|| {
        set("COLOUR", "red");
        let (first, seen) = sees_two_reused().expect("a call");
        assert_eq!(seen, pairs(&[("COLOUR", b"red")]));
        set("COLOUR", "blue");
        set("SHAPE", "round");
        let (second, seen) = sees_two_reused().expect("a call");
        assert_eq!(seen, pairs(&[("COLOUR", b"blue"), ("SHAPE", b"round")]));
        remove("COLOUR");
        let (third, seen) = sees_two_reused().expect("a call");
        assert_eq!(seen, pairs(&[("SHAPE", b"round")]));
        assert_eq!((first, first), (second, third), "it is the same worker");
    });
}

#[test]
fn a_name_may_be_computed() {
    Alone::new("a_name_may_be_computed").run(|| {
        set("COLOUR", "red");
        set("SHAPE", "round");
        assert_eq!(sees_what_is_asked_for("SHAPE").expect("a call"), pairs(&[("SHAPE", b"round")]));
        assert_eq!(sees_what_is_asked_for("COLOUR").expect("a call"), pairs(&[("COLOUR", b"red")]));
        let error = sees_what_is_asked_for("A=B").expect_err("no name of a variable");
        assert!(matches!(error, gaol::Error::InvalidProfile { .. }), "{error:?}");
    });
}

#[sandboxed(env = "COLOUR")]
fn changes_its_own() -> gaol::Result<Option<String>> {
    // SAFETY: the child has one thread.
    unsafe { std::env::set_var("COLOUR", "green") };
    Ok(std::env::var("COLOUR").ok())
}

#[test]
fn what_the_child_changes_stays_with_it() {
    Alone::new("what_the_child_changes_stays_with_it").run(|| {
        set("COLOUR", "red");
        assert_eq!(changes_its_own().expect("a call").as_deref(), Some("green"));
        assert_eq!(std::env::var("COLOUR").as_deref(), Ok("red"));
        assert_eq!(sees_two().expect("a call"), pairs(&[("COLOUR", b"red")]));
    });
}
