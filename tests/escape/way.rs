//! The ways in which something comes to run under a profile.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::row::Tier;

/// How an act is performed.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    /// By a sandboxed function.
    Function(Process),
    /// By a program that `Profile::command` starts.
    Command,
    /// By a process that has put itself under the profile.
    Activation,
}

/// What process a function's worker is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Process {
    /// A fork of the template, for one call.
    Fresh,
    /// One that has served before.
    Reused,
    /// A program image of its own.
    Exec,
}

impl Way {
    pub(crate) const FRESH: Self = Self::Function(Process::Fresh);
    pub(crate) const REUSED: Self = Self::Function(Process::Reused);
    pub(crate) const EXEC: Self = Self::Function(Process::Exec);
    pub(crate) const ALL: [Self; 5] = [Self::FRESH, Self::REUSED, Self::EXEC, Self::Command, Self::Activation];

    /// A process that puts itself under a profile enters no namespaces.
    pub(crate) fn tiers(self) -> &'static [Tier] {
        match self {
            Self::Function(_) | Self::Command => &[Tier::A, Tier::B],
            Self::Activation => &[Tier::B],
        }
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Function(Process::Fresh) => "function, fresh",
            Self::Function(Process::Reused) => "function, reused",
            Self::Function(Process::Exec) => "function, exec",
            Self::Command => "command",
            Self::Activation => "activation",
        })
    }
}
