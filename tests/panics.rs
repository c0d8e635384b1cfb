//! Panics of a sandboxed function reach the caller as errors, and nothing of them reaches the application otherwise.

use gaol::{Error, Layer, Outcome, sandboxed};
use serde::de::Deserializer;
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};

/// What a panic said, and where it was.
fn panicked<T: std::fmt::Debug>(result: gaol::Result<T>) -> (String, Option<String>) {
    match result {
        Err(error @ Error::Panicked { .. }) => {
            assert_eq!(error.outcome(), Outcome::Ran);
            let Error::Panicked { message, location, .. } = error else { unreachable!("matched above") };
            (message, location)
        }
        other => panic!("expected a panic, not {other:?}"),
    }
}

#[sandboxed]
fn panics(how: u8) -> gaol::Result<u8> {
    match how {
        0 => panic!("a plain message"),
        1 => panic!("a message with {}", how + 41),
        2 => std::panic::panic_any(String::from("an owned message")),
        3 => std::panic::panic_any(5_u64),
        4 => panic!("{}", "long ".repeat(1 << 18)),
        5 => panic!("öäü\0\u{1b}[2J"),
        _ => Ok(how),
    }
}

#[test]
fn message_crosses() {
    assert_eq!(panicked(panics(0)).0, "a plain message");
    assert_eq!(panicked(panics(1)).0, "a message with 42");
    assert_eq!(panicked(panics(2)).0, "an owned message");
    assert_eq!(panicked(panics(3)).0, "Box<dyn Any>");
    assert_eq!(panicked(panics(5)).0, "öäü\0\u{1b}[2J");
    assert_eq!(panics(9).expect("a function that does not panic"), 9);
}

#[test]
fn message_crosses_in_tier_b() {
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    assert_eq!(panicked(panics(1)).0, "a message with 42");
    assert_eq!(panics(9).expect("a function that does not panic"), 9);
}

#[test]
fn a_long_message_is_cut() {
    let (message, _) = panicked(panics(4));
    assert!(message.starts_with("long long "), "{}", &message[..20]);
    assert!((1 << 10..=16 << 10).contains(&message.len()), "{} bytes of {}", message.len(), 5 << 18);
}

#[test]
fn location_is_the_panics_own() {
    let line = line!() + 4;
    #[sandboxed]
    fn panics_here() -> gaol::Result<()> {
        let nothing: Option<()> = std::hint::black_box(None);
        nothing.expect("something where nothing is");
        Ok(())
    }
    let (message, location) = panicked(panics_here());
    assert_eq!(message, "something where nothing is");
    let location = location.expect("a panic knows where it is");
    assert!(location.starts_with(&format!("tests/panics.rs:{line}:")), "{location}, not line {line}");
}

#[test]
fn error_names_function_and_message() {
    let error = panics(0).expect_err("a panic");
    let call = error.call().expect("the call that failed");
    assert_eq!((call.function, call.file), ("panics::panics", "tests/panics.rs"));
    let text = error.to_string();
    assert!(text.starts_with("`panics::panics` (tests/panics.rs:"), "{text}");
    assert!(text.contains(") panicked at tests/panics.rs:") && text.contains(": a plain message"), "{text}");
}

#[test]
fn error_shows_no_control_characters_of_the_output() {
    let text = panics(5).expect_err("a panic").to_string();
    let (_, printed) = text.split_once(" panicked at ").expect("the panic's own words");
    assert!(!printed.contains('\u{1b}') && !printed.contains('\0'), "{printed:?}");
}

#[sandboxed]
fn prints_and_panics() -> gaol::Result<()> {
    print!("no newline");
    eprintln!("to standard error");
    panic!("after both")
}

#[test]
fn what_was_printed_before_is_in_the_error() {
    let error = prints_and_panics().expect_err("a panic");
    for text in ["no newline", "to standard error", "after both"] {
        assert!(error.output().contains(text), "{text:?} is not in {:?}", error.output());
    }
}

struct PanicsWhenDropped(&'static str);

impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

#[sandboxed]
fn panics_in_a_destructor() -> gaol::Result<()> {
    let _guard = PanicsWhenDropped("while leaving");
    Ok(())
}

#[sandboxed]
fn panics_twice() -> gaol::Result<()> {
    let _guard = PanicsWhenDropped("the second");
    panic!("the first")
}

#[sandboxed]
fn panics_with_a_payload_that_panics() -> gaol::Result<()> {
    std::panic::panic_any(PanicsWhenDropped("the payload's own"))
}

#[sandboxed]
fn panics_where_nothing_may_unwind() -> gaol::Result<()> {
    extern "C" fn cannot_unwind() {
        panic!("towards C");
    }
    cannot_unwind();
    Ok(())
}

#[test]
fn destructors_may_panic() {
    assert_eq!(panicked(panics_in_a_destructor()).0, "while leaving");
}

#[test]
fn a_second_panic_does_not_hide_the_first() {
    let (message, location) = panicked(panics_twice());
    assert_eq!(message, "the first");
    assert!(location.is_some_and(|location| location.starts_with("tests/panics.rs:")));
}

#[test]
fn a_payload_whose_destructor_panics_is_a_panic() {
    assert_eq!(panicked(panics_with_a_payload_that_panics()).0, "Box<dyn Any>");
}

#[test]
fn a_panic_that_cannot_unwind_keeps_its_message() {
    assert_eq!(panicked(panics_where_nothing_may_unwind()).0, "towards C");
}

/// Its conversions panic where they are told to.
#[derive(Debug)]
struct Delicate(u8);

impl Serialize for Delicate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert_ne!(self.0, 1, "cannot be written");
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Delicate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = u8::deserialize(deserializer)?;
        assert_ne!(value, 2, "cannot be read");
        Ok(Self(value))
    }
}

