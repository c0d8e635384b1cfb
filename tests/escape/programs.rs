//! Rows 73, 74, 99: other programs, and more processes.

use std::ffi::CStr;

use gaol::Layer::{Capabilities, Landlock, Limits, Namespaces, Seccomp};
use libc::{EACCES, ENOENT, ENOSYS, EPERM};
use serde::{Deserialize, Serialize};

use super::elf::exits_with;
use super::place::{EXIT_CODE, Place};
use super::profiles::Profile::{Nothing, Read};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, exit_now, open};

/// How another program, or another process, is started.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgramAct {
    /// A program in the readable tree.
    Execve,
    Script,
    Shell,
    /// The program loader, with a program as its argument, which needs no permission to execute.
    Loader,
    ExecveatPath,
    /// A descriptor of the file, and an empty path.
    ExecveatDescriptor,
    /// A file that has no name at all.
    ExecveatMemfd,
    SelfAgain,
    Fork,
    Vfork,
    CloneProcess,
    StdCommand,
    CloneParent,
}

pub(crate) fn perform(act: ProgramAct, place: &Place) -> Attempt {
    let program = c_path(place.readable.join("program"));
    match act {
        ProgramAct::Execve => execve(&program, &[&program]),
        ProgramAct::Script => {
            let script = c_path(place.readable.join("script"));
            execve(&script, &[&script])
        }
        ProgramAct::Shell => execve(c"/bin/sh", &[c"sh", c"-c", c"exit 42"]),
        ProgramAct::Loader => {
            let loader = if cfg!(target_arch = "aarch64") {
                c"/lib/ld-linux-aarch64.so.1"
            } else {
                c"/lib64/ld-linux-x86-64.so.2"
            };
            execve(loader, &[loader, c"/bin/sh", c"-c", c"exit 42"])
        }
        ProgramAct::ExecveatPath => execveat(libc::AT_FDCWD, &program, 0),
        ProgramAct::ExecveatDescriptor => {
            // Where nothing can be opened, the attempt is made with a descriptor that every process has.
            let fd = open(&program, libc::O_RDONLY).unwrap_or(0);
            execveat(fd, c"", libc::AT_EMPTY_PATH)
        }
        ProgramAct::ExecveatMemfd => {
            let fd = call!(libc::SYS_memfd_create, c"program", 0)? as i32;
            let image = exits_with(EXIT_CODE as u8);
            call!(libc::SYS_write, fd, image.as_ptr(), image.len())?;
            execveat(fd, c"", libc::AT_EMPTY_PATH)
        }
        ProgramAct::SelfAgain => execve(c"/proc/self/exe", &[c"/proc/self/exe", c"--list"]),
        ProgramAct::Fork => child(fork()),
        ProgramAct::Vfork => child(call!(libc::SYS_clone, libc::CLONE_VFORK | libc::SIGCHLD, 0, 0, 0, 0)),
        ProgramAct::CloneProcess => child(call!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0)),
        ProgramAct::StdCommand => {
            let status = std::process::Command::new(place.readable.join("program")).status()?;
            if status.code() == Some(EXIT_CODE) { Ok("ran".into()) } else { Err(Refusal::Absent) }
        }
        ProgramAct::CloneParent => child(call!(libc::SYS_clone, libc::CLONE_PARENT | libc::SIGCHLD, 0, 0, 0, 0)),
    }
}

fn execve(program: &CStr, arguments: &[&CStr]) -> Attempt {
    let mut pointers: Vec<usize> = arguments.iter().map(|argument| argument.as_ptr() as usize).collect();
    pointers.push(0);
    let environment = [0_usize];
    call!(libc::SYS_execve, program, pointers.as_ptr(), environment.as_ptr())?;
    Ok("a program that has returned".into())
}

fn execveat(fd: i32, path: &CStr, flags: i32) -> Attempt {
    let arguments = [c"program".as_ptr() as usize, 0];
    call!(libc::SYS_execveat, fd, path, arguments.as_ptr(), [0_usize].as_ptr(), flags)?;
    Ok("a program that has returned".into())
}

#[cfg(target_arch = "x86_64")]
fn fork() -> Result<usize, Refusal> {
    call!(libc::SYS_fork)
}

#[cfg(not(target_arch = "x86_64"))]
fn fork() -> Result<usize, Refusal> {
    call!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0)
}

fn child(answer: Result<usize, Refusal>) -> Attempt {
    match answer? {
        0 => exit_now(0),
        pid => {
            let _ = call!(libc::SYS_wait4, pid, 0, 0, 0);
            Ok("a child".into())
        }
    }
}

pub(crate) fn rows() -> Vec<Row> {
    use ProgramAct as P;
    const EVERY: &[gaol::Layer] = &[Namespaces, Capabilities, Landlock, Limits, Seccomp];
    let ran = Answer::Exited(EXIT_CODE);
    let mut rows = Vec::new();
    for profile in [Nothing, Read] {
        // What may be run is the program itself, and the loader that it needs, which then may open nothing else.
        let granted = if profile == Read { EACCES } else { ENOENT };
        let execs: [(_, _, _, _, Answer, Answer); 7] = [
            (74, "execve(program in the grant)", P::Execve, EPERM, granted.into(), EACCES.into()),
            (74, "execve(script in the grant)", P::Script, EPERM, granted.into(), EACCES.into()),
            (74, "execve(/bin/sh)", P::Shell, EPERM, ENOENT.into(), EACCES.into()),
            (74, "execve(the loader, with a program)", P::Loader, EPERM, Answer::Exited(127), Answer::Exited(127)),
            (73, "execveat(path)", P::ExecveatPath, EPERM, EPERM.into(), EPERM.into()),
            (73, "execveat(descriptor)", P::ExecveatDescriptor, EPERM, EPERM.into(), EPERM.into()),
            (73, "memfd_create, execveat", P::ExecveatMemfd, ENOSYS, ENOSYS.into(), ENOSYS.into()),
        ];
        for (number, name, act, errno, a, b) in execs {
            rows.push(
                row(number, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(errno)
                    .by_command(a, b)
                    .open_without(EVERY)
                    .opens_as(ran.clone()),
            );
        }
        rows.push(
            row(74, format!("execve(/proc/self/exe) under {profile:?}"), P::SelfAgain)
                .under(profile)
                .always(EPERM)
                // That is the program that is granted, by a name that there is not in a private root.
                .by_command(ENOENT, Answer::Exited(0))
                .open_without(EVERY)
                .opens_as(Answer::Exited(0)),
        );
        let forks = [
            ("fork", P::Fork, EPERM),
            ("vfork", P::Vfork, EPERM),
            ("clone(SIGCHLD)", P::CloneProcess, EPERM),
            ("clone(CLONE_PARENT)", P::CloneParent, EPERM),
            ("std::process::Command", P::StdCommand, EPERM),
        ];
        for (name, act, errno) in forks {
            // A program may start processes, but no siblings of its own.
            let (a, b) = match act {
                P::Fork | P::CloneProcess => (Answer::done(), Answer::done()),
                P::StdCommand => (granted.into(), EACCES.into()),
                _ => (errno.into(), errno.into()),
            };
            rows.push(
                row(99, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(errno)
                    .by_command(a, b)
                    .open_without(EVERY)
                    .may_lack("process 1 of a namespace cannot have siblings"),
            );
        }
    }
    rows
}
