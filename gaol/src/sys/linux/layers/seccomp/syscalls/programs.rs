//! What programs call beyond what a function needs: shells, coreutils, tar, file, Python, on glibc and musl.
//!
//! Files, memory, threads and processes are elsewhere, with what a function may do about them.

use libc::{EINVAL, ENOSYS, EPERM};

use super::bits;
use super::identity::own_clock;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Refuse};
use crate::sys::layers::seccomp::rule::{Table, argument, when};

pub(super) fn list(table: &mut Table) {
    table.allow(&[
        // Landlock judges the file. execveat is not listed: it runs descriptors of files that have no path to judge.
        libc::SYS_execve,
        // Job control, and timeout(1): of the process or its own children, the kernel sees to that.
        libc::SYS_setpgid,
        libc::SYS_setsid,
        // What the process itself takes away from modes.
        libc::SYS_umask,
        libc::SYS_times,
    ]);
    timers(table);
    scheduling(table);
    probes(table);
    // To ask; anything else would move code to known places, or make data executable.
    table.choose(libc::SYS_personality, [when([argument(0).is(u32::MAX)], Allow)], Refuse(EPERM));
}

/// They signal, or wake, the process that sets them.
fn timers(table: &mut Table) {
    table.allow(&[
        libc::SYS_setitimer,
        libc::SYS_getitimer,
        libc::SYS_timer_gettime,
        libc::SYS_timer_getoverrun,
        libc::SYS_timer_delete,
        libc::SYS_timerfd_gettime,
    ]);
    // TIMER_ABSTIME, which is TFD_TIMER_ABSTIME. Not TFD_TIMER_CANCEL_ON_SET: whether the clock was set is the system's.
    for call in [libc::SYS_timer_settime, libc::SYS_timerfd_settime] {
        table.choose(call, [when([argument(1).only(1)], Allow)], Answer(EINVAL));
    }
    // The same bits as of a timer's descriptor.
    let flags = |position| argument(position).only(bits(libc::SFD_CLOEXEC | libc::SFD_NONBLOCK));
    table.choose(libc::SYS_signalfd4, [when([flags(3)], Allow)], Answer(EINVAL));
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_alarm]);
    // A clock could be another process's, or one that wakes the machine.
    table.choose(libc::SYS_timer_create, [when([own_clock()], Allow)], Answer(EINVAL));
    table.choose(libc::SYS_timerfd_create, [when([own_clock(), flags(1)], Allow)], Answer(EINVAL));
}

/// To ask about oneself: nice, Python, OpenMP.
fn scheduling(table: &mut Table) {
    // Constants of the kernel's.
    table.allow(&[libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min]);
    for call in [libc::SYS_sched_getparam, libc::SYS_sched_getscheduler] {
        table.choose(call, [when([argument(0).is(0)], Allow)], Refuse(EPERM));
    }
    let itself = || [argument(0).is(0 /* PRIO_PROCESS */), argument(1).is(0)];
    table.choose(libc::SYS_getpriority, [when(itself(), Allow)], Refuse(EPERM));
    // nice runs its program in any case.
    table.choose(libc::SYS_setpriority, [when(itself(), Answer(EPERM))], Refuse(EPERM));
}

/// What libraries ask for when they are loaded, and do without.
fn probes(table: &mut Table) {
    // None may be locked.
    for call in [libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_mlockall, libc::SYS_munlock, libc::SYS_munlockall] {
        table.always(call, Answer(EPERM));
    }
    // libnuma, V8.
    for call in [libc::SYS_get_mempolicy, libc::SYS_set_mempolicy, libc::SYS_pkey_alloc] {
        table.always(call, Answer(ENOSYS));
    }
    // Node.js and libcap-ng, about themselves; but the process is named in memory.
    table.always(libc::SYS_capget, Answer(EPERM));
    // tail -f and others that watch files look from time to time instead. Nobody judges which file is watched.
    table.always(libc::SYS_inotify_init1, Answer(ENOSYS));
    #[cfg(target_arch = "x86_64")]
    table.always(libc::SYS_inotify_init, Answer(ENOSYS));
}
