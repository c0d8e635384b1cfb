//! The function's own errors reach the caller: whole where their type is serde's, as message and sources elsewhere.

use std::error::Error as StdError;
use std::fmt;

use gaol::{Error, FunctionError, Outcome, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

/// The message of an error and those of its sources, outermost first.
fn chain(error: &(dyn StdError + 'static)) -> Vec<String> {
    // Before the first stands which function it was.
    let whole = error.to_string();
    let mut messages =
        vec![whole.split_once(" returned an error: ").map_or(whole.as_str(), |(_, said)| said).to_owned()];
    let mut source = error.source();
    while let Some(error) = source {
        messages.push(error.to_string());
        source = error.source();
    }
    messages
}

/// An error that is serde's.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Whole {
    Empty,
    TooLarge { width: u32, height: u32 },
    Nested(Vec<Whole>),
    Sandbox(String),
}

impl From<Error> for Whole {
    fn from(error: Error) -> Self {
        Self::Sandbox(error.to_string())
    }
}

#[sandboxed]
fn fails_whole(how: u8) -> Result<u8, Whole> {
    match how {
        0 => Err(Whole::Empty),
        1 => Err(Whole::TooLarge { width: 70_000, height: 3 }),
        2 => Err(Whole::Nested(vec![Whole::Empty, Whole::TooLarge { width: 1, height: 2 }])),
        3 => panic!("not an error of its own"),
        _ => Ok(how),
    }
}

#[test]
fn an_error_that_is_serdes_crosses_whole() {
    assert_eq!(fails_whole(0), Err(Whole::Empty));
    assert_eq!(fails_whole(1), Err(Whole::TooLarge { width: 70_000, height: 3 }));
    assert_eq!(fails_whole(2), Err(Whole::Nested(vec![Whole::Empty, Whole::TooLarge { width: 1, height: 2 }])));
    assert_eq!(fails_whole(9), Ok(9));
}

#[test]
fn a_failure_of_the_call_becomes_the_functions_error_type() {
    match fails_whole(3) {
        Err(Whole::Sandbox(message)) => assert!(message.contains("panicked at"), "{message}"),
        other => panic!("expected a failure of the call, not {other:?}"),
    }
}

/// An error of the standard library's kind, with a source of its own.
#[derive(Debug)]
enum Load {
    Open { path: &'static str, source: std::io::Error },
    Sandbox(Error),
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, .. } => write!(f, "cannot open {path}"),
            Self::Sandbox(error) => write!(f, "sandbox: {error}"),
        }
    }
}

impl StdError for Load {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Open { source, .. } => Some(source),
            Self::Sandbox(_) => None,
        }
    }
}

impl From<Error> for Load {
    fn from(error: Error) -> Self {
        Self::Sandbox(error)
    }
}

#[sandboxed]
fn fails_to_load() -> Result<(), Load> {
    let source = std::fs::File::open("/etc/passwd").expect_err("nothing is granted");
    Err(Load::Open { path: "/etc/passwd", source })
}

#[test]
fn an_error_with_sources_crosses_as_messages() {
    match fails_to_load() {
        Err(Load::Sandbox(Error::Function(error))) => {
            let [outer, inner] = &chain(&error)[..] else { panic!("two messages, not {:?}", chain(&error)) };
            assert!(outer.starts_with("cannot open /etc/passwd"), "{outer}");
            assert_eq!(error.message(), "cannot open /etc/passwd");
            assert!(inner.contains("os error"), "{inner}");
        }
        other => panic!("expected the function's own error, not {other:?}"),
    }
}

#[sandboxed]
fn fails_by_question_mark() -> gaol::Result<u64> {
    Ok(std::fs::metadata("/etc/passwd")?.len())
}

#[sandboxed]
fn fails_by_function() -> gaol::Result<()> {
    let source = "12a".parse::<u32>().expect_err("no number");
    Err(Error::function(Load::Open { path: "twelve", source: std::io::Error::other(source) }))
}

#[sandboxed]
fn fails_with_text() -> gaol::Result<()> {
    Err("plain words")?;
    Ok(())
}

