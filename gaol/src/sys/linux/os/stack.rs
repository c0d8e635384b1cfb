//! Where the stack of a thread is.
//!
//! # Safety
//!
//! The C library fills an object of attributes that is destroyed again, and what is read from it is two numbers.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Range;

/// The addresses of this thread's stack. `None` where the C library does not know: that of the main thread it reads in `/proc`.
///
/// Never to be called in a sandbox, where that file is out of reach.
pub(crate) fn of_this_thread() -> Option<Range<usize>> {
    thread_local! {
        /// Asked once. A thread's stack does not move.
        static STACK: Cell<Option<(usize, usize)>> = const { Cell::new(None) };
    }
    if STACK.get().is_none() {
        STACK.set(ask());
    }
    STACK.get().map(|(start, end)| start..end)
}

fn ask() -> Option<(usize, usize)> {
    let mut attributes = MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: takes nothing, and names the calling thread.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: the thread is the calling one, which lives; the C library initialises the attributes if it answers 0.
    if unsafe { libc::pthread_getattr_np(thread, attributes.as_mut_ptr()) } != 0 {
        return None;
    }
    let (mut start, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: the attributes are initialised, and both results are written to places of their types.
    let answer = unsafe { libc::pthread_attr_getstack(attributes.as_ptr(), &raw mut start, &raw mut size) };
    // SAFETY: they are initialised, and not used after this.
    let _ = unsafe { libc::pthread_attr_destroy(attributes.as_mut_ptr()) };
    (answer == 0).then(|| (start.addr(), start.addr().saturating_add(size)))
}

#[cfg(test)]
mod tests {
    use super::of_this_thread;

    #[test]
    fn a_thread_knows_its_stack() {
        let inside = |size: usize| {
            let marker = 0_u8;
            let stack = of_this_thread().expect("the C library knows");
            assert!(stack.contains(&std::ptr::from_ref(&marker).addr()), "{stack:?}");
            // The C library may give a thread the stack of one that has ended, which may have been larger.
            assert!(stack.len() >= size && stack.len() < 64 << 20, "{stack:?}");
        };
        for size in [64 << 10, 1 << 20, 16 << 20] {
            std::thread::Builder::new()
                .stack_size(size)
                .spawn(move || inside(size))
                .expect("a thread")
                .join()
                .expect("no panic");
        }
    }
}
