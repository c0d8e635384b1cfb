//! What every call must get, written from the promises, in plain code and plain numbers.
//!
//! Deliberately nothing of the tables is used here, not even libc's constants: a number mistyped there is found here.

use std::sync::LazyLock;

use super::super::syscalls::name;
use super::super::{Gate, Paths};
use super::interpreter::{Answer, Call};
use super::watched::Watched;
use super::{NEWEST, PID};
use crate::profile::Violation;

const EPERM: i32 = 1;
const EAGAIN: i32 = 11;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
const ENOLCK: i32 = 37;
const ENOSYS: i32 = 38;
const ENOPROTOOPT: i32 = 92;
const EOPNOTSUPP: i32 = 95;
const EAFNOSUPPORT: i32 = 97;

/// A refusal is an errno or, if the profile says so, the handler's to report.
fn refused(shape: &Watched, errno: i32) -> Answer {
    match shape.violation() {
        Violation::Deny => Answer::Errno(errno),
        Violation::Kill => Answer::Trap,
    }
}

/// The name of a call, as far as there is one.
fn name_of(call: &Call) -> Option<&'static str> {
    static NAMES: LazyLock<Vec<Option<&str>>> = LazyLock::new(|| (0..=NEWEST).map(|call| name(call.into())).collect());
    NAMES.get(call.number as usize).copied().flatten()
}

/// Whether a message may be sent to somebody whom the message names.
fn names_whom_it_sends_to(shape: &Watched) -> bool {
    shape.udp() || shape.bind_udp() || shape.unix()
}

/// Whether somebody must look at the process before a socket of it listens. Within a sandbox that asks nobody, the outer one may ask.
fn lets_others_look(shape: &Watched) -> bool {
    !shape.exec() && (shape.listen() == Gate::ZygoteRequest || shape.listen() == Gate::Open && shape.narrows())
}

/// What the worker's own filter takes away.
pub(super) fn in_worker(shape: &Watched, call: &Call) -> Answer {
    let Some(name) = name_of(call) else { return Answer::Allow };
    let low = |index: usize| call.arguments[index] as u32;
    let reads_limits = call.arguments[2] == 0;
    // CPU FSIZE DATA NOFILE AS
    let lowers_limits = || shape.narrows() && matches!(low(1), 0 | 1 | 2 | 7 | 9);
    let itself = low(0) == PID;
    // Who judges modes and times for a worker is the template's child, and under no more than its filter.
    let is_judged = shape.paths() != Paths::None && shape.write() && !shape.exec() && !shape.narrows();
    let allowed = match name {
        "fchmod" | "fchmodat2" | "utimensat" if is_judged => return Answer::Trap,
        "readlinkat" if is_judged && shape.paths() == Paths::Judged => return Answer::Trap,
        "openat2" if is_judged => return Answer::Errno(ENOSYS),
        "pidfd_open" => return Answer::Errno(ENOSYS),
        // Once, and by gaol's own code.
        "landlock_restrict_self" if !shape.narrows() => return Answer::Errno(ENOSYS),
        "pidfd_send_signal" => false,
        "sendmsg" => !shape.narrows() || names_whom_it_sends_to(shape),
        // Programs and what they start: no id is known, and what they may do the template's filter has said.
        "kill" | "tkill" | "tgkill" | "seccomp" | "prctl" if shape.exec() => true,
        "prlimit64" if shape.exec() && low(0) == 0 => {
            return if reads_limits || lowers_limits() { Answer::Allow } else { Answer::Errno(EINVAL) };
        }
        "prlimit64" if shape.exec() => false,
        "sched_getaffinity" if shape.exec() && low(0) != 0 => return Answer::Errno(ENOSYS),
        "clone" if shape.exec() && shape.threads() == Gate::Closed && matches!(low(0), 17 | 0x120_0011) => {
            return Answer::Errno(EAGAIN);
        }
        "fork" if shape.exec() && shape.threads() == Gate::Closed => return Answer::Errno(EAGAIN),
        "clone" | "fork" if shape.exec() => true,
        // A function alone.
        "kill" | "tkill" | "tgkill" => itself,
        "prlimit64" => (itself || low(0) == 0) && (reads_limits || lowers_limits()),
        "sched_getaffinity" if !itself && low(0) != 0 => return Answer::Errno(ENOSYS),
        "clone" => low(0) & 0x1_0000 != 0,
        "fork" => false,
        "seccomp" => shape.narrows(),
        "prctl" if low(0) == 38 => shape.narrows(),
        "prctl" if low(0) == 4 => lets_others_look(shape),
        "prctl" => matches!(low(0), 15 | 16 | 3 | 0x5356_4D41),
        _ => true,
    };
    if allowed { Answer::Allow } else { refused(shape, EPERM) }
}

