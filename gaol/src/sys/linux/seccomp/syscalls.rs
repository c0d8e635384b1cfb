//! The tables: which system calls a worker may make, with which arguments, and why.
//!
//! A call that is in no table is refused with EPERM. A table has a row for a call that is refused in another way.
//!
//! Three answers to a call that is not allowed, and when each is right:
//!
//! * `Refuse`: the function tried what its profile does not list. `violation = "kill"` makes it the worker's end.
//! * `Answer`: libc or std tries the call on its own account and knows what to do without it.
//! * `Kill`: an attack on the kernel or on another process and nothing else.

use libc::{EACCES, EAFNOSUPPORT, EINVAL, ENOSYS, EPERM, c_long};

use super::rule::Action::{Allow, Answer, Handle, Kill, Refuse};
use super::rule::{Action, Argument, Table, argument, when};
use super::{Paths, Shape};

/// What becomes of a call that is in no table.
pub(super) const UNLISTED: Action = Refuse(EPERM);

/// The highest number that the tables have been written for: `listns`, Linux 6.19.
pub(super) const NEWEST: u32 = 470;

/// Everything that a worker may call, and what its template must still call. `thread` is what becomes of a new thread.
pub(super) fn template(shape: &Shape, thread: Action) -> Table {
    let mut table = Table::default();
    descriptors(&mut table);
    waiting(&mut table);
    memory(&mut table, shape);
    threads(&mut table, thread);
    signals(&mut table);
    time(&mut table);
    identity(&mut table);
    paths(&mut table, shape);
    opening(&mut table, shape);
    writing(&mut table, shape);
    sockets(&mut table, shape);
    probes(&mut table);
    attacks(&mut table);
    forking(&mut table);
    table
}

/// What is taken back when the template's child becomes a worker.
///
/// `waitid` is not: a worker has no children and cannot get any.
pub(super) fn worker(pid: u32) -> Table {
    let mut table = Table::default();
    let itself = argument(0).is(pid);
    // Another process, 0 (the process group) and -1 (everyone) are not the worker itself.
    table.choose(libc::SYS_kill, [when([itself.clone()], Allow)], Refuse(EPERM));
    table.choose(libc::SYS_tgkill, [when([itself.clone()], Allow)], Refuse(EPERM));
    // A thread id says nothing of its process, but the first thread's is the worker's; musl aborts by it.
    table.choose(libc::SYS_tkill, [when([itself], Allow)], Refuse(EPERM));
    let either = || argument(0).one_of(&[0, pid]);
    // To read the worker's own limits, not to set them.
    table.choose(libc::SYS_prlimit64, [when([either(), argument(2).is_zero()], Allow)], Refuse(EPERM));
    // Every thread of std starts with pthread_getattr_np, which asks by thread id and takes ENOSYS for no answer.
    table.choose(libc::SYS_sched_getaffinity, [when([either()], Allow)], Answer(ENOSYS));
    // Threads only: the template's filter has pinned their flags.
    table.choose(libc::SYS_clone, [when([argument(0).has(bits(libc::CLONE_THREAD))], Allow)], Refuse(EPERM));
    #[cfg(target_arch = "x86_64")]
    table.always(libc::SYS_fork, Refuse(EPERM));
    // As if it did not exist, like pidfd_getfd.
    table.always(libc::SYS_pidfd_open, Answer(ENOSYS));
    table.always(libc::SYS_pidfd_send_signal, Refuse(EPERM));
    table.always(libc::SYS_seccomp, Refuse(EPERM));
    // Descriptors on their way count against a limit that all processes of a user share: a worker has none to pass on.
    table.always(libc::SYS_sendmsg, Refuse(EPERM));
    let harmless = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, libc::PR_GET_DUMPABLE].map(bits);
    table.choose(libc::SYS_prctl, [when([argument(0).one_of(&harmless)], Allow)], Refuse(EPERM));
    table
}

/// Input and output on descriptors: to hold one is to have been given it.
fn descriptors(table: &mut Table) {
    table.allow(&[
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
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_fstat,
        // Sizes and flushes what may be written: the kernel asks for a descriptor open for writing, or changes nothing.
        libc::SYS_ftruncate,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        // Advice on reading ahead; flate2, zip and image readers give it through std or libc.
        libc::SYS_fadvise64,
        // std::io::copy and std::fs::copy, which move bytes between two descriptors in the kernel.
        libc::SYS_copy_file_range,
        libc::SYS_sendfile,
    ]);
    // The table of descriptors stays shared between threads: no CLOSE_RANGE_UNSHARE.
    let flags = argument(2).one_of(&[0, libc::CLOSE_RANGE_CLOEXEC]);
    table.choose(libc::SYS_close_range, [when([flags], Allow)], Refuse(EPERM));
    // No O_NOTIFICATION_PIPE, which is O_EXCL here: a kernel interface of its own.
    let flags = argument(1).lacks(!bits(libc::O_CLOEXEC | libc::O_NONBLOCK));
    table.choose(libc::SYS_pipe2, [when([flags], Allow)], Refuse(EPERM));
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_dup2, libc::SYS_pipe]);
    fcntl(table);
    ioctl(table);
    // std::io::copy tries it between a pipe and a socket, and copies by hand after EPERM.
    table.always(libc::SYS_splice, Answer(EPERM));
    // SQLite gives its files the owner of the database when it runs as root, and shrugs when it cannot.
    table.always(libc::SYS_fchown, Answer(EPERM));
}

