//! Answers for a sandbox from outside of it: a filter asks before each new thread, and before a socket listens.
//!
//! The kernel has a limit on processes and threads of a *user* (`RLIMIT_NPROC`), which does not bind uid 0 and cannot tell one worker from
//! another. So the filter hands every creation of a thread to whoever holds its listener, outside of the sandbox, who lets it go on or
//! fail. And a socket that was never bound listens on a port of the kernel's choice, which neither the filter nor Landlock sees:
//! the holder of the listener looks at the socket, and makes it listen itself.
//!
//! Letting a call go on (`SECCOMP_USER_NOTIF_FLAG_CONTINUE`) is safe for threads, where it is not in general: all that was judged stands in
//! registers, which the sleeping thread cannot change, and the filter looked at them before it asked.
//!
//! Processes are not asked about. A signal that comes before the question is read makes the call fail with EINTR, which fork(2) never
//! does and shells do not expect: see [`descendants`](crate::sys::supervise::descendants).
//!
//! # Safety
//!
//! `seccomp(2)` and its three `ioctl(2)`s are called directly, with structures of the kernel's own layout that live through each call.
#![allow(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::SocketType;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};
use seccompiler::BpfProgram;

use crate::sys::supervise::in_flight::InFlightThreads;

/// Installs a filter whose questions are put to the descriptor that is returned. This cannot be undone.
///
/// # Errors
///
/// EBUSY where the process already runs under a filter that asks: one chain of filters has one listener.
pub(crate) fn install(program: &BpfProgram) -> io::Result<OwnedFd> {
    let length = libc::c_ushort::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast::<libc::sock_filter>().cast_mut() };
    // SAFETY: the kernel copies `len` instructions before it returns, and writes to none. `seccompiler::sock_filter` has the kernel's layout.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    match RawFd::try_from(answer) {
        // SAFETY: the kernel has just made this descriptor for us.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// By what to answer.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Rules {
    /// Threads that one process may have. `None`: as many as it likes.
    pub(crate) threads: Option<u64>,
    /// Ports that a socket may listen on.
    pub(crate) ports: Vec<u16>,
}

/// Answers for the processes under one filter.
#[derive(Debug)]
pub(crate) struct Supervisor {
    listener: OwnedFd,
    rules: Rules,
    /// The processes with threads that were let go on and may not show in the count yet.
    in_flight: BTreeMap<u32, InFlightThreads>,
}

impl Supervisor {
    pub(crate) fn new(listener: OwnedFd, rules: Rules) -> Self {
        Self { listener, rules, in_flight: BTreeMap::new() }
    }

    /// Whether it sees what it is to count, of which `process` is an example. Where `/proc` hides processes from their own user it does not.
    pub(crate) fn sees(&self, process: Pid) -> bool {
        self.rules.threads.is_none() || !tasks(process.as_raw_nonzero().get().unsigned_abs()).is_empty()
    }

