//! Every step of starting a zygote, a template and a worker is made to fail in turn, and every process killed before every step.
//!
//! A tracer follows an application, made anew for each fault, and all that it starts; it numbers the system calls of each process and
//! makes one of them fail, be cut short, or be the last. What a run must keep is in `campaign.rs`.
#![cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]

#[path = "support"]
mod support {
    pub(crate) mod alone;
    pub(crate) mod attack;
    pub(crate) mod place;
}

mod fault_injection {
    pub(crate) mod acts;
    pub(crate) mod application;
    pub(crate) mod campaign;
    pub(crate) mod clock;
    pub(crate) mod family;
    pub(crate) mod faults;
    pub(crate) mod lane;
    pub(crate) mod marks;
    pub(crate) mod ptrace;
    mod surroundings;
    pub(crate) mod view;
    pub(crate) mod watchdog;
}

use std::io::Write;
use std::time::Instant;

use fault_injection::acts::Act;
use fault_injection::application;
use fault_injection::campaign::campaign;
use fault_injection::faults::Kind;
use fault_injection::lane::{Scenario, User};

/// The other side of every test here.
#[test]
#[ignore = "run by the others, in processes of their own"]
fn the_application() {
    if std::env::var_os(application::TASK).is_some() {
        application::host();
    }
}

/// Tries faults of every kind in each scenario, and prints what came of them.
fn run(scenarios: &[(Act, User, &[Kind])]) {
    let mut violations = 0;
    for &(act, user, kinds) in scenarios {
        let begun = Instant::now();
        let table = campaign(Scenario { act, user }, kinds);
        print(&format!("{table}, in {:.1?}", begun.elapsed()));
        if !table.violations.is_empty() {
            print(&table.violations.join("\n"));
        }
        violations += table.violations.len();
    }
    assert_eq!(violations, 0, "violations");
}

/// Prints, whether the harness captures what is printed or not.
fn print(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

const EVERY: &[Kind] = &[Kind::Errno(0), Kind::Kill, Kind::Short];
const ERRNO: &[Kind] = &[Kind::Errno(0)];

/// Whether everything is to be tried, which takes an hour.
fn is_exhaustive() -> bool {
    std::env::var_os("GAOL_FAULTS").is_some_and(|value| value == "all")
}

/// What is tried where everything is: each errno at each step, as each user.
fn exhaustive(acts: &[Act]) {
    let kinds: Vec<Kind> = (0..7).map(Kind::Errno).chain([Kind::Kill, Kind::Short]).collect();
    let scenarios: Vec<(Act, User, &[Kind])> =
        acts.iter().flat_map(|act| [User::Nobody, User::Same].map(|user| (*act, user, &kinds[..]))).collect();
    run(&scenarios);
}

#[test]
fn whatever_fails_the_function_runs_confined_or_not_at_all() {
    if is_exhaustive() {
        return exhaustive(&[Act::Call, Act::CallWithoutNamespaces, Act::CallByArguments]);
    }
    run(&[(Act::Call, User::Nobody, EVERY), (Act::CallWithoutNamespaces, User::Same, EVERY)]);
    print("left out: at each step six of seven errnos, and the other user of each tier; GAOL_FAULTS=all tries them");
}

#[test]
fn whatever_fails_a_call_with_a_template_of_its_own_runs_confined_or_not_at_all() {
    // Where everything is tried, so is this.
    if !is_exhaustive() {
        run(&[(Act::CallByArguments, User::Nobody, ERRNO)]);
        print(
            "left out: kills, short reads, at each step six of seven errnos, and the other user; GAOL_FAULTS=all tries them",
        );
    }
}

#[test]
fn whatever_fails_the_program_runs_confined_or_not_at_all() {
    if is_exhaustive() {
        return exhaustive(&[Act::Command, Act::CommandWithoutNamespaces]);
    }
    run(&[(Act::Command, User::Nobody, ERRNO), (Act::CommandWithoutNamespaces, User::Same, ERRNO)]);
    print(
        "left out: kills, short reads, at each step six of seven errnos, and the other user of each tier; GAOL_FAULTS=all tries them",
    );
}

#[test]
fn whatever_fails_an_activation_says_whether_anything_was_taken_away() {
    if is_exhaustive() {
        return exhaustive(&[Act::Activation]);
    }
    run(&[(Act::Activation, User::Nobody, EVERY)]);
    print("left out: at each step six of seven errnos, and the other user; GAOL_FAULTS=all tries them");
}