fn fcntl(table: &mut Table) {
    let command = argument(1);
    let harmless = [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        // Record locks: SQLite does not read a database without. Only a descriptor open for writing locks others out.
        libc::F_GETLK,
        libc::F_SETLK,
        libc::F_SETLKW,
        libc::F_OFD_GETLK,
        libc::F_OFD_SETLK,
        libc::F_OFD_SETLKW,
    ]
    .map(bits);
    // O_APPEND and O_NONBLOCK come and go. O_ASYNC sends signals; the other two change how a shared file is read.
    let settable = argument(2).lacks(bits(libc::O_ASYNC | libc::O_DIRECT | libc::O_NOATIME));
    table.choose(
        libc::SYS_fcntl,
        [when([command.one_of(&harmless)], Allow), when([command.is(bits(libc::F_SETFL)), settable], Allow)],
        // Owners, signals, leases, notifications, pipe sizes, seals.
        Refuse(EPERM),
    );
}

fn ioctl(table: &mut Table) {
    let harmless = [
        0x5401,      // TCGETS: isatty of glibc before 2.42, on std's standard streams
        0x802C_542A, // TCGETS2: isatty of glibc from 2.42 on
        0x5413,      // TIOCGWINSZ: isatty of musl
        0x541B,      // FIONREAD: how much is there to read
        0x5421,      // FIONBIO: set_nonblocking of std
        0x5450,      // FIONCLEX
        0x5451,      // FIOCLEX: close-on-exec, as std sets it
    ];
    table.choose(libc::SYS_ioctl, [when([argument(1).one_of(&harmless)], Allow)], Refuse(EPERM));
}

/// Waiting for descriptors to become ready: what poll, mio and tokio stand on.
fn waiting(table: &mut Table) {
    table.allow(&[
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_eventfd2,
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd]);
}

/// `PROT_*` of data. aarch64 has two more: branch targets mean nothing to data, memory tags are a check.
#[cfg(target_arch = "x86_64")]
const DATA: u32 = bits(libc::PROT_READ | libc::PROT_WRITE);
#[cfg(target_arch = "aarch64")]
const DATA: u32 = bits(libc::PROT_READ | libc::PROT_WRITE) | 0x10 | 0x20;

/// `PROT_EXEC`, and the two that spread a protection beyond the range that is named.
const CODE: u32 = bits(libc::PROT_EXEC | libc::PROT_GROWSDOWN | libc::PROT_GROWSUP);

fn memory(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_munmap,
        libc::SYS_brk,     // counted against RLIMIT_DATA
        libc::SYS_mincore, // of the worker's own pages
    ]);
    // No new code: neither mapped from a file nor written and made executable.
    let code = |protection: Argument| when([protection.has(CODE)], Refuse(EACCES));
    let flags = argument(3);
    let harmless = bits(
        libc::MAP_ANONYMOUS
            | libc::MAP_FIXED
            | libc::MAP_FIXED_NOREPLACE
            | libc::MAP_NORESERVE
            | libc::MAP_STACK
            | libc::MAP_DENYWRITE,
    );
    let mut rules = vec![
        code(argument(2)),
        when(
            [
                argument(2).within(DATA),
                flags.within(harmless | bits(libc::MAP_PRIVATE)),
                flags.has(bits(libc::MAP_PRIVATE)),
            ],
            Allow,
        ),
        // What glibc keeps its random state in, from 2.41 on.
        when(
            [
                argument(2).within(DATA),
                flags.within(bits(libc::MAP_DROPPABLE | libc::MAP_ANONYMOUS)),
                flags.has(bits(libc::MAP_DROPPABLE)),
                flags.has(bits(libc::MAP_ANONYMOUS)),
            ],
            Allow,
        ),
    ];
    if shape.paths != Paths::None {
        // Of a file. Shared anonymous memory would not be counted against RLIMIT_DATA.
        let of_a_file = harmless & !bits(libc::MAP_ANONYMOUS) | bits(libc::MAP_SHARED);
        rules.push(when([argument(2).within(DATA), flags.within(of_a_file), flags.has(bits(libc::MAP_SHARED))], Allow));
        table.allow(&[libc::SYS_msync]);
    }
    table.decide(libc::SYS_mmap, rules, Refuse(EPERM));
    table.choose(libc::SYS_mprotect, [code(argument(2)), when([argument(2).within(DATA)], Allow)], Refuse(EPERM));
    table.choose(libc::SYS_pkey_mprotect, [code(argument(2))], Refuse(EPERM));
    // MREMAP_DONTUNMAP is for userfaultfd.
    let flags = argument(3).within(bits(libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED));
    table.choose(libc::SYS_mremap, [when([flags], Allow)], Refuse(EPERM));
    madvise(table);
    // Barriers within the process, and whether there are any; crossbeam and others fall back after EINVAL.
    let within = argument(0).one_of(&[
        0,  // MEMBARRIER_CMD_QUERY
        8,  // MEMBARRIER_CMD_PRIVATE_EXPEDITED
        16, // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
        32, // MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
        64, // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
    ]);
    table.choose(libc::SYS_membarrier, [when([within], Allow)], Answer(EINVAL));
}

