//! The zygote: the clean, single-threaded process that templates are forked from. Runs in the *setup* window throughout.

use std::convert::Infallible;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::LazyLock;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::net::{RecvFlags, SocketType};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, Signal, WaitId, WaitIdOptions};

use crate::process::messages::{
    DescendantRules, Ended, ForkTemplate, Hello, HelloReply, Readiness, SUPERVISING, Supervise, ZygoteRequest, send,
    verdict,
};
use crate::process::template::main;
use crate::process::{orphans, subreaper};
use crate::protocol::codec;
use crate::support::Layer;
use crate::sys;
use crate::sys::layers::namespaces::Ids;
use crate::sys::layers::steps;
use crate::sys::os::descriptors::{Maker, adopt, close_from, place, receive, socket_pair};
use crate::sys::os::spawn::{Side, exit_now};
use crate::sys::os::{signals, spawn};
use crate::sys::plan::Refusal;
use crate::sys::refusal;
use crate::sys::supervise::descendants;
use crate::sys::supervise::descendants::INTERVAL;
use crate::sys::supervise::notification::{Rules, Supervisor};

/// The zygote's end of the socket to the application.
const CONTROL: i32 = 3;

/// From the first instruction after the exec to the end of the process.
pub(crate) fn main() -> ! {
    match run() {
        Ok(never) => match never {},
        // The application sees the end of the socket, and what was printed here.
        Err((step, error)) => {
            eprintln!("gaol: the zygote cannot start: {step}: {error}");
            exit_now(crate::process::EXIT_BROKEN)
        }
    }
}

fn run() -> Result<Infallible, (&'static str, io::Error)> {
    let control = take_control()?;
    start(&control).inspect_err(|(step, error)| {
        let failed = HelloReply::Failed { step: (*step).to_owned(), errno: error.raw_os_error().unwrap_or(0) };
        let _ = send(&control, &failed, &[]);
    })
}

/// Keeps the socket to the application, and no other descriptor but the standard streams.
fn take_control() -> Result<OwnedFd, (&'static str, io::Error)> {
    // Whoever writes the application's command line may own its standard input as well, and is not to be served.
    let maker = Maker::of(rustix::stdio::stdin()).map_err(|error| ("SO_PEERCRED", error))?;
    if !maker.is_starter() {
        return Err((
            "the control socket was made by another process than the one that has started this",
            io::ErrorKind::PermissionDenied.into(),
        ));
    }
    // The socket arrived as the standard input. The application's other descriptors are not gaol's, and not for here.
    let input = adopt(0).map_err(|error| ("adopt the control socket", error))?;
    let control = place(input.as_fd(), CONTROL).map_err(|error| ("dup3", error))?;
    close_from(CONTROL + 1).map_err(|error| ("close_range", error))?;
    // Its number stays taken until there is something to put in its place.
    std::mem::forget(input);
    Ok(control)
}

/// Becomes a zygote, and serves as one.
fn start(control: &OwnedFd) -> Result<Infallible, (&'static str, io::Error)> {
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| ("open /dev/null", errno.into()))?;
    std::mem::forget(place(null.as_fd(), 0).map_err(|error| ("dup3", error))?);

    let mut threads = threads().map_err(|error| ("count the threads in /proc/self/task", error))?;
    if threads.len() != 1 {
        // They take their names once they run.
        std::thread::sleep(std::time::Duration::from_millis(100));
        threads = self::threads().map_err(|error| ("count the threads in /proc/self/task", error))?;
        /// A name has 15 bytes at most, and a greeting is one message.
        const MOST: usize = 16;
        let count = u32::try_from(threads.len()).unwrap_or(u32::MAX);
        let names = threads.into_iter().take(MOST).collect();
        let _ = send(control, &HelloReply::Threads { count, names }, &[]);
        exit_now(crate::process::EXIT_BROKEN);
    }
    crate::process::worker::main::forget_environment();
    // Reparented at once, so that the application neither waits for it nor reaps it.
    match spawn::fork().map_err(|error| ("fork", error))? {
        Side::Parent(_) => exit_now(0),
        Side::Child => {}
    }
    let _ = rustix::thread::set_name(c"gaol-zygote");
    let _ = rustix::process::setsid();
    signals::reset();
    signals::reset_priority();
    let _ = rustix::process::chdir("/");
    raise_descriptor_limit();
    crate::process::worker::main::record_panics();
    LazyLock::force(&sys::PROCESSORS);
    orphans::adopt();

    let application = greet(control)?;
    // From here on the zygote is silent.
    for number in [1, 2] {
        std::mem::forget(place(null.as_fd(), number).map_err(|error| ("dup3", error))?);
    }
    drop(null);
    sys::layers::reserve::settle();
    serve(control, application)
}