/// What the template's filter says, which the worker is under as well.
pub(super) fn in_template(shape: &Watched, call: &Call) -> Answer {
    if call.number >= 0x4000_0000 {
        return Answer::Kill;
    }
    if call.number > NEWEST {
        return Answer::Errno(ENOSYS);
    }
    let Some(name) = name_of(call) else { return refused(shape, EPERM) };
    let arguments = &call.arguments;
    let low = |index: usize| arguments[index] as u32;
    let allowed_if = |allowed: bool| if allowed { Answer::Allow } else { refused(shape, EPERM) };
    let allowed_or = |allowed: bool, errno: i32| if allowed { Answer::Allow } else { Answer::Errno(errno) };
    let has_paths = || shape.paths() != Paths::None;
    let writes = || has_paths() && shape.write();
    // By a child of the template, which an application has not got.
    let is_judged = || writes() && !shape.exec() && !shape.narrows();
    // A new thread, and where programs may be run a new process.
    let one_more = || match shape.threads() {
        Gate::Closed => Answer::Errno(EAGAIN),
        Gate::ZygoteRequest => Answer::Ask,
        Gate::Open => Answer::Allow,
    };

    match name {
        // Always.
        "read" | "write" | "readv" | "writev" | "pread64" | "pwrite64" | "preadv" | "pwritev" | "lseek" | "close"
        | "dup" | "dup2" | "fstat" | "ftruncate" | "fsync" | "fdatasync" | "sendfile" | "pipe" | "poll" | "ppoll"
        | "select" | "pselect6" | "epoll_create" | "epoll_ctl" | "epoll_wait" | "epoll_pwait" | "epoll_pwait2"
        | "eventfd" | "munmap" | "brk" | "mincore" | "set_robust_list" | "set_tid_address" | "gettid"
        | "sched_yield" | "exit" | "exit_group" | "restart_syscall" | "getcpu" | "sched_getaffinity"
        | "rt_sigprocmask" | "rt_sigreturn" | "rt_sigpending" | "rt_sigsuspend" | "rt_sigtimedwait" | "sigaltstack"
        | "pause" | "kill" | "tkill" | "tgkill" | "nanosleep" | "gettimeofday" | "time" | "getpid" | "getppid"
        | "getuid" | "geteuid" | "getgid" | "getegid" | "getresuid" | "getresgid" | "getgroups" | "getpgrp"
        | "uname" | "prlimit64" | "getcwd" | "getsockname" | "getpeername" | "getdents64" | "getdents" | "accept" => {
            Answer::Allow
        }
        // getrlimit of x86_64; libc goes by prlimit64 elsewhere.
        "getrlimit" => allowed_if(cfg!(target_arch = "x86_64")),

        // Never, whatever the profile says of violations.
        "ptrace" | "bpf" | "userfaultfd" => Answer::Kill,
        "openat2" | "fchmod" | "fchmodat2" | "utimensat" if is_judged() => Answer::Allow,
        "readlinkat" if is_judged() && shape.paths() == Paths::Judged => Answer::Allow,
        "clone3" | "openat2" | "pidfd_getfd" | "process_vm_readv" | "memfd_create" | "io_uring_setup"
        | "io_uring_enter" | "io_uring_register" | "futex_waitv" | "futex_wake" | "futex_wait" | "futex_requeue" => {
            Answer::Errno(ENOSYS)
        }
        "landlock_create_ruleset" | "landlock_add_rule" if !shape.narrows() => Answer::Errno(ENOSYS),
        "landlock_create_ruleset" => allowed_or(low(2) <= 2, EINVAL),
        "landlock_add_rule" => allowed_or(low(3) == 0, EINVAL),
        // A worker enters a domain of its own, and says what of it is logged.
        "landlock_restrict_self" => allowed_or(low(1) <= 7, EINVAL),
        "splice" | "fchown" => Answer::Errno(EPERM),
        "sysinfo" => allowed_or(shape.system_info(), EPERM),

        // Flags and modes that are known: for the rest, what a kernel says that does not have them.
        // DSYNC SYNC NOWAIT APPEND
        "preadv2" | "pwritev2" => allowed_or(low(5) & !0x1E == 0, EOPNOTSUPP),
        "dup3" => allowed_or(low(2) & !0o2_000_000 == 0, EINVAL),
        "fadvise64" => allowed_or(low(3) <= 5, EINVAL),
        "copy_file_range" => allowed_or(low(5) == 0, EINVAL),
        "epoll_create1" => allowed_or(low(0) & !0o2_000_000 == 0, EINVAL),
        "eventfd2" => allowed_or(low(1) & !0o2_004_001 == 0, EINVAL),
        "rseq" => allowed_or(low(2) <= 1, EINVAL),
        // Nothing but the size of a file that may be written, which has a limit.
        "fallocate" => allowed_or(low(1) == 0, EOPNOTSUPP),
        "sync_file_range" => allowed_or(low(3) <= 7, EINVAL),
        "msync" => allowed_or(low(2) <= 7, EINVAL),
        "shutdown" => allowed_or(low(1) <= 2, EINVAL),
        "waitid" => allowed_or(low(3) & !0xE100_000F == 0, EINVAL),
        "pidfd_open" => allowed_or(low(1) == 0, ENOSYS),
        "pidfd_send_signal" => allowed_if(low(3) == 0),
        "wait4" if shape.exec() || shape.narrows() => allowed_or(low(2) & !0xE000_000B == 0, EINVAL),

        // Programs, and what they start.
        "execve"
        | "setpgid"
        | "setsid"
        | "umask"
        | "times"
        | "setitimer"
        | "getitimer"
        | "alarm"
        | "timer_gettime"
        | "timer_getoverrun"
        | "timer_delete"
        | "timerfd_gettime"
        | "sched_get_priority_max"
        | "sched_get_priority_min" => allowed_if(shape.exec()),
        "timer_settime" | "timerfd_settime" if shape.exec() => allowed_or(low(1) <= 1, EINVAL),
        "signalfd4" if shape.exec() => allowed_or(low(3) & !0o2_004_000 == 0, EINVAL),
        "timer_create" if shape.exec() => allowed_or(low(0) <= 7, EINVAL),
        "timerfd_create" if shape.exec() => allowed_or(low(0) <= 7 && low(1) & !0o2_004_000 == 0, EINVAL),
        "sched_getparam" | "sched_getscheduler" => allowed_if(shape.exec() && low(0) == 0),
        "getpriority" => allowed_if(shape.exec() && low(0) == 0 && low(1) == 0),
        "setpriority" if shape.exec() && low(0) == 0 && low(1) == 0 => Answer::Errno(EPERM),
        "personality" => allowed_if(shape.exec() && low(0) == 0xFFFF_FFFF),
        "mlock" | "mlock2" | "mlockall" | "munlock" | "munlockall" | "chown" | "lchown" | "fchownat" | "capget"
            if shape.exec() =>
        {
            Answer::Errno(EPERM)
        }
        "get_mempolicy" | "set_mempolicy" | "pkey_alloc" | "inotify_init" | "inotify_init1" if shape.exec() => {
            Answer::Errno(ENOSYS)
        }
        "getxattr" | "lgetxattr" | "fgetxattr" | "listxattr" | "llistxattr" | "flistxattr" | "setxattr"
        | "lsetxattr" | "fsetxattr" | "removexattr" | "lremovexattr" | "fremovexattr"
            if shape.exec() =>
        {
            Answer::Errno(EOPNOTSUPP)
        }

        // Threads and processes: a template may always fork, unless every process is counted.
        "fork" if shape.exec() && shape.threads() != Gate::Closed => one_more(),
        "fork" => Answer::Allow,
        "vfork" if shape.exec() => one_more(),
        "clone" => match low(0) {
            0x3D_0F00 | 0x7D_0F00 => one_more(),
            0x5_0F00 | 0x4111 if shape.exec() => one_more(),
            17 | 0x120_0011 if shape.exec() && shape.threads() != Gate::Closed => one_more(),
            17 | 0x120_0011 => Answer::Allow,
            _ => refused(shape, EPERM),
        },

        // By their arguments.
        "close_range" => allowed_if(matches!(low(2), 0 | 4)),
        "pipe2" => allowed_if(low(1) & !0o2_004_000 == 0),
        // GETLK SETLK SETLKW, OFD_*: as many as are asked for, so where there are files, or may have been before.
        "fcntl" if matches!(low(1), 5..=7 | 36..=38) => allowed_or(has_paths() || shape.narrows(), ENOLCK),
        "fcntl" => allowed_if(match low(1) {
            // DUPFD GETFD SETFD GETFL, DUPFD_CLOEXEC, GETPIPE_SZ GET_SEALS
            0..=3 | 1030 | 1032 | 1034 => true,
            4 => {
                let direct = if cfg!(target_arch = "x86_64") { 0o40_000 } else { 0o200_000 };
                low(2) & (0o20_000 | 0o1_000_000 | direct) == 0
            }
            _ => false,
        }),
        "ioctl" => match low(1) {
            0x5401 | 0x802C_542A | 0x5413 | 0x541B | 0x5421 | 0x5450 | 0x5451 => Answer::Allow,
            0x540F if shape.exec() => Answer::Allow,
            0x4004_9409 | 0x4020_940D | 0xC020_660B => Answer::Errno(EOPNOTSUPP),
            _ => refused(shape, EPERM),
        },
        "mmap" => mmap(shape, call),
        "mprotect" => protect(shape, arguments[2]),
        "pkey_mprotect" if shape.exec() => protect(shape, arguments[2]),
        "pkey_mprotect" => refused(shape, if low(2) & 0x0300_0004 != 0 { EACCES } else { EPERM }),
        "mremap" => allowed_if(arguments[3] <= 3),
        "madvise" => match low(2) {
            0..=4 | 8 | 10 | 14 | 15 | 16 | 18 | 25 | 102 | 103 => Answer::Allow,
            100 | 101 | 12 | 22 | 23 => refused(shape, EPERM),
            _ => Answer::Errno(EINVAL),
        },
        "membarrier" => allowed_or(matches!(low(0), 0 | 8 | 16 | 32 | 64) && low(1) == 0, EINVAL),
        "futex" => match low(1) & !0x180 {
            0 | 1 | 3 | 4 | 5 | 9 | 10 => Answer::Allow,
            6 | 7 | 8 | 11 | 12 | 13 => Answer::Errno(ENOSYS),
            _ => Answer::Errno(EINVAL),
        },
        "arch_prctl" => match low(0) {
            0x1003 => Answer::Allow,
            0x1002 if shape.exec() => Answer::Allow,
            0x3001 | 0x5001 | 0x5002 | 0x5003 | 0x5005 if shape.exec() => Answer::Errno(EINVAL),
            _ => refused(shape, EPERM),
        },
        // SIGSYS tells of violations.
        "rt_sigaction" if low(0) != 31 => Answer::Allow,
        "rt_sigaction" if !shape.exec() => refused(shape, EPERM),
        // No program may survive one, nor be lost for having wanted to.
        "rt_sigaction" if shape.violation() == Violation::Kill && arguments[1] != 0 => Answer::Ignored,
        "rt_sigaction" => Answer::Allow,
        "clock_gettime" | "clock_getres" => allowed_or(low(0) <= 7, EINVAL),
        "clock_nanosleep" => allowed_or(low(0) <= 7 && low(1) <= 1, EINVAL),
        "getpgid" | "getsid" => allowed_if(low(0) == 0 || shape.exec()),
        "getrusage" => allowed_if(matches!(low(0), 0 | 1) || low(0) == u32::MAX && shape.exec()),
        "getrandom" => allowed_or(low(2) & !5 == 0, EINVAL),
        "prctl" => allowed_if(match low(0) {
            15 | 16 | 3 | 1 | 38 => true,
            0x5356_4D41 => arguments[1] == 0,
            22 => low(1) == 2,
            // GET_PDEATHSIG GET_SECCOMP CAPBSET_READ GET_SECUREBITS GET_NO_NEW_PRIVS
            2 | 21 | 23 | 27 | 39 => shape.exec(),
            // Undumpable; dumpable for as long as somebody must look.
            4 => arguments[1] == 0 && shape.exec() || arguments[1] <= 1 && lets_others_look(shape),
            _ => false,
        }),
        "seccomp" if shape.exec() => match (low(0), low(1)) {
            (1, 0..=7) | (2, _) => Answer::Allow,
            (1 | 3, _) => Answer::Errno(EINVAL),
            _ => refused(shape, EPERM),
        },
        "seccomp" => allowed_if(low(0) == 1 && low(1) == 0),
        "shmat" => refused(shape, if low(2) & 0x8000 != 0 { EACCES } else { EPERM }),

        // Paths.
        "newfstatat" | "statx" if !has_paths() => Answer::Trap,
        "newfstatat" | "statx" | "faccessat" | "faccessat2" | "readlinkat" | "chdir" | "stat" | "lstat" | "access"
        | "readlink" => match shape.paths() {
            Paths::None => refused(shape, EPERM),
            Paths::Judged => Answer::Trap,
            // SYMLINK_NOFOLLOW NO_AUTOMOUNT EMPTY_PATH; FORCE_SYNC DONT_SYNC; EACCESS
            Paths::Visible => match name {
                "newfstatat" => allowed_or(low(3) & !0x1900 == 0, EINVAL),
                "statx" => allowed_or(low(2) & !0x7900 == 0 && low(3) <= 0x3_FFFF, EINVAL),
                "faccessat2" => allowed_or(low(3) & !0x1300 == 0, EINVAL),
                _ => Answer::Allow,
            },
        },
        "fstatfs" | "fchdir" => allowed_if(has_paths()),
        "statfs" if !has_paths() => refused(shape, EPERM),
        "statfs" if shape.private_root() => Answer::Allow,
        "statfs" if shape.exec() => Answer::Errno(EACCES),
        "statfs" => refused(shape, EACCES),
        "openat" => open(shape, low(2), low(3)),
        "open" => open(shape, low(1), low(2)),

        // Changes.
        "truncate" | "symlinkat" | "renameat" | "unlink" | "rmdir" | "rename" | "link" | "symlink" if writes() => {
            Answer::Allow
        }
        "unlinkat" if writes() => allowed_or(low(2) & !0x200 == 0, EINVAL),
        "mkdirat" if writes() => allowed_if(low(2) & 0o7000 == 0),
        "mkdir" | "creat" if writes() => allowed_if(low(1) & 0o7000 == 0),
        "renameat2" if writes() => allowed_if(low(4) <= 2),
        "linkat" if writes() => allowed_if(matches!(low(4), 0 | 0x400)),
        "truncate" | "unlinkat" | "symlinkat" | "renameat" | "unlink" | "rmdir" | "rename" | "link" | "symlink"
        | "mkdirat" | "mkdir" | "creat" | "renameat2" | "linkat"
            if has_paths() =>
        {
            refused(shape, EACCES)
        }
        // SH EX UN, with and without NB. An exclusive one locks others out.
        "flock" => match low(1) {
            1 | 5 | 8 | 12 => Answer::Allow,
            2 | 6 => allowed_if(writes()),
            _ => Answer::Errno(EINVAL),
        },

        // Modes and times. Neither Landlock nor a mount knows whether a descriptor is one that was handed over; a worker's judge does.
        "fchmod" | "fchmodat" | "fchmodat2" | "chmod" | "utimensat" | "utime" | "utimes" | "futimesat" if writes() => {
            if shape.exec() {
                Answer::Errno(EPERM)
            } else {
                Answer::Trap
            }
        }

        // Sockets.
        "socket" => {
            let internet = matches!(low(0), 2 | 10);
            let allowed = match (low(1) & !0o2_004_000, low(2)) {
                (1, 0 | 6) if internet => shape.tcp() || shape.listen() != Gate::Closed,
                (2, 0 | 17) if internet => shape.udp() || shape.bind_udp(),
                (1 | 2 | 5, 0) if low(0) == 1 => shape.unix(),
                _ => false,
            };
            allowed_or(allowed, EAFNOSUPPORT)
        }
        "connect" => allowed_if(shape.tcp() || shape.udp() || shape.unix()),
        "socketpair" => {
            let pair = low(0) == 1 && matches!(low(1) & !0o2_004_000, 1 | 5) && low(2) == 0;
            allowed_or(pair, EAFNOSUPPORT)
        }
        "bind" => allowed_if(shape.bind_udp() || shape.listen() != Gate::Closed),
        "listen" => match shape.listen() {
            Gate::Closed => refused(shape, EPERM),
            // The handler lets others look, and asks in words of its own; a program has none.
            Gate::ZygoteRequest if shape.exec() || low(2) == 0x6761_6F6C => Answer::Ask,
            Gate::ZygoteRequest => Answer::Trap,
            Gate::Open => Answer::Allow,
        },
        // From what listens already, for there is no way to have it listen.
        "accept4" => allowed_if(low(3) & !0o2_004_000 == 0),
        "sendmmsg" if low(3) & 0x2000_0000 == 0 && !names_whom_it_sends_to(shape) => Answer::Errno(ENOSYS),
        "sendto" | "sendmsg" | "sendmmsg" => {
            let flags = low(if name == "sendmsg" { 2 } else { 3 });
            if flags & 0x2000_0000 != 0 {
                refused(shape, EPERM)
            } else if flags & !0xC0C0 != 0 {
                // DONTWAIT EOR NOSIGNAL MORE
                Answer::Errno(EOPNOTSUPP)
            } else {
                allowed_if(name != "sendto" || arguments[4] == 0 || names_whom_it_sends_to(shape))
            }
        }
        // PEEK TRUNC DONTWAIT WAITALL ERRQUEUE NOSIGNAL CMSG_CLOEXEC, and of several messages WAITFORONE
        "recvfrom" => allowed_or(low(3) & !0x4000_6162 == 0, EOPNOTSUPP),
        "recvmsg" => allowed_or(low(2) & !0x4000_6162 == 0, EOPNOTSUPP),
        "recvmmsg" => allowed_or(low(3) & !0x4001_6162 == 0, EOPNOTSUPP),
        "setsockopt" if is_of_any_socket(low(1), low(2)) => Answer::Allow,
        "setsockopt" if (shape.udp() || shape.bind_udp()) && is_of_groups(low(1), low(2)) => Answer::Allow,
        "setsockopt" => match (low(1), low(2)) {
            // How much the kernel holds for it is not the socket's to say.
            (1, 7 | 8) => Answer::Ignored,
            // Devices, filters, marks, memory beyond what the system allows; the inside of a connection; others' addresses.
            (1, 25 | 26 | 27 | 32 | 33 | 36 | 44 | 50 | 51 | 52) | (6 | 0, 19) => refused(shape, EPERM),
            _ => Answer::Errno(ENOPROTOOPT),
        },
        "getsockopt" => {
            let told = match low(1) {
                1 => matches!(low(2), 3 | 4 | 7 | 8 | 10 | 12 | 13 | 16 | 17 | 30 | 38 | 39),
                6 => matches!(low(2), 2 | 11),
                0 => low(2) == 14,
                41 => low(2) == 24,
                _ => false,
            };
            let own = is_of_any_socket(low(1), low(2)) || is_of_groups(low(1), low(2));
            allowed_or(told || own, ENOPROTOOPT)
        }

        _ => refused(shape, EPERM),
    }
}

