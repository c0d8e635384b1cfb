//! What is taken back when the template's child becomes a worker.
//!
//! `waitid` is not: a worker has no children and cannot get any, or they are its own.

use libc::{EAGAIN, EINVAL, ENOSYS, EPERM};

use super::processes::FORK;
use super::{bits, files, sockets};
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Refuse};
use crate::sys::layers::seccomp::rule::{Condition, Table, argument, when};
use crate::sys::layers::seccomp::{Gate, Shape};

/// `pid` is the worker's own, as the worker sees it.
pub(crate) fn worker(shape: &Shape, pid: u32) -> Table {
    let mut table = Table::default();
    if shape.exec {
        descendants(&mut table, shape);
    } else {
        single(&mut table, shape, pid);
    }
    files::of_judge(&mut table, shape);
    // As if it did not exist, like pidfd_getfd: Go, Python and tokio wait for their children by id.
    table.always(libc::SYS_pidfd_open, Answer(ENOSYS));
    table.always(libc::SYS_pidfd_send_signal, Refuse(EPERM));
    if !shape.narrows {
        // It is in its own domain, and a sandbox within is not served.
        table.always(libc::SYS_landlock_restrict_self, Answer(ENOSYS));
    }
    if shape.narrows && !sockets::sends_to_addresses(shape) {
        // An application has no channel to pass descriptors on by, and may hold sockets from before: the message could name anybody.
        table.always(libc::SYS_sendmsg, Refuse(EPERM));
    }
    table
}

/// A worker that stays one process.
fn single(table: &mut Table, shape: &Shape, pid: u32) {
    let itself = argument(0).is(pid);
    // Another process, 0 (the process group) and -1 (everyone) are not the worker itself.
    table.choose(libc::SYS_kill, [when([itself.clone()], Allow)], Refuse(EPERM));
    table.choose(libc::SYS_tgkill, [when([itself.clone()], Allow)], Refuse(EPERM));
    // A thread id says nothing of its process, but the first thread's is the worker's; musl aborts by it.
    table.choose(libc::SYS_tkill, [when([itself], Allow)], Refuse(EPERM));
    let either = || argument(0).one_of(&[0, pid]);
    // To read the worker's own limits, not to set them.
    let mut limits = vec![when([either(), argument(2).is_zero()], Allow)];
    if shape.narrows {
        limits.push(when([either(), narrower_limits()], Allow));
    }
    table.decide(libc::SYS_prlimit64, limits, Refuse(EPERM));
    // Every thread of std starts with pthread_getattr_np, which asks by thread id and takes ENOSYS for no answer.
    table.choose(libc::SYS_sched_getaffinity, [when([either()], Allow)], Answer(ENOSYS));
    // Threads only: the template's filter has pinned their flags.
    table.choose(libc::SYS_clone, [when([argument(0).has(bits(libc::CLONE_THREAD))], Allow)], Refuse(EPERM));
    #[cfg(target_arch = "x86_64")]
    table.always(libc::SYS_fork, Refuse(EPERM));
    let mut harmless = vec![libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA, libc::PR_GET_DUMPABLE];
    if shape.narrows {
        // Which the template's filter has pinned to one more filter, without a listener.
        harmless.push(libc::PR_SET_NO_NEW_PRIVS);
    } else {
        table.always(libc::SYS_seccomp, Refuse(EPERM));
    }
    if sockets::shows_itself(shape) {
        harmless.push(libc::PR_SET_DUMPABLE);
    }
    let harmless: Vec<u32> = harmless.into_iter().map(bits).collect();
    table.choose(libc::SYS_prctl, [when([argument(0).one_of(&harmless)], Allow)], Refuse(EPERM));
}

/// A worker that runs programs, and everything that it starts: the filter goes with them, and none has a known id.
fn descendants(table: &mut Table, shape: &Shape) {
    let itself = || argument(0).is(0);
    let mut limits = vec![when([itself(), argument(2).is_zero()], Allow)];
    if shape.narrows {
        limits.push(when([itself(), narrower_limits()], Allow));
    }
    // Go raises the number of descriptors as far as it may; gpg turns dumps off, and is content with EINVAL alone. Dumps are off, and a
    // limit of 0 would have the kernel start the program that takes them.
    limits.push(when([itself()], Answer(EINVAL)));
    table.decide(libc::SYS_prlimit64, limits, Refuse(EPERM));
    // pthread_getattr_np asks by thread id.
    table.choose(libc::SYS_sched_getaffinity, [when([itself()], Allow)], Answer(ENOSYS));
    if shape.threads == Gate::Closed {
        // The template's own forks.
        table.choose(libc::SYS_clone, [when([argument(0).one_of(&FORK)], Answer(EAGAIN))], Allow);
        #[cfg(target_arch = "x86_64")]
        table.always(libc::SYS_fork, Answer(EAGAIN));
    }
}

/// The limits that a narrower profile lowers; the kernel raises none above what it was lowered to. Not RLIMIT_CORE: see [`descendants`].
fn narrower_limits() -> Condition {
    argument(1).one_of(&[
        0, // RLIMIT_CPU
        1, // RLIMIT_FSIZE
        2, // RLIMIT_DATA
        7, // RLIMIT_NOFILE
        9, // RLIMIT_AS
    ])
}
