//! What this process is to gaol: an application that may call, or something that gaol started.

use std::sync::atomic::{AtomicBool, Ordering};

static ENTRY_POINT: AtomicBool = AtomicBool::new(false);
static CHILD: AtomicBool = AtomicBool::new(false);

/// The process has passed its entry point, so that a child of it is going to know itself.
pub(crate) fn has_entry_point() -> bool {
    ENTRY_POINT.load(Ordering::Relaxed)
}

/// From now on [`has_entry_point`].
pub(crate) fn pass_entry_point() {
    ENTRY_POINT.store(true, Ordering::Relaxed);
}

/// Gaol started this process.
pub(crate) fn is_child() -> bool {
    CHILD.load(Ordering::Relaxed)
}

/// From now on [`is_child`].
pub(crate) fn become_child() {
    CHILD.store(true, Ordering::Relaxed);
}
