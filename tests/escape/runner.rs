//! Runs every row as one user: in every way, in both tiers, and with its controls.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;

use gaol::Layer;

use super::Act;
use super::expect::Expected;
use super::inheritance::InheritedAct;
use super::place::Prepared;
use super::profiles::{self, Profile};
use super::protocol::ProtocolAct;
use super::report::{Report, Shown};
use super::row::{Answer, Control, Row, Tier};
use super::stage::{Conditions, Stages};
use super::way::{Process, Way};

/// How many acts are performed in one process, where it is not the act's own. What an act leaves behind that was refused is a descriptor or two.
const MOST_ACTS: usize = 16;

/// Runs the rows, of which `only` may select some by number or by part of a name.
pub(crate) fn run(rows: &[Row], prepared: &mut Prepared, only: Option<&str>) -> io::Result<Report> {
    let support = gaol::support();
    let mut run = Run {
        namespaces: support.has(Layer::Namespaces),
        report: Report::new(rustix::process::geteuid().is_root(), support.to_string()),
        stages: Stages::new()?,
        served: HashMap::new(),
        together: HashMap::new(),
        prepared,
    };
    let is_wanted = |row: &&Row| only.is_none_or(|only| row.name.contains(only) || only == row.number.to_string());
    let mut rows: Vec<&Row> = rows.iter().filter(is_wanted).collect();
    // What a call may write is known from then on, and no command follows a link in it: not to its loader, where it is everything.
    rows.sort_by_key(|row| row.profile == Profile::Everything);
    for way in [Way::EXEC, Way::Command, Way::Activation] {
        run.in_groups(&rows, way)?;
    }
    for (index, row) in rows.into_iter().enumerate() {
        run.row(index, row)?;
    }
    run.stages.end()?;
    Ok(run.report)
}

struct Run<'a> {
    prepared: &'a mut Prepared,
    namespaces: bool,
    stages: Stages,
    /// How many calls the kept worker of a profile has served.
    served: HashMap<(Profile, Vec<Layer>), usize>,
    /// What came of rows whose acts were performed in one process with others.
    together: HashMap<(usize, Way, Tier), Answer>,
    report: Report,
}

