//! The entry point: `gaol::main!`, `gaol::init()` and what happens without either, in programs of their own.
//!
//! This test binary has its entry point from the feature `test-support`. The programs here are built without it, from
//! `tests/entry_points/`, against the library of this tree.

mod support {
    pub(crate) mod place;
}

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use gaol::sandboxed;

use support::place::Place;

/// Where the programs are, built at first use.
fn programs() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join("entry_points");
        let sources = project.join("src/bin");
        std::fs::create_dir_all(&sources).expect("a directory for the project");
        for entry in std::fs::read_dir(root.join("tests/entry_points")).expect("the programs").flatten() {
            std::fs::copy(entry.path(), sources.join(entry.file_name())).expect("a copy of a program");
        }
        let manifest = format!(
            "[package]\nname = \"entry-points\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             gaol = {{ path = {:?} }}\ntokio = {{ version = \"1\", default-features = false, features = [\"rt\", \"macros\"] }}\n",
            root.join("gaol")
        );
        std::fs::write(project.join("Cargo.toml"), manifest).expect("a manifest");
        std::fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock")).expect("the same versions");
        let target = project.join("target");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--bins"])
            .current_dir(&project)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .expect("cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug")
    })
}

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(programs().join(program)).args(arguments).output().expect("a program that was built")
}

/// Runs a program that checks what it is there for itself, and gives what it printed.
fn succeeds(program: &str, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program}: {}\n{out}{err}", output.status);
    out.into_owned()
}

#[sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

#[test]
fn a_test_needs_nothing_but_the_feature() {
    assert_eq!(doubles(21).expect("a call"), 42);
}

#[test]
fn main_that_is_wrapped_runs_once_and_calls() {
    assert_eq!(succeeds("wrapped", &[]), "main ran\n42\n");
}

#[test]
fn main_that_is_wrapped_keeps_its_result() {
    let output = run("wrapped_result", &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("as it should"), "{text}");
    assert_eq!(run("wrapped_result", &["well"]).status.code(), Some(7));
}

#[test]
fn main_that_is_wrapped_may_have_attributes() {
    assert_eq!(succeeds("wrapped_tokio", &[]), "main ran\n42\n");
}

#[test]
fn init_by_hand_is_as_good() {
    assert_eq!(succeeds("by_hand", &[]), "main ran\n42\n");
}

#[test]
fn a_call_without_an_entry_point_fails_before_anything_is_started() {
    // The program says what it got, and which processes it had started.
    let text = succeeds("none", &[]);
    assert!(text.contains("`none::doubles` (src/bin/none.rs:"), "{text}");
    assert!(text.contains("gaol::main!") && text.contains("gaol::init()") && text.contains("test-support"), "{text}");
}

#[test]
fn a_process_without_an_entry_point_activates_where_nobody_has_to_count() {
    assert_eq!(succeeds("activates", &["1"]), "activated\n");
    assert_eq!(succeeds("activates", &["none"]), "activated\n");
}

#[test]
fn the_argument_alone_makes_no_zygote() {
    // An application may be given any argument by anyone.
    assert_eq!(succeeds("wrapped", &["--gaol-zygote"]), "main ran\n42\n");
    assert_eq!(succeeds("wrapped", &["--gaol-zygote", "more"]), "main ran\n42\n");
}

#[test]
fn the_argument_and_a_socket_make_a_zygote_that_serves_only_who_greets_it() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a pair of sockets");
    rustix::io::write(&ours, b"who goes there").expect("a message");
    let output = Command::new(programs().join("wrapped"))
        .arg("--gaol-zygote")
        .stdin(std::process::Stdio::from(theirs))
        .output()
        .expect("a program that was built");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        !out.contains("main ran"),
        "a process that looks as if gaol had started it never runs the application: {out}{err}"
    );
    assert!(err.contains("gaol: the zygote cannot start"), "{out}{err}");
}

#[test]
fn a_socket_of_a_stranger_makes_no_zygote() {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    let (ours, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).expect("a pair of sockets");
    rustix::io::write(&ours, b"who goes there").expect("a message");
    // Started by a shell, which has not made the socket. The test before is the control: there the starter has.
    let output = Command::new("/bin/sh")
        .args(["-c", "\"$0\" --gaol-zygote; exit $?"])
        .arg(programs().join("wrapped"))
        .stdin(std::process::Stdio::from(theirs))
        .output()
        .expect("a program that was built");
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let expected = "gaol: the zygote cannot start: the control socket was made by another process than the one that has started \
                    this: permission denied\n";
    assert_eq!((output.status.code(), &*out, &*err), (Some(125), "", expected));
    let mut nothing = [0; 64];
    let answer = rustix::io::read(&ours, &mut nothing);
    assert_eq!(answer, Err(rustix::io::Errno::CONNRESET), "it is closed without a word, and with what it said unread");
}

#[test]
fn no_argument_leaves_a_layer_out() {
    let pattern = |path| gaol::PathPattern::subpath(path).expect("an absolute path");
    let operations = vec![
        gaol::Operation::ProcessExec(pattern("/bin/cat")),
        gaol::Operation::FileReadAll(pattern("/proc")),
        gaol::Operation::FileReadMetadata(pattern("/")),
    ];
    let without = gaol::controls::without(&[gaol::Layer::Seccomp]);
    let command = gaol::Profile::new(operations).expect("a profile").command("/bin/cat");
    drop(without);
    // The same words, which this process has marked, to a launcher that was built with the feature `test-controls` and to one without.
    let filters = |program: &Path| {
        let output =
            Command::new(program).args(command.get_args()).arg("/proc/self/status").output().expect("a process");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let line = out.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        line.unwrap_or_else(|| panic!("{}: {out}{err}", output.status)).trim().to_owned()
    };
    assert_eq!(filters(Path::new("/proc/self/exe")), "0", "the control: what the words say");
    assert_eq!(filters(&programs().join("wrapped")), "2", "every layer is entered, whatever they say");
}

#[test]
fn threads_before_main_are_an_error() {
    let text = succeeds("threads_before_main", &[]);
    assert!(text.contains("had 2 threads before it was a zygote"), "{text}");
}

#[test]
fn a_stack_overflow_is_reported_by_the_standard_library() {
    let text = succeeds("overflows", &[]);
    assert!(text.contains("was killed by SIGABRT") && text.contains("has overflowed its stack"), "{text}");
}

#[test]
fn a_program_that_was_moved_still_calls() {
    let place = Place::new("moved");
    let copy = place.path().join("renamed program");
    std::fs::copy(programs().join("by_hand"), &copy).expect("a copy");
    let output = Command::new(&copy).output().expect("a program");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "main ran\n42\n");
}