fn madvise(table: &mut Table) {
    let advice = argument(2);
    let harmless = [
        libc::MADV_NORMAL,
        libc::MADV_RANDOM,
        libc::MADV_SEQUENTIAL,
        libc::MADV_WILLNEED,
        libc::MADV_DONTNEED,
        libc::MADV_FREE,
        libc::MADV_DONTFORK,
        libc::MADV_HUGEPAGE,
        libc::MADV_NOHUGEPAGE,
        libc::MADV_DONTDUMP,
        libc::MADV_WIPEONFORK,
        25,  // MADV_COLLAPSE
        102, // MADV_GUARD_INSTALL: the guard of a thread's stack, glibc from 2.42 on
        103, // MADV_GUARD_REMOVE
    ]
    .map(bits);
    let hostile = [
        libc::MADV_HWPOISON,     // takes memory from the whole system
        libc::MADV_SOFT_OFFLINE, // the same
        libc::MADV_MERGEABLE,    // shares pages with strangers, which can be timed
        22,                      // MADV_POPULATE_READ: memory faster than a deadline is noticed
        23,                      // MADV_POPULATE_WRITE
    ]
    .map(bits);
    table.choose(
        libc::SYS_madvise,
        [when([advice.one_of(&harmless)], Allow), when([advice.one_of(&hostile)], Refuse(EPERM))],
        // As from a kernel that does not know the advice: allocators try what is new.
        Answer(EINVAL),
    );
}

/// What pthread_create of glibc starts a thread with.
const THREAD: u32 = bits(
    libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM
        | libc::CLONE_SETTLS
        | libc::CLONE_PARENT_SETTID
        | libc::CLONE_CHILD_CLEARTID,
);

/// The same by musl, which adds a flag that means nothing any more.
const THREAD_BY_MUSL: u32 = THREAD | bits(libc::CLONE_DETACHED);

/// fork of musl, where there is no such call, and of glibc.
const FORK: [u32; 2] =
    [bits(libc::SIGCHLD), bits(libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD)];

fn threads(table: &mut Table, thread: Action) {
    table.allow(&[
        libc::SYS_set_robust_list,
        libc::SYS_set_tid_address, // musl's fork, in the child
        libc::SYS_rseq,
        libc::SYS_gettid,
        libc::SYS_sched_yield,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_restart_syscall,
        libc::SYS_getcpu,
        libc::SYS_sched_getaffinity, // available_parallelism; the worker's filter pins the process
    ]);
    // The kernel reads only the lower half of the flags. Namespaces need flags that none of these have.
    let flags = argument(0);
    table.choose(
        libc::SYS_clone,
        [when([flags.one_of(&[THREAD, THREAD_BY_MUSL])], thread), when([flags.one_of(&FORK)], Allow)],
        Refuse(EPERM),
    );
    futex(table);
    #[cfg(target_arch = "x86_64")]
    table.choose(libc::SYS_arch_prctl, [when([argument(0).is(0x1003 /* ARCH_GET_FS */)], Allow)], Refuse(EPERM));
}

fn futex(table: &mut Table) {
    // The operation, whatever its clock and whether or not it is private.
    let operation = |operations: &[u32]| {
        argument(1).masked(!bits(libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME), operations)
    };
    let waiting = [
        libc::FUTEX_WAIT,
        libc::FUTEX_WAKE,
        libc::FUTEX_REQUEUE,
        libc::FUTEX_CMP_REQUEUE,
        libc::FUTEX_WAKE_OP,
        libc::FUTEX_WAIT_BITSET,
        libc::FUTEX_WAKE_BITSET,
    ]
    .map(bits);
    // glibc asks by one of these whether the kernel has priority inheritance.
    let inheriting = [
        libc::FUTEX_LOCK_PI,
        libc::FUTEX_UNLOCK_PI,
        libc::FUTEX_TRYLOCK_PI,
        libc::FUTEX_WAIT_REQUEUE_PI,
        libc::FUTEX_CMP_REQUEUE_PI,
        13, // FUTEX_LOCK_PI2
    ]
    .map(bits);
    // sem_post of old glibc can read its flags from freed memory; it shrugs at EINVAL and aborts at anything else.
    table.choose(
        libc::SYS_futex,
        [when([operation(&inheriting)], Answer(ENOSYS)), when([operation(&waiting)], Allow)],
        Answer(EINVAL),
    );
}

fn signals(table: &mut Table) {
    table.allow(&[
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_rt_sigpending,
        libc::SYS_rt_sigsuspend,
        libc::SYS_rt_sigtimedwait,
        libc::SYS_sigaltstack,
        // To the worker itself: raise and abort. The worker's filter pins the process.
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
    ]);
    // The handler of SIGSYS answers for the stat family and reports violations.
    table.choose(libc::SYS_rt_sigaction, [when([argument(0).is(bits(libc::SIGSYS))], Refuse(EPERM))], Allow);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_pause]);
}