impl Run<'_> {
    /// Performs in few processes, where each costs much, what is to be refused and leaves nothing behind then. An answer other than
    /// expected is asked for again, in a process of the act's own.
    fn in_groups(&mut self, rows: &[&Row], way: Way) -> io::Result<()> {
        let mut groups: BTreeMap<(Profile, Tier), Vec<usize>> = BTreeMap::new();
        for (index, row) in rows.iter().enumerate() {
            for tier in way.tiers() {
                let expected = row.expected(way, *tier);
                let is_refused = matches!(expected, Expected::Answer(Answer::Errno(_) | Answer::Absent));
                let has_tier = *tier == Tier::B || self.namespaces;
                // What uses something up leaves less of it.
                let is_harmless = !matches!(row.act, Act::Resource(_) | Act::Protocol(_) | Act::Supervisor(_));
                if is_refused && is_harmless && has_tier && row.profile != Profile::Everything {
                    groups.entry((row.profile, *tier)).or_default().push(index);
                }
            }
        }
        for ((profile, tier), indexes) in groups {
            for indexes in indexes.chunks(MOST_ACTS) {
                self.prepared.restore()?;
                let acts = indexes.iter().map(|index| rows[*index].act).collect();
                let place = &self.prepared.place;
                let (conditions, mut seen) = ((profile, without(way, tier)), Vec::new());
                match way {
                    Way::Function(_) => {
                        let _guard = (tier == Tier::B).then(|| gaol::controls::without(&[Layer::Namespaces]));
                        seen = profiles::attempt_all(profile, acts, place);
                    }
                    Way::Command => drop(self.stages.command(conditions, (acts, false), place, &mut seen)?),
                    Way::Activation => drop(self.stages.activated(conditions, acts, place, &mut seen)?),
                }
                let seen = indexes.iter().zip(seen).map(|(index, answer)| ((*index, way, tier), answer));
                self.together.extend(seen);
            }
        }
        Ok(())
    }

    fn row(&mut self, index: usize, row: &Row) -> io::Result<()> {
        self.report.begin(row);
        for way in Way::ALL {
            for tier in way.tiers() {
                self.refusal(index, row, way, *tier)?;
            }
        }
        self.controls(row)
    }

    /// One attempt in the sandbox.
    fn refusal(&mut self, index: usize, row: &Row, way: Way, tier: Tier) -> io::Result<()> {
        let expected = match row.expected(way, tier) {
            Expected::NotApplicable(reason) => {
                self.report.not_applicable(way, tier, reason);
                return Ok(());
            }
            Expected::Answer(_) if tier == Tier::A && !self.namespaces => {
                self.report.not_applicable(way, tier, "this system gives no namespaces to this user");
                return Ok(());
            }
            Expected::Answer(answer) => answer,
        };
        if let Some(got) = self.together.remove(&(index, way, tier))
            && got.matches(&expected)
        {
            self.report.attempt(row, way, tier, &got, &expected);
            return Ok(());
        }
        // How the program of a command ends is seen where it performs the act itself.
        let itself = !matches!(expected, Answer::Done(_) | Answer::Errno(_) | Answer::Absent | Answer::Apart(_));
        let got = self.attempt(row, way, (row.profile, without(way, tier)), itself)?;
        self.report.attempt(row, way, tier, &got, &expected);
        Ok(())
    }

    /// An act under a profile, without these layers.
    fn attempt(&mut self, row: &Row, way: Way, conditions: Conditions<'_>, itself: bool) -> io::Result<Answer> {
        self.prepared.restore()?;
        let place = &self.prepared.place;
        let (profile, without) = conditions;
        let mut seen = Vec::new();
        let got = match way {
            // Its first call is a part of the row.
            Way::REUSED if profile != Profile::Again => self.kept(profile, without, row.act),
            Way::Function(process) => call(process, profile, without, row.act, self.prepared),
            Way::Command => self.stages.command(conditions, (vec![row.act], itself), place, &mut seen)?,
            Way::Activation => self.stages.activated(conditions, vec![row.act], place, &mut seen)?,
        };
        Ok(self.after(row, got))
    }

    /// An act in a kept worker that has served a call before.
    fn kept(&mut self, profile: Profile, without: &[Layer], act: Act) -> Answer {
        let worker = (profile, without.to_vec());
        let call = |act: Act| call(Process::Reused, profile, without, act, self.prepared);
        let served = self.served.entry(worker).or_default();
        if *served == 0 {
            // The secret variable is nowhere.
            match call(InheritedAct::SecretVariable.into()) {
                Answer::Absent => *served = 1,
                other => return other,
            }
        }
        let got = call(act);
        *served += 1;
        match got {
            Answer::Errno(_) | Answer::Absent if *served < MOST_ACTS => {}
            // What has reached its aim has changed its process.
            Answer::Errno(_) | Answer::Absent | Answer::Apart(_) | Answer::Done(_) | Answer::Panicked => {
                call(ProtocolAct::Exit(0).into());
                *served = 0;
            }
            // It is gone.
            _ => *served = 0,
        }
        got
    }

    /// The same attempt where nothing should stop it.
    fn controls(&mut self, row: &Row) -> io::Result<()> {
        if let Control::None(reason) = row.control {
            self.report.not_shown(row, reason);
            return Ok(());
        }
        if !row.profile.is_of_calls() {
            self.prepared.restore()?;
            let got = self.stages.plain(row.act, &self.prepared.place)?;
            let got = self.after(row, got);
            self.report.control(row, Shown::Plain, &got);
        }
        let refused = |way: &Way| {
            let answers = way.tiers().iter().map(|tier| row.expected(*way, *tier));
            answers
                .into_iter()
                .any(|expected| matches!(expected, Expected::Answer(answer) if !answer.matches(&row.open)))
        };
        for way in Way::ALL.into_iter().filter(refused) {
            match (&row.control, way) {
                // These take their time, and functions keep it alike whatever their process.
                (Control::Under(_), Way::REUSED | Way::EXEC) => {}
                (Control::Under(profile), _) => {
                    let got = self.attempt(row, way, (*profile, &[]), false)?;
                    self.report.control(row, Shown::Under(way, *profile), &got);
                }
                (Control::Without(layers), _) => {
                    // Elsewhere that is the plain process.
                    if way == Way::FRESH {
                        let got = self.attempt(row, way, (row.profile, &Layer::ALL), false)?;
                        self.report.control(row, Shown::Without(way, &Layer::ALL), &got);
                    }
                    let got = self.attempt(row, way, (row.profile, layers), false)?;
                    let open = self.report.control(row, Shown::Without(way, layers), &got);
                    if open && way == Way::FRESH {
                        self.stoppers(row, layers)?;
                    }
                }
                (Control::Process | Control::None(_), _) => {}
            }
        }
        Ok(())
    }

    /// Which of the layers that were left out stops the act alone.
    fn stoppers(&mut self, row: &Row, layers: &[Layer]) -> io::Result<()> {
        for layer in layers {
            let others: Vec<Layer> = layers.iter().copied().filter(|other| other != layer).collect();
            let stops = others.is_empty() || {
                let got = self.attempt(row, Way::FRESH, (row.profile, &others), false)?;
                !got.matches(&row.open) && !matches!(got, Answer::NotRun(_))
            };
            self.report.stopper(*layer, stops);
        }
        Ok(())
    }

    /// What an attempt left behind, where that is its proof.
    fn after(&self, row: &Row, got: Answer) -> Answer {
        if row.number != 107 {
            return got;
        }
        let core = |directory: &Path| {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).find(|path| {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                name == "core" || name.strip_prefix("core.").is_some_and(|rest| rest.parse::<u32>().is_ok())
            })
        };
        match core(&self.prepared.place.core_directory) {
            Some(path) => {
                let _ = std::fs::remove_file(&path);
                Answer::Done(format!("a core dump: {}", path.display()))
            }
            None => got,
        }
    }
}

/// What is left out of a tier.
fn without(way: Way, tier: Tier) -> &'static [Layer] {
    // An activation enters no namespaces in any case.
    if tier == Tier::A || way == Way::Activation { &[] } else { &[Layer::Namespaces] }
}

/// A call of a sandboxed function, without these layers.
fn call(process: Process, profile: Profile, without: &[Layer], act: Act, prepared: &Prepared) -> Answer {
    let _guard = (!without.is_empty()).then(|| gaol::controls::without(without));
    profiles::attempt(process, profile, act, &prepared.place)
}
