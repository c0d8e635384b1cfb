//! Keys whose value is an expression are evaluated at the call, and checked by the rules of literals, with their messages.
#![allow(unused_variables, reason = "some parameters are there for the attribute alone")]

mod support {
    pub(crate) mod place;
}

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use gaol::{Error, Layer, OnViolation, Outcome, Output, sandboxed};

use support::place::Place;

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

/// Two files with different contents.
fn two_files() -> (Place, PathBuf, PathBuf) {
    let place = Place::new("dynamic");
    let (one, two) = (place.path().join("one"), place.path().join("two"));
    std::fs::write(&one, "1").expect("a file");
    std::fs::write(&two, "22").expect("a file");
    (place, one, two)
}

#[sandboxed(read = path)]
fn reads_granted(path: &Path, wanted: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[sandboxed(read = path, process = "exec")]
fn reads_granted_exec(path: &Path, wanted: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[sandboxed(read = path, process = "reused")]
fn reads_granted_reused(path: &Path, wanted: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[test]
fn a_call_reads_the_path_that_it_names_and_no_other() {
    let (_place, one, two) = two_files();
    in_each_tier(|| {
        for function in [reads_granted, reads_granted_exec, reads_granted_reused] {
            assert_eq!(function(&one, &one).expect("a granted file"), "1");
            assert_eq!(function(&two, &two).expect("a granted file"), "22");
            for (granted, wanted) in [(&one, &two), (&two, &one)] {
                let error = function(granted, wanted).expect_err("a file of another call");
                assert!(matches!(error, Error::Function(_)), "{error:?}");
            }
        }
    });
}

const WORDS: &str = "/usr/share";
static LATER: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();

#[sandboxed(read = WORDS)]
fn reads_a_constant() -> gaol::Result<bool> {
    // Not there in a root of the child's own, refused by Landlock elsewhere.
    let refused = std::fs::read_dir("/usr/lib").err().and_then(|error| error.raw_os_error());
    Ok(std::fs::read_dir(WORDS).is_ok() && matches!(refused, Some(libc::ENOENT | libc::EACCES)))
}

#[sandboxed(read = LATER.get().expect("set before the call"))]
fn reads_what_was_set(wanted: PathBuf) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[test]
fn constants_and_statics_are_values_too() {
    in_each_tier(|| assert!(reads_a_constant().expect("a call")));
    let (_place, one, two) = two_files();
    LATER.set(one.clone()).expect("set once");
    assert_eq!(reads_what_was_set(one).expect("a granted file"), "1");
    reads_what_was_set(two).expect_err("a file that is not granted");
}

#[sandboxed(read = [one, two.as_path()])]
fn reads_a_list(one: &Path, two: PathBuf, wanted: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[sandboxed(read = paths)]
fn reads_a_slice(paths: &[PathBuf], wanted: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[sandboxed(read = ["/usr/share", path])]
fn reads_a_mixed_list(path: &str, wanted: &Path) -> gaol::Result<bool> {
    Ok(std::fs::symlink_metadata(wanted).is_ok() && std::fs::read_dir(WORDS).is_ok())
}

#[sandboxed(read = path)]
fn reads_an_option(path: Option<OsString>, wanted: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(wanted)?)
}

#[test]
fn lists_grant_each_of_their_paths() {
    let (place, one, two) = two_files();
    let three = place.path().join("three");
    std::fs::write(&three, "333").expect("a file");
    in_each_tier(|| {
        assert_eq!(reads_a_list(&one, two.clone(), &two).expect("a granted file"), "22");
        reads_a_list(&one, two.clone(), &three).expect_err("a file that is not granted");
        let both = [one.clone(), two.clone()];
        assert_eq!(reads_a_slice(&both, &one).expect("a granted file"), "1");
        reads_a_slice(&both, &three).expect_err("a file that is not granted");
        reads_a_slice(&[], &one).expect_err("a file that is not granted");
        assert!(reads_a_mixed_list(one.to_str().expect("text"), &one).expect("a call"));
        assert!(!reads_a_mixed_list(one.to_str().expect("text"), &two).expect("a call"));
        assert_eq!(reads_an_option(Some(one.clone().into()), &one).expect("a granted file"), "1");
        reads_an_option(None, &one).expect_err("a file that is not granted");
    });
}

#[sandboxed(read = directory, write = &directory.join("out"), metadata = "/usr")]
fn writes_beneath(directory: PathBuf) -> gaol::Result<(bool, bool)> {
    let inside = std::fs::write(directory.join("out/new"), "n").is_ok();
    let outside = std::fs::write(directory.join("new"), "n").is_ok();
    Ok((inside, outside))
}

#[test]
fn an_expression_may_compute() {
    let place = Place::new("computed");
    std::fs::create_dir(place.path().join("out")).expect("a directory");
    assert_eq!(writes_beneath(place.path().to_path_buf()).expect("a call"), (true, false));
    assert!(place.path().join("out/new").exists() && !place.path().join("new").exists());
}

fn invalid<T: std::fmt::Debug>(result: gaol::Result<T>) -> String {
    match result {
        Err(error @ Error::InvalidProfile { .. }) => {
            assert_eq!(error.outcome(), Outcome::NotRun);
            let text = error.to_string();
            let Error::InvalidProfile { message, call, .. } = error else { unreachable!("matched above") };
            assert_eq!(call.file, "tests/dynamic_keys.rs");
            assert!(
                text.starts_with(&format!("`{}` (tests/dynamic_keys.rs:{}): ", call.function, call.line)),
                "{text}"
            );
            message
        }
        other => panic!("expected an invalid profile, not {other:?}"),
    }
}

#[test]
fn a_path_is_refused_with_the_attributes_message() {
    for (path, message) in [
        ("", "the path is empty; expected an absolute path such as `/data`"),
        ("data", "`data` is relative; expected an absolute path, which starts with `/`"),
        ("~/data", "`~/data` starts with `~`, which only a shell expands; expected an absolute path"),
        ("/a/../b", "`/a/../b` has a `..` component; expected the path that it leads to"),
        ("/a/./b", "`/a/./b` has a `.` component; write `/a/b`"),
        ("/a//b", "`/a//b` has a doubled `/`; write `/a/b`"),
        ("/a/", "`/a/` ends with `/`; write `/a`"),
        ("/a\0b", "`/a\\0b` holds a NUL byte; no path can hold one, remove it"),
    ] {
        assert_eq!(invalid(reads_granted(Path::new(path), Path::new("/"))), format!("`read = …`: {message}"));
    }
}

#[sandboxed(net = target)]
fn connects(target: &str) -> gaol::Result<()> {
    println!("{target}");
    Ok(())
}

#[sandboxed(
    time = time, cpu = cpu, memory = memory, files = files, threads = threads, file_size = file_size, reply = reply,
    stdout = stdout, stderr = stderr, violation = violation, env = env,
)]
#[allow(clippy::too_many_arguments)]
fn is_limited(
    time: &str,
    cpu: &str,
    memory: &str,
    files: i64,
    threads: i64,
    file_size: &str,
    reply: &str,
    stdout: &str,
    stderr: &str,
    violation: &str,
    env: &str,
) -> gaol::Result<String> {
    Ok(format!(
        "{time} {cpu} {memory} {files} {threads} {file_size} {reply} {stdout} {stderr} {violation} {env} {}",
        rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(0)
    ))
}

#[test]
fn every_key_checks_its_value() {
    let valid = || is_limited("2s", "1s", "64MiB", 20, 1, "1MiB", "1MiB", "null", "capture", "deny", "LANG");
    assert_eq!(valid().expect("a call"), "2s 1s 64MiB 20 1 1MiB 1MiB null capture deny LANG 20");
    let text = |result| invalid::<String>(result);
    for (message, key) in [
        (text(is_limited("2", "1s", "1GiB", 9, 1, "1MiB", "1MiB", "null", "null", "deny", "A")), "time"),
        (text(is_limited("2s", "1 s ", "1GiB", 9, 1, "1MiB", "1MiB", "null", "null", "deny", "A")), "cpu"),
        (text(is_limited("2s", "1s", "1GB!", 9, 1, "1MiB", "1MiB", "null", "null", "deny", "A")), "memory"),
        (text(is_limited("2s", "1s", "1GiB", -9, 1, "1MiB", "1MiB", "null", "null", "deny", "A")), "files"),
        (text(is_limited("2s", "1s", "1GiB", 9, 0, "1MiB", "1MiB", "null", "null", "deny", "A")), "threads"),
        (text(is_limited("2s", "1s", "1GiB", 9, 1, "0", "1MiB", "null", "null", "deny", "A")), "file_size"),
        (text(is_limited("2s", "1s", "1GiB", 9, 1, "1MiB", "-1", "null", "null", "deny", "A")), "reply"),
        (text(is_limited("2s", "1s", "1GiB", 9, 1, "1MiB", "1MiB", "nul", "null", "deny", "A")), "stdout"),
        (text(is_limited("2s", "1s", "1GiB", 9, 1, "1MiB", "1MiB", "null", "", "deny", "A")), "stderr"),
        (text(is_limited("2s", "1s", "1GiB", 9, 1, "1MiB", "1MiB", "null", "null", "kil", "A")), "violation"),
        (text(is_limited("2s", "1s", "1GiB", 9, 1, "1MiB", "1MiB", "null", "null", "deny", "A=B")), "env"),
    ] {
        assert!(message.starts_with(&format!("`{key} = …`: ")), "{key}: {message}");
        assert!(["expected", "did you mean", "write"].iter().any(|word| message.contains(word)), "{key}: {message}");
    }
    for target in ["tcp:0", "tcp:65536", "tcp", "443", "udp", "sctp:1", "unix:x", "tcp:example.com:443"] {
        assert!(invalid(connects(target)).starts_with("`net = …`: "), "{target}");
    }
    connects("tcp:443").expect("a valid target");
}

#[sandboxed(time = Duration::from_millis(200), memory = 64 << 20, stdout = Output::Null, violation = OnViolation::Deny)]
fn is_limited_by_values(sleep: bool, bytes: usize) -> gaol::Result<usize> {
    if sleep {
        std::thread::sleep(Duration::from_secs(60));
    }
    Ok(vec![1_u8; bytes].len())
}

#[test]
fn values_need_not_be_text() {
    assert_eq!(is_limited_by_values(false, 1000).expect("a call"), 1000);
    assert!(matches!(is_limited_by_values(true, 1), Err(Error::TimedOut { .. })));
    assert!(matches!(is_limited_by_values(false, 128 << 20), Err(Error::OutOfMemory { limit: Some(0x400_0000), .. })));
}

static EVALUATED: AtomicU32 = AtomicU32::new(0);

fn count() -> Duration {
    EVALUATED.fetch_add(1, Ordering::Relaxed);
    Duration::from_secs(5)
}

#[sandboxed(time = count())]
fn counts_its_evaluations() -> gaol::Result<u32> {
    Ok(EVALUATED.load(Ordering::Relaxed))
}

#[test]
fn an_expression_is_evaluated_once_a_call_and_in_the_application() {
    assert_eq!(counts_its_evaluations().expect("a call"), 0, "the child has a memory of its own");
    assert_eq!(EVALUATED.load(Ordering::Relaxed), 1);
    counts_its_evaluations().expect("a call");
    assert_eq!(EVALUATED.load(Ordering::Relaxed), 2);
}

#[sandboxed(time = panics(explodes))]
fn has_an_expression_that_panics(explodes: bool) -> gaol::Result<bool> {
    Ok(explodes)
}

fn panics(explodes: bool) -> Duration {
    assert!(!explodes, "in the expression");
    Duration::from_secs(5)
}

#[test]
fn a_panic_of_an_expression_is_the_applications() {
    assert!(std::panic::catch_unwind(|| has_an_expression_that_panics(true)).is_err());
    assert!(!has_an_expression_that_panics(false).expect("the next call"));
}

#[sandboxed(read = [path, path], metadata = path)]
fn names_a_path_twice(path: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(path)?)
}

#[test]
fn what_is_named_twice_is_granted_once() {
    let (_place, one, _) = two_files();
    in_each_tier(|| assert_eq!(names_a_path_twice(&one).expect("a granted file"), "1"));
}

#[test]
fn many_different_profiles_do_not_pile_up() {
    let place = Place::new("many");
    for index in 0..200_u32 {
        let path = place.path().join(index.to_string());
        std::fs::write(&path, index.to_string()).expect("a file");
        assert_eq!(reads_granted(&path, &path).expect("a granted file"), index.to_string());
    }
}