#[sandboxed]
fn takes_delicate(value: Delicate) -> gaol::Result<u8> {
    Ok(value.0)
}

#[sandboxed]
fn gives_delicate(value: u8) -> gaol::Result<Delicate> {
    Ok(Delicate(value))
}

#[test]
fn a_panic_while_the_child_reads_arguments_or_writes_the_result_is_the_childs() {
    assert!(panicked(takes_delicate(Delicate(2))).0.contains("cannot be read"));
    assert!(panicked(gives_delicate(1)).0.contains("cannot be written"));
}

#[test]
fn a_panic_while_the_parent_writes_arguments_or_reads_the_result_leaves_gaol_usable() {
    assert!(std::panic::catch_unwind(|| takes_delicate(Delicate(1))).is_err());
    assert!(std::panic::catch_unwind(|| gives_delicate(2)).is_err());
    assert_eq!(takes_delicate(Delicate(3)).expect("the next call"), 3);
    assert_eq!(gives_delicate(3).expect("the next call").0, 3);
}

#[sandboxed]
fn panics_in_a_thread(joined: bool) -> gaol::Result<String> {
    let thread = std::thread::spawn(|| panic!("in the thread"));
    if joined {
        match thread.join() {
            Ok(()) => {}
            Err(payload) => std::panic::resume_unwind(payload),
        }
    } else {
        while !thread.is_finished() {
            std::thread::yield_now();
        }
    }
    Ok("returned".to_owned())
}

#[test]
fn a_panic_of_a_thread_ends_only_that_thread() {
    assert_eq!(panics_in_a_thread(false).expect("the function goes on"), "returned");
}

#[test]
fn a_panic_of_a_thread_that_is_passed_on_is_the_functions() {
    assert_eq!(panicked(panics_in_a_thread(true)).0, "in the thread");
}

#[sandboxed]
fn catches_its_own_panic() -> gaol::Result<u8> {
    let caught = std::panic::catch_unwind(|| panic!("kept inside"));
    Ok(u8::from(caught.is_err()))
}

#[sandboxed]
fn catches_one_and_aborts() -> gaol::Result<()> {
    let _ = std::panic::catch_unwind(|| panic!("long over"));
    std::process::abort()
}

#[test]
fn a_panic_that_the_function_catches_is_its_own_affair() {
    assert_eq!(catches_its_own_panic().expect("a caught panic"), 1);
}

#[test]
fn an_abort_after_a_caught_panic_is_an_abort() {
    match catches_one_and_aborts() {
        Err(Error::Killed { signal: libc::SIGABRT, .. }) => {}
        other => panic!("expected SIGABRT, not {other:?}"),
    }
}

#[test]
fn hook_of_the_application_does_not_run() {
    static RAN: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if info.payload_as_str() == Some("a plain message") {
            RAN.store(true, std::sync::atomic::Ordering::Relaxed);
        }
        previous(info);
    }));
    assert_eq!(panicked(panics(0)).0, "a plain message");
    assert!(!RAN.load(std::sync::atomic::Ordering::Relaxed));
}

#[test]
fn what_a_panic_says_is_said_once() {
    let text = panics(0).expect_err("a panic").to_string();
    assert_eq!(text.matches("a plain message").count(), 1, "{text}");
    assert!(!text.contains("RUST_BACKTRACE"), "{text}");
    let text = prints_and_panics().expect_err("a panic").to_string();
    assert_eq!(text.matches("after both").count(), 1, "{text}");
    assert!(text.contains("it printed: ") && text.contains("to standard error"), "{text}");
}

/// A path of a registry is as long as it says little.
#[test]
fn a_panic_in_a_crate_is_told_from_the_crate_on() {
    #[sandboxed]
    fn panics_in_std(at: usize) -> gaol::Result<u8> {
        Ok(String::from("short").remove(at) as u8)
    }
    #[sandboxed]
    fn panics_in_a_crate() -> gaol::Result<()> {
        let _ = image::DynamicImage::new_rgb8(2, 2).crop_imm(0, 0, 1, 1).to_rgb8().get_pixel(5, 5).0;
        Ok(())
    }
    for error in [panics_in_std(9).expect_err("a panic"), panics_in_a_crate().expect_err("a panic")] {
        let text = error.to_string();
        assert!(!text.contains("/registry/") && !text.contains("/rustc/"), "{text}");
    }
}
