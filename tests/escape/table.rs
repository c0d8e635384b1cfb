//! Rows 200–219: the whole table of system calls, by what the calls are for.
//!
//! Each call is made with every argument -1, which the kernel of no machine answers with EPERM to somebody who may: an answer of EPERM is
//! the filter's. Calls that are allowed, and calls that are judged by their arguments, are named here too, so that none is forgotten.

use std::collections::BTreeMap;

use gaol::Layer::{Capabilities, Hygiene, Landlock, Limits, Namespaces, Seccomp};
use libc::{EACCES, ENOSYS, EOPNOTSUPP, EPERM, c_long};
use serde::{Deserialize, Serialize};

use super::profiles::Profile::{Nothing, Wide};
use super::row::{Answer, Row, Tier, row};
use super::sweep::{Attempted, all_but, sweep};
use super::toolbox::{Seen, landlock_abi, raw};

/// The newest call that there is a name for: `listns`, Linux 6.19.
const NEWEST: c_long = 470;

/// What calls are for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Identity,
    Mounts,
    Machine,
    Clocks,
    Queues,
    AsyncIo,
    Probes,
    Watching,
    Handles,
    Attributes,
    Memory,
    Timers,
    Scheduling,
    Pipes,
    Processes,
    Keys,
    Sockets,
    Files,
    /// Numbers below the newest that no call has.
    Holes,
    /// Numbers above the newest.
    Unborn,
    /// Allowed, whatever the arguments.
    Allowed,
    /// Not tried here: judged by the arguments, or the end of whoever calls. Other rows do.
    Judged,
}

type Calls = &'static [(&'static str, c_long)];

