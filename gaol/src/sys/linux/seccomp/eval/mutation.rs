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
                Test::OneOf { mask, values } => {
                    for value in (0..values.len()).filter(|_| values.len() > 1) {
                        let mut fewer = values.clone();
                        fewer.remove(value);
                        replace(Test::OneOf { mask: *mask, values: fewer });
                    }
                    // A mask that was written; the whole of it is a plain comparison.
                    let written = if *mask == u32::MAX { 0 } else { *mask };
                    for bit in (0..32).map(|bit| 1 << bit).filter(|bit| written & bit != 0) {
                        let values = values.iter().map(|value| value & !bit).collect();
                        replace(Test::OneOf { mask: mask & !bit, values });
                    }
                }
                Test::Any(bits) => {
                    for bit in (0..32).map(|bit| 1 << bit).filter(|bit| bits & bit != 0) {
                        replace(Test::Any(bits & !bit));
                    }
                }
                Test::Zero => replace(Test::OneOf { mask: u32::MAX, values: vec![0] }),
                Test::Within(bits) => {
                    replace(Test::OneOf { mask: !bits, values: vec![0] });
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

/// The decisions of all tables, each once, with the shapes that it stands for.
fn decisions(table: fn(&Shape) -> Table) -> Vec<(u32, Decision, Vec<Shape>)> {
    let mut decisions: Vec<(u32, Decision, Vec<Shape>)> = Vec::new();
    for shape in shapes() {
        for (number, decision) in table(&shape).rows() {
            match decisions.iter_mut().find(|(other, seen, _)| *other == number && seen == decision) {
                Some((_, _, shapes)) => shapes.push(shape),
                None => decisions.push((number, decision.clone(), vec![shape])),
            }
        }
    }
    decisions
}

fn template(shape: &Shape) -> Table {
    syscalls::template(shape, if shape.threads { Action::Allow } else { Action::Answer(libc::EAGAIN) })
}

#[test]
fn every_damage_to_a_table_is_noticed() {
    let corpus = Corpus::new();
    let mut tried = 0;
    let mut damage = |table, unlisted: Action, expected: Oracle| {
        for (number, decision, shapes) in decisions(table) {
            let name = syscalls::name(number.into()).unwrap_or_default();
            assert!(!noticed(&decision, number, &shapes[0], &corpus, expected), "{name} is wrong undamaged");
            let deleted = Decision { rules: Vec::new(), otherwise: unlisted };
            for mutant in mutants(&decision).iter().chain([&deleted]) {
                // A rule may make a difference in one shape only.
                let noticed = shapes.iter().any(|shape| noticed(mutant, number, shape, &corpus, expected));
                assert!(noticed, "{name}: {mutant:?} instead of {decision:?}");
                tried += 1;
            }
        }
    };
    damage(template, syscalls::UNLISTED, oracle::in_template);
    damage(|_| syscalls::worker(PID), Action::Allow, oracle::in_worker);
    println!("{tried} damaged tables, all noticed");
}
