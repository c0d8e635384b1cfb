//! The application's handle on its zygote.

use std::io::{self, PipeReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::net::SocketType;
use rustix::process::PidfdFlags;

use super::wait::{Readable, poll_until, receive_by, wait_readable};
use crate::message::{Asked, Fork, Greeting, Hello, Watch, ZYGOTE_ARGUMENT, send};
use crate::sys::descriptors::{above_streams, is_secure_execution, socket_pair};
use crate::sys::notify::Rules;
use crate::wire::codec;

/// How long gaol's own processes may take to get ready. Far above what they need, so that only what is broken runs into it.
pub(super) const SETUP_TIME: Duration = Duration::from_secs(20);

/// A failed step of starting a process of gaol's.
pub(super) struct NotStarted {
    pub(super) step: String,
    pub(super) source: io::Error,
}

impl NotStarted {
    pub(super) fn at(step: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self { step: step.to_owned(), source }
    }
}

/// The process that started a zygote first, of this one and those that it was forked from. 0: none has.
static STARTER: AtomicU32 = AtomicU32::new(0);

/// Whether this process is a fork of one that had a zygote: it may hold copies of sockets to that one's processes.
pub(super) fn has_copies() -> bool {
    let starter = STARTER.load(Ordering::Relaxed);
    starter != 0 && starter != std::process::id()
}

/// A running zygote. Dropping it ends it: its control socket closes.
#[derive(Debug)]
pub(super) struct Zygote {
    control: OwnedFd,
    pidfd: OwnedFd,
}

#[cfg(fuzzing)]
impl Zygote {
    /// A handle without a process.
    pub(super) fn of_nobody(control: OwnedFd, pidfd: OwnedFd) -> Self {
        Self { control, pidfd }
    }
}

impl Zygote {
    /// Starts this binary again, and makes sure that what answers is a zygote of this build.
    pub(super) fn start() -> Result<Self, NotStarted> {
        if is_secure_execution() {
            // Its child would not know itself for one, and would run the application again.
            return Err(NotStarted::at("a set-user-ID program (AT_SECURE) cannot start children of its own kind")(
                io::ErrorKind::PermissionDenied.into(),
            ));
        }
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
        starter.reap();
        match greeted {
            Ok(pidfd) => Ok(Self { control, pidfd }),
            Err(NotStarted { step, source }) => {
                drop(control);
                let said = last_words(&errors);
                let said = said.trim();
                let step = if said.is_empty() { step } else { format!("{step} (it said: {})", said.escape_debug()) };
                Err(NotStarted { step, source })
            }
        }
    }

    /// Asks for a template, whose control socket `socket` becomes.
    pub(super) fn fork(&self, request: Fork, socket: &OwnedFd) -> io::Result<()> {
        send(&self.control, &Asked::Fork(request), &[socket.as_fd()])
    }

    /// Has it answer for this process from now on, which is under the filter of `listener`, and hear of nothing else.
    pub(super) fn watch(self, rules: Rules, listener: &OwnedFd) -> io::Result<()> {
        send(&self.control, &Asked::Watch(Watch(rules)), &[listener.as_fd()])?;
        let mut answer = [0; 16];
        match receive_by(self.control.as_fd(), &mut answer, Instant::now() + SETUP_TIME)?.bytes {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Whether it has ended, or is about to.
    pub(super) fn is_gone(&self) -> bool {
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
    fn reap(&mut self) {
        let _ = self.0.wait();
    }
}

/// The handshake: a nonce comes back, from a process of the same build.
fn greet(control: &OwnedFd, deadline: Instant) -> Result<OwnedFd, NotStarted> {
    let nonce = super::nonce();
    let registry = crate::entry::registry();
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
        return Err(NotStarted::at(
            "the new process ended before it was a zygote; does the binary need LD_LIBRARY_PATH?",
        )(io::Error::from(io::ErrorKind::UnexpectedEof)));
    }
    match codec::decode(&buffer[..received.bytes]) {
        Ok(Greeting::Ready { nonce: returned, build: theirs }) if returned == nonce && theirs == build => received
            .descriptors
            .pop()
            .ok_or_else(|| NotStarted::at("receive the zygote's pidfd")(io::Error::from(io::ErrorKind::InvalidData))),
        Ok(Greeting::Ready { build: theirs, .. })
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
        Ok(Greeting::Ready { .. }) => Err(NotStarted::at("the new process is of another build of this program")(
            io::Error::from(io::ErrorKind::InvalidData),
        )),
        Ok(Greeting::Threads(count)) => Err(NotStarted {
            step: format!("the new process had {count} threads before it was a zygote; start none before `main`"),
            source: io::Error::from(io::ErrorKind::Other),
        }),
        Ok(Greeting::Failed { step, errno }) => Err(NotStarted { step, source: io::Error::from_raw_os_error(errno) }),
        Err(error) => Err(NotStarted::at("read the zygote's greeting")(io::Error::other(error.to_string()))),
    }
}
