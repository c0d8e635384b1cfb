//! What the allocator has reserved, taken from it and given back to the system.
//!
//! # Safety
//!
//! Blocks are taken from the global allocator and never returned to it: no code has a reference into them, and an allocator does not touch
//! what somebody else holds. So the pages that lie within one may be unmapped.
#![allow(unsafe_code)]

use std::alloc::Layout;

use rustix::process::{Resource, Rlimit};

use crate::sys::layers::limits;

/// The sizes of the blocks, which are whole pages: from what arenas are large, to what is hardly worth a system call. Each is a little less than a
/// power of two, since some allocators round up a block with what they keep beside it (by up to 4 MiB), and leave what is left over to nobody.
fn sizes() -> impl Iterator<Item = usize> {
    (16..=30).rev().map(|bits| (1 << bits) - (5 << 20).min((1 << bits) / 8))
}

/// The most blocks: each may split a mapping, of which a process has some ten thousands.
const MOST: usize = 8192;

/// What an allocator may map meanwhile to keep account of what it gives: less than what it reserves at once.
const BOOKKEEPING: u64 = 8 << 20;

/// Takes every block that the allocator has without asking the system, and gives it back to the system.
pub(super) fn give_back() {
    let mut blocks = Vec::with_capacity(MOST);
    // The stack grows before the limits are there: it would not beneath them.
    std::hint::black_box([1_u8; 128 << 10]);
    let held = [Resource::Data, Resource::As].map(|resource| (resource, rustix::process::getrlimit(resource)));
    let Ok(usage) = limits::usage() else { return };
    // Little is mapped from here on, so that what comes was there.
    for ((resource, held), now) in
        held.iter().zip([usage.data, usage.mapped].map(|now| now.saturating_add(BOOKKEEPING)))
    {
        let current = held.current.map_or(now, |current| current.min(now));
        let _ = rustix::process::setrlimit(*resource, Rlimit { current: Some(current), maximum: held.maximum });
    }
    take_all(&mut blocks);
    for (resource, held) in held {
        let _ = rustix::process::setrlimit(resource, held);
    }
    for (block, size) in blocks {
        // SAFETY: the block begins and ends at pages, is held here, and nobody else hears of it (see the module's Safety paragraph).
        // What stays mapped, for the number of mappings is limited as well, still counts as standing ready.
        let _ = unsafe { rustix::mm::munmap(block, size) };
    }
}

/// As many as `blocks` has room for.
fn take_all(blocks: &mut Vec<(*mut std::ffi::c_void, usize)>) {
    let page = rustix::param::page_size();
    for size in sizes() {
        let Ok(layout) = Layout::from_size_align(size / page * page, page) else { return };
        while layout.size() > 0 && blocks.len() < blocks.capacity() {
            // SAFETY: the size is not zero.
            let block = unsafe { std::alloc::alloc(layout) };
            if block.is_null() {
                break;
            }
            blocks.push((block.cast(), layout.size()));
        }
    }
}
