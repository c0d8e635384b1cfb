//! Where an activation is tried: a process with one thread, which the harness's has not, and what others see of it.
//!
//! # Safety
//!
//! `fork(2)` copies a process of the tests' own, whose other thread waits for the one that forks. The child runs a body and leaves by
//! `_exit`.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use gaol::{ChildSandbox, Enforcement, Limits, Operation, PathPattern, Profile, ProfileError};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::support::alone::{Alone, User, place};

/// Declares tests that run in a process with one thread, as each user.
macro_rules! alone_as_each_user {
    ($($name:ident: $body:ident;)*) => {$(
        mod $name {
            #[test]
            fn as_this_user() {
                let name = concat!(module_path!(), "::as_this_user");
                crate::activations::stage::run(name, crate::support::alone::User::Same, super::$body);
            }

            #[test]
            fn as_an_unprivileged_user() {
                let name = concat!(module_path!(), "::as_an_unprivileged_user");
                crate::activations::stage::run(name, crate::support::alone::User::Nobody, super::$body);
            }
        }
    )*};
}

/// Runs a body in a process with one thread. `name` begins with the crate's, which the harness leaves out.
pub(crate) fn run(name: &'static str, user: User, body: fn()) {
    let (_, name) = name.split_once("::").expect("a path");
    if let Some(alone) = Alone::new(name).user(user) {
        alone.run(|| begin(|_| body()).succeeds());
    }
}

/// Runs a body in a fork of this process, and gives what it ended by.
pub(crate) fn fork(body: impl FnOnce()) -> End {
    begin(|_| body()).end()
}

/// A process that runs a body.
pub(crate) struct Acting {
    pub(crate) pid: Pid,
    said: PathBuf,
    line: UnixStream,
}

/// How it ended, and what it said on its standard error.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: WaitStatus,
    pub(crate) said: String,
}

/// Begins to run a body in a fork of this process. The two can speak.
pub(crate) fn begin(body: impl FnOnce(&mut Line)) -> Acting {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("said-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let said = place().join(name);
    let file = File::create(&said).expect("a file for what it says");
    let (line, theirs) = UnixStream::pair().expect("a pair of sockets");
    // SAFETY: see the module's Safety paragraph.
    match unsafe { libc::fork() } {
        0 => {
            drop(line);
            rustix::stdio::dup2_stderr(&file).expect("its standard error");
            drop(file);
            // The hook of the harness's process writes to a file by its name.
            let _ = std::panic::take_hook();
            let done = std::panic::catch_unwind(AssertUnwindSafe(|| body(&mut Line(theirs))));
            // SAFETY: takes a number, and does not return.
            unsafe { libc::_exit(if done.is_ok() { 0 } else { 101 }) }
        }
        pid => Acting { pid: Pid::from_raw(pid).expect("a fork"), said, line },
    }
}

/// What a body speaks by to who started it.
pub(crate) struct Line(UnixStream);

impl Line {
    /// Says that it is ready, and waits to be told to go on.
    pub(crate) fn ready(&mut self) {
        self.0.write_all(b"r").expect("somebody who listens");
        self.0.read_exact(&mut [0]).expect("a word");
    }
}

impl Acting {
    /// Waits until it is ready.
    pub(crate) fn when_ready(&mut self) {
        let heard = self.line.read_exact(&mut [0]);
        heard.unwrap_or_else(|error| panic!("it did not get ready: {error}\n{}", self.said()));
    }

    pub(crate) fn go_on(&mut self) {
        self.line.write_all(b"g").expect("somebody who waits");
    }

    pub(crate) fn raw_pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.said).unwrap_or_default()).into_owned()
    }

    pub(crate) fn end(self) -> End {
        let (_, status) =
            rustix::process::waitpid(Some(self.pid), WaitOptions::empty()).expect("a child").expect("its end");
        End { status, said: self.said() }
    }

    pub(crate) fn succeeds(self) {
        self.end().is_success();
    }
}

impl End {
    pub(crate) fn is_success(&self) {
        assert_eq!(self.status.exit_status(), Some(0), "{:?}\n{}", self.status, self.said);
    }