macro_rules! calls {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// The calls that every architecture has.
#[rustfmt::skip]
const EVERYWHERE: &[(Class, Calls)] = &[
    (Class::Identity, calls!(SYS_setuid SYS_setgid SYS_setreuid SYS_setregid SYS_setresuid SYS_setresgid SYS_setfsuid SYS_setfsgid
        SYS_setgroups SYS_capget SYS_capset)),
    (Class::Mounts, calls!(SYS_mount SYS_umount2 SYS_pivot_root SYS_chroot SYS_open_tree SYS_move_mount SYS_fsopen SYS_fsconfig
        SYS_fsmount SYS_fspick SYS_mount_setattr SYS_setns SYS_unshare)),
    (Class::Mounts, &[("statmount", 457), ("listmount", 458), ("open_tree_attr", 467), ("listns", 470)]),
    (Class::Machine, calls!(SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_reboot SYS_swapon SYS_swapoff
        SYS_acct SYS_quotactl SYS_quotactl_fd SYS_sethostname SYS_setdomainname SYS_syslog SYS_vhangup SYS_nfsservctl SYS_sysinfo)),
    (Class::Clocks, calls!(SYS_settimeofday SYS_clock_settime SYS_adjtimex SYS_clock_adjtime)),
    (Class::Queues, calls!(SYS_shmget SYS_shmctl SYS_shmdt SYS_semget SYS_semop SYS_semctl SYS_semtimedop SYS_msgget SYS_msgsnd
        SYS_msgrcv SYS_msgctl SYS_mq_open SYS_mq_unlink SYS_mq_timedsend SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr)),
    (Class::AsyncIo, calls!(SYS_io_setup SYS_io_destroy SYS_io_getevents SYS_io_submit SYS_io_cancel)),
    (Class::Probes, calls!(SYS_clone3 SYS_openat2 SYS_pidfd_open SYS_pidfd_getfd SYS_process_vm_readv SYS_memfd_create
        SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register SYS_futex_waitv SYS_landlock_create_ruleset
        SYS_landlock_add_rule SYS_landlock_restrict_self)),
    (Class::Probes, &[("futex_wake", 454), ("futex_wait", 455), ("futex_requeue", 456)]),
    (Class::Watching, calls!(SYS_fanotify_init SYS_fanotify_mark SYS_inotify_init1 SYS_inotify_add_watch SYS_inotify_rm_watch)),
    (Class::Handles, calls!(SYS_name_to_handle_at SYS_open_by_handle_at SYS_lookup_dcookie)),
    (Class::Attributes, calls!(SYS_setxattr SYS_lsetxattr SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr
        SYS_llistxattr SYS_flistxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr)),
    (Class::Attributes, &[("setxattrat", 463), ("getxattrat", 464), ("listxattrat", 465), ("removexattrat", 466),
        ("file_getattr", 468), ("file_setattr", 469)]),
    (Class::Memory, calls!(SYS_remap_file_pages SYS_mlock SYS_munlock SYS_mlockall SYS_munlockall SYS_mlock2 SYS_mbind
        SYS_set_mempolicy SYS_get_mempolicy SYS_set_mempolicy_home_node SYS_migrate_pages SYS_move_pages SYS_mseal
        SYS_memfd_secret SYS_pkey_alloc SYS_pkey_free SYS_process_madvise SYS_process_mrelease)),
    (Class::Memory, &[("cachestat", 451), ("map_shadow_stack", 453)]),
    (Class::Timers, calls!(SYS_timer_create SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
        SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_getitimer SYS_setitimer SYS_times)),
    (Class::Scheduling, calls!(SYS_sched_setparam SYS_sched_getparam SYS_sched_setscheduler SYS_sched_getscheduler
        SYS_sched_get_priority_max SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_sched_setaffinity
        SYS_sched_setattr SYS_sched_getattr SYS_getpriority SYS_setpriority SYS_ioprio_set SYS_ioprio_get)),
    (Class::Pipes, calls!(SYS_tee SYS_vmsplice SYS_splice SYS_readahead SYS_signalfd4 SYS_syncfs SYS_sync)),
    (Class::Processes, calls!(SYS_execve SYS_execveat SYS_wait4 SYS_kcmp SYS_process_vm_writev SYS_get_robust_list
        SYS_rt_sigqueueinfo SYS_rt_tgsigqueueinfo SYS_setpgid SYS_setsid SYS_getsid SYS_getpgid SYS_pidfd_send_signal
        SYS_perf_event_open SYS_umask SYS_personality SYS_seccomp SYS_kill SYS_tkill SYS_tgkill SYS_clone SYS_prctl
        SYS_getrusage SYS_prlimit64)),
    (Class::Keys, calls!(SYS_add_key SYS_request_key SYS_keyctl)),
    (Class::Keys, &[("lsm_get_self_attr", 459), ("lsm_set_self_attr", 460), ("lsm_list_modules", 461)]),
    (Class::Sockets, calls!(SYS_connect SYS_bind SYS_listen SYS_accept4 SYS_sendto SYS_sendmsg SYS_sendmmsg)),
    (Class::Files, calls!(SYS_truncate SYS_mkdirat SYS_mknodat SYS_unlinkat SYS_symlinkat SYS_linkat SYS_renameat2
        SYS_fchmodat SYS_fchownat SYS_faccessat SYS_faccessat2 SYS_readlinkat SYS_chdir SYS_fchdir SYS_statfs SYS_fstatfs
        SYS_openat SYS_utimensat SYS_fchmod SYS_fchown SYS_fcntl SYS_ioctl SYS_close_range SYS_pipe2 SYS_mremap)),
    (Class::Files, &[("fchmodat2", 452)]),
    (Class::Allowed, calls!(SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev
        SYS_lseek SYS_close SYS_dup SYS_fstat SYS_ftruncate SYS_fsync SYS_fdatasync SYS_sendfile SYS_ppoll SYS_pselect6
        SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_munmap SYS_brk SYS_mincore SYS_set_robust_list SYS_set_tid_address
        SYS_getdents64 SYS_accept SYS_gettid SYS_sched_yield SYS_getcpu SYS_rt_sigpending SYS_rt_sigsuspend SYS_rt_sigtimedwait SYS_sigaltstack
        SYS_nanosleep SYS_gettimeofday SYS_getpid SYS_getppid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid
        SYS_getresuid SYS_getresgid SYS_getgroups SYS_uname SYS_getcwd
        SYS_getsockname SYS_getpeername SYS_restart_syscall SYS_rt_sigprocmask)),
    // By their arguments, or by a handler; and what ends the caller.
    (Class::Judged, calls!(SYS_newfstatat SYS_statx SYS_mmap SYS_mprotect SYS_pkey_mprotect SYS_madvise SYS_membarrier SYS_futex
        SYS_rt_sigaction SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_getrandom SYS_shmat SYS_socket
        SYS_socketpair SYS_sched_getaffinity SYS_ptrace SYS_bpf SYS_userfaultfd SYS_exit SYS_exit_group SYS_rt_sigreturn)),
    // Flags, modes and options of -1 are answered as by a kernel that does not know them.
    (Class::Judged, calls!(SYS_preadv2 SYS_pwritev2 SYS_dup3 SYS_fadvise64 SYS_copy_file_range SYS_epoll_create1 SYS_eventfd2 SYS_rseq
        SYS_flock SYS_fallocate SYS_msync SYS_waitid SYS_recvfrom SYS_recvmsg SYS_recvmmsg SYS_shutdown SYS_setsockopt
        SYS_getsockopt)),
];

/// The calls that only this architecture has, or at a number of its own.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const HERE: &[(Class, Calls)] = &[
    (Class::Machine, calls!(SYS_kexec_file_load SYS_iopl SYS_ioperm SYS_uselib SYS_ustat SYS_sysfs SYS__sysctl SYS_modify_ldt
        SYS_arch_prctl SYS_getpmsg SYS_putpmsg SYS_afs_syscall SYS_tuxcall SYS_security SYS_set_thread_area
        SYS_get_thread_area SYS_epoll_ctl_old SYS_epoll_wait_old SYS_vserver)),
    (Class::Machine, &[("create_module", 174), ("get_kernel_syms", 177), ("query_module", 178)]),
    (Class::AsyncIo, &[("io_pgetevents", 333)]),
    (Class::Watching, calls!(SYS_inotify_init)),
    (Class::Timers, calls!(SYS_alarm)),
    (Class::Pipes, calls!(SYS_signalfd)),
    (Class::Processes, calls!(SYS_setrlimit)),
    (Class::Files, calls!(SYS_open SYS_stat SYS_lstat SYS_access SYS_rename SYS_mkdir SYS_rmdir SYS_creat SYS_link SYS_unlink
        SYS_symlink SYS_readlink SYS_chmod SYS_chown SYS_lchown SYS_utime SYS_utimes SYS_futimesat SYS_mknod SYS_renameat)),
    (Class::Allowed, calls!(SYS_poll SYS_select SYS_dup2 SYS_pipe SYS_epoll_create SYS_epoll_wait SYS_eventfd SYS_time SYS_getpgrp
        SYS_getrlimit SYS_getdents)),
    (Class::Judged, calls!(SYS_pause SYS_fork SYS_vfork SYS_sync_file_range)),
    // The kernel ends whoever calls these two from elsewhere than its own trampolines.
    (Class::Judged, &[("uretprobe", 335), ("uprobe", 336)]),
];
#[cfg(not(target_arch = "x86_64"))]
const HERE: &[(Class, Calls)] = &[];

