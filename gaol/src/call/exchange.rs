//! One call on one worker: send, wait, and make sense of what comes back. Nothing that comes back is trusted.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};

use super::disposal::Unclaimed;
use super::output::{Output, Printed, drain, read_output};
use super::streams;
use super::wait::{FromChild, Readable, poll_until, receive_from_child, wait_readable};
use crate::call::inherited_streams::{Passing, Targets};
use crate::call::request::Outgoing;
use crate::call::spin::Spin;
use crate::error::ProtocolProblem;
use crate::function::transfer::Back;
use crate::process::messages::Ended;
use crate::process::template::handle::{Template, Worker};
use crate::process::zygote::handle::SETUP_TIME;
use crate::protocol::{HEADER, Header, Kind, descriptors, reply_buffer};
use crate::sys::PROCESSORS;
use crate::sys::os::clock::CpuClock;
use crate::sys::os::shared;
use crate::sys::os::shared::{Piece, PrefaultedBuffer, SharedReader};
use crate::sys::supervise::descendants::{DescendantClock, INTERVAL};

/// How much of a reply is read before it has said how long it is. Most replies are no longer.
const FIRST: usize = 4096;

/// The longest report that is not a result.
const MOST_REPORT: u64 = 64 << 10;

/// How long a worker that has closed its channel may take to end.
const GRACE: Duration = Duration::from_secs(1);

/// What a call may take.
pub(crate) struct Terms {
    pub(crate) nonce: u64,
    pub(crate) entry: u64,
    pub(crate) time: Option<Duration>,
    pub(crate) cpu: Option<Duration>,
    pub(crate) reply: Option<u64>,
    /// How much shared memory the worker may ask for at once; none where this is 0.
    pub(crate) reply_buffer: u64,
    /// The worker goes on to serve other calls, so that its channel stays open.
    pub(crate) reused: bool,
}

/// What came of a call.
pub(crate) enum Answer {
    /// A whole frame that answers this call.
    Reply(Back),
    /// The worker was gone before it had been sent anything: the call may be made on another.
    NeverBegan,
    /// The worker ended, as its template has it from the kernel. With the last report that it made of itself.
    Ended {
        ended: Ended,
        report: Option<(Kind, Vec<u8>)>,
        /// The template is gone as well: nobody has said how the worker ended.
        orphaned: bool,
    },
    TimedOut,
    CpuExceeded,
    Unbelievable(ProtocolProblem),
    /// The application's own system calls failed.
    Broken(&'static str, io::Error),
}

/// Sends `request` and waits for the answer. The worker is to be dropped afterwards, unless it is reused and replied.
///
/// `template` is told once whoever waits has nothing better to do than to take in spares.
pub(crate) fn exchange(
    worker: &Worker,
    outgoing: &Outgoing,
    terms: &Terms,
    template: &Template,
    output: &mut Output,
) -> Answer {
    let mut exchange = Exchange {
        worker,
        terms,
        request: &outgoing.frame,
        descriptors: &outgoing.descriptors,
        received: Vec::new(),
        came: Unclaimed::default(),
        reply_buffers: Vec::new(),
        aside: outgoing.aside,
        header: None,
        ended: None,
        orphaned: false,
        open: true,
        output_open: worker.output.is_some(),
        passing: Passing::new(&worker.passed, &template.targets),
        idle: false,
        deadline: terms.time.and_then(|time| Instant::now().checked_add(time)),
        cpu: None,
    };
    if let Some(limit) = terms.cpu {
        match template.clock_of(worker) {
            Ok(mut clock) => {
                let begun = clock.now().unwrap_or_default();
                exchange.cpu = Some(CpuWatch { clock, limit, begun, next: Instant::now() });
            }
            // It is gone already: sending says so.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Answer::Broken("read the worker's CPU clock", error),
        }
    }
    template.calls(terms.entry);
    template.demand.expects(exchange.aside);
    let answer = exchange.run(template, output);
    // What was printed comes before whatever the application does next.
    exchange.passing.finish(exchange.deadline.unwrap_or_else(|| Instant::now() + SETUP_TIME));
    template.demand.saw(exchange.aside);
    // Only errors show what was printed. A kept worker that panicked has replied all the same.
    let is_error = match &answer {
        Answer::Reply(back) => !matches!(back.kind, Kind::Returned | Kind::Failed | Kind::FailedInWords),
        Answer::NeverBegan => false,
        _ => true,
    };
    if is_error {
        drain(worker, output);
    }
    answer
}

/// What has used how much processor time.
pub(crate) enum Clock {
    /// The worker, which starts no programs.
    Worker(CpuClock),
    /// All that a template has started, which is one call's.
    Descendants(DescendantClock),
}

impl Clock {
    fn now(&mut self) -> io::Result<Duration> {
        match self {
            Self::Worker(clock) => clock.now(),
            Self::Descendants(clock) => Ok(clock.used()),
        }
    }
}

struct CpuWatch {
    clock: Clock,
    limit: Duration,
    begun: Duration,
    next: Instant,
}

struct Exchange<'a> {
    worker: &'a Worker,
    terms: &'a Terms,
    /// What is still to be sent.
    request: &'a [u8],
    /// What goes with its first byte.
    descriptors: &'a [OwnedFd],
    received: Vec<u8>,
    /// Descriptors that came with it.
    came: Unclaimed,
    /// Shared memory that the worker asked for, with its sizes.
    reply_buffers: Vec<(OwnedFd, u64)>,
    /// Bytes beside the call's frame, or the reply's: as many as one of them has.
    aside: u64,
    header: Option<Header>,
    ended: Option<Ended>,
    /// Nobody is left to say how.
    orphaned: bool,
    /// The worker's end of the channel is open, as far as is known.
    open: bool,
    output_open: bool,
    /// What it prints to the application's own streams.
    passing: Passing<'a>,
    /// There was nothing to do but to wait.
    idle: bool,
    deadline: Option<Instant>,
    cpu: Option<CpuWatch>,
}

