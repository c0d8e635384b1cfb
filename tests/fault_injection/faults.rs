//! The faults: a system call that fails, a process that is killed before one, a read or write that is cut short.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::net::SocketType;
use rustix::net::sockopt::socket_type;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};

use super::family::{Interfere, Interference, Member, Step};

/// What the system may answer at any time, and what it answers where something is not to be had.
pub(crate) const ERRNOS: [i32; 7] =
    [libc::EMFILE, libc::ENOMEM, libc::EAGAIN, libc::EINTR, libc::EPERM, libc::ENOSYS, libc::EIO];

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// The call fails with one of [`ERRNOS`], each step with the next one, beginning here.
    Errno(u32),
    Kill,
    Short,
}

/// What became of a fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Injected {
    /// It happened at this step.
    At(Step, Option<i32>),
    /// This call cannot fail in this way.
    Impossible,
}

/// Lets one fault happen.
#[derive(Debug)]
pub(crate) struct Injector {
    target: Member,
    number: u32,
    kind: Kind,
    pub(crate) injected: Option<Injected>,
    cut: Option<Cut>,
}

impl Injector {
    /// At step `number` of `target`.
    pub(crate) fn new(target: Member, number: u32, kind: Kind) -> Self {
        Self { target, number, kind, injected: None, cut: None }
    }

    fn inject(&mut self, step: &Step) -> (Interference, Option<i32>) {
        match self.kind {
            Kind::Kill => (Interference::Kill, None),
            Kind::Errno(first) => match errno_of(step, first) {
                Some(errno) => (fail(step.call, errno), Some(errno)),
                None => (Interference::None, None),
            },
            Kind::Short => match step.call as i64 {
                _ if !may_be_short(step) => (Interference::None, None),
                libc::SYS_recvmsg | libc::SYS_sendmsg => {
                    self.cut = Cut::make(step).ok().flatten();
                    (Interference::None, None)
                }
                _ => (Interference::Length(1), None),
            },
        }
    }
}

impl Interfere for Injector {
    fn wants(&self, member: Member) -> bool {
        member == self.target && (self.injected.is_none() || self.cut.is_some())
    }

    fn before(&mut self, step: &Step) -> Interference {
        if (step.member, step.number) != (self.target, self.number) || self.injected.is_some() {
            return Interference::None;
        }
        let (interference, errno) = self.inject(step);
        let happens = interference != Interference::None || self.cut.is_some();
        self.injected = Some(if happens { Injected::At(*step, errno) } else { Injected::Impossible });
        interference
    }

    fn after(&mut self, step: &Step, _answer: i64) {
        if step.number == self.number
            && let Some(cut) = self.cut.take()
        {
            // It may have been killed.
            let _ = cut.mend();
        }
    }
}

/// Fails a call. One that gives something back to the kernel does so in any case.
pub(crate) fn fail(call: u64, errno: i32) -> Interference {
    match call as i64 {
        libc::SYS_close | libc::SYS_munmap => Interference::Afterwards(-i64::from(errno)),
        _ => Interference::Instead(-i64::from(errno)),
    }
}

/// With what a step fails; nothing where its call cannot.
fn errno_of(step: &Step, first: u32) -> Option<i32> {
    let errno = ERRNOS[(step.number + first) as usize % ERRNOS.len()];
    match step.call as i64 {
        libc::SYS_exit | libc::SYS_exit_group | libc::SYS_rt_sigreturn => None,
        libc::SYS_getpid | libc::SYS_gettid | libc::SYS_getppid | libc::SYS_set_tid_address => None,
        libc::SYS_getuid | libc::SYS_geteuid | libc::SYS_getgid | libc::SYS_getegid | libc::SYS_umask => None,
        // They fail for what no caller passes.
        libc::SYS_rt_sigprocmask | libc::SYS_rt_sigaction => None,
        // Asks for a limit.
        libc::SYS_prlimit64 if step.arguments[2] == 0 => None,
        // Asks for the end of memory, and is told.
        libc::SYS_brk if step.arguments[0] == 0 => None,
        // The standard library takes any other answer for a broken kernel, or for one that does not know the call.
        libc::SYS_getrandom => Some(libc::EINTR),
        // Who only looks for a child that is there finds it, or finds that it runs. Who waits may find that somebody else has waited.
        libc::SYS_wait4 | libc::SYS_waitid if is_look(step) => None,
        libc::SYS_wait4 | libc::SYS_waitid => Some(libc::ECHILD),
        // The descriptor is given back in any case. Of a directory, the standard library takes an error for one of the program's.
        libc::SYS_close => None,
        _ => Some(errno),
    }
}

/// Whether a call reads or writes what may come in pieces: a file or a stream. Messages, pipes of small records and the like come whole.
fn may_be_short(step: &Step) -> bool {
    let [fd, _, length, ..] = step.arguments;
    let sized = match step.call as i64 {
        libc::SYS_read | libc::SYS_pread64 | libc::SYS_write | libc::SYS_recvfrom | libc::SYS_sendto => length > 1,
        libc::SYS_recvmsg | libc::SYS_sendmsg => true,
        _ => false,
    };
    let target = std::fs::read_link(format!("/proc/{}/fd/{fd}", step.pid)).unwrap_or_default();
    let target = target.to_string_lossy();
    let is_message = ["anon_inode:", "pipe:"].iter().any(|kind| target.starts_with(kind));
    sized && !is_message && (!target.starts_with("socket:") || is_stream(step.pid, fd).unwrap_or(false))
}

