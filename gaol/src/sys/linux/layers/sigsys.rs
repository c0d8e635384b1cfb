//! Answers, inside the child, the system calls that a filter traps.
//!
//! Four kinds of call end here. The *stat family*, where nothing but Landlock stands behind a path: Landlock does not
//! judge stat, but it judges open, so the handler opens the path and tells what it opened ([`stat`]). *listen*, where
//! somebody outside has to look at the socket: the handler lets them while it asks ([`listen`]). *Modes and times*,
//! which somebody outside of the worker judges and changes ([`inodes`]). And, with
//! `violation = "kill"`, every call that is refused: the handler reports it and ends the worker.
//!
//! The handler runs in the confined child, between two instructions of hostile code. It decides nothing: what it may
//! do, the child may do without it. It allocates nothing, takes no lock and leaves `errno` as it was.
//!
//! # Safety
//!
//! The kernel calls the handler with a valid `siginfo_t` and `ucontext_t`. What a trapped call's arguments point to
//! is the caller's affair: it is passed on to the kernel, which checks it, or touched exactly where the call would
//! have touched it.

#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::io;
use std::os::fd::{BorrowedFd, IntoRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, Ordering};

mod inodes;
mod listen;
mod stat;
#[cfg(test)]
mod tests;

pub(crate) use listen::allow as allow_listening;
pub(crate) use stat::lead_to;

/// What the handler is to do, which follows from the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mode {
    /// The stat family is answered by opening the path. Otherwise only an empty path is answered, which names a
    /// descriptor.
    pub(crate) judged: bool,
    /// The profile lets files be written: a file that cannot be opened for reading is tried for writing.
    pub(crate) write: bool,
    /// A refused call is reported and ends the worker.
    pub(crate) kill: bool,
}

/// Tells of a violation: the number of the call and its arguments.
///
/// It is called in a signal handler, under the filters, and must do nothing that is not allowed there. The worker ends
/// when it returns.
pub(crate) type Report = fn(number: u32, arguments: &[u64; 6]);

const JUDGED: u8 = 1;
const WRITE: u8 = 2;
const KILL: u8 = 4;

static MODE: AtomicU8 = AtomicU8::new(0);
static JUDGE: AtomicI32 = AtomicI32::new(NOBODY);
const NOBODY: RawFd = -1;
static REPORT: AtomicPtr<()> = AtomicPtr::new(ptr::null_mut());

/// `si_code` of a signal that a filter has caused.
const SYS_SECCOMP: c_int = 1;

/// Makes the handler the answer to SIGSYS, for this process and what it forks. To be called before the filters are
/// installed: they do not let it be replaced.
///
/// # Errors
///
/// The kernel's.
pub(crate) fn install_handler() -> io::Result<()> {
    // SAFETY: all-zero bytes are a `sigaction`: no flags, an empty mask, the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handle as *const () as usize;
    // Not on the alternate stack, which is made for a smaller handler. A trap within the handler ends the worker.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART;
    // SAFETY: `action` lives through the call; `handle` has the signature that SA_SIGINFO calls for.
    if unsafe { libc::sigaction(libc::SIGSYS, &raw const action, ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all-zero bytes are a `sigset_t`.
    let mut signals: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `signals` is ours and lives through the call.
    unsafe { libc::sigemptyset(&raw mut signals) };
    // SAFETY: as above; SIGSYS is a signal.
    unsafe { libc::sigaddset(&raw mut signals, libc::SIGSYS) };
    // A trapped call ends the process while SIGSYS is blocked.
    // SAFETY: `signals` is initialised; the old mask is not asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const signals, ptr::null_mut()) } {
        0 => Ok(()),
        errno => Err(io::Error::from_raw_os_error(errno)),
    }
}

/// Says what the handler is to do from now on, in this process and what it forks. Until then it answers for descriptors
/// only, and a violation gets EPERM.
pub(crate) fn arm(mode: Mode, report: Report) {
    REPORT.store(report as *mut (), Ordering::Release);
    let bits = [(mode.judged, JUDGED), (mode.write, WRITE), (mode.kill, KILL)];
    MODE.store(bits.into_iter().filter(|(on, _)| *on).map(|(_, bit)| bit).sum(), Ordering::Release);
}

/// Has the handler ask for modes and times by this socket, for as long as the process lives.
pub(crate) fn ask_of(judge: OwnedFd) {
    JUDGE.store(judge.into_raw_fd(), Ordering::Release);
}

fn judge() -> Option<BorrowedFd<'static>> {
    let judge = JUDGE.load(Ordering::Acquire);
    // SAFETY: `ask_of` has given up an open descriptor, which stays open unless hostile code has closed or replaced it: then what that code
    // has put there gets a message which it could have sent itself.
    (judge != NOBODY).then(|| unsafe { BorrowedFd::borrow_raw(judge) })
}

