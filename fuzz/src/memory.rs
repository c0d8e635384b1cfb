//! An account of memory: what runs inside of [`within`] gets no more than it says, as under `RLIMIT_DATA`.
//!
//! An allocation past the bound fails. Whoever asked in a way that can fail is told; everybody else ends the process, which the fuzzer
//! keeps as a crash.
//!
//! # Safety
//!
//! The allocator hands every request on to the system's, as it came, or answers with null, which an allocator may always do.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Account;

#[global_allocator]
static ACCOUNT: Account = Account;

thread_local! {
    /// What this thread holds now. Memory that another thread frees is not in it, and targets have one thread.
    static HELD: Cell<isize> = const { Cell::new(0) };
    /// What it may hold.
    static BOUND: Cell<isize> = const { Cell::new(isize::MAX) };
}

impl Account {
    /// Whether so many bytes more are allowed. They are held from here on.
    fn take(&self, bytes: usize) -> bool {
        let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
        let held = HELD.get().saturating_add(bytes);
        let allowed = held <= BOUND.get();
        if allowed {
            HELD.set(held);
        }
        allowed
    }

    fn give_back(&self, bytes: usize) {
        HELD.set(HELD.get() - isize::try_from(bytes).unwrap_or(isize::MAX));
    }
}

// SAFETY: every block is the system's own, with the layout that was asked for; null says that there is none.
unsafe impl GlobalAlloc for Account {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !self.take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if !self.take(layout.size()) {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's promise about `layout` is handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.give_back(layout.size());
        // SAFETY: the block came from the system's allocator with this layout.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both are held while one is copied into the other.
        if !self.take(size) {
            return std::ptr::null_mut();
        }
        self.give_back(layout.size());
        // SAFETY: the block came from the system's allocator with this layout, and the caller's promise about `size` is handed on.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// Runs `work`, which may hold `bytes` more than what is held now.
pub fn within<T>(bytes: usize, work: impl FnOnce() -> T) -> T {
    struct Restore(isize);
    impl Drop for Restore {
        fn drop(&mut self) {
            BOUND.set(self.0);
        }
    }
    let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
    let restore = Restore(BOUND.replace(HELD.get().saturating_add(bytes)));
    let result = work();
    drop(restore);
    result
}
