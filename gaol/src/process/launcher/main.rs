//! The launcher: runs another program in a sandbox, stands in for it towards the application, and ends as it ends.
//!
//! ```text
//! application ──Command──▶ launcher ──clone(namespaces)──▶ init ──fork──▶ program
//!                          (outside)   (first in the pid namespace)   (enters the layers, then execs)
//! ```
//!
//! Launcher and init are gaol's own code, outside of Landlock and the filters, and read nothing that the program writes. The program's
//! process alone enters the layers, so that it is in a domain of its own: nothing in it can signal the other two.

use std::ffi::{CString, OsString};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags};
use serde::{Deserialize, Serialize};

use crate::error::{PathProblem, ProgramProblem, refusal, remedy_for};
use crate::process::launcher::init::Setup;
use crate::process::launcher::messages::{Launch, SET_UP_FAILURE};
use crate::process::launcher::origin;
use crate::process::launcher::supervise::supervise;
use crate::process::messages::Ended;
use crate::process::orphans;
use crate::process::orphans::SignalScope;
use crate::profile::{Operation, Profile};
use crate::support::{Layer, Layers};
use crate::sys::os::descriptors::close_from;
use crate::sys::os::signals;
use crate::sys::os::spawn::exit_now;
use crate::sys::paths::{Unresolved, Writable, resolve};
use crate::sys::plan::{Plan, Reason, Refusal};
use crate::sys::supervise::notification::Rules;

/// How often something that changed under gaol's hands is looked at again.
const ATTEMPTS: u32 = 4;

/// From the first instruction after the exec to the end of the process.
pub(crate) fn main() -> ! {
    match std::panic::catch_unwind(run) {
        Ok(Ok(ended)) => end_as(ended),
        Ok(Err(Failure(failure))) => refuse(&failure),
        // No exit code: each of them is some program's own.
        Err(_) => signals::end_by(SET_UP_FAILURE),
    }
}

/// Ends as a command that has not started its program, and says why.
fn refuse(reason: &str) -> ! {
    // Nobody may be there to read it.
    let _ = writeln!(io::stderr(), "gaol: {reason}");
    signals::end_by(SET_UP_FAILURE)
}

/// Ends as the program did.
fn end_as(ended: Ended) -> ! {
    match ended {
        Ended::Exited(code) => exit_now(code),
        // That one says that there was no program.
        Ended::Killed(SET_UP_FAILURE) => signals::end_by(libc::SIGKILL),
        Ended::Killed(signal) => signals::end_by(signal),
        // Of workers only.
        Ended::Unfit(_) => signals::end_by(SET_UP_FAILURE),
    }
}

/// Why a program was not started, in words.
pub(crate) struct Failure(pub(crate) String);

/// A step of the launcher's own that failed.
pub(crate) fn step(step: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure(format!("the launcher failed: {step}: {error}{}", remedy(&error)))
}

/// What to do about something that ran out.
fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE | libc::ETOOMANYREFS | libc::EAGAIN | libc::ENOMEM) => remedy_for(error),
        _ => "",
    }
}

/// What the system answered where a path could not be looked at.
fn cause(problem: &PathProblem) -> Option<&io::Error> {
    let mut program = match problem {
        PathProblem::Io(error) => return Some(error),
        PathProblem::Program(program) => program,
        _ => return None,
    };
    loop {
        match program {
            ProgramProblem::Io(error) => return Some(error),
            ProgramProblem::Needed { problem, .. } => program = problem,
            _ => return None,
        }
    }
}

/// What is said of the program, by its own process until it becomes the program, and by init from then on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Progress {
    /// It is in the layers. With it come its pidfd and, where its filter asks, the filter's listener.
    Entered(Option<Rules>),
    /// A layer was refused.
    Refused(Refusal),
    /// execve(2) failed.
    NotRun(i32),
    /// The program ended.
    Ended([u8; Ended::BYTES]),
}

/// The launcher's answer to [`Progress::Entered`]: the program may run. From then on nothing is a failure to start it but that it says so.
pub(crate) const GO: &[u8] = b"g";

