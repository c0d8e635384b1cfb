//! What was handed over allows what it was opened for, also where the child could open it again by its number.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::PathBuf;

use gaol::{Error, Fd, Outcome, sandboxed};
use libc::{EACCES, ENOENT, EPERM};
use rustix::fs::{MemfdFlags, Mode, OFlags, SealFlags};

use super::support::alone::{Alone, User, place};
use super::support::tiers::in_each_tier;

/// What came of opening each again, for reading and for writing, and of writing then: 0, or the errno.
type Came = Vec<[i32; 3]>;

fn opens_again(descriptors: &[Fd<OwnedFd>]) -> Came {
    let errno = |error: io::Error| error.raw_os_error().unwrap_or(-1);
    descriptors
        .iter()
        .map(|descriptor| {
            let name = format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd());
            // Nothing may wait for another end.
            let open = |access: OFlags| -> io::Result<File> {
                Ok(rustix::fs::open(&name, access | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty())?.into())
            };
            let written = open(OFlags::WRONLY).and_then(|mut file| file.write_all(b"changed"));
            [open(OFlags::RDONLY).map(drop), open(OFlags::WRONLY).map(drop), written]
                .map(|came| came.err().map_or(0, errno))
        })
        .collect()
}

macro_rules! functions {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[sandboxed($($keys)*, time = "20s")]
        fn $name(descriptors: &[Fd<OwnedFd>]) -> gaol::Result<Came> {
            Ok(opens_again(descriptors))
        }
    )*};
}

functions! {
    without_files(threads = 4);
    reading(read = place());
    writing(read = place(), write = place());
    reading_of_processes(read = [place(), PathBuf::from("/proc")]);
    writing_beside_processes(read = [place(), PathBuf::from("/proc")], write = place());
    writing_for_long(read = place(), write = place(), process = "reused");
    writing_anew(read = place(), write = place(), process = "exec");
}

type Function = fn(&[Fd<OwnedFd>]) -> gaol::Result<Came>;

/// Memory that is open for `access`, with these seals, or this mode.
fn memory(access: OFlags, seals: SealFlags, mode: Option<u32>) -> OwnedFd {
    let memory = rustix::fs::memfd_create(c"handed", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).expect("memory");
    let mut memory = File::from(memory);
    memory.write_all(b"as it was").expect("room");
    let name = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let handed = rustix::fs::open(name, access | OFlags::CLOEXEC, Mode::empty()).expect("the same memory");
    rustix::fs::fcntl_add_seals(&memory, seals).expect("seals");
    if let Some(mode) = mode {
        rustix::fs::fchmod(&memory, Mode::from_raw_mode(mode)).expect("its owner's mode");
    }
    handed
}

const NONE: SealFlags = SealFlags::empty();

fn sealed() -> SealFlags {
    SealFlags::GROW | SealFlags::SHRINK | SealFlags::FUTURE_WRITE
}

fn came(function: Function, handed: OwnedFd) -> [i32; 3] {
    let came = function(&[Fd::new(handed)]);
    came.unwrap_or_else(|error| panic!("a call: {error}"))[0]
}

fn keeps_what_it_was() {
    let ends = || io::pipe().expect("a pipe");
    let reader = || OwnedFd::from(ends().0);
    let writer = || {
        // Its other end stays, so that to open it for writing does not fail for want of a reader.
        let (reader, writer) = ends();
        std::mem::forget(reader);
        OwnedFd::from(writer)
    };
    in_each_tier(|namespaces| {
        // Where `/proc` is not in a root of its own, nothing can be opened by it.
        let writes: &[Function] = if namespaces {
            &[writing_beside_processes]
        } else {
            &[writing, writing_beside_processes, writing_for_long, writing_anew]
        };
        for function in writes {
            assert_eq!(came(*function, memory(OFlags::RDONLY, NONE, None)), [0, EACCES, EACCES]);
            assert_eq!(came(*function, memory(OFlags::RDONLY, SealFlags::FUTURE_WRITE, None)), [0, EACCES, EACCES]);
            assert_eq!(came(*function, memory(OFlags::RDONLY, sealed(), None)), [0, 0, EPERM]);
            assert_eq!(came(*function, memory(OFlags::RDONLY, NONE, Some(0o400))), [0, EACCES, EACCES]);
            assert_eq!(came(*function, memory(OFlags::WRONLY, NONE, None)), [EACCES, 0, 0]);
            assert_eq!(came(*function, memory(OFlags::RDWR, NONE, None)), [0; 3]);
            assert_eq!(came(*function, reader()), [0, EACCES, EACCES]);
            assert_eq!(came(*function, writer()), [EACCES, 0, 0]);
            assert_eq!(came(*function, gaol::pipe().expect("a pipe").0.into()), [0, EACCES, EACCES]);
            // What it is open for is nothing, and nobody changes the mode of it by that.
            let named_only = function(&[Fd::new(memory(OFlags::PATH, NONE, None))]).expect_err("a path");
            assert!(matches!(named_only, Error::Arguments { .. }) && named_only.outcome() == Outcome::NotRun);
            assert!(named_only.to_string().contains("could be opened again for more than it is open for"));
            // Files that have names are judged by these.
            let file = File::open("/etc/passwd").expect("a file");
            assert_eq!(came(*function, file.into()), [EACCES; 3]);
            let named = place().join("named");
            let file = File::create(&named).expect("a file in the tree that is granted");
            assert_eq!(came(*function, file.into()), [0; 3], "the profile allows it");
        }
        // To read is allowed with any file, to write is not.
        let reads: &[Function] = if namespaces { &[reading_of_processes] } else { &[reading, reading_of_processes] };
        for function in reads {
            assert_eq!(came(*function, memory(OFlags::RDONLY, NONE, None)), [0, EACCES, EACCES]);
            assert_eq!(came(*function, memory(OFlags::WRONLY, NONE, None)), [EACCES; 3]);
            assert_eq!(came(*function, reader()), [0, EACCES, EACCES]);
            assert_eq!(came(*function, writer()), [EACCES; 3]);
        }
        // Nowhere to open them by.
        assert_eq!(came(without_files, memory(OFlags::RDONLY, NONE, None)), [EPERM; 3]);
        assert_eq!(came(without_files, writer()), [EPERM; 3]);
        if namespaces {
            for function in [writing as Function, writing_for_long, writing_anew] {
                assert_eq!(came(function, memory(OFlags::RDONLY, NONE, None)), [ENOENT; 3]);
                assert_eq!(came(function, writer()), [ENOENT; 3]);
                assert_eq!(came(function, reader()), [ENOENT; 3]);
            }
        }
    });
    // The control: a process that is in no sandbox does all of it.
    let plain = |handed: OwnedFd| opens_again(&[Fd::new(handed)])[0];
    assert_eq!(plain(memory(OFlags::RDONLY, NONE, None)), [0; 3]);
    assert_eq!(plain(reader()), [0; 3]);
    assert_eq!(plain(writer()), [0; 3]);
}

#[test]
fn what_was_handed_over_is_not_opened_for_more() {
    let name = "reopening::what_was_handed_over_is_not_opened_for_more";
    Alone::new(name).run(keeps_what_it_was);
}

#[test]
fn what_an_unprivileged_user_handed_over_is_not_opened_for_more() {
    let name = "reopening::what_an_unprivileged_user_handed_over_is_not_opened_for_more";
    if let Some(alone) = Alone::new(name).user(User::Nobody) {
        alone.run(keeps_what_it_was);
    }
}