fn function_error<T: fmt::Debug>(result: gaol::Result<T>) -> FunctionError {
    match result {
        Err(error @ Error::Function(_)) => {
            assert_eq!(error.outcome(), Outcome::Ran);
            assert_eq!(error.call().expect("the call that failed").file, "tests/errors_cross.rs");
            assert_eq!(error.output(), "");
            let Error::Function(error) = error else { unreachable!("matched above") };
            error
        }
        other => panic!("expected the function's own error, not {other:?}"),
    }
}

#[test]
fn gaols_result_keeps_message_and_sources() {
    let error = function_error(fails_by_question_mark());
    assert!(error.to_string().contains("os error"), "{error}");
    let error = function_error(fails_by_function());
    assert_eq!(chain(&error), ["cannot open twelve", "invalid digit found in string"]);
    assert_eq!(chain(&function_error(fails_with_text())), ["plain words"]);
}

#[test]
fn an_error_of_the_function_names_the_function_and_says_what_it_said() {
    let error = fails_with_text().expect_err("the function's own error");
    let (names, said) =
        error.to_string().split_once(" returned an error: ").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("both");
    assert!(names.starts_with("`errors_cross::fails_with_text` (tests/errors_cross.rs:"), "{names}");
    assert_eq!(said, "plain words");
    assert_eq!(function_error(fails_with_text()).message(), "plain words");
    assert_eq!(chain(&error), ["plain words"]);
    let error = fails_by_function().expect_err("the function's own error");
    assert_eq!(chain(&error), ["cannot open twelve", "invalid digit found in string"]);
}

#[sandboxed]
fn fails_boxed(how: u8) -> Result<(), Box<dyn StdError>> {
    match how {
        0 => Err("only words".into()),
        _ => Err(Box::new(Load::Open { path: "a box", source: std::io::Error::other("inside it") })),
    }
}

#[sandboxed]
fn fails_boxed_to_be_sent() -> Result<(), Box<dyn StdError + Send + Sync>> {
    Err("only words".into())
}

#[test]
fn a_boxed_error_crosses() {
    let messages = |result: Result<(), Box<dyn StdError>>| {
        let error = result.expect_err("an error");
        let error = error.downcast::<Error>().expect("gaol's error in the box");
        assert!(matches!(*error, Error::Function(_)), "{error:?}");
        chain(&*error)
    };
    assert_eq!(messages(fails_boxed(0)), ["only words"]);
    assert_eq!(messages(fails_boxed(1))[0], "cannot open a box");
    assert!(fails_boxed_to_be_sent().expect_err("an error").to_string().ends_with(" returned an error: only words"));
}

#[test]
fn a_boxed_error_keeps_its_sources() {
    let error = fails_boxed(1).expect_err("an error").downcast::<Error>().expect("gaol's error in the box");
    assert_eq!(chain(&*error), ["cannot open a box", "inside it"]);
}

/// What can only be printed; in the alternate form with its causes, as error reports do.
#[derive(Debug)]
struct Report(Vec<String>);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() { f.write_str(&self.0.join(": ")) } else { f.write_str(&self.0[0]) }
    }
}

impl From<Error> for Report {
    fn from(error: Error) -> Self {
        Self(chain(&error))
    }
}

#[sandboxed]
fn fails_with_report() -> Result<(), Report> {
    Err(Report(vec!["outer".into(), "inner".into()]))
}

#[test]
fn what_can_only_be_printed_crosses_as_it_prints() {
    assert_eq!(fails_with_report().expect_err("an error").0, ["outer", "inner"]);
}

#[sandboxed(reply = "64KiB")]
fn fails_at_length(bytes: usize) -> gaol::Result<()> {
    Err("x".repeat(bytes))?;
    Ok(())
}

