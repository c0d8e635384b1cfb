//! The application's handle on a template, and on the workers that it forks.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use rustix::process::Signal;

use crate::call::application::Application;
use crate::call::disposal::ChildSocket;
use crate::call::exchange::Clock;
use crate::call::freshness::{PathFreshness, PathWatcher};
use crate::call::idle_workers;
use crate::call::idle_workers::{Found, Watched};
use crate::call::inherited_streams::Targets;
use crate::call::spin::AdaptiveSpin;
use crate::call::wait::{receive_by, wait_readable};
use crate::error::signal_name;
use crate::process::messages::{Ended, LONGEST, Lifetime, Purpose, Readiness, Spawned, WorkerRequest};
use crate::process::template::prewarmed::{NoTemplate, PrewarmedTemplate, failed};
use crate::process::zygote::handle::{NotStarted, SETUP_TIME, Zygote};
use crate::protocol::prefaulted::Demand;
use crate::protocol::{codec, prefaulted};
use crate::support::{Layer, Layers};
use crate::sys::layers::{limits, reopening, steps};
use crate::sys::os::clock::{CpuClock, process_of};
use crate::sys::os::descriptors::{receive, send};
use crate::sys::os::shared::PrefaultedBuffer;
use crate::sys::paths::{Name, Resolved};
use crate::sys::plan::{Plan, Stream};
use crate::sys::supervise::descendants::DescendantClock;
use crate::sys::{Entered, PROCESSORS};

/// Calls that come faster, and find no worker, are to find more of them. After a pause there is one spare again.
const FAST: Duration = Duration::from_millis(20);
const PAUSE: Duration = Duration::from_millis(500);

/// A template that is inside its layers. Dropping it ends it and its idle workers.
#[derive(Debug)]
pub(crate) struct Template {
    control: OwnedFd,
    pidfd: OwnedFd,
    /// The application's streams that its workers print to.
    pub(crate) targets: Targets,
    names: Vec<Name>,
    /// What is known of these without looking.
    freshness: PathFreshness,
    plan: Plan,
    entered: Entered,
    /// Workers at hand: spares that have arrived, or with `process = "reused"` those that served a call and are kept.
    ///
    /// Spares are taken in as they arrive, for descriptors on their way count against a limit that all processes of a user share.
    ready: Mutex<Ready>,
    /// Whether workers are to stand ready.
    spares: bool,
    /// How long its workers take to reply.
    pub(crate) pace: AdaptiveSpin,
    /// How much its calls send out of band.
    pub(crate) demand: Demand,
    /// The function that was called last, or 0: most likely the next call is of it.
    called: AtomicU64,
    /// Lives as long as one of its templates does: its end is theirs.
    zygote: Arc<Zygote>,
}

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Name")
    }
}

/// The workers at hand, and what is to come.
#[derive(Debug)]
struct Ready {
    workers: VecDeque<Spare>,
    /// Workers that were asked for and have not arrived.
    asked: usize,
    /// One of them is to stay for good.
    asked_for_good: bool,
    /// Since when some have been asked for and none has arrived.
    owing_since: Option<Instant>,
    /// Threads that wait at the control socket: each is owed one message, which nobody else may take.
    waiting: usize,
    /// How many are to stand ready: more while calls find none, one again after a pause.
    wanted: usize,
    /// When one was last taken.
    taken: Option<Instant>,
}

/// Whether the workers that were asked for have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    All,
    NotAll,
}

/// A worker that is at hand.
#[derive(Debug)]
struct Spare {
    worker: Worker,
    stay: Lifetime,
    since: Instant,
    /// It has served a call: what is done in it is no longer gaol's alone.
    has_served: bool,
    /// What processor time it uses meanwhile, once that is watched.
    watched: Option<Watched>,
}

impl Spare {
    fn new(worker: Worker, stay: Lifetime) -> Self {
        Self { worker, stay, since: Instant::now(), has_served: false, watched: None }
    }

    fn of_kept(worker: Worker) -> Self {
        Self { has_served: true, ..Self::new(worker, Lifetime::Unlimited) }
    }

    /// Whether it has done nothing but wait since it was first looked at.
    fn is_idle(&self) -> bool {
        self.watched.as_ref().is_none_or(Watched::is_idle)
    }

