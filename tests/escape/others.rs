//! Rows 36–38, 42–45, 47–50, 52: other processes, the parent first of all.

use gaol::Layer::{Capabilities, Landlock, Namespaces, Seccomp};
use libc::{EACCES, ENOENT, ENOSYS, EPERM, ESRCH, SIGURG};
use serde::{Deserialize, Serialize};

use super::expect::of_process;
use super::place::Place;
use super::profiles::Profile::{Nothing, Proc, Read};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, open, read_some};

const PTRACE_TRACEME: i32 = 0;
const PTRACE_ATTACH: i32 = 16;
const PTRACE_DETACH: i32 = 17;
const PTRACE_SEIZE: i32 = 0x4206;
const PTRACE_INTERRUPT: i32 = 0x4207;

/// Who is attacked.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    Parent,
    /// Another process of the same user.
    Bystander,
    /// Process 1 of whatever namespace the attacker is in.
    First,
    /// The attacker's process group.
    Group,
    /// Every process.
    Everyone,
}

impl Victim {
    fn pid(self, place: &Place) -> i32 {
        match self {
            Self::Parent => place.parent,
            Self::Bystander => place.bystander,
            Self::First => 1,
            Self::Group => 0,
            Self::Everyone => -1,
        }
    }
}

/// How another process is attacked.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherAct {
    ProcMemory,
    ProcFile(ProcFile),
    ProcDescriptors,
    Seize(Victim),
    Attach(Victim),
    TraceMe,
    ReadMemory,
    WriteMemory,
    TakeDescriptor,
    PidfdOpen(Victim),
    /// As runtimes do, with `PIDFD_NONBLOCK`.
    PidfdOpenNonblocking(Victim),
    /// A signal that is ignored by default: it arrives and does no harm.
    Kill(Victim, i32),
    Tgkill(Victim),
    Tkill(Victim),
    Queue(Victim),
    ThreadQueue(Victim),
    PidfdSignal(Victim),
    /// Has the kernel send the signal, when a pipe becomes readable.
    SignalByOwner,
    ReadLimits,
    SetLimits,
    SetAffinity,
    SetScheduler,
    SetParameters,
    SetAttributes,
    SetPriority,
    SetIoPriority,
    Compare,
    MovePages,
    OutliveParent,
}

/// A file in `/proc/PID`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProcFile {
    Environ,
    Maps,
    Auxv,
    Cmdline,
    Stat,
    Status,
    Comm,
}

impl ProcFile {
    fn name(self) -> &'static str {
        match self {
            Self::Environ => "environ",
            Self::Maps => "maps",
            Self::Auxv => "auxv",
            Self::Cmdline => "cmdline",
            Self::Stat => "stat",
            Self::Status => "status",
            Self::Comm => "comm",
        }
    }
}

