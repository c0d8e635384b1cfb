//! The application's handle on its zygote.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::SocketType;
use rustix::process::{PidfdFlags, Signal, WaitId, WaitIdOptions};

use super::host;
use crate::call::wait::{Readable, poll_until, receive_by, wait_readable};
use crate::process::messages::{ForkTemplate, Hello, HelloReply, Supervise, ZYGOTE_ARGUMENT, ZygoteRequest, send};
use crate::protocol::codec;
use crate::sys::os::descriptors::{above_streams, is_secure_execution, socket_pair};
use crate::sys::supervise::notification::Rules;

/// How long gaol's own processes may take to get ready. Far above what they need, so that only what is broken runs into it.
pub(crate) const SETUP_TIME: Duration = Duration::from_secs(20);

/// A failed step of starting a process of gaol's.
pub(crate) struct NotStarted {
    pub(crate) step: String,
    pub(crate) source: io::Error,
}

impl NotStarted {
    pub(crate) fn at(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { step: step.to_owned(), source }
    }
}

/// The process that started a zygote first, of this one and those that it was forked from. 0: none has.
static STARTER: AtomicU32 = AtomicU32::new(0);

/// Whether this process is a fork of one that had a zygote: it may hold copies of sockets to that one's processes.
pub(crate) fn has_copies() -> bool {
    let starter = STARTER.load(Ordering::Relaxed);
    starter != 0 && starter != std::process::id()
}

/// What the environment of zygotes has.
static ENVIRONMENT: Mutex<BTreeMap<OsString, OsString>> = Mutex::new(BTreeMap::new());

/// Gives the processes that gaol starts these variables, for what looks at them before `main`: the dynamic loader (`LD_LIBRARY_PATH`), and
/// libraries that start threads there unless they are told not to, which no process of gaol's may have (`OPENBLAS_NUM_THREADS=1`;
/// `_RJEM_MALLOC_CONF=background_thread:false` for jemalloc).
///
/// It is not the environment of functions: before any of them runs the variables are taken out again, so that a function has those that its
/// profile copies (`env = …`) and no other. Their values stay in the memory of its process, where hostile code may find them: no secrets.
///
/// To be called before the first call; what was started with other variables is let go of, as by [`shut_down`](crate::shut_down).
///
/// ```
/// gaol::init();
/// gaol::zygote_environment([("OPENBLAS_NUM_THREADS", "1")]);
/// ```
///
/// # Panics
///
/// A name is empty or holds `=`, or a name or value holds a NUL byte.
pub fn zygote_environment<N: Into<OsString>, V: Into<OsString>>(variables: impl IntoIterator<Item = (N, V)>) {
    let variables: BTreeMap<OsString, OsString> =
        variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
    for (name, value) in &variables {
        let (name, value) = (name.as_encoded_bytes(), value.as_encoded_bytes());
        assert!(!name.is_empty() && !name.contains(&b'=') && !name.contains(&0), "a variable needs a name without `=`");
        assert!(!value.contains(&0), "the value of a variable ends at a NUL byte");
    }
    let mut environment = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let before = environment.clone();
    environment.extend(variables);
    let changed = *environment != before;
    drop(environment);
    if changed {
        crate::call::shut_down();
    }
}

/// A running zygote. Dropping it ends it: its control socket closes.
#[derive(Debug)]
pub(crate) struct Zygote {
    control: OwnedFd,
    pidfd: OwnedFd,
}

#[cfg(fuzzing)]
impl Zygote {
    /// A handle without a process.
    pub(crate) fn of_nobody(control: OwnedFd, pidfd: OwnedFd) -> Self {
        Self { control, pidfd }
    }
}

