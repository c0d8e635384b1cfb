//! The functions of the crossing: each takes every key from the profile that its thread has set, and performs acts or an honest call.

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

use super::super::Act;
use super::super::handed::{Descriptors, perform_with};
use super::super::place::Place;
use super::super::toolbox::Seen;
use super::super::way::Process;
use super::factors::Crossed;

thread_local! {
    static PROFILE: Cell<Option<Crossed>> = const { Cell::new(None) };
}

/// What a call is to do.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Task {
    Acts(Vec<Act>, Box<Place>),
    Honest(u64),
}

/// What came of it.
#[derive(Serialize, Deserialize, Debug)]
pub(crate) enum Came {
    Seen(Vec<Seen>),
    Honest(u64),
}

/// What an honest call says of itself while it works: its process id, where its memory holds what it works with, and a descriptor of its own.
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub(crate) struct Working {
    pub(crate) pid: i32,
    pub(crate) secret: usize,
    pub(crate) descriptor: i32,
}

/// Calls the function of a profile.
pub(crate) fn call(profile: Crossed, task: Task, handed: Descriptors) -> gaol::Result<Came> {
    PROFILE.set(Some(profile));
    let reads = profile.reads();
    match (profile.process, profile.named, profile.system) {
        (Process::Fresh, false, false) => fresh(task, handed),
        (Process::Fresh, false, true) => fresh_system(task, handed),
        (Process::Fresh, true, false) => fresh_named(task, handed, &reads),
        (Process::Fresh, true, true) => fresh_named_system(task, handed, &reads),
        (Process::Reused, false, false) => reused(task, handed),
        (Process::Reused, false, true) => reused_system(task, handed),
        (Process::Reused, true, false) => reused_named(task, handed, &reads),
        (Process::Reused, true, true) => reused_named_system(task, handed, &reads),
        (Process::Exec, false, false) => exec(task, handed),
        (Process::Exec, false, true) => exec_system(task, handed),
        (Process::Exec, true, false) => exec_named(task, handed, &reads),
        (Process::Exec, true, true) => exec_named_system(task, handed, &reads),
    }
}

fn profile() -> Crossed {
    PROFILE.get().expect("whoever calls sets it first")
}

fn reads() -> Vec<PathBuf> {
    profile().reads()
}

macro_rules! functions {
    ($($name:ident $process:tt ($($argument:ident: $type:ty)?) $read:expr, ($($system:tt)*);)*) => {
        $(#[sandboxed(
            read = $read,
            write = profile().writes(),
            metadata = profile().tells(),
            exec = profile().runs(),
            net = profile().connects(),
            listen = profile().listens(),
            env = profile().variables(),
            memory = profile().memory(),
            files = profile().files(),
            threads = profile().threads(),
            stdout = profile().output(),
            stderr = profile().output(),
            violation = profile().violation(),
            time = "30s",
            process = $process
            $($system)*
        )]
        #[allow(unused_variables, reason = "the attribute reads it")]
        fn $name(task: Task, handed: Descriptors $(, $argument: $type)?) -> gaol::Result<Came> {
            Ok(perform(task, handed))
        })*
    };
}

functions! {
    fresh "fresh" () reads(), ();
    fresh_system "fresh" () reads(), (, system = "info");
    fresh_named "fresh" (named: &[PathBuf]) named, ();
    fresh_named_system "fresh" (named: &[PathBuf]) named, (, system = "info");
    reused "reused" () reads(), ();
    reused_system "reused" () reads(), (, system = "info");
    reused_named "reused" (named: &[PathBuf]) named, ();
    reused_named_system "reused" (named: &[PathBuf]) named, (, system = "info");
    exec "exec" () reads(), ();
    exec_system "exec" () reads(), (, system = "info");
    exec_named "exec" (named: &[PathBuf]) named, ();
    exec_named_system "exec" (named: &[PathBuf]) named, (, system = "info");
}

fn perform(task: Task, handed: Descriptors) -> Came {
    match task {
        Task::Acts(acts, place) => Came::Seen(perform_with(acts, &place, &handed)),
        Task::Honest(seed) => Came::Honest(honest(seed, handed)),
    }
}

/// Tells who it is, waits until it is let go on, and works something out from memory that nobody else is to touch.
fn honest(seed: u64, mut handed: Descriptors) -> u64 {
    let Some((_, socket)) = handed.pop() else { return 0 };
    let mut socket = UnixStream::from(socket.into_inner());
    let numbers = std::hint::black_box(numbers(seed));
    let own =
        Working { pid: std::process::id() as i32, secret: numbers.as_ptr() as usize, descriptor: socket.as_raw_fd() };
    let text = serde_json::to_vec(&own).unwrap_or_default();
    let heard = socket.write_all(&text).and_then(|()| socket.read_exact(&mut [0]));
    if heard.is_err() {
        return 0;
    }
    sum(&std::hint::black_box(numbers))
}

fn numbers(seed: u64) -> Vec<u64> {
    (0..512).map(|index: u64| (index + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect()
}

fn sum(numbers: &[u64]) -> u64 {
    numbers.iter().fold(1, |sum, number| sum.rotate_left(7) ^ number)
}

/// What an honest call gives that nobody has harmed.
pub(crate) fn right(seed: u64) -> u64 {
    sum(&numbers(seed))
}
