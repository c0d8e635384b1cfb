//! Init: starts the program, reaps what it leaves behind, and tells how it ended.
//!
//! Where there are namespaces it is their first process, whose end is everybody's in them. Elsewhere it adopts and kills what is left.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::path::Path;

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions};

use crate::process::launcher::main::{GO, Program, Progress, open_null};
use crate::process::messages::{Ended, LONGEST, send};
use crate::process::orphans;
use crate::process::orphans::SignalScope;
use crate::protocol::codec;
use crate::support::Layer;
use crate::sys;
use crate::sys::layers::namespaces::Ids;
use crate::sys::layers::seccomp::WorkerFilter;
use crate::sys::layers::{limits, seccomp};
use crate::sys::os::descriptors::{close_from, place};
use crate::sys::os::signals::Incoming;
use crate::sys::os::spawn::{Side, exit_now};
use crate::sys::os::{signals, spawn};
use crate::sys::plan::{Plan, Reason, Refusal};
use crate::sys::{own_refusal, refusal};

/// What init and the program's process are made from.
pub(crate) struct Setup<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) program: &'a Program,
    /// Where the application is, or wants the program to be.
    pub(crate) directory: Option<&'a Path>,
    /// The launcher's signals.
    pub(crate) incoming: &'a Incoming,
}

/// Init's descriptors, and none of the launcher's other ones.
struct InitDescriptors {
    /// To the launcher.
    socket: OwnedFd,
    /// A pipe whose last writer closes it by becoming the program.
    starting: OwnedFd,
    incoming: Incoming,
    null: OwnedFd,
}

