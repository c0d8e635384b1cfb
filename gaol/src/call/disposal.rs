//! Disposal: closes what came from a child in threads of its own, since the last close of a descriptor may take minutes.
//!
//! What was put off until then the kernel does in the thread that closes: it frees what a removed file has on the disk, waits for what a socket
//! has not sent, and closes whatever waits in the queue of a Unix socket. A child chooses how much that is. No caller waits for it beyond
//! [`PROMPT`], and no call begins while more of it is to be closed than [`Disposer::most`].

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{FileType, OFlags};
use rustix::net::Shutdown;
use rustix::process::Resource;

use crate::call::leaked::LeakedCell;
use crate::sys::os::signals;

/// How long whoever hands something over waits for it to be closed: what is honest is closed by then.
const PROMPT: Duration = Duration::from_millis(20);

/// How many threads close.
const THREADS: usize = 4;

/// How long a thread waits for more.
const REST: Duration = Duration::from_secs(1);

/// How long it is waited for their end, where the application wants no thread beside its own.
const PATIENCE: Duration = Duration::from_millis(500);

/// The stack of such a thread.
const STACK: usize = 64 << 10;

/// What is to be closed, in this process.
#[derive(Debug)]
struct Disposer {
    /// The process. A fork of it has another, for the threads are not there, and a lock may be locked for ever.
    owner: u32,
    state: Mutex<State>,
    /// There is more to close.
    more: Condvar,
    /// There is less.
    less: Condvar,
    /// How many descriptors are not closed yet.
    backlog: AtomicUsize,
    /// So many may wait before no call begins.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Refuse>,
    threads: Vec<JoinHandle<()>>,
    idle: usize,
    /// Whoever has nothing to do is to end.
    ends: bool,
}

/// A descriptor that is to be closed, and how many of those that were handed over with it are not.
#[derive(Debug)]
struct Refuse(OwnedFd, Arc<AtomicUsize>);

static CURRENT: LeakedCell<Disposer> = LeakedCell::empty();

impl Disposer {
    fn current() -> &'static Self {
        let owner = std::process::id();
        loop {
            match CURRENT.get() {
                Some(current) if current.owner == owner => return current,
                other => CURRENT.replace(other, Self::new(owner)),
            };
        }
    }

    fn new(owner: u32) -> Self {
        // They have numbers until they are closed, and the application needs some as well.
        let numbers = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = usize::try_from(numbers / 4).unwrap_or(usize::MAX).clamp(16, 256);
        let (state, backlog) = (Mutex::default(), AtomicUsize::new(0));
        Self { owner, state, more: Condvar::new(), less: Condvar::new(), backlog, most }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&'static self, descriptors: Vec<OwnedFd>) {
        let left = Arc::new(AtomicUsize::new(descriptors.len()));
        self.backlog.fetch_add(descriptors.len(), Ordering::Relaxed);
        let mut state = self.state();
        state.queue.extend(descriptors.into_iter().map(|fd| Refuse(fd, Arc::clone(&left))));
        self.see_to_threads(&mut state);
        self.more.notify_one();
        let closed = |_: &mut State| left.load(Ordering::Relaxed) > 0;
        drop(self.less.wait_timeout_while(state, PROMPT, closed).unwrap_or_else(PoisonError::into_inner));
    }

    /// Starts a thread, if none has time. Where none can be started, the next that comes by tries again.
    fn see_to_threads(&'static self, state: &mut State) {
        state.ends = false;
        state.threads.retain(|thread| !thread.is_finished());
        if state.idle > 0 || state.threads.len() == THREADS || state.queue.is_empty() {
            return;
        }
        let thread = std::thread::Builder::new().name("gaol-disposal".to_owned()).stack_size(STACK);
        state.threads.extend(thread.spawn(|| self.work()));
    }

    fn work(&self) {
        signals::block_all();
        let mut state = self.state();
        loop {
            if let Some(Refuse(descriptor, left)) = state.queue.pop_front() {
                drop(state);
                // It would wait for as long as the child wants. What is no socket has none.
                let _ = rustix::net::sockopt::set_socket_linger(&descriptor, None);
                drop(descriptor);
                state = self.state();
                left.fetch_sub(1, Ordering::Relaxed);
                self.backlog.fetch_sub(1, Ordering::Relaxed);
                self.less.notify_all();
                continue;
            }
            if state.ends {
                return;
            }
            state.idle += 1;
            let (woken, waited) = self.more.wait_timeout(state, REST).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                return;
            }
        }
    }
}

/// Closes what came from a child. Returns when it is closed, or after [`PROMPT`].
pub(crate) fn dispose(descriptors: Vec<OwnedFd>) {
    if !descriptors.is_empty() {
        Disposer::current().take(descriptors);
    }
}