impl Zygote {
    /// Starts this binary again, and makes sure that what answers is a zygote of this build.
    pub(crate) fn start() -> Result<Self, NotStarted> {
        if is_secure_execution() {
            // Its child would not know itself for one, and would run the application again.
            return Err(NotStarted::at(
                "a program that gets privileges by being started (set-user-ID, set-group-ID, file capabilities: AT_SECURE) cannot start \
                 children of its own kind; give it its privileges in another way (`AmbientCapabilities=` of systemd, capsh), or make the calls \
                 in a program without them",
            )(io::ErrorKind::PermissionDenied.into()));
        }
        host::check().map_err(|step| NotStarted::at(step)(io::ErrorKind::Unsupported.into()))?;
        let _ = STARTER.compare_exchange(0, std::process::id(), Ordering::Relaxed, Ordering::Relaxed);
        let deadline = Instant::now() + SETUP_TIME;
        let (control, theirs) = socket_pair(SocketType::SEQPACKET).map_err(NotStarted::at("socketpair"))?;
        let (errors, errors_of_child) = io::pipe().map_err(NotStarted::at("pipe2"))?;
        let null = std::fs::File::options()
            .write(true)
            .open("/dev/null")
            .map_err(NotStarted::at("open /dev/null, which every child needs"))?;
        // An application may have closed its standard streams, so that these have their numbers.
        let lifted = |fd: OwnedFd| above_streams(fd).map_err(NotStarted::at("fcntl(F_DUPFD_CLOEXEC)"));
        let (stdin, stdout, stderr) = (theirs, lifted(null.into())?, lifted(errors_of_child.into())?);
        // The link leads to the binary that is running, also when its file was replaced or deleted.
        let started = Command::new("/proc/self/exe")
            .arg0("gaol-zygote")
            .arg(ZYGOTE_ARGUMENT)
            .env_clear()
            .envs(ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner).iter())
            .stdin(Stdio::from(stdin))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(stderr))
            .spawn()
            .map_err(NotStarted::at("start /proc/self/exe, for which /proc must be mounted"))?;
        // The zygote leaves its starter behind at once; there may be someone else who reaps, or nobody who may.
        let mut starter = Starter(started);
        let greeted = greet(&control, deadline);
        if greeted.is_err() {
            // What hangs is not a zygote.
            starter.kill();
        }
        let ended = starter.reap();
        match greeted {
            Ok(pidfd) => Ok(Self { control, pidfd }),
            Err(NotStarted { step, source }) => {
                drop(control);
                let said = last_words(&errors);
                let said = said.trim();
                let step = if is_silent(&source) { format!("{step}{}", ended.map_or("", why)) } else { step };
                let step = if said.is_empty() { step } else { format!("{step} (it said: {})", said.escape_debug()) };
                Err(NotStarted { step, source })
            }
        }
    }

    /// Asks for a template, whose control socket `socket` becomes.
    pub(crate) fn fork(&self, request: ForkTemplate, socket: &OwnedFd) -> io::Result<()> {
        send(&self.control, &ZygoteRequest::ForkTemplate(request), &[socket.as_fd()])
    }

    /// Has it answer for this process from now on, which is under the filter of `listener`, and hear of nothing else.
    pub(crate) fn watch(self, rules: Rules, listener: &OwnedFd) -> io::Result<()> {
        send(&self.control, &ZygoteRequest::Supervise(Supervise(rules)), &[listener.as_fd()])?;
        let mut answer = [0; 16];
        match receive_by(self.control.as_fd(), &mut answer, Instant::now() + SETUP_TIME)?.bytes {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Ends it, and waits for that: it ends all that it has forked before.
    pub(crate) fn end(self) {
        let Self { control, pidfd } = self;
        drop(control);
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
        if !poll_until(&mut fds, Some(Instant::now() + SETUP_TIME)).is_ok_and(|readable| readable == Readable::Yes) {
            let _ = rustix::process::pidfd_send_signal(&pidfd, Signal::KILL);
        }
        // Somebody else's child, mostly: then there is nothing to wait for.
        let _ = rustix::process::waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
    }

    /// Whether it has ended, or is about to.
    pub(crate) fn is_gone(&self) -> bool {
        // A process closes what it has open before its pidfd says that it has ended. It sends nothing after its greeting unless it is asked.
        let mut fds = [PollFd::new(&self.control, PollFlags::IN), PollFd::new(&self.pidfd, PollFlags::IN)];
        poll_until(&mut fds, Some(Instant::now())).is_ok_and(|readable| readable == Readable::Yes)
    }
}

/// What was printed, as far as it is there soon: whoever prints may live on, and is not waited for.
fn last_words(errors: &PipeReader) -> String {
    const MOST: usize = 2000;
    let until = Instant::now() + Duration::from_millis(100);
    let mut said = Vec::new();
    let nonblocking = rustix::fs::fcntl_getfl(errors).and_then(|flags| {
        // The reading end has flags of its own.
        rustix::fs::fcntl_setfl(errors, flags | OFlags::NONBLOCK)
    });
    while nonblocking.is_ok() && said.len() < MOST {
        let mut chunk = [0; MOST];
        match rustix::io::read(errors, &mut chunk[..MOST - said.len()]) {
            Ok(count @ 1..) => said.extend_from_slice(&chunk[..count]),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if matches!(wait_readable(errors.as_fd(), Some(until)), Ok(Readable::Yes)) => {}
            Ok(_) | Err(_) => break,
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// The process that was spawned, which forks the zygote and exits.
struct Starter(Child);

impl Starter {
    fn kill(&mut self) {
        let _ = self.0.kill();
    }

    /// Waits for its end. Where SIGCHLD is ignored, or another thread reaps every child, there is nothing left to wait for.
    fn reap(&mut self) -> Option<ExitStatus> {
        self.0.wait().ok()
    }
}

/// The handshake: a nonce comes back, from a process of the same build.
fn greet(control: &OwnedFd, deadline: Instant) -> Result<OwnedFd, NotStarted> {
    let nonce = crate::call::nonce();
    let registry = crate::function::entry::registry();
    let build = registry.build();
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .map_err(|errno| NotStarted::at("pidfd_open")(errno.into()))?;
    match send(control, &Hello { nonce, build }, &[own.as_fd()]) {
        // It is gone already, and what it said before is still to be read.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPIPE | libc::ECONNRESET)) => {}
        sent => sent.map_err(NotStarted::at("greet the zygote"))?,
    }
    let mut buffer = [0; 512];
    let mut received = receive_by(control.as_fd(), &mut buffer, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => NotStarted::at("wait for the zygote's greeting")(error),
        _ => NotStarted::at("receive the zygote's greeting")(error),
    })?;
    if received.bytes == 0 {
        let step = "the new process ended before it was a zygote";
        return Err(NotStarted::at(step)(io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
    match codec::decode(&buffer[..received.bytes]) {
        Ok(HelloReply::Ready { nonce: returned, build: theirs }) if returned == nonce && theirs == build => received
            .descriptors
            .pop()
            .ok_or_else(|| NotStarted::at("receive the zygote's pidfd")(io::Error::from(io::ErrorKind::InvalidData))),
        Ok(HelloReply::Ready { build: theirs, .. })
            if theirs.functions == build.functions
                && let Some(twin) = registry.twin() =>
        {
            let (name, file, line) = (twin.name(), twin.file(), twin.line());
            Err(NotStarted {
                step: format!(
                    "tell `{name}` ({file}:{line}) from another function of this name in the same place: they are in two shared libraries, and \
                     no child knows which is which; give them other names"
                ),
                source: io::Error::from(io::ErrorKind::InvalidData),
            })
        }
        Ok(HelloReply::Ready { .. }) => Err(NotStarted::at("the new process is of another build of this program")(
            io::Error::from(io::ErrorKind::InvalidData),
        )),
        Ok(HelloReply::Threads { count, names }) => Err(NotStarted {
            step: format!("the new process had {count} threads before it was a zygote"),
            source: io::Error::other(too_many_threads(&names)),
        }),
        Ok(HelloReply::Failed { step, errno }) => Err(NotStarted { step, source: io::Error::from_raw_os_error(errno) }),
        Err(error) => Err(NotStarted::at("read the zygote's greeting")(io::Error::other(error.to_string()))),
    }
}

/// Whether the handshake failed because the process was gone.
fn is_silent(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof
}

/// What may have ended a process before it was a zygote.
fn why(status: ExitStatus) -> &'static str {
    /// What the dynamic loader ends with that does not find a library.
    const LOADER: i32 = 127;
    match status.code() {
        Some(LOADER) => {
            "; if the binary finds its libraries by LD_LIBRARY_PATH, write `gaol::zygote_environment([(\"LD_LIBRARY_PATH\", …)])`, or link it with \
             an rpath"
        }
        Some(_) => {
            "; `gaol::init()` must be the first thing in `main`, before arguments are read (in tests, whose `main` is the harness's, enable \
             gaol's feature `test-support`)"
        }
        None => "; a signal has ended it: see what runs before `main`, and before `gaol::init()`",
    }
}

/// What to do about threads that a zygote must not have. `names` are theirs.
fn too_many_threads(names: &[String]) -> String {
    let has = |prefix: &str| names.iter().any(|name| name.starts_with(prefix));
    let remedy = if has("tokio") {
        "`gaol::init()` stands inside of a runtime, whose threads have started by then (`#[tokio::main]` around it): write `gaol::main! { \
         #[tokio::main] async fn main() { … } }`"
    } else {
        "start none before `main` or before `gaol::init()`; a library that does is told not to by a variable in \
         `gaol::zygote_environment(…)`, such as OPENBLAS_NUM_THREADS=1, or _RJEM_MALLOC_CONF=background_thread:false for jemalloc"
    };
    format!("their names are {}; {remedy}", names.join(", "))
}
