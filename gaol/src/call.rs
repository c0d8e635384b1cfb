//! The application's side of a call: plan, take a worker, send, wait, decode.

pub(crate) mod application;
pub(crate) mod argument_blocks;
pub(crate) mod disposal;
pub(crate) mod exchange;
pub(crate) mod freshness;
#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(crate) mod idle_workers;
pub(crate) mod inherited_streams;
pub(crate) mod leaked;
pub(crate) mod output;
pub(crate) mod probe;
pub(crate) mod queue;
pub(crate) mod request;
pub(crate) mod spin;
pub(crate) mod streams;
pub(crate) mod wait;

use std::borrow::Cow;
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use self::application::{Application, Key, Unavailable, Unserved};
use self::disposal::Unclaimed;
use self::exchange::{Answer, Terms, exchange};
use self::output::Output;
use self::queue::Place;
use self::wait::is_silent;
use crate::call::argument_blocks::{ArgumentBlocks, Reserved};
use crate::call::request::Outgoing;
use crate::error::{Call, Error, PathProblem, ProtocolProblem, Unprepared, Violation, printable, refusal, remedy_for};
use crate::function::entry::{Entry, Request};
use crate::function::transfer::{Back, ErrorCodec, Meaning, Returned, understand};
use crate::function::{entry, transfer};
use crate::process::messages::Ended;
use crate::process::template::handle::{Template, Worker};
use crate::process::zygote::handle::{NotStarted, SETUP_TIME};
use crate::profile::dynamic::Dynamic;
use crate::profile::{Process, Profile};
use crate::protocol::codec::{BlockSink, DecodeError, EncodeError, Reader, Writer};
use crate::protocol::{HEADER, Header, Kind, codec, descriptors, reply_buffer};
use crate::support::Layers;
use crate::sys::paths::Unresolved;
use crate::sys::plan::Reason;
use crate::{role, sys};

pub use self::queue::{max_workers, set_max_workers};
pub use crate::call::probe::support;
pub(crate) use crate::call::probe::try_out;
pub(crate) use crate::process::launcher::key::marked;
pub use crate::process::zygote::handle::zygote_environment;

/// How many workers are tried. One that was killed while it stood ready is not the call's fault, nor are all of them.
const ATTEMPTS: u32 = 100;

/// How long a call waits for a worker that it could do without until its arguments are written.
const SOON: Duration = Duration::from_millis(100);

