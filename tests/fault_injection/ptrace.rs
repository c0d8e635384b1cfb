//! ptrace(2), as far as a tracer of system calls needs it.
//!
//! # Safety
//!
//! Requests take numbers, or a local structure that lives through the call; what they do is done to processes that asked to be traced.
//! Registers are written at the offsets of `user_regs_struct`.
#![allow(unsafe_code)]

use std::io;
use std::mem::{offset_of, size_of};
use std::os::unix::process::CommandExt;
use std::process::Command;

use libc::{c_int, c_long, c_uint, c_void, pid_t, user_regs_struct};

/// The command's process is traced by the thread that starts it, from its exec on, where it stops.
pub(crate) fn traced(command: &mut Command) -> &mut Command {
    // SAFETY: this request takes nothing.
    let trace_me = || answer(unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0_usize, 0_usize) }).map(drop);
    // SAFETY: the closure calls nothing but `ptrace` between fork and exec.
    unsafe { command.pre_exec(trace_me) }
}

/// A stopped tracee of the calling thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped(pub(crate) pid_t);

/// Where in a system call a tracee has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    Entry { number: u64, arguments: [u64; 6] },
    Exit { answer: i64 },
    Elsewhere,
}

impl Stopped {
    /// Follows what it starts, and ends it should the tracer end.
    pub(crate) fn follow(self) -> io::Result<()> {
        let options = libc::PTRACE_O_TRACESYSGOOD
            | libc::PTRACE_O_TRACEFORK
            | libc::PTRACE_O_TRACEVFORK
            | libc::PTRACE_O_TRACECLONE
            | libc::PTRACE_O_TRACEEXEC
            | libc::PTRACE_O_EXITKILL;
        // SAFETY: takes a number.
        answer(unsafe { libc::ptrace(libc::PTRACE_SETOPTIONS, self.0, 0_usize, options as usize) }).map(drop)
    }

    /// Lets it run to its next system call, or `freely` to its next event. Gone already is as good.
    pub(crate) fn resume(self, freely: bool, signal: c_int) {
        let request: c_uint = if freely { libc::PTRACE_CONT } else { libc::PTRACE_SYSCALL };
        // SAFETY: takes numbers.
        let resumed = answer(unsafe { libc::ptrace(request, self.0, 0_usize, signal as usize) });
        if let Err(error) = resumed {
            assert_eq!(error.raw_os_error(), Some(libc::ESRCH), "resume {}: {error}", self.0);
        }
    }

    /// The process that it has just started.
    pub(crate) fn started(self) -> io::Result<pid_t> {
        let mut message: libc::c_ulong = 0;
        // SAFETY: the kernel writes one number to a local one.
        let asked = unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, self.0, 0_usize, &raw mut message) };
        answer(asked)?;
        pid_t::try_from(message).map_err(io::Error::other)
    }

    /// Where it is.
    pub(crate) fn at(self) -> io::Result<At> {
        // SAFETY: zeroes are a value of this structure of numbers.
        let mut info: libc::ptrace_syscall_info = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::ptrace_syscall_info>();
        // SAFETY: the kernel writes at most `size` bytes to a local structure of that size.
        answer(unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, self.0, size, (&raw mut info).cast::<c_void>()) })?;
        Ok(match info.op {
            libc::PTRACE_SYSCALL_INFO_ENTRY => {
                // SAFETY: `op` says that this is the part that was written.
                let entry = unsafe { info.u.entry };
                At::Entry { number: entry.nr, arguments: entry.args }
            }
            libc::PTRACE_SYSCALL_INFO_EXIT => {
                // SAFETY: as above.
                let exit = unsafe { info.u.exit };
                At::Exit { answer: exit.sval }
            }
            _ => At::Elsewhere,
        })
    }

    /// At the entry of a system call: makes it another one.
    pub(crate) fn set_number(self, number: c_long) -> io::Result<()> {
        self.write(offset_of!(user_regs_struct, orig_rax), number as u64)
    }

    /// At the exit of a system call: makes the answer another one.
    pub(crate) fn set_answer(self, answer: i64) -> io::Result<()> {
        self.write(offset_of!(user_regs_struct, rax), answer as u64)
    }

    /// At the entry of a system call: changes its third argument, which is the length of what is read or written.
    pub(crate) fn set_third(self, value: u64) -> io::Result<()> {
        self.write(offset_of!(user_regs_struct, rdx), value)
    }

    /// The first argument of a call that is not the system's.
    pub(crate) fn first_argument(self) -> io::Result<u64> {
        // SAFETY: the offset is that of a register. The library's function gives what the kernel writes.
        let word = unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, self.0, offset_of!(user_regs_struct, rdi), 0_usize) };
        answer(word).map(|word| word as u64)
    }

    /// Where its stack begins, right after an exec.
    pub(crate) fn stack(self) -> io::Result<u64> {
        // SAFETY: as above.
        let word = unsafe { libc::ptrace(libc::PTRACE_PEEKUSER, self.0, offset_of!(user_regs_struct, rsp), 0_usize) };
        answer(word).map(|word| word as u64)
    }

    /// What is written to a process that was killed meanwhile changes nothing.
    fn write(self, offset: usize, value: u64) -> io::Result<()> {
        // SAFETY: the offset is that of a register, to which a number is written.
        match answer(unsafe { libc::ptrace(libc::PTRACE_POKEUSER, self.0, offset, value) }) {
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Ok(()),
            other => other.map(drop),
        }
    }
}

/// What a tracee, or a child of the calling thread, did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Did {
    /// It stopped at the entry or exit of a system call.
    SystemCall,
    /// It started a process, or a thread.
    Started,
    Executed,
    /// It stopped for a signal, which it has not received.
    Signalled(c_int),
    Exited(c_int),
    Killed(c_int),
}

/// Waits for the next thing that a tracee of the calling thread does. `None`: there is none left.
pub(crate) fn wait() -> Option<(pid_t, Did)> {
    let mut status = 0;
    let waited = loop {
        // SAFETY: the kernel writes one number to a local one.
        let waited = unsafe { libc::waitpid(-1, &raw mut status, libc::__WALL | libc::__WNOTHREAD) };
        if waited > 0 {
            break waited;
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ECHILD) => return None,
            _ => panic!("waitpid: {error}"),
        }
    };
    let did = if libc::WIFEXITED(status) {
        Did::Exited(libc::WEXITSTATUS(status))
    } else if libc::WIFSIGNALED(status) {
        Did::Killed(libc::WTERMSIG(status))
    } else {
        match (libc::WSTOPSIG(status), status >> 16) {
            (signal, 0) if signal == libc::SIGTRAP | 0x80 => Did::SystemCall,
            (signal, 0) => Did::Signalled(signal),
            (_, libc::PTRACE_EVENT_EXEC) => Did::Executed,
            (_, libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE) => Did::Started,
            (signal, event) => panic!("{waited} stopped by {signal} for event {event}"),
        }
    };
    Some((waited, did))
}

fn answer(answer: c_long) -> io::Result<c_long> {
    if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}