fn time(table: &mut Table) {
    table.allow(&[
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday, // where there is no vDSO
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_time]);
    // A negative clock is another process's, or a descriptor's.
    let clock = argument(0).one_of(
        &[
            libc::CLOCK_REALTIME,
            libc::CLOCK_MONOTONIC,
            libc::CLOCK_PROCESS_CPUTIME_ID,
            libc::CLOCK_THREAD_CPUTIME_ID,
            libc::CLOCK_MONOTONIC_RAW,
            libc::CLOCK_REALTIME_COARSE,
            libc::CLOCK_MONOTONIC_COARSE,
            libc::CLOCK_BOOTTIME,
        ]
        .map(bits),
    );
    for call in [libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep] {
        table.choose(call, [when([clock.clone()], Allow)], Answer(EINVAL));
    }
}

/// Who the worker is and what it has used up. Most of these never fail, and their callers rely on it.
fn identity(table: &mut Table) {
    table.allow(&[
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_getuid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getegid,
        libc::SYS_getresuid,
        libc::SYS_getresgid,
        libc::SYS_getgroups,
        libc::SYS_uname,
        libc::SYS_prlimit64, // the worker's filter pins the process and forbids new limits
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_getpgrp, libc::SYS_getrlimit]);
    for call in [libc::SYS_getpgid, libc::SYS_getsid] {
        table.choose(call, [when([argument(0).is(0)], Allow)], Refuse(EPERM));
    }
    let own = argument(0).one_of(&[bits(libc::RUSAGE_SELF), bits(libc::RUSAGE_THREAD)]);
    table.choose(libc::SYS_getrusage, [when([own], Allow)], Refuse(EPERM));
    // GRND_RANDOM would use up what others wait for.
    let flags = argument(2).lacks(!(libc::GRND_NONBLOCK | libc::GRND_INSECURE));
    table.choose(libc::SYS_getrandom, [when([flags], Allow)], Answer(EINVAL));
    // Memory, load and processes of the whole system. glibc's qsort asks by itself.
    table.always(libc::SYS_sysinfo, Answer(EPERM));
    let option = argument(0);
    table.choose(
        libc::SYS_prctl,
        [
            when([option.one_of(&[libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_GET_DUMPABLE].map(bits))], Allow),
            // PR_SET_VMA_ANON_NAME, which is 0: allocators name their memory.
            when([option.is(bits(libc::PR_SET_VMA)), argument(1).is_zero()], Allow),
            // The template, until the worker's filter.
            when([option.one_of(&[libc::PR_SET_PDEATHSIG, libc::PR_SET_NO_NEW_PRIVS].map(bits))], Allow),
            when([option.is(bits(libc::PR_SET_SECCOMP)), argument(1).is(libc::SECCOMP_MODE_FILTER)], Allow),
        ],
        Refuse(EPERM),
    );
}

/// Calls that look at a path and change nothing.
fn paths(table: &mut Table, shape: &Shape) {
    // From "/", which is all that it is without a path to change it by.
    table.allow(&[libc::SYS_getcwd]);
    match shape.paths {
        Paths::None => {
            // fstat of glibc and of std: the path may be empty, which no filter can see. The handler can.
            table.always(libc::SYS_newfstatat, Handle);
            table.always(libc::SYS_statx, Handle);
            return;
        }
        Paths::Visible => stat_family(table, Allow),
        Paths::Judged => stat_family(table, Handle),
    }
    table.allow(&[
        libc::SYS_getdents64, // of a directory that was opened
        libc::SYS_fstatfs,    // of a file that was opened
        libc::SYS_fchdir,     // into a directory that was opened
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_getdents]);
    if shape.private_root {
        table.allow(&[libc::SYS_statfs]);
    } else {
        // Nobody judges it.
        table.always(libc::SYS_statfs, Refuse(EACCES));
    }
}

