//! Which system calls may be made under a profile, and what the others get: written from the promises, not from gaol's tables.
//!
//! Some calls are allowed with some arguments only. A call that is in no list is refused with EPERM.

use std::collections::{BTreeMap, BTreeSet};

use libc::{EACCES, EAFNOSUPPORT, ENOSYS, EOPNOTSUPP, EPERM, c_long};

use super::profiles::Allowed;
use super::ways::{Tier, Way};

/// The highest number that gaol knows.
pub(crate) const NEWEST: u32 = 470;
/// Numbers that no kernel has yet. The last is below those of x32.
pub(crate) const UNKNOWN: [std::ops::RangeInclusive<u32>; 2] = [NEWEST + 1..=1023, 0x3FFF_FFF0..=0x3FFF_FFFF];

/// What a process needs to compute, and to use what it was given. Some are allowed with some arguments only.
const COMPUTE: &[c_long] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_pread64,
    libc::SYS_pwrite64,
    libc::SYS_preadv,
    libc::SYS_pwritev,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_fstat,
    libc::SYS_ftruncate,
    libc::SYS_fsync,
    libc::SYS_fdatasync,
    libc::SYS_fadvise64,
    libc::SYS_copy_file_range,
    libc::SYS_sendfile,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_brk,
    libc::SYS_membarrier,
    libc::SYS_clone,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_waitid,
    libc::SYS_futex,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_gettid,
    libc::SYS_getcpu,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_restart_syscall,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getresuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getresgid,
    libc::SYS_getgroups,
    libc::SYS_getrusage,
    libc::SYS_prlimit64,
    libc::SYS_prctl,
    libc::SYS_uname,
    libc::SYS_getrandom,
    libc::SYS_getcwd,
    // Of an empty path: fstat, in other words.
    libc::SYS_newfstatat,
    libc::SYS_statx,
    // Of sockets that it was given, and of pairs that it makes.
    libc::SYS_socketpair,
    libc::SYS_sendto,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_recvmmsg,
    // Of files and directories that it was given.
    libc::SYS_getdents64,
    libc::SYS_flock,
    libc::SYS_fallocate,
    libc::SYS_msync,
    277, // sync_file_range
];

#[cfg(target_arch = "x86_64")]
const COMPUTE_BY_OLD_NAMES: &[c_long] = &[
    libc::SYS_dup2,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_select,
    libc::SYS_epoll_create,
    libc::SYS_epoll_wait,
    libc::SYS_eventfd,
    libc::SYS_pause,
    libc::SYS_time,
    libc::SYS_getpgrp,
    libc::SYS_getrlimit,
    libc::SYS_arch_prctl,
    libc::SYS_getdents,
];
#[cfg(not(target_arch = "x86_64"))]
const COMPUTE_BY_OLD_NAMES: &[c_long] = &[];

/// What takes paths: allowed as far as Landlock and the private root allow.
const LOOK: &[c_long] = &[
    libc::SYS_openat,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_fstatfs,
];

#[cfg(target_arch = "x86_64")]
const LOOK_BY_OLD_NAMES: &[c_long] =
    &[libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink];
#[cfg(not(target_arch = "x86_64"))]
const LOOK_BY_OLD_NAMES: &[c_long] = &[];

/// What changes files. Where paths may be looked at and none may be written, each is refused as Landlock would refuse it.
const CHANGE: &[c_long] = &[
    libc::SYS_truncate,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_renameat2,
];

#[cfg(target_arch = "x86_64")]
const CHANGE_BY_OLD_NAMES: &[c_long] = &[
    libc::SYS_renameat,
    libc::SYS_creat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_link,
    libc::SYS_symlink,
];
#[cfg(not(target_arch = "x86_64"))]
const CHANGE_BY_OLD_NAMES: &[c_long] = &[];

/// Modes and times, which a function may have of what it may write, and a program may not.
const MODES: &[c_long] = &[
    libc::SYS_utimensat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    452, // fchmodat2
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];

/// What `net = "all"` and `listen = "all"` allow.
const CONNECT: &[c_long] =
    &[libc::SYS_socket, libc::SYS_connect, libc::SYS_bind, libc::SYS_listen, libc::SYS_sendmsg, libc::SYS_sendmmsg];

/// What programs need.
const RUN: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_wait4,
    libc::SYS_setpgid,
    libc::SYS_setsid,
    libc::SYS_umask,
    libc::SYS_times,
    libc::SYS_setitimer,
    libc::SYS_getitimer,
    libc::SYS_timer_create,
    libc::SYS_timer_settime,
    libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun,
    libc::SYS_timer_delete,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_signalfd4,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_getpriority,
    libc::SYS_personality,
    libc::SYS_seccomp,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_alarm,
];

/// What a process may do that has put itself under a profile: with the children that it had, and to narrow its profile.
const HELD: &[c_long] = &[
    libc::SYS_wait4,
    libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
];

