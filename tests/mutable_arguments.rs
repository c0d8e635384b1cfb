//! `&mut` parameters: copied back when the call succeeds, and untouched when it does not.

use std::time::Duration;

use gaol::{Error, sandboxed};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct State {
    count: u32,
    names: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum How {
    Well,
    Error,
    Panic,
    Abort,
    Hang,
    TooMuch,
}

#[sandboxed(time = "500ms", reply = "1KiB")]
fn change(state: &mut State, bytes: &mut [u8], numbers: &mut Vec<u64>, how: How) -> gaol::Result<usize> {
    state.count += 1;
    state.names.push("changed".to_owned());
    bytes.reverse();
    numbers.clear();
    match how {
        How::Well => Ok(bytes.len()),
        How::Error => Err("no".into()),
        How::Panic => panic!("no"),
        How::Abort => std::process::abort(),
        How::Hang => {
            std::thread::sleep(Duration::from_secs(60));
            Ok(0)
        }
        How::TooMuch => {
            numbers.extend(0..10_000);
            Ok(0)
        }
    }
}

fn before() -> (State, [u8; 3], Vec<u64>) {
    (State { count: 1, names: vec![] }, [1, 2, 3], vec![9, 8])
}

#[test]
fn what_was_changed_comes_back() {
    let (mut state, mut bytes, mut numbers) = before();
    assert_eq!(change(&mut state, &mut bytes, &mut numbers, How::Well).expect("a call"), 3);
    assert_eq!(state, State { count: 2, names: vec!["changed".to_owned()] });
    assert_eq!((bytes, numbers), ([3, 2, 1], vec![]));
}

#[test]
fn on_any_failure_the_callers_values_are_untouched() {
    for how in [How::Error, How::Panic, How::Abort, How::Hang, How::TooMuch] {
        let (mut state, mut bytes, mut numbers) = before();
        let error = change(&mut state, &mut bytes, &mut numbers, how).expect_err("it fails");
        assert_eq!((state, bytes, numbers), before(), "{how:?}: {error}");
    }
}

#[sandboxed]
fn only(value: &mut u8) -> gaol::Result<()> {
    *value += 1;
    Ok(())
}

#[test]
fn nothing_but_a_mutable_argument() {
    let mut value = 1;
    only(&mut value).expect("a call");
    only(&mut value).expect("a call");
    assert_eq!(value, 3);
}

#[sandboxed(memory = "1GiB", reply = "256MiB")]
fn inverts(image: &mut [u8]) -> gaol::Result<()> {
    image.iter_mut().for_each(|byte| *byte = !*byte);
    Ok(())
}

#[test]
fn a_large_block_is_changed_in_place() {
    let mut image = vec![5; 32 << 20];
    inverts(&mut image).expect("a call");
    assert!(image.iter().all(|byte| *byte == !5));
}

#[test]
fn the_error_names_the_call() {
    let (mut state, mut bytes, mut numbers) = before();
    let error = change(&mut state, &mut bytes, &mut numbers, How::Error).expect_err("it fails");
    assert!(matches!(error, Error::Function(_)));
}
