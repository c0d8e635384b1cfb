//! A user's crate, outside of the workspace: edition 2021, no `unsafe`, every warning and clippy's pedantry denied, gaol without
//! any feature. It builds without a warning, and each way to an entry point works.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Copies the crate to where a test may write, and says in it where gaol is.
fn copy() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    for file in [
        "Cargo.toml",
        "renamed/Cargo.toml",
        "renamed/src/lib.rs",
        "twins/one/Cargo.toml",
        "twins/two/Cargo.toml",
        "twins/twin.rs",
        "src/lib.rs",
        "src/bin/main_macro.rs",
        "src/bin/tokio_main.rs",
        "src/bin/init_by_hand.rs",
        "src/bin/no_entry_point.rs",
    ] {
        let text = std::fs::read_to_string(workspace.join("tests/outside").join(file)).expect("the crate is there");
        let text = text.replace("@GAOL@", workspace.join("gaol").to_str().expect("the path is UTF-8"));
        let file = target.join(file);
        std::fs::create_dir_all(file.parent().expect("a file has a directory")).expect("create a directory");
        // Only what changed: cargo looks at times.
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
            std::fs::write(&file, text).expect("write the copy");
        }
    }
    // The same versions as the workspace has, which are on this machine already.
    std::fs::copy(workspace.join("Cargo.lock"), target.join("Cargo.lock")).expect("copy the lock file");
    target
}

fn cargo(directory: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        // To their functions the two packages of one name then stand in one place, as two versions of a crate do whose paths are remapped.
        .env(
            "RUSTFLAGS",
            "--remap-path-prefix=twins/one=twins/of_one_name --remap-path-prefix=twins/two=twins/of_one_name",
        )
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo {arguments:?}: {}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn run(directory: &Path, program: &str) -> String {
    let output = Command::new(directory.join("target/debug").join(program)).output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {}\n{text}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[test]
fn a_strict_crate_builds_without_a_warning_and_every_entry_point_works() {
    let directory = copy();
    cargo(&directory, &["clippy", "--quiet", "--all-targets"]);
    cargo(&directory, &["build", "--quiet"]);
    for program in ["main_macro", "tokio_main", "init_by_hand"] {
        assert_eq!(run(&directory, program), "all ten work\n", "{program}");
    }
    let said = run(&directory, "no_entry_point");
    assert!(said.contains("gaol::main!") && said.contains("gaol::init()") && said.contains("test-support"), "{said}");
}
