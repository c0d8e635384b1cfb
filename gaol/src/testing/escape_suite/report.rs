//! The report of a run: each attack with what was to come back and what did, and the whole as a table.

use std::fmt;

use crate::profile::Profile;
use crate::support::Layer;

/// What came of the suite under one profile. Printed, it is a table.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Report {
    /// The sandboxed function whose profile it is, where it is a function's.
    pub function: Option<&'static str>,
    /// The profile, as the attribute would be written.
    pub profile: String,
    /// Keys of the function that are computed at the call. What they allow was not in the profile, and was attacked.
    pub computed_keys: Vec<&'static str>,
    /// `'A'` with namespaces, `'B'` without.
    pub tier: char,
    /// The Landlock ABI version of the kernel; 0 without Landlock.
    pub landlock_abi: u32,
    /// The attacks, in the order of their table.
    pub attacks: Vec<Attack>,
}

/// One attack, and what came of it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Attack {
    /// What it aims at.
    pub category: Category,
    /// The system call, and its object.
    pub name: &'static str,
    /// What came of it.
    pub verdict: Verdict,
    /// The layer that was to stop it; `None` where nothing was to.
    #[cfg_attr(feature = "serde", serde(serialize_with = "as_text"))]
    pub layer: Option<Layer>,
    /// The answers that a tight sandbox gives under this profile, on this system. Empty where the attack does not apply.
    pub expected: Vec<Answer>,
    /// The answer that came back; `None` where the attack does not apply.
    pub answer: Option<Answer>,
    /// The same act without the sandbox.
    pub control: Control,
}

/// What attacks aim at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[non_exhaustive]
pub enum Category {
    /// Files that are not granted, and more than was granted.
    Files,
    /// Other processes, the application first.
    Processes,
    /// New processes, programs and code.
    Programs,
    /// Interfaces of the kernel.
    Kernel,
    /// Connections, and sockets of every other kind.
    Sockets,
    /// Use past the limits.
    Resources,
    /// What the application left lying about.
    Inheritance,
    /// The terminal that the application was started from.
    Terminal,
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Files => "files",
            Self::Processes => "processes",
            Self::Programs => "programs",
            Self::Kernel => "kernel",
            Self::Sockets => "sockets",
            Self::Resources => "resources",
            Self::Inheritance => "inheritance",
            Self::Terminal => "terminal",
        })
    }
}

/// What came of an attack.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Verdict {
    /// It was refused, in the way in which it had to be.
    Refused,
    /// It reached its aim: the sandbox does not hold.
    Open,
    /// It did not reach its aim, but something else stopped it than what had to.
    Unexpected,
    /// It is no attack under this profile, for this reason.
    NotApplicable(String),
}

/// What an act gets to see, or its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Answer {
    /// It reached its aim, and this is the proof.
    Done(String),
    /// A system call failed, with this errno.
    Errno(i32),
    /// What it looked for is not there.
    Absent,
    /// The filter ended the process.
    Violation,
    /// Something else ended the call.
    Ended(String),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(proof) => write!(f, "done: {proof}"),
            Self::Errno(errno) => f.write_str(&errno_name(*errno)),
            Self::Absent => f.write_str("absent"),
            Self::Violation => f.write_str("killed"),
            Self::Ended(how) => f.write_str(how),
        }
    }
}

/// The same act in a process that no layer confines: whether the hole is one on this system.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Control {
    /// It reached its aim: without the sandbox the hole is open.
    Reachable,
    /// It did not, for something else than the sandbox stops it as well on this system or for this user. The attack's refusal shows little.
    NotReachable(Answer),
    /// It was not made: the attack does not apply.
    NotTried,
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reachable => f.write_str("reachable"),
            Self::NotReachable(answer) => write!(f, "not reachable: {answer}"),
            Self::NotTried => f.write_str("-"),
        }
    }
}

