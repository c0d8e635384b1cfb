//! Shows that the proofs would notice: the tables are damaged in one place after another, and each time a call gets
//! another answer than the oracle's.

use super::super::bpf::assemble_addition;
use super::super::rule::{Action, Decision, Table, Test};
use super::super::syscalls;
use super::corpus::Corpus;
use super::interpreter::{Answer, Call, judge};
use super::{PID, oracle, shapes};
use crate::sys::linux::seccomp::Shape;

/// Every way to damage a decision in one place.
fn mutants(decision: &Decision) -> Vec<Decision> {
    let mut mutants = Vec::new();
    let mut push = |change: &dyn Fn(&mut Decision)| {
        let mut mutant = decision.clone();
        change(&mut mutant);
        mutants.push(mutant);
    };
    let another = |action: Action| if action == Action::Allow { Action::Kill } else { Action::Allow };
    push(&|mutant| mutant.otherwise = another(mutant.otherwise));
    for (at, rule) in decision.rules.iter().enumerate() {
        push(&|mutant| drop(mutant.rules.remove(at)));
        push(&|mutant| mutant.rules[at].action = another(mutant.rules[at].action));
        for (position, condition) in rule.conditions.iter().enumerate() {
            push(&|mutant| drop(mutant.rules[at].conditions.remove(position)));
            push(&|mutant| {
                let condition = &mut mutant.rules[at].conditions[position];
                condition.position = (condition.position + 1) % 6;
            });
            let mut replace = |test: Test| {
                push(&|mutant| mutant.rules[at].conditions[position].test = test.clone());
            };
            match &condition.test {
                Test::OneOf(values) => {
                    for value in 0..values.len() {
                        let mut fewer = values.clone();
                        fewer.remove(value);
                        if !fewer.is_empty() {
                            replace(Test::OneOf(fewer));
                        }
                    }
                }
                Test::Masked { mask, value } => {
                    for bit in (0..32).map(|bit| 1 << bit).filter(|bit| mask & bit != 0) {
                        replace(Test::Masked { mask: mask & !bit, value: value & !bit });
                    }
                }
                Test::Any(bits) => {
                    for bit in (0..32).map(|bit| 1 << bit).filter(|bit| bits & bit != 0) {
                        replace(Test::Any(bits & !bit));
                    }
                }
                Test::Zero => replace(Test::OneOf(vec![0])),
                Test::Within(bits) => {
                    replace(Test::Masked { mask: !bits, value: 0 });
                    for bit in (0..32).map(|bit| 1 << bit).filter(|bit| bits & bit != 0) {
                        replace(Test::Within(bits & !bit));
                    }
                }
            }
        }
    }
    mutants
}

/// Whether a call of the number gets another answer than it should.
fn noticed(decision: &Decision, number: u32, shape: &Shape, corpus: &Corpus, expected: Oracle) -> bool {
    let mut table = Table::default();
    table.decide(number.into(), decision.rules.clone(), decision.otherwise);
    let program = [assemble_addition(&table, shape.violation)];
    corpus.of(number).iter().any(|call| judge(&program, call) != expected(shape, call))
}

type Oracle = fn(&Shape, &Call) -> Answer;

#[test]
fn every_damage_to_a_table_is_noticed() {
    let corpus = Corpus::new();
    let mut tried = 0;
    let mut damage = |tables: Vec<(Shape, Table)>, unlisted: Action, expected: Oracle| {
        // A decision stands in the tables of many shapes; it is damaged once.
        let mut seen: Vec<(u32, Decision)> = Vec::new();
        for (shape, table) in &tables {
            for (number, decision) in table.rows() {
                if seen.iter().any(|(other, seen)| *other == number && seen == decision) {
                    continue;
                }
                seen.push((number, decision.clone()));
                assert!(!noticed(decision, number, shape, &corpus, expected), "call {number} is wrong undamaged");
                let deleted = Decision { rules: Vec::new(), otherwise: unlisted };
                for mutant in mutants(decision).iter().chain([&deleted]) {
                    // A rule may make a difference in one shape only.
                    let noticed = tables
                        .iter()
                        .filter(|(_, table)| table.rows().any(|row| row == (number, decision)))
                        .any(|(shape, _)| noticed(mutant, number, shape, &corpus, expected));
                    let name = syscalls::name(number.into()).unwrap_or_default();
                    assert!(noticed, "{name}: {mutant:#?} instead of {decision:#?}");
                    tried += 1;
                }
            }
        }
    };
    let tables = shapes().into_iter().map(|shape| (shape, syscalls::template(&shape))).collect();
    damage(tables, syscalls::UNLISTED, oracle::in_template);
    let tables = shapes().into_iter().map(|shape| (shape, syscalls::worker(PID))).collect();
    damage(tables, Action::Allow, oracle::in_worker);
    println!("{tried} damaged tables, all noticed");
}
