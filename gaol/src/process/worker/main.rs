//! The worker: takes its last step, then runs one call, or with `process = "reused"` one after another.
//!
//! # Safety
//!
//! The environment is changed before any other thread can exist.
#![allow(unsafe_code)]

use std::any::Any;
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::panic::{AssertUnwindSafe, PanicHookInfo};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown};
use rustix::process::{Pid, Signal};

use crate::function::entry::{Entry, Purpose, Reply, Request};
use crate::function::{entry, transfer};
use crate::process::messages::worker_descriptor::{CHANNEL, JUDGE, PREFAULTED, STATUS, STREAMS};
use crate::process::messages::{Ended, Lifetime, WorkerRequest};
use crate::process::worker::reply_buffer::ReplyBuffer;
use crate::process::worker::spin::{AdaptiveSpin, Spin};
use crate::protocol;
use crate::protocol::codec::BlockSink;
use crate::protocol::{HEADER, Header, Kind, codec};
use crate::support::Layer;
use crate::sys::layers::landlock::OwnDomain;
use crate::sys::layers::seccomp::WorkerFilter;
use crate::sys::layers::{limits, seccomp, sigsys};
use crate::sys::os::descriptors::{close_from, place, receive_some};
use crate::sys::os::shared::{Piece, PrefaultedBuffer, SharedReader};
use crate::sys::os::spawn::exit_now;
use crate::sys::os::{descriptors, signals};
use crate::sys::plan::{Plan, Stream};
use crate::sys::{handler_mode, shape};

/// What a template gives each of its workers.
pub(crate) struct Setup<'a> {
    pub(crate) plan: &'a Plan,
    /// The application's streams, in order, for those that are inherited.
    pub(crate) inherited: &'a [OwnedFd],
    /// What keeps the worker from its siblings and from its template, where there is Landlock.
    pub(crate) own_domain: Option<&'a OwnDomain>,
    /// The last filter, where there are filters.
    pub(crate) filter: Option<&'a WorkerFilter>,
}

/// How much of a call is received at once, head and all.
const FIRST: usize = 4096;

/// A worker's ends of what connects it, under whatever numbers its template has them.
#[derive(Clone, Copy)]
pub(crate) struct Ends<'a> {
    pub(crate) channel: BorrowedFd<'a>,
    /// Where the template is going to say how it ended; the worker itself has it only until its last step is taken.
    pub(crate) status: BorrowedFd<'a>,
    pub(crate) output: Option<BorrowedFd<'a>>,
    /// Of the streams that are passed on.
    pub(crate) passed: [Option<BorrowedFd<'a>>; 2],
    /// With its size.
    pub(crate) buffer: Option<(BorrowedFd<'a>, u64)>,
    /// Where it asks for modes and times.
    pub(crate) judge: Option<BorrowedFd<'a>>,
}

/// From the fork to the end of the process. Up to the first byte of a call this is the *setup* window, from then on *confined*.
pub(crate) fn main(setup: &Setup<'_>, ends: Ends<'_>, template: Pid, wanted: WorkerRequest) -> ! {
    let (channel, buffer) = match last_step(setup, ends, template) {
        Ok(places) => places,
        Err((status, error)) => {
            // It has not read a call, nor will it: the application makes it on another worker, or says why there is none.
            let ended = Ended::Unfit(error.raw_os_error().unwrap_or(0));
            let _ = rustix::io::write(status, &ended.to_bytes());
            exit_now(crate::process::EXIT_BROKEN)
        }
    };
    let mut channel = std::fs::File::from(channel);
    signals::report_aborts(channel.as_fd());
    // Where the call is here already there is nothing to gain by it.
    if !is_readable_within(&channel, Duration::ZERO) {
        warm_up(&channel, entry::find(wanted.entry));
        if let Some(buffer) = &buffer {
            warm(buffer);
        }
    }
    if wanted.stay == Lifetime::Spare && !is_called(&channel) {
        exit_now(0);
    }
    // Every panic ends here, also one in gaol's own code or in a destructor.
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| {
        let mut spin = AdaptiveSpin::default();
        while let Ok(waited) = serve(setup, &mut channel, buffer.as_ref(), &mut spin)
            && setup.plan.reused
        {
            spin.note(waited);
        }
    }));
    // The end of the channel is the end of the reply; the application does not wait for the rest.
    drop(channel);
    // It may wait for this very processor, and to end takes longer than all that came before.
    std::thread::yield_now();
    exit_now(0)
}