impl Report {
    /// Whether every attack that applies was refused in the way in which it had to be.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.attacks.iter().all(|attack| matches!(attack.verdict, Verdict::Refused | Verdict::NotApplicable(_)))
    }

    /// The attacks that reached their aim.
    pub fn open(&self) -> impl Iterator<Item = &Attack> {
        self.attacks.iter().filter(|attack| attack.verdict == Verdict::Open)
    }

    /// The attacks that were stopped by something else than what had to stop them.
    pub fn unexpected(&self) -> impl Iterator<Item = &Attack> {
        self.attacks.iter().filter(|attack| attack.verdict == Verdict::Unexpected)
    }

    /// How many attacks apply, which is how many were tried.
    #[must_use]
    pub fn tried(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.answer.is_some()).count()
    }

    /// How many attacks were refused in the way in which they had to be.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.verdict == Verdict::Refused).count()
    }

    /// How many of the attacks that were tried reach their aim without the sandbox, on this system and for this user.
    #[must_use]
    pub fn reachable(&self) -> usize {
        self.attacks.iter().filter(|attack| attack.control == Control::Reachable).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let profile = if self.profile.is_empty() { "nothing allowed" } else { &self.profile };
        match self.function {
            Some(function) => writeln!(f, "{function}: {profile}")?,
            None => writeln!(f, "{profile}")?,
        }
        writeln!(f, "tier {}, Landlock ABI {}", self.tier, self.landlock_abi)?;
        if !self.computed_keys.is_empty() {
            writeln!(f, "computed at each call, so not in this profile: {}", self.computed_keys.join(", "))?;
        }
        writeln!(f)?;
        let rows: Vec<[String; 6]> = std::iter::once(
            ["category", "attack", "verdict", "answer", "layer", "without the sandbox"].map(ToOwned::to_owned),
        )
        .chain(self.attacks.iter().map(Attack::cells))
        .collect();
        let widths: [usize; 6] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for row in &rows {
            let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", line.join("  ").trim_end())?;
        }
        let not_applicable = self.attacks.len() - self.tried();
        write!(
            f,
            "\n{} attacks: {} refused, {} open, {} unexpected; {} not applicable; {} reachable without the sandbox",
            self.attacks.len(),
            self.refused(),
            self.open().count(),
            self.unexpected().count(),
            not_applicable,
            self.reachable()
        )
    }
}

impl Attack {
    fn cells(&self) -> [String; 6] {
        let (verdict, answer) = match (&self.verdict, &self.answer) {
            (Verdict::NotApplicable(reason), _) => ("not applicable", reason.clone()),
            (Verdict::Refused, Some(answer)) => ("refused", answer.to_string()),
            (Verdict::Open, Some(answer)) => ("OPEN", answer.to_string()),
            (_, answer) => {
                let expected: Vec<String> = self.expected.iter().map(ToString::to_string).collect();
                let answer = answer.as_ref().map(ToString::to_string).unwrap_or_default();
                ("UNEXPECTED", format!("{answer}, not {}", expected.join(" or ")))
            }
        };
        [
            self.category.to_string(),
            self.name.to_owned(),
            verdict.to_owned(),
            answer,
            self.layer.map_or_else(|| "-".to_owned(), |layer| layer.to_string()),
            self.control.to_string(),
        ]
    }
}

/// The head of a report.
pub(super) fn head(profile: &Profile, tier: char, landlock_abi: u32) -> Report {
    Report {
        function: None,
        profile: profile.to_string(),
        computed_keys: Vec::new(),
        tier,
        landlock_abi,
        attacks: Vec::new(),
    }
}

/// The kernel's name of an errno that attacks get to see.
fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::ESRCH => "ESRCH",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EEXIST => "EEXIST",
        libc::ENODEV => "ENODEV",
        libc::EINVAL => "EINVAL",
        libc::EMFILE => "EMFILE",
        libc::ENOTTY => "ENOTTY",
        libc::EIO => "EIO",
        libc::EROFS => "EROFS",
        libc::ENOSPC => "ENOSPC",
        libc::ENOSYS => "ENOSYS",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        libc::ESOCKTNOSUPPORT => "ESOCKTNOSUPPORT",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ECONNREFUSED => "ECONNREFUSED",
        _ => return format!("errno {errno}"),
    };
    name.to_owned()
}

#[cfg(feature = "serde")]
fn as_text<S: serde::Serializer>(layer: &Option<Layer>, serializer: S) -> Result<S::Ok, S::Error> {
    match layer {
        Some(layer) => serializer.collect_str(layer),
        None => serializer.serialize_none(),
    }
}
