//! What of entering the layers does not depend on the paths of a plan, so that it can be done before they are known.
//!
//! It costs more than what is left to do then: a call whose profile names its arguments need not wait for it.

use std::ops::RangeInclusive;
use std::os::fd::{AsFd, OwnedFd, RawFd};

use rustix::net::SocketType;
use seccompiler::BpfProgram;

use super::namespaces::{self, Ids, Prepared};
use super::seccomp::{self, Shape};
use super::{capabilities, hygiene, limits, steps};
use crate::support::Layer;
use crate::sys::os::descriptors;
use crate::sys::plan::{Plan, Reason, Refusal};
use crate::sys::{answer_traps, enter_filter, own_refusal, refusal, shape};

/// A process that has begun to enter the layers of a plan.
pub(crate) struct Prewarmed {
    /// The plan, but for its paths.
    frame: Plan,
    /// What the process had.
    pub(crate) usage: limits::Usage,
    /// Its root, where the plan does not say that this is to be the whole tree.
    pub(crate) root: Option<Prepared>,
    /// The second part of the filter, where the first was entered, and for which shape.
    filter: Option<(Shape, BpfProgram)>,
}

impl Prewarmed {
    /// Lays it for a plan like this one, with whatever paths. This cannot be undone.
    ///
    /// # Errors
    ///
    /// As of [`crate::sys::enter`].
    pub(crate) fn lay(plan: &Plan, ids: Ids) -> Result<Self, Refusal> {
        steps::at(Layer::Hygiene, "setsid");
        let usage = limits::usage().map_err(|error| refusal(Layer::Limits, "read /proc/self/statm", &error))?;
        limits::bound_process_ids(plan);
        if plan.layers.has(Layer::Limits) && !plan.narrows {
            limits::be_ended_first();
        }
        if plan.layers.has(Layer::Hygiene) {
            // An application keeps its terminal: whoever interrupts it there means it. Its filter keeps it from typing.
            if !plan.narrows {
                hygiene::leave_terminal();
            }
            hygiene::leave_directory()?;
        }
        let root = if plan.layers.has(Layer::Namespaces) {
            steps::at(Layer::Namespaces, "write /proc/self/uid_map");
            namespaces::isolate(ids)?;
            if plan.layers.has(Layer::Hygiene) {
                leave_null_device(0..=libc::STDERR_FILENO, namespaces::null_device)?;
            }
            if plan.sees_everything() { None } else { Some(namespaces::prepare()?) }
        } else {
            // Some programs do not take a socket for an input that has ended. An application keeps its streams.
            if plan.layers.has(Layer::Hygiene) && !plan.narrows && !plan.runs_programs() {
                leave_null_device(0..=libc::STDIN_FILENO, ended_input)?;
            }
            None
        };
        if plan.layers.has(Layer::Capabilities) {
            steps::at(Layer::Capabilities, "prctl(PR_CAPBSET_DROP)");
            capabilities::shrink_bounding_set()?;
        }
        Ok(Self { frame: plan.frame(), usage, root, filter: None })
    }

    /// Enters the filter as well, but for what is left to do: [`crate::sys::enter`] takes that back. The kernel takes longer to compile it than
    /// for anything else here.
    ///
    /// Gives the listener of a filter that asks.
    ///
    /// # Errors
    ///
    /// As of [`crate::sys::enter`].
    pub(crate) fn enter_filter(&mut self, plan: &Plan) -> Result<Option<OwnedFd>, Refusal> {
        if !plan.layers.has(Layer::Seccomp) {
            return Ok(None);
        }
        steps::at(Layer::Seccomp, "seccomp(SECCOMP_SET_MODE_FILTER)");
        capabilities::forbid_new_privileges()?;
        let shape = shape(plan);
        let [first, rest] = seccomp::template_filter_in_parts(&shape);
        self.filter = Some((shape, rest));
        answer_traps()?;
        enter_filter(plan, &shape, &first)
    }

    /// Whether it was laid for a plan like this one.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Refusal> {
        let has_root = plan.has_private_root() && !plan.sees_everything();
        let has_filter = self.filter.as_ref().is_none_or(|(entered, _)| *entered == shape(plan));
        if self.frame == plan.frame() && self.root.is_some() == has_root && has_filter {
            return Ok(());
        }
        Err(own_refusal(
            Layer::Hygiene,
            "enter the layers of the plan that was announced",
            String::new(),
            Reason::Changed,
        ))
    }

    /// What is to be entered of the filter yet, where a part of it was.
    pub(crate) fn rest_of_filter(&mut self) -> Option<BpfProgram> {
        self.filter.take().map(|(_, rest)| rest)
    }
}

/// Puts something else in the place of those of the streams that are the machine's null device: a worker is to hold no file of the machine's
/// that its profile does not name.
fn leave_null_device(
    streams: RangeInclusive<RawFd>,
    instead: impl FnOnce() -> Result<OwnedFd, Refusal>,
) -> Result<(), Refusal> {
    let is_null = |number: RawFd| match descriptors::is_null_device(number) {
        Ok(is_null) => Ok(is_null.then_some(number)),
        Err(error) => Err(refusal(Layer::Hygiene, "look at a standard stream", &error)),
    };
    let streams: Vec<RawFd> = streams.filter_map(|number| is_null(number).transpose()).collect::<Result<_, _>>()?;
    if streams.is_empty() {
        return Ok(());
    }
    let instead = instead()?;
    for number in streams {
        let placed = descriptors::place(instead.as_fd(), number);
        std::mem::forget(placed.map_err(|error| refusal(Layer::Hygiene, "dup3", &error))?);
    }
    Ok(())
}

/// An end that nothing can come from.
fn ended_input() -> Result<OwnedFd, Refusal> {
    let pair = descriptors::socket_pair(SocketType::STREAM);
    pair.map(|(input, _)| input).map_err(|error| refusal(Layer::Hygiene, "socketpair", &error))
}