/// Makes a call ready: what the attribute puts in the function's place begins with it.
///
/// `write` writes the arguments.
pub fn prepared(
    entry: &'static Entry,
    dynamic: Dynamic,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Prepared {
    let mut write = Some(write);
    Prepared::new(PendingCall::plan(entry, dynamic), &mut |writer| write.take().map_or(Ok(()), |write| write(writer)))
}

/// The same under another profile than the entry's, inside `layers`: for the escape suite, whose one entry serves every profile.
#[cfg(feature = "escape-suite")]
pub(crate) fn prepared_under(
    entry: &'static Entry,
    profile: Profile,
    layers: Layers,
    write: impl FnOnce(&mut Writer<'_>) -> Result<(), EncodeError>,
) -> Prepared {
    let key = (profile.process() != Process::Exec && !profile.runs_programs())
        .then(|| Key::Profile(Box::new(profile.clone()), layers));
    let call = entry.id().map(|id| PendingCall { entry, id, profile: Cow::Owned(profile), key, layers });
    let call = call.ok_or_else(|| Error::Unregistered { call: Box::new(describe(entry)) });
    let mut write = Some(write);
    Prepared::new(call, &mut |writer| write.take().map_or(Ok(()), |write| write(writer)))
}

/// A call whose arguments are encoded, or why there is none.
#[allow(missing_debug_implementations, reason = "generated code uses it up at once")]
pub struct Prepared(Result<(PendingCall, Outgoing), Error>);

impl Prepared {
    /// What is the same for every function.
    fn new(
        call: Result<PendingCall, Error>,
        write: &mut dyn FnMut(&mut Writer<'_>) -> Result<(), EncodeError>,
    ) -> Self {
        Self(call.and_then(|call| {
            let outgoing = call.encode(write)?;
            Ok((call, outgoing))
        }))
    }

    /// Calls the function.
    ///
    /// `read` reads the result, and what comes back for arguments that the function may change.
    pub fn call<R: Returned>(
        self,
        read: impl FnOnce(&mut Reader<'_>) -> Result<R::Ok, DecodeError>,
        errors: ErrorCodec<R::Err>,
    ) -> R {
        R::from_result(self.run::<R>(read, &errors))
    }

    /// The same for every function, too.
    fn exchange(self) -> Result<(PendingCall, Back, Replied), Error> {
        let (call, outgoing) = self.0?;
        let (back, worker) = call.exchange(outgoing)?;
        Ok((call, back, worker))
    }

    fn run<R: Returned>(
        self,
        read: impl FnOnce(&mut Reader<'_>) -> Result<R::Ok, DecodeError>,
        errors: &ErrorCodec<R::Err>,
    ) -> Result<R::Ok, R::Err> {
        let (call, mut back, worker) = self.exchange()?;
        // Only copies go into the result while it is read. If nothing comes of it, none of them is the last, whose close may take its time.
        let mut sent = Unclaimed(std::mem::take(&mut back.descriptors));
        back.descriptors = copies(&sent.0).map_err(|source| call.lost("copy the descriptors of the result", source))?;
        let meaning = understand::<R>(back, call.profile.limits().reply, read, errors);
        if matches!(meaning, Meaning::Value(_)) {
            sent.0.clear();
        }
        // One that says what is no value is hostile, or broken: it ends here.
        if !matches!(meaning, Meaning::Undecodable(_) | Meaning::Late) {
            worker.keep();
        }
        match meaning {
            Meaning::Value(value) => Ok(value),
            Meaning::FunctionError(error) => Err(error),
            Meaning::Words(error) => Err(Error::Function(error.returned_by(describe(call.entry))).into()),
            Meaning::Undecodable(problem) if problem.is_of_type() => {
                Err(Error::Result { call: call.call(), problem: problem.to_string() }.into())
            }
            Meaning::Undecodable(problem) => {
                Err(call.protocol(ProtocolProblem::Decode(problem.alone().to_string())).into())
            }
            Meaning::Late => {
                let limit = call.profile.limits().time.unwrap_or_default();
                Err(Error::TimedOut { call: call.call(), limit }.into())
            }
        }
    }
}

fn copies(descriptors: &[OwnedFd]) -> io::Result<Vec<OwnedFd>> {
    descriptors.iter().map(|fd| Ok(rustix::io::fcntl_dupfd_cloexec(fd, 3)?)).collect()
}

/// A worker that has replied, where it may serve another call. It ends with this, unless it is kept.
struct Replied(Option<(Worker, Arc<Template>, &'static Application)>);

impl Replied {
    fn keep(self) {
        if let Some((worker, template, application)) = self.0 {
            template.keep(worker, application);
        }
    }
}

/// A call whose profile is known.
struct PendingCall {
    entry: &'static Entry,
    /// What its children know it by.
    id: u64,
    profile: Cow<'static, Profile>,
    /// Which template serves it; `None` where it has one of its own.
    key: Option<Key>,
    layers: Layers,
}

impl PendingCall {
    fn plan(entry: &'static Entry, dynamic: Dynamic) -> Result<Self, Error> {
        let call = || Box::new(describe(entry));
        if role::is_child() {
            return Err(Error::Nested { call: call() });
        }
        if !role::has_entry_point() {
            return Err(Error::NoEntryPoint { call: call() });
        }
        let id = entry.id().ok_or_else(|| Error::Unregistered { call: call() })?;
        let layers = crate::testing::controls::layers();
        let (per_call, literal) = (dynamic.is_per_call(), dynamic.is_none());
        let profile =
            dynamic.apply(entry.profile()).map_err(|message| Error::InvalidProfile { call: call(), message })?;
        let key = if per_call || profile.process() == Process::Exec || profile.runs_programs() {
            None
        } else if literal {
            Some(Key::Entry(id, layers))
        } else {
            Some(Key::Profile(Box::new(profile.clone().into_owned()), layers))
        };
        Ok(Self { entry, id, profile, key, layers })
    }

    fn call(&self) -> Box<Call> {
        Box::new(describe(self.entry))
    }

    fn protocol(&self, problem: ProtocolProblem) -> Error {
        Error::Protocol { call: self.call(), problem }
    }

    fn lost(&self, step: &str, source: io::Error) -> Error {
        Error::Lost { call: self.call(), step: step.to_owned(), source }
    }

    /// The whole frame, but for its nonce, with what goes beside it.
    fn encode(&self, write: &mut dyn FnMut(&mut Writer<'_>) -> Result<(), EncodeError>) -> Result<Outgoing, Error> {
        let mut frame = vec![0; HEADER];
        // Arguments must fit into the child's memory, so its limit is theirs.
        let cap = self.profile.limits().memory.unwrap_or(u64::MAX / 2);
        let unsent = |problem: EncodeError| Error::Arguments {
            call: self.call(),
            problem: match problem {
                EncodeError::TooLarge { cap } => {
                    format!(
                        "they take more than the {cap} bytes of memory that the child may use; allow more with `memory = …`"
                    )
                }
                other => other.to_string(),
            },
        };
        let environment = self.environment();
        if !environment.is_empty() {
            codec::encode(&environment, &mut frame, cap).map_err(unsent)?;
        }
        let prefix = (frame.len() - HEADER) as u64;
        let mut blocks = ArgumentBlocks::new(|| self.reserve());
        let descriptors = descriptors::collect();
        let file_size = sys::layers::limits::file_size();
        // Where the application may not write so much shared memory, long blocks stay in the frame, which no such limit is about.
        let may_share = file_size.is_none_or(|largest| largest >= cap);
        let aside = may_share.then_some(&mut blocks as &mut dyn BlockSink);
        let written = codec::encode_with(&mut frame, cap, aside, write);
        let descriptors = descriptors.end();
        let aside = written.map_err(unsent)?;
        let placed =
            blocks.place().map_err(|error| unsent(EncodeError::Block(format!("{error}{}", remedy_for(&error)))))?;
        let reply_buffer = self.reply_buffer(file_size);
        let header = Header {
            prefix,
            aside,
            buffer: placed.prefaulted,
            descriptors: u32::try_from(descriptors.len()).unwrap_or(u32::MAX),
            reply_buffer,
            ..Header::plain(Kind::Call, 0, self.id, (frame.len() - HEADER) as u64)
        };
        frame[..HEADER].copy_from_slice(&header.to_bytes());
        streams::record_sent(&descriptors);
        let descriptors = placed.shared.into_iter().chain(descriptors).collect();
        Ok(Outgoing { frame, descriptors, reply_buffer, aside, reserved: placed.reserved })
    }

    /// Takes a worker for a call that is still to be written, because of what may go into the worker's prefaulted buffer. Where there is none
    /// it is not said yet why.
    fn reserve(&self) -> Option<Reserved> {
        // One of its own has no prefaulted buffer, since no call before it showed the need.
        let key = self.key.as_ref()?;
        let application = Application::current();
        // Nobody waits here: the arguments of a call that is to wait its turn need no worker yet.
        let place = application.queue.try_enter()?;
        let soon = Instant::now() + SOON;
        for _ in 0..ATTEMPTS {
            let (worker, template) =
                application.worker(Some(key.clone()), &self.profile, self.layers, Some(soon)).ok()?;
            // One that ended while it stood ready, or that speaks unasked, gets no call.
            if is_silent(worker.channel.as_fd()) {
                return Some(Reserved { worker, template, place });
            }
        }
        None
    }

    /// How much shared memory the worker may ask for at once, where the application may write files of `file_size`: the worker writes it under its limit
    /// on the size of files.
    fn reply_buffer(&self, file_size: Option<u64>) -> u64 {
        // Landlock does not judge a file without a path: who may run programs must not write one there.
        if self.profile.runs_programs() {
            return 0;
        }
        let limits = self.profile.limits();
        reply_buffer::largest(limits.file_size.into_iter().chain(file_size).min(), limits.reply)
    }

    /// The granted variables as they are now. A kept worker is also told which of them are not set.
    fn environment(&self) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
        let kept = self.profile.process() == Process::Reused;
        self.profile
            .environment()
            .map(|name| (name.as_bytes().to_vec(), std::env::var_os(name).map(OsString::into_vec)))
            .filter(|(_, value)| kept || value.is_some())
            .collect()
    }

    /// A descriptor would allow the child more than it was handed over for.
    fn could_be_reopened(&self, error: &std::io::Error) -> Error {
        let problem = format!(
            "a pipe or memory (memfd) among them could be opened again for more than it is open for, and its mode cannot be changed: \
             {error}; seal the memory against growing, shrinking and future writes, hand a socket over instead of a pipe, or call a \
             function without a file"
        );
        Error::Arguments { call: self.call(), problem }
    }

    /// Takes a worker, sends the call, and waits for what comes of it.
    fn exchange(&self, mut outgoing: Outgoing) -> Result<(Back, Replied), Error> {
        let application = Application::current();
        let limits = self.profile.limits();
        let reused = self.profile.process() == Process::Reused;
        let mut turn = Turn { since: Instant::now(), time: limits.time, place: None, has_given_back: false };
        let patience = turn.deadline().or_else(|| Instant::now().checked_add(SETUP_TIME));
        if !disposal::has_capacity(patience) {
            let reason = "what children of earlier calls sent is still being closed";
            return Err(self.busy(&turn, Some(io::Error::new(io::ErrorKind::ResourceBusy, reason))));
        }
        for _ in 0..ATTEMPTS {
            let (worker, template) = match outgoing.reserved.take() {
                Some(Reserved { worker, template, place }) => {
                    turn.place = Some(place);
                    (worker, template)
                }
                None => self.worker(application, &mut turn)?,
            };
            template.forbid_more(&outgoing.descriptors).map_err(|error| self.could_be_reopened(&error))?;
            let buffer = worker.buffer.clone();
            let nonce = nonce();
            outgoing.frame[8..16].copy_from_slice(&nonce.to_le_bytes());
            let terms = Terms {
                nonce,
                entry: self.id,
                time: limits.time,
                cpu: limits.cpu,
                reply: limits.reply,
                reply_buffer: outgoing.reply_buffer,
                reused,
            };
            let mut output = Output::default();
            let answer = exchange(&worker, &outgoing, &terms, &template, &mut output);
            if let (Answer::Ended { orphaned: true, .. }, Some(key)) = (&answer, &self.key) {
                // Its other workers may look alive for a moment: the next call is not to be made on one of them.
                application.forget(key, &template);
            }
            // One that panicked is not used again: what the function left half done is not known.
            let replied = match answer {
                Answer::Reply(Back { kind: Kind::Returned | Kind::Failed | Kind::FailedInWords, .. }) if reused => {
                    Replied(Some((worker, Arc::clone(&template), application)))
                }
                _ => {
                    drop(worker);
                    Replied(None)
                }
            };
            application.take_in(&template);
            if self.key.is_none() && self.profile.process() != Process::Exec {
                application.expect_another(&template);
            }
            if let Answer::Reply(back) = answer {
                return match back.kind {
                    Kind::Returned | Kind::Failed | Kind::FailedInWords => Ok((back, replied)),
                    kind => {
                        let arguments = || outgoing.arguments(buffer.as_ref());
                        Err(self.reported(kind, &back.payload, None, self.call_with(output), arguments))
                    }
                };
            }
            let call = self.call_with(output);
            return Err(match answer {
                // What a kept worker had in its prefaulted buffer may be of its own making by now: it is no argument of another's.
                Answer::NeverBegan if !reused || !outgoing.is_prefaulted() => {
                    match outgoing.leave_buffer(buffer.as_ref()) {
                        Ok(()) => continue,
                        Err(source) => {
                            Error::Start { call, step: "take the arguments to another worker".to_owned(), source }
                        }
                    }
                }
                Answer::NeverBegan => Error::Start {
                    call,
                    step: "the worker was gone before its call".to_owned(),
                    source: io::Error::from(io::ErrorKind::BrokenPipe),
                },
                Answer::Reply(_) => unreachable!("handled above"),
                Answer::Ended { ended, report: Some((kind, payload)), .. } => {
                    self.reported(kind, &payload, Some(ended), call, || outgoing.arguments(buffer.as_ref()))
                }
                Answer::Ended { ended, report: None, .. } => self.ended(ended, call),
                Answer::TimedOut => Error::TimedOut { call, limit: limits.time.unwrap_or_default() },
                Answer::CpuExceeded => Error::CpuExceeded { call, limit: limits.cpu.unwrap_or_default() },
                Answer::Unbelievable(problem) => Error::Protocol { call, problem },
                Answer::Broken(step, source) => Error::Lost { call, step: step.to_owned(), source },
            });
        }
        Err(Error::Start {
            call: self.call(),
            step: "every worker was gone before its call".to_owned(),
            source: io::Error::from(io::ErrorKind::BrokenPipe),
        })
    }

    /// Waits for this call's turn, and takes a worker.
    fn worker(&self, application: &'static Application, turn: &mut Turn) -> Result<(Worker, Arc<Template>), Error> {
        if turn.place.is_none() {
            turn.place = Some(application.queue.enter(turn.deadline()).ok_or_else(|| self.busy(turn, None))?);
        }
        loop {
            match application.worker(self.key.clone(), &self.profile, self.layers, turn.deadline()) {
                Ok(taken) => return Ok(taken),
                Err(Unserved::Late) => return Err(self.busy(turn, None)),
                // Other calls have what this one needs, and give it back when they end.
                Err(Unserved::Unavailable(unavailable)) => match unavailable.shortage() {
                    // What stands ready for other functions is worth less than this call.
                    Some(_) if !std::mem::replace(&mut turn.has_given_back, true) && application.give_back() => {}
                    Some(_) if application.queue.wait_for_an_end(turn.deadline()) => {}
                    Some(errno) if turn.is_over() => {
                        return Err(self.busy(turn, Some(std::io::Error::from_raw_os_error(errno))));
                    }
                    _ => return Err(self.unavailable(unavailable)),
                },
            }
        }
    }

    fn busy(&self, turn: &Turn, source: Option<std::io::Error>) -> Error {
        Error::Busy { call: self.call(), waited: turn.since.elapsed(), workers: max_workers(), source }
    }

    fn call_with(&self, output: Output) -> Box<Call> {
        Box::new(Call {
            output: String::from_utf8_lossy(&output.bytes).into_owned(),
            output_truncated: output.truncated,
            ..describe(self.entry)
        })
    }

    /// What the kernel says of a worker that said nothing itself.
    fn ended(&self, ended: Ended, call: Box<Call>) -> Error {
        match ended {
            Ended::Exited(code) => Error::Exited { call, code },
            Ended::Killed(libc::SIGSYS) => Error::Violation { call, violation: Violation { syscall: None } },
            Ended::Killed(libc::SIGXCPU) if self.profile.limits().cpu.is_some() => {
                Error::CpuExceeded { call, limit: self.profile.limits().cpu.unwrap_or_default() }
            }
            Ended::Killed(signal) => Error::Killed { call, signal },
            // No worker of this template ever gets a domain of its own.
            Ended::Unfit(libc::E2BIG) => {
                self.unavailable(Unavailable::Refused(sys::layers::landlock::no_more_rulesets()))
            }
            Ended::Unfit(errno) => Error::Start {
                call,
                step: "the worker's last step".to_owned(),
                source: io::Error::from_raw_os_error(errno),
            },
        }
    }

    /// What a worker says of its own end, as far as the kernel bears it out. `None`: it lives.
    fn reported<'a>(
        &self,
        kind: Kind,
        payload: &[u8],
        ended: Option<Ended>,
        call: Box<Call>,
        arguments: impl FnOnce() -> Option<Request<'a>>,
    ) -> Error {
        let aborted = ended == Some(Ended::Killed(libc::SIGABRT));
        let finished = matches!(ended, None | Some(Ended::Exited(0)));
        match kind {
            Kind::Panicked if aborted || finished => match codec::decode::<(String, Option<String>)>(payload) {
                Ok((message, location)) => Error::Panicked { call, message, location },
                Err(error) => Error::Protocol { call, problem: ProtocolProblem::Decode(error.to_string()) },
            },
            Kind::OutOfMemory if aborted || finished => {
                Error::OutOfMemory { call, limit: self.profile.limits().memory }
            }
            Kind::Unable if finished => {
                let reason = String::from_utf8_lossy(payload).into_owned();
                Error::Protocol { call, problem: ProtocolProblem::Unable(reason) }
            }
            Kind::Unreadable if finished => {
                match arguments().and_then(|arguments| transfer::check(self.entry, arguments)) {
                    Some(problem) => Error::Arguments { call, problem },
                    None => {
                        let reason = "it says that its arguments cannot be read, and here they can".to_owned();
                        Error::Protocol { call, problem: ProtocolProblem::Unable(reason) }
                    }
                }
            }
            Kind::Unsendable if finished => {
                Error::Result { call, problem: printable(&String::from_utf8_lossy(payload)) }
            }
            Kind::Violated if ended == Some(Ended::Killed(libc::SIGSYS)) => {
                let number = <[u8; 4]>::try_from(payload).ok().map(u32::from_le_bytes);
                let syscall = number.map(|number| {
                    sys::layers::seccomp::name(i64::from(number))
                        .map_or_else(|| format!("number {number}"), ToOwned::to_owned)
                });
                Error::Violation { call, violation: Violation { syscall } }
            }
            // It says one thing and the kernel another: the kernel is right.
            _ => match ended {
                Some(ended) => self.ended(ended, call),
                None => Error::Protocol { call, problem: ProtocolProblem::Header("the report is no report") },
            },
        }
    }

    /// Why there is no worker, as the caller needs it.
    fn unavailable(&self, unavailable: Unavailable) -> Error {
        let call = self.call();
        match unavailable {
            Unavailable::Unresolved(Unresolved { operation, path, problem }) => {
                Error::Path { call, operation, path, problem }
            }
            Unavailable::NotStarted(NotStarted { step, source }) => Error::Start { call, step, source },
            Unavailable::Refused(refusal) => match refusal.reason {
                Reason::Resources => {
                    Error::Start { call, step: refusal.step, source: io::Error::from_raw_os_error(refusal.errno) }
                }
                Reason::Changed => Error::Path {
                    call,
                    operation: refusal::operation_of(&self.profile, &refusal),
                    path: refusal.object.into(),
                    problem: PathProblem::Changed,
                },
                Reason::Layer | Reason::Operation | Reason::Canary | Reason::Reserved | Reason::Lethal => {
                    Error::Unsupported { call, unsupported: Box::new(refusal::unsupported(&self.profile, &refusal)) }
                }
            },
        }
    }
}

/// A call's wait for its turn. Dropping it lets the next one run.
struct Turn {
    since: Instant,
    /// How long it may wait.
    time: Option<Duration>,
    place: Option<Place>,
    /// What stood ready for other calls is gone, so that there is more for this one.
    has_given_back: bool,
}

impl Turn {
    fn deadline(&self) -> Option<Instant> {
        self.time.and_then(|time| self.since.checked_add(time))
    }

    fn is_over(&self) -> bool {
        self.time.is_some_and(|time| self.since.elapsed() >= time)
    }
}

fn describe(entry: &Entry) -> Call {
    Call {
        function: entry.name(),
        file: entry.file(),
        line: entry.line(),
        output: String::new(),
        output_truncated: false,
    }
}

/// A number that no other call has, and that a child cannot foresee: SipHash of a counter, under a key that the system drew.
pub(crate) fn nonce() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    KEY.get_or_init(RandomState::new).hash_one((std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)))
}

/// Ends every process that gaol has started for this application's calls. The next call starts new ones, under what the application is then.
///
/// Calls that are under way go on to their end, and so do commands.
///
/// A child keeps what the application had when the child's zygote was started. gaol compares what can be compared at every call, and starts new
/// processes by itself when it has changed: the process id, user and group ids, supplementary groups, capabilities, securebits, `no_new_privs`, whether
/// the process is dumpable, whether it is under a seccomp filter, its root directory, and its mount, user and network namespaces.
///
/// Call this after a change that cannot be seen so cheaply or at all:
///
/// * a Landlock domain (`landlock_restrict_self(2)`), which nobody can ask for;
/// * a second seccomp filter;
/// * resource limits (`ulimit`), the umask, a cgroup, a priority or a set of processors;
/// * pid, ipc, uts, cgroup and time namespaces.
///
/// [`ChildSandbox::activate`](crate::ChildSandbox::activate) ends them by itself.
///
/// ```
/// # gaol::init();
/// // after landlock_restrict_self(2):
/// gaol::renew();
/// ```
pub fn renew() {
    Application::end_all();
}

/// Ends every process that gaol has started for this one, and waits for their end, and for nothing else.
///
/// For an application that waits for all its children, and is the one that orphans come to: process number one of a container, or a subreaper
/// (`PR_SET_CHILD_SUBREAPER`). gaol's first process (the zygote) leaves its parent at once, so it becomes such an application's child, and lives
/// as long as that does. Call this before waiting; the zygote is reaped where it is this process's child.
///
/// Calls that are under way go on, and with them what they need, which ends after the last of them. The next call starts anew.
///
/// ```
/// gaol::shut_down();
/// // wait for all children
/// ```
pub fn shut_down() {
    if !role::is_child() {
        Application::shut_down_all();
    }
}

/// Starts the zygote and the templates of every sandboxed function in the binary, so that the first calls are as fast as the rest, and
/// what this system cannot serve is known now.
///
/// Functions whose profile names their arguments, or runs a process of its own, are checked as far as their literals go.
///
/// # Errors
///
/// One [`Error`] for each function that cannot be served, and all of them.
pub fn prepare() -> Result<(), Unprepared> {
    let errors: Vec<Error> = entry::sorted().into_iter().filter_map(|entry| prepare_one(entry).err()).collect();
    if errors.is_empty() { Ok(()) } else { Err(Unprepared::new(errors)) }
}

fn prepare_one(entry: &'static Entry) -> Result<(), Error> {
    let call = PendingCall::plan(entry, Dynamic::NONE)?;
    let application = Application::current();
    let prepared = match &call.key {
        // What it computes is known only at the call, which then has another template.
        Some(_) if !entry.computed_keys().is_empty() => application.probe(&call.profile, call.layers).map(drop),
        Some(key) => {
            application.template(key, &call.profile, call.layers).map(|template| application.take_in(&template))
        }
        None => application.probe(&call.profile, call.layers).map(drop),
    };
    prepared.map_err(|unavailable| call.unavailable(unavailable))
}
