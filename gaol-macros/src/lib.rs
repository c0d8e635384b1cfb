//! The macros of gaol, `#[sandboxed]` above all: use them through the `gaol` crate, which re-exports them.

#![forbid(unsafe_code)]

mod ast;
mod attr;
mod cfg;
mod check;
mod expand;
mod fallback;
mod function;
mod names;
mod reason;
mod report;
mod spec;
mod tainted;
#[cfg(test)]
mod tests;
mod text;

use proc_macro2::TokenStream;

use crate::report::Report;

/// Runs a function in a sandboxed child process.
///
/// Every call runs the body in a fresh process that may do only what the keys list: a whitelist. The signature does not
/// change, and callers do not see the difference, but for the new ways to fail.
///
/// ```ignore
/// use std::path::Path;
///
/// use gaol::sandboxed;
///
/// /// Decodes an untrusted image. Sees one directory, no network, 256 MiB, two seconds.
/// #[sandboxed(read = "/srv/uploads", memory = "256MiB", time = "2s")]
/// fn thumbnail(path: &Path) -> gaol::Result<Thumbnail> {
///     // ordinary Rust
/// }
/// ```
///
/// # Keys
///
/// | key | takes | meaning | if it is not written |
/// |---|---|---|---|
/// | `read` | a path, or a list | read contents and metadata of the path and all beneath it | nothing |
/// | `write` | a path, or a list | create, change, rename and remove beneath it (add `read` to read back) | nothing |
/// | `metadata` | a path, or a list | stat, list and resolve, not read | nothing |
/// | `exec` | a path, or a list | run that program, in the same sandbox; of a directory, those beneath it | nothing |
/// | `net` | an address, or a list | send to it and connect to it | nothing |
/// | `listen` | a local address, or a list | accept and receive there | nothing |
/// | `system` | `"info"` | read the system's load, memory and settings (sysinfo(2), `/proc/sys`) | nothing |
/// | `env` | a variable's name, or a list | copy the variable from the parent | nothing |
/// | `time` | a duration | wall-clock deadline of the call | `"60s"` |
/// | `cpu` | a duration | CPU time, all threads together | `"none"` |
/// | `memory` | a size | private writable memory | `"1GiB"` |
/// | `files` | a count | open descriptors | `256` |
/// | `threads` | a count | threads at once, and with `exec` processes | `64` |
/// | `file_size` | a size | largest file written | `"1GiB"` |
/// | `reply` | a size | largest reply; what is made of it may take eight times as much memory | `"64MiB"` |
/// | `stdout` | `"capture"`, `"null"`, `"inherit"` | where standard output goes | `"capture"` |
/// | `stderr` | `"capture"`, `"null"`, `"inherit"` | where standard error goes | `"capture"` |
/// | `process` | `"fresh"`, `"exec"`, `"reused"` | a fork per call, a new program image per call, one worker kept | `"fresh"` |
/// | `violation` | `"deny"`, `"kill"` | a refused system call returns an error, or ends the worker | `"deny"` |
/// | `crate` | a path | where the library is, if not at `::gaol` | `::gaol` |
///
/// * A **path** is absolute and normal: no `.`, `..`, doubled or trailing slash. It stands for itself and all beneath it;
///   `"literal:/etc/hosts"` is that one file and nothing else.
/// * An **address** is `"tcp:443"` or `"udp:53"`, that port of any host; `"unix:/run/x.sock"`, the Unix socket at that path; or
///   `"all"`, every TCP and UDP address. For `listen` it is a port of this host, or `"all"`. A host cannot be named yet.
/// * A **duration** is a whole number and `ms`, `s`, `min` or `h`.
/// * A **size** is a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`.
/// * A **count** is an integer literal from 1 to 4294967295.
/// * `"none"` lifts a limit, by name.
/// * A **list** is an array: `read = ["/data", "/etc/ssl"]`.
///
/// Some values exclude each other. What `exec` names may not be written, so no path of `write` may hold it or lie in it. `exec`
/// goes neither with `process = "reused"`, where a program could leave something behind for the next call, nor with
/// `threads = 1`, which leaves it no process to run in.
///
/// ```ignore
/// /// Runs one program, which reads one directory and writes another.
/// #[sandboxed(exec = "/usr/bin/convert", read = "/srv/uploads", write = "/srv/thumbnails")]
/// fn convert(name: &str) -> gaol::Result<()> {
///     // std::process::Command, as anywhere else
/// }
///
/// /// Asks two services: one of any host, one behind a Unix socket.
/// #[sandboxed(net = ["tcp:443", "unix:/run/cache.sock"], read = "literal:/etc/ssl/cert.pem")]
/// fn fetch(address: SocketAddr) -> gaol::Result<Vec<u8>> {
///     // ordinary Rust
/// }
///
/// /// Serves one connection, and may ask how busy the system is.
/// #[sandboxed(listen = "tcp:8080", system = "info", time = "none")]
/// fn serve() -> gaol::Result<()> {
///     // ordinary Rust
/// }
/// ```
///
/// # Expressions
///
/// A literal is checked while the program is compiled. Any other expression (a constant, a macro, a call) is evaluated in
/// the parent at every call, and checked then by the same rules. It may name the parameters, but not move them:
///
/// ```ignore
/// /// May read the file that it is given, and nothing else.
/// #[sandboxed(read = path, time = "500ms")]
/// fn checksum(path: &Path) -> gaol::Result<u64> {
///     // ordinary Rust
/// }
/// ```
///
/// A list may mix literals and expressions. `process` takes a literal only.
///
/// In a key that takes a path, a `str` or `String` is read as a literal is, with its `literal:`. A `Path`, `PathBuf`, `OsStr` or
/// `OsString` is a path and nothing else, so it stands for itself and all beneath it; for one file, give a `gaol::PathPattern`.
///
/// # What can cross
///
/// The function must return `Result<T, E>` with `E: From<gaol::Error>`; `gaol::Result<T>` is the short form. Arguments and
/// results cross by serde:
///
/// * Parameters taken by value are `Serialize` and `DeserializeOwned`, as is `T`.
/// * `&str`, `&[T]`, `&Path`, `&OsStr`, `&CStr` and `&T` are sent by value and lent to the body.
/// * What serde's attributes come to is in `docs/serde.md` in the repository: a type that cannot be read as it was written is an error of the
///   call, which names parameter and type.
/// * `&mut T` and `&mut [T]` are sent, and come back if the function returns `Ok`.
/// * Descriptors (`File`, sockets, pipes) are sent as such.
/// * An `E` that implements serde's traits comes back as it was returned. Any other comes back as its `From<gaol::Error>` makes it of a
///   `gaol::Error::Function`, which has its message, those of its sources, and the errno and kind of an `io::Error`. So an enum of your own loses
///   its variant (`ImageError::Decode` arrives as `ImageError::Sandbox`): derive `Serialize` and `Deserialize` for it to keep it.
/// * Parameters may be patterns, `mut`, or `_`, and may have a `#[cfg]`.
///
/// What cannot cross is a compile error that says what to write instead: generics, lifetimes, `impl Trait`, `self`,
/// borrows inside another type (`Option<&str>`), pointers, trait objects, `const`, `async`, `unsafe` and `extern` functions.
///
/// # Other attributes
///
/// They stay on the function. Documentation, `#[must_use]`, `#[deprecated]`, `#[cfg]` and lint attributes keep their meaning;
/// those that cannot (`#[test]`, `#[no_mangle]`, `#[target_feature]`, `#[track_caller]`, …) are refused with the reason.
///
/// # Errors
///
/// All mistakes of an attribute and its function are reported at once, and the function is left as it was written, so that
/// its callers cause no further errors.
#[cfg(proc_macro)]
#[proc_macro_attribute]
pub fn sandboxed(attribute: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(attribute.into(), item.into()).into()
}

