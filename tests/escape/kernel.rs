//! Rows 55–65, 68, 70, 75–81, 108: interfaces of the kernel that a function has no business with.
//!
//! # Safety
//!
//! The 32-bit system call and the signal handler are the attack. The assembly gives back the one register that the compiler
//! keeps for itself; the handler does nothing.
#![allow(unsafe_code)]

use gaol::Layer::{Capabilities, Landlock, Limits, Namespaces, Seccomp};
use libc::{ENOSYS, EPERM, ESRCH};
use serde::{Deserialize, Serialize};

use super::expect::all_metadata;
use super::place::{Place, SECRET};
use super::profiles::Profile::{Nothing, Read, Tcp};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, exit_now};

/// Which interface is tried.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KernelAct {
    IoUring,
    BpfMap,
    BpfProgram,
    PerfEvent,
    Userfaultfd,
    Keyctl,
    AddKey,
    RequestKey,
    /// `unshare` with one of the `CLONE_NEW*` flags.
    Unshare(i32),
    CloneNewUser,
    Clone3NewUser,
    Clone3Fork,
    Personality(u64),
    /// `open` and `getpid` through the 32-bit gate, with numbers that mean other calls in 64 bits.
    OldGateGetpid,
    OldGateOpen,
    X32,
    NumberMinusOne,
    NumberPastTheTable,
    DispatchToUser,
    /// Takes over the signal that tells of refused calls.
    HandleSigsys,
    BlockSigsys,
    BlockSigsysAndStat,
    /// Adds a filter that allows everything, then tries what was refused.
    LaxerFilter,
    LandlockAgain,
    Shmget,
    Msgget,
    Semget,
    AttachParentMemory,
    MqOpen,
    LockAllMemory,
    HugePages,
    Reboot,
    SwapOn,
    InitModule,
    KexecLoad,
    Acct,
    SetTime,
    SetHostname,
    IoPermission,
    ModifyLdt,
    Quota,
    Sync,
    RaiseFiles,
    RaiseFilesOld,
    RaiseData,
    RaiseCpu,
    Dumpable,
    Subreaper,
    Memfd,
    MemfdSecret,
    Vmsplice,
    Lookup,
}