    /// It is going to wait for some time yet.
    fn stays(&self) -> bool {
        self.stay == Lifetime::Unlimited || self.since.elapsed() < Lifetime::WHILE / 2
    }
}

/// A forked worker, waiting for its call.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) channel: ChildSocket,
    pub(crate) pidfd: OwnedFd,
    /// Where the template says how it ended.
    pub(crate) status: OwnedFd,
    /// What it prints, where that is captured.
    pub(crate) output: Option<ChildSocket>,
    /// What it prints, where that is passed on.
    pub(crate) passed: [Option<ChildSocket>; 2],
    /// The inode numbers of its own ends of channel and output, neither of which is to come back as a result.
    pub(crate) ends: [u64; 2],
    /// Shared memory that it has ready, and no other worker ever has.
    pub(crate) buffer: Option<PrefaultedBuffer>,
}

#[cfg(fuzzing)]
impl Template {
    /// A handle without a process, of which nothing is asked.
    pub(crate) fn of_nobody(control: OwnedFd, pidfd: OwnedFd, plan: Plan, zygote: Arc<Zygote>) -> Self {
        let ready = Ready {
            workers: VecDeque::new(),
            asked: 0,
            asked_for_good: false,
            owing_since: None,
            waiting: 0,
            wanted: 0,
            taken: None,
        };
        let (names, ready, pace) = (Vec::new(), Mutex::new(ready), AdaptiveSpin::default());
        let (demand, called, freshness) = (Demand::default(), AtomicU64::default(), PathFreshness::default());
        let entered = Entered { layers: plan.layers, landlock_abi: 0, landlock_errno: 0 };
        Self {
            control,
            pidfd,
            targets: Targets::default(),
            names,
            plan,
            entered,
            ready,
            spares: false,
            pace,
            demand,
            called,
            freshness,
            zygote,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Whatever it is doing, nobody waits for it any more. Its template reaps it.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        // A fork of the application may hold a copy of its socket. No call is under way: each holds on to its template.
        let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
    }
}

impl Template {
    /// What tells how much processor time a call on `worker` takes, with the programs that it runs.
    pub(crate) fn clock_of(&self, worker: &Worker) -> io::Result<Clock> {
        if !self.plan.runs_programs() {
            return CpuClock::of(worker.pidfd.as_fd()).map(Clock::Worker);
        }
        // Who has programs serves one call, and what they leave behind comes to it where it is the first of a pid namespace, else to its
        // subreaper.
        let process = process_of(self.pidfd.as_fd())?;
        let descendants = DescendantClock::of_adopter(process, self.plan.has_private_root());
        descendants.map(Clock::Descendants).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Has `zygote` fork a template, and waits until it is inside its layers.
    ///
    /// With `spares` workers stand ready after each call. With `at_once` the first is asked for together with the template.
    pub(crate) fn start(
        zygote: &Arc<Zygote>,
        resolved: Resolved,
        spares: bool,
        at_once: bool,
        careful: bool,
    ) -> Result<Self, NoTemplate> {
        Self::of_prewarmed(PrewarmedTemplate::ask(zygote, &resolved.plan, careful)?, resolved, spares, at_once)
    }

    /// Has a prewarmed template enter the layers of a plan. Of one that expected another plan, or ended meanwhile, an error may come: then one that expected
    /// none is to be asked.
    pub(crate) fn of_prewarmed(
        prewarmed: PrewarmedTemplate,
        resolved: Resolved,
        spares: bool,
        at_once: bool,
    ) -> Result<Self, NoTemplate> {
        let deadline = Instant::now() + SETUP_TIME;
        let Resolved { plan, names } = resolved;
        let targets = Targets::of(&plan).map_err(failed("copy the streams that are inherited"))?;
        // If it is gone already, what it said before is still to be read.
        let sent = prewarmed.send(Purpose::Enter, &plan);
        let PrewarmedTemplate { control, zygote, .. } = prewarmed;
        if let Err(error) = sent
            && !matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET))
        {
            // It waits for a plan that is not going to come: it ends when its socket closes.
            return Err(failed("send the plan and the streams that are inherited")(error));
        }
        // What could not be asked for is asked for later.
        let first = WorkerRequest { stay: Lifetime::Unlimited, buffer: 0, entry: 0 };
        let asked = at_once && send(control.as_fd(), &first.to_bytes(), &[]).is_ok();
        let mut buffer = vec![0; LONGEST];
        let mut at = (Layer::Hygiene, "receive the plan".to_owned());
        let (answer, mut received) = loop {
            let received = match receive_by(control.as_fd(), &mut buffer, deadline) {
                Ok(received) if received.bytes > 0 => received,
                Ok(_) if zygote.is_gone() => return Err(NoTemplate::NoZygote),
                Ok(_) => return Err(NoTemplate::Ended),
                // It sees its socket close once it goes on. The zygote has other templates, whose calls are none of this one's business.
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(failed("wait for the template")(error));
                }
                Err(error) => return Err(failed("receive the template's answer")(error)),
            };
            match codec::decode(&buffer[..received.bytes]) {
                Ok(Readiness::At { layer, step }) => {
                    at = (Layer::ALL.get(usize::from(layer)).copied().unwrap_or(Layer::Hygiene), step);
                }
                answer => break (answer, received),
            }
        };
        match answer {
            Ok(Readiness::Ended(ended)) => Err(ended_at(Ended::from_bytes(ended), at)),
            // Received above.
            Ok(Readiness::At { .. }) => Err(NoTemplate::Ended),
            Ok(Readiness::Ready(entered)) if !is_all(&plan, entered) => {
                Err(failed("enter every layer")(io::Error::other(format!("only {:?} were entered", entered.layers))))
            }
            Ok(Readiness::Ready(entered)) => {
                let pidfd = received.descriptors.pop().ok_or_else(|| {
                    failed("receive the template's pidfd")(io::Error::from(io::ErrorKind::InvalidData))
                })?;
                Ok(Self {
                    control,
                    pidfd,
                    targets,
                    names,
                    freshness: PathFreshness::default(),
                    plan,
                    entered,
                    ready: Mutex::new(Ready {
                        workers: VecDeque::new(),
                        asked: usize::from(asked),
                        asked_for_good: asked,
                        owing_since: asked.then(Instant::now),
                        waiting: 0,
                        wanted: usize::from(spares),
                        taken: None,
                    }),
                    spares,
                    pace: AdaptiveSpin::default(),
                    demand: Demand::default(),
                    called: AtomicU64::default(),
                    zygote,
                })
            }
            Ok(Readiness::Refused(refusal)) => Err(NoTemplate::Refused(refusal)),
            Err(error) => Err(failed("read the template's answer")(io::Error::other(error.to_string()))),
        }
    }

    /// Has another template get ready for the next plan that differs from this one's in its paths, if that is of use.
    pub(crate) fn next(&self) -> Option<PrewarmedTemplate> {
        let next = self.plan.can_be_prewarmed().then(|| PrewarmedTemplate::expect(&self.zygote, &self.plan))?;
        next.ok()
    }

    /// What it entered, as it says.
    pub(crate) fn entered(&self) -> Entered {
        self.entered
    }

    /// The layers that it entered.
    pub(crate) fn layers(&self) -> Layers {
        self.plan.layers
    }

    /// Sees to it that its workers cannot open descriptors again for more than they are open for.
    pub(crate) fn forbid_more(&self, descriptors: &[OwnedFd]) -> io::Result<()> {
        reopening::forbid_more(&self.plan, descriptors.iter().map(AsFd::as_fd))
    }

    /// Whether every path still means what it meant.
    pub(crate) fn is_fresh(&self, watcher: impl FnOnce() -> Option<Arc<PathWatcher>>) -> bool {
        self.freshness.holds(&self.names, watcher)
    }

    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a worker for the next call. It is looked after meanwhile, or not kept.
    pub(crate) fn keep(&self, worker: Worker, application: &'static Application) {
        self.ready().workers.push_back(Spare::of_kept(worker));
        if !application.attendant.supervise(application) {
            self.end_idle_workers();
        }
    }

    /// Ends the workers that are kept.
    pub(crate) fn end_idle_workers(&self) {
        let gone = self.ready().take_out(|spare| spare.has_served);
        drop(gone);
    }

    /// Looks after the workers that are kept, and ends those that do more than wait.
    pub(crate) fn look_after(&self) -> Found {
        let mut found = Found::default();
        let mut ready = self.ready();
        let gone = ready.take_out(|spare| {
            let leaves =
                spare.has_served && !idle_workers::stays(spare.worker.pidfd.as_fd(), spare.since, &mut spare.watched);
            if spare.has_served && !leaves {
                let newest = spare.watched.as_ref().map_or(Duration::ZERO, Watched::age);
                found = found.and(Found { count: 1, newest: Some(newest) });
            }
            leaves
        });
        drop(ready);
        drop(gone);
        found
    }

    /// After a call: takes in the spares that have arrived, and asks for those that are missing.
    ///
    /// They do not wait in the socket until they are needed, for descriptors on their way count against a limit that all processes of a user
    /// share. They are not asked for earlier, for what forks them would stand in the call's way.
    pub(crate) fn take_in(&self) -> Arrived {
        let mut ready = self.ready();
        self.take_in_arrived(&mut ready);
        let _gone = ready.stale();
        // A spare that could not be asked for is asked for by the next call.
        let _ = self.top_up(&mut ready);
        if ready.asked > 0 { Arrived::NotAll } else { Arrived::All }
    }

    /// A function is called, which is known by the id of its entry.
    pub(crate) fn calls(&self, entry: u64) {
        self.called.store(entry, Ordering::Relaxed);
    }

    /// Takes a worker: one that is at hand, or else the next that arrives. Any number of threads may wait: each message is one whole worker.
    ///
    /// A thread whose time is over goes away without: what it asked for is the next one's.
    pub(crate) fn take(&self, until: Option<Instant>) -> Result<Worker, NoWorker> {
        let _gone;
        let mut busy = Vec::new();
        {
            let mut ready = self.ready();
            let ready = &mut *ready;
            if ready.workers.is_empty() {
                self.take_in_arrived(ready);
            }
            let since = ready.taken.replace(Instant::now()).map(|taken| taken.elapsed());
            if since.is_some_and(|since| since > PAUSE) {
                ready.wanted = ready.wanted.min(1);
            }
            _gone = ready.stale();
            while let Some(spare) = ready.workers.pop_front() {
                if spare.is_idle() {
                    return Ok(spare.worker);
                }
                busy.push(spare);
            }
            if self.spares && since.is_some_and(|since| since < FAST) {
                ready.wanted = (ready.wanted + 1).min(most_spares());
            }
            ready.waiting += 1;
            if let Err(error) = self.top_up(ready)
                && ready.asked < ready.waiting
            {
                // Nothing is going to come for this thread.
                ready.waiting -= 1;
                return Err(match error.raw_os_error() {
                    Some(libc::EPIPE | libc::ECONNRESET) => NoWorker::NoTemplate,
                    _ => NoWorker::Failed("ask for a worker", error),
                });
            }
        }
        let received = self.receive(until);
        let mut ready = self.ready();
        ready.waiting -= 1;
        if matches!(received, Err(NoWorker::Late)) {
            return Err(NoWorker::Late);
        }
        ready.arrived(received.as_ref().map_or(Lifetime::Unlimited, |spare| spare.stay));
        if received.is_ok() {
            ready.goes_on();
        }
        received.map(|spare| spare.worker)
    }

    /// Receives what has arrived, unless another thread waits for it. What could not be made when it was asked for is forgotten: it is asked
    /// for again.
    fn take_in_arrived(&self, ready: &mut Ready) {
        while ready.waiting == 0 && ready.asked > 0 {
            match self.try_receive() {
                Ok(None) => return,
                Ok(Some(spare)) => {
                    ready.arrived(spare.stay);
                    ready.goes_on();
                    ready.workers.push_back(spare);
                }
                Err(_) => ready.arrived(Lifetime::Unlimited),
            }
        }
    }

    /// Asks for as many workers as are to stand ready, and one for each thread that waits.
    fn top_up(&self, ready: &mut Ready) -> io::Result<()> {
        loop {
            let has_one = ready.asked_for_good || ready.workers.iter().any(|spare| spare.stay == Lifetime::Unlimited);
            let enough = ready.workers.len() + ready.asked >= ready.wanted + ready.waiting;
            // Those that stay for a while do not stand in for the one that is always there.
            if enough && (has_one || !self.spares || ready.waiting > 0) {
                return Ok(());
            }
            let stay = if self.spares && has_one { Lifetime::Spare } else { Lifetime::Unlimited };
            let buffer = self.make_buffer();
            let entry = self.called.load(Ordering::Relaxed);
            let wanted = WorkerRequest { stay, buffer: buffer.as_ref().map_or(0, |(_, size)| *size), entry };
            let buffer: Option<BorrowedFd<'_>> = buffer.as_ref().map(|(memory, _)| memory.as_fd());
            // Too many descriptors of this user's may be on their way for one more.
            if buffer.is_none() || send(self.control.as_fd(), &wanted.to_bytes(), buffer.as_slice()).is_err() {
                send(self.control.as_fd(), &WorkerRequest { buffer: 0, ..wanted }.to_bytes(), &[])?;
            }
            ready.asked += 1;
            ready.owing_since.get_or_insert_with(Instant::now);
            ready.asked_for_good |= stay == Lifetime::Unlimited;
        }
    }

    /// A prefaulted buffer for the next worker, if calls had use for one lately. Without one they go on as they did.
    fn make_buffer(&self) -> Option<(OwnedFd, u64)> {
        let wanted = self.demand.size();
        // Landlock does not judge a file without a path: who may run programs must not write one there.
        if wanted == 0 || self.plan.runs_programs() {
            return None;
        }
        let file_size = self.plan.file_size.into_iter().chain(limits::file_size()).min();
        let size = prefaulted::allowed(wanted, file_size, self.plan.memory);
        if size == 0 {
            return None;
        }
        PrefaultedBuffer::make(size).ok().map(|memory| (memory, size))
    }

    /// Waits for a worker that was asked for.
    fn receive(&self, until: Option<Instant>) -> Result<Spare, NoWorker> {
        loop {
            if let Some(worker) = self.try_receive()? {
                return Ok(worker);
            }
            let now = Instant::now();
            let hangs = self.ready().owing_since.unwrap_or(now) + SETUP_TIME;
            if hangs <= now {
                // It is not killed, for it may have served calls that are under way. It ends with the last of them.
                return Err(NoWorker::NoTemplate);
            }
            if until.is_some_and(|until| until <= now) {
                return Err(NoWorker::Late);
            }
            wait_readable(self.control.as_fd(), Some(until.map_or(hangs, |until| until.min(hangs))))
                .map_err(|error| NoWorker::Failed("poll", error))?;
        }
    }

    /// Takes a worker if one has arrived.
    fn try_receive(&self) -> Result<Option<Spare>, NoWorker> {
        let mut buffer = [0; 128];
        let received = match receive(self.control.as_fd(), &mut buffer, RecvFlags::DONTWAIT) {
            Ok(received) if received.bytes == 0 => return Err(NoWorker::NoTemplate),
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(NoWorker::Failed("receive a worker", error)),
        };
        match codec::decode(&buffer[..received.bytes]) {
            Ok(Spawned::Worker { stay, buffer, ends }) => match self.assemble(received.descriptors, buffer, ends) {
                Some(worker) => Ok(Some(Spare::new(worker, stay))),
                None => {
                    Err(NoWorker::Failed("receive a worker's descriptors", io::Error::from(io::ErrorKind::InvalidData)))
                }
            },
            Ok(Spawned::Failed { step, errno }) => {
                Err(NoWorker::Failed(step.name(), io::Error::from_raw_os_error(errno)))
            }
            Err(_) => Err(NoWorker::NoTemplate),
        }
    }

    fn assemble(&self, descriptors: Vec<OwnedFd>, buffer: u64, ends: [u64; 2]) -> Option<Worker> {
        let mut descriptors = descriptors.into_iter();
        let (channel, pidfd, status) = (descriptors.next()?.into(), descriptors.next()?, descriptors.next()?);
        let captures = self.plan.stdout == Stream::Capture || self.plan.stderr == Stream::Capture;
        let output = if captures { Some(descriptors.next()?.into()) } else { None };
        let mut passed = [None, None];
        for (place, stream) in passed.iter_mut().zip([self.plan.stdout, self.plan.stderr]) {
            if stream == Stream::Pass {
                *place = Some(descriptors.next()?.into());
            }
        }
        let buffer = if buffer > 0 { Some(PrefaultedBuffer::new(descriptors.next()?, buffer)) } else { None };
        descriptors.next().is_none().then_some(Worker { channel, pidfd, status, output, passed, ends, buffer })
    }
}

