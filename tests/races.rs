//! Names that change while somebody looks them up, and sockets that change while somebody judges them: a million flips, and no win.
//!
//! A *win* is that a function, a program or a process under a profile reads the secret, though the profile names only paths in one tree
//! which the secret is not in, and some profile lets a hostile child write that tree: every symbolic link in it is the child's, and one
//! that is found is refused ([`PathProblem::WritableLink`]). Or that a socket listens which is not bound to the port of the profile.
//!
//! Beside each race the control: who looks first and uses the name afterwards is beaten in the same place.
//!
//! # Safety
//!
//! dup2(2) takes two numbers of descriptors that stay open. fork(2) copies a process whose other thread waits for the one that forks; the
//! child leaves by `_exit`.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod place;
}

use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gaol::{ChildSandbox, Error, Layer, Operation, PathPattern, PathProblem, Profile, sandboxed};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use serde::{Deserialize, Serialize};

use support::place::Place;

/// How often names are exchanged in each tier, at the least.
const FLIPS: u64 = 500_000;
/// How many calls look each name up meanwhile, at the least.
const CALLS: u32 = 100;
/// How many commands and activations do.
const PROCESSES: u32 = 20;
/// Nothing takes so long but what hangs.
const PATIENCE: Duration = Duration::from_secs(100);

/// What is exchanged with a link: a file, a directory that is granted, a directory on the way to a file that is.
const NAMES: [&str; 3] = ["leaf", "tree", "middle"];

/// Hostile: exchanges each name with a link into the secret directory until it is told to stop. Gives how often it did.
#[sandboxed(write = place, time = "none")]
fn flip(place: &Path, least: u64) -> gaol::Result<u64> {
    let mut flips = 0;
    while flips < least || !place.join("stop").exists() {
        // So many that looking for the word costs nothing.
        for _ in 0..64 {
            for name in NAMES {
                let link = format!("{name}-link");
                renameat_with(CWD, place.join(name), CWD, place.join(link), RenameFlags::EXCHANGE)
                    .map_err(std::io::Error::from)?;
                flips += 1;
            }
        }
    }
    Ok(flips)
}

/// What there is to read at a path.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Read {
    Text(String),
    Errno(i32),
}

fn read(path: &Path) -> Read {
    match std::fs::read_to_string(path) {
        Ok(text) => Read::Text(text),
        Err(error) => Read::Errno(error.raw_os_error().unwrap_or(-1)),
    }
}

/// The victim: may read what it is told to, by the name that it is told.
#[sandboxed(read = granted, time = "60s")]
fn reads(granted: &Path, file: &Path) -> gaol::Result<Read> {
    Ok(read(file))
}

/// The tree that the child writes, and the secret beside it.
struct Stage {
    place: Place,
}

impl Stage {
    fn new() -> Self {
        let place = Place::new("races");
        let stage = Self { place };
        let (writable, secret) = (stage.writable(), stage.place.path().join("secret"));
        for directory in [&writable.join("tree"), &writable.join("middle"), &secret] {
            std::fs::create_dir_all(directory).expect("a directory");
        }
        for file in ["leaf", "tree/file", "middle/file"] {
            std::fs::write(writable.join(file), "harmless").expect("a file");
        }
        std::fs::write(secret.join("file"), "secret").expect("a file");
        for (name, target) in [("leaf", secret.join("file")), ("tree", secret.clone()), ("middle", secret)] {
            std::os::unix::fs::symlink(target, writable.join(format!("{name}-link"))).expect("a link");
        }
        stage
    }

    fn writable(&self) -> PathBuf {
        self.place.path().join("writable")
    }

    /// What is granted, and the file that is read.
    fn cases(&self) -> [(PathBuf, PathBuf); 3] {
        let writable = self.writable();
        let (tree, middle) = (writable.join("tree"), writable.join("middle/file"));
        [(writable.join("leaf"), writable.join("leaf")), (tree.clone(), tree.join("file")), (middle.clone(), middle)]
    }

