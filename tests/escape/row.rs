//! One row of the matrix: an attempt, what must come back, and how the hole is shown to be real.

use std::fmt;

use gaol::Layer;
use serde::{Deserialize, Serialize};

use super::Act;
use super::expect::{self, Expected};
use super::profiles::Profile;
use super::toolbox::{Apart, Seen, errno_name};
use super::way::Way;

/// With namespaces, or without them.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Tier {
    A,
    B,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::B => "B",
        })
    }
}

/// What came back from an attempt, as the caller of the sandboxed function sees it.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The act reached its aim. Two proofs are the same answer.
    Done(String),
    Errno(i32),
    Absent,
    /// Of many attempts some got another answer than the rest.
    Apart(Apart),
    Killed(i32),
    Exited(i32),
    Violation,
    TimedOut,
    OutOfMemory,
    CpuExceeded,
    Panicked,
    Protocol,
    /// The function did not run, for this reason. Two reasons are the same answer.
    NotRun(String),
    /// An answer that no row expects.
    Other(String),
}

impl Answer {
    pub(crate) fn done() -> Self {
        Self::Done(String::new())
    }

    /// Whether this is the answer that `other` names.
    pub(crate) fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Done(_), Self::Done(_)) | (Self::NotRun(_), Self::NotRun(_)) => true,
            (Self::Apart(one), Self::Apart(other)) => one.is(other),
            (one, other) => one == other,
        }
    }

    /// The answer in a result of a sandboxed call.
    pub(crate) fn of(result: gaol::Result<Seen>) -> Self {
        let error = match result {
            Ok(Seen::Done(proof)) => return Self::Done(proof),
            Ok(Seen::Errno(errno)) => return Self::Errno(errno),
            Ok(Seen::Absent) => return Self::Absent,
            Ok(Seen::Apart(apart)) => return Self::Apart(apart),
            Err(error) => error,
        };
        match error {
            gaol::Error::Killed { signal, .. } => Self::Killed(signal),
            gaol::Error::Exited { code, .. } => Self::Exited(code),
            gaol::Error::Violation { .. } => Self::Violation,
            gaol::Error::TimedOut { .. } => Self::TimedOut,
            gaol::Error::OutOfMemory { .. } => Self::OutOfMemory,
            gaol::Error::CpuExceeded { .. } => Self::CpuExceeded,
            gaol::Error::Panicked { .. } => Self::Panicked,
            gaol::Error::Protocol { .. } => Self::Protocol,
            other if other.outcome() == gaol::Outcome::NotRun => Self::NotRun(other.to_string()),
            other => Self::Other(other.to_string()),
        }
    }
}

impl From<i32> for Answer {
    fn from(errno: i32) -> Self {
        Self::Errno(errno)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(proof) => {
                let short: String = proof.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
                write!(f, "Done({short})")
            }
            Self::Errno(errno) => f.write_str(&errno_name(*errno)),
            Self::Apart(apart) => apart.fmt(f),
            Self::Killed(signal) => write!(f, "killed by signal {signal}"),
            Self::Exited(code) => write!(f, "exited with {code}"),
            Self::NotRun(message) => write!(f, "not run: {message}"),
            Self::Other(message) => write!(f, "other: {message}"),
            plain => write!(f, "{plain:?}"),
        }
    }
}

