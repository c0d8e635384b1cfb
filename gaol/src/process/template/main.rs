//! The template: enters the layers once, then forks a worker whenever the application asks for one.
//!
//! Runs in the *setup* window: gaol's own code, inside every layer, with nothing untrusted in its memory.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, Shutdown, SocketType};
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

use crate::process::judge;
use crate::process::messages::{
    EXPECTING, Ended, LONGEST, PlanHead, Purpose, Readiness, Spawned, Step, Supervise, WorkerRequest, send, verdict,
    worker_descriptor,
};
use crate::process::worker::main;
use crate::process::worker::main::Setup;
use crate::protocol::codec;
use crate::support::Layer;
use crate::sys;
use crate::sys::layers::landlock::OwnDomain;
use crate::sys::layers::namespaces::Ids;
use crate::sys::layers::prewarmed::Prewarmed;
use crate::sys::layers::seccomp::WorkerFilter;
use crate::sys::layers::steps;
use crate::sys::os::descriptors::{close_from, place, receive, socket_pair};
use crate::sys::os::shared::PrefaultedBuffer;
use crate::sys::os::spawn;
use crate::sys::os::spawn::{Side, exit_now};
use crate::sys::plan::{Need, Plan, Reason, Refusal, Stream};
use crate::sys::{own_refusal, refusal};

/// The template's end of its control socket.
const CONTROL: i32 = 3;
/// Its end of the socket to the zygote, which answers the questions of its filter.
const ASKING: i32 = 4;

/// From the fork to the end of the process.
///
/// One that is `careful` tells of each step before it takes it.
pub(crate) fn main(socket: OwnedFd, asking: Option<OwnedFd>, ids: Ids, zygote: Pid, careful: bool) -> ! {
    // The zygote's death is the template's, and the template's is its workers'. It may have died before that was said: a process in a
    // pid namespace of its own has no parent to see (and is killed by nobody else), elsewhere another one is the parent now.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if rustix::process::getppid().is_some_and(|parent| parent != zygote) {
        exit_now(0);
    }
    let _ = rustix::thread::set_name(c"gaol-template");
    let Ok((control, asking)) = settle(socket, asking) else { exit_now(crate::process::EXIT_BROKEN) };
    if careful && let Ok(control) = control.try_clone() {
        steps::tell(Some(Box::new(move |layer, step| {
            let _ = send(&control, &Readiness::At { layer: layer as u8, step: step.to_owned() }, &[]);
        })));
    }
    let prepared = prepare(&control, asking, ids);
    steps::tell(None);
    match prepared {
        Ok(prepared) => match serve(&control, &prepared) {
            Ok(never) => match never {},
            Err(_) => exit_now(crate::process::EXIT_BROKEN),
        },
        Err(refusal) => {
            let _ = send(&control, &Readiness::Refused(refusal), &[]);
            exit_now(crate::process::EXIT_BROKEN)
        }
    }
}

/// Keeps its sockets, and nothing else that the zygote had.
fn settle(socket: OwnedFd, asking: Option<OwnedFd>) -> io::Result<(OwnedFd, Option<OwnedFd>)> {
    // The zygote's own descriptors have owners in this copy of its memory, which are never dropped: the process ends by `_exit`.
    // Both are lifted out of the way first, for either may have the other's number.
    let lift = |fd: OwnedFd| -> io::Result<OwnedFd> {
        let lifted = rustix::io::fcntl_dupfd_cloexec(&fd, ASKING + 1)?;
        std::mem::forget(fd);
        Ok(lifted)
    };
    let (socket, asking) = (lift(socket)?, asking.map(lift).transpose()?);
    let control = place(socket.as_fd(), CONTROL)?;
    let asking = asking.map(|fd| place(fd.as_fd(), ASKING).inspect(|_| std::mem::forget(fd))).transpose()?;
    std::mem::forget(socket);
    close_from(if asking.is_some() { ASKING + 1 } else { CONTROL + 1 })?;
    Ok((control, asking))
}

/// What a template that is inside its layers makes workers of.
struct Prepared {
    plan: Plan,
    /// The application's streams, in order, for those that are inherited.
    inherited: Vec<OwnedFd>,
    /// What each worker enters beside the template's domain, where there is Landlock.
    own_domain: Option<OwnDomain>,
    /// What judges need to know of the private root.
    mounts: Option<OwnedFd>,
}

