//! Threads and processes: who may be started, and what threads wait by.

use libc::{EAGAIN, EINVAL, ENOSYS, EPERM};

use super::bits;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Ask, Refuse};
use crate::sys::layers::seccomp::rule::{Table, argument, when};
use crate::sys::layers::seccomp::{Gate, Shape};

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

/// The same by Go, which keeps no thread-local storage.
const THREAD_BY_GO: u32 = THREAD & !bits(libc::CLONE_SETTLS | libc::CLONE_PARENT_SETTID | libc::CLONE_CHILD_CLEARTID);

/// fork of musl, where there is no such call, and of glibc.
pub(super) const FORK: [u32; 2] =
    [bits(libc::SIGCHLD), bits(libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD)];

/// vfork, where there is no such call, and posix_spawn.
const SPAWN: u32 = bits(libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD);

pub(super) fn list(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_set_robust_list,
        libc::SYS_set_tid_address, // musl's fork, in the child
        libc::SYS_gettid,
        libc::SYS_sched_yield,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_restart_syscall,
        libc::SYS_getcpu,
        libc::SYS_sched_getaffinity, // available_parallelism; the worker's filter pins the process
    ]);
    starting(table, shape);
    // To register, as every thread of glibc does, and RSEQ_FLAG_UNREGISTER.
    table.choose(libc::SYS_rseq, [when([argument(2).one_of(&[0, 1])], Allow)], Answer(EINVAL));
    // What a template does between two workers. The worker's filter takes the pidfds back.
    let ends = bits(libc::WNOHANG | libc::WSTOPPED | libc::WEXITED | libc::WCONTINUED | libc::WNOWAIT);
    let of_threads = bits(libc::__WNOTHREAD | libc::__WALL | libc::__WCLONE);
    table.choose(libc::SYS_waitid, [when([argument(3).only(ends | of_threads)], Allow)], Answer(EINVAL));
    // A worker has no such call. Runtimes ask for it with PIDFD_NONBLOCK, and are to be told so, and not to be ended for it.
    table.choose(libc::SYS_pidfd_open, [when([argument(1).is(0)], Allow)], Answer(ENOSYS));
    table.choose(libc::SYS_pidfd_send_signal, [when([argument(3).is(0)], Allow)], Refuse(EPERM));
    if shape.narrows || shape.exec {
        // Programs wait; a process that puts itself under a profile may have children already.
        let ends = bits(libc::WNOHANG | libc::WUNTRACED | libc::WCONTINUED);
        table.choose(libc::SYS_wait4, [when([argument(2).only(ends | of_threads)], Allow)], Answer(EINVAL));
    }
    futex(table);
    #[cfg(target_arch = "x86_64")]
    registers(table, shape);
}

fn starting(table: &mut Table, shape: &Shape) {
    let one_more = match shape.threads {
        Gate::Closed => Answer(EAGAIN),
        Gate::ZygoteRequest => Ask,
        Gate::Open => Allow,
    };
    // A template forks its workers. Where a worker may not, its own filter says so.
    let fork = if shape.exec && shape.threads != Gate::Closed { one_more } else { Allow };
    // The kernel reads only the lower half of the flags. Namespaces need flags that none of these have.
    let flags = argument(0);
    let mut counted = vec![THREAD, THREAD_BY_MUSL];
    if shape.exec {
        counted.extend([THREAD_BY_GO, SPAWN]);
    }
    table.choose(
        libc::SYS_clone,
        [when([flags.one_of(&counted)], one_more), when([flags.one_of(&FORK)], fork)],
        Refuse(EPERM),
    );
    #[cfg(target_arch = "x86_64")]
    {
        table.always(libc::SYS_fork, fork);
        if shape.exec {
            table.always(libc::SYS_vfork, one_more);
        }
    }
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

#[cfg(target_arch = "x86_64")]
fn registers(table: &mut Table, shape: &Shape) {
    let request = argument(0);
    let mut harmless = vec![0x1003]; // ARCH_GET_FS
    let mut rules = Vec::new();
    if shape.exec {
        harmless.push(0x1002); // ARCH_SET_FS: the loader, where thread-local storage begins
        // glibc's loader asks for shadow stacks, and goes without.
        let shadow_stacks = [
            0x3001, // ARCH_CET_STATUS, before they had their final form
            0x5001, // ARCH_SHSTK_ENABLE
            0x5002, // ARCH_SHSTK_DISABLE
            0x5003, // ARCH_SHSTK_LOCK
            0x5005, // ARCH_SHSTK_STATUS
        ];
        rules.push(when([request.one_of(&shadow_stacks)], Answer(EINVAL)));
    }
    rules.insert(0, when([request.one_of(&harmless)], Allow));
    table.decide(libc::SYS_arch_prctl, rules, Refuse(EPERM));
}
