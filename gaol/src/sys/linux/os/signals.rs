//! Signals: back to what a Rust program starts with, and the handlers that say why a worker ends.
//!
//! # Safety
//!
//! Dispositions are process-wide. They are set in the single-threaded processes that gaol starts, before any code of the user runs there;
//! the one handler installed here calls only async-signal-safe functions.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU64, AtomicUsize, Ordering};

/// Resets what survives an exec: ignored signals and the mask. SIGPIPE is ignored afterwards, as in every Rust program.
pub(crate) fn reset() {
    for signal in 1..=64 {
        let disposition = match signal {
            libc::SIGPIPE | libc::SIGXFSZ => libc::SIG_IGN,
            _ => libc::SIG_DFL,
        };
        // The Rust runtime's own handlers (stack overflow) stand; SIGKILL, SIGSTOP and libc's own signals cannot be changed.
        if matches!(signal, libc::SIGSEGV | libc::SIGBUS) {
            continue;
        }
        // SAFETY: SIG_DFL and SIG_IGN are valid for every signal; where the kernel refuses, nothing changes.
        unsafe { libc::signal(signal, disposition) };
    }
    // SAFETY: an all-zero sigset_t is a valid empty set on Linux, and `sigemptyset` makes it one in any case.
    let mut none: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `none` is a live sigset_t.
    unsafe { libc::sigemptyset(&raw mut none) };
    // SAFETY: `none` is initialised; a null old set is allowed.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()) };
}

/// Blocks every signal for the calling thread, which is gaol's own in an application: its signals are for its own threads.
pub(crate) fn block_all() {
    // SAFETY: an all-zero sigset_t is a valid empty set on Linux, and `sigfillset` fills it in any case.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `all` is a live sigset_t.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: `all` is initialised; a null old set is allowed.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()) };
}

/// Resets what [`reset`] leaves as a Rust program has it: another program that writes into a pipe which nobody reads ends.
pub(crate) fn reset_for_program() {
    for signal in [libc::SIGPIPE, libc::SIGXFSZ, libc::SIGSEGV, libc::SIGBUS] {
        // SAFETY: SIG_DFL is valid for every signal.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// The signals that come to a process, as something to read.
pub(crate) struct Incoming(OwnedFd);

impl From<OwnedFd> for Incoming {
    /// Of a copy of another one's descriptor: it is about the process that reads it.
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl Incoming {
    pub(crate) fn fd(&self) -> &OwnedFd {
        &self.0
    }

    /// The numbers of those that have come.
    pub(crate) fn read(&self) -> Vec<i32> {
        let mut numbers = Vec::new();
        // The kernel writes whole records of this size, whose first field is the number.
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        while rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut record)) == Ok(record.len()) {
            let [a, b, c, d, ..] = record;
            numbers.push(u32::from_ne_bytes([a, b, c, d]).cast_signed());
        }
        numbers
    }
}

/// Blocks every signal that can be blocked, and takes them in from a descriptor instead.
pub(crate) fn take_all() -> io::Result<Incoming> {
    // SAFETY: an all-zero sigset_t is a valid empty set on Linux, and `sigfillset` fills it in any case.
    let mut all: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `all` is a live sigset_t.
    unsafe { libc::sigfillset(&raw mut all) };
    // SAFETY: `all` is initialised; a null old set is allowed.
    if unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: -1 asks for a new descriptor; the kernel reads the set before it returns.
    let fd = unsafe { libc::signalfd(-1, &raw const all, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(Incoming(unsafe { OwnedFd::from_raw_fd(fd) }))
}

/// Sends a signal by number, real-time ones included, to the process of a pidfd.
pub(crate) fn send(process: &OwnedFd, signal: i32) {
    // SAFETY: takes numbers only, and no signal information: as if by kill(2).
    unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), signal, std::ptr::null::<libc::siginfo_t>(), 0)
    };
}

/// Ends this process by a signal, without a core dump, whatever was done about that signal before.
pub(crate) fn end_by(signal: i32) -> ! {
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    // What the kernel takes for a sigaction with the default action. libc's own calls refuse the signals that it keeps for itself.
    let zeros = [0_u64; 4];
    // SAFETY: `zeros` is at least as long as the kernel's sigaction, which it reads; the set of signals is 8 bytes.
    unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, zeros.as_ptr(), std::ptr::null_mut::<u64>(), 8) };
    // No other that has come meanwhile is let in before it.
    let others = !(1_u64 << (signal - 1));
    // SAFETY: the kernel reads the 8 bytes of `others`.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const others, std::ptr::null_mut::<u64>(), 8)
    };
    let own = rustix::process::getpid().as_raw_nonzero().get();
    // SAFETY: takes numbers only.
    unsafe { libc::syscall(libc::SYS_kill, own, signal) };
    // One that ends nothing by default.
    // SAFETY: `_exit` takes a number and does not return.
    unsafe { libc::_exit(128 + signal) }
}

/// Makes this process come before others where that is allowed. Not for one that runs at somebody else's bidding.
pub(crate) fn take_priority() {
    // A nice value counts among the processes of one session only, where sessions are scheduled as groups.
    if !come_first() {
        let _ = rustix::process::setpriority_process(None, -20);
    }
}