/// Proves to the application that this is its zygote, and keeps a handle on it.
pub(crate) fn greet(control: &OwnedFd) -> Result<OwnedFd, (&'static str, io::Error)> {
    let mut buffer = [0; 256];
    let mut received = receive(control.as_fd(), &mut buffer, RecvFlags::empty()).map_err(|error| ("recvmsg", error))?;
    let hello: Hello = codec::decode(&buffer[..received.bytes])
        .map_err(|error| ("read the application's greeting", io::Error::other(error.to_string())))?;
    let application = received
        .descriptors
        .pop()
        .ok_or(("read the application's greeting", io::Error::from(io::ErrorKind::InvalidData)))?;
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
        .map_err(|errno| ("pidfd_open", errno.into()))?;
    let greeting = HelloReply::Ready { nonce: hello.nonce, build: crate::function::entry::registry().build() };
    send(control, &greeting, &[own.as_fd()]).map_err(|error| ("sendmsg", error))?;
    Ok(application)
}

/// Forks templates until the application is gone.
fn serve(control: &OwnedFd, application: OwnedFd) -> Result<Infallible, (&'static str, io::Error)> {
    let mut templates: Vec<TemplateProcess> = Vec::new();
    loop {
        let ready: Vec<bool> = {
            let mut fds: Vec<PollFd<'_>> = [control, &application]
                .into_iter()
                .chain(templates.iter().flat_map(|template| [&template.pidfd, template.asking()]))
                .map(|fd| PollFd::new(fd, PollFlags::IN))
                .collect();
            // A family that only the zygote counts is looked at from time to time.
            let counted = templates.iter().any(|template| template.counted().is_some());
            let interval = counted.then_some(INTERVAL).and_then(|interval| Timespec::try_from(interval).ok());
            match rustix::event::poll(&mut fds, interval.as_ref()) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(errno) => return Err(("poll", errno.into())),
            }
            fds.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        // A template that ended is reaped; the application sees the end of its socket.
        let mut at = 2;
        let mut orphans = false;
        let before = templates.len();
        templates.retain_mut(|template| {
            let (ended, asks) = (ready[at], ready[at + 1]);
            at += 2;
            if ended {
                template.tell_end();
                orphans |= template.is_orphaning();
            } else if asks {
                template.answer();
            }
            !ended
        });
        if templates.len() < before {
            // Workers that ended later than the template that would have reaped them.
            orphans::reap(|pid| templates.iter().any(|template| template.pid == pid));
        }
        templates.iter_mut().for_each(TemplateProcess::check);
        if orphans {
            orphans::kill(|pid| templates.iter().any(|template| template.pid == pid));
        }
        if ready[1] {
            leave(templates);
        }
        if ready[0] {
            match hear(control) {
                Ok(Request::ForkTemplate(request, socket)) => templates.extend(fork_template(request, socket)),
                Ok(Request::Supervise(rules, listener)) => {
                    // From now on the application is hostile: whatever else it has to say is not heard.
                    watch(control, Supervisor::new(listener, rules), &application)
                }
                Ok(Request::Unknown) => {}
                Err(_) => leave(templates),
            }
        }
    }
}

/// What the application asks for.
pub(crate) enum Request {
    ForkTemplate(ForkTemplate, OwnedFd),
    Supervise(Rules, OwnedFd),
    /// Nothing that this zygote knows.
    Unknown,
}

/// Reads one request. An error means that the application is gone.
pub(crate) fn hear(control: &OwnedFd) -> io::Result<Request> {
    let mut buffer = [0; 1 << 10];
    let mut received = receive(control.as_fd(), &mut buffer, RecvFlags::empty())?;
    if received.bytes == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    let asked = codec::decode::<ZygoteRequest>(&buffer[..received.bytes]);
    Ok(match (asked, received.descriptors.pop()) {
        (Ok(ZygoteRequest::ForkTemplate(fork)), Some(socket)) => Request::ForkTemplate(fork, socket),
        (Ok(ZygoteRequest::Supervise(Supervise(rules))), Some(listener)) => Request::Supervise(rules, listener),
        _ => Request::Unknown,
    })
}

