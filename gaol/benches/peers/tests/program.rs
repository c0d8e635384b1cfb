//! The program itself: what it measures is right, and what it looks for is found. No time is judged here.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> (Output, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_gaol-peers")).args(arguments).output().expect("it can be started");
    let said = String::from_utf8(output.stdout.clone()).expect("it says text");
    (output, said)
}

#[test]
fn two_thousand_calls_end_as_they_must_and_leave_nothing_behind() {
    let (output, said) = run(&["--soak", "2000"]);
    assert!(output.status.success(), "{output:?}");
    // 400 more warm up, so that each act is among them.
    for line in [
        "| answers | 2376 | 2376 |",
        "| reads where nothing is: SIGSEGV | 6 | 6 |",
        "| panics | 6 | 6 |",
        "| does not come back: deadline | 6 | 6 |",
        "| takes more memory than it may | 6 | 6 |",
        "2400 calls, 0 wrong, 0 violations: ok",
    ] {
        assert!(said.lines().any(|said| said == line), "`{line}` is not in\n{said}");
    }
}

#[test]
fn a_run_checks_every_result_and_ends_with_its_ratios() {
    let file = std::env::temp_dir().join(format!("gaol-peers-test-{}.json", std::process::id()));
    let path = file.to_str().expect("the temporary directory has a plain name");
    let (output, said) = run(&["--quick", "--only", "small parent", "--json", path]);
    let json = std::fs::read_to_string(&file).expect("it wrote the figures");
    let _ = std::fs::remove_file(&file);
    assert!(output.status.success(), "{output:?}");
    for ratio in ["fresh/mem-isolate", "fresh/bare-zygote", "per-call/mem-isolate"] {
        let lines: Vec<&str> = said.lines().filter(|line| line.starts_with(&format!("ratio {ratio} "))).collect();
        assert!(matches!(lines[..], [line] if line.ends_with(" ok") || line.ends_with(" over")), "{ratio} in\n{said}");
    }
    let json: serde_json::Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(json["wrong"], serde_json::json!([]));
    // Four cycles of four rounds with four calls that count.
    assert_eq!(json["phases"]["small parent"]["gaol fresh"]["count"], 64);
}

#[test]
fn what_it_is_not_asked_for_it_refuses() {
    let (output, _) = run(&["--soak"]);
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.starts_with("gaol-peers: missing argument for option '--soak'\n"), "{said}");
}