/// Where the hole is shown open, beside the refusals.
#[derive(Clone, Debug)]
pub(crate) enum Control {
    /// With exactly these layers left out, and with none of the layers, the act reaches its aim.
    Without(&'static [Layer]),
    /// The same act under a profile that allows it, and in a plain process.
    Under(Profile),
    /// In a process that is started as any program is, with what the application leaves to it. The zygote keeps these
    /// things from every process of gaol, so no layer of a call can be left out to show it.
    Process,
    /// The row brings its own, or there is none, for this reason.
    None(&'static str),
}

/// One attempt.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) number: u16,
    pub(crate) name: String,
    pub(crate) act: Act,
    pub(crate) profile: Profile,
    pub(crate) control: Control,
    /// What the act gives where nothing stops it; an act that replaces the process gives an exit code.
    pub(crate) open: Answer,
    refused: [Answer; 2],
    /// What is otherwise where no fresh function performs the act, in both tiers.
    otherwise: Vec<(Way, [Expected; 2])>,
    root_only: Option<&'static str>,
    may_lack: Option<&'static str>,
    /// What comes back for anyone but root, where that differs.
    unprivileged: [Option<Answer>; 2],
}

/// A row under the empty profile; the expectations follow.
pub(crate) fn row(number: u16, name: impl Into<String>, act: impl Into<Act>) -> Row {
    Row {
        number,
        name: name.into(),
        act: act.into(),
        profile: Profile::Nothing,
        control: Control::None("the row names no control"),
        open: Answer::done(),
        refused: [Answer::Other(String::new()), Answer::Other(String::new())],
        otherwise: Vec::new(),
        root_only: None,
        may_lack: None,
        unprivileged: [None, None],
    }
}

/// The answer of a call that was refused before the function ran.
pub(crate) fn not_run() -> Answer {
    Answer::NotRun(String::new())
}

impl Row {
    pub(crate) fn under(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// What comes back in tier A, and in tier B.
    pub(crate) fn refused(mut self, a: impl Into<Answer>, b: impl Into<Answer>) -> Self {
        self.refused = [a.into(), b.into()];
        self
    }

    /// The same answer in both tiers.
    pub(crate) fn always(self, answer: impl Into<Answer>) -> Self {
        let answer = answer.into();
        self.refused(answer.clone(), answer)
    }

    pub(crate) fn open_without(mut self, layers: &'static [Layer]) -> Self {
        self.control = Control::Without(layers);
        self
    }

    pub(crate) fn open_under(mut self, profile: Profile) -> Self {
        self.control = Control::Under(profile);
        self
    }

    pub(crate) fn open_elsewhere(mut self) -> Self {
        self.control = Control::Process;
        self
    }

    pub(crate) fn no_control(mut self, reason: &'static str) -> Self {
        self.control = Control::None(reason);
        self
    }

    /// What an open hole answers, where that is not [`Answer::Done`].
    pub(crate) fn opens_as(mut self, answer: Answer) -> Self {
        self.open = answer;
        self
    }

    /// The controls need privilege, for this reason: the unprivileged run cannot show the hole.
    pub(crate) fn root_only(mut self, reason: &'static str) -> Self {
        self.root_only = Some(reason);
        self
    }

    /// What comes back for anyone but root, where the files of a process that is not dumpable are root's. In tier A and in tier B.
    pub(crate) fn for_others(mut self, a: impl Into<Answer>, b: impl Into<Answer>) -> Self {
        self.unprivileged = [Some(a.into()), Some(b.into())];
        self
    }

    /// The controls need something that a kernel may be built or set up without.
    pub(crate) fn may_lack(mut self, reason: &'static str) -> Self {
        self.may_lack = Some(reason);
        self
    }

    /// What comes back in one of the other ways, where that is not what [`expect`] derives.
    pub(crate) fn by(mut self, way: Way, a: impl Into<Expected>, b: impl Into<Expected>) -> Self {
        self.otherwise.retain(|(other, _)| *other != way);
        self.otherwise.push((way, [a.into(), b.into()]));
        self
    }

    /// What comes back from the program of a command, in tier A and in tier B.
    pub(crate) fn by_command(self, a: impl Into<Expected>, b: impl Into<Expected>) -> Self {
        self.by(Way::Command, a, b)
    }

    /// What comes back in a process that has put itself under the profile.
    pub(crate) fn by_activation(self, answer: impl Into<Expected>) -> Self {
        let answer = answer.into();
        self.by(Way::Activation, answer.clone(), answer)
    }

    /// What comes back from a fresh function.
    pub(crate) fn by_fresh(&self, tier: Tier) -> &Answer {
        &self.refused[tier as usize]
    }

    /// The same for root and for anyone else: being root gives nothing.
    pub(crate) fn expected(&self, way: Way, tier: Tier) -> Expected {
        if self.profile == Profile::ReadPerCall && !matches!(way, Way::Function(_)) {
            return expect::not_applicable(expect::NAMES_ITS_ARGUMENT);
        }
        let others = self.unprivileged[tier as usize].as_ref().filter(|_| !rustix::process::geteuid().is_root());
        if let (Some(answer), Way::Function(_) | Way::Activation) = (others, way) {
            return answer.clone().into();
        }
        let otherwise = self.otherwise.iter().find(|(other, _)| *other == way);
        otherwise.map_or_else(|| expect::derived(self, way, tier), |(_, answers)| answers[tier as usize].clone())
    }

    /// Why a control may fail for this user, if it may.
    pub(crate) fn excuse(&self, root: bool) -> Option<&'static str> {
        if root { self.may_lack } else { self.root_only.or(self.may_lack) }
    }
}
