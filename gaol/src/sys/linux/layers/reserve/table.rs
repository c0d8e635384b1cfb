//! Sparse tables, mapped piece by piece when they are touched, so that each piece is counted when it begins to be used.
//!
//! Some allocators have a table with a place for every address there is (snmalloc: 256 GiB). Nobody can do without it, and all of it but some
//! pages stays empty. Its empty pieces are replaced by a mapping that nobody can make writable; where one is touched, a handler maps it, which
//! the kernel refuses beyond the limit: then memory has run out.
//!
//! # Safety
//!
//! Only pieces of which no page was ever touched are replaced, in a process of one thread: they hold zeroes before and after. The handler
//! calls mmap(2) and functions that are async-signal-safe; it runs with every signal blocked, so that none is handled while it holds its lock.
#![allow(unsafe_code)]

use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rustix::fs::{Mode, OFlags};

/// What is mapped at once. A piece of a table with sixteen bytes for each 16 KiB: what stands for a GiB.
const PIECE: u64 = 1 << 20;

/// A table of which pieces are missing.
#[derive(Debug)]
struct Table {
    /// Of whole pieces.
    range: Range<u64>,
    /// A bit for each piece: set where it is mapped.
    mapped: Box<[AtomicU64]>,
}

/// What the handler needs.
#[derive(Debug)]
struct Tables {
    tables: Vec<Table>,
    before: libc::sigaction,
}

static TABLES: OnceLock<Tables> = OnceLock::new();
/// Held while a piece is mapped: mapped twice, it would lose what was written in between.
static LOCK: AtomicBool = AtomicBool::new(false);

/// Has the empty pieces of these tables mapped when they are touched. Once, in a process of one thread.
///
/// # Errors
///
/// Nothing is changed, or it is: what was replaced is mapped when it is touched in any case.
pub(super) fn map_on_demand(ranges: &[Range<u64>]) -> io::Result<()> {
    // What is opened for reading only nobody maps writable later; pages of it that are private are zeroes.
    let zero = rustix::fs::open("/dev/zero", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let tables = ranges.iter().filter_map(Table::new).collect();
    let before = handler()?;
    TABLES.set(Tables { tables, before }).map_err(|_| io::ErrorKind::AlreadyExists)?;
    install()?;
    TABLES.get().into_iter().flat_map(|tables| &tables.tables).try_for_each(|table| table.empty(&zero))
}

impl Table {
    fn new(range: &Range<u64>) -> Option<Self> {
        let range = range.start.next_multiple_of(PIECE)..range.end / PIECE * PIECE;
        let pieces = range.end.checked_sub(range.start)? / PIECE;
        let mapped = (0..pieces.div_ceil(64)).map(|_| AtomicU64::new(u64::MAX)).collect();
        Some(Self { range, mapped })
    }

    /// Replaces the pieces of which no page was touched.
    fn empty(&self, zero: &OwnedFd) -> io::Result<()> {
        /// So many pieces are asked about at once.
        const AT_ONCE: u64 = 256;
        let page = rustix::param::page_size() as u64;
        let pages = usize::try_from(PIECE / page).unwrap_or(1);
        let mut touched = vec![0_u8; pages * AT_ONCE as usize];
        let mut at = self.range.start;
        while at < self.range.end {
            let end = self.range.end.min(at + AT_ONCE * PIECE);
            // SAFETY: the kernel writes one byte a page, for which there is room; the addresses are a mapping's.
            let answer = unsafe { libc::mincore(pointer(at), (end - at) as usize, touched.as_mut_ptr()) };
            if answer != 0 {
                return Err(io::Error::last_os_error());
            }
            // Neighbours are replaced by one mapping.
            let mut begun: Option<u64> = None;
            for (piece, touched) in (at..end).step_by(PIECE as usize).zip(touched.chunks(pages)) {
                match (touched.iter().all(|page| page & 1 == 0), begun) {
                    (true, None) => begun = Some(piece),
                    (false, Some(first)) => {
                        self.replace(first..piece, zero)?;
                        begun = None;
                    }
                    _ => {}
                }
            }
            if let Some(first) = begun {
                self.replace(first..end, zero)?;
            }
            at = end;
        }
        Ok(())
    }

    fn replace(&self, pieces: Range<u64>, zero: &OwnedFd) -> io::Result<()> {
        for piece in pieces.clone().step_by(PIECE as usize) {
            let (word, bit) = self.place(piece);
            word.fetch_and(!bit, Ordering::Relaxed);
        }
        let flags = libc::MAP_SHARED | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let length = (pieces.end - pieces.start) as usize;
        // SAFETY: no page of these was ever touched (see the module's Safety paragraph), and from now on the handler maps what is.
        let answer = unsafe { libc::mmap(pointer(pieces.start), length, libc::PROT_NONE, flags, zero.as_raw_fd(), 0) };
        if answer == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Where it stands whether a piece is mapped.
    fn place(&self, address: u64) -> (&AtomicU64, u64) {
        let piece = (address - self.range.start) / PIECE;
        (&self.mapped[(piece / 64) as usize], 1 << (piece % 64))
    }

    /// Maps the piece of an address, if it is not.
    ///
    /// Runs in the handler.
    fn map(&self, address: u64) -> Mapped {
        let (word, bit) = self.place(address);
        while LOCK.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            std::hint::spin_loop();
        }
        let mapped = if word.load(Ordering::Relaxed) & bit != 0 {
            Mapped::Before
        } else {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            // SAFETY: the piece holds nothing: it is one that was replaced, and nobody has mapped it since.
            let answer =
                unsafe { libc::mmap(pointer(address / PIECE * PIECE), PIECE as usize, protection, flags, -1, 0) };
            if answer == libc::MAP_FAILED {
                Mapped::Refused
            } else {
                word.fetch_or(bit, Ordering::Relaxed);
                Mapped::Now
            }
        };
        LOCK.store(false, Ordering::Release);
        mapped
    }
}

/// What came of mapping a piece.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mapped {
    /// It was mapped by another thread meanwhile, or always.
    Before,
    Now,
    Refused,
}