/// Calls that tell of a path's metadata.
const STAT_FAMILY: &[c_long] = &[
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_chdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

fn stat_family(table: &mut Table, action: Action) {
    for call in STAT_FAMILY {
        table.always(*call, action);
    }
}

/// Set-user-id, set-group-id and sticky: no file is created with them.
const SPECIAL_MODES: u32 = 0o7000;

/// The access mode of open(2). musl's O_ACCMODE has O_PATH in it.
const ACCESS_MODE: u32 = 3;

/// The bit of O_TMPFILE that is its own; the rest of it is O_DIRECTORY.
const UNNAMED: u32 = 0o20_000_000;

fn opening(table: &mut Table, shape: &Shape) {
    // Its flags are in memory. Callers fall back to openat.
    table.always(libc::SYS_openat2, Answer(ENOSYS));
    if shape.paths == Paths::None {
        return;
    }
    open(table, shape, libc::SYS_openat, argument(2), argument(3));
    #[cfg(target_arch = "x86_64")]
    open(table, shape, libc::SYS_open, argument(1), argument(2));
}

fn open(table: &mut Table, shape: &Shape, call: c_long, flags: Argument, mode: Argument) {
    let truncates = bits(libc::O_TRUNC);
    let creates = bits(libc::O_CREAT) | UNNAMED;
    // Landlock does not judge it, and what it opens can be stated.
    let without_access =
        when([flags.has(bits(libc::O_PATH))], if shape.paths == Paths::Visible { Allow } else { Refuse(EACCES) });
    if shape.write {
        let rules = vec![
            without_access,
            // Neither reading nor writing, but some ioctls.
            when([flags.masked(ACCESS_MODE, &[ACCESS_MODE])], Refuse(EACCES)),
            // Truncates by a right to read, where Landlock does not know truncation.
            when([flags.lacks(ACCESS_MODE), flags.has(truncates)], Refuse(EACCES)),
            when([flags.has(creates), mode.has(SPECIAL_MODES)], Refuse(EPERM)),
        ];
        table.decide(call, rules, Allow);
    } else {
        let reads = flags.lacks(ACCESS_MODE | truncates | creates);
        table.decide(call, vec![without_access, when([reads], Allow)], Refuse(EACCES));
    }
}

/// Calls that change what a path names, beyond opening it.
fn writing(table: &mut Table, shape: &Shape) {
    if shape.paths == Paths::None {
        return;
    }
    if !shape.write {
        // As Landlock would answer.
        for call in CHANGES {
            table.always(*call, Refuse(EACCES));
        }
        // A shared lock on what was opened for reading, and its end. An exclusive one would lock others out.
        let shared = [libc::LOCK_SH, libc::LOCK_SH | libc::LOCK_NB, libc::LOCK_UN].map(bits);
        table.choose(libc::SYS_flock, [when([argument(1).one_of(&shared)], Allow)], Refuse(EPERM));
        return;
    }
    table.allow(&[
        libc::SYS_flock,
        libc::SYS_fallocate, // on a descriptor open for writing
        libc::SYS_truncate,
        SYS_SYNC_FILE_RANGE,
        libc::SYS_unlinkat,
        libc::SYS_symlinkat,
        SYS_RENAMEAT,
    ]);
    let ordinary = |mode: Argument| when([mode.lacks(SPECIAL_MODES)], Allow);
    table.choose(libc::SYS_mkdirat, [ordinary(argument(2))], Refuse(EPERM));
    // No RENAME_WHITEOUT, which makes a device.
    let flags = argument(4).one_of(&[0, libc::RENAME_NOREPLACE, libc::RENAME_EXCHANGE]);
    table.choose(libc::SYS_renameat2, [when([flags], Allow)], Refuse(EPERM));
    // No AT_EMPTY_PATH, which gives a name to a descriptor from elsewhere.
    let flags = argument(4).one_of(&[0, bits(libc::AT_SYMLINK_FOLLOW)]);
    table.choose(libc::SYS_linkat, [when([flags], Allow)], Refuse(EPERM));
    #[cfg(target_arch = "x86_64")]
    {
        table.allow(&[libc::SYS_unlink, libc::SYS_rmdir, libc::SYS_rename, libc::SYS_link, libc::SYS_symlink]);
        table.choose(libc::SYS_mkdir, [ordinary(argument(1))], Refuse(EPERM));
        table.choose(libc::SYS_creat, [ordinary(argument(1))], Refuse(EPERM));
    }
    if shape.private_root {
        // Of a descriptor. Nothing but a read-only mount keeps them off files that may only be read.
        table.choose(libc::SYS_utimensat, [when([argument(1).is_zero()], Allow)], Refuse(EPERM));
        table.choose(libc::SYS_fchmod, [ordinary(argument(1))], Refuse(EPERM));
    } else {
        // The handler agrees to the mode that a file has already: std::fs::copy asks for it again.
        table.always(libc::SYS_fchmod, Handle);
    }
    // The same by path, which could lead anywhere: who unpacks an archive asks.
    table.always(libc::SYS_fchmodat, Handle);
    #[cfg(target_arch = "x86_64")]
    table.always(libc::SYS_chmod, Handle);
}

/// What a profile without `write` refuses as Landlock would.
const CHANGES: &[c_long] = &[
    libc::SYS_truncate,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_renameat2,
    SYS_RENAMEAT,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
];

/// Not in libc for every target.
const SYS_SYNC_FILE_RANGE: c_long = if cfg!(target_arch = "x86_64") { 277 } else { 84 };
const SYS_RENAMEAT: c_long = if cfg!(target_arch = "x86_64") { 264 } else { 38 };

fn sockets(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_shutdown,
        libc::SYS_getsockname,
        libc::SYS_getpeername,
    ]);
    let kinds = |kinds: &[i32]| -> Vec<u32> {
        let modes = [0, libc::SOCK_NONBLOCK, libc::SOCK_CLOEXEC, libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC];
        kinds.iter().flat_map(|kind| modes.map(|mode| bits(kind | mode))).collect()
    };
    let (domain, kind, protocol) = (argument(0), argument(1), argument(2));
    if shape.tcp {
        // Landlock judges TCP and nothing else: not MPTCP, SCTP, UDP, raw sockets or other families.
        let tcp = [
            domain.one_of(&[libc::AF_INET, libc::AF_INET6].map(bits)),
            kind.one_of(&kinds(&[libc::SOCK_STREAM])),
            protocol.one_of(&[0, libc::IPPROTO_TCP].map(bits)),
        ];
        table.choose(libc::SYS_socket, [when(tcp, Allow)], Answer(EAFNOSUPPORT));
        table.allow(&[libc::SYS_connect]);
    } else {
        table.always(libc::SYS_socket, Answer(EAFNOSUPPORT));
    }
    // Two ends that know each other. A datagram socket could send to any bound path as well.
    let pair = [
        domain.is(bits(libc::AF_UNIX)),
        kind.one_of(&kinds(&[libc::SOCK_STREAM, libc::SOCK_SEQPACKET])),
        protocol.is(0),
    ];
    table.choose(libc::SYS_socketpair, [when(pair, Allow)], Answer(EAFNOSUPPORT));
    // TCP Fast Open connects while it sends, unseen by older Landlock.
    let plain = |flags: Argument| flags.lacks(bits(libc::MSG_FASTOPEN));
    table.choose(
        libc::SYS_sendto,
        // To the peer only: an address could name another.
        [when([plain(argument(3)), argument(4).is_zero()], Allow)],
        Refuse(EPERM),
    );
    table.choose(libc::SYS_sendmsg, [when([plain(argument(2))], Allow)], Refuse(EPERM));
    socket_options(table);
}