fn mode() -> Mode {
    let bits = MODE.load(Ordering::Acquire);
    Mode { judged: bits & JUDGED != 0, write: bits & WRITE != 0, kill: bits & KILL != 0 }
}

/// A trapped call.
struct Call {
    number: u32,
    arguments: [u64; 6],
}

/// Why a call gets no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Errno(c_int),
    /// No operation of the profile allows the call, whatever it names.
    Violation,
}

impl From<c_int> for Refusal {
    fn from(errno: c_int) -> Self {
        Self::Errno(errno)
    }
}

extern "C" fn handle(_signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the address of this thread's `errno`, valid while the thread runs.
    let errno_location = unsafe { libc::__errno_location() };
    // SAFETY: see above.
    let errno = unsafe { errno_location.read() };
    // SAFETY: the kernel passes a `siginfo_t` that nothing else uses while the handler runs.
    let code = unsafe { (*info).si_code };
    if code != SYS_SECCOMP {
        // Somebody has sent the signal; it does what it would without a handler.
        die();
    }
    // SAFETY: the kernel passes the `ucontext_t` that it will resume from.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    let call = call_in(registers);
    let mode = mode();
    let answer = match inodes::asked(&call) {
        Ok(Some((place, change))) => inodes::answer(&place, change, mode, judge()),
        Ok(None) if listen::is_asked(&call) => listen::answer(&call),
        Ok(None) => stat::answer(&call, mode),
        Err(refusal) => Err(refusal),
    };
    let result = match answer {
        Ok(()) => 0,
        Err(Refusal::Errno(errno)) => -i64::from(errno),
        Err(Refusal::Violation) if mode.kill => violation(&call),
        Err(Refusal::Violation) => -i64::from(libc::EPERM),
    };
    return_from(registers, result);
    // SAFETY: see above.
    unsafe { errno_location.write(errno) };
}

#[cfg(target_arch = "x86_64")]
fn call_in(registers: &libc::mcontext_t) -> Call {
    let register = |name: c_int| registers.gregs[name.cast_unsigned() as usize].cast_unsigned();
    let arguments = [libc::REG_RDI, libc::REG_RSI, libc::REG_RDX, libc::REG_R10, libc::REG_R8, libc::REG_R9];
    Call { number: register(libc::REG_RAX) as u32, arguments: arguments.map(register) }
}

#[cfg(target_arch = "x86_64")]
fn return_from(registers: &mut libc::mcontext_t, result: i64) {
    registers.gregs[libc::REG_RAX as usize] = result;
}

#[cfg(target_arch = "aarch64")]
fn call_in(registers: &libc::mcontext_t) -> Call {
    Call { number: registers.regs[8] as u32, arguments: std::array::from_fn(|index| registers.regs[index]) }
}

#[cfg(target_arch = "aarch64")]
fn return_from(registers: &mut libc::mcontext_t, result: i64) {
    registers.regs[0] = result.cast_unsigned();
}

fn violation(call: &Call) -> ! {
    let report = REPORT.load(Ordering::Acquire);
    if !report.is_null() {
        // SAFETY: `arm` is the only writer, and what it stores beside null is a `Report`.
        let report = unsafe { std::mem::transmute::<*mut (), Report>(report) };
        report(call.number, &call.arguments);
    }
    die()
}

/// Ends the process by SIGSYS, which no process can fake with an exit status.
fn die() -> ! {
    // SAFETY: the filters kill whoever calls it. If there are none it fails, for want of a command.
    unsafe { libc::syscall(libc::SYS_bpf, u64::MAX, 0_u64, 0_u64) };
    // SAFETY: it runs nothing of the C library's and does not return.
    unsafe { libc::_exit(128 + libc::SIGSYS) }
}