/// Receives the plan and enters its layers.
fn prepare(control: &OwnedFd, asking: Option<OwnedFd>, ids: Ids) -> Result<Prepared, Refusal> {
    let pidfd = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .map_err(|errno| refusal(Layer::Hygiene, "pidfd_open", &errno.into()))?;
    let receive = || receive_plan(control).map_err(|error| refusal(Layer::Hygiene, "receive the plan", &error));
    let (mut purpose, mut plan, mut inherited) = receive()?;
    let mut questions = Questions(asking);
    let mut prewarmed = None;
    if purpose == Purpose::Expect {
        let mut laid = Prewarmed::lay(&plan, ids)?;
        let listener = laid.enter_filter(&plan)?;
        questions.are_asked(&plan, listener)?;
        prewarmed = Some(laid);
        wait_for_plan(control);
        (purpose, plan, inherited) = receive()?;
    }
    if purpose != Purpose::Enter {
        return Err(own_refusal(Layer::Hygiene, "receive the plan", String::new(), Reason::Changed));
    }
    let sys::Confined { entered, listener, own_domain, mounts } = sys::enter(&plan, ids, prewarmed)?;
    // Out of the way of what a worker puts in its places before it enters it.
    let own_domain = own_domain
        .map(|domain| domain.above(worker_descriptor::JUDGE + 1))
        .transpose()
        .map_err(|error| refusal(Layer::Landlock, "fcntl(F_DUPFD_CLOEXEC)", &error))?;
    questions.are_asked(&plan, listener)?;
    if questions.0.is_some() {
        return Err(own_refusal(Layer::Limits, "have questions answered", String::new(), Reason::Layer));
    }
    sys::layers::probe::answered_canaries(&plan)?;
    // Some kernels forget it when credentials change.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    send(control, &Readiness::Ready(entered), &[pidfd.as_fd()])
        .map_err(|error| refusal(Layer::Hygiene, "sendmsg", &error))?;
    Ok(Prepared { plan, inherited, own_domain, mounts })
}

/// The socket to whoever answers for a filter that asks, until it has the listener.
struct Questions(Option<OwnedFd>);

