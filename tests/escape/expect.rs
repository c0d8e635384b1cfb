//! What an act must get in each way, from what a fresh function gets: the rules that hold for every row that says nothing else.

use super::Act;
use super::profiles::Profile;
use super::row::{Answer, Row, Tier};
use super::way::Way;

/// What a row expects of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Answer(Answer),
    /// The act means nothing in this way, for this reason.
    NotApplicable(&'static str),
}

/// An act that means nothing in a way, for this reason.
pub(crate) fn not_applicable(reason: &'static str) -> Expected {
    Expected::NotApplicable(reason)
}

impl<T: Into<Answer>> From<T> for Expected {
    fn from(answer: T) -> Self {
        Self::Answer(answer.into())
    }
}

pub(crate) const NO_CHANNEL: &str = "there is no channel: nobody waits for a reply";
pub(crate) const KEPT: &str = "an activation takes nothing away that the process has already";
pub(crate) const OF_CALLS: &str = "it is a limit of calls";
pub(crate) const NAMES_ITS_ARGUMENT: &str = "only a function has arguments to name";
const OF_HOW_CALLS_GO: &str = "it is about how calls go";
const THREE_STREAMS: &str = "nothing is handed to a program but its three streams";
pub(crate) const STREAMS: &str = "a command's streams are what the application makes them";

/// What a program gets that asks for metadata of whatever there is: without namespaces it is run only where all metadata is granted.
pub(crate) fn all_metadata() -> Answer {
    Answer::done()
}

/// What follows from the way alone: whatever the process, the layers are made from the same plan and the same tables.
///
/// An activation is what a function is in tier B, but for what the process has already, and that it may enter a narrower profile. A program
/// is what a function is, but for `Shape::exec`: it has paths under every profile, its own, and no handler of gaol's answers for it. Rows
/// that touch on one of these differences say what comes of it.
pub(super) fn derived(row: &Row, way: Way, tier: Tier) -> Expected {
    let fresh = row.by_fresh(tier).clone();
    match way {
        Way::Function(_) => fresh.into(),
        Way::Command | Way::Activation => {
            not_for_processes(row, way).map_or_else(|| Expected::Answer(of_process(fresh)), Expected::NotApplicable)
        }
    }
}

/// Why a row is for functions alone.
fn not_for_processes(row: &Row, way: Way) -> Option<&'static str> {
    match (row.act, row.profile, way) {
        (Act::Protocol(_), ..) => Some(NO_CHANNEL),
        (_, profile, _) if profile.is_of_calls() => Some(OF_HOW_CALLS_GO),
        (_, Profile::Handed, Way::Command) => Some(THREE_STREAMS),
        (_, Profile::Reply, _) | (_, Profile::Time, Way::Activation) => Some(OF_CALLS),
        (Act::Inherited(_), _, Way::Activation) => Some(KEPT),
        _ => None,
    }
}

/// How a process ends where a function's caller gets an error of gaol's.
pub(super) fn of_process(answer: Answer) -> Answer {
    match answer {
        Answer::Violation => Answer::Killed(libc::SIGSYS),
        Answer::OutOfMemory => Answer::Killed(libc::SIGABRT),
        Answer::TimedOut => Answer::Killed(libc::SIGKILL),
        Answer::CpuExceeded => Answer::Killed(libc::SIGXCPU),
        other => other,
    }
}
