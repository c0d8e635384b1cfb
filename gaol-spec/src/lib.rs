//! The small languages of the attribute's values, shared by the compile-time and the run-time check.
//!
//! A literal such as `"tcp:443"` or `"256MiB"` is read here twice: by the attribute while the program is compiled, and
//! by the library when the value comes from an expression. One grammar, one set of messages. Every message has the
//! form "what is wrong; what belongs here".
//!
//! | function | reads | written in |
//! |---|---|---|
//! | [`check_path`] | `"/srv/uploads"` | `read`, `write`, `metadata` |
//! | [`parse_network`] | `"tcp:443"` | `net` |
//! | [`check_env_name`] | `"LANG"` | `env` |
//! | [`parse_duration`] | `"2s"`, `"none"` | `time`, `cpu` |
//! | [`parse_size`] | `"256MiB"`, `"none"` | `memory`, `file_size`, `reply` |
//! | [`parse_count`] | `"none"`, `"64"` | `files`, `threads` |
//! | [`Output::parse`] | `"capture"` | `stdout`, `stderr` |
//! | [`Process::parse`] | `"fresh"` | `process` |
//! | [`Violation::parse`] | `"deny"` | `violation` |

#![forbid(unsafe_code)]

mod choice;
pub mod defaults;
mod env;
mod error;
mod nearest;
mod network;
mod path;
mod quantity;

pub use crate::choice::{Output, Process, Violation};
pub use crate::env::check_env_name;
pub use crate::error::SpecError;
pub use crate::nearest::nearest;
pub use crate::network::{Network, parse_network};
pub use crate::path::{PATH_MAX, check_path, covers};
pub use crate::quantity::{check_count, check_duration, check_size, parse_count, parse_duration, parse_size};