impl Exchange<'_> {
    fn run(&mut self, template: &Template, output: &mut Output) -> Answer {
        let whole = self.request.len();
        if self.terms.reused && !is_quiet(self.worker, &template.targets) {
            return Answer::NeverBegan;
        }
        let begun = Instant::now();
        if let Err(answer) = self.send() {
            return answer;
        }
        if !self.open && self.request.len() == whole {
            return Answer::NeverBegan;
        }
        let mut spin = template.pace.spin(self.deadline);
        loop {
            if let Err(answer) = self.send().and_then(|()| self.receive()) {
                return answer;
            }
            if let Some(answer) = self.conclude() {
                template.pace.took(begun.elapsed());
                return answer;
            }
            if spin.as_mut().is_some_and(Spin::continues) {
                continue;
            }
            spin = None;
            if !std::mem::replace(&mut self.idle, true) {
                template.take_in();
            }
            match self.wait(output) {
                Ok(Some(answer)) => return answer,
                Ok(None) => {}
                Err((step, error)) => return Answer::Broken(step, error),
            }
        }
    }

    /// Sends as much as the channel takes.
    fn send(&mut self) -> Result<(), Answer> {
        while !self.request.is_empty() && self.open {
            let fds: Vec<BorrowedFd<'_>> = self.descriptors.iter().map(AsFd::as_fd).collect();
            match send_some(&self.worker.channel, self.request, &fds) {
                Ok(count) => {
                    self.request = &self.request[count..];
                    self.descriptors = &[];
                }
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                // What it sent before it closed its end is still to be read.
                Err(Errno::PIPE | Errno::CONNRESET) => self.open = false,
                Err(errno) => return Err(Answer::Broken("send the call", errno.into())),
            }
        }
        Ok(())
    }

    /// Waits for something to happen. An answer is one of the limits.
    fn wait(&mut self, output: &mut Output) -> Result<Option<Answer>, (&'static str, io::Error)> {
        let mut until = self.deadline;
        if let Some(watch) = &self.cpu {
            until = Some(until.map_or(watch.next, |deadline| deadline.min(watch.next)));
        }
        let full = self.passing.look_again();
        until = until.into_iter().chain(full).min();
        let mut interest = PollFlags::IN;
        if !self.request.is_empty() && self.open {
            interest |= PollFlags::OUT;
        }
        let mut fds = vec![PollFd::new(&self.worker.channel, interest)];
        if self.ended.is_none() {
            fds.push(PollFd::new(&self.worker.status, PollFlags::IN));
        }
        if let Some(fd) = self.worker.output.as_ref().filter(|_| self.output_open) {
            fds.push(PollFd::new(fd, PollFlags::IN));
        }
        let passed = fds.len();
        fds.extend(self.passing.interest());
        let polled = poll_until(&mut fds, until).map_err(|error| ("poll", error))?;
        let status_ready = self.ended.is_none() && !fds[1].revents().is_empty();
        let output_ready = self.output_open && !fds[passed - 1].revents().is_empty();
        let passed_ready = fds[passed..].iter().any(|fd| !fd.revents().is_empty());
        if passed_ready {
            self.passing.take();
        }
        if output_ready && let Some(socket) = &self.worker.output {
            self.output_open = read_output(socket, output) != Printed::End;
        }
        if status_ready {
            self.read_status();
        }
        // Looked at every time: a child that keeps its descriptors busy is not to live longer for it.
        let now = Instant::now();
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Ok(Some(Answer::TimedOut));
        }
        if self.cpu.as_ref().is_some_and(|watch| watch.next <= now) {
            return self.watch_cpu();
        }
        debug_assert!(polled == Readable::Yes || full.is_some(), "only a limit ends a wait early");
        Ok(None)
    }

    /// Looks at the CPU time that the worker has used, and when to look again.
    fn watch_cpu(&mut self) -> Result<Option<Answer>, (&'static str, io::Error)> {
        let Some(watch) = &mut self.cpu else { return Ok(None) };
        let used = match watch.clock.now() {
            Ok(now) => now.saturating_sub(watch.begun),
            // It ended; its template is about to say how.
            Err(_) => Duration::ZERO,
        };
        if used >= watch.limit {
            return Ok(Some(Answer::CpuExceeded));
        }
        // No sooner than all processors together could use up what is left.
        let processors = u32::try_from(*PROCESSORS).unwrap_or(1);
        let left = (watch.limit - used) / processors;
        // What programs leave behind is looked for often: they may leave it to nobody.
        let longest = if matches!(watch.clock, Clock::Descendants(_)) { INTERVAL } else { Duration::MAX };
        watch.next = Instant::now() + left.min(longest).max(Duration::from_millis(1));
        Ok(None)
    }

    /// Reads what has come: at first a little, then never more than the frame that was announced and one byte.
    fn receive(&mut self) -> Result<(), Answer> {
        // What is read at once is zeroed first, whatever the channel has of it: as much as has come would be far more in the end.
        const CHUNK: usize = 256 << 10;
        // A child that writes as fast as this reads must not keep it from looking at the clock.
        const AT_ONCE: usize = 64;
        for _ in 0..AT_ONCE {
            let begun = self.received.len();
            let wanted = match self.header {
                None => FIRST - begun,
                // One more, to see what must not be there. Memory grows with what has come, not with what was announced.
                Some(header) => {
                    let whole = HEADER as u64 + header.length + 1;
                    usize::try_from(whole - begun as u64).unwrap_or(usize::MAX).min(CHUNK)
                }
            };
            self.received.resize(begun + wanted, 0);
            let came = self.came.0.len();
            let message = receive_from_child(
                &self.worker.channel,
                &mut self.received[begun..],
                RecvFlags::empty(),
                &mut self.came.0,
            );
            let count = message.as_ref().map_or(0, |message| message.bytes);
            self.received.truncate(begun + count);
            for fd in &mut self.came.0[came..] {
                // An application without standard streams must not print into what a child has sent.
                if fd.as_raw_fd() <= libc::STDERR_FILENO {
                    let lifted = rustix::io::fcntl_dupfd_cloexec(&*fd, 3);
                    *fd = lifted.map_err(|errno| Answer::Broken("receive descriptors", errno.into()))?;
                }
            }
            match message {
                // More than a call may bring, or more than this process has room for.
                Ok(FromChild { cut: true, .. }) => return Err(Answer::Unbelievable(ProtocolProblem::Descriptors)),
                Ok(_) if self.came.0.len() > descriptors::MOST => {
                    return Err(Answer::Unbelievable(ProtocolProblem::Descriptors));
                }
                Ok(_) if count == 0 => {
                    self.open = false;
                    return Ok(());
                }
                Ok(_) => {}
                Err(Errno::AGAIN) => return Ok(()),
                // The worker died with unread bytes of the call.
                Err(Errno::CONNRESET) => {
                    self.open = false;
                    return Ok(());
                }
                Err(errno) => return Err(Answer::Broken("receive the reply", errno.into())),
            }
            if self.header.is_none() && self.received.len() >= HEADER {
                self.header = Some(self.check_header().map_err(Answer::Unbelievable)?);
            }
            if let Some(header) = self.header
                && self.received.len() as u64 > HEADER as u64 + header.length
            {
                return Err(Answer::Unbelievable(ProtocolProblem::Extra));
            }
            if self.is_whole() && self.header.is_some_and(|header| header.kind == Kind::ReplyBuffer) {
                self.grow_reply_buffer()?;
            } else if self.is_whole() && self.terms.reused {
                // What it says beyond that is found before it is called again.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Makes the shared memory that the worker asks for.
    fn grow_reply_buffer(&mut self) -> Result<(), Answer> {
        let wanted = <[u8; 8]>::try_from(&self.received[HEADER..]).map(u64::from_le_bytes).unwrap_or(0);
        let held: u64 = self.reply_buffers.iter().map(|(_, size)| size).sum();
        let limit = self.terms.reply.unwrap_or(u64::MAX / 2);
        // Each piece is a descriptor of this process: a worker asks for much at once, or is after the descriptors.
        let too_small = wanted < reply_buffer::next(0, held, self.terms.reply_buffer, limit.saturating_sub(held));
        let too_many = too_small || self.reply_buffers.len() == reply_buffer::MOST_PIECES;
        if wanted == 0 || wanted > self.terms.reply_buffer || too_many || !self.request.is_empty() {
            return Err(Answer::Unbelievable(ProtocolProblem::Header(
                "the worker asks for shared memory that it cannot need",
            )));
        }
        if wanted > limit.saturating_sub(held) {
            let announced = held.saturating_add(wanted);
            return Err(Answer::Unbelievable(ProtocolProblem::TooLarge { announced, limit }));
        }
        let memory =
            shared::of_size(wanted).map_err(|error| Answer::Broken("make shared memory for the reply", error))?;
        let header = Header::plain(Kind::ReplyBuffer, self.terms.nonce, self.terms.entry, 0).to_bytes();
        match send_some(&self.worker.channel, &header, &[memory.as_fd()]) {
            Ok(HEADER) => {}
            // What it sent before it closed its end is still to be read.
            Err(Errno::PIPE | Errno::CONNRESET) => self.open = false,
            // It waits for nothing else, so there is room for this.
            Ok(_) | Err(Errno::AGAIN) => {
                return Err(Answer::Unbelievable(ProtocolProblem::Header(
                    "the worker does not take what it asked for",
                )));
            }
            Err(errno) => return Err(Answer::Broken("send shared memory", errno.into())),
        }
        self.reply_buffers.push((memory, wanted));
        self.received.clear();
        self.header = None;
        Ok(())
    }

    /// The reply, once it is whole.
    fn back(&mut self, kind: Kind) -> Result<Back, ProtocolProblem> {
        let (aside, prefaulted, descriptors) =
            self.header.map_or((0, 0, 0), |header| (header.aside, u64::from(header.buffer), header.descriptors));
        let buffer = self.worker.buffer.as_ref();
        if prefaulted > buffer.map_or(0, PrefaultedBuffer::size) {
            return Err(ProtocolProblem::Header("more of the reply is in the prefaulted buffer than it holds"));
        }
        let held: u64 = self.reply_buffers.iter().map(|(_, size)| size).sum();
        if aside - prefaulted > held {
            return Err(ProtocolProblem::Header("more of the reply is in shared memory than there is"));
        }
        if self.came.0.len() as u64 != u64::from(descriptors) {
            return Err(ProtocolProblem::Descriptors);
        }
        if self.came.0.iter().any(|fd| self.is_own(fd)) {
            return Err(ProtocolProblem::OwnEnd);
        }
        self.aside = self.aside.max(aside);
        let reply_buffers =
            std::mem::take(&mut self.reply_buffers).into_iter().map(|(memory, size)| Piece::new(memory, size));
        let pieces = buffer.map(|buffer| buffer.piece(prefaulted)).into_iter().chain(reply_buffers);
        Ok(Back {
            kind,
            deadline: self.deadline,
            payload: self.received.split_off(HEADER),
            aside: (self.terms.reply_buffer > 0).then(|| SharedReader::new(pieces, aside)),
            descriptors: std::mem::take(&mut self.came.0),
        })
    }

    /// Whether a descriptor is one that the call itself goes by: whoever had it could keep the call, or its streams, from ending.
    fn is_own(&self, fd: &OwnedFd) -> bool {
        let Ok(stat) = rustix::fs::fstat(fd) else { return true };
        let is = |other: &Stat| (other.st_dev, other.st_ino) == (stat.st_dev, stat.st_ino);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Fifo => streams::is_of_a_stream(&stat),
            FileType::Socket => {
                let channel = rustix::fs::fstat(&self.worker.channel);
                // All sockets are of one device.
                channel.is_ok_and(|ours| ours.st_dev == stat.st_dev) && self.worker.ends.contains(&stat.st_ino)
            }
            FileType::RegularFile => {
                let buffer = self.worker.buffer.iter().map(PrefaultedBuffer::stat);
                buffer
                    .chain(self.reply_buffers.iter().map(|(memory, _)| Ok(rustix::fs::fstat(memory)?)))
                    .any(|own| own.is_ok_and(|own| is(&own)))
            }
            _ => false,
        }
    }

    fn check_header(&self) -> Result<Header, ProtocolProblem> {
        let mut head = [0; HEADER];
        head.copy_from_slice(&self.received[..HEADER]);
        let header = Header::from_bytes(&head).map_err(ProtocolProblem::Header)?;
        let limit = match header.kind {
            Kind::Call => return Err(ProtocolProblem::Header("the frame is a call, not a reply")),
            Kind::Returned | Kind::Failed | Kind::FailedInWords => self.terms.reply.unwrap_or(u64::MAX / 2),
            Kind::Panicked
            | Kind::OutOfMemory
            | Kind::Violated
            | Kind::Unable
            | Kind::Unreadable
            | Kind::Unsendable => MOST_REPORT,
            Kind::ReplyBuffer => 8,
        };
        // What is in shared memory counts against the same limit.
        let announced = header.length.saturating_add(header.aside);
        if announced > limit {
            return Err(ProtocolProblem::TooLarge { announced, limit });
        }
        let is_result = matches!(header.kind, Kind::Returned);
        if !is_result && (header.aside > 0 || header.descriptors > 0) {
            return Err(ProtocolProblem::Header("the frame is of a kind that has nothing beside it"));
        }
        if header.prefix > 0 || header.reply_buffer > 0 {
            return Err(ProtocolProblem::Header("the frame says what only a call does"));
        }
        // A dying worker's signal handler does not know which call it dies in.
        if header.kind != Kind::Violated && (header.nonce != self.terms.nonce || header.entry != self.terms.entry) {
            return Err(ProtocolProblem::OtherCall);
        }
        Ok(header)
    }

    fn is_whole(&self) -> bool {
        self.header.is_some_and(|header| self.received.len() as u64 == HEADER as u64 + header.length)
    }

    /// Reads how the worker ended, if that has been said. A template that is gone took its workers with it.
    fn read_status(&mut self) -> Option<Ended> {
        let mut bytes = [0; Ended::BYTES];
        let said = rustix::io::retry_on_intr(|| {
            rustix::net::recv(&self.worker.status, &mut bytes[..], RecvFlags::DONTWAIT).map(|(_, count)| count)
        });
        if said == Err(Errno::AGAIN) {
            return None;
        }
        self.orphaned = said != Ok(Ended::BYTES);
        let ended = if self.orphaned { Ended::Killed(libc::SIGKILL) } else { Ended::from_bytes(bytes) };
        self.ended = Some(ended);
        self.ended
    }

    /// Decides once there is enough to decide on.
    fn conclude(&mut self) -> Option<Answer> {
        if self.is_whole()
            && let Some(Header { kind: kind @ (Kind::Returned | Kind::Failed | Kind::FailedInWords), .. }) = self.header
            && (self.terms.reused || !self.open)
        {
            return Some(self.back(kind).map_or_else(Answer::Unbelievable, Answer::Reply));
        }
        // A kept worker that reports a panic goes on as well.
        if self.is_whole()
            && self.terms.reused
            && let Some(Header {
                kind: kind @ (Kind::Panicked | Kind::Unable | Kind::Unreadable | Kind::Unsendable),
                ..
            }) = self.header
        {
            return Some(self.back(kind).map_or_else(Answer::Unbelievable, Answer::Reply));
        }
        if self.open && self.ended.is_none() {
            return None;
        }
        // The channel is closed, or the worker is gone. How it ended is for the kernel to say.
        let ended = match self.ended {
            Some(ended) => ended,
            None => {
                let grace = Instant::now() + GRACE;
                let until = self.deadline.map_or(grace, |deadline| deadline.min(grace));
                loop {
                    match wait_readable(self.worker.status.as_fd(), Some(until)) {
                        Ok(Readable::Yes) => {
                            if let Some(ended) = self.read_status() {
                                break ended;
                            }
                        }
                        Ok(Readable::Late) if until < grace => return Some(Answer::TimedOut),
                        Ok(Readable::Late) => return Some(Answer::Unbelievable(ProtocolProblem::Closed)),
                        Err(error) => return Some(Answer::Broken("poll", error)),
                    }
                }
            }
        };
        // It may have written between the last look and its end.
        if self.open
            && let Err(answer) = self.receive()
        {
            return Some(answer);
        }
        let announced = self.header.map_or(HEADER as u64, |header| HEADER as u64 + header.length);
        if !self.received.is_empty() && !self.is_whole() && matches!(ended, Ended::Exited(_)) {
            let received = self.received.len() as u64;
            return Some(Answer::Unbelievable(ProtocolProblem::Truncated { received, announced }));
        }
        let kind = self.header.filter(|_| self.is_whole()).map(|header| header.kind);
        if let Some(kind @ (Kind::Returned | Kind::Failed | Kind::FailedInWords)) = kind {
            return Some(self.back(kind).map_or_else(Answer::Unbelievable, Answer::Reply));
        }
        let orphaned = self.orphaned;
        Some(Answer::Ended { ended, orphaned, report: kind.map(|kind| (kind, self.received.split_off(HEADER))) })
    }
}

/// Sends what the channel takes now, with descriptors.
fn send_some(channel: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(descriptors::MOST + 1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        control.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    rustix::net::sendmsg(channel, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL | SendFlags::DONTWAIT)
}

/// Whether a kept worker waits for its next call and does nothing else: what it says between two calls answers neither, and then it is not
/// asked again. What it printed for the call before is no part of the next one.
fn is_quiet(worker: &Worker, targets: &Targets) -> bool {
    let mut fds = vec![PollFd::new(&worker.channel, PollFlags::IN)];
    fds.extend(worker.output.as_ref().map(|output| PollFd::new(output, PollFlags::IN)));
    let polled = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, Some(&rustix::event::Timespec::default())));
    if polled.is_err() || !fds[0].revents().is_empty() {
        return false;
    }
    Passing::new(&worker.passed, targets).take();
    fds.get(1).is_none_or(|output| output.revents().is_empty()) || drain(worker, &mut Output::default())
}
