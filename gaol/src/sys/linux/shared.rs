//! Shared memory for long blocks of bytes: sealed against changing its size, written once and read once.
//!
//! It is written and read by system calls and never mapped: a byte is read once, into memory that nobody else has, so that what a live
//! child does to it afterwards changes nothing, and a size that lies is a short read instead of a signal.
//!
//! # References
//!
//! memfd_create(2), fcntl(2) on seals.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;

/// Memory without a size yet, which nobody can execute where the kernel knows how to say so (6.3).
fn create() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = match rustix::fs::memfd_create(c"gaol", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(c"gaol", flags)?,
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
    let memory = create()?;
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
            None => self.memory.insert(create()?),
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
        let all = SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&memory, all)?;
        Ok(Some(memory.into()))
    }
}

/// Pieces of shared memory, read one after the other.
#[derive(Debug)]
pub(crate) struct SharedReader {
    /// With their sizes.
    pieces: VecDeque<(File, u64)>,
    /// Where the first of them is read next.
    at: u64,
    /// Bytes that are still to be read.
    left: u64,
}

impl SharedReader {
    /// The first `length` bytes of `pieces`, each with its size.
    pub(crate) fn new(pieces: impl IntoIterator<Item = (OwnedFd, u64)>, length: u64) -> Self {
        let pieces = pieces.into_iter().map(|(memory, size)| (File::from(memory), size)).collect();
        Self { pieces, at: 0, left: length }
    }

    /// Bytes that are still to be read.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    ///
    /// They are not there.
    pub(crate) fn take(&mut self, mut block: &mut [u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(block.len() as u64).ok_or(ErrorKind::UnexpectedEof)?;
        while !block.is_empty() {
            let (memory, size) = self.pieces.front().ok_or(ErrorKind::UnexpectedEof)?;
            let here = usize::try_from(size - self.at).unwrap_or(usize::MAX).min(block.len());
            let (now, later) = std::mem::take(&mut block).split_at_mut(here);
            memory.read_exact_at(now, self.at)?;
            self.at += here as u64;
            block = later;
            if self.at == *size {
                self.pieces.pop_front();
                self.at = 0;
            }
        }
        Ok(())
    }
}