/// What only a worker may not do any more, done last: its template still has to.
///
/// An error comes with the descriptor to report it on.
fn last_step<'a>(
    setup: &Setup<'_>,
    ends: Ends<'a>,
    template: Pid,
) -> Result<(OwnedFd, Option<PrefaultedBuffer>), (BorrowedFd<'a>, io::Error)> {
    let status = ends.status;
    // Lifted out of the way first, for each may have the number of one of the others.
    let lift = |fd| rustix::io::fcntl_dupfd_cloexec(fd, JUDGE + 1);
    let buffer = ends.buffer.map(|(buffer, size)| lift(buffer).map(|buffer| (buffer, size))).transpose();
    let buffer = buffer.map_err(|errno| (status, errno.into()))?;
    let judge = ends.judge.map(lift).transpose().map_err(|errno| (status, errno.into()))?;
    let channel = take_places(setup, &ends).map_err(|error| (status, error))?;
    let status_here = place(status, STATUS).map_err(|error| (status, error))?;
    let buffer =
        buffer.map(|(buffer, size)| place(buffer.as_fd(), PREFAULTED).map(|buffer| (buffer, size))).transpose();
    let mut buffer = buffer.map_err(|error| (status, error))?;
    let judge = judge.map(|judge| place(judge.as_fd(), if buffer.is_some() { JUDGE } else { PREFAULTED })).transpose();
    let judge = judge.map_err(|error| (status, error))?;
    let confined = confine(setup, template, &mut buffer, judge);
    match confined {
        // Closed: what runs from here on is not to be believed.
        Ok(()) => drop(status_here),
        Err(error) => {
            std::mem::forget(status_here);
            // SAFETY: it was placed there, and is never closed on this path.
            return Err((unsafe { BorrowedFd::borrow_raw(STATUS) }, error));
        }
    }
    Ok((channel, buffer.map(|(buffer, size)| PrefaultedBuffer::new(buffer, size))))
}

/// Puts the descriptors where a worker has them.
fn take_places(setup: &Setup<'_>, ends: &Ends<'_>) -> io::Result<OwnedFd> {
    let mut inherited = setup.inherited.iter();
    let streams = [setup.plan.stdout, setup.plan.stderr].into_iter().zip(ends.passed);
    for (number, (stream, passed)) in STREAMS.into_iter().zip(streams) {
        let source = match stream {
            Stream::Capture => ends.output,
            Stream::Pass => passed,
            Stream::PassWithStdout => ends.passed[0],
            Stream::Inherit => inherited.next().map(AsFd::as_fd),
            // The template's own streams are /dev/null.
            Stream::Null => None,
        };
        if let Some(source) = source {
            std::mem::forget(place(source, number)?);
        }
    }
    place(ends.channel, CHANNEL)
}

