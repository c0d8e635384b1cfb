//! Shows that the proofs would notice: the tables are damaged in one place after another, and each time a call gets
//! another answer than the oracle's.

use std::collections::BTreeMap;

use super::super::bpf::assemble_addition;
use super::super::rule::{Action, Decision, Table, Test};
use super::super::syscalls;
use super::corpus::Corpus;
use super::interpreter::{Answer, Call, judge};
use super::shapes::shapes;
use super::watched::{Fields, Watched, differences};
use super::{PID, oracle};
use crate::sys::layers::seccomp::Shape;

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
    let watched = Watched::new(*shape);
    corpus.of(number).iter().any(|call| judge(&program, call) != expected(&watched, call))
}

type Oracle = fn(&Watched, &Call) -> Answer;

/// A decision, and the shapes whose tables have it: of those in which the right answers are the same, one.
struct Case {
    number: u32,
    decision: Decision,
    shapes: Vec<(Shape, Fields)>,
}

/// The decisions of all tables, each once.
fn cases(table: fn(&Shape) -> Table, corpus: &Corpus, expected: Oracle) -> Vec<Case> {
    let mut cases = BTreeMap::<u32, Vec<Case>>::new();
    for shape in shapes() {
        for (number, decision) in table(&shape).rows() {
            let cases = cases.entry(number).or_default();
            let at = cases.iter().position(|case| case.decision == *decision).unwrap_or_else(|| {
                cases.push(Case { number, decision: decision.clone(), shapes: Vec::new() });
                cases.len() - 1
            });
            let known = &mut cases[at].shapes;
            // A damaged decision can answer a violation where there is none.
            let alike = |other: &Shape, looked_at: &Fields| {
                differences(other, &shape) & looked_at == 0 && other.violation == shape.violation
            };
            if known.iter().any(|(other, looked_at)| alike(other, looked_at)) {
                continue;
            }
            let watched = Watched::new(shape);
            for call in corpus.of(number) {
                let _answer = expected(&watched, call);
            }
            known.push((shape, watched.looked_at()));
        }
    }
    cases.into_values().flatten().collect()
}

#[test]
fn every_damage_to_a_table_is_noticed() {
    let corpus = Corpus::new();
    let mut tried = 0;
    let mut damage = |table, unlisted: Action, expected: Oracle| {
        for Case { number, decision, shapes } in cases(table, &corpus, expected) {
            let name = syscalls::name(number.into()).unwrap_or_default();
            let deleted = Decision { rules: Vec::new(), otherwise: unlisted };
            for (shape, _) in &shapes {
                assert!(!noticed(&decision, number, shape, &corpus, expected), "{name} is wrong undamaged");
            }
            for mutant in mutants(&decision).iter().chain([&deleted]) {
                // A rule may make a difference in one shape only.
                let noticed = shapes.iter().any(|(shape, _)| noticed(mutant, number, shape, &corpus, expected));
                assert!(noticed, "{name}: {mutant:?} instead of {decision:?}");
                tried += 1;
            }
        }
    };
    damage(syscalls::template, syscalls::UNLISTED, oracle::in_template);
    damage(|shape| syscalls::worker(shape, PID), Action::Allow, oracle::in_worker);
    println!("{tried} damaged tables, all noticed");
}
