//! Shared memory for long blocks of bytes: sealed against changing its size, and each block in it written once and read once.
//!
//! It is written and read by system calls and never mapped: a byte is read once, into memory that nobody else has, so that what a live
//! child does to it afterwards changes nothing, and a size that lies is a short read instead of a signal.
//!
//! # References
//!
//! memfd_create(2), fcntl(2) on seals.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::numbers::Numbers;

/// Memory without a size yet, which nobody can execute where the kernel knows how to say so (6.3).
fn create(name: &CStr) -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match rustix::fs::memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags)?,
        memory => memory?,
    };
    Ok(memory.into())
}

/// Makes memory of `size` bytes for somebody else to write, who cannot change the size.
///
/// # Errors
///
/// The kernel's: EMFILE, ENOMEM, EFBIG.
pub(crate) fn of_size(size: u64) -> io::Result<OwnedFd> {
    sized(c"gaol", size)
}

fn sized(name: &CStr, size: u64) -> io::Result<OwnedFd> {
    let memory = create(name)?;
    memory.set_len(size)?;
    rustix::fs::fcntl_add_seals(&memory, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(memory.into())
}

/// Memory that grows while it is written, and is then sealed.
#[derive(Debug, Default)]
pub(crate) struct SharedWriter {
    memory: Option<File>,
    length: u64,
}

impl SharedWriter {
    /// Adds a block.
    ///
    /// # Errors
    ///
    /// The kernel's: EMFILE, ENOMEM, EFBIG.
    pub(crate) fn put(&mut self, block: &[u8]) -> io::Result<()> {
        let memory = match &self.memory {
            Some(memory) => memory,
            None => self.memory.insert(create(c"gaol")?),
        };
        memory.write_all_at(block, self.length)?;
        self.length += block.len() as u64;
        Ok(())
    }

    /// The memory, which nobody can change any more. `None` where nothing was put.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn seal(self) -> io::Result<Option<OwnedFd>> {
        let Some(memory) = self.memory else { return Ok(None) };
        // Nothing maps it, so no write is left that this one would still allow. `F_SEAL_WRITE` fails with EBUSY while the kernel itself holds on to
        // one of the pages.
        let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::FUTURE_WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&memory, all)?;
        Ok(Some(memory.into()))
    }
}

/// Shared memory of one worker, which both sides write and read, in turn. Its size is sealed.
#[derive(Clone, Debug)]
pub(crate) struct PrefaultedBuffer {
    memory: Arc<File>,
    size: u64,
}

impl PrefaultedBuffer {
    /// Memory for a prefaulted buffer.
    ///
    /// # Errors
    ///
    /// The kernel's: EMFILE, ENOMEM.
    pub(crate) fn make(size: u64) -> io::Result<OwnedFd> {
        sized(c"gaol-buffer", size)
    }

    /// Has the kernel find the pages of memory for a prefaulted buffer, by writing zeros over zeros. (fallocate(2) is refused in a sandbox.)
    ///
    /// Whoever knows of it already would lose what they have written.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn find_pages(memory: BorrowedFd<'_>, size: u64) -> io::Result<()> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let mut at = 0;
        while at < size {
            let here = usize::try_from(size - at).unwrap_or(usize::MAX).min(ZEROS.len());
            at += rustix::io::retry_on_intr(|| rustix::io::pwrite(memory, &ZEROS[..here], at))? as u64;
        }
        Ok(())
    }

    pub(crate) fn new(memory: OwnedFd, size: u64) -> Self {
        Self { memory: Arc::new(memory.into()), size }
    }

    /// How many bytes it has.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// What it is, to tell it from others.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn stat(&self) -> io::Result<rustix::fs::Stat> {
        Ok(rustix::fs::fstat(&self.memory)?)
    }

    /// Writes into it.
    ///
    /// # Errors
    ///
    /// The kernel's: EFBIG, EPERM past its end, ENOMEM.
    pub(crate) fn write(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.memory.write_all_at(bytes, at)
    }

    /// What lies at its beginning, as a piece for [`SharedReader`].
    pub(crate) fn piece(&self, length: u64) -> Piece {
        Piece(Arc::clone(&self.memory), length)
    }
}

/// Shared memory that is read, and how much of it.
#[derive(Debug)]
pub(crate) struct Piece(Arc<File>, u64);

impl Piece {
    pub(crate) fn new(memory: OwnedFd, length: u64) -> Self {
        Self(Arc::new(memory.into()), length)
    }
}

/// Pieces of shared memory, read one after the other.
#[derive(Debug)]
pub(crate) struct SharedReader {
    /// With their sizes, which are not 0.
    pieces: VecDeque<Piece>,
    /// Where the first of them is read next.
    at: u64,
    /// Bytes that are still to be read.
    left: u64,
}

impl SharedReader {
    /// The first `length` bytes of `pieces`.
    pub(crate) fn new(pieces: impl IntoIterator<Item = Piece>, length: u64) -> Self {
        Self { pieces: pieces.into_iter().filter(|piece| piece.1 > 0).collect(), at: 0, left: length }
    }

    /// Bytes that are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Reads the next bytes, as numbers that have `width` bytes each.
    ///
    /// # Errors
    ///
    /// They are not there, or there is no memory for them.
    pub(crate) fn take(&mut self, length: usize, width: usize) -> io::Result<Numbers> {
        self.left = self.left.checked_sub(length as u64).ok_or(ErrorKind::UnexpectedEof)?;
        if let Some(Piece(memory, size)) = self.pieces.front()
            && length as u64 <= *size - self.at
        {
            let mut numbers = Numbers::with_capacity(length, width)?;
            numbers.read(memory, self.at, length)?;
            self.went(length);
            return Ok(numbers);
        }
        // From several, whose ends may divide a number.
        let mut numbers = Numbers::zeroed(length, width)?;
        let mut missing = numbers.bytes_mut();
        while !missing.is_empty() {
            let Piece(memory, size) = self.pieces.front().ok_or(ErrorKind::UnexpectedEof)?;
            let here = usize::try_from(size - self.at).unwrap_or(usize::MAX).min(missing.len());
            let (now, later) = std::mem::take(&mut missing).split_at_mut(here);
            memory.read_exact_at(now, self.at)?;
            self.went(here);
            missing = later;
        }
        Ok(numbers)
    }

    /// So much of the first piece was read.
    fn went(&mut self, length: usize) {
        self.at += length as u64;
        if self.pieces.front().is_some_and(|piece| piece.1 == self.at) {
            self.pieces.pop_front();
            self.at = 0;
        }
    }
}