    /// Runs `round` until it is content, while a hostile child flips the names. Gives the number of flips.
    fn while_they_flip(&self, layers_out: &[Layer], mut round: impl FnMut() -> bool) -> u64 {
        /// The child is told to stop also when the body fails.
        struct Stop(PathBuf);
        impl Drop for Stop {
            fn drop(&mut self) {
                let _ = std::fs::write(self.0.join("stop"), "");
            }
        }
        let writable = self.writable();
        let _ = std::fs::remove_file(writable.join("stop"));
        std::thread::scope(|scope| {
            let flipping = scope.spawn(|| {
                let _guard = gaol::controls::without(layers_out);
                flip(&self.writable(), FLIPS)
            });
            let stop = Stop(writable.clone());
            let is_flipped = || std::fs::symlink_metadata(writable.join("leaf")).is_ok_and(|leaf| leaf.is_symlink());
            until("the first flip", || is_flipped() || flipping.is_finished());
            until("both sides of every race", || flipping.is_finished() || round());
            drop(stop);
            flipping.join().expect("no panic").expect("a child may flip what it may write")
        })
    }
}

fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !happened() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
    }
}

/// How often the harmless file was read, and how often nothing.
#[derive(Debug, Default)]
struct Tally {
    read: u32,
    refused: u32,
}

impl Tally {
    fn count(&mut self, read: bool) {
        if read { self.read += 1 } else { self.refused += 1 }
    }

    /// Whether both sides of the race were seen, in `least` attempts or more.
    fn is_enough(&self, least: u32) -> bool {
        self.read + self.refused >= least && self.read > 0 && self.refused > 0
    }
}

/// Whether the harmless file was read. Anything but that and a refusal fails the test, the secret first.
fn judge(case: &Path, result: gaol::Result<Read>) -> bool {
    match result {
        Ok(Read::Text(text)) if text == "harmless" => true,
        Ok(Read::Text(text)) => panic!("a win: {} was granted, and {text:?} was read", case.display()),
        // The name leads to the secret by then, which is not granted; or, in a private root, not there.
        Ok(Read::Errno(libc::EACCES | libc::ENOENT)) => false,
        Err(Error::Path { problem: PathProblem::WritableLink | PathProblem::Changed, .. }) => false,
        other => panic!("{}: {other:?}", case.display()),
    }
}

fn in_each_tier(test: impl Fn(&[Layer])) {
    if gaol::support().has(Layer::Namespaces) {
        test(&[]);
    }
    test(&[Layer::Namespaces]);
}

#[test]
fn calls_win_nothing_from_names_that_flip() {
    in_each_tier(|layers_out| {
        let stage = Stage::new();
        let _guard = gaol::controls::without(layers_out);
        let mut tallies = [(); 3].map(|()| Tally::default());
        let flips = stage.while_they_flip(layers_out, || {
            for ((granted, file), tally) in stage.cases().iter().zip(&mut tallies) {
                tally.count(judge(file, reads(granted, file)));
            }
            tallies.iter().all(|tally| tally.is_enough(CALLS))
        });
        assert!(flips >= FLIPS);
        eprintln!("without {layers_out:?}: {flips} flips; {tallies:?}");
    });
}

/// The profile of a program or process: what it reads, and the tree in which it may do as it likes.
fn profile(granted: &Path, writable: &Path, program: Option<&str>) -> Profile {
    let pattern = |path: &Path| PathPattern::subpath(path).expect("an absolute path");
    let mut operations = vec![Operation::FileReadAll(pattern(granted)), Operation::FileWriteAll(pattern(writable))];
    if let Some(program) = program {
        operations.push(Operation::ProcessExec(pattern(Path::new(program))));
        // Without namespaces nothing less is precise.
        operations.push(Operation::FileReadMetadata(pattern(Path::new("/"))));
    }
    Profile::new(operations).expect("this system can allow it")
}

