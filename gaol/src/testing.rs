//! What tests, benchmarks and fuzz targets use of gaol. No program does.

#[cfg(feature = "bench-internals")]
#[doc(hidden)]
pub mod bench_internals;
#[cfg(not(feature = "test-controls"))]
pub(crate) mod controls;
#[cfg_attr(feature = "test-controls", doc(hidden))]
#[cfg(feature = "test-controls")]
pub mod controls;
#[cfg(feature = "escape-suite")]
pub mod escape_suite;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz;
