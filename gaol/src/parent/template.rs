//! The application's handle on a template, and on the workers that it forks.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustix::net::{RecvFlags, SocketType};
use rustix::process::Signal;

use super::resolve::{Name, Resolved};
use super::wait::{Readable, wait_readable};
use super::zygote::{NotStarted, SETUP_TIME, Zygote};
use crate::message::{LONGEST, Readiness, SPAWN, Spawned};
use crate::plan::{Plan, Reason, Refusal, Stream};
use crate::sys::descriptors::{receive, send, socket_pair};
use crate::sys::{Entered, spawn};
use crate::wire::codec;

/// A template that is inside its layers. Dropping it ends it and its idle workers.
#[derive(Debug)]
pub(super) struct Template {
    control: OwnedFd,
    pidfd: OwnedFd,
    names: Vec<Name>,
    plan: Plan,
    entered: Entered,
    /// Workers that served a call and are kept (`process = "reused"`).
    kept: Mutex<VecDeque<Worker>>,
    /// A zygote of the template's own (`process = "exec"`), ended with it.
    _zygote: Option<Arc<Zygote>>,
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Name")
    }
}

/// Why there is no template.
pub(super) enum NoTemplate {
    /// It could not enter a layer.
    Refused(Refusal),
    /// Something failed on the way.
    NotStarted(NotStarted),
    /// The zygote is gone.
    NoZygote,
}

