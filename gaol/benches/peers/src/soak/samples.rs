//! What there is between two parts of a soak, when everything stands still.

use std::fs;

use super::acts;
use crate::processes::{self, Process};

/// The functions of the soak have two profiles.
const TEMPLATES: usize = 2;

/// What a spare is for the application: a channel, a handle, its end, its output. Of one that has ended by itself, because it was not needed
/// any more, it keeps them until the next call; and there are twice as many spares as processors at most.
fn descriptors_of_spares() -> u64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    4 * 2 * (processors * TEMPLATES) as u64
}

/// What may grow without being a leak: pages that an allocator keeps for the next time.
const SLACK_OF_APPLICATION: u64 = 1 << 20;
const SLACK_OF_CHILD: u64 = 128 << 10;

/// One look at this process and its descendants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    descriptors: u64,
    /// Of the zygote, and of the templates. `None` where this user may not look.
    descriptors_of_zygote: Option<u64>,
    descriptors_of_templates: Option<u64>,
    processes: u64,
    mounts: u64,
    /// Bytes of memory that is no file's. Which pages of a file are shared depends on who else has it mapped.
    memory: u64,
    memory_of_zygote: Option<u64>,
    memory_of_templates: Option<u64>,
}

impl Sample {
    pub(crate) const HEADS: [&'static str; 8] = [
        "descriptors",
        "… of the zygote",
        "… of the templates",
        "processes",
        "mounts",
        "anonymous memory",
        "… of the zygote",
        "… of the templates",
    ];

    pub(crate) fn cells(&self) -> [String; 8] {
        let kibibytes = |bytes: u64| format!("{} KiB", bytes / 1024);
        let unseen = || "not seen".to_owned();
        [
            self.descriptors.to_string(),
            self.descriptors_of_zygote.map_or_else(unseen, |count| count.to_string()),
            self.descriptors_of_templates.map_or_else(unseen, |count| count.to_string()),
            self.processes.to_string(),
            self.mounts.to_string(),
            kibibytes(self.memory),
            self.memory_of_zygote.map_or_else(unseen, kibibytes),
            self.memory_of_templates.map_or_else(unseen, kibibytes),
        ]
    }

    /// Whether gaol's processes could be looked at: they are not dumpable, which leaves it to root.
    pub(crate) fn saw_children(&self) -> bool {
        self.descriptors_of_zygote.is_some() && self.memory_of_templates.is_some()
    }

    /// Looks, once there is one zygote, and each template has a spare and nobody else.
    pub(crate) fn take() -> Result<Self, String> {
        let own = std::process::id();
        let descendants = processes::idle_family(own, TEMPLATES, acts::call_each)?;
        let (zygotes, templates): (Vec<_>, Vec<_>) =
            descendants.iter().filter(|process| process.depth <= 2).partition(|process| process.depth == 1);
        let sum = |of: &[&Process], what: fn(u32) -> Result<u64, String>| -> Option<u64> {
            of.iter().map(|process| what(process.pid).ok()).sum()
        };
        Ok(Self {
            descriptors: processes::descriptors(own)?,
            descriptors_of_zygote: sum(&zygotes, processes::descriptors),
            descriptors_of_templates: sum(&templates, processes::descriptors),
            processes: descendants.len() as u64,
            mounts: mounts()?,
            memory: processes::anonymous(own)?,
            memory_of_zygote: sum(&zygotes, processes::anonymous),
            memory_of_templates: sum(&templates, processes::anonymous),
        })
    }

    /// What has grown until `last`, in words.
    pub(crate) fn grown_to(&self, last: &Self) -> Vec<String> {
        // A template has its spare, and two descriptors for it, or is about to have it.
        let rows = [
            ("descriptors", Some(self.descriptors), Some(last.descriptors), descriptors_of_spares()),
            ("descriptors of the zygote", self.descriptors_of_zygote, last.descriptors_of_zygote, 0),
            (
                "descriptors of the templates",
                self.descriptors_of_templates,
                last.descriptors_of_templates,
                2 * TEMPLATES as u64,
            ),
            ("processes", Some(self.processes), Some(last.processes), TEMPLATES as u64),
            ("mounts", Some(self.mounts), Some(last.mounts), 0),
            ("anonymous memory", Some(self.memory), Some(last.memory), SLACK_OF_APPLICATION),
            ("anonymous memory of the zygote", self.memory_of_zygote, last.memory_of_zygote, SLACK_OF_CHILD),
            ("anonymous memory of the templates", self.memory_of_templates, last.memory_of_templates, SLACK_OF_CHILD),
        ];
        rows.into_iter()
            .filter_map(|(what, first, last, slack)| Some((what, first?, last?, slack)))
            .filter(|(_, first, last, slack)| *last > first + slack)
            .map(|(what, first, last, slack)| format!("{what} grew from {first} to {last}, by more than {slack}"))
            .collect()
    }
}

fn mounts() -> Result<u64, String> {
    let text = fs::read_to_string("/proc/self/mountinfo").map_err(|error| format!("/proc/self/mountinfo: {error}"))?;
    Ok(text.lines().count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_descriptor_than_those_of_spares_is_growth() {
        let first = Sample { descriptors: 10, descriptors_of_templates: Some(6), ..Sample::default() };
        let mut last = first.clone();
        last.descriptors += descriptors_of_spares();
        assert_eq!(first.grown_to(&last), [] as [String; 0]);
        last.descriptors_of_templates = Some(10);
        assert_eq!(first.grown_to(&last), [] as [String; 0]);
        last.descriptors_of_templates = Some(11);
        assert_eq!(first.grown_to(&last), ["descriptors of the templates grew from 6 to 11, by more than 4"]);
    }

    #[test]
    fn memory_may_grow_by_what_an_allocator_keeps_and_no_more() {
        let sample = |bytes| Sample { memory_of_zygote: Some(bytes), ..Sample::default() };
        let grown = |bytes| sample(0).grown_to(&sample(bytes)).len();
        assert_eq!([grown(SLACK_OF_CHILD), grown(SLACK_OF_CHILD + 1)], [0, 1]);
    }
}
