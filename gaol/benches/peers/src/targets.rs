//! What gaol is to reach, as ratios of figures of one run.

use std::fmt;

use serde::Serialize;

use crate::figures::Figures;
use crate::names::{self, phase};

/// On which side of the limit a ratio is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost,
    AtLeast,
}

/// A ratio, and what it is to be.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ratio {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) bound: Limit,
    pub(crate) limit: f64,
    pub(crate) ok: bool,
}

impl Ratio {
    fn at_most(name: impl Into<String>, limit: f64, value: f64) -> Self {
        Self { name: name.into(), value, bound: Limit::AtMost, limit, ok: value <= limit }
    }

    fn at_least(name: impl Into<String>, limit: f64, value: f64) -> Self {
        Self { name: name.into(), value, bound: Limit::AtLeast, limit, ok: value >= limit }
    }
}

/// `ratio fresh/mem-isolate 0.412 <=0.35 over`
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.bound {
            Limit::AtMost => "<=",
            Limit::AtLeast => ">=",
        };
        let verdict = if self.ok { "ok" } else { "over" };
        write!(f, "ratio {} {} {sign}{} {verdict}", self.name, Number(self.value), self.limit)
    }
}

/// What a ratio would be of something that does nothing but what cannot be left out: where this is over the limit, gaol is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Floor {
    /// That of the ratio.
    pub(crate) name: String,
    pub(crate) value: f64,
    /// Who was measured in gaol's place.
    pub(crate) who: &'static str,
}

/// `floor fresh/mem-isolate 0.402 floor: bare zygote with a spare`
impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "floor {} {} {}", self.name, Number(self.value), self.who)
    }
}

/// What can be reached at all, of the targets for which that was measured.
pub(crate) fn floors(figures: &Figures) -> Vec<Floor> {
    let mut floors = Vec::new();
    let mut is = |name: &str, value: Option<f64>, who| {
        floors.extend(value.map(|value| Floor { name: name.to_owned(), value, who }));
    };
    let pool = figures.median(phase::BACK_TO_BACK, names::POOL);
    let median = |size: &str, name: &str| figures.median(&names::payload(size), name);
    for (name, phase) in [("fresh/mem-isolate", phase::SMALL), ("fresh-1GiB/mem-isolate-1GiB", phase::LARGE)] {
        is(name, divide(zygote(figures, phase), figures.median(phase, names::MEM_ISOLATE)), names::ZYGOTE);
    }
    is("reused/procspawn-pool", divide(figures.median(phase::BACK_TO_BACK, names::SOCKETS), pool), names::SOCKETS);
    for name in ["argument-1MiB/memcpy", "result-1MiB/memcpy"] {
        let apart = median("1 MiB", names::APART).zip(median("1 MiB", names::APART_EMPTY));
        is(name, divide(apart.map(|(all, empty)| all - empty), copying(figures, "1 MiB")), names::APART);
    }
    for name in ["argument-64MiB-bandwidth/memcpy", "result-64MiB-bandwidth/memcpy"] {
        let fresh = median("64 MiB", names::MEMCPY_FRESH);
        is(name, divide(copying(figures, "64 MiB"), fresh), names::MEMCPY_FRESH);
    }
    for threads in names::THREADS {
        let rate = |who: &str| figures.number(phase::THROUGHPUT, &names::with_threads(who, threads));
        let name = throughput_of(threads);
        is(&name, divide(rate(names::CONFINED), rate(names::ZYGOTE)), names::CONFINED);
    }
    floors
}

/// Three digits that say something, also of a small number.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = if self.0 != 0.0 && self.0.abs() < 0.1 { 5 } else { 3 };
        write!(f, "{:.digits$}", self.0)
    }
}

/// Every target whose two sides were measured.
pub(crate) fn ratios(figures: &Figures) -> Vec<Ratio> {
    let small = |name: &str| figures.median(phase::SMALL, name);
    let large = |name: &str| figures.median(phase::LARGE, name);
    let back_to_back = |name: &str| figures.median(phase::BACK_TO_BACK, name);
    let mut ratios = Vec::new();
    let mut at_most = |name: &str, limit, value: Option<f64>| {
        ratios.extend(value.map(|value| Ratio::at_most(name, limit, value)));
    };

    let fresh = small(names::FRESH);
    at_most("fresh/mem-isolate", 0.35, divide(fresh, small(names::MEM_ISOLATE)));
    at_most("fresh/bare-zygote", 1.3, divide(fresh, zygote(figures, phase::SMALL)));
    at_most("fresh-1GiB/mem-isolate-1GiB", 0.002, divide(large(names::FRESH), large(names::MEM_ISOLATE)));
    at_most("fresh-1GiB/fresh", 1.1, divide(large(names::FRESH), fresh));
    at_most("reused/procspawn-pool", 0.10, divide(back_to_back(names::REUSED), back_to_back(names::POOL)));
    at_most("first-call/posix_spawn", 4.0, {
        let first = |name| figures.median(phase::FIRST_CALL, name);
        divide(first(names::FIRST_CALL), first(names::SPAWN_SELF))
    });
    at_most("per-call/mem-isolate", 3.0, divide(small(names::PER_CALL), small(names::MEM_ISOLATE)));
    for way in [names::ARGUMENT, names::RESULT] {
        at_most(&format!("{way}-1MiB/memcpy"), 5.0, divide(crossing(figures, "1 MiB", way), copying(figures, "1 MiB")));
    }
    at_most("idle-memory-MiB", 1.0, figures.number(phase::MEMORY, names::IDLE).map(|bytes| bytes / f64::from(1 << 20)));
    let inside = |work: &str| {
        let time = |place: &str| figures.median(phase::INSIDE, &format!("{work}, {place}"));
        divide(time(names::SANDBOXED), time(names::PLAIN))
    };
    // "Equal", within what two runs of the same differ by.
    at_most("inside-compute", 1.02, inside(names::COMPUTE));
    at_most("inside-file-reads", 1.05, inside(names::READ_FILE));

    let scales = [
        ("functions-10000/1", phase::FUNCTIONS, names::functions(10_000), names::functions(1)),
        ("operations-1000/1", phase::OPERATIONS, names::operations(1000), names::operations(1)),
    ];
    for (name, phase, many, one) in scales {
        at_most(name, 1.1, divide(figures.median(phase, &many), figures.median(phase, &one)));
    }

    for way in [names::ARGUMENT, names::RESULT] {
        let bandwidth = divide(copying(figures, "64 MiB"), crossing(figures, "64 MiB", way));
        ratios.extend(bandwidth.map(|value| Ratio::at_least(format!("{way}-64MiB-bandwidth/memcpy"), 0.4, value)));
    }
    for threads in names::THREADS {
        let rate = |who: &str| figures.number(phase::THROUGHPUT, &names::with_threads(who, threads));
        let value = divide(rate(names::FRESH), rate(names::ZYGOTE));
        ratios.extend(value.map(|value| Ratio::at_least(throughput_of(threads), 0.85, value)));
    }
    ratios
}

