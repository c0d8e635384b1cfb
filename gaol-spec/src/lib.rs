//! The small languages of the attribute's values, shared by the compile-time and the run-time check.
//!
//! A literal such as `"tcp:443"` or `"256MiB"` is read here twice: by the attribute while the program is compiled, and
//! by the library when the value comes from an expression. One grammar, one set of messages. Every message has the
//! form "what is wrong; what belongs here".
//!
//! | function | reads | written in |
//! |---|---|---|
//! | [`parse_path_pattern`] | `"/srv/uploads"`, `"literal:/etc/hosts"` | `read`, `write`, `metadata`, `exec` |
//! | [`parse_network`] | `"tcp:443"`, `"udp:53"`, `"unix:/run/x.sock"`, `"all"` | `net` |
//! | [`parse_listen`] | `"tcp:8080"`, `"udp:53"`, `"all"` | `listen` |
//! | [`System::parse`] | `"info"` | `system` |
//! | [`check_env_name`] | `"LANG"` | `env` |
//! | [`parse_duration`] | `"2s"`, `"none"` | `time`, `cpu` |
//! | [`parse_size`] | `"256MiB"`, `"none"` | `memory`, `file_size`, `reply` |
//! | [`parse_count`] | `"none"`, `"64"` | `files`, `threads` |
//! | [`Output::parse`] | `"capture"` | `stdout`, `stderr` |
//! | [`Process::parse`] | `"fresh"` | `process` |
//! | [`Violation::parse`] | `"deny"` | `violation` |
//!
//! What holds between the values of one profile has its messages in [`rules`].

#![forbid(unsafe_code)]

mod choice;
pub mod defaults;
mod env;
mod error;
mod nearest;
mod network;
mod path;
mod quantity;
pub mod rules;

pub use crate::choice::{Output, Process, System, Violation};
pub use crate::env::check_env_name;
pub use crate::error::SpecError;
pub use crate::nearest::nearest;
pub use crate::network::{Network, parse_listen, parse_network};
pub use crate::path::{PATH_MAX, PatternKind, check_path, covers, parse_path_pattern};
pub use crate::quantity::{check_count, check_duration, check_size, parse_count, parse_duration, parse_size};
