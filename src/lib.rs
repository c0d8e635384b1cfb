//! Nothing of its own: the root package carries `examples/` and `tests/`, and runs what the README shows.
#![doc = include_str!("../README.md")]
