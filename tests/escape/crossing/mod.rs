//! The crossing: every act of the matrix under a covering set of profiles, in both tiers, with the answer that the promise gives.

pub(crate) mod combined;
mod company;
mod cover;
mod factors;
mod functions;
mod many;
mod oracle;
pub(crate) mod report;
mod world;

use std::io;
use std::time::{Duration, Instant};

use gaol::Layer;

use self::combined::CombinedAct;
use self::company::Company;
use self::factors::Crossed;
use self::functions::{Came, Task};
use self::oracle::Verdict;
use self::report::Report;
use self::world::World;
use super::Act;
use super::files::FileAct;
use super::handed::HandAct;
use super::hands::one;
use super::kernel::KernelAct;
use super::metadata::MetadataAct;
use super::others::OtherAct;
use super::place::{Place, Prepared};
use super::proc::{MAGIC, ProcAct, SETTINGS, TARGETS};
use super::protocol::ProtocolAct;
use super::row::{Answer, Row, Tier};
use super::toolbox::landlock_abi;
use super::way::Process;

/// How many acts are performed in one process, where they leave the next ones as they were.
const MOST_ACTS: usize = 48;
/// The same where there are few descriptors, of which an act may leave some.
const FEW_ACTS: usize = 12;

/// One act, and on whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Attempt {
    act: Act,
    /// What it does to the application it does to another call of the same function.
    on_sibling: bool,
}

/// Makes every act of `rows` under a covering set of profiles.
pub(crate) fn run(rows: &[Row], prepared: &mut Prepared, strength: usize, only: Option<&str>) -> io::Result<Report> {
    let begun = Instant::now();
    let support = gaol::support();
    let mut acts: Vec<Act> = Vec::new();
    for row in rows {
        if !acts.contains(&row.act) {
            acts.push(row.act);
        }
    }
    acts.extend(combined::acts());
    acts.retain(|act| only.is_none_or(|only| format!("{act:?}").contains(only)));
    let mut run = Run {
        report: Report::new(
            rustix::process::geteuid().is_root(),
            support.to_string(),
            strength,
            rows.len(),
            acts.len(),
        ),
        prepared,
    };
    let tiers: &[Tier] = if support.has(Layer::Namespaces) { &[Tier::A, Tier::B] } else { &[Tier::B] };
    let wanted: Option<usize> = std::env::var("GAOL_CROSSING_PROFILE").ok().and_then(|text| text.parse().ok());
    for tier in tiers {
        let profiles = factors::profiles(*tier, landlock_abi(), strength);
        run.report.profiles(*tier, profiles.len());
        for (number, profile) in profiles.into_iter().enumerate() {
            if wanted.is_none_or(|wanted| wanted == number) {
                run.under(number, profile, *tier, &acts)?;
            }
        }
    }
    run.report.took = begun.elapsed();
    Ok(run.report)
}

struct Run<'a> {
    prepared: &'a mut Prepared,
    report: Report,
}

