//! The tables: which system calls a worker may make, with which arguments, and why.
//!
//! A call that is in no table is refused with EPERM. A table has a row for a call that is refused in another way.
//!
//! Three answers to a call that is not allowed, and when each is right:
//!
//! * `Refuse`: the function tried what its profile does not list. `violation = "kill"` makes it the worker's end.
//! * `Answer`: libc, std or a common program tries the call on its own account and knows what to do without it.
//! * `Kill`: an attack on the kernel or on another process and nothing else.
//!
//! Flags and modes are listed as the calls are: those that are known and harmless are allowed, whatever else there is or will be is answered
//! as by a kernel that does not have it, which programs that try something new are made for. Flags that reach beyond what the profile lists
//! are a violation.
//!
//! Where programs may be run (`Shape::exec`), nothing is handled: the handler does not outlive an execve(2). What it answers
//! elsewhere is decided here, one way or the other.

use super::rule::Action::{self, Refuse};
use super::rule::Table;
use super::{Paths, Shape};

mod descriptors;
mod files;
mod identity;
mod memory;
mod names;
mod processes;
mod programs;
mod refused;
mod setup;
mod signals;
mod sockets;
mod worker;

pub(crate) use names::name;
pub(super) use setup::SETUP;
pub(crate) use sockets::{BY_HANDLER, shows_itself};
pub(super) use worker::worker;

/// What becomes of a call that is in no table.
pub(super) const UNLISTED: Action = Refuse(libc::EPERM);

/// The highest number that the tables have been written for: `listns`, Linux 6.19.
pub(super) const NEWEST: u32 = 470;

/// Everything that a worker may call, and what its template must still call.
///
/// # Panics
///
/// If programs may be run and something else than a private root or Landlock decides on a path: a trap would end a program.
pub(super) fn template(shape: &Shape) -> Table {
    assert!(!shape.exec || shape.paths == Paths::Visible, "programs are run where no path is handled: {shape:?}");
    let mut table = Table::default();
    descriptors::list(&mut table, shape);
    memory::list(&mut table, shape);
    processes::list(&mut table, shape);
    signals::list(&mut table, shape);
    identity::list(&mut table, shape);
    files::list(&mut table, shape);
    sockets::list(&mut table, shape);
    refused::list(&mut table, shape);
    if shape.exec {
        programs::list(&mut table);
    }
    table
}

/// A kernel `int` as the filters see it.
const fn bits(value: i32) -> u32 {
    value.cast_unsigned()
}