/// Answers for an application that put itself under a profile, until it is gone, and does nothing else.
fn watch(control: &OwnedFd, mut supervisor: Supervisor, application: &OwnedFd) -> ! {
    let _ = sys::os::descriptors::send(control.as_fd(), SUPERVISING, &[]);
    let _ = rustix::net::shutdown(control, rustix::net::Shutdown::Both);
    loop {
        let mut fds = [PollFd::new(application, PollFlags::IN), PollFd::new(supervisor.listener(), PollFlags::IN)];
        if rustix::event::poll(&mut fds, None).is_err_and(|errno| errno != rustix::io::Errno::INTR) {
            exit_now(crate::process::EXIT_BROKEN);
        }
        let [gone, asked] = fds.map(|fd| !fd.revents().is_empty());
        if gone || (asked && supervisor.answer().is_err()) {
            exit_now(0);
        }
    }
}

/// The application is gone: nothing may stay behind.
fn leave(mut templates: Vec<TemplateProcess>) -> ! {
    for template in &mut templates {
        // A subreaper ends what it keeps, and then itself: it is not to be ended before.
        template.alive = None;
        if !template.is_orphaning() {
            let _ = rustix::process::pidfd_send_signal(&template.pidfd, Signal::KILL);
        }
    }
    // Reaped here: whoever inherits this process may be an init that reaps nobody.
    for template in templates {
        let _ = rustix::process::waitid(WaitId::PidFd(template.pidfd.as_fd()), WaitIdOptions::EXITED);
    }
    exit_now(0)
}

/// A template, as its zygote keeps it.
struct TemplateProcess {
    pidfd: OwnedFd,
    pid: Pid,
    questions: Questions,
    descendants: Option<DescendantRules>,
    /// Its subreaper's word that the zygote lives, where a subreaper stands in between: that is the process that the zygote knows then. Once this is
    /// closed the subreaper is about to end all that it keeps.
    alive: Option<OwnedFd>,
    /// Where it is said how it ended, of one that is careful: its own end of its control socket.
    told: Option<OwnedFd>,
}

/// What answers for a template.
enum Questions {
    /// Nothing: its filter does not ask.
    None,
    /// The template is going to send the listener of its filter.
    Announced(OwnedFd),
    Answered(Supervisor),
}

impl TemplateProcess {
    /// Its workers' programs, if they are counted.
    fn counted(&self) -> Option<descendants::Descendants> {
        let limit = self.descendants?.limit?;
        // Beneath a subreaper the template is one more.
        let limit = limit.saturating_add(u64::from(self.is_orphaning()));
        Some(descendants::Descendants { ancestor: self.pid, limit })
    }

    /// Ends what its workers started, if it is too much.
    fn check(&mut self) {
        let Some(descendants) = self.counted() else { return };
        if !self.is_orphaning() {
            descendants.check();
        } else if descendants.is_too_large() {
            // The subreaper ends them all at once, and the template and itself with them: what is killed one by one may grow faster than that.
            self.alive = None;
        }
    }

    /// What is left of its workers' programs, nothing but the zygote ends.
    fn is_orphaning(&self) -> bool {
        self.descendants.is_some_and(|descendants| descendants.orphaned)
    }

    /// What becomes readable when there is something to answer.
    fn asking(&self) -> &OwnedFd {
        match &self.questions {
            Questions::None => &self.pidfd,
            Questions::Announced(socket) => socket,
            Questions::Answered(supervisor) => supervisor.listener(),
        }
    }

    /// Reaps it, and says how it ended where that was asked for.
    fn tell_end(&self) {
        let status = rustix::process::waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        let (Some(told), Ok(Some(status))) = (&self.told, status) else { return };
        let ended = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ended::Exited(code),
            (None, Some(signal)) => Ended::Killed(signal),
            (None, None) => return,
        };
        let _ = send(told, &Readiness::Ended(ended.to_bytes()), &[]);
    }

    fn answer(&mut self) {
        let answered = match &mut self.questions {
            Questions::None => return,
            Questions::Announced(socket) => match hear_watch(socket) {
                Ok(supervisor) => {
                    if let Some(supervisor) = &supervisor {
                        let seen = if supervisor.sees(self.pid) { verdict::SEEN } else { verdict::HIDDEN };
                        // It hears nothing only if it has ended.
                        let _ = sys::os::descriptors::send(socket.as_fd(), seen, &[]);
                    }
                    self.questions = supervisor.map_or(Questions::None, Questions::Answered);
                    return;
                }
                Err(error) => Err(error),
            },
            Questions::Answered(supervisor) => supervisor.answer(),
        };
        if answered.is_err() {
            // Without a listener every question fails, as it should; but it would for as long as the template lives, so it ends here.
            self.questions = Questions::None;
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, Signal::KILL);
        }
    }
}