fn socket_options(table: &mut Table) {
    let (level, option) = (argument(1), argument(2));
    let of = |number: i32, options: &[i32]| {
        let options: Vec<u32> = options.iter().map(|option| bits(*option)).collect();
        when([level.is(bits(number)), option.one_of(&options)], Allow)
    };
    let tcp = [
        libc::TCP_NODELAY,
        libc::TCP_CORK,
        libc::TCP_KEEPIDLE,
        libc::TCP_KEEPINTVL,
        libc::TCP_KEEPCNT,
        libc::TCP_QUICKACK,
        libc::TCP_USER_TIMEOUT,
    ];
    let ip = [libc::IP_TOS, libc::IP_TTL, libc::IP_RECVERR];
    let ipv6 = [libc::IPV6_UNICAST_HOPS, libc::IPV6_RECVERR, libc::IPV6_V6ONLY];
    let socket = [
        libc::SO_REUSEADDR,
        libc::SO_SNDBUF,
        libc::SO_RCVBUF,
        libc::SO_KEEPALIVE,
        libc::SO_LINGER,
        libc::SO_REUSEPORT,
        libc::SO_RCVTIMEO,
        libc::SO_SNDTIMEO,
    ];
    // Not filters, marks, devices, Fast Open, protocols on top, congestion control, repair.
    table.choose(
        libc::SYS_setsockopt,
        [
            of(libc::SOL_SOCKET, &socket),
            of(libc::IPPROTO_TCP, &tcp),
            of(libc::IPPROTO_IP, &ip),
            of(libc::IPPROTO_IPV6, &ipv6),
        ],
        Refuse(EPERM),
    );
    // To read: the same and what a socket is. Not who the peer is, nor a descriptor of it (SO_PEERPIDFD).
    let about = [libc::SO_TYPE, libc::SO_ERROR, libc::SO_ACCEPTCONN, libc::SO_PROTOCOL, libc::SO_DOMAIN];
    table.choose(
        libc::SYS_getsockopt,
        [
            of(libc::SOL_SOCKET, &[&socket[..], &about].concat()),
            of(libc::IPPROTO_TCP, &[&tcp[..], &[libc::TCP_MAXSEG, libc::TCP_INFO]].concat()),
            of(libc::IPPROTO_IP, &ip),
            of(libc::IPPROTO_IPV6, &ipv6),
        ],
        Refuse(EPERM),
    );
}

/// Calls that exist for their callers to try: ENOSYS makes them go another way.
fn probes(table: &mut Table) {
    for call in [
        libc::SYS_clone3,           // flags in memory; pthread_create and fork fall back to clone
        libc::SYS_pidfd_getfd,      // takes a descriptor from another process
        libc::SYS_process_vm_readv, // reads another process
        libc::SYS_memfd_create,     // memory that is not counted, and could be executed
        libc::SYS_io_uring_setup,   // does what filters refuse
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_landlock_create_ruleset, // a sandbox within is not served; its caller sees a kernel without
        libc::SYS_landlock_add_rule,
        libc::SYS_landlock_restrict_self,
        libc::SYS_futex_waitv,
        454, // futex_wake
        455, // futex_wait
        456, // futex_requeue
    ] {
        table.always(call, Answer(ENOSYS));
    }
}

/// Calls that only an attack has a use for, and two that are refused in their own words.
fn attacks(table: &mut Table) {
    table.always(libc::SYS_ptrace, Kill);
    table.always(libc::SYS_bpf, Kill); // the SIGSYS handler ends the worker by it
    table.always(libc::SYS_userfaultfd, Kill);
    // SHM_EXEC, like every other way to new code.
    table.choose(libc::SYS_shmat, [when([argument(2).has(0o100_000)], Refuse(EACCES))], Refuse(EPERM));
}