impl Run<'_> {
    /// Every act under one profile.
    fn under(&mut self, number: usize, profile: Crossed, tier: Tier, acts: &[Act]) -> io::Result<()> {
        let begun = Instant::now();
        self.prepared.restore()?;
        let guard = (tier == Tier::B).then(|| gaol::controls::without(&[Layer::Namespaces]));
        let company = if profile.company { Some(Company::join(profile, tier)) } else { None };
        let sibling = match company {
            Some(Ok(ref company)) => Some(company.place(&self.prepared.place, profile, tier)),
            Some(Err(ref error)) => {
                self.report.is_wrong(format!("{tier} {number} {profile:?}: the honest call: {error}"));
                None
            }
            None => None,
        };
        let mut attempts: Vec<Attempt> = acts.iter().map(|act| Attempt { act: *act, on_sibling: false }).collect();
        if sibling.is_some() {
            let others = acts.iter().filter(|act| names_somebody(**act));
            attempts.extend(others.map(|act| Attempt { act: *act, on_sibling: true }));
        }
        let mut waiting: Vec<(Attempt, Answer)> = Vec::new();
        for attempt in attempts {
            let place = if attempt.on_sibling { sibling.as_ref() } else { None };
            let verdict = oracle::verdict(
                attempt.act,
                &World::new(
                    profile,
                    tier,
                    place.map_or(&self.prepared.place, |(_, by_name)| by_name),
                    attempt.on_sibling,
                ),
            );
            let expected = match verdict {
                Verdict::Answer(answer) => answer,
                Verdict::Gap(gap) => {
                    self.report.gap(attempt.act, gap);
                    continue;
                }
                Verdict::Open(hole) => {
                    // It is tried all the same: from the day that it is closed on, the report says by what.
                    let place = place_of(&sibling, attempt, &self.prepared.place);
                    let got = self.perform(profile, vec![attempt.act], place).pop().unwrap_or(Answer::Absent);
                    self.report.open(attempt.act, hole, &got);
                    continue;
                }
                Verdict::NotCrossed(reason) => {
                    self.report.not_crossed(attempt.act, reason);
                    continue;
                }
            };
            waiting.push((attempt, expected));
        }
        // What leaves its process and the place as they were, first and together.
        let (together, alone): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|(attempt, expected)| leaves_nothing(attempt.act, expected));
        let (here, there): (Vec<_>, Vec<_>) = together.into_iter().partition(|(attempt, _)| !attempt.on_sibling);
        let mut single = alone;
        for group in [here, there] {
            for group in group.chunks(if profile.small { FEW_ACTS } else { MOST_ACTS }) {
                let acts: Vec<Act> = group.iter().map(|(attempt, _)| attempt.act).collect();
                let got = self.perform(profile, acts, place_of(&sibling, group[0].0, &self.prepared.place));
                for (index, (attempt, expected)) in group.iter().enumerate() {
                    match got.get(index) {
                        Some(answer) if answer.matches(expected) => {
                            self.report.attempt(
                                (number, profile, tier),
                                attempt.act,
                                attempt.on_sibling,
                                answer,
                                expected,
                            );
                        }
                        // It is asked for again, in a process of its own.
                        _ => single.push((*attempt, expected.clone())),
                    }
                }
            }
        }
        for (attempt, expected) in single {
            self.prepared.restore()?;
            let place = place_of(&sibling, attempt, &self.prepared.place);
            let got = self.perform(profile, vec![attempt.act], place).pop().unwrap_or(Answer::Absent);
            self.report.attempt((number, profile, tier), attempt.act, attempt.on_sibling, &got, &expected);
        }
        if let Some(Ok(company)) = company
            && let Err(harm) = company.leave()
        {
            self.report
                .is_wrong(format!("tier {tier}, profile {number} {profile:?}: the honest call beside it: {harm}"));
        }
        drop(guard);
        self.report.slowest(tier, number, begun.elapsed());
        Ok(())
    }

    /// What comes of acts in one process: of each one, or of the last where the call failed.
    fn perform(&self, profile: Crossed, acts: Vec<Act>, place: &Place) -> Vec<Answer> {
        let answers = self.call(profile, acts, place);
        // What they left, be it descriptors, the next call would meet.
        let is_alive = matches!(
            answers.last(),
            Some(Answer::Done(_) | Answer::Errno(_) | Answer::Absent | Answer::Apart(_) | Answer::Panicked)
        );
        if profile.process == Process::Reused && is_alive {
            self.call(profile, vec![ProtocolAct::Exit(0).into()], place);
        }
        answers
    }

    fn call(&self, profile: Crossed, acts: Vec<Act>, place: &Place) -> Vec<Answer> {
        let handed = profile.hands().iter().filter_map(|hand| Some((*hand, gaol::Fd::new(one(*hand, place).ok()?))));
        match functions::call(profile, Task::Acts(acts, Box::new(place.clone())), handed.collect()) {
            Ok(Came::Seen(seen)) => seen.into_iter().map(|seen| Answer::of(Ok(seen))).collect(),
            Ok(Came::Honest(_)) => vec![Answer::Other("an honest answer".into())],
            Err(error) => vec![Answer::of(Err(error))],
        }
    }
}

fn place_of<'a>(sibling: &'a Option<(Place, Place)>, attempt: Attempt, place: &'a Place) -> &'a Place {
    match sibling {
        Some((by_number, by_name)) if attempt.on_sibling => {
            if is_by_name(attempt.act) {
                by_name
            } else {
                by_number
            }
        }
        _ => place,
    }
}

/// Whether an act is done to the process that the place names.
fn names_somebody(act: Act) -> bool {
    match act {
        Act::Other(_) | Act::Proc(ProcAct::Closed(_) | ProcAct::Told(_)) => true,
        Act::Combined(CombinedAct::DescriptorsToRead | CombinedAct::DescriptorsToWrite) => true,
        Act::Proc(ProcAct::Setting(index)) => SETTINGS[usize::from(index)].contains("PPID"),
        Act::Proc(ProcAct::Magic(index)) => MAGIC[usize::from(index)].contains("PPID"),
        Act::Proc(ProcAct::MagicTarget(index)) => TARGETS[usize::from(index)].contains("PPID"),
        _ => false,
    }
}

/// Whether it finds the process beneath `/proc`, which counts processes in another namespace.
fn is_by_name(act: Act) -> bool {
    matches!(
        act,
        Act::Proc(_)
            | Act::Combined(_)
            | Act::Other(OtherAct::ProcMemory | OtherAct::ProcFile(_) | OtherAct::ProcDescriptors)
    )
}

/// Whether whoever performs it, and everything about it, is afterwards as it was.
fn leaves_nothing(act: Act, expected: &Answer) -> bool {
    match expected {
        // Some of many may be allowed, and change whoever makes them.
        Answer::Errno(_) if matches!(act, Act::Table(..) | Act::Sweep(..)) => true,
        _ if matches!(act, Act::Resource(_) | Act::Table(..) | Act::Sweep(..)) => false,
        _ if matches!(act, Act::Kernel(KernelAct::BlockSigsysAndStat | KernelAct::LaxerFilter)) => false,
        Answer::Errno(_) | Answer::Absent | Answer::Apart(_) => true,
        Answer::Done(_) => match act {
            Act::File(FileAct::Read(_) | FileAct::ReadOldOpen(_) | FileAct::List(_)) => true,
            Act::Metadata(act) => !matches!(
                act,
                MetadataAct::ChangeDirectory(_)
                    | MetadataAct::Chmod(_)
                    | MetadataAct::OldChmod(_)
                    | MetadataAct::Fchmodat2(_)
                    | MetadataAct::FileChmod(_)
            ),
            Act::Proc(ProcAct::Told(_) | ProcAct::MagicTarget(_)) => true,
            Act::Hand(act) => !matches!(act, HandAct::Enter),
            Act::Inherited(_) | Act::Socket(_) => true,
            _ => false,
        },
        _ => false,
    }
}

/// How long an honest call may take to come to work.
const PATIENCE: Duration = Duration::from_secs(20);
