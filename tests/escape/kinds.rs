//! A sample of the other files' acts, where the worker is kept or re-executed, and where a refused call ends it.

use gaol::Layer::{Capabilities, Landlock, Limits, Namespaces, Seccomp};
use libc::{EAFNOSUPPORT, EPERM};

use super::Act;
use super::files::{FileAct, Target};
use super::inheritance::InheritedAct;
use super::kernel::KernelAct;
use super::memory::MemoryAct;
use super::metadata::MetadataAct;
use super::others::{OtherAct, Victim};
use super::profiles::Profile::{Exec, Kill, Reused};
use super::programs::ProgramAct;
use super::row::{Answer, Row, row};
use super::sockets::SocketAct;

pub(crate) fn rows() -> Vec<Row> {
    const EVERY: &[gaol::Layer] = &[Namespaces, Capabilities, Landlock, Limits, Seccomp];
    let acts: [(u16, &str, Act, i32); 8] = [
        (1, "openat(secret)", FileAct::Read(Target::Secret).into(), EPERM),
        (6, "newfstatat(secret)", MetadataAct::Stat(Target::Secret).into(), EPERM),
        (45, "kill(parent)", OtherAct::Kill(Victim::Parent, libc::SIGURG).into(), EPERM),
        (47, "prlimit64(parent)", OtherAct::SetLimits.into(), EPERM),
        (60, "unshare(NEWUSER)", KernelAct::Unshare(libc::CLONE_NEWUSER).into(), EPERM),
        (71, "mprotect(PROT_EXEC)", MemoryAct::ProtectExecutable.into(), libc::EACCES),
        (86, "connect", SocketAct::ConnectOther.into(), EAFNOSUPPORT),
        (99, "fork", ProgramAct::Fork.into(), EPERM),
    ];
    let mut rows = Vec::new();
    for (number, name, act, errno) in acts {
        for profile in [Reused, Exec] {
            let one = row(number, format!("{name} under {profile:?}"), act).under(profile).always(errno);
            rows.push(one.open_without(EVERY));
        }
        // libc asks for sockets on its own account, so that refusal ends nothing.
        let answer = if errno == EAFNOSUPPORT { errno.into() } else { Answer::Violation };
        let one = row(number, format!("{name} under Kill"), act).under(Kill).always(answer);
        rows.push(one.open_without(EVERY));
    }
    for profile in [Reused, Exec] {
        let inherited = [
            (109, "any descriptor", InheritedAct::AnyDescriptor),
            (110, "any variable", InheritedAct::AnyVariable),
            (111, "a secret in the parent's memory", InheritedAct::ParentMemory),
            (112, "blocked signals", InheritedAct::BlockedSignals),
        ];
        for (number, name, act) in inherited {
            rows.push(
                row(number, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(Answer::Absent)
                    .no_control("the same act under another profile has one"),
            );
        }
    }
    rows
}