impl Setup<'_> {
    /// From the fork to the end of the process.
    pub(crate) fn init(&self, launcher: Pid, socket: &OwnedFd, starting: &OwnedFd, ids: Ids) -> ! {
        let _ = rustix::thread::set_name(c"gaol-init");
        let fence = if self.plan.has_private_root() {
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            SignalScope::None
        } else {
            orphans::adopt();
            if self.plan.layers.has(Layer::Landlock) { SignalScope::enter(launcher) } else { SignalScope::None }
        };
        // Whoever kills the launcher's whole group must leave somebody to clear up. The only error is that this is a group already.
        let _ = rustix::process::setsid();
        let kept = match self.settle(socket, starting) {
            Ok(kept) => kept,
            Err((step, error)) => {
                Progress::Refused(refusal(Layer::Hygiene, step, &error)).write(socket);
                exit_now(super::super::EXIT_BROKEN)
            }
        };
        let program = match spawn::fork() {
            Ok(Side::Child) => self.program(kept, ids),
            Ok(Side::Parent(program)) => program,
            Err(error) => {
                Progress::Refused(refusal(Layer::Hygiene, "fork", &error)).write(&kept.socket);
                exit_now(super::super::EXIT_BROKEN)
            }
        };
        let InitDescriptors { socket, starting, incoming, null } = kept;
        drop(starting);
        silence(&null);
        loop {
            // What comes by the socket is for the program's process; that nothing can come any more is for init.
            let mut fds = [PollFd::new(&socket, PollFlags::empty()), PollFd::new(incoming.fd(), PollFlags::IN)];
            let _ = rustix::event::poll(&mut fds, None);
            let gone = !fds[0].revents().is_empty();
            // All that a signal can say here is that a child has ended.
            incoming.read();
            let ended = reap(program);
            if let Some(ended) = ended {
                Progress::Ended(ended.to_bytes()).write(&socket);
            }
            if gone || ended.is_some() {
                if !self.plan.has_private_root() {
                    fence.kill_all();
                    orphans::kill(|_| false);
                }
                exit_now(0)
            }
        }
    }

    /// Keeps what init needs, and nothing else that the launcher had.
    fn settle(&self, socket: &OwnedFd, starting: &OwnedFd) -> Result<InitDescriptors, (&'static str, io::Error)> {
        const FIRST: i32 = 3;
        let null = open_null().map_err(|error| ("open /dev/null", error))?;
        // Lifted out of the way first, for each may have another's number.
        let lifted = [socket.as_fd(), starting.as_fd(), self.incoming.fd().as_fd(), null.as_fd()]
            .map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, FIRST + 4));
        // What had these numbers, and what has higher ones, has owners in this copy of the launcher's memory, none of which is dropped.
        std::mem::forget(null);
        let mut placed = Vec::with_capacity(lifted.len());
        for fd in lifted {
            placed.push(fd.map_err(|errno| ("fcntl(F_DUPFD_CLOEXEC)", errno.into()))?);
        }
        for (number, lifted) in (FIRST..).zip(&mut placed) {
            *lifted = place(lifted.as_fd(), number).map_err(|error| ("dup3", error))?;
        }
        close_from(FIRST + 4).map_err(|error| ("close_range", error))?;
        match <[OwnedFd; 4]>::try_from(placed) {
            Ok([socket, starting, incoming, null]) => {
                Ok(InitDescriptors { socket, starting, incoming: Incoming::from(incoming), null })
            }
            Err(_) => Err(("dup3", io::ErrorKind::InvalidData.into())),
        }
    }

    /// The program's process, from the fork to the exec.
    fn program(&self, kept: InitDescriptors, ids: Ids) -> ! {
        let InitDescriptors { socket, starting, .. } = kept;
        let said = std::panic::catch_unwind(AssertUnwindSafe(|| match self.confine(&socket, ids) {
            Ok(()) => {
                if rustix::io::retry_on_intr(|| rustix::io::read(&socket, &mut [0; GO.len()])) != Ok(GO.len()) {
                    exit_now(super::super::EXIT_BROKEN);
                }
                let Program { path, arguments, environment } = self.program;
                let error = spawn::execute(path, arguments, environment);
                Progress::NotRun(error.raw_os_error().unwrap_or(0))
            }
            Err(refusal) => Progress::Refused(refusal),
        }));
        let said = said.unwrap_or_else(|_| {
            Progress::Refused(own_refusal(Layer::Hygiene, "panic in gaol's own code", String::new(), Reason::Canary))
        });
        said.write(&socket);
        // The pipe's end says that there is no more to come.
        drop(starting);
        exit_now(super::super::EXIT_BROKEN)
    }

    /// Enters the layers.
    fn confine(&self, socket: &OwnedFd, ids: Ids) -> Result<(), Refusal> {
        let plan = self.plan;
        signals::reset();
        signals::reset_priority();
        let pidfd = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())
            .map_err(|errno| refusal(Layer::Hygiene, "pidfd_open", &errno.into()))?;
        let threads_of_system = limits::threads_of_system();
        // It is the only process in the domain that this enters: the program needs no other.
        let sys::Confined { listener, .. } = sys::enter(plan, ids, None)?;
        let rules = listener.is_some().then(|| sys::rules(plan));
        let descriptors: Vec<BorrowedFd<'_>> =
            std::iter::once(pidfd.as_fd()).chain(listener.as_ref().map(AsFd::as_fd)).collect();
        send(socket, &Progress::Entered(rules), &descriptors)
            .map_err(|error| refusal(Layer::Hygiene, "sendmsg", &error))?;
        sys::layers::probe::answered_canaries(plan)?;
        // Init's end is the program's: in a pid namespace in any case.
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        if plan.layers.has(Layer::Limits) {
            limits::limit_files(plan)?;
            limits::bound_user(plan, threads_of_system)?;
            if let Some(seconds) = plan.cpu_seconds {
                limits::limit_cpu(seconds).map_err(|error| refusal(Layer::Limits, "setrlimit(RLIMIT_CPU)", &error))?;
            }
        }
        if let Some(directory) = self.directory {
            // Where the profile does not let it be seen, the program starts in `/`.
            let _ = rustix::process::chdir(directory);
        }
        if plan.layers.has(Layer::Seccomp) {
            let pid = rustix::process::getpid().as_raw_nonzero().get().unsigned_abs();
            let mut filter = WorkerFilter::new(&sys::shape(plan));
            seccomp::install(filter.of(pid))
                .map_err(|error| refusal(Layer::Seccomp, "seccomp(SECCOMP_SET_MODE_FILTER)", &error))?;
        }
        signals::reset_for_program();
        Ok(())
    }
}

impl Progress {
    /// Said with write(2), for what is under a filter that refuses sendmsg(2).
    fn write(&self, socket: &OwnedFd) {
        let mut bytes = Vec::new();
        if codec::encode(self, &mut bytes, LONGEST as u64).is_ok() {
            let _ = rustix::io::retry_on_intr(|| rustix::io::write(socket, &bytes));
        }
    }
}

/// Lets go of the program's streams: whoever reads what it prints waits for the last one who could print.
pub(crate) fn silence(null: &OwnedFd) {
    for number in 0..3 {
        let _ = place(null.as_fd(), number).map(std::mem::forget);
    }
}

/// Reaps every child that has ended, and tells how the program did.
fn reap(program: Pid) -> Option<Ended> {
    let mut ended = None;
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if pid == program {
            ended = match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => Some(Ended::Exited(code)),
                (None, Some(signal)) => Some(Ended::Killed(signal)),
                (None, None) => None,
            };
        }
    }
    ended
}
