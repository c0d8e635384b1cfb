//! The entry point: `gaol::main!`, `gaol::init()` and what happens without either, in programs of their own.
//!
//! This test binary has its entry point from the feature `test-support`. The programs here are built without it, from
//! `tests/entry_points/`, against the library of this tree.
//!
//! # Safety
//!
//! A library of these is loaded, and a function of it called that takes nothing and gives a number. A file capability is set by number.
#![allow(unsafe_code)]

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
            if entry.path().is_file() {
                std::fs::copy(entry.path(), sources.join(entry.file_name())).expect("a copy of a program");
            }
        }
        std::fs::copy(root.join("tests/entry_points/plugin/lib.rs"), project.join("src/lib.rs")).expect("a copy of a library");
        let manifest = format!(
            "[package]\nname = \"entry-points\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n\
             gaol = {{ path = {:?} }}\ntokio = {{ version = \"1\", default-features = false, features = [\"rt\", \"rt-multi-thread\", \"macros\"] }}\n\n\
             [lib]\nname = \"plugin\"\ncrate-type = [\"cdylib\"]\n",
            root.join("gaol")
        );
        std::fs::write(project.join("Cargo.toml"), manifest).expect("a manifest");
        std::fs::copy(root.join("Cargo.lock"), project.join("Cargo.lock")).expect("the same versions");
        let target = project.join("target");
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--offline", "--lib", "--bins"])
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
fn a_library_that_starts_threads_before_main_is_told_not_to_and_functions_are_not_told() {
    let text = succeeds("threads_unless_told", &[]);
    let mut lines = text.lines();
    let refused = lines.next().unwrap_or_default();
    assert!(refused.contains("had 2 threads before it was a zygote"), "{text}");
    assert!(refused.contains("gaol::zygote_environment") && refused.contains("OPENBLAS_NUM_THREADS"), "{text}");
    assert!(!refused.contains("other error: other error"), "{text}");
    assert_eq!(lines.next(), Some("0 variables"), "{text}");
}

#[test]
fn init_inside_of_a_runtime_is_told_as_that() {
    let text = succeeds("init_inside_tokio", &[]);
    let (error, support) = text.split_once('\n').unwrap_or_default();
    assert!(error.contains("had 3 threads before it was a zygote"), "{text}");
    assert!(error.contains("gaol::main! { #[tokio::main] async fn main()"), "{text}");
    assert!(!text.contains("other error") && !text.contains("Success"), "{text}");
    // One line, which says why, in place of a tier and one line a layer.
    assert!(support.starts_with("no sandbox: the new process had 3 threads"), "{text}");
    assert_eq!(support.trim_end().lines().count(), 1, "{text}");
}

#[test]
fn init_that_comes_too_late_is_told_as_that() {
    let text = succeeds("init_too_late", &[]);
    assert!(text.contains("`gaol::init()` must be the first thing in `main`, before arguments are read"), "{text}");
    assert!(
        text.contains("test-support") && text.contains("Unrecognized option: ") && text.contains("--gaol-zygote"),
        "{text}"
    );
}

/// Runs a program under another one, which must fail at once and say why: the other one is not started again.
fn is_refused_under(host: &Command) -> String {
    let mut command = Command::new(host.get_program());
    command.args(host.get_args()).arg(programs().join("by_hand"));
    let begun = std::time::Instant::now();
    let output = command.output().expect("the other program");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("a child would not be this program (") && text.contains("/by_hand) but "), "{text}");
    // A host that runs on was waited for for twenty seconds.
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
    text
}

#[test]
fn a_program_that_a_loader_runs_is_not_taken_for_the_loader() {
    let loader =
        if cfg!(target_arch = "x86_64") { "/lib64/ld-linux-x86-64.so.2" } else { "/lib/ld-linux-aarch64.so.1" };
    let text = is_refused_under(&Command::new(loader));
    assert!(text.contains("start the program itself"), "{text}");
    // The control: without the loader it calls.
    succeeds("by_hand", &[]);
}

#[test]
fn a_call_under_valgrind_is_refused_before_its_function_runs() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!(
            "a_call_under_valgrind_is_refused_before_its_function_runs: left out, since valgrind is not to be had here"
        );
        return;
    }
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--tool=none"]).arg(programs().join("by_hand"));
    let begun = std::time::Instant::now();
    let output = valgrind.output().expect("valgrind");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{text}");
    // Some versions show the program as what the process runs, and refuse the child themselves.
    assert!(
        text.contains("a child would not be this program (") || text.contains("could not start a worker process"),
        "{text}"
    );
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[test]
fn a_library_in_a_host_that_knows_nothing_of_gaol_is_told_as_that() {
    let library = programs().join("libplugin.so");
    let name = std::ffi::CString::new(library.to_str().expect("a plain path")).expect("no NUL byte");
    // A process of its own: the library prints.
    const HERE: &str = "GAOL_TEST_PLUGIN";
    if std::env::var_os(HERE).is_some() {
        // SAFETY: the name is a C string, and what the library does when it is loaded is gaol's.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null());
        // SAFETY: the handle is that of a library that is loaded.
        let function = unsafe { libc::dlsym(handle, c"plugin_calls".as_ptr()) };
        assert!(!function.is_null());
        // SAFETY: the library defines the function so.
        let function = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> u64>(function) };
        assert!(function() < 5000, "it takes no time to see that");
        return;
    }
    let output = Command::new(std::env::current_exe().expect("the name of this program"))
        .args(["--exact", "a_library_in_a_host_that_knows_nothing_of_gaol_is_told_as_that", "--nocapture"])
        .env(HERE, "1")
        .output()
        .expect("this program again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("which has loaded gaol in a library (") && text.contains("libplugin.so"), "{text}");
    assert!(text.contains("a program of your own"), "{text}");
}

#[test]
fn a_program_with_file_capabilities_says_the_way_out() {
    if !rustix::process::geteuid().is_root() {
        eprintln!(
            "a_program_with_file_capabilities_says_the_way_out: not run, since only root can set file capabilities"
        );
        return;
    }
    let place = Place::new("capable");
    let copy = place.path().join("program");
    std::fs::copy(programs().join("by_hand"), &copy).expect("a copy");
    let run = || {
        use std::os::unix::process::CommandExt;
        let output = Command::new(&copy).uid(65534).gid(65534).current_dir("/").output().expect("a program");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // The control: without the capability it calls.
    let (calls, text) = run();
    assert!(calls, "{text}");
    // VFS_CAP_REVISION_2 with the effective bit, and CAP_NET_BIND_SERVICE among what is permitted.
    let value: [u32; 5] = [0x0200_0001, 1 << 10, 0, 0, 0];
    let value = value.map(u32::to_le_bytes).concat();
    rustix::fs::setxattr(&copy, "security.capability", &value, rustix::fs::XattrFlags::empty()).expect("a capability");
    let (calls, text) = run();
    assert!(!calls && text.contains("file capabilities") && text.contains("AmbientCapabilities="), "{text}");
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