impl Ready {
    /// Takes out some.
    fn take_out(&mut self, mut leaves: impl FnMut(&mut Spare) -> bool) -> Vec<Spare> {
        let mut gone = Vec::new();
        for mut spare in std::mem::take(&mut self.workers) {
            if leaves(&mut spare) {
                gone.push(spare);
            } else {
                self.workers.push_back(spare);
            }
        }
        gone
    }

    /// Takes out those that are about to end by themselves.
    fn stale(&mut self) -> VecDeque<Spare> {
        if self.workers.iter().all(Spare::stays) {
            return VecDeque::new();
        }
        let (stay, gone) = std::mem::take(&mut self.workers).into_iter().partition(Spare::stays);
        self.workers = stay;
        gone
    }

    /// The template has served somebody.
    fn goes_on(&mut self) {
        self.owing_since = (self.asked > 0).then(Instant::now);
    }

    /// One that was asked for has come, or is not going to.
    fn arrived(&mut self, stay: Lifetime) {
        self.asked -= 1;
        self.asked_for_good &= stay != Lifetime::Unlimited;
        if self.asked == 0 {
            self.owing_since = None;
        }
    }
}

/// How many workers stand ready at most, where calls find none.
fn most_spares() -> usize {
    2 * *PROCESSORS
}