/// Why there is no program.
pub(crate) enum NotStarted {
    Refused(Refusal),
    Exec(io::Error),
    Failed(Failure),
}

impl From<Failure> for NotStarted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

fn run() -> Result<Ended, Failure> {
    // What the application ignores would be ignored here as well: without SIGCHLD nobody learns how a child ended.
    signals::reset();
    let _ = rustix::thread::set_name(c"gaol-launcher");
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    let told = arguments.nth(1).ok_or_else(|| Failure("the command line names no program".to_owned()))?;
    let launch = Launch::from_argument(origin::message(&told)?).ok_or_else(origin::not_ours)?;
    close_from(3).map_err(step("close_range"))?;
    fill_streams().map_err(step("open /dev/null"))?;
    let tasks = std::fs::read_dir("/proc/self/task").map_err(step("count the threads in /proc/self/task"))?.count();
    if tasks != 1 {
        return Err(Failure(format!("{tasks} threads run before `main`, and a launcher must have one")));
    }
    let application = find_application(launch.application)?;
    let program = Program::new(covered(&launch.profile, &launch.program)?, name, arguments)?;
    let directory = std::env::current_dir().ok();
    let incoming = signals::take_all().map_err(step("signalfd"))?;
    let strangers = orphans::children();
    orphans::adopt();
    let fence = match rustix::process::getppid() {
        Some(parent) if launch.layers.has(Layer::Landlock) => SignalScope::enter(parent),
        _ => SignalScope::None,
    };
    let deadline = launch.profile.limits().time.and_then(|time| Instant::now().checked_add(time));
    let mut plans = Plans::new(&launch);
    for _ in 0..ATTEMPTS {
        let plan = plans.next()?;
        let setup = Setup { plan: &plan, program: &program, directory: directory.as_deref(), incoming: &incoming };
        let outcome = supervise(&setup, fence, application.as_ref(), deadline);
        // What init could not, because somebody has killed it.
        orphans::kill(|pid| strangers.contains(&pid));
        match outcome {
            Ok(ended) => return Ok(ended),
            Err(NotStarted::Refused(refusal)) => plans.after(&refusal)?,
            Err(NotStarted::Failed(failure)) => return Err(failure),
            Err(NotStarted::Exec(error)) => {
                return Err(Failure(format!("{} cannot be run: {error}", launch.program.display())));
            }
        }
    }
    Err(Failure(format!("what the profile of {} names changes all the time; try again", launch.program.display())))
}

/// Takes the numbers of standard streams that were closed, so that nothing else does. They are closed again to the program.
fn fill_streams() -> io::Result<()> {
    loop {
        let fd = open_null()?;
        if fd.as_raw_fd() > libc::STDERR_FILENO {
            return Ok(());
        }
        std::mem::forget(fd);
    }
}

pub(crate) fn open_null() -> io::Result<OwnedFd> {
    Ok(rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?)
}

/// The pidfd of the application, which is not to be outlived; none where it is this process, which has become the launcher.
fn find_application(made_by: i32) -> Result<Option<OwnedFd>, Failure> {
    let raw = |pid: Pid| pid.as_raw_nonzero().get();
    // `Command::exec`; or a pid namespace of its own, out of which nobody can be seen.
    let Some(parent) = rustix::process::getppid().filter(|_| raw(rustix::process::getpid()) != made_by) else {
        return Ok(None);
    };
    let pidfd =
        rustix::process::pidfd_open(parent, PidfdFlags::empty()).map_err(|errno| step("pidfd_open")(errno.into()))?;
    // The number could have been another process's meanwhile; while it is the parent's, it is not.
    let is_still = rustix::process::getppid() == Some(parent);
    // A fork of the application may have made use of the command.
    let is_stranger = raw(parent) != made_by && runs_another_binary(parent);
    if is_still && !is_stranger {
        return Ok(Some(pidfd));
    }
    Err(Failure("the application that made the command has ended, and its programs end with it".to_owned()))
}

/// Whether a process is known to run another binary than this one.
fn runs_another_binary(process: Pid) -> bool {
    let binary =
        |process: &str| rustix::fs::stat(format!("/proc/{process}/exe")).map(|stat| (stat.st_dev, stat.st_ino));
    match (binary(&process.as_raw_nonzero().to_string()), binary("self")) {
        (Ok(other), Ok(own)) => other != own,
        _ => false,
    }
}