/// Waits until another call may begin, for as long as until `deadline`. False: too much of what children sent is still being closed.
pub(crate) fn has_capacity(deadline: Option<Instant>) -> bool {
    let Some(disposer) = CURRENT.get() else { return true };
    if disposer.backlog.load(Ordering::Relaxed) <= disposer.most || disposer.owner != std::process::id() {
        return true;
    }
    let mut state = disposer.state();
    loop {
        disposer.see_to_threads(&mut state);
        if disposer.backlog.load(Ordering::Relaxed) <= disposer.most {
            return true;
        }
        let left = deadline.map_or(REST, |deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return false;
        }
        state = disposer.less.wait_timeout(state, left.min(REST)).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// Ends the threads that close. False: one of them is not done within [`PATIENCE`].
pub(crate) fn rest() -> bool {
    let Some(disposer) = CURRENT.get().filter(|disposer| disposer.owner == std::process::id()) else { return true };
    let until = Instant::now() + PATIENCE;
    let mut state = disposer.state();
    state.ends = true;
    disposer.more.notify_all();
    let threads = std::mem::take(&mut state.threads);
    drop(state);
    let mut busy = threads;
    loop {
        let (ended, others): (Vec<_>, Vec<_>) = busy.into_iter().partition(JoinHandle::is_finished);
        // None of them panics.
        ended.into_iter().for_each(|thread| drop(thread.join()));
        busy = others;
        if busy.is_empty() {
            return true;
        }
        if Instant::now() >= until {
            disposer.state().threads.append(&mut busy);
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Descriptors that a child sent, until somebody takes them. They are disposed of with this.
#[derive(Debug, Default)]
pub(crate) struct Unclaimed(pub(crate) Vec<OwnedFd>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        dispose(std::mem::take(&mut self.0));
    }
}

/// The application's end of a socket whose other end a child has: what waits in it may be descriptors.
#[derive(Debug)]
pub(crate) struct ChildSocket(Option<OwnedFd>);

impl From<OwnedFd> for ChildSocket {
    fn from(socket: OwnedFd) -> Self {
        Self(Some(socket))
    }
}

impl AsFd for ChildSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Some(socket) => socket.as_fd(),
            None => unreachable!("it is taken out where it is dropped, and nowhere else"),
        }
    }
}

impl Drop for ChildSocket {
    fn drop(&mut self) {
        let Some(socket) = self.0.take() else { return };
        // Nothing comes any more after this, so that what is empty then stays empty.
        let shut = rustix::net::shutdown(&socket, Shutdown::Read);
        if shut.is_err() || rustix::io::ioctl_fionread(&socket) != Ok(0) {
            dispose(vec![socket]);
        }
    }
}

/// Lets go of descriptors that were arguments of a call. A child could do to them what makes the last close of some take its time.
pub(crate) fn disconnect(arguments: Vec<OwnedFd>) {
    dispose(arguments.into_iter().filter(|fd| is_slow_to_close(fd.as_fd())).collect());
}

/// Whether a child could have made the close of a descriptor slow that it was lent.
///
/// Pipes, directories and most sockets never are, and others wait for their end.
fn is_slow_to_close(fd: BorrowedFd<'_>) -> bool {
    let Ok(stat) = rustix::fs::fstat(fd) else { return true };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {
            // The last owner of a removed file frees what it has on the disk; some file systems write at each close.
            let flags = rustix::fs::fcntl_getfl(fd).unwrap_or(OFlags::RDWR);
            stat.st_nlink == 0 || flags.intersects(OFlags::WRONLY | OFlags::RDWR)
        }
        FileType::CharacterDevice => stat.st_rdev != rustix::fs::makedev(1, 3),
        FileType::BlockDevice => true,
        FileType::Socket => !matches!(rustix::net::sockopt::socket_linger(fd), Ok(None)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket whose close takes as long as that of every socket in its queue.
    #[test]
    fn what_is_closed_is_closed_and_counted_off() {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        dispose(vec![writer.into()]);
        let mut fds = [rustix::event::PollFd::new(&reader, rustix::event::PollFlags::IN)];
        let timeout = rustix::event::Timespec { tv_sec: 10, tv_nsec: 0 };
        assert_eq!(rustix::event::poll(&mut fds, Some(&timeout)), Ok(1), "its end");
        assert!(has_capacity(Some(Instant::now() + Duration::from_secs(10))));
    }

    #[test]
    fn what_waits_in_a_socket_goes_with_it() {
        let (ours, theirs) =
            crate::sys::os::descriptors::socket_pair(rustix::net::SocketType::STREAM).expect("sockets");
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        crate::sys::os::descriptors::send(theirs.as_fd(), b"x", &[writer.as_fd()]).expect("room");
        drop(writer);
        drop(ChildSocket::from(ours));
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut rest).expect("its end");
        assert!(rest.is_empty());
    }

    #[test]
    fn only_what_can_be_slow_is_disposed_of() {
        let slow = |fd: &dyn AsFd| is_slow_to_close(fd.as_fd());
        let (reader, writer) = std::io::pipe().expect("a pipe");
        assert!(!slow(&reader) && !slow(&writer));
        assert!(!slow(&std::fs::File::open("/dev/null").expect("it is there")));
        assert!(!slow(&std::fs::File::open("/").expect("it is there")));
        let memory = rustix::fs::memfd_create(c"gaol-test", rustix::fs::MemfdFlags::CLOEXEC).expect("memory");
        assert!(slow(&memory));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        assert!(!slow(&listener));
        rustix::net::sockopt::set_socket_linger(&listener, Some(Duration::from_secs(1))).expect("an option");
        assert!(slow(&listener));
    }
}
