//! Attendance: the launcher's part while the program starts and runs.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SocketType};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};

use super::init::{Setup, silence};
use crate::process::launcher::main::{Failure, GO, NotStarted, Progress, open_null, step};
use crate::process::messages::{Ended, LONGEST};
use crate::process::orphans::SignalScope;
use crate::protocol::codec;
use crate::support::Layer;
use crate::sys::layers::namespaces::Ids;
use crate::sys::os::descriptors::{receive, socket_pair};
use crate::sys::os::signals::Incoming;
use crate::sys::os::spawn::{Side, exit_now};
use crate::sys::os::{signals, spawn};
use crate::sys::refusal;
use crate::sys::supervise::descendants::{DescendantClock, Descendants, INTERVAL};
use crate::sys::supervise::notification::Supervisor;

/// Starts init, and the program in it, and stays until everything has ended.
pub(crate) fn supervise(
    setup: &Setup<'_>,
    fence: SignalScope,
    application: Option<&OwnedFd>,
    deadline: Option<Instant>,
) -> Result<Ended, NotStarted> {
    let null = open_null().map_err(step("open /dev/null"))?;
    let (socket, theirs) = socket_pair(SocketType::SEQPACKET).map_err(step("socketpair"))?;
    let (started, starting) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|errno| step("pipe2")(errno.into()))?;
    let ids = Ids::current();
    let launcher = rustix::process::getpid();
    let namespaces = spawn::namespace_flags(setup.plan);
    let side = if namespaces == 0 { spawn::fork() } else { spawn::fork_into(namespaces) };
    let init = match side {
        Ok(Side::Child) => {
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| setup.init(launcher, &theirs, &starting, ids)));
            exit_now(super::super::EXIT_BROKEN)
        }
        Ok(Side::Parent(init)) => init,
        Err(error) if namespaces != 0 => {
            let step = "clone(CLONE_NEWUSER | CLONE_NEWNS | …)";
            return Err(NotStarted::Refused(refusal(Layer::Namespaces, step, &error)));
        }
        Err(error) => return Err(step("fork")(error).into()),
    };
    drop((theirs, starting));
    if setup.plan.descendant_limit().is_some() && !setup.plan.asks() {
        // Whoever ends what got out of hand must get to it. Init has been forked already, and asks for nothing.
        signals::take_priority();
    }
    let cpu = setup.plan.cpu_seconds.map(|seconds| (DescendantClock::of(init), Duration::from_secs(seconds)));
    let mut supervision = Supervision {
        cpu,
        socket,
        started: Some(started),
        null,
        init,
        first: setup.plan.has_private_root(),
        fence,
        incoming: setup.incoming,
        application,
        deadline,
        program: None,
        supervisor: None,
        descendants: setup.plan.descendant_limit().map(|limit| Descendants { ancestor: init, limit }),
    };
    let outcome = supervision.watch();
    supervision.clear_up();
    outcome
}

struct Supervision<'a> {
    /// To init, and to the program's process until it is the program.
    socket: OwnedFd,
    /// Ends when the program's process has become the program, or ended.
    started: Option<OwnedFd>,
    null: OwnedFd,
    init: Pid,
    /// Its end is everybody's, since it is the first in a pid namespace.
    first: bool,
    /// Around init and what descends from it.
    fence: SignalScope,
    /// The launcher's own signals.
    incoming: &'a Incoming,
    application: Option<&'a OwnedFd>,
    deadline: Option<Instant>,
    program: Option<OwnedFd>,
    supervisor: Option<Supervisor>,
    /// The program and what it starts, where these are counted.
    descendants: Option<Descendants>,
    /// What they use of the processors together, and how much they may.
    cpu: Option<(DescendantClock, Duration)>,
}

/// What has something to say.
struct Ready {
    heard: bool,
    signalled: bool,
    asked: bool,
    started: bool,
    abandoned: bool,
}

