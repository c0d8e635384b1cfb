//! What a run of the matrix gave, and the tables that it is printed as.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use gaol::Layer;
use serde::{Deserialize, Serialize};

use super::numbers;
use super::profiles::Profile;
use super::row::{Answer, Row, Tier};
use super::way::Way;

/// What one user's run of the matrix gave.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Report {
    root: bool,
    system: String,
    rows: usize,
    /// Rows whose number is not of the list.
    beyond: usize,
    /// Distinct numbers of the matrix.
    numbers: BTreeSet<u16>,
    tallies: Vec<(Way, Tier, Tally)>,
    /// How often an act means nothing in a way, by reason.
    not_applicable: BTreeMap<String, usize>,
    /// Tried and open, by where the hole was shown.
    controls: BTreeMap<String, [usize; 2]>,
    /// For each layer, how many rows name it, and how many of those it stops alone.
    layers: [[usize; 2]; Layer::ALL.len()],
    /// Which controls could not be had on this machine, by reason.
    not_shown: BTreeMap<String, BTreeSet<String>>,
    /// Whatever came out other than expected.
    unexpected: Vec<String>,
}

/// Attempts in one way and tier.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default)]
struct Tally {
    tried: usize,
    /// Answered exactly as the row says.
    answered: usize,
    not_applicable: usize,
}

/// Where a control is tried.
pub(crate) enum Shown<'a> {
    /// In a process that is started as any program is.
    Plain,
    Under(Way, Profile),
    Without(Way, &'a [Layer]),
}

impl Report {
    pub(crate) fn new(root: bool, system: String) -> Self {
        let tally = |way: Way| way.tiers().iter().map(move |tier| (way, *tier, Tally::default()));
        Self {
            root,
            system,
            rows: 0,
            beyond: 0,
            numbers: BTreeSet::new(),
            tallies: Way::ALL.into_iter().flat_map(tally).collect(),
            not_applicable: BTreeMap::new(),
            controls: BTreeMap::new(),
            layers: Default::default(),
            not_shown: BTreeMap::new(),
            unexpected: Vec::new(),
        }
    }

    pub(crate) fn begin(&mut self, row: &Row) {
        self.rows += 1;
        self.beyond += usize::from(!numbers::is_listed(row.number));
        self.numbers.insert(row.number);
    }

    pub(crate) fn unexpected(&self) -> usize {
        self.unexpected.len()
    }

    /// What is wrong beyond the rows.
    pub(crate) fn is_wrong(&mut self, what: String) {
        self.unexpected.push(what);
    }

    fn tally(&mut self, way: Way, tier: Tier) -> &mut Tally {
        let found = self.tallies.iter_mut().find(|(its_way, its_tier, _)| (*its_way, *its_tier) == (way, tier));
        &mut found.expect("a tally for each tier of each way").2
    }

    pub(crate) fn not_applicable(&mut self, way: Way, tier: Tier, reason: &str) {
        self.tally(way, tier).not_applicable += 1;
        *self.not_applicable.entry(format!("{way}: {reason}")).or_default() += 1;
    }

    pub(crate) fn attempt(&mut self, row: &Row, way: Way, tier: Tier, got: &Answer, expected: &Answer) {
        let tally = self.tally(way, tier);
        tally.tried += 1;
        if got.matches(expected) {
            tally.answered += 1;
        } else {
            let name = format!("{} {} [{:?}] {way}, tier {tier}", row.number, row.name, row.profile);
            self.unexpected.push(format!("{name}: got {got}, expected {expected}"));
        }
    }

    /// Whether the hole was open; where it was not, whether that is excused on this machine.
    pub(crate) fn control(&mut self, row: &Row, shown: Shown<'_>, got: &Answer) -> bool {
        let (kind, how) = match shown {
            Shown::Plain => ("in a plain process".to_owned(), String::new()),
            Shown::Under(way, profile) => (format!("{way}: under another profile"), format!(", {profile:?}")),
            Shown::Without(way, layers) if layers == Layer::ALL => (format!("{way}: without any layer"), String::new()),
            Shown::Without(way, layers) => (format!("{way}: without the named layers"), format!(", {layers:?}")),
        };
        let [tried, open] = self.controls.entry(kind.clone()).or_default();
        *tried += 1;
        if got.matches(&row.open) {
            *open += 1;
            return true;
        }
        let name = format!("{} {}", row.number, row.name);
        match row.excuse(self.root) {
            Some(reason) => self.not_shown(row, reason),
            None => self.unexpected.push(format!("{name}: control {kind}{how}: got {got}, expected {}", row.open)),
        }
        false
    }

    pub(crate) fn not_shown(&mut self, row: &Row, reason: &str) {
        self.not_shown.entry(reason.to_owned()).or_default().insert(format!("{} {}", row.number, row.name));
    }

    /// A layer that a row names, and whether it stops the act alone: it is refused with this layer, and open without.
    pub(crate) fn stopper(&mut self, layer: Layer, stops: bool) {
        let [named, alone] = &mut self.layers[layer as usize];
        *named += 1;
        *alone += usize::from(stops);
    }

    fn user(&self) -> &'static str {
        if self.root { "root" } else { "unprivileged" }
    }
}

/// Everything, as text.
pub(crate) fn print(reports: &[Report]) -> String {
    let mut text = String::from("\nattack matrix\n");
    for report in reports {
        let _ = writeln!(text, "\n{}", report.system);
    }
    for report in reports {
        tables(&mut text, report);
    }
    text
}

fn tables(text: &mut String, report: &Report) {
    let _ = writeln!(text, "\n{}: {} rows\n", report.user(), report.rows);
    let _ = writeln!(text, "  {:<32} {:>6} {:>11} {:>15}", "", "tried", "as expected", "not applicable");
    for (way, tier, Tally { tried, answered, not_applicable }) in &report.tallies {
        let _ = writeln!(text, "  {way:<24} tier {tier}   {tried:>6} {answered:>11} {not_applicable:>15}");
    }
    let _ = writeln!(text, "\n  {:<42} {:>6} {:>6}", "controls", "tried", "open");
    for (kind, [tried, open]) in &report.controls {
        let _ = writeln!(text, "  {kind:<42} {tried:>6} {open:>6}");
    }
    let _ = writeln!(text, "\n  {:<42} {:>6} {:>6}", "by layer", "named", "stops alone");
    for (layer, [named, alone]) in Layer::ALL.iter().zip(report.layers) {
        let _ = writeln!(text, "  {layer:<42} {named:>6} {alone:>6}");
    }
    let _ = writeln!(text, "\n  {}\n  {} rows beyond it", numbers::coverage(&report.numbers), report.beyond);
    for (reason, count) in &report.not_applicable {
        let _ = writeln!(text, "  not applicable, {reason}: {count}");
    }
    for (reason, rows) in &report.not_shown {
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        let _ = writeln!(text, "  no control, because {reason}: {}", rows.join("; "));
    }
    for line in &report.unexpected {
        let _ = writeln!(text, "  UNEXPECTED: {line}");
    }
    let _ = writeln!(text, "  unexpected: {}", report.unexpected.len());
}
