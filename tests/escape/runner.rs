//! Runs every row as one user: in both tiers, and with its controls.

use std::collections::BTreeMap;
use std::path::PathBuf;

use gaol::Layer;
use serde::{Deserialize, Serialize};

use super::place::{Place, Prepared};
use super::profiles::attempt;
use super::row::{Answer, Control, Row, Tier};
use super::toolbox::Seen;
use super::{Act, perform};

/// Every layer: without all of them a call is no more than a process.
const ALL: &[Layer] =
    &[Layer::Hygiene, Layer::Namespaces, Layer::Capabilities, Layer::Limits, Layer::Landlock, Layer::Seccomp];

/// What one user's run of the matrix gave.
#[derive(Serialize, Deserialize, Clone, Debug, Default)]
pub(crate) struct Report {
    pub(crate) root: bool,
    pub(crate) system: String,
    /// Rows tried and answered as expected, in tier A and in tier B.
    pub(crate) tried: [usize; 2],
    pub(crate) refused: [usize; 2],
    /// Distinct numbers of the matrix.
    pub(crate) numbers: Vec<u16>,
    pub(crate) controls_tried: usize,
    pub(crate) controls_open: usize,
    /// Which controls could not be had on this machine, by reason.
    pub(crate) not_shown: BTreeMap<String, Vec<String>>,
    /// Whatever came out other than expected.
    pub(crate) unexpected: Vec<String>,
}

/// Runs the rows, of which `only` may select some by number or by part of a name.
pub(crate) fn run(rows: &[Row], prepared: &mut Prepared, only: Option<&str>) -> std::io::Result<Report> {
    let root = rustix::process::geteuid().is_root();
    let support = gaol::support();
    let mut report = Report { root, system: support.to_string(), ..Report::default() };
    for row in rows {
        if only.is_some_and(|only| !row.name.contains(only) && only != row.number.to_string()) {
            continue;
        }
        if !report.numbers.contains(&row.number) {
            report.numbers.push(row.number);
        }
        for tier in [Tier::A, Tier::B] {
            if tier == Tier::A && !support.has(Layer::Namespaces) {
                report.not_shown.entry("this system gives no namespaces to this user".to_owned()).or_default();
                continue;
            }
            refusal(row, tier, prepared, &mut report)?;
        }
        control(row, prepared, &mut report)?;
    }
    Ok(report)
}

/// One attempt in the sandbox.
fn refusal(row: &Row, tier: Tier, prepared: &mut Prepared, report: &mut Report) -> std::io::Result<()> {
    prepared.restore()?;
    let got = {
        let _guard = (tier == Tier::B).then(|| gaol::controls::without(&[Layer::Namespaces]));
        attempt(row.profile, row.act, &prepared.place)
    };
    let got = after(row, got, prepared);
    let expected = row.expected(tier);
    report.tried[tier as usize] += 1;
    if got.matches(expected) {
        report.refused[tier as usize] += 1;
    } else {
        let name = format!("{} {} [{:?}] tier {tier}", row.number, row.name, row.profile);
        report.unexpected.push(format!("{name}: got {got}, expected {expected}"));
    }
    Ok(())
}

/// The same attempt where nothing should stop it.
fn control(row: &Row, prepared: &mut Prepared, report: &mut Report) -> std::io::Result<()> {
    let name = format!("{} {}", row.number, row.name);
    let attempts: Vec<(String, &[Layer], _)> = match &row.control {
        Control::Process => {
            prepared.restore()?;
            let got = elsewhere(row.act, &prepared.place)?;
            judge(row, &name, "in a plain process", &got, report);
            return Ok(());
        }
        Control::None(reason) => {
            report.not_shown.entry((*reason).to_owned()).or_default().push(name);
            return Ok(());
        }
        Control::Under(profile) => vec![(format!("under {profile:?}"), &[], *profile)],
        Control::Without(layers) => vec![
            ("without any layer".to_owned(), ALL, row.profile),
            (format!("without {layers:?}"), layers, row.profile),
        ],
    };
    for (how, layers, profile) in attempts {
        prepared.restore()?;
        let got = {
            let _guard = (!layers.is_empty()).then(|| gaol::controls::without(layers));
            attempt(profile, row.act, &prepared.place)
        };
        let got = after(row, got, prepared);
        judge(row, &name, &how, &got, report);
    }
    Ok(())
}

/// Whether the hole was open and, where it was not, whether that is excused on this machine.
fn judge(row: &Row, name: &str, how: &str, got: &Answer, report: &mut Report) {
    report.controls_tried += 1;
    if got.matches(&row.open) {
        report.controls_open += 1;
        return;
    }
    match row.excuse(report.root) {
        Some(reason) => {
            let rows = report.not_shown.entry(reason.to_owned()).or_default();
            if rows.last().is_none_or(|last| last != name) {
                rows.push(name.to_owned());
            }
        }
        None => report.unexpected.push(format!("{name}: control {how}: got {got}, expected {}", row.open)),
    }
}

/// The variable by which this program, started once more, knows that it is to perform an act and no more.
pub(crate) const PERFORM: &str = "GAOL_MATRIX_PERFORM";

/// Performs an act in a process that is started as any program is.
fn elsewhere(act: Act, place: &Place) -> std::io::Result<Answer> {
    let answer = place.core_directory.join("answer.json");
    let task = serde_json::to_string(&(act, place, &answer))?;
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["--exact", "escape", "--nocapture"]).env(PERFORM, task);
    // Its standard output is this process's: the terminal.
    command.stdin(std::process::Stdio::null()).status()?;
    let seen: Seen = serde_json::from_slice(&std::fs::read(&answer)?)?;
    std::fs::remove_file(answer)?;
    Ok(Answer::of(Ok(seen)))
}

/// The other side of it: performs the act that the variable holds, and writes down what it saw.
pub(crate) fn perform_here(task: &str) {
    let (act, place, answer): (Act, Place, PathBuf) = serde_json::from_str(task).expect("an act and a place");
    let seen = perform(act, &place);
    std::fs::write(answer, serde_json::to_vec(&seen).expect("plain data")).expect("the answer is written");
}

/// What an attempt left behind, where that is its proof.
fn after(row: &Row, got: Answer, prepared: &Prepared) -> Answer {
    if row.number != 107 {
        return got;
    }
    let core = |directory: &std::path::Path| {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name == "core" || name.strip_prefix("core.").is_some_and(|rest| rest.parse::<u32>().is_ok())
        })
    };
    let found = core(&prepared.place.core_directory);
    match found {
        Some(path) => {
            let _ = std::fs::remove_file(&path);
            Answer::Done(format!("a core dump: {}", path.display()))
        }
        None => got,
    }
}
