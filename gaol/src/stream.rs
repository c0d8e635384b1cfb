//! Streams: a call that reads or writes more than memory holds, through a pipe with a thread of the application at its other end.

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::call::streams::{End, Stream};

/// How much is moved at once, in bytes: what a pipe holds.
const CHUNK: usize = 64 << 10;

/// How often a stream that waits looks whether the calls that had it are over.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// A pipe for a call to read from, and what feeds it.
///
/// The reader is an argument like any other descriptor; what is fed on this side comes out of it in the child, in constant memory however
/// long the stream is. When the call ends, for whatever reason, the feeder stops, also where the child has kept its end: in a process
/// that is kept for the next call, or sent away in a socket.
///
/// ```
/// use std::io::{PipeReader, Read};
///
/// #[gaol::sandboxed(memory = "64MiB")]
/// fn count_lines(mut input: PipeReader) -> gaol::Result<usize> {
///     let mut text = String::new();
///     input.read_to_string(&mut text)?;
///     Ok(text.lines().count())
/// }
///
/// gaol::main! {
///     fn main() -> gaol::Result<()> {
///         let (input, feeder) = gaol::pipe()?;
///         let upload = std::io::Cursor::new("one\ntwo\n");
///         let feeding = feeder.feed(upload)?;
///         assert_eq!(count_lines(input)?, 2);
///         assert_eq!(feeding.finish()?.bytes, 8);
///         Ok(())
///     }
/// }
/// ```
///
/// # Errors
///
/// The kernel's: EMFILE, ENFILE.
///
/// # References
///
/// pipe(7).
pub fn pipe() -> io::Result<(PipeReader, Feeder)> {
    let (reader, writer) = io::pipe()?;
    let stream = Stream::new(&writer, End::Reader)?;
    Ok((reader, Feeder { writer, stream }))
}

/// A pipe for a call to write to, and what takes in what it writes.
///
/// The same the other way round: the writer is an argument of the call, and what the child writes comes out on this side while the call
/// runs. It is the output of a hostile process: `limit` bytes are taken in at most, after which the child's writes fail with `EPIPE`.
///
/// ```
/// use std::io::{PipeWriter, Write};
///
/// #[gaol::sandboxed]
/// fn render(mut output: PipeWriter) -> gaol::Result<()> {
///     Ok(output.write_all(b"page")?)
/// }
///
/// gaol::main! {
///     fn main() -> gaol::Result<()> {
///         let (output, drain) = gaol::pipe_out(1 << 20)?;
///         let draining = drain.into_writer(Vec::new())?;
///         render(output)?;
///         let (moved, page) = draining.finish_with()?;
///         assert_eq!((moved.complete, page.as_slice()), (true, &b"page"[..]));
///         Ok(())
///     }
/// }
/// ```
///
/// # Errors
///
/// The kernel's: EMFILE, ENFILE.
pub fn pipe_out(limit: u64) -> io::Result<(PipeWriter, Drain)> {
    let (reader, writer) = io::pipe()?;
    let stream = Stream::new(&reader, End::Writer)?;
    Ok((writer, Drain { reader, limit, stream }))
}

/// The application's end of a pipe that a call reads from.
///
/// It can be written to directly, from a thread of one's own; the end of the stream is its drop. Once the call has ended, writes fail
/// with [`ErrorKind::BrokenPipe`].
#[derive(Debug)]
pub struct Feeder {
    writer: PipeWriter,
    stream: Stream,
}

impl Feeder {
    /// Feeds the pipe from `source` to its end, in a thread of its own.
    ///
    /// # Errors
    ///
    /// The thread cannot be started, or the kernel is short of descriptors.
    pub fn feed<R: Read + Send + 'static>(self, source: R) -> io::Result<Moving<R>> {
        set_nonblocking(&self.writer)?;
        let Self { writer, stream } = self;
        Moving::start("gaol-feeder", source, stream, move |source, mover| {
            let mut chunk = vec![0; CHUNK];
            loop {
                let count = match source.read(&mut chunk) {
                    Ok(0) => return Ok(true),
                    Ok(count) => count,
                    Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                    Err(error) => return Err(error),
                };
                if !mover.write(&writer, &chunk[..count])? {
                    return Ok(false);
                }
            }
        })
    }

    /// Feeds the pipe with the items of an iterator, one after the other, in a thread of its own.
    ///
    /// # Errors
    ///
    /// The thread cannot be started, or the kernel is short of descriptors.
    pub fn feed_each<I>(self, items: I) -> io::Result<Moving<I::IntoIter>>
    where
        I: IntoIterator<IntoIter: Send + 'static, Item: AsRef<[u8]>>,
    {
        set_nonblocking(&self.writer)?;
        let Self { writer, stream } = self;
        Moving::start("gaol-feeder", items.into_iter(), stream, move |items, mover| {
            for item in items {
                if !mover.write(&writer, item.as_ref())? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }
}

impl Write for Feeder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The application's end of a pipe that a call writes to.
#[derive(Debug)]
pub struct Drain {
    reader: PipeReader,
    limit: u64,
    stream: Stream,
}

impl Drain {
    /// Writes what comes to `sink`, in a thread of its own.
    ///
    /// # Errors
    ///
    /// The thread cannot be started, or the kernel is short of descriptors.
    pub fn into_writer<W: Write + Send + 'static>(self, sink: W) -> io::Result<Moving<W>> {
        set_nonblocking(&self.reader)?;
        let Self { reader, limit, stream } = self;
        Moving::start("gaol-drain", sink, stream, move |sink, mover| {
            let mut chunk = vec![0; CHUNK];
            let mut left = limit;
            loop {
                // One byte more than is taken in, to know whether there is more.
                let most = usize::try_from(left.saturating_add(1)).unwrap_or(usize::MAX).min(CHUNK);
                let Some(count) = mover.read(&reader, &mut chunk[..most])? else { return Ok(false) };
                if count == 0 {
                    return Ok(true);
                }
                let taken = count.min(usize::try_from(left).unwrap_or(usize::MAX));
                sink.write_all(&chunk[..taken])?;
                mover.moved.fetch_add(taken as u64, Ordering::Relaxed);
                left -= taken as u64;
                if taken < count {
                    return Ok(false);
                }
            }
        })
    }
}

/// A stream that is being moved by a thread. Dropping it stops the thread at its next byte.
#[derive(Debug)]
pub struct Moving<T> {
    thread: Option<JoinHandle<(io::Result<bool>, T)>>,
    stop: Arc<OwnedFd>,
    moved: Arc<AtomicU64>,
}

/// What came of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Bytes that were moved.
    pub bytes: u64,
    /// The stream was moved to its end. Else the other side closed the pipe before, the limit was reached, or it was stopped.
    pub complete: bool,
}

