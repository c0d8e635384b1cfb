//! What a child prints to a stream that it inherits: it has a socket, and what comes out of that is written to the application's stream here.
//!
//! A description that a child had would be one with the application's: the child could set `O_NONBLOCK`, so that the application's next line
//! panics, clear `O_APPEND`, move the offset and cut the file. A terminal is the exception: it is opened anew, with flags of its own.
//!
//! A stream may take what is written only when somebody reads it, so a thread writes, and the call waits for it until its deadline.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};

use super::disposal::{ChildSocket, Unclaimed};
use super::wait::{FromChild, receive_from_child};
use crate::sys::os::signals;
use crate::sys::plan::{Plan, Stream};

/// How much is taken from a child before it is written: beyond that the child waits.
const MOST: usize = 256 << 10;

/// How much is read at once.
const CHUNK: usize = 16 << 10;

/// How often a socket is read at most when a call is over: that is more than it holds.
const AT_MOST: usize = 256;

/// How long the thread waits for more.
const REST: Duration = Duration::from_millis(200);

/// The stack of the thread.
const STACK: usize = 64 << 10;

/// Has the streams that a plan inherits passed on, but for terminals.
pub(crate) fn pass_on(plan: &mut Plan) {
    let passes = |stream, fd: BorrowedFd<'_>| stream == Stream::Inherit && !rustix::termios::isatty(fd);
    let (out, errors) = (rustix::stdio::stdout(), rustix::stdio::stderr());
    if passes(plan.stdout, out) {
        plan.stdout = Stream::Pass;
    }
    if passes(plan.stderr, errors) {
        let together = plan.stdout == Stream::Pass && is_the_same(out, errors);
        plan.stderr = if together { Stream::PassWithStdout } else { Stream::Pass };
    }
}

/// Whether both are one stream, as far as can be told: what is printed to one and the other then stays in its order.
fn is_the_same(one: BorrowedFd<'_>, other: BorrowedFd<'_>) -> bool {
    let (Ok(a), Ok(b)) = (rustix::fs::fstat(one), rustix::fs::fstat(other)) else { return false };
    let is_file = FileType::from_raw_mode(a.st_mode) == FileType::RegularFile;
    (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino)
        && rustix::fs::fcntl_getfl(one) == rustix::fs::fcntl_getfl(other)
        && (!is_file || rustix::fs::tell(one) == rustix::fs::tell(other))
}

/// The application's streams that a template's workers print to.
#[derive(Debug, Default)]
pub(crate) struct Targets([Option<Target>; 2]);

impl Targets {
    /// Those of a plan, as they are now.
    ///
    /// # Errors
    ///
    /// The kernel's: EBADF where a stream is closed, EMFILE.
    pub(crate) fn of(plan: &Plan) -> io::Result<Self> {
        let target = |stream, fd: BorrowedFd<'_>| (stream == Stream::Pass).then(|| Target::new(fd)).transpose();
        Ok(Self([target(plan.stdout, rustix::stdio::stdout())?, target(plan.stderr, rustix::stdio::stderr())?]))
    }

    /// Ends the threads that write, as far as they have nothing to write.
    pub(crate) fn rest(&self) {
        self.0.iter().flatten().for_each(Target::rest);
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        self.rest();
    }
}

/// The sockets of one worker that lead there, as far as they are open.
pub(crate) struct Passing<'a> {
    ways: Vec<(&'a ChildSocket, &'a Target)>,
}

impl<'a> Passing<'a> {
    pub(crate) fn new(sockets: &'a [Option<ChildSocket>; 2], targets: &'a Targets) -> Self {
        let ways = sockets.iter().zip(&targets.0).filter_map(|(socket, target)| socket.as_ref().zip(target.as_ref()));
        Self { ways: ways.collect() }
    }

