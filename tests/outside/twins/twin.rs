//! Two crates of one name, and each has this function.

#![forbid(unsafe_code)]
#![deny(warnings, missing_docs, clippy::all, clippy::pedantic)]

/// Which of the two this is, and where the function stands.
///
/// # Errors
///
/// When the call fails.
pub fn which() -> gaol::Result<(String, String)> {
    #[gaol::sandboxed]
    fn twin() -> gaol::Result<(String, String)> {
        Ok((env!("CARGO_PKG_VERSION").to_owned(), concat!(module_path!(), " in ", file!()).to_owned()))
    }
    twin()
}
