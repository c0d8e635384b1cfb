//! Proves, by running the programs, that the filters answer as the profile says.
//!
//! The programs of every shape are run on every number that the kernel could have, with arguments chosen to sit on
//! the edges, by an interpreter; what they answer is compared with an [`oracle`] that was written from the promises
//! and shares nothing with the tables. The kernel runs the same programs in a child, and must agree with the
//! interpreter.

mod corpus;
mod interpreter;
mod kernel;
mod mutation;
mod oracle;

use std::collections::BTreeMap;

use self::corpus::Corpus;
use self::interpreter::{Answer, Call, judge};
use super::bpf::{FOREIGN, NATIVE};
use super::syscalls::{self, NEWEST, name};
use super::{Action, Paths, Shape, WorkerFilter, counting_filter, template_filter, worker_filter};
use crate::profile::Violation;

/// The most instructions that the kernel takes in one program.
const LONGEST: usize = 4096;

/// A worker's process id in these tests, whatever the worker's.
const PID: u32 = 4242;

/// Every shape there is.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for paths in [Paths::None, Paths::Visible, Paths::Judged] {
        for bits in 0..32 {
            let bit = |index: u32| bits >> index & 1 != 0;
            shapes.push(Shape {
                paths,
                write: bit(0),
                private_root: bit(1),
                tcp: bit(2),
                threads: bit(3),
                violation: if bit(4) { Violation::Kill } else { Violation::Deny },
            });
        }
    }
    shapes
}

#[test]
fn filters_answer_every_call_as_the_profile_says() {
    let corpus = Corpus::new();
    let mut answers = BTreeMap::<&str, u64>::new();
    for shape in shapes() {
        let template = [template_filter(&shape)];
        let worker = [worker_filter(&shape, PID)];
        for call in corpus.all() {
            let in_template = judge(&template, call);
            let expected = oracle::in_template(&shape, call);
            assert_eq!(in_template, expected, "{call} in a template under {shape:?}");
            // The worker's filter stands on the template's.
            let in_worker = in_template.and_later(judge(&worker, call));
            let expected = expected.and_later(oracle::in_worker(&shape, call));
            assert_eq!(in_worker, expected, "{call} in a worker under {shape:?}");
            *answers.entry(in_worker.kind()).or_default() += 1;
        }
    }
    println!(
        "{} shapes, {} calls in template and worker; in the worker: {answers:?}",
        shapes().len(),
        corpus.all().count()
    );
}

#[test]
fn a_filter_that_asks_asks_about_threads_alone() {
    const THREADS: [u32; 2] = [0x3D_0F00, 0x7D_0F00];
    let corpus = Corpus::new();
    let mut asked = 0;
    for shape in shapes() {
        let plain = vec![template_filter(&Shape { threads: true, ..shape })];
        let asking = vec![counting_filter(&shape)];
        for call in corpus.all() {
            let answer = judge(&asking, call);
            if call.number.cast_signed() == libc::SYS_clone as i32 && THREADS.contains(&(call.arguments[0] as u32)) {
                assert_eq!(answer, Answer::Ask, "{call}");
                // The worker's filter does not answer in the listener's place.
                assert_eq!(answer.and_later(judge(&[worker_filter(&shape, PID)], call)), Answer::Ask, "{call}");
                asked += 1;
            } else {
                assert_eq!(answer, judge(&plain, call), "{call}");
            }
        }
    }
    println!("{asked} calls asked about");
}

#[test]
fn foreign_architectures_and_numbers_kill() {
    const I386: u32 = 0x4000_0003;
    const ARM: u32 = 0x4000_0028;
    const X86_64: u32 = 0xC000_003E;
    const AARCH64: u32 = 0xC000_00B7;
    let mut tried = 0;
    for shape in shapes() {
        let mut programs = vec![template_filter(&shape)];
        programs.push(worker_filter(&shape, PID));
        for architecture in [I386, ARM, X86_64, AARCH64, 0, u32::MAX, NATIVE ^ 1 << 31] {
            for number in (0..1024).chain([FOREIGN, u32::MAX]) {
                if architecture != NATIVE {
                    let call = Call { architecture, ..Call::new(number, [0; 6]) };
                    assert_eq!(judge(&programs, &call), Answer::Kill, "{call} of {architecture:#x}");
                    tried += 1;
                }
            }
        }
        // x32 calls have bit 30; minus one, and what a tracer skips with, have all.
        let above =
            [FOREIGN, FOREIGN + 1, FOREIGN | 59, FOREIGN | 520, 0x7FFF_FFFF, 0x8000_0000, u32::MAX - 1, u32::MAX];
        for number in above.into_iter().chain((0..1024).map(|number| FOREIGN | number)) {
            assert_eq!(judge(&programs, &Call::new(number, [0; 6])), Answer::Kill, "{number:#x}");
            tried += 1;
        }
        for number in [NEWEST + 1, 512, 547, 1023, 0xFFFF, FOREIGN - 1] {
            assert_eq!(judge(&programs, &Call::new(number, [0; 6])), Answer::Errno(libc::ENOSYS), "{number:#x}");
            tried += 1;
        }
    }
    println!("{tried} calls from elsewhere");
}

#[test]
fn programs_are_valid_and_short() {
    for shape in shapes() {
        let template = [template_filter(&shape)];
        let worker = worker_filter(&shape, PID);
        for program in template.iter().chain([&worker]) {
            interpreter::check(program);
            assert!(program.len() <= LONGEST, "{} instructions under {shape:?}", program.len());
        }
        assert!(worker.len() < 100, "every call pays for the worker's filter: {} instructions", worker.len());
        if !shape.private_root && shape.violation == Violation::Deny && shape.threads && shape.write == shape.tcp {
            let lengths: Vec<_> = template.iter().map(Vec::len).collect();
            println!(
                "{:?} write={} tcp={}: template {lengths:?}, worker {} instructions",
                shape.paths,
                shape.write,
                shape.tcp,
                worker.len()
            );
        }
    }
}

#[test]
fn worker_filter_names_the_worker_and_nobody_else() {
    for shape in shapes() {
        let mut prepared = WorkerFilter::new(&shape);
        let first = prepared.of(7).clone();
        assert_eq!(first, worker_filter(&shape, 7));
        // A program that has served one worker serves another.
        assert_eq!(*prepared.of(PID), worker_filter(&shape, PID));
        let changed = first.iter().zip(prepared.of(PID)).filter(|(one, other)| one != other).count();
        // kill, tgkill, tkill, prlimit64, sched_getaffinity.
        assert_eq!(changed, 5);
    }
}

#[test]
fn names_are_those_of_the_running_architecture() {
    assert_eq!(name(libc::SYS_openat), Some("openat"));
    assert_eq!(name(libc::SYS_mseal), Some("mseal"));
    assert_eq!(name(470), Some("listns"));
    assert_eq!(name(-1), None);
    assert_eq!(name(i64::from(NEWEST) + 1), None);
    let named = (0..=NEWEST).filter(|number| name((*number).into()).is_some()).count();
    println!("{named} names");
    // Every listed call has a name, so that a violation can be told.
    for shape in shapes() {
        for (number, _) in syscalls::template(&shape, Action::Ask).rows().chain(syscalls::worker(PID).rows()) {
            assert!(name(number.into()).is_some(), "{number}");
        }
    }
}