    /// The sockets that are to be looked at now.
    pub(crate) fn interest(&self) -> impl Iterator<Item = PollFd<'a>> {
        self.ways
            .iter()
            .filter(|(_, target)| target.has_capacity())
            .map(|(socket, _)| PollFd::new(*socket, PollFlags::IN))
    }

    /// When to look again at those that are not, for want of room.
    pub(crate) fn look_again(&self) -> Option<Instant> {
        let full = self.ways.iter().any(|(_, target)| !target.has_capacity());
        full.then(|| Instant::now() + Duration::from_millis(5))
    }

    /// Takes what there is now, as far as there is room.
    pub(crate) fn take(&mut self) {
        self.ways.retain(|(socket, target)| !target.has_capacity() || read(socket, target) != Printed::End);
    }

    /// The call is over: takes what is left, and waits until `until` for it to be written.
    pub(crate) fn finish(self, until: Instant) {
        for (socket, target) in &self.ways {
            for _ in 0..AT_MOST {
                if !target.wait(until, |state| state.waiting < MOST) || read(socket, target) != Printed::Something {
                    break;
                }
            }
        }
        for (_, target) in &self.ways {
            target.wait(until, |state| state.waiting == 0);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Printed {
    Something,
    Nothing,
    End,
}

fn read(socket: &ChildSocket, target: &Target) -> Printed {
    let mut chunk = vec![0; CHUNK];
    let mut orphans = Unclaimed::default();
    match receive_from_child(socket, &mut chunk, RecvFlags::empty(), &mut orphans.0) {
        Ok(FromChild { bytes: count @ 1.., .. }) => {
            chunk.truncate(count);
            if target.push(chunk) {
                return Printed::Something;
            }
            // Nobody reads it: the child is told, as it would be by the stream itself.
            let _ = rustix::net::shutdown(socket, Shutdown::Both);
            Printed::End
        }
        Err(Errno::AGAIN) => Printed::Nothing,
        Ok(_) | Err(_) => Printed::End,
    }
}

/// A stream of the application's that is written to.
#[derive(Debug)]
struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    stream: OwnedFd,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    /// Bytes that are not written yet.
    waiting: usize,
    /// It can be written to no more.
    failed: bool,
    /// There is a thread that writes.
    is_written: bool,
    ends: bool,
    thread: Option<JoinHandle<()>>,
}

impl Target {
    fn new(stream: BorrowedFd<'_>) -> io::Result<Self> {
        let stream = rustix::io::fcntl_dupfd_cloexec(stream, 3)?;
        Ok(Self(Arc::new(Inner { stream, state: Mutex::default(), changed: Condvar::new() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_capacity(&self) -> bool {
        self.state().waiting < MOST
    }

    /// Has bytes written. False: they cannot be.
    fn push(&self, bytes: Vec<u8>) -> bool {
        let mut state = self.state();
        if state.failed {
            return false;
        }
        state.waiting += bytes.len();
        state.queue.push_back(bytes);
        state.ends = false;
        if !state.is_written {
            let inner = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name("gaol-output".to_owned()).stack_size(STACK);
            match thread.spawn(move || inner.write()) {
                Ok(thread) => (state.thread, state.is_written) = (Some(thread), true),
                // For want of a thread nobody would write it.
                Err(_) => {
                    state.fail();
                    return false;
                }
            }
        }
        drop(state);
        self.0.changed.notify_all();
        true
    }

    /// Waits until something is so, or nothing can be written any more. False: it is not, by then.
    fn wait(&self, until: Instant, is_so: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state();
        loop {
            if is_so(&state) || state.failed {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn rest(&self) {
        let mut state = self.state();
        state.ends = true;
        // One that waits for somebody to read does not end.
        let thread = if state.waiting == 0 { state.thread.take() } else { None };
        drop(state);
        self.0.changed.notify_all();
        thread.map(JoinHandle::join);
    }
}

impl State {
    fn fail(&mut self) {
        self.failed = true;
        self.queue.clear();
        self.waiting = 0;
    }
}

impl Inner {
    fn write(&self) {
        // A pipe that nobody reads is no reason to end the application, nor are its handlers this thread's.
        signals::block_all();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(bytes) = state.queue.pop_front() {
                drop(state);
                let written = write_all(self.stream.as_fd(), &bytes);
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
                match written {
                    Ok(()) => state.waiting -= bytes.len(),
                    Err(_) => state.fail(),
                }
                self.changed.notify_all();
                continue;
            }
            let (woken, waited) = self.changed.wait_timeout(state, REST).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if state.queue.is_empty() && (state.ends || waited.timed_out()) {
                state.is_written = false;
                return;
            }
        }
    }
}

/// Writes all of it, however the application's flags are.
fn write_all(stream: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(stream, bytes) {
            Ok(0) => return Err(Errno::IO),
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = rustix::event::poll(&mut [PollFd::new(&stream, PollFlags::OUT)], None);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
