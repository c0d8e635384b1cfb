//! The entry point of test binaries, whose `main` belongs to the harness: a function in `.init_array`.
//!
//! # Safety
//!
//! The function runs before `main`, once, on the only thread. The standard library works there: its own arguments and every registration
//! of `inventory` in the crates that use this one come first.
#![allow(unsafe_code)]

#[used]
// SAFETY: `.init_array` holds pointers to functions that the C runtime calls before `main`; this one ignores the arguments that glibc passes.
#[unsafe(link_section = ".init_array")]
static INIT: extern "C" fn() = init;

extern "C" fn init() {
    crate::init();
}