    pub(crate) fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// Answers the next question.
    ///
    /// # Errors
    ///
    /// Only when the listener is of no more use: every process under its filter has ended, or cannot be answered.
    pub(crate) fn answer(&mut self) -> io::Result<()> {
        // SAFETY: all-zero bytes are what the kernel wants to find in a structure that it is to fill.
        let mut question: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the listener is open, and `question` is the structure that this request writes.
        let received =
            unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut question) };
        if received != 0 {
            return match io::Error::last_os_error() {
                // The thread was killed before its question was read, or there is no thread any more that could ask.
                error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) && !self.is_deserted() => {
                    Ok(())
                }
                error => Err(error),
            };
        }
        let mut response = libc::seccomp_notif_resp { id: question.id, val: 0, error: 0, flags: 0 };
        if libc::c_long::from(question.data.nr) == libc::SYS_listen {
            if let Err(errno) = self.listen(&question) {
                response.error = -errno.raw_os_error();
            }
        } else if self.judge(question.pid) {
            response.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32;
        } else {
            response.error = -libc::EAGAIN;
        }
        loop {
            // SAFETY: the listener is open, and `response` is the structure that this request reads. The id belongs to that one question,
            // so that no other thread can get its answer.
            let sent =
                unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) };
            if sent == 0 {
                return Ok(());
            }
            match io::Error::last_os_error() {
                error if error.raw_os_error() == Some(libc::EINTR) => {}
                // The thread is gone, which leaves nothing to answer.
                error if error.raw_os_error() == Some(libc::ENOENT) => return Ok(()),
                // It would wait for ever.
                error => return Err(error),
            }
        }
    }

    /// Whether every process under the filter has ended. The listener is readable for ever then, and there is nothing to read.
    fn is_deserted(&self) -> bool {
        let mut fds = [PollFd::new(&self.listener, PollFlags::IN)];
        let polled = rustix::event::poll(&mut fds, Some(&Timespec::default()));
        polled.is_ok() && fds[0].revents().contains(PollFlags::HUP)
    }

    /// Whether `thread` may make one more. What cannot be counted may not grow.
    fn judge(&mut self, thread: u32) -> bool {
        let Some(limit) = self.rules.threads else { return true };
        let Some(group) = process_of(thread) else { return false };
        let counted = tasks(group);
        if counted.is_empty() {
            return false;
        }
        // Of whom nobody is on the way, nothing has to be remembered.
        self.in_flight.retain(|_, in_flight| in_flight.is_any_pending());
        let in_flight = self.in_flight.entry(group).or_insert_with(|| InFlightThreads::new(&counted));
        let allowed = counted.len() as u64 + in_flight.pending(thread, &counted) < limit;
        if allowed {
            in_flight.permit(thread);
        }
        allowed
    }

    /// Makes the socket of a question listen, if it is one that may.
    ///
    /// The socket is looked at and made to listen through a descriptor of our own, so nothing that the child does to its own descriptors
    /// or memory meanwhile changes which socket that is. What it does to the socket itself is found by looking again.
    fn listen(&self, question: &libc::seccomp_notif) -> Result<(), Errno> {
        let [fd, backlog, ..] = question.data.args;
        let process = process_of(question.pid).ok_or(Errno::SRCH)?;
        let process = i32::try_from(process).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let process = rustix::process::pidfd_open(process, PidfdFlags::empty())?;
        if !self.still_asks(question.id) {
            return Err(Errno::SRCH);
        }
        // A kernel `int`: the upper half of the register does not count.
        let fd = RawFd::try_from(fd as u32).map_err(|_| Errno::BADF)?;
        let socket = rustix::process::pidfd_getfd(&process, fd, PidfdGetfdFlags::empty())?;
        self.may_listen(&socket)?;
        rustix::net::listen(&socket, (backlog as u32).cast_signed())?;
        self.may_listen(&socket).inspect_err(|_| {
            let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Both);
        })
    }

    /// Whether the thread that asked still waits, so that its ids are still its own.
    fn still_asks(&self, id: u64) -> bool {
        // SAFETY: the listener is open, and `id` is the number that this request reads.
        unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw const id) == 0 }
    }

    /// Whether a socket is a TCP socket that is bound to a port of the profile. EACCES where it is not, as from Landlock.
    fn may_listen(&self, socket: &OwnedFd) -> Result<(), Errno> {
        let is_tcp = rustix::net::sockopt::socket_type(socket)? == SocketType::STREAM
            && matches!(rustix::net::sockopt::socket_protocol(socket)?, Some(rustix::net::ipproto::TCP));
        let port = match std::net::SocketAddr::try_from(rustix::net::getsockname(socket)?) {
            Ok(address) => address.port(),
            Err(_) => return Err(Errno::ACCESS),
        };
        if is_tcp && self.rules.ports.contains(&port) { Ok(()) } else { Err(Errno::ACCESS) }
    }
}

/// The process that a thread belongs to.
fn process_of(thread: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:")?.trim().parse().ok())
}

/// The threads of a process. None where it has ended, or where they come and go too fast to be listed.
///
/// The kernel's list stops at a thread that ends just then, and lacks those that come after it. Two lists that are the same lack
/// nobody: whom the first stopped at would not be in the second.
fn tasks(process: u32) -> BTreeSet<u32> {
    const ATTEMPTS: usize = 64;
    let list = || -> BTreeSet<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| task.file_name().to_str()?.parse().ok()).collect()
    };
    let mut first = list();
    for _ in 0..ATTEMPTS {
        let second = list();
        if first == second {
            return first;
        }
        first = second;
    }
    BTreeSet::new()
}

#[cfg(test)]
mod tests {
    use seccompiler::sock_filter;

    use super::*;

    #[test]
    fn nobody_is_left_to_ask_once_all_under_the_filter_have_ended() {
        let allows = sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
        // The filter is this thread's alone.
        let confined = std::thread::spawn(move || {
            rustix::thread::set_no_new_privs(true)?;
            install(&vec![allows])
        });
        let Ok(Ok(listener)) = confined.join() else { panic!("no filter") };
        let mut supervisor = Supervisor::new(listener, Rules { threads: None, ports: Vec::new() });
        let mut fds = [PollFd::new(&supervisor.listener, PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 10, tv_nsec: 0 })), Ok(1));
        let error = supervisor.answer().expect_err("there is no question");
        assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    }
}
