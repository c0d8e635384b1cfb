//! Templates before they have a plan, and how they get one.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::net::SocketType;

use crate::process::messages::{DescendantRules, EXPECTING, ForkTemplate, LONGEST, PlanHead, Purpose};
use crate::process::zygote::handle::{NotStarted, Zygote};
use crate::protocol::codec;
use crate::sys::os::descriptors::{send, socket_pair};
use crate::sys::os::spawn;
use crate::sys::plan::{Plan, Refusal, Stream};

/// A template that has no plan yet.
#[derive(Debug)]
pub(crate) struct PrewarmedTemplate {
    pub(crate) control: OwnedFd,
    pub(crate) zygote: Arc<Zygote>,
    /// What it expects: a plan like this one, but for the paths.
    frame: Option<Plan>,
    since: Instant,
}

impl PrewarmedTemplate {
    /// Has `zygote` fork one for `plan`.
    ///
    /// One that is `careful` tells of its steps.
    pub(crate) fn ask(zygote: &Arc<Zygote>, plan: &Plan, careful: bool) -> Result<Self, NoTemplate> {
        let (control, theirs) = socket_pair(SocketType::SEQPACKET).map_err(failed("socketpair"))?;
        let request = ForkTemplate {
            namespaces: spawn::namespace_flags(plan),
            asks: plan.asks(),
            descendants: plan
                .runs_programs()
                .then(|| DescendantRules { limit: plan.descendant_limit(), orphaned: !plan.has_private_root() }),
            careful,
        };
        zygote.fork(request, &theirs).map_err(|_| NoTemplate::NoZygote)?;
        Ok(Self { control, zygote: Arc::clone(zygote), frame: None, since: Instant::now() })
    }

    /// Has `zygote` fork one that gets ready for a plan like this one. Nobody waits for it.
    pub(crate) fn expect(zygote: &Arc<Zygote>, plan: &Plan) -> Result<Self, NoTemplate> {
        let prewarmed = Self::ask(zygote, plan, false)?;
        prewarmed.send(Purpose::Expect, plan).map_err(failed("send the plan that is to be expected"))?;
        Ok(Self { frame: Some(plan.frame()), ..prewarmed })
    }

    /// Whether it expects a plan like this one.
    pub(crate) fn expects(&self, plan: &Plan) -> bool {
        plan.can_be_prewarmed() && self.frame.as_ref().is_some_and(|frame| *frame == plan.frame())
    }

    /// Whether this zygote forked it.
    pub(crate) fn is_of(&self, zygote: &Arc<Zygote>) -> bool {
        Arc::ptr_eq(&self.zygote, zygote)
    }

    /// Whether it is going to wait for some time yet.
    pub(crate) fn stays(&self) -> bool {
        self.since.elapsed() < EXPECTING / 2
    }

    /// Sends it a plan, cut into messages, with the terminals that workers inherit.
    pub(crate) fn send(&self, purpose: Purpose, plan: &Plan) -> io::Result<()> {
        let mut bytes = Vec::new();
        codec::encode(plan, &mut bytes, u64::from(u32::MAX)).map_err(|error| io::Error::other(error.to_string()))?;
        let streams = [(plan.stdout, rustix::stdio::stdout()), (plan.stderr, rustix::stdio::stderr())];
        let inherited: Vec<OwnedFd> = streams
            .into_iter()
            .filter(|(stream, _)| purpose == Purpose::Enter && *stream == Stream::Inherit)
            .map(|(_, fd)| to_write_only(fd))
            .collect::<io::Result<_>>()?;
        let inherited: Vec<BorrowedFd<'_>> = inherited.iter().map(AsFd::as_fd).collect();
        let head = PlanHead { purpose, length: bytes.len() as u64 };
        send(self.control.as_fd(), &head.to_bytes(), &inherited)?;
        bytes.chunks(LONGEST).try_for_each(|chunk| send(self.control.as_fd(), chunk, &[]))
    }
}

/// Why there is no template.
pub(crate) enum NoTemplate {
    /// It could not enter a layer.
    Refused(Refusal),
    /// Something failed on the way.
    NotStarted(NotStarted),
    /// The zygote is gone.
    NoZygote,
    /// It ended before it was ready, and nobody knows why. One that is careful tells.
    Ended,
}

/// A step that failed on the way.
pub(crate) fn failed(step: &'static str) -> impl Fn(io::Error) -> NoTemplate {
    let not_started = NotStarted::at(step);
    move |error| NoTemplate::NotStarted(not_started(error))
}

/// A terminal that a child may write to. It is opened anew: what the application has can be read from as well, and what is typed there is
/// not for the child; and flags that the child sets are its own. Everything else is passed on.
fn to_write_only(terminal: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let path = format!("/proc/self/fd/{}", terminal.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}