/// What the template does between two workers. The worker's filter takes it back.
fn forking(table: &mut Table) {
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_fork]);
    table.allow(&[libc::SYS_waitid, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal]);
    let filter = [argument(0).is(libc::SECCOMP_SET_MODE_FILTER), argument(1).is(0)];
    table.choose(libc::SYS_seccomp, [when(filter, Allow)], Refuse(EPERM));
}

/// A kernel `int` as the filters see it.
const fn bits(value: i32) -> u32 {
    value.cast_unsigned()
}

/// Writes [`name`]: the constants of libc know their own names.
macro_rules! names {
    (
        everywhere [$($everywhere:ident)*]
        x86_64 [$($x86_64:ident)*]
        numbers on x86_64 [$($number_x86_64:literal $text_x86_64:literal)*]
        numbers on aarch64 [$($number_aarch64:literal $text_aarch64:literal)*]
        numbers everywhere [$($number:literal $text:literal)*]
    ) => {
        /// The name of a system call of the running architecture.
        pub(crate) fn name(number: i64) -> Option<&'static str> {
            $(if number == libc::$everywhere {
                return stringify!($everywhere).strip_prefix("SYS_");
            })*
            #[cfg(target_arch = "x86_64")]
            {
                $(if number == libc::$x86_64 {
                    return stringify!($x86_64).strip_prefix("SYS_");
                })*
                $(if number == $number_x86_64 {
                    return Some($text_x86_64);
                })*
            }
            #[cfg(target_arch = "aarch64")]
            {
                $(if number == $number_aarch64 {
                    return Some($text_aarch64);
                })*
            }
            match number {
                $($number => Some($text),)*
                _ => None,
            }
        }
    };
}

