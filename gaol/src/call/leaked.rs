//! A place for one value that lives for ever, readable right after a fork.
//!
//! # Safety
//!
//! The pointer is null or comes from `Box::leak`, and nothing that it ever pointed to is freed. A lock would do as well, but a fork in
//! another thread could copy it locked.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicPtr, Ordering};

/// Holds the newest of some values, each of which lives for ever.
#[derive(Debug)]
pub(crate) struct LeakedCell<T: 'static>(AtomicPtr<T>);

impl<T: Sync> LeakedCell<T> {
    pub(crate) const fn empty() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The newest value.
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or leaked and never freed; published with Release after it was made.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Puts `value` in place of `old`, unless another thread was faster. What `old` was lives on.
    pub(crate) fn replace(&self, old: Option<&'static T>, value: T) -> &'static T {
        let old = old.map_or(std::ptr::null_mut(), |old| std::ptr::from_ref(old).cast_mut());
        let new: *mut T = Box::leak(Box::new(value));
        let current = match self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => new,
            // The value that lost is leaked: this happens once a process at most, and it is small.
            Err(other) => other,
        };
        // SAFETY: `new` was just leaked; `other` is what another thread published, for null is never put back.
        unsafe { &*current }
    }
}