/// What a program gets otherwise than a function: calls that it may make, which the kernel answers, and such as the filter answers in other
/// words, that common programs know what to make of.
#[rustfmt::skip]
const OF_PROGRAMS: &[(Class, Option<i32>, Calls)] = &[
    // Files are watched by looking at them.
    (Class::Watching, Some(ENOSYS), calls!(SYS_inotify_init1)),
    // As of a file system that has none.
    (Class::Attributes, Some(EOPNOTSUPP), calls!(SYS_setxattr SYS_lsetxattr SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr
        SYS_listxattr SYS_llistxattr SYS_flistxattr SYS_removexattr SYS_lremovexattr SYS_fremovexattr)),
    // As of a kernel that has none.
    (Class::Memory, Some(ENOSYS), calls!(SYS_get_mempolicy SYS_set_mempolicy SYS_pkey_alloc)),
    // They wake whoever sets them. -1 is no clock, whoever says so.
    (Class::Timers, None, calls!(SYS_timer_create SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
        SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_getitimer SYS_setitimer SYS_times)),
    // Constants.
    (Class::Scheduling, None, calls!(SYS_sched_get_priority_max SYS_sched_get_priority_min)),
    (Class::Pipes, None, calls!(SYS_signalfd4)),
    // Programs are run, and wait for each other, and signal each other: to whom it may go is not the filter's to say.
    (Class::Processes, None, calls!(SYS_execve SYS_wait4 SYS_setpgid SYS_setsid SYS_getsid SYS_getpgid SYS_umask SYS_kill SYS_tkill
        SYS_tgkill)),
    // With -1 for an argument they ask what the children have used, and which personality it is.
    (Class::Processes, None, calls!(SYS_getrusage SYS_personality)),
    // A program has paths, its own, and may write `/dev/null`.
    (Class::Files, None, calls!(SYS_truncate SYS_unlinkat SYS_symlinkat SYS_faccessat SYS_faccessat2 SYS_readlinkat SYS_chdir SYS_fchdir
        SYS_fstatfs SYS_openat)),
];

