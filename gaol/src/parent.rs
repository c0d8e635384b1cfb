//! The application's side of a call: plan, take a worker, send, wait, decode.

mod application;
mod exchange;
mod resolve;
mod slot;
mod template;
mod wait;
mod zygote;

use std::borrow::Cow;
use std::ffi::OsString;
use std::hash::{BuildHasher, RandomState};
use std::os::unix::ffi::OsStringExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use self::application::{Application, Key, Unavailable};
use self::exchange::{Answer, Output, Terms, exchange};
use self::resolve::Unresolved;
use self::zygote::NotStarted;
use crate::crossing::{ErrorCodec, Meaning, Returned, understand};
use crate::dynamic::Dynamic;
use crate::entry::{self, Entry};
use crate::error::{Call, Error, PathProblem, ProtocolProblem, Unprepared, Unsupported, Violation};
use crate::message::Ended;
use crate::plan::{Reason, Refusal};
use crate::profile::{Operation, Process, Profile};
use crate::support::{Availability, Layer, Layers, Support};
use crate::wire::codec::{self, EncodeError};
use crate::wire::{HEADER, Header, Kind};
use crate::{role, sys};

/// Calls a sandboxed function: what the attribute puts in its place.
pub fn call<R: Returned, A: Serialize>(
    entry: &'static Entry,
    arguments: &A,
    dynamic: Dynamic,
    errors: ErrorCodec<R::Err>,
) -> R {
    R::from_result(run::<R, A>(entry, arguments, dynamic, &errors))
}

fn run<R: Returned, A: Serialize>(
    entry: &'static Entry,
    arguments: &A,
    dynamic: Dynamic,
    errors: &ErrorCodec<R::Err>,
) -> Result<R::Ok, R::Err> {
    let call = PendingCall::plan(entry, dynamic)?;
    let request = call.encode(arguments)?;
    let (kind, payload) = call.exchange(request)?;
    match understand::<R>(kind, &payload, errors) {
        Meaning::Value(value) => Ok(value),
        Meaning::FunctionError(error) => Err(error),
        Meaning::Words(error) => Err(Error::Function(error).into()),
        Meaning::Undecodable(problem) => Err(call.protocol(ProtocolProblem::Decode(problem)).into()),
    }
}

