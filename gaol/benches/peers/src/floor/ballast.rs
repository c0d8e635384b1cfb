//! Resident memory, for a parent that has much of it.
//!
//! # Safety
//!
//! A mapping is made, advised and unmapped by one owner, which nobody borrows from.
#![allow(unsafe_code)]

use std::io;
use std::ptr;

use rustix::mm::{Advice, MapFlags, ProtFlags};

const PAGE: usize = 4096;

/// Memory that is touched, in pages of 4 KiB: huge ones would make a fork look cheap.
pub(crate) struct Ballast {
    start: *mut std::ffi::c_void,
    length: usize,
}

impl Ballast {
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        // SAFETY: a new mapping, at an address that the kernel chooses, is nobody else's.
        let start = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), length, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        }?;
        let ballast = Self { start, length };
        // SAFETY: the range is the mapping made above, and the advice changes none of its bytes.
        unsafe { rustix::mm::madvise(start, length, Advice::LinuxNoHugepage) }?;
        for offset in (0..length).step_by(PAGE) {
            // SAFETY: within the mapping, which is writable, and of which there are no references.
            unsafe { start.cast::<u8>().wrapping_add(offset).write_volatile(1) };
        }
        Ok(ballast)
    }
}

impl Drop for Ballast {
    fn drop(&mut self) {
        // SAFETY: the mapping made in `new`, which nothing points into any more.
        let _ = unsafe { rustix::mm::munmap(self.start, self.length) };
    }
}
