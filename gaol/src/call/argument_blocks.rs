//! Where the long blocks of a call go while its arguments are written: into the prefaulted buffer of the worker that is going to serve it, as far as it
//! holds them, and into memory of their own.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::queue::Place;
use crate::process::template::handle::{Template, Worker};
use crate::protocol::codec::BlockSink;
use crate::sys::os::shared::SharedWriter;

/// A worker that was taken for a call before it was written.
pub(crate) struct Reserved {
    pub(crate) worker: Worker,
    pub(crate) template: Arc<Template>,
    pub(crate) place: Place,
}

/// The blocks of arguments that are sent out of band.
pub(crate) struct ArgumentBlocks<F> {
    /// Takes a worker, when there is a first block.
    take: Option<F>,
    reserved: Option<Reserved>,
    /// How many bytes are in its prefaulted buffer.
    prefaulted: u32,
    /// A block did not fit there: no other goes there, so that they stay in order.
    full: bool,
    shared: SharedWriter,
}

/// Where the blocks are.
pub(crate) struct Placed {
    pub(crate) reserved: Option<Reserved>,
    pub(crate) prefaulted: u32,
    pub(crate) shared: Option<OwnedFd>,
}

impl<F: FnOnce() -> Option<Reserved>> ArgumentBlocks<F> {
    pub(crate) fn new(take: F) -> Self {
        Self { take: Some(take), reserved: None, prefaulted: 0, full: false, shared: SharedWriter::default() }
    }

    /// The blocks, which nobody but the worker changes any more.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn place(self) -> io::Result<Placed> {
        Ok(Placed { reserved: self.reserved, prefaulted: self.prefaulted, shared: self.shared.seal()? })
    }
}

impl<F: FnOnce() -> Option<Reserved>> BlockSink for ArgumentBlocks<F> {
    fn put(&mut self, block: &[u8], _width: usize) -> io::Result<()> {
        if let Some(take) = self.take.take() {
            self.reserved = take();
        }
        let buffer = self.reserved.as_ref().and_then(|reserved| reserved.worker.buffer.as_ref());
        if let (Some(buffer), Ok(length)) = (buffer.filter(|_| !self.full), u32::try_from(block.len()))
            && let Some(end) = self.prefaulted.checked_add(length).filter(|end| u64::from(*end) <= buffer.size())
        {
            buffer.write(block, self.prefaulted.into())?;
            self.prefaulted = end;
            return Ok(());
        }
        self.full = true;
        self.shared.put(block)
    }
}
