//! Signals: to the worker itself or, where programs may be run, to each other.

use libc::EPERM;

use super::bits;
use crate::profile::Violation;
use crate::sys::layers::seccomp::Shape;
use crate::sys::layers::seccomp::rule::Action::{Allow, Ignore, Refuse};
use crate::sys::layers::seccomp::rule::{Table, argument, when};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_rt_sigpending,
        libc::SYS_rt_sigsuspend,
        libc::SYS_rt_sigtimedwait,
        libc::SYS_sigaltstack,
        // To the worker itself: raise and abort. The worker's filter pins the process, except where there can be others:
        // there the pid namespace does, or Landlock.
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_tgkill,
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_pause]);
    let violations = argument(0).is(bits(libc::SIGSYS));
    match (shape.exec, shape.violation) {
        // The handler of SIGSYS answers for the stat family and reports violations.
        (false, _) => table.choose(libc::SYS_rt_sigaction, [when([violations], Refuse(EPERM))], Allow),
        // Nothing traps.
        (true, Violation::Deny) => table.allow(&[libc::SYS_rt_sigaction]),
        // A violation must stay lethal. But bash and Go set a handler for every signal, and Go ends when that fails.
        (true, Violation::Kill) => {
            let to_look = argument(1).is_zero();
            let rules = [when([to_look], Allow), when([violations], Ignore)];
            table.choose(libc::SYS_rt_sigaction, rules, Allow);
        }
    }
}