pub(crate) fn perform(act: OtherAct, place: &Place) -> Attempt {
    use OtherAct as O;
    let parent = place.parent;
    let done = |word: &'static str| move |_| word.to_owned();
    match act {
        O::ProcMemory => {
            let fd = open(&c_path(format!("/proc/{parent}/mem")), libc::O_RDONLY)?;
            let mut buffer = [0_u8; 22];
            call!(libc::SYS_pread64, fd, buffer.as_mut_ptr(), buffer.len(), place.parent_secret_address)?;
            Ok(String::from_utf8_lossy(&buffer).into_owned())
        }
        O::ProcFile(file) => {
            let content = read_some(open(&c_path(format!("/proc/{parent}/{}", file.name())), libc::O_RDONLY)?)?;
            // A kernel that hides `environ` may answer with nothing.
            if content.is_empty() { Err(Refusal::Absent) } else { Ok(content) }
        }
        O::ProcDescriptors => {
            let fd = open(&c_path(format!("/proc/{parent}/fd")), libc::O_RDONLY | libc::O_DIRECTORY)?;
            let mut buffer = [0_u8; 4096];
            call!(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len())?;
            let secret = open(&c_path(format!("/proc/{parent}/fd/{}", place.parent_secret_fd)), libc::O_RDONLY)?;
            read_some(secret)
        }
        O::Seize(victim) => {
            let pid = victim.pid(place);
            call!(libc::SYS_ptrace, PTRACE_SEIZE, pid, 0, 0)?;
            // Lets go at once: the next control may find the victim free.
            let _ = call!(libc::SYS_ptrace, PTRACE_INTERRUPT, pid, 0, 0);
            let _ = call!(libc::SYS_wait4, pid, 0, libc::__WALL, 0);
            let _ = call!(libc::SYS_ptrace, PTRACE_DETACH, pid, 0, 0);
            Ok("seized".into())
        }
        O::Attach(victim) => {
            let pid = victim.pid(place);
            call!(libc::SYS_ptrace, PTRACE_ATTACH, pid, 0, 0)?;
            let _ = call!(libc::SYS_wait4, pid, 0, libc::__WALL, 0);
            call!(libc::SYS_ptrace, PTRACE_DETACH, pid, 0, 0).map(done("attached"))
        }
        O::TraceMe => call!(libc::SYS_ptrace, PTRACE_TRACEME, 0, 0, 0).map(done("traced")),
        O::ReadMemory => {
            let mut buffer = [0_u8; 22];
            let local = [buffer.as_mut_ptr() as usize, buffer.len()];
            let remote = [place.parent_secret_address, buffer.len()];
            call!(libc::SYS_process_vm_readv, parent, local.as_ptr(), 1, remote.as_ptr(), 1, 0)?;
            Ok(String::from_utf8_lossy(&buffer).into_owned())
        }
        O::WriteMemory => {
            let buffer = [7_u8; 8];
            let local = [buffer.as_ptr() as usize, buffer.len()];
            let remote = [place.parent_scratch_address, buffer.len()];
            call!(libc::SYS_process_vm_writev, parent, local.as_ptr(), 1, remote.as_ptr(), 1, 0).map(done("written"))
        }
        O::TakeDescriptor => {
            let pidfd = call!(libc::SYS_pidfd_open, parent, 0)?;
            let fd = call!(libc::SYS_pidfd_getfd, pidfd, place.parent_secret_fd, 0)? as i32;
            let mut buffer = [0_u8; 64];
            let count = call!(libc::SYS_pread64, fd, buffer.as_mut_ptr(), buffer.len(), 0)?;
            Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
        }
        O::PidfdOpenNonblocking(victim) => {
            call!(libc::SYS_pidfd_open, victim.pid(place), libc::O_NONBLOCK).map(done("opened"))
        }
        O::PidfdOpen(victim) => call!(libc::SYS_pidfd_open, victim.pid(place), 0).map(done("opened")),
        O::Kill(victim, signal) => call!(libc::SYS_kill, victim.pid(place), signal).map(done("sent")),
        O::Tgkill(victim) => {
            let pid = victim.pid(place);
            call!(libc::SYS_tgkill, pid, pid, SIGURG).map(done("sent"))
        }
        O::Tkill(victim) => call!(libc::SYS_tkill, victim.pid(place), SIGURG).map(done("sent")),
        O::Queue(victim) => {
            let information = queued_by_sigqueue();
            call!(libc::SYS_rt_sigqueueinfo, victim.pid(place), SIGURG, information.as_ptr()).map(done("sent"))
        }
        O::ThreadQueue(victim) => {
            let (pid, information) = (victim.pid(place), queued_by_sigqueue());
            call!(libc::SYS_rt_tgsigqueueinfo, pid, pid, SIGURG, information.as_ptr()).map(done("sent"))
        }
        O::PidfdSignal(victim) => {
            let pidfd = call!(libc::SYS_pidfd_open, victim.pid(place), 0)?;
            call!(libc::SYS_pidfd_send_signal, pidfd, SIGURG, 0, 0).map(done("sent"))
        }
        O::SignalByOwner => {
            let mut ends = [0_i32; 2];
            call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0)?;
            call!(libc::SYS_fcntl, ends[0], libc::F_SETOWN, parent)?;
            call!(libc::SYS_fcntl, ends[0], 10 /* F_SETSIG */, SIGURG)?;
            call!(libc::SYS_fcntl, ends[0], libc::F_SETFL, libc::O_ASYNC)?;
            call!(libc::SYS_write, ends[1], c"x".as_ptr(), 1).map(done("sent"))
        }
        O::ReadLimits => {
            let mut old = [0_u64; 2];
            call!(libc::SYS_prlimit64, parent, libc::RLIMIT_CORE, 0, old.as_mut_ptr()).map(done("read"))
        }
        O::SetLimits => {
            // To what it was: the attack is that it works.
            let mut old = [0_u64; 2];
            let _ = call!(libc::SYS_prlimit64, parent, libc::RLIMIT_MSGQUEUE, 0, old.as_mut_ptr());
            let new = if old == [0, 0] { [819_200, 819_200] } else { old };
            call!(libc::SYS_prlimit64, parent, libc::RLIMIT_MSGQUEUE, new.as_ptr(), 0).map(done("set"))
        }
        O::SetAffinity => {
            let mut mask = [0_u64; 16];
            let _ = call!(libc::SYS_sched_getaffinity, parent, 128, mask.as_mut_ptr());
            let mask = if mask[0] == 0 { [u64::MAX; 16] } else { mask };
            call!(libc::SYS_sched_setaffinity, parent, 128, mask.as_ptr()).map(done("set"))
        }
        O::SetScheduler => {
            let parameter = 0_i32;
            call!(libc::SYS_sched_setscheduler, parent, libc::SCHED_OTHER, &raw const parameter).map(done("set"))
        }
        O::SetParameters => {
            let parameter = 0_i32;
            call!(libc::SYS_sched_setparam, parent, &raw const parameter).map(done("set"))
        }
        O::SetAttributes => {
            let mut attributes = [0_u32; 12];
            attributes[0] = 48;
            attributes[4] = 10; // the parent's nice value, which the run sets to 10
            call!(libc::SYS_sched_setattr, parent, attributes.as_ptr(), 0).map(done("set"))
        }
        O::SetPriority => call!(libc::SYS_setpriority, libc::PRIO_PROCESS, parent, 10).map(done("set")),
        O::SetIoPriority => {
            let best_effort = 2 << 13 | 4;
            call!(libc::SYS_ioprio_set, 1, parent, best_effort).map(done("set"))
        }
        O::Compare => call!(libc::SYS_kcmp, parent, parent, 0, 0, 0).map(done("compared")),
        O::MovePages => {
            let pages = [place.parent_secret_address & !4095];
            let mut status = [0_i32];
            call!(libc::SYS_move_pages, parent, 1, pages.as_ptr(), 0, status.as_mut_ptr(), 0).map(done("asked"))
        }
        O::OutliveParent => call!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, 0, 0, 0, 0).map(done("set")),
    }
}