/// A forked worker, waiting for its call.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) channel: OwnedFd,
    pub(super) pidfd: OwnedFd,
    /// Where the template says how it ended.
    pub(super) status: OwnedFd,
    /// What it prints, where that is captured.
    pub(super) output: Option<OwnedFd>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Whatever it is doing, nobody waits for it any more. Its template reaps it.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl Template {
    /// Has `zygote` fork a template, and waits until it is inside its layers.
    pub(super) fn start(zygote: &Arc<Zygote>, resolved: Resolved, exclusive: bool) -> Result<Self, NoTemplate> {
        let deadline = Instant::now() + SETUP_TIME;
        let failed = |step: &'static str| {
            let not_started = NotStarted::at(step);
            move |error| NoTemplate::NotStarted(not_started(error))
        };
        let Resolved { plan, names } = resolved;
        let (control, theirs) = socket_pair(SocketType::SEQPACKET).map_err(failed("socketpair"))?;
        zygote.fork(spawn::namespace_flags(&plan), &theirs).map_err(|_| NoTemplate::NoZygote)?;
        drop(theirs);
        // If it is gone already, what it said before is still to be read.
        let sent = send_plan(&control, &plan);
        let mut buffer = vec![0; LONGEST];
        match wait_readable(control.as_fd(), Some(deadline)).map_err(failed("poll"))? {
            Readable::Yes => {}
            Readable::Late => {
                // What hangs will not serve the next call either.
                zygote.kill();
                return Err(failed("wait for the template")(io::Error::from(io::ErrorKind::TimedOut)));
            }
        }
        let mut received = match receive(control.as_fd(), &mut buffer, RecvFlags::empty()) {
            Ok(received) if received.bytes > 0 => received,
            Ok(_) => return Err(NoTemplate::NoZygote),
            Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => return Err(NoTemplate::NoZygote),
            Err(error) => return Err(failed("receive the template's answer")(error)),
        };
        match codec::decode(&buffer[..received.bytes]) {
            Ok(Readiness::Ready(entered)) => {
                sent.map_err(failed("send the plan"))?;
                let pidfd = received
                    .descriptors
                    .pop()
                    .ok_or_else(|| failed("receive the template's pidfd")(io::Error::from(io::ErrorKind::InvalidData)))?;
                Ok(Self {
                    control,
                    pidfd,
                    names,
                    plan,
                    entered,
                    kept: Mutex::default(),
                    _zygote: exclusive.then(|| Arc::clone(zygote)),
                })
            }
            Ok(Readiness::Refused(refusal)) => Err(NoTemplate::Refused(refusal)),
            Err(error) => Err(failed("read the template's answer")(io::Error::other(error.to_string()))),
        }
    }

    /// What it was made from.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Which layers its workers run in.
    pub(super) fn entered(&self) -> Entered {
        self.entered
    }

    /// Whether every path still means what it meant.
    pub(super) fn is_fresh(&self) -> bool {
        self.names.iter().all(Name::still_holds)
    }

    /// A worker that is kept from an earlier call.
    pub(super) fn take_kept(&self) -> Option<Worker> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Keeps a worker for the next call.
    pub(super) fn keep(&self, worker: Worker) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push_back(worker);
    }

    /// Asks for one more worker, which [`Template::take`] gives to whoever comes first.
    pub(super) fn ask(&self) -> io::Result<()> {
        send(self.control.as_fd(), SPAWN, &[])
    }

    /// Takes a worker that was asked for. Any number of threads may wait: each message is one whole worker.
    pub(super) fn take(&self) -> Result<Worker, NoWorker> {
        let deadline = Instant::now() + SETUP_TIME;
        let mut buffer = [0; 128];
        loop {
            let received = match receive(self.control.as_fd(), &mut buffer, RecvFlags::DONTWAIT) {
                Ok(received) if received.bytes == 0 => return Err(NoWorker::NoTemplate),
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match wait_readable(self.control.as_fd(), Some(deadline)) {
                        Ok(Readable::Yes) => continue,
                        Ok(Readable::Late) => {
                            let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
                            return Err(NoWorker::NoTemplate);
                        }
                        Err(error) => return Err(NoWorker::Failed("poll", error)),
                    }
                }
                Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => return Err(NoWorker::NoTemplate),
                Err(error) => return Err(NoWorker::Failed("receive a worker", error)),
            };
            return match codec::decode(&buffer[..received.bytes]) {
                Ok(Spawned::Worker) => self.assemble(received.descriptors).ok_or_else(|| {
                    NoWorker::Failed("receive a worker's descriptors", io::Error::from(io::ErrorKind::InvalidData))
                }),
                Ok(Spawned::Failed { step, errno }) => {
                    Err(NoWorker::Failed(step.name(), io::Error::from_raw_os_error(errno)))
                }
                Err(_) => Err(NoWorker::NoTemplate),
            };
        }
    }

    fn assemble(&self, descriptors: Vec<OwnedFd>) -> Option<Worker> {
        let mut descriptors = descriptors.into_iter();
        let (channel, pidfd, status) = (descriptors.next()?, descriptors.next()?, descriptors.next()?);
        let output = descriptors.next();
        let captures = self.plan.stdout == Stream::Capture || self.plan.stderr == Stream::Capture;
        (output.is_some() == captures).then_some(Worker { channel, pidfd, status, output })
    }
}

/// Why there is no worker.
pub(super) enum NoWorker {
    /// The template is gone.
    NoTemplate,
    /// A step failed.
    Failed(&'static str, io::Error),
}

/// Sends a plan, cut into messages, with the streams that workers inherit.
fn send_plan(control: &OwnedFd, plan: &Plan) -> io::Result<()> {
    let mut bytes = Vec::new();
    codec::encode(plan, &mut bytes, u64::from(u32::MAX)).map_err(|error| io::Error::other(error.to_string()))?;
    let streams = [(plan.stdout, rustix::stdio::stdout()), (plan.stderr, rustix::stdio::stderr())];
    let inherited: Vec<BorrowedFd<'_>> =
        streams.into_iter().filter(|(stream, _)| *stream == Stream::Inherit).map(|(_, fd)| fd).collect();
    send(control.as_fd(), &(bytes.len() as u64).to_le_bytes(), &inherited)?;
    bytes.chunks(LONGEST).try_for_each(|chunk| send(control.as_fd(), chunk, &[]))
}

impl Refusal {
    /// The application may find another state of things if it looks again.
    pub(super) fn is_worth_another_look(&self) -> bool {
        self.reason == Reason::Changed
    }
}