/// Whether an option of UDP is about groups and broadcasts.
fn is_of_groups(level: u32, option: u32) -> bool {
    match level {
        1 => option == 6,
        // IF TTL LOOP ADD_MEMBERSHIP DROP_MEMBERSHIP ALL
        0 => matches!(option, 32..=36 | 49),
        // IF HOPS LOOP ADD_MEMBERSHIP DROP_MEMBERSHIP
        41 => matches!(option, 17..=21),
        _ => false,
    }
}

/// Whether an option is about a socket and its own packets.
fn is_of_any_socket(level: u32, option: u32) -> bool {
    match level {
        1 => matches!(option, 2 | 9 | 15 | 20 | 21),
        6 => matches!(option, 1 | 3..=6 | 12 | 18),
        // TOS TTL PKTINFO MTU_DISCOVER RECVERR RECVTOS
        0 => matches!(option, 1 | 2 | 8 | 10 | 11 | 13),
        // UNICAST_HOPS MTU_DISCOVER RECVERR V6ONLY RECVPKTINFO RECVTCLASS TCLASS
        41 => matches!(option, 16 | 23 | 25 | 26 | 49 | 66 | 67),
        _ => false,
    }
}

/// Whether nothing is asked of a page but to be read, written or executed.
fn within(protection: u64, executable: bool) -> bool {
    let beyond = if cfg!(target_arch = "aarch64") { 0x30 } else { 0 };
    protection & !(3 | beyond | if executable { 4 } else { 0 }) == 0
}