/// Lets go of everything that the template had, and enters what only a worker is under.
fn confine(
    setup: &Setup<'_>,
    template: Pid,
    buffer: &mut Option<(OwnedFd, u64)>,
    mut judge: Option<OwnedFd>,
) -> io::Result<()> {
    // In a pid namespace the template's end is the worker's in any case; elsewhere it may have ended before this was said.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if rustix::process::getppid() != Some(template) {
        exit_now(0);
    }
    let _ = rustix::thread::set_name(c"gaol-worker");
    // By a descriptor of the template's, which is closed next.
    setup.own_domain.map_or(Ok(()), OwnDomain::enter)?;
    if setup.plan.layers.has(Layer::Hygiene) {
        close_from(STATUS + 1 + i32::from(buffer.is_some()) + i32::from(judge.is_some()))?;
    }
    if setup.plan.layers.has(Layer::Limits) {
        // Where the kernel lets them, beyond what the function may number: they are none of its descriptors.
        if let Some(Ok(beyond)) = setup.plan.files.map(i32::try_from) {
            for fd in buffer.iter_mut().map(|(buffer, _)| buffer).chain(&mut judge) {
                match rustix::io::fcntl_dupfd_cloexec(&*fd, beyond.max(JUDGE + 1)) {
                    Ok(moved) => *fd = moved,
                    // There is no number beyond.
                    Err(Errno::INVAL | Errno::MFILE) if !has_numbers_beyond(beyond) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        limits::limit_files(setup.plan).map_err(|refusal| io::Error::from_raw_os_error(refusal.errno))?;
        if let Some(seconds) = setup.plan.cpu_seconds {
            limits::limit_cpu(seconds)?;
        }
    }
    if let Some(filter) = setup.filter {
        sigsys::arm(handler_mode(&shape(setup.plan)), report_violation);
        if let Some(judge) = judge {
            sigsys::ask_of(judge);
        }
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        seccomp::install(filter.clone().of(pid.unsigned_abs()))?;
    }
    Ok(())
}

/// Whether there are as many numbers beyond as are put there.
fn has_numbers_beyond(beyond: i32) -> bool {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.is_none_or(|limit| limit > u64::from(beyond.max(JUDGE + 1).unsigned_abs()) + 1)
}

/// Does what a call is going to need, as far as it can be done without one, so that the call need not wait for it: a process that was just
/// forked meets a page fault at every page of code that it comes to, and at every page of memory that it writes.
///
/// Nothing of the user's runs: `entry` is what most likely is to be called, and only the code around it is visited.
fn warm_up(channel: &std::fs::File, entry: Option<&Entry>) {
    let call = Header::plain(Kind::Call, 0, 0, 0);
    set_current(&call);
    let mut arguments = Vec::with_capacity(HEADER);
    let _ = codec::encode(&transfer::REHEARSED, &mut arguments, HEADER as u64);
    let aside = Some(SharedReader::new([], 0));
    let cap = HEADER as u64;
    let request = Request {
        arguments: &arguments,
        aside,
        descriptors: Vec::new(),
        reply_buffer: None,
        cap,
        purpose: Purpose::Call,
    };
    let _ = std::panic::catch_unwind(AssertUnwindSafe(|| transfer::warm_up(request)));
    let _ = entry.map(|entry| entry.serve(Request::visit()));
    // As it is asked how long a call was waited for, and how a kept worker waits.
    let _ = std::hint::black_box((AdaptiveSpin::default().spin().is_some(), Instant::now()));
    let _ = io::stdout().flush();
    // Neither can do anything: what is no socket has no message, and nothing is what is written.
    let _ = receive_some(rustix::stdio::stdin(), &mut [0; FIRST], protocol::descriptors::MOST + 1, RecvFlags::empty());
    let _ = (&mut &*channel).write(&[]);
}

/// Has as much memory at hand as there is in the prefaulted buffer: a page fault for each page costs many times what copying it does.
///
/// What is freed here goes to the allocator, which most of them keep for the next that asks. glibc returns a first long block to the system,
/// and remembers that such blocks are wanted.
fn warm(buffer: &PrefaultedBuffer) {
    let Ok(size) = usize::try_from(buffer.size()) else { return };
    drop(std::hint::black_box(Vec::<u8>::with_capacity(size + size / 4)));
    // `vec![0; n]` would have it from the system, untouched.
    let mut memory = Vec::with_capacity(size + size / 8);
    memory.extend(std::iter::repeat_n(1_u8, size + size / 8));
    drop(std::hint::black_box(memory));
}

/// Waits until there is a call to take, for as long as a worker stays that only many calls at once need. False: there is none, and none can
/// come any more.
fn is_called(channel: &std::fs::File) -> bool {
    // A call that was sent before is read; one that is sent from now on fails, and the application takes another worker.
    is_readable_within(channel, Lifetime::WHILE)
        || rustix::net::shutdown(channel, Shutdown::Read).is_err()
        || is_readable_within(channel, Duration::ZERO)
}

/// Waits for as long until there is something to read.
fn is_readable_within(channel: &std::fs::File, time: Duration) -> bool {
    let time = Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: 0 };
    let mut fds = [PollFd::new(channel, PollFlags::IN)];
    rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&time))).is_ok_and(|ready| ready > 0)
}