/// The same for a process that forks others, which do not come before anybody. Whether it is allowed.
pub(crate) fn come_first() -> bool {
    // SAFETY: an all-zero sched_param is valid.
    let mut parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    parameter.sched_priority = 1;
    // SAFETY: `parameter` lives through the call.
    unsafe { libc::sched_setscheduler(0, libc::SCHED_RR | libc::SCHED_RESET_ON_FORK, &raw const parameter) == 0 }
}

/// Undoes a negative nice value and a real-time class, which an application may have and a child must not.
pub(crate) fn reset_priority() {
    if let Ok(nice) = rustix::process::getpriority_process(None)
        && nice < 0
    {
        // Giving up priority is always allowed.
        let _ = rustix::process::setpriority_process(None, 0);
    }
    // An application that the kernel spares when memory runs out is one thing, what runs on its behalf another.
    if std::fs::read_to_string("/proc/self/oom_score_adj").is_ok_and(|score| score.starts_with('-')) {
        let _ = std::fs::write("/proc/self/oom_score_adj", "0");
    }
    // SAFETY: an all-zero sched_param is valid and means priority 0.
    let parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    // SAFETY: `sched_getscheduler(0)` takes a number and asks about this process.
    let class = unsafe { libc::sched_getscheduler(0) };
    if class != libc::SCHED_OTHER && class >= 0 {
        // SAFETY: `parameter` lives through the call. Leaving a real-time class is always allowed.
        unsafe { libc::sched_setscheduler(0, libc::SCHED_OTHER, &raw const parameter) };
    }
}

/// What to say when the process aborts, set before it does: a frame for the worker's channel.
static LAST_WORDS: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());
static LAST_WORDS_LENGTH: AtomicUsize = AtomicUsize::new(0);
/// How long what is said then is.
pub(crate) const OUT_OF_MEMORY_BYTES: usize = 64;
/// What to say when an allocation failed. Words, for there is no lock to take when it is said.
static OUT_OF_MEMORY: [AtomicU64; OUT_OF_MEMORY_BYTES / 8] = [const { AtomicU64::new(0) }; OUT_OF_MEMORY_BYTES / 8];
static CHANNEL: AtomicI32 = AtomicI32::new(-1);

/// From now on a SIGABRT is reported on `channel` before it ends the process: with what [`leave_last_words_once`] left or, when an allocation
/// had just failed, with what [`say_when_out_of_memory`] says.
pub(crate) fn report_aborts(channel: std::os::fd::BorrowedFd<'_>) {
    CHANNEL.store(std::os::fd::AsRawFd::as_raw_fd(&channel), Ordering::Release);
    let handler: extern "C" fn(libc::c_int) = on_abort;
    // SAFETY: `on_abort` is async-signal-safe.
    unsafe { libc::signal(libc::SIGABRT, handler as libc::sighandler_t) };
}

/// What to say from now on when an allocation failed.
pub(crate) fn say_when_out_of_memory(words: [u8; OUT_OF_MEMORY_BYTES]) {
    for (place, word) in OUT_OF_MEMORY.iter().zip(words.as_chunks().0) {
        place.store(u64::from_ne_bytes(*word), Ordering::Relaxed);
    }
}

/// Leaves a frame to be sent if the process aborts. The first one stands: what follows it happens on the way down. Its memory is never
/// freed.
pub(crate) fn leave_last_words_once(frame: impl FnOnce() -> Vec<u8>) {
    if !LAST_WORDS.load(Ordering::Acquire).is_null() {
        return;
    }
    let words: &'static mut [u8] = Box::leak(frame().into_boxed_slice());
    LAST_WORDS_LENGTH.store(words.len(), Ordering::Relaxed);
    LAST_WORDS.store(words.as_mut_ptr(), Ordering::Release);
}

/// Forgets them: another call begins.
pub(crate) fn forget_last_words() {
    LAST_WORDS.store(std::ptr::null_mut(), Ordering::Release);
}

extern "C" fn on_abort(_signal: libc::c_int) {
    // libc leaves what the failed mmap or brk said in errno, and nothing between there and `abort` sets it again but a failing call.
    let starved = std::io::Error::last_os_error().raw_os_error() == Some(libc::ENOMEM);
    // A panic that was caught is over; one that is under way is why the process aborts.
    let panicking = std::thread::panicking();
    let last = LAST_WORDS.load(Ordering::Acquire).cast_const();
    let out_of_memory = OUT_OF_MEMORY.each_ref().map(|word| word.load(Ordering::Relaxed));
    let (words, length) = if !panicking && !starved {
        (std::ptr::null(), 0)
    } else if !panicking || last.is_null() {
        (out_of_memory.as_ptr().cast(), OUT_OF_MEMORY_BYTES)
    } else {
        (last, LAST_WORDS_LENGTH.load(Ordering::Relaxed))
    };
    if !words.is_null() {
        // SAFETY: `words` points to `length` bytes, leaked or in this frame; `write` is async-signal-safe. A failure leaves the plain signal
        // as the report.
        unsafe { libc::write(CHANNEL.load(Ordering::Acquire), words.cast(), length) };
    }
    // Whoever raised it meant the process to end: it is raised again, and comes when this handler returns.
    // SAFETY: both are async-signal-safe and take numbers only.
    unsafe { libc::signal(libc::SIGABRT, libc::SIG_DFL) };
    // SAFETY: as above.
    unsafe { libc::raise(libc::SIGABRT) };
}