/// Attacks and nothing else: the end of the process.
pub(crate) const LETHAL: [c_long; 3] = [libc::SYS_ptrace, libc::SYS_bpf, libc::SYS_userfaultfd];

/// What the kernel itself answers, whatever a filter says, to anybody who is not a probe of its own.
#[cfg(target_arch = "x86_64")]
pub(crate) const OF_THE_KERNEL: &[u32] = &[335 /* uretprobe */, 336 /* uprobe */];
#[cfg(not(target_arch = "x86_64"))]
pub(crate) const OF_THE_KERNEL: &[u32] = &[];

/// Callers try these and know another way, so they are told that there is no such call.
const ABSENT: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_openat2,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_vm_readv,
    libc::SYS_memfd_create,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_landlock_create_ruleset,
    libc::SYS_landlock_add_rule,
    libc::SYS_landlock_restrict_self,
    libc::SYS_futex_waitv,
    454, // futex_wake
    455, // futex_wait
    456, // futex_requeue
];

/// The same for what programs try.
const ABSENT_TO_PROGRAMS: &[c_long] = &[
    libc::SYS_get_mempolicy,
    libc::SYS_set_mempolicy,
    libc::SYS_pkey_alloc,
    libc::SYS_inotify_init1,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_inotify_init,
];

/// Extended attributes, which programs do without where a file system has none.
const ATTRIBUTES: &[c_long] = &[
    libc::SYS_getxattr,
    libc::SYS_lgetxattr,
    libc::SYS_fgetxattr,
    libc::SYS_listxattr,
    libc::SYS_llistxattr,
    libc::SYS_flistxattr,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
];

/// What a process without privileges may not do anywhere: there the sandbox's refusal looks like the kernel's.
pub(crate) const PRIVILEGED: &[c_long] = &[
    libc::SYS_syslog,
    libc::SYS_setgroups,
    libc::SYS_vhangup,
    libc::SYS_pivot_root,
    libc::SYS_acct,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_fanotify_init,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fspick,
];

/// Which calls may be made, and what the others get that do not get EPERM.
pub(crate) struct Rules {
    allowed: BTreeSet<u32>,
    answers: BTreeMap<u32, i32>,
}

impl Rules {
    pub(crate) fn of(way: Way, tier: Tier, allowed: &Allowed) -> Self {
        let everything = matches!(allowed, Allowed::Everything(_));
        let runs = way == Way::Command;
        // A program may write to /dev/null at least: the filter leaves it to Landlock, and to mounts, what else.
        let writes = everything || runs;
        let looks = writes || matches!(allowed, Allowed::Read(_));
        let mut rules = Self { allowed: BTreeSet::new(), answers: BTreeMap::new() };
        rules.allow(&[COMPUTE, COMPUTE_BY_OLD_NAMES]);
        rules.answer(ABSENT, ENOSYS);
        // With -1 these ask for new executable memory.
        rules.answer(&[libc::SYS_shmat, libc::SYS_pkey_mprotect], EACCES);
        rules.answer(&[libc::SYS_socket], EAFNOSUPPORT);
        if looks {
            rules.allow(&[LOOK, LOOK_BY_OLD_NAMES]);
            rules.answer(CHANGE, EACCES);
            rules.answer(CHANGE_BY_OLD_NAMES, EACCES);
            match tier {
                Tier::A => rules.allow(&[&[libc::SYS_statfs]]),
                Tier::B => rules.answer(&[libc::SYS_statfs], EACCES),
            }
        }
        if writes {
            rules.allow(&[CHANGE, CHANGE_BY_OLD_NAMES]);
        }
        if writes && !runs {
            rules.allow(&[MODES]);
        }
        if everything {
            rules.allow(&[CONNECT, &[libc::SYS_sysinfo]]);
        }
        if runs {
            rules.allow(&[RUN]);
            rules.answer(ATTRIBUTES, EOPNOTSUPP);
            rules.answer(ABSENT_TO_PROGRAMS, ENOSYS);
        }
        if way == Way::Activated {
            rules.allow(&[HELD]);
        }
        rules
    }

    fn allow(&mut self, lists: &[&[c_long]]) {
        self.allowed.extend(lists.iter().copied().flatten().map(|call| number(*call)));
    }

    fn answer(&mut self, list: &[c_long], errno: i32) {
        self.answers.extend(list.iter().map(|call| (number(*call), errno)));
    }

    pub(crate) fn errno(&self, number: u32) -> i32 {
        let otherwise = if number > NEWEST { ENOSYS } else { EPERM };
        self.answers.get(&number).copied().unwrap_or(otherwise)
    }

    /// What a sweep leaves out: what may be made, and what is the end of who makes it.
    pub(crate) fn left_out(&self) -> Vec<u32> {
        let lethal = LETHAL.map(number);
        self.allowed.iter().chain(&lethal).chain(OF_THE_KERNEL).copied().collect()
    }
}

pub(crate) fn number(call: c_long) -> u32 {
    u32::try_from(call).expect("system call numbers are small")
}