impl Supervision<'_> {
    /// Answers the filter's questions, passes signals on and watches the clock, until the program has ended or has to.
    fn watch(&mut self) -> Result<Ended, NotStarted> {
        loop {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(failure) => return self.unattended(failure),
            };
            if ready.asked && self.supervisor.as_mut().is_some_and(|supervisor| supervisor.answer().is_err()) {
                // Every process under the filter has ended.
                self.supervisor = None;
            }
            // What kept the program from running was said before the pipe ended, so it is heard before that is taken notice of.
            if (ready.heard || ready.started || ready.signalled)
                && let Some(outcome) = self.hear()
            {
                return outcome;
            }
            if ready.started && self.started.take().is_some() {
                silence(&self.null);
            }
            let is_over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            if is_over && self.program.is_none() {
                return Err(Failure("its time ran out before it had started".to_owned()).into());
            }
            if is_over || ready.abandoned || self.descendants.is_some_and(Descendants::is_too_large) {
                return Ok(Ended::Killed(libc::SIGKILL));
            }
            if self.cpu.as_mut().is_some_and(|(clock, limit)| clock.used() >= *limit) {
                return Ok(Ended::Killed(libc::SIGXCPU));
            }
            // Who knows that the program runs has a right to have it signalled: what tells the launcher so came first.
            if ready.signalled
                && let Some(ended) = self.pass_on()
            {
                return Ok(ended);
            }
        }
    }

    /// What it is called that the launcher cannot go on. A program that may have begun is ended, and nobody is told that it was not started.
    fn unattended(&self, failure: Failure) -> Result<Ended, NotStarted> {
        if self.program.is_some() { Ok(Ended::Killed(libc::SIGKILL)) } else { Err(failure.into()) }
    }

    fn wait(&self) -> Result<Ready, Failure> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // A family is looked at from time to time.
        let timeout =
            left.into_iter().chain((self.descendants.is_some() || self.cpu.is_some()).then_some(INTERVAL)).min();
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        // What is not there is stood in for by what is asked anyway.
        let asking = self.supervisor.as_ref().map_or(&self.socket, Supervisor::listener);
        let started = self.started.as_ref().unwrap_or(&self.socket);
        let application = self.application.unwrap_or(&self.socket);
        let mut fds =
            [&self.socket, self.incoming.fd(), asking, started, application].map(|fd| PollFd::new(fd, PollFlags::IN));
        match rustix::event::poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(step("poll")(errno.into())),
        }
        let [heard, signalled, asked, started, abandoned] = fds.map(|fd| !fd.revents().is_empty());
        Ok(Ready {
            heard,
            signalled,
            asked: asked && self.supervisor.is_some(),
            started: started && self.started.is_some(),
            abandoned: abandoned && self.application.is_some(),
        })
    }

    /// Hears all that has been said of the program. `Some`: there is no more to come.
    fn hear(&mut self) -> Option<Result<Ended, NotStarted>> {
        let mut buffer = vec![0; LONGEST];
        let failed = |what: &str| Some(Err(NotStarted::Failed(Failure(what.to_owned()))));
        loop {
            let mut received = match receive(self.socket.as_fd(), &mut buffer, RecvFlags::DONTWAIT) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => return Some(self.unattended(step("recvmsg")(error))),
            };
            if received.bytes == 0 {
                // Init is gone without a word: somebody has killed it, and the program with it.
                return match self.program {
                    Some(_) => Some(Ok(Ended::Killed(libc::SIGKILL))),
                    None => failed("the program's process ended before its time"),
                };
            }
            match codec::decode(&buffer[..received.bytes]) {
                Ok(Progress::Entered(rules)) => {
                    let listener = rules.and_then(|rules| Some((rules, received.descriptors.pop()?)));
                    self.supervisor = listener.map(|(rules, listener)| Supervisor::new(listener, rules));
                    self.program = received.descriptors.pop();
                    match rustix::io::retry_on_intr(|| rustix::io::write(&self.socket, GO)) {
                        // Where nobody is left to hear it, that is what is heard next.
                        Ok(_) | Err(Errno::PIPE) => {}
                        // The program would wait for it for ever.
                        Err(errno) => return Some(Err(step("tell the program to run")(errno.into()).into())),
                    }
                }
                Ok(Progress::Refused(refusal)) => return Some(Err(NotStarted::Refused(refusal))),
                Ok(Progress::NotRun(errno)) => {
                    return Some(Err(NotStarted::Exec(io::Error::from_raw_os_error(errno))));
                }
                Ok(Progress::Ended(ended)) => return Some(Ok(Ended::from_bytes(ended))),
                Err(_) => return failed("the program's process said what cannot be read"),
            }
        }
    }

    /// Passes signals on to the program. Before there is one, what would end it ends the launcher.
    fn pass_on(&self) -> Option<Ended> {
        for signal in self.incoming.read() {
            match (signal, &self.program) {
                (libc::SIGCHLD, _) => {}
                (libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU, Some(program)) => {
                    // The program has a session of its own, where these stop nobody. What follows them is passed on: SIGCONT.
                    signals::send(program, libc::SIGSTOP);
                    let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::STOP);
                }
                (_, Some(program)) => signals::send(program, signal),
                // They end nothing by default.
                (libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU, None)
                | (libc::SIGCONT | libc::SIGURG | libc::SIGWINCH, None) => {}
                (_, None) => return Some(Ended::Killed(signal)),
            }
        }
        None
    }

    /// Ends what there still is, and waits for that.
    fn clear_up(self) {
        // Nothing of the program is answered any more, and init, which has no socket to hear from, clears up and ends.
        drop((self.supervisor, self.socket));
        // Where they can be killed at once, nobody's turn has to be waited for.
        self.fence.kill_all();
        if self.first || self.program.is_none() {
            let _ = rustix::process::kill_process(self.init, Signal::KILL);
        }
        let _ = rustix::process::waitid(WaitId::Pid(self.init), WaitIdOptions::EXITED);
    }
}
