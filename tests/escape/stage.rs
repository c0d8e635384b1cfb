//! The run's side of the actors: starts them, hands them tasks, and makes an answer of what they say and how they end.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use gaol::Layer;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Act;
use super::actor::{ARGUMENT, By, LONGEST, PANICKED, Said, Task};
use super::place::Place;
use super::profiles::Profile;
use super::row::{Answer, Tier};

/// How long an act may take. Only one that hangs does.
const PATIENCE: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };
/// How many programs are kept for the next act under the same profile.
const MOST_KEPT: usize = 6;

/// One actor.
struct Stage {
    child: Child,
    line: OwnedFd,
    /// What it writes to its standard error.
    said: File,
}

/// What an actor tells.
struct Told {
    /// Of each act in turn, as far as they came.
    seen: Vec<Answer>,
    /// How whoever performed them has ended; `None`: as the actor has.
    end: Option<ExitStatus>,
}

/// What acts are performed under: a profile, without these layers.
pub(crate) type Conditions<'a> = (Profile, &'a [Layer]);

/// Every actor of a run.
pub(crate) struct Stages {
    program: PathBuf,
    plain: Option<Stage>,
    /// The one that was used last comes last.
    commands: Vec<(Profile, Vec<Layer>, Stage)>,
}

impl Stages {
    /// None yet.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { program: std::env::current_exe()?, plain: None, commands: Vec::new() })
    }

    /// An act in a process that is started as any program is, with what the application leaves to it.
    pub(crate) fn plain(&mut self, act: Act, place: &Place) -> io::Result<Answer> {
        let mut seen = Vec::new();
        self.in_plain(&Task { acts: vec![act], place: place.clone(), by: By::Fork }, &mut seen)
    }

    /// Acts in a process that has put itself under a profile: how the last one has ended, and in `seen` what came of each.
    pub(crate) fn activated(
        &mut self,
        (profile, without): Conditions<'_>,
        acts: Vec<Act>,
        place: &Place,
        seen: &mut Vec<Answer>,
    ) -> io::Result<Answer> {
        let without = without.iter().map(|layer| *layer as usize).collect();
        let by = By::Activated { profile: profile.of_activation(), without };
        self.in_plain(&Task { acts, place: place.clone(), by }, seen)
    }

    fn in_plain(&mut self, task: &Task, seen: &mut Vec<Answer>) -> io::Result<Answer> {
        let mut stage = match self.plain.take() {
            Some(stage) => stage,
            // Its standard output is this process's: the terminal.
            None => Stage::start(Command::new(&self.program), Stdio::inherit(), &task.place)?,
        };
        let told = stage.ask(task)?;
        seen.extend_from_slice(&told.seen);
        match told.end {
            Some(status) => {
                self.plain = Some(stage);
                Ok(answer(told.seen, status))
            }
            None => stage.end(told.seen),
        }
    }

    /// Acts in the program of a command. Where how the program ends is a part of the answer, it performs the act itself, and not a
    /// fork of it.
    pub(crate) fn command(
        &mut self,
        (profile, without): Conditions<'_>,
        (acts, itself): (Vec<Act>, bool),
        place: &Place,
        seen: &mut Vec<Answer>,
    ) -> io::Result<Answer> {
        let by = if itself { By::Itself } else { By::Fork };
        let task = Task { acts, place: place.clone(), by };
        let kept = self.commands.iter().position(|(its, layers, _)| *its == profile && layers == without);
        let mut stage = match kept {
            Some(index) if !itself => self.commands.remove(index).2,
            _ => self.start_command((profile, without), place)?,
        };
        let told = stage.ask(&task)?;
        seen.extend_from_slice(&told.seen);
        match told.end {
            Some(status) => {
                if self.commands.len() == MOST_KEPT {
                    self.commands.remove(0).2.end_well()?;
                }
                self.commands.push((profile, without.to_vec(), stage));
                Ok(answer(told.seen, status))
            }
            None => stage.end(told.seen),
        }
    }

    fn start_command(&self, (profile, without): Conditions<'_>, place: &Place) -> io::Result<Stage> {
        let tier = if without.contains(&Layer::Namespaces) { Tier::B } else { Tier::A };
        let guard = gaol::controls::without(without);
        let command = profile.of_command(&self.program, tier).command(&self.program);
        drop(guard);
        let output = if profile == Profile::Terminal { Stdio::inherit() } else { Stdio::null() };
        Stage::start(command, output, place)
    }

    /// Ends every actor.
    pub(crate) fn end(self) -> io::Result<()> {
        let commands = self.commands.into_iter().map(|(_, _, stage)| stage);
        self.plain.into_iter().chain(commands).try_for_each(Stage::end_well)
    }
}

impl Stage {
    fn start(mut command: Command, output: Stdio, place: &Place) -> io::Result<Self> {
        let (line, theirs) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let path = place.core_directory.join("said");
        let said = File::options().read(true).write(true).create_new(true).open(&path)?;
        std::fs::remove_file(path)?;
        let child = command
            .args(["--exact", "escape", "--nocapture", "--test-threads=1", "--skip", ARGUMENT])
            .stdin(Stdio::from(theirs))
            .stdout(output)
            .stderr(said.try_clone()?)
            .spawn()?;
        Ok(Self { child, line, said })
    }

    /// Has acts performed.
    fn ask(&mut self, task: &Task) -> io::Result<Told> {
        // One that has not come to be does not read.
        let _ = rustix::io::write(&self.line, &serde_json::to_vec(task)?);
        let mut buffer = vec![0_u8; LONGEST];
        let mut seen = Vec::new();
        loop {
            let mut fds = [PollFd::new(&self.line, PollFlags::IN)];
            if rustix::event::poll(&mut fds, Some(&PATIENCE))? == 0 {
                self.child.kill()?;
            }
            let length = rustix::io::read(&self.line, &mut buffer).unwrap_or(0);
            match serde_json::from_slice(&buffer[..length]) {
                Ok(Said::Saw(what)) => seen.push(Answer::of(Ok(what))),
                Ok(Said::NotEntered(reason)) => seen.push(Answer::NotRun(reason)),
                Ok(Said::Ended(status)) => return Ok(Told { seen, end: Some(ExitStatus::from_raw(status)) }),
                Err(_) => return Ok(Told { seen, end: None }),
            }
        }
    }

    /// Lets go of one that has performed every act, and is to end well.
    fn end_well(self) -> io::Result<()> {
        match self.end(Vec::new())? {
            Answer::Exited(0) => Ok(()),
            other => Err(io::Error::other(format!("an actor that is not needed any more: {other}"))),
        }
    }

    /// Lets go of it. Gives what was seen last, if it has ended well, and else how it has ended.
    fn end(self, seen: Vec<Answer>) -> io::Result<Answer> {
        let Self { mut child, line, mut said } = self;
        drop(line);
        let status = child.wait()?;
        if !gaol::is_set_up_failure(&status) {
            return Ok(answer(seen, status));
        }
        let mut reason = String::new();
        said.rewind()?;
        said.read_to_string(&mut reason)?;
        Ok(Answer::NotRun(reason))
    }
}

/// What was seen last, and how whoever saw it has ended.
fn answer(mut seen: Vec<Answer>, status: ExitStatus) -> Answer {
    match (seen.pop(), status.code(), status.signal()) {
        (Some(seen), Some(0), _) => seen,
        (_, _, Some(signal)) => Answer::Killed(signal),
        (_, Some(PANICKED), _) => Answer::Panicked,
        (_, code, _) => Answer::Exited(code.unwrap_or(-1)),
    }
}