/// Runs one call, and gives how long it waited for it. An error means that there is no other to come.
pub(crate) fn serve(
    setup: &Setup<'_>,
    channel: &mut std::fs::File,
    buffer: Option<&PrefaultedBuffer>,
    spin: &mut AdaptiveSpin,
) -> io::Result<Duration> {
    let begun = Instant::now();
    let mut first = [0; FIRST];
    let (call, received, mut beside) = receive_head(channel, &mut first, spin.spin())?;
    let waited = begun.elapsed();
    let length = usize::try_from(call.length).map_err(io::Error::other)?;
    set_current(&call);
    let begun = &first[HEADER..received];
    let mut payload = Vec::new();
    if payload.try_reserve_exact(length).is_err() {
        return send(channel, &call, Reply::new(Kind::OutOfMemory, &[]), 0).map(|()| waited);
    }
    payload.extend_from_slice(begun);
    let missing = call.length.checked_sub(begun.len() as u64).ok_or(io::ErrorKind::InvalidData)?;
    if missing > 0 && channel.take(missing).read_to_end(&mut payload)? as u64 != missing {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    let prefaulted = u64::from(call.buffer);
    let shared = usize::from(call.aside > prefaulted);
    if beside.len() != shared + call.descriptors as usize {
        let reason = "there is no room for the descriptors that came with the call; allow more with `files = …`";
        return send(channel, &call, Reply::new(Kind::Unable, reason.as_bytes()), 0).map(|()| waited);
    }
    let descriptors = beside.split_off(shared);
    let (environment, arguments) = payload.split_at(usize::try_from(call.prefix).map_err(io::Error::other)?);
    if !environment.is_empty() {
        let Some(variables) = read_environment(environment) else {
            return send(channel, &call, Reply::new(Kind::Unable, b"its environment does not decode"), 0)
                .map(|()| waited);
        };
        // Elsewhere than in a worker it is nobody's to change.
        if !cfg!(fuzzing) {
            set_environment(variables);
        }
    }
    let cap = setup.plan.reply.unwrap_or(u64::MAX / 2);
    let mut reply_buffer =
        (call.reply_buffer > 0).then(|| ReplyBuffer::new(channel.as_fd(), &call, cap, buffer.cloned()));
    let pieces = buffer.map(|buffer| buffer.piece(prefaulted)).into_iter();
    let pieces = pieces.chain(beside.into_iter().map(|memory| Piece::new(memory, call.aside - prefaulted)));
    let request = Request {
        arguments,
        // With nothing beside it, all of its blocks are in it.
        aside: (call.aside > 0).then(|| SharedReader::new(pieces, call.aside)),
        descriptors,
        purpose: Purpose::Call,
        reply_buffer: reply_buffer.as_mut().map(|reply_buffer| reply_buffer as &mut dyn BlockSink),
        cap,
    };
    let reply = match entry::find(call.entry) {
        Some(entry) => run(entry, request),
        None => Reply::new(Kind::Unable, b"it is not registered in the child"),
    };
    // What was put there for a reply that is another now is no part of it.
    let prefaulted = reply_buffer.as_ref().filter(|_| reply.aside > 0).map_or(0, ReplyBuffer::prefaulted);
    drop(reply_buffer);
    send(channel, &call, reply, prefaulted).map(|()| waited)
}

/// Receives the head of a call with the descriptors that come with its first byte, and as much of the rest as there is room for. Gives how
/// many bytes that is, head and all. No other call follows before this one is answered.
fn receive_head(
    channel: &std::fs::File,
    first: &mut [u8; FIRST],
    mut spin: Option<Spin<'_>>,
) -> io::Result<(Header, usize, Vec<OwnedFd>)> {
    let mut descriptors = Vec::new();
    let mut at = 0;
    while at < HEADER {
        let flags = if spin.is_some() { RecvFlags::DONTWAIT } else { RecvFlags::empty() };
        let received = match receive_some(channel.as_fd(), &mut first[at..], protocol::descriptors::MOST + 1, flags) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                spin = spin.and_then(|mut spin| spin.continues().then_some(spin));
                continue;
            }
            received => received?,
        };
        if received.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        at += received.bytes;
        descriptors.extend(received.descriptors);
    }
    let head = first.first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((Header::from_bytes(head).map_err(io::Error::other)?, at, descriptors))
}