/// Parse, read the literals, check, expand.
fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let arguments = attr::parse(attribute.clone(), &mut report);
    let function = match function::parse(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            report.push(error);
            return fallback::keep_item(item, report);
        }
    };
    if let Some(both) = cfg::split(&attribute, &arguments, &function) {
        return both;
    }
    let profile = spec::read(&arguments, &mut report);
    check::check(&arguments, &profile, &function, &mut report);
    if !report.is_empty() {
        return fallback::keep_function(function, report);
    }
    expand::expand(&arguments, &profile, &function)
}

/// Makes a second struct with every field tainted, and the way from the one to the other.
///
/// ```ignore
/// /// What the parser found.
/// #[derive(Serialize, Deserialize, gaol::Taint)]
/// pub struct Header {
///     pub width: u32,
///     pub name: String,
/// }
///
/// // pub struct TaintedHeader { pub width: Tainted<u32>, pub name: Tainted<String> }
///
/// let TaintedHeader { width, name } = parse(bytes)?.split();
/// ```
///
/// For structs with named fields and tuple structs, generic ones too. Names, visibility and the documentation of the fields are
/// those of the struct. Where the library is not at `::gaol`, `#[taint(crate = my_gaol)]` says where.
///
/// # Errors
///
/// An enum, a union, and a struct without fields do not compile, nor does an attribute that would leave a field out.
#[cfg(proc_macro)]
#[proc_macro_derive(Taint, attributes(taint))]
pub fn taint(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    tainted::expand(input.into()).into()
}

/// The literal of `gaol::reason!`, which says something.
#[doc(hidden)]
#[cfg(proc_macro)]
#[proc_macro]
pub fn checked_reason(tokens: proc_macro::TokenStream) -> proc_macro::TokenStream {
    reason::expand(tokens.into()).into()
}

/// The macros as functions of tokens. No program can link a crate of macros, so `fuzz/` builds this one as a plain library.
#[cfg(all(fuzzing, not(proc_macro)))]
pub mod plain {
    use proc_macro2::TokenStream;

    /// `#[sandboxed(attribute)] item`.
    #[must_use]
    pub fn sandboxed(attribute: TokenStream, item: TokenStream) -> TokenStream {
        crate::expand(attribute, item)
    }

    /// `#[derive(Taint)] input`.
    #[must_use]
    pub fn taint(input: TokenStream) -> TokenStream {
        crate::tainted::expand(input)
    }

    /// `checked_reason!(tokens)`.
    #[must_use]
    pub fn checked_reason(tokens: TokenStream) -> TokenStream {
        crate::reason::expand(tokens)
    }
}
