//! Other processes: out of reach, whoever they are.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use libc::{EACCES, EPERM};
use rustix::process::{Pid, Resource, Signal};

use super::stage::{activate, attempt, begin, errno_of, fork, profile, read, refused_after, syscall};

alone_as_each_user! {
    they_cannot_be_signalled_nor_slowed: refuses_others;
    their_memory_cannot_be_opened: refuses_memory;
    tracing_is_the_end: dies_of_tracing;
    no_other_process_can_be_started: refuses_processes;
    it_signals_itself: signals_itself;
}

/// Another process of the same user's.
fn other() -> std::process::Child {
    Command::new("/bin/sleep").arg("60").stdin(Stdio::null()).spawn().expect("a program that was started")
}

fn pid(of: &std::process::Child) -> Pid {
    Pid::from_raw(i32::try_from(of.id()).expect("a process id")).expect("a process id")
}

fn refuses_others() {
    let mut child = other();
    let (pid, number) = (pid(&child), u64::from(child.id()));
    let signal = |signal| rustix::process::kill_process(pid, signal).map_err(io::Error::from);
    let mut mask = [0_u64; 16];
    let affinity = mask.as_mut_ptr() as u64;
    let acting = begin(|_| {
        refused_after(
            &[
                attempt("signal it", EPERM, || signal(Signal::CONT)),
                attempt("see whether it is there", EPERM, || {
                    rustix::process::test_kill_process(pid).map_err(io::Error::from)
                }),
                attempt("signal its first thread", EPERM, || syscall(libc::SYS_tkill, [number, 18, 0, 0, 0, 0])),
                attempt("signal its process group", EPERM, || syscall(libc::SYS_kill, [0, 0, 0, 0, 0, 0])),
                attempt("signal the parent", EPERM, || {
                    let parent = rustix::process::getppid().expect("a parent");
                    rustix::process::test_kill_process(parent).map_err(io::Error::from)
                }),
                attempt("name it", libc::ENOSYS, || syscall(libc::SYS_pidfd_open, [number, 0, 0, 0, 0, 0])),
                attempt("slow it down", EPERM, || Ok(rustix::process::setpriority_process(Some(pid), 5)?)),
                attempt("slow itself down", EPERM, || syscall(libc::SYS_setpriority, [0, 0, 5, 0, 0, 0])),
                attempt("see its limits", EPERM, || {
                    let mut limit = [0_u64; 2];
                    syscall(libc::SYS_prlimit64, [number, 7, 0, limit.as_mut_ptr() as u64, 0, 0])
                }),
                attempt("see where it may run", libc::ENOSYS, || {
                    syscall(libc::SYS_sched_getaffinity, [number, 128, affinity, 0, 0, 0])
                }),
                attempt("see its session", EPERM, || syscall(libc::SYS_getsid, [number, 0, 0, 0, 0, 0])),
                attempt("see its process group", EPERM, || syscall(libc::SYS_getpgid, [number, 0, 0, 0, 0, 0])),
            ],
            profile([]),
        );
        assert!(rustix::process::getrlimit(Resource::Nofile).current.is_some());
    });
    acting.succeeds();
    child.kill().expect("a signal");
    child.wait().expect("its end");
}

fn refuses_memory() {
    let mut child = other();
    let memory = format!("/proc/{}/mem", child.id());
    let environment = format!("/proc/{}/environ", child.id());
    begin(|_| {
        refused_after(
            &[
                attempt("open its memory", EACCES, || fs::File::open(&memory)),
                attempt("open its memory for writing", EACCES, || fs::File::options().write(true).open(&memory)),
                attempt("read its environment", EACCES, || fs::read(&environment)),
                attempt("read it in one call", libc::ENOSYS, || {
                    let mut byte = [0_u8];
                    let local = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 0 };
                    let arguments =
                        [u64::from(child.id()), (&raw const local) as u64, 1, (&raw const local) as u64, 1, 0];
                    syscall(libc::SYS_process_vm_readv, arguments)
                }),
            ],
            profile([read("/proc")]),
        );
    })
    .succeeds();
    child.kill().expect("a signal");
    child.wait().expect("its end");
}

fn dies_of_tracing() {
    let mut child = other();
    let number = u64::from(child.id());
    for arguments in [
        [libc::PTRACE_SEIZE as u64, number, 0, 0, 0, 0],
        [libc::PTRACE_ATTACH as u64, number, 0, 0, 0, 0],
        [libc::PTRACE_TRACEME as u64, 0, 0, 0, 0, 0],
    ] {
        fork(|| {
            activate(profile([]));
            let answer = syscall(libc::SYS_ptrace, arguments);
            panic!("it lives: {answer:?}");
        })
        .is_by(Signal::SYS);
    }
    // The control: without the profile it can be done.
    fork(|| {
        syscall(libc::SYS_ptrace, [libc::PTRACE_SEIZE as u64, number, 0, 0, 0, 0])
            .expect("its own child can be traced");
    })
    .is_success();
    child.kill().expect("a signal");
    child.wait().expect("its end");
}

fn refuses_processes() {
    refused_after(
        &[
            attempt("start a program", EPERM, || Command::new("/bin/true").status()),
            attempt("fork", EPERM, || {
                let answer = syscall(libc::SYS_clone, [17, 0, 0, 0, 0, 0])?;
                if answer == 0 {
                    let _ = syscall(libc::SYS_exit_group, [0; 6]);
                }
                Ok(())
            }),
        ],
        profile([]),
    );
    assert_eq!(errno_of(syscall(libc::SYS_execve, [c"/bin/true".as_ptr() as u64, 0, 0, 0, 0, 0])), Some(EPERM));
    assert_eq!(errno_of(syscall(libc::SYS_memfd_create, [c"x".as_ptr() as u64, 0, 0, 0, 0, 0])), Some(libc::ENOSYS));
}

fn signals_itself() {
    activate(profile([]));
    rustix::process::test_kill_process(rustix::process::getpid()).expect("it is itself");
    let itself = u64::from(std::process::id());
    syscall(libc::SYS_tgkill, [itself, itself, 0, 0, 0, 0]).expect("its first thread");
    syscall(libc::SYS_tkill, [itself, 0, 0, 0, 0, 0]).expect("its first thread");
}
