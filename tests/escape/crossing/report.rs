//! What a run of the crossing gave, and the table that it is printed as.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::Act;
use super::super::row::{Answer, Tier};
use super::factors::Crossed;

/// What one user's run gave.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Report {
    root: bool,
    system: String,
    strength: usize,
    rows: usize,
    acts: usize,
    tiers: Vec<(Tier, Tally)>,
    /// Acts that are not crossed, by reason.
    not_crossed: BTreeMap<String, BTreeSet<String>>,
    /// Acts of which the promise does not say everything, by what it does not say, and how often that was asked.
    gaps: BTreeMap<String, (BTreeSet<String>, usize)>,
    /// Holes that are known, with the acts that use them, and how often.
    open: BTreeMap<String, (BTreeSet<String>, usize)>,
    unexpected: Vec<String>,
    pub(crate) took: Duration,
    slowest: (Duration, String),
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default)]
struct Tally {
    profiles: usize,
    attempts: usize,
    on_siblings: usize,
    as_expected: usize,
    reached: usize,
}

impl Report {
    pub(crate) fn new(root: bool, system: String, strength: usize, rows: usize, acts: usize) -> Self {
        Self {
            root,
            system,
            strength,
            rows,
            acts,
            tiers: Vec::new(),
            not_crossed: BTreeMap::new(),
            gaps: BTreeMap::new(),
            open: BTreeMap::new(),
            unexpected: Vec::new(),
            took: Duration::ZERO,
            slowest: (Duration::ZERO, String::new()),
        }
    }

    pub(crate) fn unexpected(&self) -> usize {
        self.unexpected.len()
    }

    pub(crate) fn profiles(&mut self, tier: Tier, count: usize) {
        self.tiers.push((tier, Tally { profiles: count, ..Tally::default() }));
    }

    /// What is wrong beyond the acts.
    pub(crate) fn is_wrong(&mut self, what: String) {
        self.unexpected.push(what);
    }

    pub(crate) fn gap(&mut self, act: Act, gap: &str) {
        let (acts, count) = self.gaps.entry(gap.to_owned()).or_default();
        acts.insert(format!("{act:?}"));
        *count += 1;
    }

    pub(crate) fn open(&mut self, act: Act, hole: &str, got: &Answer) {
        let got = if matches!(got, Answer::Done(_)) { "open".to_owned() } else { got.to_string() };
        let (acts, count) = self.open.entry(format!("{hole}: {got}")).or_default();
        acts.insert(format!("{act:?}"));
        *count += 1;
    }

    pub(crate) fn not_crossed(&mut self, act: Act, reason: &str) {
        self.not_crossed.entry(reason.to_owned()).or_default().insert(format!("{act:?}"));
    }

    pub(crate) fn attempt(
        &mut self,
        (number, profile, tier): (usize, Crossed, Tier),
        act: Act,
        on_sibling: bool,
        got: &Answer,
        expected: &Answer,
    ) {
        let Some((_, tally)) = self.tiers.iter_mut().find(|(its, _)| *its == tier) else { return };
        tally.attempts += 1;
        tally.on_siblings += usize::from(on_sibling);
        if got.matches(expected) {
            tally.as_expected += 1;
            tally.reached += usize::from(matches!(got, Answer::Done(_) | Answer::Exited(_)));
        } else {
            let whom = if on_sibling { ", on a sibling" } else { "" };
            self.unexpected.push(format!(
                "{act:?}{whom}, tier {tier}, profile {number} {profile:?}: got {got}, expected {expected}"
            ));
        }
    }

    pub(crate) fn slowest(&mut self, tier: Tier, number: usize, took: Duration) {
        if took > self.slowest.0 {
            self.slowest = (took, format!("tier {tier}, profile {number}"));
        }
    }
}

/// Everything, as text.
pub(crate) fn print(reports: &[Report]) -> String {
    let mut text = String::from("\ncrossing\n");
    if let Some(report) = reports.first() {
        let groups = if report.strength == 2 { "pairs" } else { "triples" };
        let _ =
            writeln!(text, "\n{}\n\nall {groups}: {} rows, which are {} acts", report.system, report.rows, report.acts);
    }
    let _ = writeln!(
        text,
        "\n  {:<14} {:<6} {:>8} {:>9} {:>12} {:>12} {:>11} {:>8}",
        "user", "tier", "profiles", "attempts", "on siblings", "as expected", "came to aim", "seconds"
    );
    for report in reports {
        let user = if report.root { "root" } else { "unprivileged" };
        for (tier, tally) in &report.tiers {
            let _ = writeln!(
                text,
                "  {user:<14} {tier:<6} {:>8} {:>9} {:>12} {:>12} {:>11} {:>8.1}",
                tally.profiles,
                tally.attempts,
                tally.on_siblings,
                tally.as_expected,
                tally.reached,
                report.took.as_secs_f64()
            );
        }
    }
    for report in reports {
        let user = if report.root { "root" } else { "unprivileged" };
        let _ = writeln!(text, "\n  {user}: slowest {} in {:.1} s", report.slowest.1, report.slowest.0.as_secs_f64());
        for (reason, acts) in &report.not_crossed {
            let _ = writeln!(text, "  not crossed, {reason}: {}", acts.len());
        }
        for (gap, (acts, count)) in &report.gaps {
            let acts: Vec<&str> = acts.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  the promise does not say {gap} ({count} times): {}", acts.join(", "));
        }
        for (hole, (acts, count)) in &report.open {
            let acts: Vec<&str> = acts.iter().map(String::as_str).collect();
            let _ = writeln!(text, "  known to be open: {hole} ({count} times): {}", acts.join(", "));
        }
        for line in &report.unexpected {
            let _ = writeln!(text, "  UNEXPECTED: {line}");
        }
        let _ = writeln!(text, "  unexpected: {}", report.unexpected.len());
    }
    text
}
