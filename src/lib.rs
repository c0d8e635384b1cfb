//! Nothing of its own: the root package carries `tests/`, and runs what the README and the pages of `docs/` show.
#![allow(clippy::needless_doctest_main, reason = "the page on entry points shows where `main` is")]
#![doc = include_str!("../README.md")]

#[doc = include_str!("../docs/keys.md")]
mod keys {}

#[doc = include_str!("../docs/data-and-descriptors.md")]
mod data_and_descriptors {}

#[doc = include_str!("../docs/programs.md")]
mod programs {}

#[doc = include_str!("../docs/errors.md")]
mod errors {}

#[doc = include_str!("../docs/entry-point.md")]
mod entry_point {}

#[doc = include_str!("../docs/support.md")]
mod support {}

#[doc = include_str!("../docs/what-it-stops.md")]
mod what_it_stops {}
