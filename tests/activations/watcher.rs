//! The process that counts threads from outside of the sandbox: out of reach, gone with the application, and no thread without it.
//!
//! # Safety
//!
//! Descriptors are looked at by number, whoever holds them.
#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::fs;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::PathBuf;

use gaol::{Profile, sandboxed};
use libc::{EACCES, EPERM};
use rustix::process::{Pid, Signal};

use super::stage::{Acting, activate, begin, errno_of, fork, limited, profile, read, syscall};
use crate::support::processes::{self, eventually, is_alive};

alone_as_each_user! {
    it_ends_with_the_application: ends_with_it;
    where_it_is_killed_no_thread_starts: fails_closed;
    it_cannot_be_signalled: refuses_signals;
    its_memory_and_descriptors_cannot_be_reached: refuses_its_files;
    there_is_none_where_nobody_needs_to_count: starts_none;
    what_served_calls_before_is_gone: lets_go;
    no_descriptor_leads_to_it: holds_nothing_new;
}

#[sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

#[sandboxed(process = "reused")]
fn doubles_reused(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

/// The process that watches another.
fn watcher_of(acting: &Acting) -> processes::Process {
    let mut found = Vec::new();
    eventually("a watcher, and nobody beside it", || {
        found = processes::of(acting.raw_pid());
        found.len() == 1
    });
    found.remove(0)
}

fn start_thread() -> std::io::Result<()> {
    std::thread::Builder::new().spawn(|| {})?.join().map_err(|_| std::io::Error::other("a panic"))
}

fn ends_with_it() {
    let mut acting = begin(|line| {
        activate(profile([]));
        line.ready();
        start_thread().expect("a thread");
    });
    acting.when_ready();
    let watcher = watcher_of(&acting);
    assert_eq!(watcher.name, "gaol-zygote");
    acting.go_on();
    acting.succeeds();
    eventually("its end", || !is_alive(watcher.pid));
    // Also where the application has no time to say so.
    let mut acting = begin(|line| {
        activate(profile([]));
        line.ready();
    });
    acting.when_ready();
    let watcher = watcher_of(&acting);
    rustix::process::kill_process(acting.pid, Signal::KILL).expect("a signal");
    acting.end().is_by(Signal::KILL);
    eventually("its end", || !is_alive(watcher.pid));
}

fn fails_closed() {
    let mut acting = begin(|line| {
        activate(profile([]));
        start_thread().expect("a thread, while somebody counts");
        line.ready();
        for _ in 0..3 {
            assert_eq!(errno_of(start_thread()), Some(libc::ENOSYS));
        }
        // Everything else goes on.
        assert_eq!(std::hint::black_box(vec![1_u8; 1 << 20]).len(), 1 << 20);
    });
    acting.when_ready();
    let watcher = watcher_of(&acting);
    watcher.signal(Signal::KILL);
    eventually("its end", || !is_alive(watcher.pid));
    acting.go_on();
    acting.succeeds();
}

/// The watcher of this process, found before `/proc` cannot be read any more: by somebody else, who tells.
fn with_watcher(profile: impl FnOnce() -> Profile, body: impl FnOnce(Pid)) {
    let path = crate::support::alone::place().join(format!("watcher-{}", std::process::id()));
    let file = fs::File::create_new(&path).expect("a file");
    let told = fs::File::open(&path).expect("a file");
    let mut acting = begin(move |line| {
        activate(profile());
        line.ready();
        let mut bytes = [0; 4];
        std::os::unix::fs::FileExt::read_exact_at(&told, &mut bytes, 0).expect("what was told");
        body(Pid::from_raw(i32::from_le_bytes(bytes)).expect("a process"));
    });
    acting.when_ready();
    let watcher = watcher_of(&acting);
    std::os::unix::fs::FileExt::write_all_at(&file, &watcher.pid.to_le_bytes(), 0).expect("it can be told");
    acting.go_on();
    acting.succeeds();
    assert!(fs::remove_file(path).is_ok());
}

fn refuses_signals() {
    with_watcher(
        || profile([]),
        |watcher| {
            let number = u64::from(watcher.as_raw_nonzero().get().unsigned_abs());
            let kill = rustix::process::kill_process(watcher, Signal::KILL);
            assert_eq!(kill, Err(rustix::io::Errno::PERM));
            let stop = Signal::STOP.as_raw().unsigned_abs().into();
            for (call, arguments, errno) in [
                (libc::SYS_tkill, [number, stop, 0, 0, 0, 0], EPERM),
                (libc::SYS_tgkill, [number, number, stop, 0, 0, 0], EPERM),
                (libc::SYS_rt_sigqueueinfo, [number, stop, 0, 0, 0, 0], EPERM),
                (libc::SYS_kill, [u64::MAX, stop, 0, 0, 0, 0], EPERM),
                (libc::SYS_pidfd_open, [number, 0, 0, 0, 0, 0], libc::ENOSYS),
                (libc::SYS_prlimit64, [number, 7, 0, 0, 0, 0], EPERM),
                (libc::SYS_setpriority, [0, number, 19, 0, 0, 0], EPERM),
                (libc::SYS_sched_setaffinity, [number, 8, 0, 0, 0, 0], EPERM),
                (libc::SYS_process_vm_readv, [number, 0, 0, 0, 0, 0], libc::ENOSYS),
                (libc::SYS_process_vm_writev, [number, 0, 0, 0, 0, 0], EPERM),
            ] {
                assert_eq!(errno_of(syscall(call, arguments)), Some(errno), "system call {call}");
            }
            start_thread().expect("it goes on counting");
        },
    );
}

fn refuses_its_files() {
    with_watcher(
        || profile([read("/proc")]),
        |watcher| {
            let of_watcher = |name: &str| PathBuf::from(format!("/proc/{}/{name}", watcher.as_raw_nonzero()));
            assert!(fs::read(of_watcher("status")).is_ok(), "what everybody may see can be seen where it is listed");
            for name in ["mem", "environ", "maps", "auxv"] {
                assert_eq!(errno_of(fs::read(of_watcher(name))), Some(EACCES), "{name}");
            }
            for number in 0..8 {
                let result = fs::File::open(of_watcher(&format!("fd/{number}")));
                // That there is none may be known: there are the standard streams, two sockets, and the application.
                let expected: &[i32] = if number < 5 { &[EACCES] } else { &[EACCES, libc::ENOENT] };
                assert!(expected.contains(&errno_of(result).expect("a refusal")), "descriptor {number}");
            }
            assert_eq!(errno_of(fs::File::options().write(true).open(of_watcher("mem"))), Some(EACCES));
            start_thread().expect("it goes on counting");
        },
    );
}

fn starts_none() {
    for threads in [Some(1), None] {
        let mut acting = begin(|line| {
            activate(limited(profile([]), |limits| limits.threads = threads));
            line.ready();
            match threads {
                None => start_thread().expect("as many as it likes"),
                Some(_) => assert_eq!(errno_of(start_thread()), Some(libc::EAGAIN)),
            }
        });
        acting.when_ready();
        // What tried the profile out is gone as well.
        eventually("nobody", || processes::of(acting.raw_pid()).is_empty());
        acting.go_on();
        acting.succeeds();
    }
}

fn lets_go() {
    let mut acting = begin(|line| {
        assert_eq!(doubles(21).expect("a call"), 42);
        assert_eq!(doubles_reused(21).expect("a call"), 42);
        line.ready();
        activate(limited(profile([]), |limits| limits.threads = Some(1)));
        line.ready();
        assert!(matches!(doubles(21), Err(gaol::Error::Nested { .. })));
    });
    acting.when_ready();
    let before = processes::of(acting.raw_pid());
    assert!(before.len() >= 4, "a zygote, two templates and a worker: {before:?}");
    acting.go_on();
    acting.when_ready();
    eventually("their end", || before.iter().all(|process| !is_alive(process.pid)));
    acting.go_on();
    acting.succeeds();
}

/// The numbers of the descriptors that this process holds.
fn held() -> BTreeSet<RawFd> {
    // SAFETY: whether a number is a descriptor is what is asked; nothing is done with it.
    let is_open = |number: &RawFd| rustix::io::fcntl_getfd(unsafe { BorrowedFd::borrow_raw(*number) }).is_ok();
    (0..1024).filter(is_open).collect()
}

fn holds_nothing_new() {
    fork(|| {
        let before = held();
        assert_eq!(doubles(21).expect("a call"), 42);
        assert_eq!(doubles_reused(21).expect("a call"), 42);
        let profile = profile([]);
        assert!(held().len() > before.len(), "a zygote and templates have sockets");
        activate(profile);
        let new: Vec<RawFd> = held().difference(&before).copied().collect();
        // One: what the kernel says of this process, to count its threads by when it narrows.
        let [status] = new[..] else { panic!("one descriptor is new, not {new:?}") };
        let mut text = [0; 64];
        // SAFETY: it is open, and nobody closes it.
        let count = rustix::io::pread(unsafe { BorrowedFd::borrow_raw(status) }, &mut text, 0).expect("it can be read");
        assert!(text[..count].starts_with(b"Name:\t"), "{text:?}");
        activate(limited(Profile::NOTHING, |limits| limits.threads = Some(1)));
        assert_eq!(held().difference(&before).count(), 1, "a second activation leaves nothing");
    })
    .is_success();
}