/// `siginfo_t` as `sigqueue` fills it in.
fn queued_by_sigqueue() -> [u32; 32] {
    let mut information = [0_u32; 32];
    information[0] = SIGURG as u32;
    information[2] = libc::SI_QUEUE as u32;
    information
}

pub(crate) fn rows() -> Vec<Row> {
    use OtherAct as O;
    const EVERY: &[gaol::Layer] = &[Namespaces, Capabilities, Landlock, Seccomp];
    let mut rows = Vec::new();

    let files = [
        (37, ProcFile::Environ),
        (37, ProcFile::Maps),
        (37, ProcFile::Auxv),
        (38, ProcFile::Cmdline),
        (38, ProcFile::Stat),
        (38, ProcFile::Status),
        (38, ProcFile::Comm),
    ];
    for (number, file) in files {
        let name = format!("openat(/proc/PPID/{})", file.name());
        rows.push(
            row(number, format!("{name} under Read"), O::ProcFile(file))
                .under(Read)
                .refused(ENOENT, EACCES)
                .open_without(EVERY),
        );
        rows.push(
            row(number, format!("{name} under Nothing"), O::ProcFile(file))
                .always(EPERM)
                .by_command(ENOENT, EACCES)
                .open_without(EVERY),
        );
    }
    // Even a profile that lists all of /proc does not open the memory of a process.
    for file in [ProcFile::Environ, ProcFile::Maps, ProcFile::Auxv] {
        rows.push(
            row(37, format!("openat(/proc/PPID/{}) under Proc", file.name()), O::ProcFile(file))
                .under(Proc)
                .always(EACCES)
                .open_without(EVERY),
        );
    }
    rows.push(
        row(36, "openat(/proc/PPID/mem) under Read", O::ProcMemory)
            .under(Read)
            .refused(ENOENT, EACCES)
            .open_without(EVERY),
    );
    rows.push(
        row(36, "openat(/proc/PPID/mem) under Nothing", O::ProcMemory)
            .always(EPERM)
            .by_command(ENOENT, EACCES)
            .open_without(EVERY),
    );
    rows.push(
        row(36, "openat(/proc/PPID/mem) under Proc", O::ProcMemory).under(Proc).always(EACCES).open_without(EVERY),
    );
    rows.push(
        row(38, "openat(/proc/PPID/fd) under Read", O::ProcDescriptors)
            .under(Read)
            .refused(ENOENT, EACCES)
            .open_without(EVERY),
    );
    rows.push(
        row(38, "openat(/proc/PPID/fd/N) under Proc", O::ProcDescriptors)
            .under(Proc)
            .always(EACCES)
            .open_without(EVERY),
    );

    use Victim::{Bystander, Everyone, First, Group, Parent};
    let by_signal = |victim, signal| O::Kill(victim, signal);
    let acts = [
        (42, "ptrace(SEIZE, parent)", O::Seize(Parent), Answer::Violation),
        (42, "ptrace(SEIZE, bystander)", O::Seize(Bystander), Answer::Violation),
        (42, "ptrace(ATTACH, bystander)", O::Attach(Bystander), Answer::Violation),
        (42, "ptrace(TRACEME)", O::TraceMe, Answer::Violation),
        (43, "process_vm_readv(parent)", O::ReadMemory, ENOSYS.into()),
        (43, "process_vm_writev(parent)", O::WriteMemory, EPERM.into()),
        (44, "pidfd_open(parent)", O::PidfdOpen(Parent), ENOSYS.into()),
        (44, "pidfd_open(parent, PIDFD_NONBLOCK)", O::PidfdOpenNonblocking(Parent), ENOSYS.into()),
        (44, "pidfd_open(parent), pidfd_getfd", O::TakeDescriptor, ENOSYS.into()),
        (45, "kill(parent)", by_signal(Parent, SIGURG), EPERM.into()),
        (45, "kill(bystander, SIGTERM)", by_signal(Bystander, libc::SIGTERM), EPERM.into()),
        (45, "kill(0)", by_signal(Group, SIGURG), EPERM.into()),
        (45, "kill(-1)", by_signal(Everyone, 0), EPERM.into()),
        (45, "tgkill(parent)", O::Tgkill(Parent), EPERM.into()),
        (45, "tkill(parent)", O::Tkill(Parent), EPERM.into()),
        (45, "rt_sigqueueinfo(parent)", O::Queue(Parent), EPERM.into()),
        (45, "rt_tgsigqueueinfo(parent)", O::ThreadQueue(Parent), EPERM.into()),
        (45, "pidfd_send_signal(parent)", O::PidfdSignal(Parent), ENOSYS.into()),
        (45, "fcntl(F_SETOWN, parent)", O::SignalByOwner, EPERM.into()),
        (47, "prlimit64(parent), reading", O::ReadLimits, EPERM.into()),
        (47, "prlimit64(parent), setting", O::SetLimits, EPERM.into()),
        (48, "sched_setaffinity(parent)", O::SetAffinity, EPERM.into()),
        (48, "sched_setscheduler(parent)", O::SetScheduler, EPERM.into()),
        (48, "sched_setparam(parent)", O::SetParameters, EPERM.into()),
        (48, "sched_setattr(parent)", O::SetAttributes, EPERM.into()),
        (49, "setpriority(parent)", O::SetPriority, EPERM.into()),
        (49, "ioprio_set(parent)", O::SetIoPriority, EPERM.into()),
        (50, "kcmp(parent)", O::Compare, EPERM.into()),
        (50, "move_pages(parent)", O::MovePages, EPERM.into()),
        (52, "prctl(PR_SET_PDEATHSIG, 0)", O::OutliveParent, EPERM.into()),
    ];
    for (number, name, act, answer) in acts {
        // Processes of a program may signal each other, so that no filter can pin whom: nobody else has a number in its pid namespace, and
        // where there is none Landlock stands before the rest. Its end is init's affair, not a signal's that it may turn off.
        let (a, b) = match act {
            O::Kill(Group | Everyone, _) | O::OutliveParent => (Answer::done(), Answer::done()),
            O::Kill(..) | O::Tgkill(_) | O::Tkill(_) => (ESRCH.into(), EPERM.into()),
            _ => (of_process(answer.clone()), of_process(answer.clone())),
        };
        for profile in [Nothing, Read] {
            rows.push(
                row(number, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(answer.clone())
                    .by_command(a.clone(), b.clone())
                    .open_without(EVERY)
                    .may_lack("this kernel is built without the call"),
            );
        }
    }
    rows.push(
        row(45, "kill(1)", by_signal(First, 0))
            .always(EPERM)
            .open_without(EVERY)
            .root_only("process 1 of the host belongs to root"),
    );
    rows
}