/// Runs the function. From here on the process is hostile.
fn run(entry: &Entry, request: Request<'_>) -> Reply {
    match std::panic::catch_unwind(AssertUnwindSafe(|| entry.serve(request))) {
        Ok(reply) => reply,
        Err(payload) => {
            let reply = panicked(&message(payload.as_ref()));
            // Its destructor may panic as well.
            std::mem::forget(payload);
            reply
        }
    }
}

/// Sends a reply. What the function left in the standard library's buffers goes out first.
fn send(channel: &mut std::fs::File, call: &Header, mut reply: Reply, prefaulted: u32) -> io::Result<()> {
    let _ = io::stdout().flush();
    let header = Header {
        aside: reply.aside,
        buffer: prefaulted,
        descriptors: u32::try_from(reply.descriptors.len()).unwrap_or(u32::MAX),
        ..Header::plain(reply.kind, call.nonce, call.entry, (reply.frame.len() - HEADER) as u64)
    };
    reply.frame[..HEADER].copy_from_slice(&header.to_bytes());
    if reply.descriptors.is_empty() {
        return channel.write_all(&reply.frame);
    }
    let descriptors: Vec<BorrowedFd<'_>> = reply.descriptors.iter().map(AsFd::as_fd).collect();
    match send_head(channel, &reply.frame[..HEADER], &descriptors) {
        Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => {
            let reason = "the descriptors of its result cannot be sent: too many of this user's are on their way; allow more with `files = …`";
            send(channel, call, Reply::new(Kind::Unable, reason.as_bytes()), 0)
        }
        Err(error) => Err(error),
        Ok(()) => channel.write_all(&reply.frame[HEADER..]),
    }
}

/// Sends the head of a reply with its descriptors. Those of all processes of a user that are on their way count against this one's limit, so
/// that another's may have to arrive first.
fn send_head(channel: &std::fs::File, head: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
    const ATTEMPTS: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(2);
    for _ in 1..ATTEMPTS {
        match descriptors::send(channel.as_fd(), head, fds) {
            Err(error) if error.raw_os_error() == Some(libc::ETOOMANYREFS) => std::thread::sleep(PAUSE),
            sent => return sent,
        }
    }
    descriptors::send(channel.as_fd(), head, fds)
}

/// A variable that is granted: its name and, where it is set, its value.
type Variable = (Vec<u8>, Option<Vec<u8>>);