/// A call whose profile is known.
struct PendingCall {
    entry: &'static Entry,
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
        let layers = crate::controls::layers();
        let (per_call, literal) = (dynamic.is_per_call(), dynamic.is_none());
        let profile =
            dynamic.apply(entry.profile()).map_err(|message| Error::InvalidProfile { call: call(), message })?;
        let key = if per_call || profile.process() == Process::Exec {
            None
        } else if literal {
            Some(Key::Entry(entry.id(), layers))
        } else {
            Some(Key::Profile(Box::new(profile.clone().into_owned()), layers))
        };
        Ok(Self { entry, profile, key, layers })
    }

    fn call(&self) -> Box<Call> {
        Box::new(describe(self.entry))
    }

    fn protocol(&self, problem: ProtocolProblem) -> Error {
        Error::Protocol { call: self.call(), problem }
    }

    /// The whole frame, but for its nonce.
    fn encode<A: Serialize>(&self, arguments: &A) -> Result<Vec<u8>, Error> {
        let mut frame = vec![0; HEADER];
        // Arguments must fit into the child's memory, so its limit is theirs.
        let cap = self.profile.limits().memory.unwrap_or(u64::MAX / 2);
        let environment = self.environment();
        let encoded = if environment.is_empty() { Ok(()) } else { codec::encode(&environment, &mut frame, cap) };
        let prefix = (frame.len() - HEADER) as u64;
        encoded.and_then(|()| codec::encode(arguments, &mut frame, cap)).map_err(|error| Error::Arguments {
            call: self.call(),
            problem: match error {
                EncodeError::TooLarge { cap } => {
                    format!("they take more than the {cap} bytes of memory that the child may use; allow more with `memory = …`")
                }
                other => other.to_string(),
            },
        })?;
        let length = (frame.len() - HEADER) as u64;
        let header = Header { kind: Kind::Call, nonce: 0, entry: self.entry.id(), length, prefix };
        frame[..HEADER].copy_from_slice(&header.to_bytes());
        Ok(frame)
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

    /// Takes a worker, sends the call, and waits for what comes of it.
    fn exchange(&self, mut frame: Vec<u8>) -> Result<(Kind, Vec<u8>), Error> {
        let application = Application::current();
        let limits = self.profile.limits();
        let reused = self.profile.process() == Process::Reused;
        // A worker that was killed while it stood ready is not this call's fault.
        const ATTEMPTS: u32 = 4;
        for _ in 0..ATTEMPTS {
            let (worker, template) = application
                .worker(self.key.clone(), &self.profile, self.layers)
                .map_err(|unavailable| self.unavailable(unavailable))?;
            let nonce = nonce();
            frame[8..16].copy_from_slice(&nonce.to_le_bytes());
            let terms = Terms {
                nonce,
                entry: self.entry.id(),
                time: limits.time,
                cpu: limits.cpu,
                reply: limits.reply,
                reused,
            };
            let mut output = Output::default();
            let answer = exchange(&worker, &frame, &terms, &mut output);
            // One that panicked is not used again: what the function left half done is not known.
            if let Answer::Reply { kind: Kind::Returned | Kind::Failed | Kind::FailedInWords, .. } = answer
                && reused
            {
                template.keep(worker);
            } else {
                drop(worker);
            }
            template.take_in();
            if let Answer::Reply { kind, payload } = answer {
                return match kind {
                    Kind::Returned | Kind::Failed | Kind::FailedInWords => Ok((kind, payload)),
                    _ => Err(self.reported(kind, &payload, None, self.call_with(output))),
                };
            }
            let call = self.call_with(output);
            return Err(match answer {
                Answer::NeverBegan => continue,
                Answer::Reply { .. } => unreachable!("handled above"),
                Answer::Ended { ended, report: Some((kind, payload)) } => {
                    self.reported(kind, &payload, Some(ended), call)
                }
                Answer::Ended { ended, report: None } => self.ended(ended, call),
                Answer::TimedOut => Error::TimedOut { call, limit: limits.time.unwrap_or_default() },
                Answer::CpuExceeded => Error::CpuExceeded { call, limit: limits.cpu.unwrap_or_default() },
                Answer::Unbelievable(problem) => Error::Protocol { call, problem },
                Answer::Broken(step, source) => Error::Lost { call, step: step.to_owned(), source },
            });
        }
        Err(Error::Start {
            call: self.call(),
            step: "every worker was gone before its call".to_owned(),
            source: std::io::Error::from(std::io::ErrorKind::BrokenPipe),
        })
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
            Ended::Unfit(errno) => Error::Start {
                call,
                step: "the worker's last step".to_owned(),
                source: std::io::Error::from_raw_os_error(errno),
            },
        }
    }

    /// What a worker says of its own end, as far as the kernel bears it out. `None`: it lives.
    fn reported(&self, kind: Kind, payload: &[u8], ended: Option<Ended>, call: Box<Call>) -> Error {
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
            Kind::Violated if ended == Some(Ended::Killed(libc::SIGSYS)) => {
                let number = <[u8; 4]>::try_from(payload).ok().map(u32::from_le_bytes);
                let syscall = number.map(|number| {
                    sys::seccomp::name(i64::from(number)).map_or_else(|| format!("number {number}"), ToOwned::to_owned)
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
                    Error::Start { call, step: refusal.step, source: std::io::Error::from_raw_os_error(refusal.errno) }
                }
                Reason::Changed => Error::Path {
                    call,
                    operation: self.operation_of(&refusal),
                    path: refusal.object.into(),
                    problem: PathProblem::Changed,
                },
                Reason::Layer | Reason::Operation | Reason::Canary => {
                    Error::Unsupported { call, unsupported: Box::new(self.unsupported(&refusal)) }
                }
            },
        }
    }

    fn unsupported(&self, refusal: &Refusal) -> Unsupported {
        let object = if refusal.object.is_empty() { String::new() } else { format!(" ({})", refusal.object) };
        Unsupported {
            operation: self.operation_of(refusal),
            layer: refusal.layer(),
            step: format!("{}{object}", refusal.step),
            errno: (refusal.errno != 0).then_some(refusal.errno),
            remedy: remedy(refusal),
        }
    }

    /// The operation that a refusal is about, as the attribute writes it.
    fn operation_of(&self, refusal: &Refusal) -> String {
        let object = std::path::Path::new(&refusal.object);
        self.profile
            .allowed_operations()
            .iter()
            .find(|operation| match operation.path() {
                Some(path) => path == object || std::fs::canonicalize(path).is_ok_and(|path| path == object),
                None => refusal.step.contains("tcp:"),
            })
            .or_else(|| {
                // A need that is not about one path is named by the first operation that has it.
                self.profile.allowed_operations().iter().find(|operation| match operation {
                    Operation::FileWriteAll(_) => {
                        refusal.step.contains("`write`") || refusal.step.contains("file operations")
                    }
                    Operation::NetworkOutbound(_) => false,
                    _ => refusal.step.contains("file operations"),
                })
            })
            .map(ToString::to_string)
            .unwrap_or_default()
    }
}