    /// It was killed by this signal.
    pub(crate) fn is_by(&self, signal: Signal) {
        assert_eq!(self.status.terminating_signal(), Some(signal.as_raw()), "{:?}\n{}", self.status, self.said);
    }
}

/// Puts this process under a profile.
pub(crate) fn activate(profile: Profile) -> Enforcement {
    ChildSandbox::new(profile).activate().expect("an activation")
}

/// What keeps this process from entering a profile.
pub(crate) fn refusal(profile: Profile) -> ProfileError {
    ChildSandbox::new(profile).activate().expect_err("no activation")
}

pub(crate) fn profile(operations: impl IntoIterator<Item = Operation>) -> Profile {
    Profile::new(operations.into_iter().collect()).expect("a profile")
}

/// A profile as it is written in a file, which nobody has tried out: it is made in a sandbox as well.
pub(crate) fn written(text: &str) -> Profile {
    toml::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// The same from operations.
pub(crate) fn untried(operations: &[Operation]) -> Profile {
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for operation in operations {
        let text = operation.to_string();
        let (_, value) = text.split_once(" = ").expect("a key and a value");
        keys.entry(operation.key()).or_default().push(value.to_owned());
    }
    let lines = keys.into_iter().map(|(key, values)| format!("{key} = [{}]", values.join(", ")));
    written(&lines.collect::<Vec<_>>().join("\n"))
}

/// The same with some limits changed.
pub(crate) fn limited(profile: Profile, change: impl FnOnce(&mut Limits)) -> Profile {
    let mut limits = *profile.limits();
    change(&mut limits);
    profile.with_limits(limits)
}

pub(crate) fn read(path: impl Into<PathBuf>) -> Operation {
    Operation::FileReadAll(subpath(path))
}

pub(crate) fn write(path: impl Into<PathBuf>) -> Operation {
    Operation::FileWriteAll(subpath(path))
}

pub(crate) fn metadata(path: impl Into<PathBuf>) -> Operation {
    Operation::FileReadMetadata(subpath(path))
}

pub(crate) fn exec(path: impl Into<PathBuf>) -> Operation {
    Operation::ProcessExec(subpath(path))
}

fn subpath(path: impl Into<PathBuf>) -> PathPattern {
    PathPattern::subpath(path).expect("an absolute path")
}

/// Something to try: what it is, the errno of its refusal, and how it is done.
pub(crate) type Attempt<'a> = (&'a str, i32, Box<dyn Fn() -> io::Result<()> + 'a>);

/// An attempt, for a list of them.
pub(crate) fn attempt<'a, T>(what: &'a str, errno: i32, action: impl Fn() -> io::Result<T> + 'a) -> Attempt<'a> {
    (what, errno, Box::new(move || action().map(drop)))
}

/// Every attempt works, and when the profile is activated each gets exactly its errno.
pub(crate) fn refused_after(attempts: &[Attempt<'_>], profile: Profile) {
    works(attempts);
    activate(profile);
    is_refused(attempts);
}

/// Every attempt works: there is something to refuse.
pub(crate) fn works(attempts: &[Attempt<'_>]) {
    for (what, _, action) in attempts {
        action().unwrap_or_else(|error| panic!("{what} should have worked: {error}"));
    }
}

/// Every attempt gets exactly its errno.
pub(crate) fn is_refused(attempts: &[Attempt<'_>]) {
    for (what, errno, action) in attempts {
        assert_eq!(errno_of(action()), Some(*errno), "{what}");
    }
}

/// The errno of what was refused.
pub(crate) fn errno_of<T>(result: io::Result<T>) -> Option<i32> {
    result.err().map(|error| error.raw_os_error().unwrap_or_else(|| panic!("{error} is no answer of the kernel's")))
}

/// A system call by number.
pub(crate) fn syscall(number: libc::c_long, arguments: [u64; 6]) -> io::Result<u64> {
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: what the arguments mean is the caller's affair: numbers, or addresses of what lives through the call.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    u64::try_from(answer).map_err(|_| io::Error::last_os_error())
}
