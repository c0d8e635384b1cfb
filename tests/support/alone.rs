//! Runs the body of a test in a process of its own, which starts as this test binary did.
#![allow(dead_code, reason = "each test uses what it needs")]

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::place::Place;

/// Names the test whose body the process is to run.
const NAME: &str = "GAOL_TEST_ALONE";
/// Names the directory that the process may use.
const PLACE: &str = "GAOL_TEST_PLACE";
/// An unprivileged user and group.
pub(crate) const NOBODY: u32 = 65534;
/// How long such a process may take. Only one that hangs does.
const PATIENCE: Duration = Duration::from_secs(120);

/// As whom the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// As this process.
    Same,
    /// As somebody without privileges.
    Nobody,
    /// As somebody without privileges or other processes, for limits that count everything of a user's.
    Lonely,
}

/// A test that runs its body in another process.
#[derive(Debug)]
pub(crate) struct Alone {
    name: &'static str,
    user: User,
    adjust: fn(&mut Command),
}

impl Alone {
    /// `name` is the test's own, as the harness knows it.
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, user: User::Same, adjust: |_| {} }
    }

    /// Changes how the process is started.
    pub(crate) fn adjust(self, adjust: fn(&mut Command)) -> Self {
        Self { adjust, ..self }
    }

    /// Changes as whom it runs. `None` where this process may not become somebody else: that is said, and the test left out.
    pub(crate) fn user(self, user: User) -> Option<Self> {
        if user != User::Same && !is_here(self.name) && !rustix::process::geteuid().is_root() {
            eprintln!("{}: not run as another user, which only root can become", self.name);
            return None;
        }
        Some(Self { user, ..self })
    }

    /// Runs `body` in a process of its own, and fails as it does.
    pub(crate) fn run(self, body: impl FnOnce()) {
        if is_here(self.name) {
            keep_panics();
            body();
            std::fs::write(place().join("done"), "").expect("a mark that the body was run");
            return;
        }
        let name = self.name;
        let mut started = self.start();
        let status = started.wait();
        let said = started.said();
        assert!(status.success(), "{name}, in a process of its own: {status}\n{said}");
        let done = started.place.path().join("done").exists();
        assert!(done, "{name} was not run to its end in the other process:\n{said}");
    }

    /// Runs `body` for ever in another process, and `here` with that process in this one, which is killed when `here` is done.
    pub(crate) fn beside(self, body: impl FnOnce(), here: impl FnOnce(&mut Started)) {
        if is_here(self.name) {
            body();
            return;
        }
        let mut started = self.start();
        here(&mut started);
        let _ = started.child.kill();
        let _ = started.child.wait();
    }

    fn start(self) -> Started {
        let place = Place::new("alone");
        // The directory that the build wrote to may be closed to others, and some tests remove or replace the binary.
        let program = place.path().join("program");
        let built = std::env::current_exe().expect("the name of this program");
        if std::fs::hard_link(&built, &program).is_err() {
            std::fs::copy(&built, &program).expect("a copy of this program");
        }
        let mut command = Command::new(&program);
        command
            .args(["--exact", self.name, "--nocapture", "--test-threads=1"])
            .env(NAME, self.name)
            .env(PLACE, place.path())
            .current_dir(place.path())
            .stdin(Stdio::null())
            .stdout(std::fs::File::create(place.path().join("said")).expect("a file for what it says"))
            .stderr(std::fs::File::create(place.path().join("said-of-errors")).expect("a file for what it says"));
        match self.user {
            User::Same => {}
            User::Nobody => {
                command.uid(NOBODY).gid(NOBODY);
            }
            User::Lonely => {
                // By chance, since others of this kind may run beside it, and in another pid namespace under the same number.
                let chance = RandomState::new().hash_one(self.name);
                let lonely = 100_000 + u32::try_from(chance % 400_000).expect("a small number");
                command.uid(lonely).gid(lonely);
            }
        }
        (self.adjust)(&mut command);
        let child = command.spawn().expect("this program again");
        Started { child, place }
    }
}

/// The other process.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    pub(crate) place: Place,
}

impl Started {
    /// Waits for the end of the process.
    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            match self.child.try_wait().expect("a child to wait for") {
                Some(status) => return status,
                None if begun.elapsed() > PATIENCE => {
                    self.child.kill().expect("a child to kill");
                    return self.child.wait().expect("a child to wait for");
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// What the process has said so far.
    pub(crate) fn said(&self) -> String {
        let read = |name| std::fs::read(self.place.path().join(name)).unwrap_or_default();
        let bytes = [read("said"), read("said-of-errors"), read("panics")].concat();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The directory that the process which was started may use. Everybody may write there.
pub(crate) fn place() -> PathBuf {
    std::env::var_os(PLACE).expect("a process that a test started").into()
}

/// Writes panics to a file as well: some bodies close the streams.
fn keep_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let file = std::fs::File::options().create(true).append(true).open(place().join("panics"));
        let _ = file.and_then(|mut file| writeln!(file, "{info}"));
        previous(info);
    }));
}

fn is_here(name: &str) -> bool {
    std::env::var_os(NAME).is_some_and(|named| named == name)
}
