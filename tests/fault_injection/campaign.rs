//! A campaign: every step of every process of a scenario, with every kind of fault, and what each run must keep.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::acts::Act;
use super::application::{A_THREAD, Got};
use super::family::{APPLICATION, Member};
use super::faults::{Counted, Injected, Injector, Kind, Peace};
use super::lane::{Lane, Run, Scenario};
use super::view::View;
use crate::support::attack::Attempt;

/// How many applications run at once.
const LANES: usize = 2;

/// How long one call may take, whatever fails: its own time and that of starting what serves it.
const DEADLINE: Duration = Duration::from_secs(40);

/// Which processes' steps are made to fail: name, how far below the host, and which of those there.
fn members(act: Act) -> &'static [(&'static str, usize, u32)] {
    match act {
        Act::Call | Act::CallWithoutNamespaces => &[
            ("application", APPLICATION, 1),
            ("starter", 2, 1),
            ("zygote", 3, 1),
            ("template", 4, 1),
            ("worker", 5, 1),
            ("spare worker", 5, 2),
        ],
        Act::CallByArguments => {
            &[("zygote", 3, 1), ("template", 4, 1), ("next template", 4, 2), ("worker", 5, 1), ("next worker", 5, 2)]
        }
        // What the application does is the standard library's `Command`.
        Act::Command | Act::CommandWithoutNamespaces => &[("launcher", 2, 1), ("init", 3, 1), ("program", 4, 1)],
        Act::TimeOut => &[],
        Act::Activation => &[("activating", 2, 1), ("starter", 3, 1), ("zygote", 4, 1)],
    }
}

/// What a process that is wholly confined looks like, and what it gets for what it tries.
#[derive(Debug)]
struct Confined {
    view: View,
    attempts: Vec<Attempt>,
}

/// What came of the faults of one kind in one process.
#[derive(Debug, Default)]
struct Row {
    steps: u32,
    tried: u32,
    impossible: u32,
    ran: u32,
    not_run: u32,
    unknown: u32,
    ended: u32,
    next_worked: u32,
    /// The longest call, and at which step its fault was.
    slowest: (Duration, u32),
}

/// The faults that are still to be tried.
struct Queue {
    jobs: Vec<(&'static str, Member, Kind)>,
    at: usize,
    next: u32,
}

/// A campaign's outcome.
pub(crate) struct Table {
    scenario: Scenario,
    rows: BTreeMap<(usize, Kind), (&'static str, Row)>,
    pub(crate) violations: Vec<String>,
}

/// Tries everything.
pub(crate) fn campaign(scenario: Scenario, kinds: &[Kind]) -> Table {
    let mut lane = Lane::new();
    let confined = references(&mut lane, scenario);
    let mut counted = Counted::default();
    lane.run(scenario, &mut counted);
    let jobs: Vec<_> = members(scenario.act)
        .iter()
        .flat_map(|&(name, depth, ordinal)| kinds.iter().map(move |kind| (name, Member { depth, ordinal }, *kind)))
        .collect();
    assert!(jobs.iter().all(|(name, member, _)| counted.steps(*member) > 0 || panic!("there is no {name}")));
    let queue = Mutex::new(Queue { jobs, at: 0, next: 1 });
    let table = Mutex::new(Table { scenario, rows: BTreeMap::new(), violations: Vec::new() });
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| work(scenario, &confined, &counted, &queue, &table));
        }
    });
    table.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// What may be seen of a confined process: with namespaces, if the scenario has them, and without, where they are refused.
fn references(lane: &mut Lane, scenario: Scenario) -> Vec<Confined> {
    let acts = match scenario.act {
        Act::Call | Act::CallByArguments => vec![scenario.act, Act::CallWithoutNamespaces],
        act => vec![act],
    };
    let mut references = Vec::new();
    for act in acts {
        let run = lane.run(Scenario { act, ..scenario }, &mut Peace);
        let report = run.report.unwrap_or_else(|| panic!("without a fault: {}", run.said));
        let calls: Vec<_> = report.calls.into_iter().map(|(got, _)| got).collect();
        let [Got::Ran(attempts), Got::Ran(again)] = &calls[..] else { panic!("without a fault: {calls:?}") };
        let [(1, Some(view)), (2, Some(view_again))] = &run.seen.ran[..] else {
            panic!("without a fault: {:?}", run.seen.ran)
        };
        assert_eq!(attempts, again, "two calls are alike");
        // The second was expected, where its template has a root of its own: its filter is in two parts.
        let differ = difference(view_again, view);
        let expected = act == Act::CallByArguments && differ == ["Seccomp_filters: Some(\"3\") instead of Some(\"2\")"];
        assert!(differ.is_empty() || expected, "two calls are alike: {differ:?}");
        references.extend([view, view_again].map(|view| Confined { view: view.clone(), attempts: attempts.clone() }));
    }
    references
}

