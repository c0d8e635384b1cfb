//! The example `support` says of each kind of operation what keeps it here, or what stands in its way.

use std::process::Command;

use gaol::{Layer, Operation, OperationSupportLevel};

use super::ways::{Tier, in_tier};
use crate::support::alone::{Alone, User};

#[path = "../../examples/support.rs"]
#[allow(dead_code, reason = "its `main` is not run here")]
mod example;

/// The lines of an operation: its own, and those that are indented below it.
fn lines_of(table: &str, operation: &Operation) -> Vec<String> {
    let begin = format!("{operation} ");
    let mut lines = table.lines().skip_while(|line| !line.starts_with(&begin));
    let first = lines.next().unwrap_or_else(|| panic!("no line for {operation}:\n{table}"));
    [first].into_iter().chain(lines.take_while(|line| line.starts_with("    "))).map(str::to_owned).collect()
}

fn check(tier: Tier) {
    let operations = example::operations().expect("paths that are written down");
    let table = example::Table::of(operations.clone()).to_string();
    println!("{table}");
    for operation in &operations {
        let lines = lines_of(&table, operation);
        let support = operation.support();
        assert!(lines[0].contains(&format!(" {}", support.level())), "{lines:?}");
        match support.level() {
            OperationSupportLevel::CanBeAllowed => {
                assert_eq!(lines.len(), 1, "{lines:?}");
                assert!(lines[0].ends_with("seccomp"), "{lines:?}");
                assert!(tier == Tier::A || !lines[0].contains("namespaces"), "{lines:?}");
            }
            OperationSupportLevel::CannotBeAllowedPrecisely => {
                assert_eq!(lines.len(), 3, "what stands in the way, and the way out: {lines:?}");
            }
            OperationSupportLevel::NeverAllowed => assert_eq!(lines.len(), 2, "{lines:?}"),
            level => panic!("{level:?}"),
        }
        // Nothing but namespaces tells metadata from contents, or keeps it from a program.
        let needs_namespaces = matches!(operation, Operation::FileReadMetadata(_) | Operation::ProcessExec(_));
        if needs_namespaces {
            assert_eq!(support.level() == OperationSupportLevel::CanBeAllowed, tier == Tier::A, "{lines:?}");
        }
    }
}

fn check_each_tier() {
    if gaol::support().has(Layer::Namespaces) {
        check(Tier::A);
    }
    in_tier(Tier::B, || check(Tier::B));
}

#[test]
fn each_operation_has_its_line() {
    Alone::new("servo_gaol::table::each_operation_has_its_line").run(check_each_tier);
}

#[test]
fn each_operation_of_an_unprivileged_user_has_its_line() {
    if let Some(alone) =
        Alone::new("servo_gaol::table::each_operation_of_an_unprivileged_user_has_its_line").user(User::Nobody)
    {
        alone.run(check_each_tier);
    }
}

#[test]
fn where_user_namespaces_are_refused_each_operation_has_its_line() {
    const INSIDE: &str = "GAOL_TEST_INSIDE";
    let name = "servo_gaol::table::where_user_namespaces_are_refused_each_operation_has_its_line";
    Alone::new(name).run(|| {
        if std::env::var_os(INSIDE).is_some() {
            std::fs::write("/proc/sys/user/max_user_namespaces", "0").expect("no more user namespaces");
            assert!(!gaol::support().has(Layer::Namespaces));
            check(Tier::B);
            return;
        }
        let unshare = |arguments: &[&str]| {
            let mut command = Command::new("unshare");
            command.args(arguments);
            command
        };
        if !unshare(&["--user", "--map-root-user", "true"]).status().is_ok_and(|status| status.success()) {
            eprintln!("{name}: left out, since `unshare --user` is not to be had here");
            return;
        }
        let status = unshare(&["--user", "--map-root-user", "--"])
            .arg(std::env::current_exe().expect("the name of this program"))
            .args(std::env::args_os().skip(1))
            .env(INSIDE, "1")
            .status();
        assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "inside a user namespace: {status:?}");
    });
}
