//! A sample of the other files' acts, where a refused call ends the process.

use gaol::Layer::{Capabilities, Landlock, Limits, Namespaces, Seccomp};
use libc::{EACCES, EAFNOSUPPORT, ENOENT, ENOSYS, EPERM, ESRCH};

use super::Act;
use super::expect::{all_metadata, of_process};
use super::files::{FileAct, Target};
use super::kernel::KernelAct;
use super::memory::MemoryAct;
use super::metadata::MetadataAct;
use super::others::{OtherAct, Victim};
use super::profiles::Profile::Kill;
use super::programs::ProgramAct;
use super::row::{Answer, Row, row};
use super::sockets::SocketAct;

pub(crate) fn rows() -> Vec<Row> {
    const EVERY: &[gaol::Layer] = &[Namespaces, Capabilities, Landlock, Limits, Seccomp];
    let acts: [(u16, &str, Act, i32); 9] = [
        (1, "openat(secret)", FileAct::Read(Target::Secret).into(), EPERM),
        (6, "newfstatat(secret)", MetadataAct::Stat(Target::Secret).into(), EPERM),
        (44, "pidfd_open(parent, PIDFD_NONBLOCK)", OtherAct::PidfdOpenNonblocking(Victim::Parent).into(), ENOSYS),
        (45, "kill(parent)", OtherAct::Kill(Victim::Parent, libc::SIGURG).into(), EPERM),
        (47, "prlimit64(parent)", OtherAct::SetLimits.into(), EPERM),
        (60, "unshare(NEWUSER)", KernelAct::Unshare(libc::CLONE_NEWUSER).into(), EPERM),
        (71, "mprotect(PROT_EXEC)", MemoryAct::ProtectExecutable.into(), libc::EACCES),
        (86, "connect", SocketAct::ConnectOther.into(), EAFNOSUPPORT),
        (99, "fork", ProgramAct::Fork.into(), EPERM),
    ];
    let mut rows = Vec::new();
    for (number, name, act, errno) in acts {
        // libc and runtimes ask for these on their own account, so that refusal ends nothing.
        let answer = if matches!(errno, EAFNOSUPPORT | ENOSYS) { errno.into() } else { Answer::Violation };
        // What a program may try, and what others refuse than the filter.
        let (a, b): (Answer, Answer) = match number {
            1 => (ENOENT.into(), EACCES.into()),
            6 => (ENOENT.into(), all_metadata()),
            45 => (ESRCH.into(), EPERM.into()),
            71 => (EACCES.into(), EACCES.into()),
            99 => (Answer::done(), Answer::done()),
            _ => (of_process(answer.clone()), of_process(answer.clone())),
        };
        let one = row(number, format!("{name} under Kill"), act).under(Kill).always(answer).by_command(a, b);
        rows.push(one.open_without(EVERY));
    }
    rows
}