#[test]
fn commands_win_nothing_from_names_that_flip() {
    in_each_tier(|layers_out| {
        let stage = Stage::new();
        let _guard = gaol::controls::without(layers_out);
        let mut tallies = [(); 3].map(|()| Tally::default());
        let flips = stage.while_they_flip(layers_out, || {
            for ((granted, file), tally) in stage.cases().iter().zip(&mut tallies) {
                let profile = profile(granted, &stage.writable(), Some("/bin/cat"));
                let output = profile.command("/bin/cat").arg(file).output().expect("a launcher");
                let (printed, said) =
                    (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                let refused = gaol::is_set_up_failure(&output.status) || output.status.code() == Some(1);
                tally.count(match (&*printed, refused) {
                    ("harmless", false) => true,
                    ("", true) => false,
                    _ => panic!("a win, or worse: {}: {printed:?}, {said}", granted.display()),
                });
            }
            tallies.iter().all(|tally| tally.is_enough(PROCESSES))
        });
        eprintln!("without {layers_out:?}: {flips} flips; {tallies:?}");
    });
}

/// Names what the process of an activation is to read.
const ACTIVATED: &str = "GAOL_TEST_ACTIVATED";

/// The process of an activation, which is a fork of this binary, started again: a process of one thread. In the test itself there is
/// nothing to do.
#[test]
fn a_process_under_a_profile_of_its_own() {
    let Some(told) = std::env::var_os(ACTIVATED) else { return };
    // SAFETY: the harness's other thread waits for this one, and holds no lock that the child needs.
    match unsafe { libc::fork() } {
        0 => exit_now(activate_and_read(&told.into_string().expect("it was text"))),
        pid => {
            let pid = Pid::from_raw(pid).filter(|pid| pid.as_raw_nonzero().get() > 0).expect("a fork");
            let (_, status) = waitpid(Some(pid), WaitOptions::empty()).expect("a child").expect("its end");
            exit_now(status.exit_status().unwrap_or(15));
        }
    }
}

fn activate_and_read(told: &str) -> i32 {
    let [granted, writable, file]: [&Path; 3] =
        told.split(':').map(Path::new).collect::<Vec<_>>().try_into().expect("three paths");
    match ChildSandbox::new(profile(granted, writable, None)).activate() {
        Ok(_) => match read(file) {
            Read::Text(text) if text == "harmless" => 10,
            Read::Text(_) => 11,
            Read::Errno(libc::EACCES) => 12,
            Read::Errno(_) => 13,
        },
        Err(error) => {
            eprintln!("{error}");
            14
        }
    }
}

/// Ends the process at once: what the harness would do is another process's.
fn exit_now(code: i32) -> ! {
    // SAFETY: takes a number, and does not return.
    unsafe { libc::_exit(code) }
}

#[test]
fn activations_win_nothing_from_names_that_flip() {
    let stage = Stage::new();
    let mut tallies = [(); 3].map(|()| Tally::default());
    let flips = stage.while_they_flip(&[], || {
        for ((granted, file), tally) in stage.cases().iter().zip(&mut tallies) {
            let told = [granted, &stage.writable(), file].map(|path| path.display().to_string()).join(":");
            let output = Command::new(std::env::current_exe().expect("its name"))
                .args(["--exact", "a_process_under_a_profile_of_its_own", "--test-threads=1", "--nocapture"])
                .env(ACTIVATED, told)
                .output()
                .expect("this binary again");
            let said = String::from_utf8_lossy(&output.stderr);
            tally.count(match output.status.code() {
                Some(10) => true,
                Some(12 | 14) => false,
                _ => panic!("a win, or worse: {}: {:?}, {said}", granted.display(), output.status),
            });
        }
        tallies.iter().all(|tally| tally.is_enough(PROCESSES))
    });
    eprintln!("activations: {flips} flips; {tallies:?}");
}

/// The control: whoever follows the name, looks where it leads, and opens it then, is beaten.
#[test]
fn who_checks_a_name_and_then_opens_it_is_beaten() {
    let stage = Stage::new();
    let tree = stage.writable();
    let mut beaten = [false; 3];
    stage.while_they_flip(&[], || {
        for ((_, file), beaten) in stage.cases().iter().zip(&mut beaten) {
            let allowed = std::fs::canonicalize(file).is_ok_and(|real| real.starts_with(&tree));
            *beaten |= allowed && read(file) == Read::Text("secret".into());
        }
        beaten.iter().all(|beaten| *beaten)
    });
    assert_eq!(beaten, [true; 3]);
}

/// Hostile: one thread says listen(2) on a descriptor, the other puts a socket of its own choice there, over and over. Gives how often the
/// descriptor changed, how often listening was allowed and refused, and the port that the unbound socket got, if it listens.
#[sandboxed(listen = format!("tcp:{port}"), threads = 2, time = "none")]
fn listen_on_what_changes(port: u16, flips: u64) -> gaol::Result<(u64, u32, u32, u16)> {
    let race = ListenRace::new(port)?;
    let (allowed, refused) = race.run(flips, |shared| rustix::net::listen(shared, 1));
    Ok((flips, allowed, refused, race.port_of_unbound()?))
}

/// Two sockets, and a descriptor that is one or the other.
struct ListenRace {
    bound: std::net::TcpListener,
    unbound: std::os::fd::OwnedFd,
    shared: std::os::fd::OwnedFd,
}

impl ListenRace {
    fn new(port: u16) -> std::io::Result<Self> {
        let socket = || rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None);
        let bound = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port))?;
        let shared = bound.try_clone()?.into();
        Ok(Self { bound, unbound: socket()?, shared })
    }

    /// Changes the descriptor so often at the least, until both answers were given once. Gives how often each was.
    fn run(&self, flips: u64, mut listen: impl FnMut(&std::os::fd::OwnedFd) -> rustix::io::Result<()>) -> (u32, u32) {
        let (stop, enough) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut count = 0;
                while count < flips || !stop.load(Ordering::Relaxed) {
                    // The number stays the same owner's, whatever is behind it.
                    for source in [self.unbound.as_raw_fd(), self.bound.as_raw_fd()] {
                        replace(source, self.shared.as_raw_fd());
                        count += 1;
                    }
                }
                enough.store(true, Ordering::Relaxed);
            });
            let (mut allowed, mut refused) = (0, 0);
            while !enough.load(Ordering::Relaxed) {
                match listen(&self.shared) {
                    Ok(()) => allowed += 1,
                    Err(_) => refused += 1,
                }
                if allowed > 0 && refused > 0 {
                    stop.store(true, Ordering::Relaxed);
                }
            }
            (allowed, refused)
        })
    }

    /// 0 as long as it does not listen: the kernel gives a socket that listens a port.
    fn port_of_unbound(&self) -> std::io::Result<u16> {
        let name = rustix::net::getsockname(&self.unbound)?;
        Ok(std::net::SocketAddr::try_from(name).map_or(0, |address| address.port()))
    }
}

