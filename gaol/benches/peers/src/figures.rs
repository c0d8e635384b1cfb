//! Everything that was measured in a run.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::statistics::Summary;

/// Where a figure comes from: the phase, and in it the contender.
pub(crate) type Place = (String, String);

#[derive(Debug, Default)]
pub(crate) struct Figures {
    times: BTreeMap<Place, Vec<Duration>>,
    /// Numbers that are not times of single calls, with their unit.
    numbers: BTreeMap<Place, (f64, &'static str)>,
    /// The order in which they came, for tables.
    order: Vec<Place>,
    wrong: Vec<String>,
    left_out: Vec<String>,
}

impl Figures {
    pub(crate) fn record(&mut self, phase: &str, contender: &str, time: Duration) {
        let place = self.place(phase, contender);
        self.times.entry(place).or_default().push(time);
    }

    pub(crate) fn set(&mut self, phase: &str, name: &str, value: f64, unit: &'static str) {
        let place = self.place(phase, name);
        self.numbers.insert(place, (value, unit));
    }

    /// A result was not what it must be: what was measured is worth nothing.
    pub(crate) fn wrong(&mut self, what: String) {
        self.wrong.push(what);
    }

    /// Something is not measured here, and why.
    pub(crate) fn left_out(&mut self, what: &str) {
        if !self.left_out.iter().any(|known| known == what) {
            self.left_out.push(what.to_owned());
        }
    }

    pub(crate) fn wrongs(&self) -> &[String] {
        &self.wrong
    }

    pub(crate) fn omissions(&self) -> &[String] {
        &self.left_out
    }

    pub(crate) fn phases(&self) -> Vec<&str> {
        let mut phases: Vec<&str> = Vec::new();
        for (phase, _) in &self.order {
            if !phases.contains(&phase.as_str()) {
                phases.push(phase);
            }
        }
        phases
    }

    /// The times of a phase, in the order in which the contenders came.
    pub(crate) fn times_of<'a>(&'a self, phase: &'a str) -> Vec<(&'a str, Summary)> {
        self.of(phase).filter_map(|place| Some((place.1.as_str(), Summary::of(self.times.get(place)?)?))).collect()
    }

    pub(crate) fn numbers_of<'a>(&'a self, phase: &'a str) -> Vec<(&'a str, f64, &'static str)> {
        self.of(phase)
            .filter_map(|place| self.numbers.get(place).map(|(value, unit)| (place.1.as_str(), *value, *unit)))
            .collect()
    }

    /// The median of a contender, in microseconds.
    pub(crate) fn median(&self, phase: &str, contender: &str) -> Option<f64> {
        let samples = self.times.get(&(phase.to_owned(), contender.to_owned()))?;
        Summary::of(samples).map(|summary| summary.p50.as_nanos() as f64 / 1e3)
    }

    pub(crate) fn number(&self, phase: &str, name: &str) -> Option<f64> {
        self.numbers.get(&(phase.to_owned(), name.to_owned())).map(|(value, _)| *value)
    }

    fn of<'a>(&'a self, phase: &'a str) -> impl Iterator<Item = &'a Place> {
        self.order.iter().filter(move |(of, _)| of == phase)
    }

    fn place(&mut self, phase: &str, contender: &str) -> Place {
        let place = (phase.to_owned(), contender.to_owned());
        if !self.times.contains_key(&place) && !self.numbers.contains_key(&place) {
            self.order.push(place.clone());
        }
        place
    }
}