fn throughput_of(threads: usize) -> String {
    format!("throughput-{threads}-threads/bare-zygote")
}

fn divide(value: Option<f64>, by: Option<f64>) -> Option<f64> {
    Some(value? / by.filter(|by| *by > 0.0)?)
}

/// The bare zygote may ask for the next spare while the call runs, or afterwards. The floor is what is faster.
fn zygote(figures: &Figures, phase: &str) -> Option<f64> {
    let orders = [names::ZYGOTE, names::ZYGOTE_ASKS_AFTERWARDS].map(|name| figures.median(phase, name));
    orders.into_iter().flatten().min_by(f64::total_cmp)
}

/// What the bytes cost above a call without them, in microseconds.
fn crossing(figures: &Figures, size: &str, way: &str) -> Option<f64> {
    let phase = names::payload(size);
    let median = |name: &str| figures.median(&phase, name);
    let above = if way == names::RESULT { names::BUILD } else { names::EMPTY };
    Some(median(way)? - median(above)?)
}

fn copying(figures: &Figures, size: &str) -> Option<f64> {
    figures.median(&names::payload(size), names::MEMCPY)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with(times: &[(&str, &str, u64)]) -> Figures {
        let mut figures = Figures::default();
        for (phase, name, microseconds) in times {
            figures.record(phase, name, Duration::from_micros(*microseconds));
        }
        figures
    }

    fn lines(figures: &Figures) -> Vec<String> {
        ratios(figures).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_line_says_the_value_the_limit_and_whether_it_is_kept() {
        assert_eq!(Ratio::at_most("a/b", 0.35, 0.4123).to_string(), "ratio a/b 0.412 <=0.35 over");
        assert_eq!(Ratio::at_most("a/b", 0.002, 0.00179).to_string(), "ratio a/b 0.00179 <=0.002 ok");
        assert_eq!(Ratio::at_least("a/b", 0.85, 0.9).to_string(), "ratio a/b 0.900 >=0.85 ok");
        assert_eq!(Ratio::at_least("a/b", 0.85, 0.5).to_string(), "ratio a/b 0.500 >=0.85 over");
        assert!(Ratio::at_most("a/b", 4.0, 4.0).ok);
    }

    #[test]
    fn a_target_without_both_sides_has_no_line() {
        assert_eq!(lines(&with(&[(phase::SMALL, names::FRESH, 50)])), [] as [&str; 0]);
    }

    #[test]
    fn the_floor_is_the_faster_order_of_the_bare_zygote() {
        let figures = with(&[
            (phase::SMALL, names::FRESH, 60),
            (phase::SMALL, names::ZYGOTE, 50),
            (phase::SMALL, names::ZYGOTE_ASKS_AFTERWARDS, 40),
        ]);
        assert_eq!(lines(&figures), ["ratio fresh/bare-zygote 1.500 <=1.3 over"]);
    }

    #[test]
    fn an_argument_counts_above_the_empty_call_and_a_result_above_one_that_builds_it() {
        let phase = names::payload("1 MiB");
        let figures = with(&[
            (&phase, names::EMPTY, 100),
            (&phase, names::BUILD, 300),
            (&phase, names::ARGUMENT, 180),
            (&phase, names::RESULT, 420),
            (&phase, names::MEMCPY, 20),
        ]);
        let expected = ["ratio argument-1MiB/memcpy 4.000 <=5 ok", "ratio result-1MiB/memcpy 6.000 <=5 over"];
        assert_eq!(lines(&figures), expected);
    }

    #[test]
    fn a_floor_has_the_name_of_its_ratio() {
        let figures = with(&[
            (phase::LARGE, names::ZYGOTE, 70),
            (phase::LARGE, names::MEM_ISOLATE, 28_000),
            (phase::SMALL, names::ZYGOTE, 5),
        ]);
        let lines: Vec<String> = floors(&figures).iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["floor fresh-1GiB/mem-isolate-1GiB 0.00250 floor: bare zygote with a spare"]);
    }

    #[test]
    fn throughput_is_to_be_at_least() {
        let mut figures = Figures::default();
        figures.set(phase::THROUGHPUT, &names::with_threads(names::FRESH, 8), 4000.0, "calls/s");
        figures.set(phase::THROUGHPUT, &names::with_threads(names::ZYGOTE, 8), 5000.0, "calls/s");
        assert_eq!(lines(&figures), ["ratio throughput-8-threads/bare-zygote 0.800 >=0.85 over"]);
    }
}
