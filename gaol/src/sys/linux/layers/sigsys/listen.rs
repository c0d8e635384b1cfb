//! Asks whether a socket may listen, and lets whoever is asked look at it meanwhile.
//!
//! To take a copy of a socket is to trace the process that has it, which must be dumpable for that. So it is, for as long as the question
//! takes, and at no other time.
//!
//! # Safety
//!
//! As in the module above. The calls take numbers only.

use std::ffi::c_int;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::{Call, Refusal};
use crate::sys::layers::seccomp::BY_HANDLER;

/// Whether the profile lets sockets listen.
static ALLOWED: AtomicBool = AtomicBool::new(false);

/// The threads that ask just now.
static ASKING: AtomicUsize = AtomicUsize::new(0);

/// How often a thread asks that was not to be looked at, because another one had just got its answer.
const ATTEMPTS: u32 = 16;

/// Says whether the handler is to ask, in this process and what it forks.
pub(crate) fn allow(allowed: bool) {
    ALLOWED.store(allowed, Ordering::Release);
}

/// Whether a trapped call is one to ask about. Where none may listen, it is a violation like others.
pub(super) fn is_asked(call: &Call) -> bool {
    libc::c_long::from(call.number) == libc::SYS_listen && ALLOWED.load(Ordering::Acquire)
}

/// Makes the socket of a call listen, if whoever is asked agrees.
pub(super) fn answer(call: &Call) -> Result<(), Refusal> {
    let [socket, backlog, ..] = call.arguments;
    ASKING.fetch_add(1, Ordering::AcqRel);
    let mut answer = Err(libc::EPERM);
    for _ in 0..ATTEMPTS {
        // Who may not be looked at is told by the answer.
        let _ = set_dumpable(true);
        answer = ask(socket, backlog);
        if answer != Err(libc::EPERM) {
            break;
        }
    }
    // Whoever is last sets it last.
    if ASKING.fetch_sub(1, Ordering::AcqRel) == 1 {
        let _ = set_dumpable(false);
    }
    answer.map_err(Refusal::Errno)
}

fn ask(socket: u64, backlog: u64) -> Result<(), c_int> {
    // SAFETY: takes numbers only.
    succeeded(unsafe { libc::syscall(libc::SYS_listen, socket, backlog, u64::from(BY_HANDLER)) })
}

fn set_dumpable(dumpable: bool) -> Result<(), c_int> {
    let dumpable = libc::c_ulong::from(dumpable);
    // SAFETY: takes numbers only.
    succeeded(unsafe { libc::syscall(libc::SYS_prctl, libc::PR_SET_DUMPABLE, dumpable, 0, 0, 0) })
}

fn succeeded(answer: libc::c_long) -> Result<(), c_int> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EPERM)) }
}
