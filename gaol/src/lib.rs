//! Sandbox a function with one attribute.

#[doc(hidden)]
pub mod __private;
mod child;
#[cfg_attr(feature = "test-controls", doc(hidden))]
#[cfg(feature = "test-controls")]
pub mod controls;
#[cfg(not(feature = "test-controls"))]
mod controls;
mod crossing;
mod dynamic;
mod entry;
mod error;
mod init;
mod manifest;
mod message;
mod parent;
mod plan;
mod profile;
mod role;
mod support;
mod sys;
#[cfg(feature = "test-support")]
mod test_support;
mod wire;

pub use gaol_macros::sandboxed;

pub use crate::crossing::Returned;
pub use crate::dynamic::{ChoiceValue, DurationValue, NumberValue, PathValues, TextValues};
pub use crate::entry::Entry;
pub use crate::error::{
    Call, Error, FunctionError, Outcome, PathProblem, ProtocolProblem, Result, Unprepared, Unsupported, Violation,
};
pub use crate::init::init;
pub use crate::manifest::profiles;
pub use crate::parent::{prepare, support};
pub use crate::profile::{
    AddressPattern, Limits, Operation, Output, PathPattern, Process, Profile, ProfilePath, Violation as OnViolation,
};
pub use crate::support::{Availability, Layer, Support};