#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const OF_PROGRAMS_HERE: &[(Class, Option<i32>, Calls)] = &[
    (Class::Watching, Some(ENOSYS), calls!(SYS_inotify_init)),
    (Class::Timers, None, calls!(SYS_alarm)),
    (Class::Files, None, calls!(SYS_open SYS_stat SYS_lstat SYS_access SYS_rename SYS_rmdir SYS_link SYS_unlink SYS_symlink
        SYS_readlink SYS_renameat)),
];
#[cfg(not(target_arch = "x86_64"))]
const OF_PROGRAMS_HERE: &[(Class, Option<i32>, Calls)] = &[];

/// The same in a private root, where nothing else has a name.
const OF_PROGRAMS_IN_A_ROOT: &[(Class, Option<i32>, Calls)] = &[(Class::Files, None, calls!(SYS_statfs))];

/// The same without one, where nobody judges these.
const OF_PROGRAMS_WITHOUT_A_ROOT: &[(Class, Option<i32>, Calls)] = &[(Class::Files, Some(EACCES), calls!(SYS_statfs))];

/// What a process that has put itself under a profile gets otherwise than a function: it may have children.
const OF_ACTIVATIONS: &[(Class, Option<i32>, Calls)] = &[(Class::Processes, None, calls!(SYS_wait4))];

/// The same where the kernel has these calls: it may enter a narrower profile.
const OF_ACTIVATIONS_WITH_LANDLOCK: &[(Class, Option<i32>, Calls)] =
    &[(Class::Probes, None, calls!(SYS_landlock_create_ruleset SYS_landlock_add_rule SYS_landlock_restrict_self))];

impl Class {
    /// What a program gets otherwise than a function, or a function that may run programs.
    pub(crate) fn of_programs(self, tier: Tier) -> Vec<(String, Option<i32>)> {
        let of_tier = if tier == Tier::A { OF_PROGRAMS_IN_A_ROOT } else { OF_PROGRAMS_WITHOUT_A_ROOT };
        let tables = [OF_PROGRAMS, OF_PROGRAMS_HERE, of_tier].into_iter().flatten();
        let its = tables.filter(|(class, ..)| *class == self);
        its.flat_map(|(_, errno, calls)| calls.iter().map(|(name, _)| ((*name).to_owned(), *errno))).collect()
    }

    /// How many calls it has.
    pub(crate) fn count(self) -> usize {
        self.calls().len()
    }

    /// What its sweep sees where these are otherwise.
    fn but(self, errno: i32, tables: &[&[(Self, Option<i32>, Calls)]]) -> Answer {
        let others = tables.iter().copied().flatten().filter(|(class, ..)| *class == self);
        let others = others.flat_map(|(_, errno, calls)| calls.iter().map(|(name, _)| ((*name).to_owned(), *errno)));
        all_but(errno, self.calls().len(), others)
    }

    fn calls(self) -> Vec<(String, c_long)> {
        let numbered = |number: c_long| (format!("call {number}"), number);
        let named: BTreeMap<c_long, &str> = tables().map(|(_, name, number)| (number, name)).collect();
        match self {
            Self::Holes => (0..=NEWEST).filter(|number| !named.contains_key(number)).map(numbered).collect(),
            Self::Unborn => (NEWEST + 1..1024).map(numbered).collect(),
            listed => tables()
                .filter(|(class, _, _)| *class == listed)
                .map(|(_, name, number)| (name.to_owned(), number))
                .collect(),
        }
    }
}