pub(crate) fn perform(act: KernelAct, place: &Place) -> Attempt {
    use KernelAct as K;
    let mut buffer = [0_u64; 64];
    let buffer = buffer.as_mut_ptr();
    let done = |word: &'static str| move |_| word.to_owned();
    match act {
        K::IoUring => call!(libc::SYS_io_uring_setup, 4, buffer).map(done("a ring")),
        K::BpfMap => {
            let array = [2_u32, 4, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            call!(libc::SYS_bpf, 0, array.as_ptr(), size_of_val(&array)).map(done("a map"))
        }
        K::BpfProgram => {
            // A socket filter that returns zero: `mov r0, 0; exit`.
            let program = [0xb7_u64, 0x95];
            let licence = c"GPL";
            let attributes = [1 | 2 << 32, program.as_ptr() as u64, licence.as_ptr() as u64, 0, 0, 0];
            call!(libc::SYS_bpf, 5, attributes.as_ptr(), size_of_val(&attributes)).map(done("a program"))
        }
        K::PerfEvent => {
            // A software clock of this process, in user mode only, which asks for no privilege.
            let mut attributes = [0_u64; 16];
            attributes[0] = 1 | 128 << 32;
            attributes[5] = 1 << 5 | 1 << 6;
            call!(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0).map(done("an event"))
        }
        K::Userfaultfd => call!(libc::SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */).map(done("a handler")),
        K::Keyctl => call!(libc::SYS_keyctl, 0, -3, 1).map(done("the session keyring")),
        K::AddKey => call!(libc::SYS_add_key, c"user", c"gaol", c"x".as_ptr(), 1, -2).map(done("a key")),
        K::RequestKey => {
            let added = call!(libc::SYS_add_key, c"user", c"gaol", c"x".as_ptr(), 1, -2);
            match call!(libc::SYS_request_key, c"user", c"gaol", 0, 0) {
                Err(refusal) if added.is_err() => Err(refusal),
                answer => answer.map(done("a key")),
            }
        }
        K::Unshare(flag) => call!(libc::SYS_unshare, flag).map(done("a namespace")),
        K::CloneNewUser => child(call!(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0)),
        K::Clone3NewUser => clone3(libc::CLONE_NEWUSER as u64),
        K::Clone3Fork => clone3(0),
        K::Personality(value) => call!(libc::SYS_personality, value).map(done("set")),
        K::OldGateGetpid => old_gate_getpid(),
        K::OldGateOpen => old_gate_open(place),
        K::X32 => call!(0x4000_0000 + libc::SYS_getpid).map(done("a pid")),
        K::NumberMinusOne => call!(-1).map(done("answered")),
        K::NumberPastTheTable => call!(100_000).map(done("answered")),
        K::DispatchToUser => {
            let selector = 0_u8;
            call!(libc::SYS_prctl, 59, 1, 0, 0, &raw const selector)?;
            call!(libc::SYS_prctl, 59, 0, 0, 0, 0).map(done("dispatched"))
        }
        K::HandleSigsys => {
            extern "C" fn swallow(_signal: i32) {}
            let action = [swallow as extern "C" fn(i32) as usize, 0, 0, 0];
            call!(libc::SYS_rt_sigaction, libc::SIGSYS, action.as_ptr(), 0, 8).map(done("handled"))
        }
        K::BlockSigsys => {
            let mask = 1_u64 << (libc::SIGSYS - 1);
            call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8)?;
            let mut now = 0_u64;
            call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, 0, &raw mut now, 8)?;
            if now & mask == 0 { Err(Refusal::Absent) } else { Ok("blocked".into()) }
        }
        K::BlockSigsysAndStat => {
            let mask = 1_u64 << (libc::SIGSYS - 1);
            call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const mask, 0, 8)?;
            call!(libc::SYS_newfstatat, libc::AT_FDCWD, &c_path(&place.secret), buffer, 0).map(done("stat"))
        }
        K::LaxerFilter => {
            // `return SECCOMP_RET_ALLOW`, then what the sandbox refused.
            let program = [0x0006_u64 | 0x7fff_0000 << 32];
            let filter = [1_usize, program.as_ptr() as usize];
            let _ = call!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            let _ = call!(libc::SYS_seccomp, 1, 0, filter.as_ptr());
            let _ = call!(libc::SYS_prctl, libc::PR_SET_SECCOMP, 2, filter.as_ptr(), 0, 0);
            call!(libc::SYS_kill, place.parent, 0).map(done("sent"))
        }
        K::LandlockAgain => call!(libc::SYS_landlock_create_ruleset, 0, 0, 1).map(done("answered")),
        K::Shmget => {
            let id = call!(libc::SYS_shmget, libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600)?;
            call!(libc::SYS_shmctl, id, libc::IPC_RMID, 0).map(done("a segment"))
        }
        K::Msgget => {
            let id = call!(libc::SYS_msgget, libc::IPC_PRIVATE, libc::IPC_CREAT | 0o600)?;
            call!(libc::SYS_msgctl, id, libc::IPC_RMID, 0).map(done("a queue"))
        }
        K::Semget => {
            let id = call!(libc::SYS_semget, libc::IPC_PRIVATE, 1, libc::IPC_CREAT | 0o600)?;
            call!(libc::SYS_semctl, id, 0, libc::IPC_RMID, 0).map(done("a semaphore"))
        }
        K::AttachParentMemory => {
            let address = call!(libc::SYS_shmat, place.shared_memory, 0, libc::SHM_RDONLY)?;
            // SAFETY: the segment has 4096 bytes and stays attached until the process ends.
            let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, SECRET.len()) };
            Ok(String::from_utf8_lossy(bytes).into_owned())
        }
        K::MqOpen => {
            let name = c"gaol-matrix";
            call!(libc::SYS_mq_open, name, libc::O_CREAT | libc::O_RDWR, 0o600, 0)?;
            call!(libc::SYS_mq_unlink, name).map(done("a queue"))
        }
        K::LockAllMemory => {
            call!(libc::SYS_mlockall, libc::MCL_FUTURE)?;
            call!(libc::SYS_munlockall).map(done("locked"))
        }
        K::HugePages => {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_HUGETLB;
            call!(libc::SYS_mmap, 0, 2 << 20, libc::PROT_READ, flags, -1, 0).map(done("mapped"))
        }
        // The wrong magic numbers: a kernel that is reached says so and goes on running.
        K::Reboot => call!(libc::SYS_reboot, 1, 2, 3, 0).map(done("answered")),
        K::SwapOn => call!(libc::SYS_swapon, c"/dev/null", 0).map(done("answered")),
        K::InitModule => call!(libc::SYS_init_module, 0, 0, c"").map(done("answered")),
        K::KexecLoad => call!(libc::SYS_kexec_load, 0, 0, 0, 1_u64 << 40).map(done("answered")),
        K::Acct => call!(libc::SYS_acct, c"/nowhere/at/all").map(done("answered")),
        K::SetTime => call!(libc::SYS_clock_settime, 99, buffer).map(done("answered")),
        K::SetHostname => {
            let mut name = [0_u8; 65 * 6];
            call!(libc::SYS_uname, name.as_mut_ptr())?;
            let host = &name[65..130];
            let length = host.iter().position(|&byte| byte == 0).unwrap_or(0);
            call!(libc::SYS_sethostname, host.as_ptr(), length).map(done("set"))
        }
        K::IoPermission => io_permission(),
        K::ModifyLdt => modify_ldt(buffer),
        K::Quota => call!(libc::SYS_quotactl, 0x0080_0001 << 8, 0, 0, 0).map(done("synced")),
        K::Sync => call!(libc::SYS_sync).map(done("synced")),
        K::RaiseFiles => raise(libc::RLIMIT_NOFILE as i32, false),
        K::RaiseFilesOld => raise(libc::RLIMIT_NOFILE as i32, true),
        K::RaiseData => raise(libc::RLIMIT_DATA as i32, false),
        K::RaiseCpu => raise(libc::RLIMIT_CPU as i32, false),
        K::Dumpable => call!(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0).map(done("dumpable")),
        K::Subreaper => call!(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0).map(done("a subreaper")),
        K::Memfd => call!(libc::SYS_memfd_create, c"x", 0).map(done("a file")),
        K::MemfdSecret => call!(libc::SYS_memfd_secret, 0).map(done("a file")),
        K::Vmsplice => {
            let mut ends = [0_i32; 2];
            call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0)?;
            let text = b"gift";
            let vector = [text.as_ptr() as usize, text.len()];
            call!(libc::SYS_vmsplice, ends[1], vector.as_ptr(), 1, 0).map(done("spliced"))
        }
        K::Lookup => {
            let mut cookie = [0_u8; 256];
            call!(libc::SYS_lookup_dcookie, 0, cookie.as_mut_ptr(), 256).map(done("a path"))
        }
    }
}