impl<T: Send + 'static> Moving<T> {
    fn start(
        name: &str,
        end: T,
        stream: Stream,
        run: impl FnOnce(&mut T, &Mover) -> io::Result<bool> + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC)?);
        let moved = Arc::new(AtomicU64::new(0));
        let mover = Mover { stop: Arc::clone(&stop), moved: Arc::clone(&moved), stream };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let mut end = end;
            // The pipe is closed when this returns, which is the end of the stream for the child.
            let result = run(&mut end, &mover);
            (result, end)
        })?;
        Ok(Self { thread: Some(thread), stop, moved })
    }
}

impl<T> Moving<T> {
    /// How many bytes went into the pipe, or came out of it, so far. May be asked while the call runs, from any thread.
    #[must_use]
    pub fn progress(&self) -> u64 {
        self.moved.load(Ordering::Relaxed)
    }

    /// Something to ask for the progress while this is elsewhere.
    #[must_use]
    pub fn watch(&self) -> Progress {
        Progress(Arc::clone(&self.moved))
    }

    /// Whether the thread has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the stream where it is, and closes the pipe. A read of the source, or a write to the sink, that is under way is not
    /// interrupted.
    pub fn stop(&self) {
        let _ = rustix::io::write(&*self.stop, &1_u64.to_ne_bytes());
    }

    /// Waits for the end of the stream.
    ///
    /// # Errors
    ///
    /// What the source or the sink said.
    ///
    /// # Panics
    ///
    /// If the source or the sink did.
    pub fn finish(self) -> io::Result<Moved> {
        self.finish_with().map(|(moved, _)| moved)
    }

    /// Waits for the end of the stream, and gives back the source or the sink.
    ///
    /// # Errors
    ///
    /// What the source or the sink said.
    ///
    /// # Panics
    ///
    /// If the source or the sink did.
    pub fn finish_with(mut self) -> io::Result<(Moved, T)> {
        let Some(thread) = self.thread.take() else { unreachable!("it is taken here alone") };
        let (result, end) = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok((Moved { bytes: self.progress(), complete: result? }, end))
    }
}

impl<T> Drop for Moving<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The progress of a stream.
#[derive(Clone, Debug)]
pub struct Progress(Arc<AtomicU64>);

impl Progress {
    /// Bytes that went into the pipe, or came out of it, so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The thread's side.
struct Mover {
    stop: Arc<OwnedFd>,
    moved: Arc<AtomicU64>,
    stream: Stream,
}

impl Mover {
    /// Writes all of it; false if nobody reads any more, or it was stopped.
    fn write(&self, pipe: &PipeWriter, mut bytes: &[u8]) -> io::Result<bool> {
        while !bytes.is_empty() {
            match rustix::io::write(pipe, bytes) {
                Ok(count) => {
                    bytes = &bytes[count..];
                    self.moved.fetch_add(count as u64, Ordering::Relaxed);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !self.wait(pipe, PollFlags::OUT)? => return Ok(false),
                Err(Errno::AGAIN) => {}
                Err(Errno::PIPE) => return Ok(false),
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(true)
    }

    /// Reads what there is; nothing if it was stopped.
    fn read(&self, pipe: &PipeReader, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match rustix::io::read(pipe, &mut *bytes) {
                Ok(count) => return Ok(Some(count)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if !self.wait(pipe, PollFlags::IN)? => return Ok(None),
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Waits for the pipe; false if it was stopped, or every call that had the other end is over and left it open somewhere.
    fn wait(&self, pipe: impl AsFd, what: PollFlags) -> io::Result<bool> {
        let mut fds = [PollFd::new(&pipe, what), PollFd::new(&*self.stop, PollFlags::IN)];
        // A child that was killed closes its end within one look, mostly.
        let mut was_over = false;
        loop {
            match rustix::event::poll(&mut fds, Some(&LOOK)) {
                Ok(0) => {}
                Ok(_) | Err(Errno::INTR) => return Ok(fds[1].revents().is_empty()),
                Err(errno) => return Err(errno.into()),
            }
            let is_over = self.stream.is_over();
            if is_over && std::mem::replace(&mut was_over, is_over) {
                return Ok(false);
            }
        }
    }
}

/// The end of a pipe has flags of its own: the child's end stays as it was.
fn set_nonblocking(pipe: impl AsFd) -> io::Result<()> {
    let flags = rustix::fs::fcntl_getfl(&pipe)?;
    Ok(rustix::fs::fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)?)
}
