//! What the tests of programs share: profiles in both tiers, a program that tries things, and how programs ended.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use gaol::{Layer, Operation, PathPattern, Profile};

use crate::support::processes::eventually;

/// With namespaces, or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    A,
    B,
}

/// The tiers that are to be had here: both, unless the run goes without namespaces.
pub(crate) fn tiers() -> Vec<Tier> {
    if gaol::support().has(Layer::Namespaces) {
        return vec![Tier::A, Tier::B];
    }
    eprintln!("tier A is left out: there are no namespaces");
    vec![Tier::B]
}

/// Runs a test in both tiers.
pub(crate) fn in_each_tier(test: impl Fn(Tier)) {
    for tier in tiers() {
        in_tier(tier, || test(tier));
    }
}

/// Runs a test, or a part of one, in a tier: each thread says for itself in which.
pub(crate) fn in_tier<R>(tier: Tier, test: impl FnOnce() -> R) -> R {
    let without: &[Layer] = if tier == Tier::B { &[Layer::Namespaces] } else { &[] };
    let _guard = gaol::controls::without(without);
    test()
}

fn pattern(path: impl Into<PathBuf>) -> PathPattern {
    PathPattern::subpath(path).expect("an absolute path")
}

pub(crate) fn exec(path: impl Into<PathBuf>) -> Operation {
    Operation::ProcessExec(pattern(path))
}

pub(crate) fn read(path: impl Into<PathBuf>) -> Operation {
    Operation::FileReadAll(pattern(path))
}

pub(crate) fn write(path: impl Into<PathBuf>) -> Operation {
    Operation::FileWriteAll(pattern(path))
}

/// What every program needs in tier B: nothing keeps metadata from it there.
pub(crate) fn all_metadata() -> Operation {
    Operation::FileReadMetadata(pattern("/"))
}

/// A profile by hand, with what the tier asks for besides.
pub(crate) fn profile(tier: Tier, operations: impl IntoIterator<Item = Operation>) -> Profile {
    let mut operations: Vec<Operation> = operations.into_iter().collect();
    if tier == Tier::B {
        operations.push(all_metadata());
    }
    Profile::new(operations).expect("a profile that this system can keep")
}

/// A profile that lets the prober run, and nothing else.
pub(crate) fn bare(tier: Tier) -> Profile {
    profile(tier, [exec(prober())])
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
}

impl From<ExitStatus> for End {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, signal) => Self::Signal(signal.expect("an exit code or a signal")),
        }
    }
}

/// The prober's words: what it is to try.
pub(crate) type Act<'a> = &'a [&'a str];

/// The prober tries something under a profile.
pub(crate) fn try_in(profile: &Profile, act: Act<'_>) -> End {
    run(profile.command(prober()).args(act)).0
}

/// The prober tries something without a sandbox.
pub(crate) fn try_outside(act: Act<'_>) -> End {
    Command::new(prober()).args(act).stdin(Stdio::null()).output().expect("a process").status.into()
}

/// Runs a command to its end, which must be that of a program. Gives what it printed too.
pub(crate) fn run(command: &mut Command) -> (End, String) {
    let output = command.stdin(Stdio::null()).output().expect("a process");
    assert!(!gaol::is_set_up_failure(&output.status), "{command:?} was not started: {}", errors(&output));
    (output.status.into(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command that cannot start its program, and gives what is said about that.
pub(crate) fn refused(command: &mut Command) -> String {
    reason(&command.stdin(Stdio::null()).output().expect("a process"))
}

/// What is said by a command that has not started its program.
pub(crate) fn reason(output: &Output) -> String {
    assert!(gaol::is_set_up_failure(&output.status), "a program was started: {output:?}");
    assert_eq!(output.status.signal(), Some(33));
    assert_eq!(output.stdout, b"", "a program that did not run prints nothing");
    let said = errors(output);
    let line = said.strip_prefix("gaol: ").and_then(|said| said.strip_suffix('\n'));
    let line = line.unwrap_or_else(|| panic!("one line of gaol's: {said:?}"));
    assert!(!line.contains('\n'), "one line: {said:?}");
    line.to_owned()
}

pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Waits for a child that is going to end, or fails.
pub(crate) fn end_of(child: &mut Child) -> End {
    let mut status = None;
    eventually("the end of a command", || {
        status = child.try_wait().expect("a child to wait for");
        status.is_some()
    });
    status.expect("it has ended").into()
}

/// Compiles C.
pub(crate) fn compile(source: &Path, program: &Path, options: &[&str]) {
    let output = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-o"])
        .arg(program)
        .arg(source)
        .args(options)
        .output()
        .expect("a C compiler, which these tests require: `apt-get install gcc libc6-dev`");
    assert!(output.status.success(), "cc: {}", errors(&output));
}

/// The prober: a static program, compiled once, that does one thing and exits with the errno of what failed. See `prober.c`.
pub(crate) fn prober() -> &'static Path {
    static PROBER: OnceLock<PathBuf> = OnceLock::new();
    PROBER.get_or_init(|| {
        let source = include_str!("prober.c");
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        let name = format!("prober-{:x}", hasher.finish());
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
        if may_run(&built) {
            return std::fs::canonicalize(built).expect("it is there");
        }
        // Another user may not get there.
        let directory = std::env::var_os("GAOL_TEST_PLACE").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
        let directory = std::fs::canonicalize(directory).expect("a directory to build in");
        let [text, fresh] = ["c", "new"].map(|kind| directory.join(format!("{name}-{}.{kind}", std::process::id())));
        std::fs::write(&text, source).expect("room for the source");
        compile(&text, &fresh, &["-static"]);
        // Whoever runs it meanwhile finds a whole program.
        std::fs::rename(&fresh, directory.join(&name)).expect("a name for it");
        std::fs::remove_file(&text).expect("the source can go");
        directory.join(name)
    })
}

fn may_run(path: &Path) -> bool {
    rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// A word that no other process has in its arguments.
pub(crate) fn marker(purpose: &str) -> String {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    format!("marked-{purpose}-{}-{count}.", std::process::id())
}

/// The processes that have a word in their arguments, zombies not counted: those of a command are launcher, init and program.
pub(crate) fn marked(word: &str) -> Vec<u32> {
    let has_word = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(has_word).collect()
}

/// Waits until nothing has a word in its arguments any more.
pub(crate) fn all_gone(word: &str) {
    let begun = Instant::now();
    while !marked(word).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{word}: still there: {:?}", marked(word));
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A command's child, and the first line that its program has printed.
pub(crate) fn spawn_and_hear(command: &mut Command) -> (Child, String) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a process");
    let stdout = child.stdout.as_mut().expect("its output");
    let mut line = Vec::new();
    let mut byte = [0];
    while !line.ends_with(b"\n") && std::io::Read::read(stdout, &mut byte).expect("its output") == 1 {
        line.push(byte[0]);
    }
    (child, String::from_utf8_lossy(&line).trim_end().to_owned())
}

/// Whether there is a program of this name where programs are.
pub(crate) fn find(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    ["/bin", "/usr/bin"]
        .map(|directory| Path::new(directory).join(name.as_ref()))
        .into_iter()
        .find(|path| path.exists())
}