names! {
    everywhere [
        SYS_read SYS_write SYS_close SYS_fstat SYS_lseek SYS_mmap SYS_mprotect SYS_munmap SYS_brk SYS_rt_sigaction
        SYS_rt_sigprocmask SYS_rt_sigreturn SYS_ioctl SYS_pread64 SYS_pwrite64 SYS_readv SYS_writev SYS_sched_yield
        SYS_mremap SYS_msync SYS_mincore SYS_madvise SYS_shmget SYS_shmat SYS_shmctl SYS_dup SYS_nanosleep
        SYS_getitimer SYS_setitimer SYS_getpid SYS_sendfile SYS_socket SYS_connect SYS_accept SYS_sendto SYS_recvfrom
        SYS_sendmsg SYS_recvmsg SYS_shutdown SYS_bind SYS_listen SYS_getsockname SYS_getpeername SYS_socketpair
        SYS_setsockopt SYS_getsockopt SYS_clone SYS_execve SYS_exit SYS_wait4 SYS_kill SYS_uname SYS_semget SYS_semop
        SYS_semctl SYS_shmdt SYS_msgget SYS_msgsnd SYS_msgrcv SYS_msgctl SYS_fcntl SYS_flock SYS_fsync SYS_fdatasync
        SYS_truncate SYS_ftruncate SYS_getcwd SYS_chdir SYS_fchdir SYS_fchmod SYS_fchown SYS_umask SYS_gettimeofday
        SYS_getrusage SYS_sysinfo SYS_times SYS_ptrace SYS_getuid SYS_syslog SYS_getgid SYS_setuid SYS_setgid
        SYS_geteuid SYS_getegid SYS_setpgid SYS_getppid SYS_setsid SYS_setreuid SYS_setregid SYS_getgroups
        SYS_setgroups SYS_setresuid SYS_getresuid SYS_setresgid SYS_getresgid SYS_getpgid SYS_setfsuid SYS_setfsgid
        SYS_getsid SYS_capget SYS_capset SYS_rt_sigpending SYS_rt_sigtimedwait SYS_rt_sigqueueinfo SYS_rt_sigsuspend
        SYS_sigaltstack SYS_personality SYS_statfs SYS_fstatfs SYS_getpriority SYS_setpriority SYS_sched_setparam
        SYS_sched_getparam SYS_sched_setscheduler SYS_sched_getscheduler SYS_sched_get_priority_max
        SYS_sched_get_priority_min SYS_sched_rr_get_interval SYS_mlock SYS_munlock SYS_mlockall SYS_munlockall
        SYS_vhangup SYS_pivot_root SYS_prctl SYS_adjtimex SYS_chroot SYS_sync SYS_acct SYS_settimeofday SYS_mount
        SYS_umount2 SYS_swapon SYS_swapoff SYS_reboot SYS_sethostname SYS_setdomainname SYS_init_module
        SYS_delete_module SYS_quotactl SYS_nfsservctl SYS_gettid SYS_readahead SYS_setxattr SYS_lsetxattr
        SYS_fsetxattr SYS_getxattr SYS_lgetxattr SYS_fgetxattr SYS_listxattr SYS_llistxattr SYS_flistxattr
        SYS_removexattr SYS_lremovexattr SYS_fremovexattr SYS_tkill SYS_futex SYS_sched_setaffinity
        SYS_sched_getaffinity SYS_io_setup SYS_io_destroy SYS_io_getevents SYS_io_submit SYS_io_cancel
        SYS_lookup_dcookie SYS_remap_file_pages SYS_getdents64 SYS_set_tid_address SYS_restart_syscall SYS_semtimedop
        SYS_fadvise64 SYS_timer_create SYS_timer_settime SYS_timer_gettime SYS_timer_getoverrun SYS_timer_delete
        SYS_clock_settime SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_exit_group SYS_epoll_ctl
        SYS_tgkill SYS_mbind SYS_set_mempolicy SYS_get_mempolicy SYS_mq_open SYS_mq_unlink SYS_mq_timedsend
        SYS_mq_timedreceive SYS_mq_notify SYS_mq_getsetattr SYS_kexec_load SYS_waitid SYS_add_key SYS_request_key
        SYS_keyctl SYS_ioprio_set SYS_ioprio_get SYS_inotify_add_watch SYS_inotify_rm_watch SYS_migrate_pages
        SYS_openat SYS_mkdirat SYS_mknodat SYS_fchownat SYS_newfstatat SYS_unlinkat SYS_linkat SYS_symlinkat
        SYS_readlinkat SYS_fchmodat SYS_faccessat SYS_pselect6 SYS_ppoll SYS_unshare SYS_set_robust_list
        SYS_get_robust_list SYS_splice SYS_tee SYS_vmsplice SYS_move_pages SYS_utimensat SYS_epoll_pwait
        SYS_timerfd_create SYS_fallocate SYS_timerfd_settime SYS_timerfd_gettime SYS_accept4 SYS_signalfd4
        SYS_eventfd2 SYS_epoll_create1 SYS_dup3 SYS_pipe2 SYS_inotify_init1 SYS_preadv SYS_pwritev
        SYS_rt_tgsigqueueinfo SYS_perf_event_open SYS_recvmmsg SYS_fanotify_init SYS_fanotify_mark SYS_prlimit64
        SYS_name_to_handle_at SYS_open_by_handle_at SYS_clock_adjtime SYS_syncfs SYS_sendmmsg SYS_setns SYS_getcpu
        SYS_process_vm_readv SYS_process_vm_writev SYS_kcmp SYS_finit_module SYS_sched_setattr SYS_sched_getattr
        SYS_renameat2 SYS_seccomp SYS_getrandom SYS_memfd_create SYS_bpf SYS_execveat SYS_userfaultfd SYS_membarrier
        SYS_mlock2 SYS_copy_file_range SYS_preadv2 SYS_pwritev2 SYS_pkey_mprotect SYS_pkey_alloc SYS_pkey_free
        SYS_statx SYS_rseq SYS_pidfd_send_signal SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register
        SYS_open_tree SYS_move_mount SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick SYS_pidfd_open SYS_clone3
        SYS_close_range SYS_openat2 SYS_pidfd_getfd SYS_faccessat2 SYS_process_madvise SYS_epoll_pwait2
        SYS_mount_setattr SYS_quotactl_fd SYS_landlock_create_ruleset SYS_landlock_add_rule
        SYS_landlock_restrict_self SYS_memfd_secret SYS_process_mrelease SYS_futex_waitv SYS_set_mempolicy_home_node
        SYS_mseal
    ]
    x86_64 [
        SYS_open SYS_stat SYS_lstat SYS_poll SYS_access SYS_pipe SYS_select SYS_dup2 SYS_pause SYS_alarm SYS_fork
        SYS_vfork SYS_getdents SYS_rename SYS_mkdir SYS_rmdir SYS_creat SYS_link SYS_unlink SYS_symlink SYS_readlink
        SYS_chmod SYS_chown SYS_lchown SYS_getrlimit SYS_getpgrp SYS_utime SYS_mknod SYS_uselib SYS_ustat SYS_sysfs
        SYS_modify_ldt SYS__sysctl SYS_arch_prctl SYS_setrlimit SYS_iopl SYS_ioperm SYS_time SYS_epoll_create
        SYS_epoll_wait SYS_utimes SYS_inotify_init SYS_futimesat SYS_renameat SYS_sync_file_range SYS_signalfd
        SYS_eventfd SYS_kexec_file_load
    ]
    numbers on x86_64 [333 "io_pgetevents" 335 "uretprobe" 336 "uprobe"]
    numbers on aarch64 [
        38 "renameat" 84 "sync_file_range" 163 "getrlimit" 164 "setrlimit" 292 "io_pgetevents" 294 "kexec_file_load"
    ]
    numbers everywhere [
        451 "cachestat" 452 "fchmodat2" 453 "map_shadow_stack" 454 "futex_wake" 455 "futex_wait" 456 "futex_requeue"
        457 "statmount" 458 "listmount" 459 "lsm_get_self_attr" 460 "lsm_set_self_attr" 461 "lsm_list_modules"
        463 "setxattrat" 464 "getxattrat" 465 "listxattrat" 466 "removexattrat" 467 "open_tree_attr"
        468 "file_getattr" 469 "file_setattr" 470 "listns"
    ]
}