impl Questions {
    /// Hands the listener over, if the filter that was entered has one. Its rules do not depend on paths.
    fn are_asked(&mut self, plan: &Plan, listener: Option<OwnedFd>) -> Result<(), Refusal> {
        let Some(listener) = listener else { return Ok(()) };
        let asking = self
            .0
            .take()
            .ok_or_else(|| own_refusal(Layer::Limits, "have questions answered", String::new(), Reason::Layer))?;
        send(&asking, &Supervise(sys::rules(plan)), &[listener.as_fd()])
            .map_err(|error| refusal(Layer::Limits, "sendmsg(listener)", &error))?;
        let mut answer = [0; verdict::SEEN.len()];
        let received = receive(asking.as_fd(), &mut answer, RecvFlags::empty())
            .map_err(|error| refusal(Layer::Limits, "recvmsg(listener)", &error))?;
        match &answer[..received.bytes] {
            verdict::SEEN => Ok(()),
            verdict::HIDDEN => Err(own_refusal(
                Layer::Limits,
                "count threads in /proc, which hides processes from their own user here (`hidepid`, or systemd's `ProtectProc=`)",
                plan.counted_threads().map_or_else(String::new, |threads| format!("threads = {threads}")),
                Reason::Operation,
            )
            .needed_for(if plan.runs_programs() { Need::CountThreadsOfPrograms } else { Need::CountThreads })),
            _ => Err(refusal(Layer::Limits, "recvmsg(listener)", &io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

/// Waits for the plan that was announced. Where it does not come, the process ends.
fn wait_for_plan(control: &OwnedFd) {
    let time = Timespec { tv_sec: i64::try_from(EXPECTING.as_secs()).unwrap_or(i64::MAX), tv_nsec: 0 };
    let mut fds = [PollFd::new(control, PollFlags::IN)];
    // What goes wrong here is seen again.
    if rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&time))) == Ok(0) {
        exit_now(0);
    }
}

pub(crate) fn receive_plan(control: &OwnedFd) -> io::Result<(Purpose, Plan, Vec<OwnedFd>)> {
    let mut head = [0; PlanHead::BYTES];
    let first = receive(control.as_fd(), &mut head, RecvFlags::empty())?;
    if first.bytes != head.len() {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    let PlanHead { purpose, length } = PlanHead::from_bytes(head);
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut bytes = Vec::new();
    // No longer than the plan: each page of it that is new is a page fault.
    let mut chunk = vec![0; length.min(LONGEST)];
    while bytes.len() < length {
        let received = receive(control.as_fd(), &mut chunk, RecvFlags::empty())?;
        if received.bytes == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        bytes.extend_from_slice(&chunk[..received.bytes]);
    }
    let plan = codec::decode(&bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok((purpose, plan, first.descriptors))
}

/// A worker that has not been reaped.
struct Live {
    pidfd: OwnedFd,
    /// Where the application reads how it ended.
    status: OwnedFd,
}

/// What answers when a worker asks for a mode or for times.
enum Judge {
    /// Nobody yet: it is forked when there is something to read.
    WorkerRequest(OwnedFd),
    /// The process, which ends when the worker has.
    ZygoteRequest(OwnedFd),
}

impl Judge {
    fn fd(&self) -> &OwnedFd {
        let (Self::WorkerRequest(fd) | Self::ZygoteRequest(fd)) = self;
        fd
    }

    /// After something was heard of it. `None`: there is no more to come.
    fn go_on(self, prepared: &Prepared) -> Option<Self> {
        match self {
            Self::ZygoteRequest(process) => {
                let _ = rustix::process::waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED);
                None
            }
            // What the worker sent stays where it is: descriptors of its choice are for the judge to close.
            Self::WorkerRequest(worker) if has_message(&worker) => {
                let template = rustix::process::getpid();
                match spawn::fork() {
                    Ok(Side::Child) => judge::main(&prepared.plan, &worker, prepared.mounts.as_ref(), template),
                    Ok(Side::Parent(pid)) => match rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
                        Ok(process) => Some(Self::ZygoteRequest(process)),
                        Err(_) => {
                            discard(pid);
                            None
                        }
                    },
                    // The worker is told that there is nobody.
                    Err(_) => None,
                }
            }
            Self::WorkerRequest(_) => None,
        }
    }
}

/// Whether there is a message, and not only the end of the worker.
fn has_message(socket: &OwnedFd) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    matches!(rustix::io::retry_on_intr(|| rustix::net::recv(socket, &mut [0], flags)), Ok((1.., _)))
}

/// Ends a child that nobody can be told of.
fn discard(pid: Pid) {
    let _ = rustix::process::kill_process(pid, Signal::KILL);
    let _ = rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
}

/// Forks workers and reaps them, until the application lets go of the control socket.
fn serve(control: &OwnedFd, prepared: &Prepared) -> Result<Infallible, Refusal> {
    let Prepared { plan, inherited, own_domain, .. } = prepared;
    let filter = plan.layers.has(Layer::Seccomp).then(|| WorkerFilter::new(&sys::shape(plan)));
    let mut workers: Vec<Live> = Vec::new();
    let mut judges: Vec<Judge> = Vec::new();
    loop {
        let ready: Vec<bool> = {
            let mut fds: Vec<PollFd<'_>> = std::iter::once(control)
                .chain(workers.iter().map(|worker| &worker.pidfd))
                .chain(judges.iter().map(Judge::fd))
                .map(|fd| PollFd::new(fd, PollFlags::IN))
                .collect();
            match rustix::event::poll(&mut fds, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(refusal(Layer::Hygiene, "poll", &errno.into())),
            }
            fds.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        // Whoever asks for a worker waits for it, mostly. How one ended is asked for where it did not reply.
        let mut forked = None;
        if ready[0] {
            let mut request = [0; WorkerRequest::BYTES];
            match receive(control.as_fd(), &mut request, RecvFlags::empty()) {
                Ok(received) if received.bytes > 0 => {
                    let buffer = received.descriptors.into_iter().next();
                    let (own_domain, filter) = (own_domain.as_ref(), filter.as_ref());
                    let setup = Setup { plan, inherited, own_domain, filter };
                    match fork_worker(&setup, control, WorkerRequest::from_bytes(request), buffer) {
                        Ok(forks) => forked = Some(forks),
                        Err((step, error)) => {
                            let errno = error.raw_os_error().unwrap_or(0);
                            let _ = send(control, &Spawned::Failed { step, errno }, &[]);
                        }
                    }
                }
                _ => leave(&workers),
            }
        }
        let mut at = 0;
        workers.retain(|worker| {
            at += 1;
            if ready[at] {
                report_end(worker);
            }
            !ready[at]
        });
        judges = judges
            .into_iter()
            .filter_map(|judge| {
                at += 1;
                if ready[at] { judge.go_on(prepared) } else { Some(judge) }
            })
            .collect();
        if let Some((worker, judge)) = forked {
            workers.push(worker);
            judges.extend(judge.map(Judge::WorkerRequest));
        }
    }
}

/// Nobody can ask for a worker any more. In a pid namespace the kernel kills the rest with this process; elsewhere they are killed here.
fn leave(workers: &[Live]) -> ! {
    for worker in workers {
        let _ = rustix::process::pidfd_send_signal(&worker.pidfd, Signal::KILL);
    }
    exit_now(0)
}

/// Forks a worker and hands its ends to the application. Gives also the socket by which the worker asks for a judge, where it may.
fn fork_worker(
    setup: &Setup<'_>,
    control: &OwnedFd,
    wanted: WorkerRequest,
    buffer: Option<OwnedFd>,
) -> Result<(Live, Option<OwnedFd>), (Step, io::Error)> {
    let (channel, channel_of_worker) = socket_pair(SocketType::STREAM).map_err(|error| (Step::Channel, error))?;
    // Sockets, since a pipe can be opened anew by way of `/proc`, and read by whoever was to write it.
    let one_way = || -> io::Result<(OwnedFd, OwnedFd)> {
        let (reader, writer) = socket_pair(SocketType::STREAM)?;
        rustix::net::shutdown(&writer, Shutdown::Read)?;
        Ok((reader, writer))
    };
    let (status_of_application, status) = one_way().map_err(|error| (Step::Status, error))?;
    let captured = setup.plan.stdout == Stream::Capture || setup.plan.stderr == Stream::Capture;
    let output = if captured { Some(one_way().map_err(|error| (Step::Output, error))?) } else { None };
    let mut passed = [const { None }; 2];
    for (place, stream) in passed.iter_mut().zip([setup.plan.stdout, setup.plan.stderr]) {
        if stream == Stream::Pass {
            *place = Some(one_way().map_err(|error| (Step::Output, error))?);
        }
    }
    let judge = setup.plan.has_judge().then(|| socket_pair(SocketType::SEQPACKET)).transpose();
    let judge = judge.map_err(|error| (Step::Channel, error))?;
    let template = rustix::process::getpid();
    match spawn::fork().map_err(|error| (Step::Fork, error))? {
        Side::Child => {
            let judge = judge.as_ref().map(|(_, judge)| judge.as_fd());
            let output = output.as_ref().map(|(_, output)| output.as_fd());
            let buffer = buffer.as_ref().map(|buffer| (buffer.as_fd(), wanted.buffer));
            let passed = passed.each_ref().map(|pair| pair.as_ref().map(|(_, stream)| stream.as_fd()));
            let (channel, status) = (channel_of_worker.as_fd(), status.as_fd());
            let ends = main::Ends { channel, status, output, passed, buffer, judge };
            main::main(setup, ends, template, wanted)
        }
        Side::Parent(pid) => {
            let discard = |step| {
                move |error| {
                    discard(pid);
                    (step, error)
                }
            };
            let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())
                .map_err(|errno| discard(Step::Pidfd)(errno.into()))?;
            let mut fds: Vec<BorrowedFd<'_>> = vec![channel.as_fd(), pidfd.as_fd(), status_of_application.as_fd()];
            fds.extend(output.as_ref().map(|(output, _)| output.as_fd()));
            fds.extend(passed.iter().flatten().map(|(stream, _)| stream.as_fd()));
            if let Some(buffer) = &buffer {
                // Before anybody knows of it, and while the worker gets ready. Where it cannot be done, the calls find the pages.
                let _ = PrefaultedBuffer::find_pages(buffer.as_fd(), wanted.buffer);
                fds.push(buffer.as_fd());
            }
            let size = if buffer.is_some() { wanted.buffer } else { 0 };
            let number = |end: &OwnedFd| rustix::fs::fstat(end).map_or(0, |stat| stat.st_ino);
            let ends = [number(&channel_of_worker), output.as_ref().map_or(0, |(_, output)| number(output))];
            let spawned = Spawned::Worker { stay: wanted.stay, buffer: size, ends };
            send(control, &spawned, &fds).map_err(discard(Step::Send))?;
            Ok((Live { pidfd, status }, judge.map(|(judge, _)| judge)))
        }
    }
}

/// Reaps a worker that ended, and tells the application how, should it ask.
fn report_end(worker: &Live) {
    let Ok(Some(status)) = rustix::process::waitid(WaitId::PidFd(worker.pidfd.as_fd()), WaitIdOptions::EXITED) else {
        return;
    };
    let ended = match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Killed(signal),
        (None, None) => return,
    };
    // The application may have what it wanted already, and closed its end: SIGPIPE is ignored.
    let _ = rustix::io::write(&worker.status, &ended.to_bytes());
}