fn work(scenario: Scenario, confined: &[Confined], counted: &Counted, queue: &Mutex<Queue>, table: &Mutex<Table>) {
    let mut lane = Lane::new();
    loop {
        let (at, number) = {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.at == queue.jobs.len() {
                return;
            }
            queue.next += 1;
            (queue.at, queue.next - 1)
        };
        let (name, member, kind) = queue.lock().unwrap_or_else(PoisonError::into_inner).jobs[at];
        if kind == Kind::Short && counted.is_whole(member, number) {
            let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
            let (_, row) = table.rows.entry((at, kind)).or_insert_with(|| (name, Row::default()));
            (row.steps, row.impossible) = (row.steps + 1, row.impossible + 1);
            continue;
        }
        let mut injector = Injector::new(member, number, kind);
        let mut run = lane.run(scenario, &mut injector);
        // What is there to be done varies a little with who comes first.
        for _ in 0..2 {
            if injector.injected.is_none() && number <= counted.steps(member) {
                injector = Injector::new(member, number, kind);
                run = lane.run(scenario, &mut injector);
            }
        }
        if injector.injected.is_none() && number > counted.steps(member) {
            let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.at == at {
                (queue.at, queue.next) = (at + 1, 1);
            }
        }
        let found = violations(scenario.act, &run, injector.injected, confined);
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        for violation in found {
            let fault = match injector.injected {
                Some(Injected::At(step, errno)) => format!("{step}, errno {errno:?}"),
                _ => "no fault".to_owned(),
            };
            let text = format!("{scenario:?}: {name}, {kind:?}, {fault}: {violation}");
            table.violations.push(text);
        }
        let (_, row) = table.rows.entry((at, kind)).or_insert_with(|| (name, Row::default()));
        row.count(&run, injector.injected);
    }
}

impl Row {
    fn count(&mut self, run: &Run, injected: Option<Injected>) {
        let Some(injected) = injected else { return };
        self.steps += 1;
        let Injected::At(step, _) = injected else {
            self.impossible += 1;
            return;
        };
        self.tried += 1;
        let Some(report) = &run.report else {
            self.ended += 1;
            return;
        };
        let slowest = report.calls.iter().map(|(_, time)| *time).max().unwrap_or_default();
        self.slowest = self.slowest.max((slowest, step.number));
        // A spare's fault shows in the call that it serves.
        match report.calls.iter().map(|(got, _)| got).find(|got| !matches!(got, Got::Ran(_))) {
            None => self.ran += 1,
            Some(got) if got.is_not_run() => self.not_run += 1,
            Some(_) => self.unknown += 1,
        }
        self.next_worked += u32::from(report.calls.last().is_some_and(|(got, _)| got.is_whole()));
    }
}

/// What a run did not keep.
fn violations(act: Act, run: &Run, injected: Option<Injected>, confined: &[Confined]) -> Vec<String> {
    let mut found = Vec::new();
    let mut violation = |text: String| found.push(text);
    if run.seen.hung {
        violation("it hung".to_owned());
    }
    if !run.left.is_empty() {
        violation(format!("left behind: {:?}", run.left));
    }
    for view in run.seen.ran.iter().filter_map(|(_, view)| view.as_ref()) {
        if !confined.iter().any(|confined| is_under(act, view, &confined.view)) {
            violation(format!("a layer is missing: {:?}", difference(view, &confined[0].view)));
        }
    }
    let Some(report) = &run.report else {
        if !may_end(injected) {
            violation(format!("the application ended, {:?}: {}", run.seen.application, run.said));
        }
        return found;
    };
    let (before, after) = &report.descriptors;
    let new: Vec<_> = after.iter().filter(|number| !before.contains(number)).collect();
    // An application that has made commands keeps the socket by which their launchers know it.
    let most = if matches!(act, Act::Command | Act::CommandWithoutNamespaces) { 2 } else { 1 };
    if new.is_empty() || new.len() > most {
        violation(format!("descriptors {new:?} are open, one of them the activation's"));
    }
    if !report.calls.last().is_some_and(|(got, _)| got.is_whole()) {
        violation(format!("no call works any more: {:?}", report.calls));
    }
    for (index, (got, time)) in report.calls.iter().enumerate() {
        let during = index as u32 + 1;
        let views: Vec<_> =
            run.seen.ran.iter().filter(|(call, _)| *call == during).map(|(_, view)| view.as_ref()).collect();
        if *time > DEADLINE {
            violation(format!("call {during} took {time:?}"));
        }
        match got {
            Got::Wrong(what) => violation(format!("call {during}: {what}: {}", run.said)),
            Got::Ran(attempts) => {
                let is_whole = |view: &View| {
                    confined
                        .iter()
                        .any(|confined| is_under(act, view, &confined.view) && is_alike(attempts, &confined.attempts))
                };
                if !matches!(&views[..], [Some(view)] if is_whole(view)) {
                    violation(format!("call {during} ran {} times, and got {attempts:?}", views.len()));
                }
            }
            Got::Failed { outcome, message } => {
                if message.is_empty() && !matches!(injected, Some(Injected::At(_, None))) {
                    violation(format!("call {during} does not say what failed"));
                }
                let most = usize::from(!got.is_not_run());
                if views.len() > most {
                    violation(format!("call {during} says {outcome}, and ran {} times: {message}", views.len()));
                }
                // The fault was one: the next call works.
                if index > 0 && matches!(report.calls[index - 1].0, Got::Failed { .. }) {
                    violation(format!("call {during} failed as well: {message}"));
                }
            }
        }
    }
    found
}

