//! Threads, counted: a filter that asks before each one, and the answers.
//!
//! The kernel has a limit on processes and threads of a *user* (`RLIMIT_NPROC`), which does not bind uid 0 and cannot tell one worker from
//! another. So the filter hands every creation of a thread to the zygote, which stands outside of the sandbox, and lets it go on or fail.
//!
//! Letting a call go on (`SECCOMP_USER_NOTIF_FLAG_CONTINUE`) is safe here, where it is not in general: all that was judged stands in
//! registers, which the sleeping thread cannot change, and the filter looked at them before it asked.
//!
//! # Safety
//!
//! `seccomp(2)` and its three `ioctl(2)`s are called directly, with structures of the kernel's own layout that live through each call.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use seccompiler::BpfProgram;

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

/// How long a thread that was let go on may take to be counted. It is in the middle of a system call that does not wait.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// Answers for one template and its workers.
#[derive(Debug)]
pub(crate) struct Counter {
    listener: OwnedFd,
    /// Threads that one process may have.
    limit: u64,
    /// Threads that were let go on and may not show in the count yet.
    on_their_way: Vec<OnItsWay>,
}

#[derive(Debug)]
struct OnItsWay {
    process: u32,
    /// The thread that asked, which cannot ask again before it has its answer.
    creator: u32,
    since: Instant,
}

impl Counter {
    pub(crate) fn new(listener: OwnedFd, limit: u64) -> Self {
        Self { listener, limit, on_their_way: Vec::new() }
    }

    pub(crate) fn listener(&self) -> &OwnedFd {
        &self.listener
    }

    /// Answers the next question.
    ///
    /// # Errors
    ///
    /// Only when the listener is of no more use: every process under its filter has ended.
    pub(crate) fn answer(&mut self) -> io::Result<()> {
        // SAFETY: all-zero bytes are what the kernel wants to find in a structure that it is to fill.
        let mut question: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the listener is open, and `question` is the structure that this request writes.
        let received =
            unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut question) };
        if received != 0 {
            return match io::Error::last_os_error() {
                // The thread was killed before its question was read.
                error if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::EINTR)) => Ok(()),
                error => Err(error),
            };
        }
        let allowed = self.judge(question.pid);
        let response = libc::seccomp_notif_resp {
            id: question.id,
            val: 0,
            error: if allowed { 0 } else { -libc::EAGAIN },
            flags: if allowed { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 } else { 0 },
        };
        // SAFETY: the listener is open, and `response` is the structure that this request reads. It fails when the thread is gone,
        // which leaves nothing to answer: the id belongs to that one question, so no other thread can get its answer.
        unsafe { libc::ioctl(self.listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw const response) };
        Ok(())
    }

    /// Whether the process of `thread` may have one more. What cannot be counted may not grow.
    fn judge(&mut self, thread: u32) -> bool {
        self.on_their_way.retain(|other| other.creator != thread && other.since.elapsed() < ON_ITS_WAY);
        let Some((process, threads)) = count(thread) else { return false };
        let coming = self.on_their_way.iter().filter(|other| other.process == process).count() as u64;
        let allowed = threads + coming < self.limit;
        if allowed {
            self.on_their_way.push(OnItsWay { process, creator: thread, since: Instant::now() });
        }
        allowed
    }
}

/// The process that a thread belongs to, and how many threads that has.
fn count(thread: u32) -> Option<(u32, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).ok()?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
    Some((u32::try_from(field("Tgid:")?).ok()?, field("Threads:")?))
}
