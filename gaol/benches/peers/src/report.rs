//! What a run says: tables, ratios, and the same as JSON.

use std::time::Duration;

use serde_json::{Value, json};

use crate::figures::Figures;
use crate::targets::{Floor, Ratio};

/// Where a run was made.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Machine {
    processors: usize,
    kernel: String,
    tier: char,
    landlock_abi: u32,
    layers_missing: Vec<String>,
}

impl Machine {
    pub(crate) fn this(support: &gaol::Support) -> Self {
        let missing = gaol::Layer::ALL.into_iter().filter(|layer| !support.has(*layer));
        Self {
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            tier: support.tier(),
            landlock_abi: support.landlock_abi(),
            layers_missing: missing.map(|layer| layer.to_string()).collect(),
        }
    }

    pub(crate) fn print(&self) {
        let layers = if self.layers_missing.is_empty() {
            "every layer on".to_owned()
        } else {
            format!("WITHOUT {}", self.layers_missing.join(", "))
        };
        println!(
            "{} processors, Linux {}; gaol in tier {}, Landlock ABI {}, {layers}",
            self.processors, self.kernel, self.tier, self.landlock_abi
        );
    }
}

pub(crate) fn print(figures: &Figures, ratios: &[Ratio], floors: &[Floor]) {
    for phase in figures.phases() {
        let times = figures.times_of(phase);
        if !times.is_empty() {
            println!("\n| {phase} | p50 | p90 | p99 | calls |\n|---|---|---|---|---|");
        }
        for (name, summary) in times {
            let [p50, p90, p99] = [summary.p50, summary.p90, summary.p99].map(in_words);
            println!("| {name} | {p50} | {p90} | {p99} | {} |", summary.count);
        }
        let numbers = figures.numbers_of(phase);
        if !numbers.is_empty() {
            println!("\n| {phase} | |\n|---|---|");
        }
        for (name, value, unit) in numbers {
            println!("| {name} | {value:.0} {unit} |");
        }
    }
    println!();
    figures.omissions().iter().for_each(|what| println!("left out: {what}"));
    figures.wrongs().iter().for_each(|what| println!("WRONG: {what}"));
    ratios.iter().for_each(|ratio| println!("{ratio}"));
    floors.iter().for_each(|floor| println!("{floor}"));
}

/// Microseconds with one digit behind the point, up to ten milliseconds.
fn in_words(time: Duration) -> String {
    let microseconds = time.as_nanos() as f64 / 1e3;
    if microseconds < 10_000.0 { format!("{microseconds:.1} µs") } else { format!("{:.1} ms", microseconds / 1e3) }
}

pub(crate) fn json(machine: &Machine, figures: &Figures, ratios: &[Ratio], floors: &[Floor]) -> Value {
    let phases = figures.phases().into_iter().map(|phase| {
        let times = figures.times_of(phase).into_iter().map(|(name, summary)| (name.to_owned(), json!(summary)));
        let numbers = figures.numbers_of(phase).into_iter();
        let numbers = numbers.map(|(name, value, unit)| (name.to_owned(), json!({ "value": value, "unit": unit })));
        (phase.to_owned(), Value::Object(times.chain(numbers).collect()))
    });
    json!({
        "machine": machine,
        "phases": Value::Object(phases.collect()),
        "ratios": ratios,
        "floors": floors,
        "left_out": figures.omissions(),
        "wrong": figures.wrongs(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::phase;

    #[test]
    fn times_are_written_as_microseconds_until_they_are_long() {
        assert_eq!(in_words(Duration::from_nanos(1234)), "1.2 µs");
        assert_eq!(in_words(Duration::from_micros(9999)), "9999.0 µs");
        assert_eq!(in_words(Duration::from_micros(44_040)), "44.0 ms");
    }

    #[test]
    fn json_has_every_figure_under_its_phase() {
        let mut figures = Figures::default();
        figures.record(phase::SMALL, "a", Duration::from_micros(5));
        figures.set(phase::MEMORY, "b", 7.0, "bytes");
        let machine = Machine {
            processors: 2,
            kernel: "6.18".to_owned(),
            tier: 'A',
            landlock_abi: 7,
            layers_missing: Vec::new(),
        };
        let json = json(&machine, &figures, &[], &[]);
        assert_eq!(json["phases"][phase::SMALL]["a"]["p50_us"], 5.0);
        assert_eq!(json["phases"][phase::MEMORY]["b"], json!({ "value": 7.0, "unit": "bytes" }));
        assert_eq!(json["machine"]["tier"], "A");
    }
}
