//! Every name that generated code uses. Nothing here is for people, and all of it may change in any release.

pub use core::convert::identity;
pub use core::{column, concat, file, line, module_path, stringify};
pub use std::borrow::Cow;
pub use std::convert::From;
pub use std::fmt::Debug;
pub use std::option::Option;
pub use std::result::Result::Ok;
pub use std::string::String;
pub use std::time::Duration;
pub use std::vec::Vec;

pub use gaol_macros::checked_reason;
pub use inventory::submit;

pub use crate::call::{Prepared, prepared};
pub use crate::function::entry::{Entry, Registration, Reply, Request};
pub use crate::function::transfer::{
    Codec, CodecDisplay, CodecError, CodecSerde, ErrorCodec, ErrorType, OptionCodec, Place, Returned, Returns, Sent,
    Way, WayOfBlocks, WayOfDescriptors, WayOfNothing, WayOfSerde, assert_crosses, assert_known, serve,
};
pub use crate::profile::dynamic::{Dynamic, evaluate};
pub use crate::profile::{
    AddressPattern, Limits, Operation, Output, PathPattern, Process, Profile, ProfilePath, Violation,
};
pub use crate::protocol::codec::{DecodeError, EncodeError, Reader, Writer};
pub use crate::tainted::{Taint, Tainted, from_checked as reason_from_checked};