/// Receives the listener of a template's filter. `None`: the template did not get that far, and says so to the application.
fn hear_watch(socket: &OwnedFd) -> io::Result<Option<Supervisor>> {
    let mut buffer = [0; 1 << 10];
    let mut received = receive(socket.as_fd(), &mut buffer, RecvFlags::empty())?;
    if received.bytes == 0 {
        return Ok(None);
    }
    let Supervise(rules) =
        codec::decode(&buffer[..received.bytes]).map_err(|error| io::Error::other(error.to_string()))?;
    let listener = received.descriptors.pop().ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(Supervisor::new(listener, rules)))
}

/// Forks one template, which tells the application itself how it fares.
fn fork_template(request: ForkTemplate, socket: OwnedFd) -> Option<TemplateProcess> {
    let ids = Ids::current();
    let zygote = rustix::process::getpid();
    let (ours, theirs) = if request.asks {
        match socket_pair(SocketType::SEQPACKET) {
            Ok((ours, theirs)) => (Questions::Announced(ours), Some(theirs)),
            Err(error) => {
                let _ = send(&socket, &Readiness::Refused(refusal(Layer::Limits, "socketpair", &error)), &[]);
                return None;
            }
        }
    } else {
        (Questions::None, None)
    };
    if request.careful
        && request.namespaces != 0
        && let Some(signal) = kills(|| spawn::fork_into(request.namespaces))
    {
        let _ = send(&socket, &Readiness::Refused(steps::lethal(Layer::Namespaces, CLONE, signal)), &[]);
        return None;
    }
    let told = if request.careful { socket.try_clone().ok() } else { None };
    // What programs start may be many, and is counted here: whoever counts must not wait for them.
    if request.descendants.is_some_and(|descendants| descendants.limit.is_some()) {
        signals::come_first();
    }
    // Where programs may be left behind, somebody stands in between whose end is theirs.
    let orphaned = request.descendants.is_some_and(|descendants| descendants.orphaned);
    let subreaper = match orphaned.then(|| rustix::pipe::pipe_with(PipeFlags::CLOEXEC)).transpose() {
        Ok(subreaper) => subreaper,
        Err(errno) => {
            let _ = send(&socket, &Readiness::Refused(refusal(Layer::Hygiene, "pipe2", &errno.into())), &[]);
            return None;
        }
    };
    let side = if request.namespaces == 0 { spawn::fork() } else { spawn::fork_into(request.namespaces) };
    match side {
        Ok(Side::Child) => {
            let _ = std::panic::catch_unwind(|| match subreaper {
                Some((lives, alive)) => {
                    // Its last writer is to be the zygote.
                    drop(alive);
                    subreaper::main(socket, theirs, ids, zygote, lives, request.careful)
                }
                None => main::main(socket, theirs, ids, zygote, request.careful),
            });
            exit_now(crate::process::EXIT_BROKEN)
        }
        Ok(Side::Parent(pid)) => {
            if let Ok(pidfd) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) {
                let alive = subreaper.map(|(_, alive)| alive);
                return Some(TemplateProcess {
                    pidfd,
                    pid,
                    questions: ours,
                    descendants: request.descendants,
                    alive,
                    told,
                });
            }
            // Without a handle it could not be reaped later. The application sees the end of its socket.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
            let _ = rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
            None
        }
        Err(error) => {
            let _ = send(&socket, &Readiness::Refused(clone_refusal(request.namespaces, &error)), &[]);
            None
        }
    }
}

/// The step of entering namespaces.
const CLONE: &str = "clone(CLONE_NEWUSER | CLONE_NEWNS | …)";

/// The signal that ends a process which forks so: tried in one that is thrown away.
fn kills(fork: impl FnOnce() -> io::Result<Side>) -> Option<i32> {
    match spawn::fork().ok()? {
        Side::Child => {
            if let Ok(Side::Parent(pid)) = fork() {
                let _ = rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
            }
            exit_now(0)
        }
        Side::Parent(pid) => {
            rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED).ok()??.terminating_signal()
        }
    }
}

fn clone_refusal(namespaces: i32, error: &io::Error) -> Refusal {
    if namespaces == 0 {
        return refusal(Layer::Hygiene, "fork", error);
    }
    // ENOSPC is how user.max_user_namespaces refuses; EINVAL and ENOSYS are kernels built without one of them.
    refusal(Layer::Namespaces, CLONE, error)
}

/// The names of the threads of this process.
fn threads() -> io::Result<Vec<String>> {
    let tasks = std::fs::read_dir("/proc/self/task")?;
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.map(|task| task.map(|task| name(task).trim_end().to_owned())).collect()
}

/// A template opens as many paths as its profile names.
fn raise_descriptor_limit() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current = limit.maximum;
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}
