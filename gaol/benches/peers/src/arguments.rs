//! What the command line asks for.

use std::path::PathBuf;

use lexopt::{Arg, Parser, ValueExt};

pub(crate) const HELP: &str = "\
Measures gaol beside its peers and beside what the system itself costs, in one process and one run.

usage: gaol-peers [OPTIONS]

  --only WORD    only the phases and contenders whose name has WORD in it; may be given more than once
  --quick        a tenth of the rounds, to see that it works; with --scale, without the largest program
  --json FILE    write every figure and every ratio to FILE
  --strict       exit with 2 if a ratio is over its limit
  --scale        measures nothing of that, but what happens as there are more functions, operations and profiles; builds programs for it,
                 the largest of which takes a quarter of an hour and more
  --soak N       measures nothing of that, but makes N fresh calls of which one in a hundred ends badly, and looks for what is left
                 behind; exit code 1 if anything is, or if any call did not end as it must. Only root can look at gaol's processes
  --help         this text

How it is measured: contenders take turns in small blocks, round after round, so that a machine whose speed drifts slows them
all. The first call of each block is not counted: it meets the caches, and the pages to be copied again, that another contender left.
Every result is checked, outside of the measured time; a wrong one ends with exit code 1. Before a call of the phases `small parent`,
`parent with 1 GiB` and `payload` there is a pause of one millisecond, for every contender alike, in which a spare process can be made
ready: by gaol's template, and by the bare zygote that it is compared with, which has the same structure and no layer. The phases `back to
back` and `throughput` have no pauses. All ratios are of medians of one run.

Where a result is measured above the empty call, the baseline is a call that builds the same bytes and returns their number, so that
filling fresh memory inside of the function does not count as crossing. memcpy is between two buffers that are resident.";

/// A part of this program that it runs in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Ends at once: what starting this binary costs.
    Nothing,
    /// Makes one call, and prints how many nanoseconds it took.
    FirstCall,
    /// The zygote without layers.
    FloorZygote,
    /// The zygote under every layer.
    ConfinedZygote,
    /// Makes one call, and prints what the processes that stand ready then do not share, in bytes.
    IdleMemory,
}

impl Role {
    const ALL: [(&'static str, Self); 5] = [
        ("nothing", Self::Nothing),
        ("first-call", Self::FirstCall),
        ("floor-zygote", Self::FloorZygote),
        ("confined-zygote", Self::ConfinedZygote),
        ("idle-memory", Self::IdleMemory),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("", |(name, _)| name)
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) only: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) strict: bool,
    pub(crate) scale: bool,
    pub(crate) soak: Option<u64>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) help: bool,
    pub(crate) role: Option<Role>,
}

impl Arguments {
    pub(crate) fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, lexopt::Error> {
        let mut parser = Parser::from_args(arguments);
        let mut parsed = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("only") => parsed.only.push(parser.value()?.string()?),
                Arg::Long("quick") => parsed.quick = true,
                Arg::Long("strict") => parsed.strict = true,
                Arg::Long("scale") => parsed.scale = true,
                Arg::Long("soak") => parsed.soak = Some(parser.value()?.parse()?),
                Arg::Long("json") => parsed.json = Some(parser.value()?.into()),
                Arg::Long("help") | Arg::Short('h') => parsed.help = true,
                Arg::Long("role") => {
                    let name = parser.value()?.string()?;
                    let role = Role::ALL.iter().find(|(known, _)| *known == name);
                    parsed.role = Some(role.ok_or_else(|| format!("`{name}` is no role"))?.1);
                }
                // What `cargo bench` and `cargo test` add.
                Arg::Long("bench") => {}
                other => return Err(other.unexpected()),
            }
        }
        Ok(parsed)
    }

    /// Whether a contender of a phase is asked for.
    pub(crate) fn wants(&self, phase: &str, contender: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| phase.contains(word) || contender.contains(word))
    }

    /// As many rounds as are asked for, of a full run's `rounds`.
    pub(crate) fn rounds(&self, rounds: usize) -> usize {
        if self.quick { rounds.div_ceil(10) } else { rounds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(arguments.iter().map(Into::into)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_asks_for_everything() {
        let arguments = parse(&[]).expect("no arguments are fine");
        assert_eq!(arguments, Arguments::default());
        assert!(arguments.wants("small parent", "gaol fresh"));
        assert_eq!(arguments.rounds(400), 400);
    }

    #[test]
    fn a_word_chooses_phases_and_contenders() {
        let arguments = parse(&["--only", "payload", "--only=pool"]).expect("it is spelled so");
        assert!(arguments.wants("payload 1 MiB", "memcpy"));
        assert!(arguments.wants("back to back", "procspawn pool"));
        assert!(!arguments.wants("back to back", "gaol reused"));
    }

    #[test]
    fn quick_is_a_tenth_and_never_nothing() {
        let arguments = parse(&["--quick", "--json", "out.json"]).expect("it is spelled so");
        assert_eq!([arguments.rounds(400), arguments.rounds(5), arguments.rounds(1)], [40, 1, 1]);
        assert_eq!(arguments.json, Some("out.json".into()));
    }

    #[test]
    fn a_soak_takes_a_number() {
        assert_eq!(parse(&["--soak", "1000000"]).expect("it is spelled so").soak, Some(1_000_000));
        assert!(parse(&["--soak", "much"]).unwrap_err().contains("much"));
        assert!(parse(&["--scale"]).expect("it is spelled so").scale);
    }

    #[test]
    fn every_role_is_found_by_its_name() {
        for (name, role) in Role::ALL {
            assert_eq!(parse(&["--role", name]).expect("it is spelled so").role, Some(role));
            assert_eq!(role.name(), name);
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(parse(&["--role", "guard"]).unwrap_err(), "`guard` is no role");
        assert_eq!(parse(&["--fast"]).unwrap_err(), "invalid option '--fast'");
        assert_eq!(parse(&["fast"]).unwrap_err(), "unexpected argument \"fast\"");
        assert!(parse(&["--json"]).unwrap_err().contains("--json"));
    }
}