/// Ends the child, and tells the attacker that there was one.
fn child(answer: Result<usize, Refusal>) -> Attempt {
    match answer? {
        0 => exit_now(0),
        pid => {
            let _ = call!(libc::SYS_wait4, pid, 0, 0, 0);
            Ok("a child".into())
        }
    }
}

fn clone3(flags: u64) -> Attempt {
    let arguments = [flags, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    child(call!(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)))
}

/// Raises a limit of its own: the soft one as far as the hard one reaches, or both.
fn raise(resource: i32, old_call: bool) -> Attempt {
    let mut limit = [0_u64; 2];
    call!(libc::SYS_prlimit64, 0, resource, 0, limit.as_mut_ptr())?;
    let [soft, hard] = limit;
    let raised = if soft < hard { [soft + 1, hard] } else { [soft.saturating_add(1), hard.saturating_add(1)] };
    if old_call {
        call!(libc::SYS_setrlimit, resource, raised.as_ptr())?;
    } else {
        call!(libc::SYS_prlimit64, 0, resource, raised.as_ptr(), 0)?;
    }
    Ok(format!("from {soft} to {}", raised[0]))
}

/// One system call through `int 0x80`, with 32-bit numbers and registers.
#[cfg(target_arch = "x86_64")]
fn old_gate(number: u32, first: u32, second: u32) -> Result<usize, Refusal> {
    let answer: i64;
    // SAFETY: `rbx`, which the compiler keeps for itself, is given back before the block ends; the kernel may change r8 to
    // r11 on this way in, and they are declared.
    unsafe {
        std::arch::asm!(
            "xchg {first:r}, rbx",
            "int 0x80",
            "xchg {first:r}, rbx",
            first = inout(reg) u64::from(first) => _,
            inlateout("rax") u64::from(number) => answer,
            in("rcx") u64::from(second),
            in("rdx") 0_u64,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    match answer as i32 {
        errno @ -4095..=-1 => Err(Refusal::Errno(-errno)),
        value => Ok(value as usize),
    }
}

#[cfg(target_arch = "x86_64")]
fn old_gate_getpid() -> Attempt {
    old_gate(20, 0, 0).map(|pid| format!("pid {pid}"))
}

#[cfg(target_arch = "x86_64")]
fn old_gate_open(place: &Place) -> Attempt {
    use super::toolbox::read_some;
    const MAP_32BIT: i32 = 0x40;
    // The gate takes 32-bit pointers, so the path has to lie low. Where that mapping is refused, the call is made all the
    // same: what is measured is whether the kernel lets it in.
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | MAP_32BIT;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let path = c_path(&place.secret);
    let low = call!(libc::SYS_mmap, 0, 4096, protection, flags, -1, 0).unwrap_or(0);
    if low != 0 {
        let bytes = path.as_bytes_with_nul();
        // SAFETY: the mapping has 4096 bytes, and the path is shorter.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), low as *mut u8, bytes.len()) };
    }
    read_some(old_gate(5, low as u32, 0)? as i32)
}

#[cfg(not(target_arch = "x86_64"))]
fn old_gate_getpid() -> Attempt {
    Err(Refusal::Errno(ENOSYS))
}

#[cfg(not(target_arch = "x86_64"))]
fn old_gate_open(_place: &Place) -> Attempt {
    Err(Refusal::Errno(ENOSYS))
}

#[cfg(target_arch = "x86_64")]
fn io_permission() -> Attempt {
    call!(libc::SYS_iopl, 3).map(|_| "ports".into())
}

#[cfg(not(target_arch = "x86_64"))]
fn io_permission() -> Attempt {
    Err(Refusal::Errno(ENOSYS))
}

#[cfg(target_arch = "x86_64")]
fn modify_ldt(buffer: *mut u64) -> Attempt {
    call!(libc::SYS_modify_ldt, 0, buffer, 64).map(|_| "read".into())
}

#[cfg(not(target_arch = "x86_64"))]
fn modify_ldt(_buffer: *mut u64) -> Attempt {
    Err(Refusal::Errno(ENOSYS))
}

pub(crate) fn rows() -> Vec<Row> {
    use KernelAct as K;
    const EVERY: &[gaol::Layer] = &[Namespaces, Capabilities, Landlock, Seccomp];
    const ABSENT: &str = "this kernel is built or set up without it";
    let killed = Answer::Violation;
    let mut rows = Vec::new();

    let everywhere = [
        (55, "io_uring_setup", K::IoUring, ENOSYS.into()),
        (57, "bpf(MAP_CREATE)", K::BpfMap, killed.clone()),
        (57, "bpf(PROG_LOAD)", K::BpfProgram, killed.clone()),
        (58, "perf_event_open", K::PerfEvent, EPERM.into()),
        (58, "userfaultfd", K::Userfaultfd, killed.clone()),
        (59, "keyctl(GET_KEYRING_ID)", K::Keyctl, EPERM.into()),
        (59, "add_key", K::AddKey, EPERM.into()),
        (59, "request_key", K::RequestKey, EPERM.into()),
        (60, "unshare(NEWUSER)", K::Unshare(libc::CLONE_NEWUSER), EPERM.into()),
        (60, "clone(NEWUSER)", K::CloneNewUser, EPERM.into()),
        (61, "clone3(NEWUSER)", K::Clone3NewUser, ENOSYS.into()),
        (61, "clone3, a plain fork", K::Clone3Fork, ENOSYS.into()),
        (63, "personality(READ_IMPLIES_EXEC)", K::Personality(0x040_0000), EPERM.into()),
        (63, "personality(ADDR_NO_RANDOMIZE)", K::Personality(0x004_0000), EPERM.into()),
        (70, "prctl(SYSCALL_USER_DISPATCH)", K::DispatchToUser, EPERM.into()),
        (76, "vmsplice", K::Vmsplice, EPERM.into()),
        (80, "shmget", K::Shmget, EPERM.into()),
        (80, "msgget", K::Msgget, EPERM.into()),
        (80, "semget", K::Semget, EPERM.into()),
        (80, "shmat(the parent's segment)", K::AttachParentMemory, EPERM.into()),
        (81, "mq_open", K::MqOpen, EPERM.into()),
        (33, "sync", K::Sync, EPERM.into()),
        (54, "prctl(SET_DUMPABLE, 1)", K::Dumpable, EPERM.into()),
        (54, "prctl(SET_CHILD_SUBREAPER)", K::Subreaper, EPERM.into()),
        (73, "memfd_create", K::Memfd, ENOSYS.into()),
        (73, "memfd_secret", K::MemfdSecret, EPERM.into()),
        (75, "mlockall", K::LockAllMemory, EPERM.into()),
        (78, "modify_ldt", K::ModifyLdt, EPERM.into()),
    ];
    for (number, name, act, answer) in everywhere {
        for profile in [Nothing, Read, Tcp] {
            rows.push(
                row(number, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(answer.clone())
                    .open_without(EVERY)
                    .may_lack(ABSENT)
                    .root_only("an unprivileged user needs a kernel set up to allow it"),
            );
        }
    }
    let namespaces = [
        ("NEWNS", libc::CLONE_NEWNS),
        ("NEWNET", libc::CLONE_NEWNET),
        ("NEWPID", libc::CLONE_NEWPID),
        ("NEWIPC", libc::CLONE_NEWIPC),
        ("NEWUTS", libc::CLONE_NEWUTS),
        ("NEWCGROUP", libc::CLONE_NEWCGROUP),
        ("NEWTIME", 0x80),
    ];
    for (name, flag) in namespaces {
        rows.push(
            row(60, format!("unshare({name})"), K::Unshare(flag))
                .always(EPERM)
                .open_without(EVERY)
                .root_only("a namespace that is not a user namespace needs CAP_SYS_ADMIN")
                .may_lack(ABSENT),
        );
    }

    // Ways around the filter.
    let gate = if cfg!(target_arch = "x86_64") { killed.clone() } else { ENOSYS.into() };
    rows.push(
        row(64, "int 0x80, getpid", K::OldGateGetpid).always(gate.clone()).open_without(&[Seccomp]).may_lack(ABSENT),
    );
    rows.push(
        row(64, "int 0x80, open(secret)", K::OldGateOpen)
            .under(Read)
            .always(gate)
            .open_without(&[Namespaces, Landlock, Seccomp])
            .may_lack(ABSENT),
    );
    if cfg!(target_arch = "x86_64") {
        rows.push(
            row(65, "x32 getpid", K::X32)
                .always(killed.clone())
                .open_without(&[Seccomp])
                .may_lack("this kernel is built without x32"),
        );
    }
    rows.push(
        row(65, "system call -1", K::NumberMinusOne)
            .always(killed.clone())
            .no_control("no kernel has such a call: it is refused everywhere"),
    );
    rows.push(
        row(65, "system call 100000", K::NumberPastTheTable)
            .always(ENOSYS)
            .no_control("no kernel has such a call: it is refused everywhere"),
    );
    rows.push(
        row(68, "a filter that allows everything, then kill(parent)", K::LaxerFilter)
            .always(EPERM)
            .by_command(ESRCH, EPERM)
            .open_without(EVERY),
    );
    rows.push(
        row(68, "landlock_create_ruleset", K::LandlockAgain)
            .always(ENOSYS)
            // For a narrower profile. A ruleset only takes away.
            .by_activation(Answer::done())
            .open_without(&[Seccomp])
            .may_lack(ABSENT),
    );
    for profile in [Nothing, Read] {
        rows.push(
            row(70, format!("rt_sigaction(SIGSYS) under {profile:?}"), K::HandleSigsys)
                .under(profile)
                .always(EPERM)
                // Nothing of a program's is answered by a handler.
                .by_command(Answer::done(), Answer::done())
                .open_without(&[Seccomp]),
        );
    }
    rows.push(
        row(70, "rt_sigprocmask(block SIGSYS)", K::BlockSigsys)
            .under(Read)
            .always(Answer::done())
            .no_control("blocking a signal harms nobody but the child"),
    );
    // A signal that tells of a refusal cannot be held back: the kernel ends the process.
    rows.push(
        row(70, "rt_sigprocmask(block SIGSYS), newfstatat(secret)", K::BlockSigsysAndStat)
            .under(Read)
            .refused(libc::ENOENT, killed.clone())
            .by_command(libc::ENOENT, all_metadata())
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );

    // What only root could do, and must not be able to as root either.
    let privileged: [(u16, &str, K, Answer); 8] = [
        (77, "reboot", K::Reboot, EPERM.into()),
        (77, "swapon", K::SwapOn, EPERM.into()),
        (77, "init_module", K::InitModule, EPERM.into()),
        (77, "kexec_load", K::KexecLoad, EPERM.into()),
        (77, "acct", K::Acct, EPERM.into()),
        (77, "clock_settime", K::SetTime, EPERM.into()),
        (33, "quotactl", K::Quota, EPERM.into()),
        (208, "lookup_dcookie", K::Lookup, EPERM.into()),
    ];
    for (number, name, act, answer) in privileged {
        rows.push(
            row(number, name, act)
                .always(answer)
                .no_control("the act is made with arguments that do no harm, and do not work, where it is open"),
        );
    }
    rows.push(
        row(77, "sethostname", K::SetHostname)
            .always(EPERM)
            .open_without(EVERY)
            .root_only("naming the host needs CAP_SYS_ADMIN"),
    );
    rows.push(
        row(77, "iopl", K::IoPermission)
            .always(if cfg!(target_arch = "x86_64") { EPERM } else { ENOSYS })
            .open_without(EVERY)
            .root_only("ports need CAP_SYS_RAWIO")
            .may_lack(ABSENT),
    );
    rows.push(
        row(75, "mmap(MAP_HUGETLB)", K::HugePages)
            .always(EPERM)
            .open_without(EVERY)
            .may_lack("this system sets no huge pages aside"),
    );

    // More of what the limits took.
    let limits = [
        ("prlimit64(NOFILE)", K::RaiseFiles),
        ("setrlimit(NOFILE)", K::RaiseFilesOld),
        ("prlimit64(DATA)", K::RaiseData),
        ("prlimit64(CPU)", K::RaiseCpu),
    ];
    for (name, act) in limits {
        // The second that lies between the signal that can be handled and the one that cannot.
        let lowered = if matches!(act, K::RaiseCpu) { Answer::done() } else { EPERM.into() };
        let raised = Answer::from(if matches!(act, K::RaiseFilesOld) { EPERM } else { libc::EINVAL });
        rows.push(
            row(108, name, act)
                .always(EPERM)
                // As gpg and Go can do without.
                .by_command(raised.clone(), raised)
                .by_activation(lowered)
                .open_without(&[Limits, Seccomp, Capabilities, Namespaces])
                .may_lack("a limit that is not set cannot be raised"),
        );
    }
    rows
}
