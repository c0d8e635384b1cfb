//! A library that knows gaol under another name.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]

/// Another name for the library, in a crate that others use.
///
/// # Errors
///
/// When the call fails.
#[jail::sandboxed(crate = ::jail, process = "reused")]
pub fn seven(count: u32) -> jail::Result<u32> {
    Ok(count + 1)
}
