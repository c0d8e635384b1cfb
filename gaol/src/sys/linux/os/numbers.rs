//! Numbers in a row, of a type that is known by its size: memory that a block is read into before it is known what it is of.
//!
//! # Safety
//!
//! Numbers are read into capacity that was reserved and is not initialised. Every bit pattern is a number, and only what the kernel says
//! that it has written becomes part of the vector.
#![allow(unsafe_code)]

use std::collections::TryReserveError;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;

use bytemuck::Pod;
use rustix::io::Errno;
use rustix::mm::Advice;

/// From here on memory is asked for in huge pages: a fault for each small one costs more than the copy.
const LARGE: usize = 4 << 20;

/// A huge page.
const HUGE_PAGE: usize = 2 << 20;

/// The most that is read at once. The kernel stops short of 2 GiB.
const AT_ONCE: usize = 1 << 30;

/// Numbers of one, two, four, eight or sixteen bytes.
#[derive(Debug)]
pub(crate) enum Numbers {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<u32>),
    Eight(Vec<u64>),
    Sixteen(Vec<u128>),
}

/// Does the same with the vector of whichever size it is.
macro_rules! each {
    ($numbers:expr, $vector:ident => $same:expr) => {
        match $numbers {
            Numbers::One($vector) => $same,
            Numbers::Two($vector) => $same,
            Numbers::Four($vector) => $same,
            Numbers::Eight($vector) => $same,
            Numbers::Sixteen($vector) => $same,
        }
    };
}

impl Numbers {
    /// Room for so many bytes of numbers that have `width` bytes each; of bytes, where they are no whole number of such.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub(crate) fn with_capacity(bytes: usize, width: usize) -> io::Result<Self> {
        let mut numbers = match if bytes.is_multiple_of(width.max(1)) { width } else { 1 } {
            2 => Self::Two(Vec::new()),
            4 => Self::Four(Vec::new()),
            8 => Self::Eight(Vec::new()),
            16 => Self::Sixteen(Vec::new()),
            _ => Self::One(Vec::new()),
        };
        each!(&mut numbers, vector => reserve(vector, bytes)).map_err(|_| ErrorKind::OutOfMemory)?;
        Ok(numbers)
    }

    /// So many bytes of zeros.
    ///
    /// # Errors
    ///
    /// There is no memory.
    pub(crate) fn zeroed(bytes: usize, width: usize) -> io::Result<Self> {
        let mut numbers = Self::with_capacity(bytes, width)?;
        each!(&mut numbers, vector => vector.resize(bytes / size_of_val(&zero(vector)), zero(vector)));
        Ok(numbers)
    }

    /// Their bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        each!(self, vector => bytemuck::cast_slice(vector))
    }

    /// Their bytes, to be written.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        each!(self, vector => bytemuck::cast_slice_mut(vector))
    }

    /// Reads more of them from a file: `size` bytes from `at` on.
    ///
    /// # Errors
    ///
    /// They are not there, or there is no memory, or `size` is no whole number of them.
    pub(crate) fn read(&mut self, file: &File, mut at: u64, mut size: usize) -> io::Result<()> {
        while size > 0 {
            let now = size.min(AT_ONCE);
            each!(&mut *self, vector => read(vector, file, at, now))?;
            at += now as u64;
            size -= now;
        }
        Ok(())
    }

    /// The numbers, as those of a type of the same size. Of another type they are copied.
    pub(crate) fn into_vector<P: Pod>(self) -> Vec<P> {
        each!(self, vector => bytemuck::allocation::try_cast_vec(vector).unwrap_or_else(|(_, vector)| {
            bytemuck::pod_collect_to_vec(&vector)
        }))
    }
}

fn zero<P: Pod>(_vector: &[P]) -> P {
    P::zeroed()
}

/// How many numbers so many bytes are.
fn whole<P>(bytes: usize, _vector: &[P]) -> io::Result<usize> {
    if bytes.is_multiple_of(size_of::<P>()) { Ok(bytes / size_of::<P>()) } else { Err(ErrorKind::InvalidData.into()) }
}

fn reserve<P>(vector: &mut Vec<P>, bytes: usize) -> Result<(), TryReserveError> {
    vector.try_reserve_exact(bytes.div_ceil(size_of::<P>()))?;
    if bytes >= LARGE {
        let begin = vector.spare_capacity_mut().as_mut_ptr().cast::<u8>();
        let before = begin.align_offset(HUGE_PAGE);
        let whole = bytes.saturating_sub(before) & !(HUGE_PAGE - 1);
        // SAFETY: the range is inside of the vector's capacity, and this advice changes nothing that is in it. A system that does not
        // take it is slower.
        let _ = unsafe { rustix::mm::madvise(begin.wrapping_add(before).cast(), whole, Advice::LinuxHugepage) };
    }
    Ok(())
}

fn read<P: Pod>(vector: &mut Vec<P>, file: &File, at: u64, bytes: usize) -> io::Result<()> {
    let more = whole(bytes, vector)?;
    vector.try_reserve_exact(more).map_err(|_| ErrorKind::OutOfMemory)?;
    let spare = vector.spare_capacity_mut()[..more].as_mut_ptr().cast::<MaybeUninit<u8>>();
    // SAFETY: the room for `more` numbers is room for `bytes` bytes, nobody else refers to it, and bytes need no alignment.
    let spare = unsafe { std::slice::from_raw_parts_mut(spare, bytes) };
    let read = loop {
        match rustix::io::pread(file, &mut *spare, at) {
            Ok((read, _)) => break read.len(),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    };
    if read != bytes {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    // SAFETY: the kernel has written all of the bytes, and whatever they are is a number.
    unsafe { vector.set_len(vector.len() + more) };
    Ok(())
}
