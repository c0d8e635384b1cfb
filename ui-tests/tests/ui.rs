//! Compiles every program of `pass/` and `fail/`; each one's name is its claim.
//!
//! The `.stderr` files were recorded with the compiler that [`RECORDED_WITH`] names. Half of what they hold are rustc's own
//! words, which change from release to release, so another minor version fails the run, with the way out:
//!
//! * `UI_TESTS_ANY_RUSTC=1 cargo test -p ui-tests` leaves the failing programs out, and says which.
//! * `TRYBUILD=overwrite cargo test -p ui-tests` records them anew; change [`RECORDED_WITH`] in the same commit, and read the
//!   difference.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const RECORDED_WITH: &str = "1.95.0";

#[test]
fn programs_compile_or_fail_as_their_names_say() {
    let passing = programs("pass");
    let failing = programs("fail");
    let rustc = rustc_version();
    let same = minor(&rustc) == minor(RECORDED_WITH);
    let any = env::var_os("UI_TESTS_ANY_RUSTC").is_some();
    assert!(
        same || any || env::var_os("TRYBUILD").is_some_and(|value| value == "overwrite"),
        "this is rustc {rustc}, and the messages in `fail/` were recorded with {RECORDED_WITH}; use that one, or set \
         UI_TESTS_ANY_RUSTC=1 to leave the failing programs out"
    );

    let cases = trybuild::TestCases::new();
    for program in &passing {
        cases.pass(program);
    }
    let left_out = !same && any;
    for program in &failing {
        if left_out {
            say(&format!("left out: {}", program.display()));
        } else {
            cases.compile_fail(program);
        }
    }
    // The programs are compiled when `cases` is dropped.
    drop(cases);
    let tried = if left_out { 0 } else { failing.len() };
    say(&format!(
        "ui-tests: {} cases: {} programs compiled, {tried} refused with the recorded message (rustc {rustc})",
        passing.len() + tried,
        passing.len()
    ));
}

/// Past the test harness, which keeps what a passing test prints to itself.
fn say(line: &str) {
    writeln!(io::stderr(), "{line}").expect("standard error is open");
}

/// The programs of a directory, sorted by name.
fn programs(directory: &str) -> Vec<PathBuf> {
    let path = Path::new(directory);
    let entries = fs::read_dir(path).unwrap_or_else(|error| panic!("{directory}: {error}"));
    let mut programs: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap_or_else(|error| panic!("{directory}: {error}")).path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    programs.sort();
    assert!(!programs.is_empty(), "{directory} holds no program");
    programs
}

/// The version of the compiler that the programs are compiled with.
fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(&rustc).arg("--version").output();
    let output = output.unwrap_or_else(|error| panic!("{} --version: {error}", rustc.display()));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace().nth(1).unwrap_or_else(|| panic!("`{text}` names no version")).to_owned()
}

/// `1.95` of `1.95.0`.
fn minor(version: &str) -> &str {
    version.rsplit_once('.').map_or(version, |(minor, _)| minor)
}
