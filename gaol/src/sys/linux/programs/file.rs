//! A regular file, opened without waiting for it and read within bounds.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use super::ProgramProblem;

/// A file of which parts are read, by offset.
pub(super) struct RegularFile {
    file: File,
    length: u64,
    mode: u32,
}

impl RegularFile {
    pub(super) fn open(path: &Path) -> Result<Self, ProgramProblem> {
        // Asked before it is opened, as opening a device may do something; and after, as it may have been replaced by a pipe.
        if !fs::metadata(path).map_err(ProgramProblem::Io)?.is_file() {
            return Err(ProgramProblem::NotAFile);
        }
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
            .map_err(ProgramProblem::Io)?;
        let metadata = file.metadata().map_err(ProgramProblem::Io)?;
        if !metadata.is_file() {
            return Err(ProgramProblem::NotAFile);
        }
        Ok(Self { file, length: metadata.len(), mode: metadata.mode() })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn mode(&self) -> u32 {
        self.mode
    }

    /// The bytes from `offset` on, `at_most` so many and no more than there are.
    pub(super) fn read(&self, offset: u64, at_most: usize) -> Result<Vec<u8>, ProgramProblem> {
        let there = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; at_most.min(there)];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(ProgramProblem::Io(error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}