#[test]
fn a_long_message_crosses_up_to_the_limit_of_replies() {
    let error = function_error(fails_at_length(60_000));
    assert_eq!(error.message().len(), 60_000);
    // What is shown of it is cut.
    assert!(error.to_string().ends_with(&format!(" returned an error: {}…", "x".repeat(4096))), "{error}");
    match fails_at_length(70_000) {
        Err(Error::Protocol { problem: ProtocolProblem::Unable(reason), .. }) => {
            assert!(reason.contains("`reply = …`"), "{reason}");
        }
        other => panic!("expected a refusal, not {other:?}"),
    }
}

/// A chain of errors without end.
#[derive(Debug)]
struct Ring;

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round")
    }
}

impl StdError for Ring {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&Ring)
    }
}

#[sandboxed]
fn fails_in_a_ring() -> gaol::Result<()> {
    Err(Error::function(Ring))
}

#[test]
fn a_chain_without_end_is_cut() {
    let length = chain(&function_error(fails_in_a_ring())).len();
    assert!((2..1000).contains(&length), "{length} messages");
}

#[sandboxed]
fn returns_a_result_as_its_value(fails: bool) -> gaol::Result<Result<u8, Whole>> {
    Ok(if fails { Err(Whole::Empty) } else { Ok(2) })
}

#[test]
fn a_result_may_be_a_value() {
    assert_eq!(returns_a_result_as_its_value(true).expect("a call"), Err(Whole::Empty));
    assert_eq!(returns_a_result_as_its_value(false).expect("a call"), Ok(2));
}

#[sandboxed]
fn fails_with_kind(kind: u8) -> gaol::Result<()> {
    Err(match kind {
        0 => std::io::Error::from_raw_os_error(libc::ENOSPC),
        1 => std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "too short"),
        _ => std::io::Error::new(std::io::ErrorKind::PermissionDenied, "not mine"),
    })?;
    Ok(())
}

#[test]
fn what_the_system_answered_crosses() {
    let error = function_error(fails_by_question_mark());
    assert!(matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EACCES | libc::EPERM)), "{error:?}");
    assert!(error.io_error_kind().is_some());
    let error = function_error(fails_with_kind(0));
    assert_eq!(
        (error.raw_os_error(), error.io_error_kind()),
        (Some(libc::ENOSPC), Some(std::io::ErrorKind::StorageFull))
    );
    let error = function_error(fails_with_kind(1));
    assert_eq!((error.raw_os_error(), error.io_error_kind()), (None, Some(std::io::ErrorKind::UnexpectedEof)));
    let error = function_error(fails_with_text());
    assert_eq!((error.raw_os_error(), error.io_error_kind()), (None, None));
    // Of one of the sources, too.
    let Err(Load::Sandbox(Error::Function(error))) = fails_to_load() else { panic!("the function's own error") };
    assert!(error.raw_os_error().is_some(), "{error:?}");
}

#[test]
fn an_answer_that_a_sandbox_gives_is_told_apart() {
    let denied = function_error(fails_with_kind(2)).to_string();
    assert!(denied.ends_with("a sandboxed function may do what its profile lists, and nothing else"), "{denied}");
    let other = function_error(fails_with_kind(0)).to_string();
    assert!(!other.contains("profile"), "{other}");
}

/// README's programs turn errors of their own into gaol's with `?`.
#[test]
fn what_never_reached_a_child_has_not_run() {
    fn own() -> gaol::Result<String> {
        Ok(std::fs::read_to_string("/nonexistent")?)
    }
    let error = own().expect_err("there is no such file");
    assert_eq!(error.outcome(), Outcome::NotRun);
    assert!(error.call().is_none());
    assert_eq!(fails_by_question_mark().expect_err("nothing is granted").outcome(), Outcome::Ran, "the control");
}

#[test]
fn who_unwraps_an_error_reads_what_to_do() {
    for error in [
        fails_with_text().expect_err("an error"),
        fails_by_function().expect_err("an error"),
        Error::from(std::io::Error::other("the application's own")),
    ] {
        assert!(format!("{error:?}").starts_with(&error.to_string()), "{error:?}");
    }
    let text = format!("{:?}", fails_by_function().expect_err("an error"));
    assert!(text.ends_with("\n  caused by: invalid digit found in string"), "{text}");
}