/// The variables of a call, of which each can be set.
fn read_environment(bytes: &[u8]) -> Option<Vec<Variable>> {
    let variables: Vec<Variable> = codec::decode(bytes).ok()?;
    // What the standard library panics about.
    let can_be_set = |(name, value): &Variable| {
        let is_name = !name.is_empty() && !name.contains(&b'=') && !name.contains(&0);
        is_name && value.as_ref().is_none_or(|value| !value.contains(&0))
    };
    variables.iter().all(can_be_set).then_some(variables)
}

fn set_environment(variables: Vec<Variable>) {
    for (name, value) in variables {
        let name = OsString::from_vec(name);
        match value {
            // SAFETY: the process has one thread: nothing of the user's has run in it yet, or, where it is reused, the call before
            // is over (a thread that it left behind races only with itself, inside the sandbox).
            Some(value) => unsafe { std::env::set_var(name, OsString::from_vec(value)) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
}

/// Takes out of the environment what was there for the start of the process only. In a zygote, before it forks.
pub(crate) fn forget_environment() {
    for (name, _) in std::env::vars_os() {
        // SAFETY: the process has one thread: the zygote has just counted them.
        unsafe { std::env::remove_var(name) };
    }
}

/// The call that is being served, for what reports from outside of it.
static CURRENT: Mutex<Option<(u64, u64)>> = Mutex::new(None);
/// Where the last panic of the serving thread was.
static LOCATION: Mutex<Option<String>> = Mutex::new(None);

fn set_current(call: &Header) {
    if let Ok(mut current) = CURRENT.lock() {
        *current = Some((call.nonce, call.entry));
    }
    if let Ok(mut location) = LOCATION.lock() {
        *location = None;
    }
    signals::forget_last_words();
    signals::say_when_out_of_memory(Header::plain(Kind::OutOfMemory, call.nonce, call.entry, 0).to_bytes());
}

/// Keeps where panics happen, and leaves word of those that abort. Set once, in the zygote.
pub(crate) fn record_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        // Threads of the function are its own affair: a panic there reaches the caller only through a join.
        if rustix::thread::gettid() == rustix::process::getpid()
            && let Ok(mut location) = LOCATION.try_lock()
        {
            // A second panic, in a destructor, aborts: the first one says why.
            if location.is_none() {
                *location = info.location().map(ToString::to_string);
            }
            drop(location);
            if let Ok(Some((nonce, entry))) = CURRENT.try_lock().map(|current| *current) {
                signals::leave_last_words_once(|| {
                    let reply = panicked(&message(info.payload()));
                    protocol::frame(Kind::Panicked, nonce, entry, &reply.frame[HEADER..])
                });
            }
        }
        previous(info);
    }));
}

/// A panic as a reply.
fn panicked(message: &str) -> Reply {
    const LONGEST: usize = 16 << 10;
    let location = LOCATION.lock().ok().and_then(|location| location.clone());
    let mut end = message.len().min(LONGEST);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let mut payload = Vec::new();
    let _ = codec::encode(&(&message[..end], location), &mut payload, (LONGEST * 2) as u64);
    Reply::new(Kind::Panicked, &payload)
}

/// What a panic says, as the standard library would print it.
fn message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "Box<dyn Any>".to_owned()
    }
}

/// Says which system call is about to end the process. Runs in a signal handler: no allocation, no lock.
fn report_violation(number: u32, _arguments: &[u64; 6]) {
    // The nonce is not at hand without a lock; the application knows which worker it reads from.
    let mut frame = [0; HEADER + 4];
    let header = Header::plain(Kind::Violated, 0, 0, 4);
    frame[..HEADER].copy_from_slice(&header.to_bytes());
    frame[HEADER..].copy_from_slice(&number.to_le_bytes());
    // SAFETY: the channel stays open under its number for as long as the process lives, unless hostile code closed or replaced it,
    // in which case the write goes where that code could have written itself.
    let channel = unsafe { BorrowedFd::borrow_raw(CHANNEL) };
    let _ = rustix::io::write(channel, &frame);
}
