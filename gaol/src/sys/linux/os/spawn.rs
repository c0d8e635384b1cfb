//! New processes: forks of the zygote and of templates.
//!
//! # Safety
//!
//! `fork(2)` and `clone(2)` copy a process. Every caller is single-threaded (the zygote checks it before its first fork, and templates are
//! its children), so no lock is held by a thread that the child lacks, and the child may allocate.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::io;

use rustix::process::Pid;

use crate::support::Layer;
use crate::sys::plan::Plan;

/// Which side of a fork this is.
pub(crate) enum Side {
    Child,
    Parent(Pid),
}

/// Forks through libc, so that its handlers run and the child's thread is whole: user code runs in such a child.
pub(crate) fn fork() -> io::Result<Side> {
    // SAFETY: the process is single-threaded (see the module's Safety paragraph).
    side(libc::c_long::from(unsafe { libc::fork() }))
}

/// Forks into new namespaces, whose first process the child is.
///
/// The child's libc does not know that it was forked (its cached thread id is the parent's), so only gaol's own code may run in it.
pub(crate) fn fork_into(flags: libc::c_int) -> io::Result<Side> {
    let flags = libc::c_ulong::from((flags | libc::SIGCHLD) as libc::c_uint);
    // SAFETY: without CLONE_VM and with a null stack this is a fork: the child goes on with a copy of this stack. The process is single-threaded.
    side(unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) })
}

/// Becomes another program. Returns only if that failed.
pub(crate) fn execute(path: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
        texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, environment) = (pointers(arguments), pointers(environment));
    // SAFETY: both lists end with a null pointer, and they and the strings that they point to live through the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// The namespaces that a template of `plan` lives in.
pub(crate) fn namespace_flags(plan: &Plan) -> libc::c_int {
    if !plan.layers.has(Layer::Namespaces) {
        return 0;
    }
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    if plan.network.is_empty() { all | libc::CLONE_NEWNET } else { all }
}

/// Ends the process at once: no destructor, no exit handler, no flush of what the parent had buffered.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { libc::_exit(code) }
}

/// What fork(2) and clone(2) answer, as a type. No negative number may ever become a process id: signals to -1 go to everybody.
fn side(answer: libc::c_long) -> io::Result<Side> {
    match i32::try_from(answer) {
        Ok(0) => Ok(Side::Child),
        Ok(pid @ 1..) => Pid::from_raw(pid).map(Side::Parent).ok_or_else(|| io::ErrorKind::InvalidData.into()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_positive_answer_is_a_process() {
        assert!(matches!(side(0), Ok(Side::Child)));
        assert!(matches!(side(7), Ok(Side::Parent(pid)) if pid.as_raw_nonzero().get() == 7));
        for failure in [-1, -7, i64::from(i32::MIN), i64::MAX] {
            assert!(side(failure).is_err(), "{failure}");
        }
    }
}