/// The path to run a program by, which the profile makes a name of; an error where no operation names the program.
fn covered<'a>(profile: &Profile, program: &'a Path) -> Result<std::borrow::Cow<'a, Path>, Failure> {
    if !program.is_absolute() {
        let name = program.display();
        return Err(Failure(format!("{name} is nowhere in the application's `PATH`; write the program's path")));
    }
    if program.is_dir() {
        return Err(Failure(format!("{} is a directory; expected a program", program.display())));
    }
    let real = std::fs::canonicalize(program);
    let patterns = profile.allowed_operations().iter().filter_map(|operation| match operation {
        Operation::ProcessExec(pattern) => Some(pattern.path()),
        _ => None,
    });
    let mut by_real_name = false;
    for named in patterns {
        if program.starts_with(named) {
            return Ok(program.into());
        }
        by_real_name |= match (&real, std::fs::canonicalize(named)) {
            (Ok(real), Ok(named)) => real.starts_with(named),
            _ => false,
        };
    }
    match real {
        // In a private root only the names exist that the profile has written, and the real ones.
        Ok(real) if by_real_name => Ok(real.into()),
        _ => Err(Failure(format!("{} is not granted by the profile; add exec = {program:?}", program.display()))),
    }
}

/// A program, ready for execve(2): no allocation is needed to start it.
pub(crate) struct Program {
    pub(crate) path: CString,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
}

impl Program {
    fn new(
        path: impl Into<PathBuf>,
        name: OsString,
        arguments: impl Iterator<Item = OsString>,
    ) -> Result<Self, Failure> {
        let c_string = |text: OsString| {
            CString::new(text.into_vec()).map_err(|_| Failure("an argument holds a NUL byte".to_owned()))
        };
        let environment = std::env::vars_os().map(|(name, value)| {
            let mut variable = name;
            variable.push("=");
            variable.push(value);
            variable
        });
        Ok(Self {
            path: c_string(path.into().into_os_string())?,
            arguments: std::iter::once(name).chain(arguments).map(c_string).collect::<Result<_, _>>()?,
            environment: environment.map(c_string).collect::<Result<_, _>>()?,
        })
    }
}

/// The plans by which a program may be run, best first.
struct Plans<'a> {
    launch: &'a Launch,
    writable: Writable,
    layers: Layers,
}

impl<'a> Plans<'a> {
    fn new(launch: &'a Launch) -> Self {
        let writable = Writable::of_entries();
        writable.extend(&launch.profile);
        writable.include(launch.writable.iter().cloned());
        Self { launch, writable, layers: launch.layers }
    }

    /// The plan to try now.
    fn next(&self) -> Result<Plan, Failure> {
        resolve(&self.launch.profile, self.layers, &self.writable, false).map(|resolved| resolved.plan).map_err(
            |Unresolved { operation, path, problem }| {
                let remedy = cause(&problem).map_or("", remedy);
                Failure(format!("{operation}: {}: {problem}{remedy}", path.display()))
            },
        )
    }

    /// Whether there is another one, after a refusal.
    fn after(&mut self, refusal: &Refusal) -> Result<(), Failure> {
        let program = self.launch.program.display();
        match refusal.reason {
            // Without namespaces the other layers carry the promise; what they cannot keep, they refuse.
            Reason::Layer if refusal.layer() == Layer::Namespaces && self.layers.has(Layer::Namespaces) => {
                self.layers = self.layers.without(Layer::Namespaces);
                Ok(())
            }
            Reason::Changed => Ok(()),
            Reason::Resources => {
                let error = io::Error::from_raw_os_error(refusal.errno);
                let remedy = remedy(&error);
                Err(Failure(format!("{program} cannot be started now: {}: {error}{remedy}", refusal.step)))
            }
            _ => {
                let unsupported = refusal::unsupported(&self.launch.profile, refusal);
                Err(Failure(format!("{program} cannot run in its profile: {unsupported}")))
            }
        }
    }
}