fn tables() -> impl Iterator<Item = (Class, &'static str, c_long)> {
    let tables = EVERYWHERE.iter().chain(HERE);
    tables.flat_map(|(class, calls)| calls.iter().map(move |(name, number)| (*class, *name, *number)))
}

/// Makes every call of a class, and compares the answers with `errno`.
pub(crate) fn perform(class: Class, errno: i32) -> Seen {
    sweep(errno, class.calls().into_iter().map(|(name, number)| Attempted(name, raw(number, &[usize::MAX; 6]))))
}

pub(crate) fn rows() -> Vec<Row> {
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Limits, Landlock, Seccomp];
    const PRIVILEGE: &str = "an unprivileged user is refused some of the calls by the kernel itself";
    let mut rows = Vec::new();
    let narrowing = if landlock_abi() > 0 { OF_ACTIVATIONS_WITH_LANDLOCK } else { &[] };
    let classes = [
        (200, Class::Identity, EPERM),
        (201, Class::Mounts, EPERM),
        (202, Class::Machine, EPERM),
        (203, Class::Clocks, EPERM),
        (204, Class::Queues, EPERM),
        (205, Class::AsyncIo, EPERM),
        (206, Class::Probes, ENOSYS),
        (207, Class::Watching, EPERM),
        (208, Class::Handles, EPERM),
        (209, Class::Attributes, EPERM),
        (210, Class::Memory, EPERM),
        (211, Class::Timers, EPERM),
        (212, Class::Scheduling, EPERM),
        (213, Class::Pipes, EPERM),
        (214, Class::Processes, EPERM),
        (215, Class::Keys, EPERM),
        (216, Class::Sockets, EPERM),
        (217, Class::Files, EPERM),
    ];
    for (number, class, errno) in classes {
        // With a port or a path some of the last two are allowed.
        let profiles: &[_] = if number < 216 { &[Nothing, Wide] } else { &[Nothing] };
        for &profile in profiles {
            let name = format!("every call of {class:?} under {profile:?}");
            let by_command = |of_tier| class.but(errno, &[OF_PROGRAMS, OF_PROGRAMS_HERE, of_tier]);
            let one = row(number, name, (class, errno))
                .under(profile)
                .always(errno)
                .by_command(by_command(OF_PROGRAMS_IN_A_ROOT), by_command(OF_PROGRAMS_WITHOUT_A_ROOT))
                .by_activation(class.but(errno, &[OF_ACTIVATIONS, narrowing]))
                .open_without(EVERY);
            rows.push(match class {
                Class::Probes => one.may_lack("this kernel lacks the newest of the calls"),
                Class::Identity | Class::Mounts | Class::Machine | Class::Watching => one.root_only(PRIVILEGE),
                _ => one,
            });
        }
    }
    for profile in [Nothing, Wide] {
        // The list is as long as it is said to be, and nonsense as arguments harms neither the function nor its caller.
        rows.push(
            row(219, format!("every call that is allowed, with nonsense, under {profile:?}"), (Class::Allowed, EPERM))
                .under(profile)
                .always(Answer::done())
                .no_control("these are allowed"),
        );
        rows.push(
            row(218, format!("every number that no call has under {profile:?}"), (Class::Holes, EPERM))
                .under(profile)
                .always(EPERM)
                .open_without(EVERY),
        );
        rows.push(
            row(218, format!("every number above the newest under {profile:?}"), (Class::Unborn, ENOSYS))
                .under(profile)
                .always(ENOSYS)
                .no_control("no kernel has such a call: it is refused everywhere"),
        );
    }
    rows
}

/// Every call of libc's is in one class, and in one only.
#[test]
fn every_system_call_is_in_one_class() {
    let mut classes = BTreeMap::new();
    for (class, name, number) in tables() {
        let other = classes.insert(number, (class, name));
        assert_eq!(other, None, "{name} is listed twice");
    }
    // The architecture's own gaps, of which there is none below the newest but these.
    let holes: Vec<c_long> = (0..=NEWEST).filter(|number| !classes.contains_key(number)).collect();
    #[cfg(target_arch = "x86_64")]
    let expected: Vec<c_long> = (337..=423).chain([]).collect();
    #[cfg(not(target_arch = "x86_64"))]
    let expected = holes.clone();
    assert_eq!(holes, expected, "a call is in no class");
}
