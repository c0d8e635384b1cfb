//! Calls that are refused in their own words.

use libc::{EACCES, EINVAL, ENOSYS, EPERM};

use crate::sys::layers::seccomp::Shape;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Kill, Refuse};
use crate::sys::layers::seccomp::rule::{Table, argument, when};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    probes(table);
    attacks(table);
    // A sandbox within is not served, unless it is gaol's; its caller sees a kernel without.
    let calls = [
        // LANDLOCK_CREATE_RULESET_VERSION and _ERRATA.
        (libc::SYS_landlock_create_ruleset, argument(2).one_of(&[0, 1, 2])),
        (libc::SYS_landlock_add_rule, argument(3).is(0)),
    ];
    for (call, flags) in calls {
        if shape.narrows {
            table.choose(call, [when([flags], Allow)], Answer(EINVAL));
        } else {
            table.always(call, Answer(ENOSYS));
        }
    }
    // A worker enters a domain of its own before it enters its own filter, which takes this back. The flags are about what is logged; not
    // LANDLOCK_RESTRICT_SELF_TSYNC, which puts a domain in the place of another thread's.
    table.choose(libc::SYS_landlock_restrict_self, [when([argument(1).only(7)], Allow)], Answer(EINVAL));
}

/// Calls that exist for their callers to try: ENOSYS makes them go another way.
fn probes(table: &mut Table) {
    for call in [
        libc::SYS_clone3,           // flags in memory; pthread_create, fork and posix_spawn fall back to clone
        libc::SYS_pidfd_getfd,      // takes a descriptor from another process
        libc::SYS_process_vm_readv, // reads another process
        libc::SYS_memfd_create,     // memory that is not counted, and could be executed, unseen by Landlock
        libc::SYS_io_uring_setup,   // does what filters refuse
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
        libc::SYS_futex_waitv,
        454, // futex_wake
        455, // futex_wait
        456, // futex_requeue
    ] {
        table.always(call, Answer(ENOSYS));
    }
}

/// Calls that only an attack has a use for, and one that is refused like other ways to new code.
fn attacks(table: &mut Table) {
    table.always(libc::SYS_ptrace, Kill);
    table.always(libc::SYS_bpf, Kill); // the SIGSYS handler ends the worker by it
    table.always(libc::SYS_userfaultfd, Kill);
    // SHM_EXEC.
    table.choose(libc::SYS_shmat, [when([argument(2).has(0o100_000)], Refuse(EACCES))], Refuse(EPERM));
}
