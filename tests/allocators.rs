//! Programs that reserve memory before `main`: with allocators of their own, a large static, a sanitizer. What a profile says of memory holds
//! there too, or the call is refused.
//!
//! A program has one allocator, so these are programs of a crate outside of the workspace (`tests/allocators/`), built by the first test.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Copies the crate to where a test may write, and says in it where gaol is.
fn copy() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("allocators");
    let mut files = vec!["Cargo.toml".to_owned(), "src/lib.rs".to_owned()];
    for program in std::fs::read_dir(workspace.join("tests/allocators/src/bin")).expect("the programs").flatten() {
        files.push(format!("src/bin/{}", program.file_name().to_str().expect("a plain name")));
    }
    for file in files {
        let text = std::fs::read_to_string(workspace.join("tests/allocators").join(&file)).expect("the crate is there");
        let text = text.replace("@GAOL@", workspace.join("gaol").to_str().expect("the path is UTF-8"));
        let file = target.join(file);
        std::fs::create_dir_all(file.parent().expect("a file has a directory")).expect("create a directory");
        // Only what changed: cargo looks at times.
        if std::fs::read_to_string(&file).ok().as_deref() != Some(&*text) {
            std::fs::write(&file, text).expect("write the copy");
        }
    }
    let lock = target.join("Cargo.lock");
    if !lock.exists() {
        // The versions of the workspace; cargo adds the allocators.
        std::fs::copy(workspace.join("Cargo.lock"), lock).expect("copy the lock file");
    }
    target
}

fn build(directory: &Path, target: &str, arguments: &[&str], flags: &str) -> PathBuf {
    let target = directory.join(target);
    let output = Command::new(env!("CARGO"))
        .args(["build", "--quiet"])
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", &target)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("RUSTFLAGS", flags)
        // Sanitizers are not stable yet.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target
}

/// Where the programs are, built at first use.
fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build(&copy(), "target", &["--all-features"], "").join("debug"))
}

fn run(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("a program that was built");
    let said = String::from_utf8_lossy(&stdout).into_owned();
    assert!(status.success(), "{command:?}: {status}\n{said}{}", String::from_utf8_lossy(&stderr));
    said
}

/// Runs a program that checks what it is there for itself.
fn holds_with(program: &str, environment: &[(&str, &str)]) {
    let mut command = Command::new(programs().join(program));
    command.envs(environment.iter().copied());
    let said = run(command);
    assert!(said.ends_with("limits hold, threads start\n"), "{said}");
}

#[test]
fn limits_hold_and_threads_start_with_the_systems_allocator() {
    holds_with("system", &[]);
}

#[test]
fn limits_hold_and_threads_start_with_mimalloc() {
    holds_with("mimalloc", &[]);
}

#[test]
fn limits_hold_and_threads_start_with_jemalloc() {
    holds_with("jemalloc", &[]);
}

#[test]
fn limits_hold_and_threads_start_with_jemalloc_that_has_a_thread_in_the_application() {
    holds_with("jemalloc", &[("_RJEM_MALLOC_CONF", "background_thread:true")]);
}

#[test]
fn limits_hold_and_threads_start_with_jemalloc_that_is_told_to_have_no_thread_in_children() {
    let said = run(Command::new(programs().join("jemalloc_with_threads")));
    assert!(said.contains("had 2 threads before it was a zygote") && said.contains("jemalloc_bg_thd"), "{said}");
    assert!(said.contains("gaol::zygote_environment") && said.contains("_RJEM_MALLOC_CONF"), "{said}");
    assert!(said.ends_with("limits hold, threads start\n"), "{said}");
}

#[test]
fn limits_hold_and_threads_start_with_snmalloc() {
    holds_with("snmalloc", &[]);
}

#[test]
fn a_large_static_counts_against_the_memory_of_a_call() {
    let said = run(Command::new(programs().join("large_static")));
    assert!(said.contains("could use 49 MiB without asking for it") || said.contains("could use 48 MiB"), "{said}");
    assert!(said.contains("`memory = \"none\"`"), "{said}");
}

#[test]
fn a_sanitizer_is_refused_by_name_of_what_it_has_reserved() {
    // A target of its own, so that the flags are not those of procedural macros.
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let arguments = ["--target", &host, "--bin", "sanitized"];
    let built = build(&copy(), "target-sanitized", &arguments, "-Zsanitizer=address");
    let said = run(Command::new(built.join(host).join("debug/sanitized")));
    assert!(said.contains("limits: bound what the process has reserved before the call: it could use"), "{said}");
    assert!(said.contains("(of no file)") && said.contains("a sanitizer"), "{said}");
    assert!(said.ends_with("without a limit it runs\n"), "{said}");
}
