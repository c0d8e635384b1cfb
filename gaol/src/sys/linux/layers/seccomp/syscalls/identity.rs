//! What a process is, what time it is, and what it may ask and set about itself.

use libc::{EINVAL, EPERM};

use super::{bits, sockets};
use crate::sys::layers::seccomp::Shape;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Refuse};
use crate::sys::layers::seccomp::rule::{Condition, Table, argument, when};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    time(table);
    identity(table, shape);
    control(table, shape);
    filters(table, shape);
}

/// A clock of the system's or of the process's own. A negative one is another process's, or a descriptor's.
pub(super) fn own_clock() -> Condition {
    argument(0).one_of(
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
    )
}

fn time(table: &mut Table) {
    table.allow(&[
        libc::SYS_nanosleep,
        libc::SYS_gettimeofday, // where there is no vDSO
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_time]);
    for call in [libc::SYS_clock_gettime, libc::SYS_clock_getres] {
        table.choose(call, [when([own_clock()], Allow)], Answer(EINVAL));
    }
    let flags = argument(1).only(bits(libc::TIMER_ABSTIME));
    table.choose(libc::SYS_clock_nanosleep, [when([own_clock(), flags], Allow)], Answer(EINVAL));
}

/// Most of these never fail, and their callers rely on it.
fn identity(table: &mut Table, shape: &Shape) {
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
    let mut used = vec![bits(libc::RUSAGE_SELF), bits(libc::RUSAGE_THREAD)];
    if shape.exec {
        // Shells keep track of each other's groups and sessions, and tell what a program has used.
        table.allow(&[libc::SYS_getpgid, libc::SYS_getsid]);
        used.push(bits(libc::RUSAGE_CHILDREN));
    } else {
        for call in [libc::SYS_getpgid, libc::SYS_getsid] {
            table.choose(call, [when([argument(0).is(0)], Allow)], Refuse(EPERM));
        }
    }
    table.choose(libc::SYS_getrusage, [when([argument(0).one_of(&used)], Allow)], Refuse(EPERM));
    // GRND_RANDOM would use up what others wait for.
    let flags = argument(2).lacks(!(libc::GRND_NONBLOCK | libc::GRND_INSECURE));
    table.choose(libc::SYS_getrandom, [when([flags], Allow)], Answer(EINVAL));
    // Memory, load and processes of the whole system. glibc's qsort asks by itself.
    table.always(libc::SYS_sysinfo, if shape.system_info { Allow } else { Answer(EPERM) });
}

fn control(table: &mut Table, shape: &Shape) {
    let option = argument(0);
    let mut harmless = vec![
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_GET_DUMPABLE,
        // The template, until the worker's filter.
        libc::PR_SET_PDEATHSIG,
        libc::PR_SET_NO_NEW_PRIVS,
    ];
    let mut rules = vec![
        // PR_SET_VMA_ANON_NAME, which is 0: allocators name their memory.
        when([option.is(bits(libc::PR_SET_VMA)), argument(1).is_zero()], Allow),
        // The template, until the worker's filter; programs that put themselves in a sandbox.
        when([option.is(bits(libc::PR_SET_SECCOMP)), argument(1).is(libc::SECCOMP_MODE_FILTER)], Allow),
    ];
    if shape.exec {
        harmless.extend([
            libc::PR_GET_PDEATHSIG,
            libc::PR_GET_SECCOMP,
            libc::PR_CAPBSET_READ, // libcap asks when it is loaded, by which ls does
            libc::PR_GET_SECUREBITS,
            libc::PR_GET_NO_NEW_PRIVS,
        ]);
        // timeout and file make themselves undumpable. Nothing makes itself a target.
        rules.push(when([option.is(bits(libc::PR_SET_DUMPABLE)), argument(1).is_zero()], Allow));
    }
    if sockets::shows_itself(shape) {
        // Whoever is asked whether a socket may listen must be able to look at it. Nobody is dumped: the limit is too low for it.
        rules.push(when([option.is(bits(libc::PR_SET_DUMPABLE)), argument(1).within(1)], Allow));
    }
    let harmless: Vec<u32> = harmless.into_iter().map(bits).collect();
    rules.insert(0, when([option.one_of(&harmless)], Allow));
    table.decide(libc::SYS_prctl, rules, Refuse(EPERM));
}

/// Another filter only takes away.
fn filters(table: &mut Table, shape: &Shape) {
    let (operation, flags) = (argument(0), argument(1));
    let set = || operation.is(libc::SECCOMP_SET_MODE_FILTER);
    let rules = if shape.exec {
        // Not SECCOMP_FILTER_FLAG_NEW_LISTENER, by which one process would answer for another's calls.
        let harmless = (libc::SECCOMP_FILTER_FLAG_TSYNC
            | libc::SECCOMP_FILTER_FLAG_LOG
            | libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW) as u32;
        vec![
            when([set(), flags.lacks(!harmless)], Allow),
            // libseccomp asks which flags there are, and what a listener reads.
            when([operation.one_of(&[libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_GET_NOTIF_SIZES])], Answer(EINVAL)),
            when([operation.is(libc::SECCOMP_GET_ACTION_AVAIL)], Allow),
        ]
    } else {
        vec![when([set(), flags.is(0)], Allow)]
    };
    table.decide(libc::SYS_seccomp, rules, Refuse(EPERM));
}