fn pointer(address: u64) -> *mut libc::c_void {
    std::ptr::with_exposed_provenance_mut(address as usize)
}

/// What handles a SIGSEGV now.
fn handler() -> io::Result<libc::sigaction> {
    // SAFETY: all-zero bytes are a valid sigaction.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes to `before`, which lives through the call.
    let answer = unsafe { libc::sigaction(libc::SIGSEGV, std::ptr::null(), &raw mut before) };
    if answer == 0 { Ok(before) } else { Err(io::Error::last_os_error()) }
}

fn install() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
    // SAFETY: all-zero bytes are a valid sigaction.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler as libc::sighandler_t;
    // On the stack that the standard library has for the handler which stood here before.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: `sa_mask` is a live set of signals.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    // SAFETY: `on_fault` is async-signal-safe, and the kernel copies `action`.
    let answer = unsafe { libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut()) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

extern "C" fn on_fault(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(tables) = TABLES.get() else { return };
    // SAFETY: the kernel hands a valid siginfo_t to a handler that was installed with SA_SIGINFO.
    let information = unsafe { &*info };
    // SAFETY: of a SIGSEGV that the kernel raised the address is set; of another one it is any number.
    let address = unsafe { information.si_addr() } as u64;
    const SEGV_ACCERR: libc::c_int = 2;
    let table = tables.tables.iter().find(|table| table.range.contains(&address));
    if let Some(table) = table.filter(|_| information.si_code == SEGV_ACCERR) {
        match table.map(address) {
            // The instruction is made again.
            Mapped::Now | Mapped::Before => return,
            Mapped::Refused => {
                // As when an allocation fails: errno says ENOMEM, which is what the worker's handler of SIGABRT reports.
                // SAFETY: `abort` is async-signal-safe, and does not return.
                unsafe { libc::abort() }
            }
        }
    }
    hand_on(&tables.before, signal, info, context);
}

/// Does what was done before about a SIGSEGV.
fn hand_on(before: &libc::sigaction, signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    if matches!(before.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) {
        // The instruction is made again, and ends the process.
        // SAFETY: SIG_DFL is valid for every signal.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    } else if before.sa_flags & libc::SA_SIGINFO != 0 {
        type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
        // SAFETY: with SA_SIGINFO the address is that of such a function.
        let handler = unsafe { std::mem::transmute::<libc::sighandler_t, Handler>(before.sa_sigaction) };
        handler(signal, info, context);
    } else {
        // SAFETY: without SA_SIGINFO the address is that of such a function.
        let handler =
            unsafe { std::mem::transmute::<libc::sighandler_t, extern "C" fn(libc::c_int)>(before.sa_sigaction) };
        handler(signal);
    }
}