/// dup2(2) with numbers: what is behind `to` is closed by the kernel and replaced at once.
fn replace(from: i32, to: i32) {
    // SAFETY: takes numbers only; both stay open, and their owners live through the race.
    assert_eq!(unsafe { libc::dup2(from, to) }, to);
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("its address").port()
}

#[test]
fn the_judge_of_listeners_is_not_beaten_by_a_descriptor_that_changes() {
    in_each_tier(|layers_out| {
        let _guard = gaol::controls::without(layers_out);
        let (flips, allowed, refused, port) = listen_on_what_changes(free_port(), FLIPS).expect("a call");
        assert_eq!(port, 0, "a win: a socket listens that is not bound to the port of the profile");
        eprintln!("without {layers_out:?}: {flips} flips; listening {allowed} times allowed, {refused} refused");
    });
}

/// The control: whoever looks at the descriptor's port and then has the descriptor listen is beaten.
#[test]
fn who_checks_a_descriptor_and_then_uses_it_is_beaten() {
    let port = free_port();
    let race = ListenRace::new(port).expect("two sockets");
    until("a win over the careless judge", || {
        race.run(10_000, |shared| {
            let name = std::net::SocketAddr::try_from(rustix::net::getsockname(shared)?);
            if name.is_ok_and(|address| address.port() == port) {
                rustix::net::listen(shared, 1)
            } else {
                Err(rustix::io::Errno::ACCESS)
            }
        });
        race.port_of_unbound().expect("a name") != 0
    });
}