/// Whether a template entered every layer that its plan names. Landlock may be missing only where nothing depends on it.
fn is_all(plan: &Plan, entered: Entered) -> bool {
    let needs_landlock = plan.has_paths() || plan.network.tells_ports_apart();
    entered.layers == plan.layers || (!needs_landlock && entered.layers == plan.layers.without(Layer::Landlock))
}

/// Why there is no template, where one that was careful has ended.
fn ended_at(ended: Ended, (layer, step): (Layer, String)) -> NoTemplate {
    match ended {
        Ended::Killed(libc::SIGSYS) => NoTemplate::Refused(steps::lethal(layer, &step, libc::SIGSYS)),
        Ended::Killed(signal) => NoTemplate::NotStarted(NotStarted {
            step: format!("the template was killed by {} before it was ready, at {step}", signal_name(signal)),
            source: io::ErrorKind::UnexpectedEof.into(),
        }),
        Ended::Exited(code) | Ended::Unfit(code) => NoTemplate::NotStarted(NotStarted {
            step: format!("the template exited with code {code} before it was ready, at {step}"),
            source: io::ErrorKind::UnexpectedEof.into(),
        }),
    }
}

/// Why there is no worker.
pub(crate) enum NoWorker {
    /// The template is gone.
    NoTemplate,
    /// The time to wait for one is over.
    Late,
    /// A step failed.
    Failed(&'static str, io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{AddressPattern, Operation, Profile};
    use crate::support::Layers;
    use crate::sys::paths::{Writable, resolve};

    /// Whether a template for `operation` serves that has entered every layer but `missing`.
    fn serves_without(missing: Layer, operation: Operation) -> bool {
        let mut profile = Profile::NOTHING;
        profile.operations_mut().push(operation);
        let Ok(resolved) = resolve(&profile, Layers::ALL, &Writable::default(), true) else { panic!("no paths") };
        is_all(&resolved.plan, Entered { layers: Layers::ALL.without(missing), landlock_abi: 0, landlock_errno: 0 })
    }

    #[test]
    fn a_kernel_without_landlock_serves_what_needs_none() {
        for address in [AddressPattern::All, AddressPattern::Tcp(443), AddressPattern::Udp(53)] {
            let needs_none = address == AddressPattern::All;
            for operation in [Operation::NetworkOutbound(address.clone()), Operation::NetworkInbound(address)] {
                assert_eq!(serves_without(Layer::Landlock, operation.clone()), needs_none, "{operation}");
                assert!(!serves_without(Layer::Seccomp, operation.clone()), "{operation}");
            }
        }
    }
}