/// Whether a process is under all the layers that another is under. A program may see less: a library that cannot be looked at is not granted.
fn is_under(act: Act, view: &View, expected: &View) -> bool {
    if !matches!(act, Act::Command | Act::CommandWithoutNamespaces) {
        return view == expected;
    }
    const MOUNTS: &str = "mounts";
    let lines = |view: &View| view.get(MOUNTS).map(|mounts| mounts.lines().map(str::to_owned).collect::<BTreeSet<_>>());
    let others = |view: &View| {
        view.iter().filter(|(key, _)| *key != MOUNTS).map(|(key, value)| (key.clone(), value.clone())).collect::<View>()
    };
    let fewer = matches!((lines(view), lines(expected)), (Some(view), Some(expected)) if view.is_subset(&expected));
    fewer && others(view) == others(expected)
}

/// Whether the answers are the same, but for a thread that nobody was there to allow.
fn is_alike(attempts: &[Attempt], expected: &[Attempt]) -> bool {
    let alike = |(attempt, expected): (&Attempt, &Attempt)| {
        let refused = matches!(attempt.1, Some(libc::EAGAIN | libc::ENOSYS));
        attempt == expected || (attempt.0 == A_THREAD && expected.0 == A_THREAD && refused)
    };
    attempts.len() == expected.len() && attempts.iter().zip(expected).all(alike)
}

/// Whether the application may not outlive its fault: it was killed, or its allocator got no memory.
fn may_end(injected: Option<Injected>) -> bool {
    let Some(Injected::At(step, errno)) = injected else { return false };
    let is_memory = [libc::SYS_mmap, libc::SYS_brk, libc::SYS_mremap].contains(&(step.call as i64));
    step.member.depth == APPLICATION && (errno.is_none() || is_memory)
}

fn difference(view: &View, expected: &View) -> Vec<String> {
    let keys = view.keys().chain(expected.keys().filter(|key| !view.contains_key(*key)));
    keys.filter(|key| view.get(*key) != expected.get(*key))
        .map(|key| format!("{key}: {:?} instead of {:?}", view.get(key), expected.get(key)))
        .collect()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Scenario { act, user } = self.scenario;
        writeln!(f, "{act:?}, user {user:?}:")?;
        writeln!(
            f,
            "{:<14}{:<10}{:>6}{:>7}{:>11}{:>7}{:>9}{:>9}{:>7}{:>10}{:>14}",
            "process",
            "fault",
            "steps",
            "tried",
            "cannot be",
            "ran",
            "not run",
            "unknown",
            "ended",
            "next ran",
            "slowest"
        )?;
        for ((_, kind), (name, row)) in &self.rows {
            let Row { steps, tried, impossible, ran, not_run, unknown, ended, next_worked, slowest } = row;
            writeln!(
                f,
                "{name:<14}{:<10}{steps:>6}{tried:>7}{impossible:>11}{ran:>7}{not_run:>9}{unknown:>9}{ended:>7}{next_worked:>10}{:>14}",
                format!("{kind:?}"),
                format!("{}ms at {}", slowest.0.as_millis(), slowest.1),
            )?;
        }
        write!(f, "violations: {}", self.violations.len())
    }
}