fn is_stream(pid: i32, fd: u64) -> io::Result<bool> {
    let process = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
    let process = rustix::process::pidfd_open(process, PidfdFlags::empty())?;
    let number = i32::try_from(fd).map_err(io::Error::other)?;
    let copy = rustix::process::pidfd_getfd(process, number, PidfdGetfdFlags::empty())?;
    Ok(socket_type(copy)? == SocketType::STREAM)
}

/// The first buffer of a message, made one byte long while it is read or written.
#[derive(Debug)]
struct Cut {
    memory: File,
    at: u64,
    length: [u8; 8],
}

impl Cut {
    fn make(step: &Step) -> io::Result<Option<Self>> {
        // Of `msghdr` and `iovec`.
        const IOV: u64 = 16;
        const LENGTH: u64 = 8;
        let memory = File::options().read(true).write(true).open(format!("/proc/{}/mem", step.pid))?;
        let mut word = [0; 8];
        memory.read_exact_at(&mut word, step.arguments[1] + IOV)?;
        let at = u64::from_le_bytes(word) + LENGTH;
        memory.read_exact_at(&mut word, at)?;
        if u64::from_le_bytes(word) <= 1 {
            return Ok(None);
        }
        memory.write_all_at(&1_u64.to_le_bytes(), at)?;
        Ok(Some(Self { memory, at, length: word }))
    }

    fn mend(self) -> io::Result<()> {
        self.memory.write_all_at(&self.length, self.at)
    }
}

/// Whether a call reads or writes a file, which nothing interrupts.
fn is_file(step: &Step) -> bool {
    let reads_or_writes = [libc::SYS_read, libc::SYS_write].contains(&(step.call as i64));
    let target = std::fs::read_link(format!("/proc/{}/fd/{}", step.pid, step.arguments[0]));
    reads_or_writes && target.is_ok_and(|target| target.is_absolute())
}

/// Whether a call waits for nothing, and only looks who has ended.
fn is_look(step: &Step) -> bool {
    let options = match step.call as i64 {
        libc::SYS_wait4 => step.arguments[2],
        libc::SYS_waitid => step.arguments[3],
        _ => return false,
    };
    options & libc::WNOHANG as u64 != 0
}

/// Interrupts every call that may be, of every process, each time before it works.
#[derive(Debug, Default)]
pub(crate) struct Storm {
    /// Whose last call was interrupted.
    interrupted: BTreeSet<i32>,
    pub(crate) count: u32,
}

impl Interfere for Storm {
    fn wants(&self, _member: Member) -> bool {
        true
    }

    fn before(&mut self, step: &Step) -> Interference {
        const SLOW: [i64; 15] = [
            libc::SYS_read,
            libc::SYS_write,
            libc::SYS_recvmsg,
            libc::SYS_sendmsg,
            libc::SYS_recvfrom,
            libc::SYS_sendto,
            libc::SYS_poll,
            libc::SYS_ppoll,
            libc::SYS_wait4,
            libc::SYS_waitid,
            libc::SYS_connect,
            libc::SYS_accept4,
            libc::SYS_nanosleep,
            libc::SYS_clock_nanosleep,
            libc::SYS_futex,
        ];
        if !SLOW.contains(&(step.call as i64)) || is_file(step) || is_look(step) || self.interrupted.remove(&step.pid) {
            return Interference::None;
        }
        self.interrupted.insert(step.pid);
        self.count += 1;
        fail(step.call, libc::EINTR)
    }
}

/// The steps of everybody, as they are without a fault.
#[derive(Debug, Default)]
pub(crate) struct Counted(BTreeMap<Member, Vec<bool>>);

impl Counted {
    pub(crate) fn steps(&self, member: Member) -> u32 {
        self.0.get(&member).map_or(0, |steps| steps.len() as u32)
    }

    /// Whether a step's call reads or writes everything at once, or nothing.
    pub(crate) fn is_whole(&self, member: Member, number: u32) -> bool {
        let may_be_short = self.0.get(&member).and_then(|steps| steps.get(number as usize - 1));
        may_be_short.is_some_and(|may_be_short| !may_be_short)
    }
}

impl Interfere for Counted {
    fn wants(&self, _member: Member) -> bool {
        true
    }

    fn before(&mut self, step: &Step) -> Interference {
        self.0.entry(step.member).or_default().push(may_be_short(step));
        Interference::None
    }
}

/// Only looks on.
#[derive(Debug)]
pub(crate) struct Peace;

impl Interfere for Peace {
    fn wants(&self, _member: Member) -> bool {
        false
    }

    fn before(&mut self, _step: &Step) -> Interference {
        Interference::None
    }
}