fn remedy(refusal: &Refusal) -> String {
    match (refusal.layer(), refusal.reason) {
        (_, Reason::Canary) => "gaol refuses to run anything under a layer that does not hold; please report this".to_owned(),
        (_, Reason::Operation) if matches!(refusal.errno, libc::EACCES | libc::EPERM) => {
            "the child has the application's uid and gid but none of its capabilities: let those reach it".to_owned()
        }
        (Layer::Namespaces, Reason::Operation) => {
            "without namespaces write `read = …` for the path, or `metadata = \"/\"` to leave all metadata visible".to_owned()
        }
        (Layer::Landlock, Reason::Operation) => {
            "use a newer kernel, or do it in the application and pass what comes of it".to_owned()
        }
        (Layer::Landlock, _) => {
            "boot a kernel with Landlock (5.13 or later, `landlock` in the `lsm=` list), or name no files and pass what they hold".to_owned()
        }
        (Layer::Limits, Reason::Operation) => "write `threads = 1`, or `threads = \"none\"` to lift the limit".to_owned(),
        (Layer::Seccomp, _) => "use a kernel with CONFIG_SECCOMP_FILTER".to_owned(),
        _ => "see `gaol::support()` for what this system gives".to_owned(),
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
fn nonce() -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    KEY.get_or_init(RandomState::new).hash_one((std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)))
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
    let mut entries: Vec<&'static Entry> = entry::entries().collect();
    entries.sort_by_key(|entry| (entry.name(), entry.file(), entry.line(), entry.column()));
    let errors: Vec<Error> = entries.into_iter().filter_map(|entry| prepare_one(entry).err()).collect();
    if errors.is_empty() { Ok(()) } else { Err(Unprepared::new(errors)) }
}

fn prepare_one(entry: &'static Entry) -> Result<(), Error> {
    let call = PendingCall::plan(entry, Dynamic::NONE)?;
    let application = Application::current();
    let prepared = match &call.key {
        // What it computes is known only at the call, which then has another template.
        Some(_) if !entry.computed_keys().is_empty() => application.probe(&call.profile, call.layers).map(drop),
        Some(key) => application.template(key, &call.profile, call.layers).map(|template| template.take_in()),
        None => application.probe(&call.profile, call.layers).map(drop),
    };
    prepared.map_err(|unavailable| call.unavailable(unavailable))
}

/// Finds out what this system can enforce, by entering each layer in a child that is thrown away.
///
/// Where no child can be started (the process has no entry point, or resources are short), every layer is reported unavailable at that step.
#[must_use]
pub fn support() -> Support {
    let mut layers = Layers::ALL;
    let mut found = Vec::new();
    let abi = sys::landlock::abi();
    if abi.version == 0 {
        layers = layers.without(Layer::Landlock);
        let step = "landlock_create_ruleset(LANDLOCK_CREATE_RULESET_VERSION)".to_owned();
        found.push((Layer::Landlock, Availability::Unavailable { step, errno: abi.errno }));
    }
    let nowhere = |step: String, errno: i32| Support {
        layers: Layer::ALL.map(|layer| (layer, Availability::Unavailable { step: step.clone(), errno })).to_vec(),
        landlock_abi: abi.version,
    };
    if role::is_child() || !role::has_entry_point() {
        return nowhere("start a child: this process has no entry point (`gaol::main!`, `gaol::init()`)".to_owned(), 0);
    }
    let application = Application::current();
    if let Some(refusal) = application.no_namespaces() {
        layers = layers.without(Layer::Namespaces);
        found.push((Layer::Namespaces, unavailable_layer(refusal)));
    }
    while found.len() < Layer::ALL.len() {
        match application.probe(&Profile::NOTHING, layers) {
            Ok(_) => break,
            Err(Unavailable::Refused(refusal)) if refusal.reason == Reason::Resources => {
                return nowhere(refusal.step, refusal.errno);
            }
            Err(Unavailable::Refused(refusal)) => {
                layers = layers.without(refusal.layer());
                found.push((refusal.layer(), unavailable_layer(&refusal)));
            }
            Err(Unavailable::NotStarted(NotStarted { step, source })) => {
                return nowhere(format!("{step}: {source}"), source.raw_os_error().unwrap_or(0));
            }
            Err(Unavailable::Unresolved(_)) => break,
        }
    }
    Support { layers: found, landlock_abi: abi.version }
}

fn unavailable_layer(refusal: &Refusal) -> Availability {
    Availability::Unavailable { step: refusal.step.clone(), errno: refusal.errno }
}