/// Code is never mapped, or for programs never while it can be written, which some try and do without; and no protection spreads.
fn forbidden(shape: &Watched, protection: u64) -> Option<Answer> {
    let executable = protection & 4 != 0;
    if protection & 0x0300_0000 != 0 || executable && !shape.exec() {
        return Some(refused(shape, EACCES));
    }
    (executable && protection & 2 != 0).then_some(Answer::Errno(EACCES))
}

fn protect(shape: &Watched, protection: u64) -> Answer {
    if let Some(answer) = forbidden(shape, protection) {
        return answer;
    }
    if within(protection, shape.exec()) { Answer::Allow } else { refused(shape, EPERM) }
}

fn mmap(shape: &Watched, call: &Call) -> Answer {
    let [_, _, protection, flags, _, _] = call.arguments;
    if let Some(answer) = forbidden(shape, protection) {
        return answer;
    }
    // FIXED FIXED_NOREPLACE NORESERVE STACK DENYWRITE
    let common = 0x10 | 0x10_0000 | 0x4000 | 0x2_0000 | 0x800;
    let anonymous = 0x20;
    let kind = flags & 0xF;
    let rest = flags & !0xF;
    let allowed = match kind {
        2 => rest & !(common | anonymous) == 0 && within(protection, shape.exec()),
        // Of a file.
        1 => rest & !common == 0 && within(protection, false),
        8 => rest == anonymous && within(protection, false),
        _ => false,
    };
    if allowed { Answer::Allow } else { refused(shape, EPERM) }
}

fn open(shape: &Watched, flags: u32, mode: u32) -> Answer {
    let (path_only, create, truncate, unnamed) = (0o10_000_000, 0o100, 0o1000, 0o20_000_000);
    let makes = flags & (create | unnamed) != 0;
    if shape.paths() == Paths::None {
        return refused(shape, EPERM);
    }
    // Every flag that there is, but for O_ASYNC, 020000.
    if flags & !0o37_757_703 != 0 {
        return Answer::Errno(EINVAL);
    }
    if flags & path_only != 0 {
        return if shape.paths() == Paths::Visible { Answer::Allow } else { refused(shape, EACCES) };
    }
    match flags & 3 {
        3 => refused(shape, EACCES),
        0 if flags & truncate != 0 => refused(shape, EACCES),
        0 if !makes => Answer::Allow,
        _ if !shape.write() => refused(shape, EACCES),
        _ if makes && mode & 0o7000 != 0 => refused(shape, EPERM),
        _ => Answer::Allow,
    }
}
