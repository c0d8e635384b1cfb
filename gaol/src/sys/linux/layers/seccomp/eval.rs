//! Proves, by running the programs, that the filters answer as the profile says.
//!
//! The programs of [`shapes`] are run on every number that the kernel could have, with arguments chosen to sit on
//! the edges, by an interpreter; what they answer is compared with an [`oracle`] that was written from the promises
//! and shares nothing with the tables. The kernel runs the same programs in a child, and must agree with the
//! interpreter.

mod corpus;
mod interpreter;
mod kernel;
mod mutation;
mod oracle;
mod shapes;
mod watched;

use std::collections::BTreeMap;

use seccompiler::sock_filter;

use self::corpus::{Corpus, NUMBERS};
use self::interpreter::{Answer, Call, decision, judge};
use self::shapes::{few_shapes, in_words, shapes};
use self::watched::{Fields, Watched, differences};
use super::bpf::{FOREIGN, NATIVE};
use super::rule::Action;
use super::syscalls::{self, NEWEST, SETUP, name};
use super::{Gate, Shape, WorkerFilter, template_filter, template_filter_in_parts, worker_filter};

/// The most instructions that the kernel takes in one program.
const LONGEST: usize = 4096;

/// A worker's process id in these tests, whatever the worker's.
const PID: u32 = 4242;

/// That the calls of one number get the right answers, under a shape and all that are like it.
struct Proof {
    shape: Shape,
    /// What the right answers depend on.
    looked_at: Fields,
    /// What the answers that were given depend on: the instructions of template and worker.
    template: Vec<sock_filter>,
    worker: Vec<sock_filter>,
}

impl Proof {
    fn holds(&self, shape: &Shape, template: &[sock_filter], worker: &[sock_filter]) -> bool {
        differences(&self.shape, shape) & self.looked_at == 0 && self.template == template && self.worker == worker
    }
}

#[test]
fn filters_answer_every_call_as_the_profile_says() {
    let corpus = Corpus::new();
    let mut proofs: Vec<Vec<Proof>> = (0..NUMBERS).map(|_| Vec::new()).collect();
    let mut answers = BTreeMap::<&str, u64>::new();
    for shape in shapes() {
        let template = [template_filter(&shape)];
        let worker = [worker_filter(&shape, PID)];
        for (number, proofs) in (0..NUMBERS).zip(&mut proofs) {
            let decisions = (decision(&template[0], number), decision(&worker[0], number));
            if proofs.iter().any(|proof| proof.holds(&shape, decisions.0, decisions.1)) {
                continue;
            }
            let watched = Watched::new(shape);
            for call in corpus.of(number) {
                let in_template = judge(&template, call);
                let expected = oracle::in_template(&watched, call);
                assert_eq!(in_template, expected, "{call} in a template under {shape:?}");
                // The worker's filter stands on the template's.
                let in_worker = in_template.and_later(judge(&worker, call));
                let expected = expected.and_later(oracle::in_worker(&watched, call));
                assert_eq!(in_worker, expected, "{call} in a worker under {shape:?}");
                *answers.entry(in_worker.kind()).or_default() += 1;
            }
            let (template, worker) = (decisions.0.to_vec(), decisions.1.to_vec());
            proofs.push(Proof { shape, looked_at: watched.looked_at(), template, worker });
        }
    }
    println!(
        "{} shapes, {} calls in template and worker; {} proofs; in the worker: {answers:?}",
        shapes().len(),
        corpus.all().count(),
        proofs.iter().map(Vec::len).sum::<usize>()
    );
}

#[test]
fn both_parts_of_a_filter_answer_as_the_whole() {
    let corpus = Corpus::new();
    // Per number, the instructions that were compared already.
    let mut compared: Vec<Vec<[Vec<sock_filter>; 3]>> = (0..NUMBERS).map(|_| Vec::new()).collect();
    let (mut answers, mut left) = (0, BTreeMap::<&str, u64>::new());
    for shape in shapes() {
        let whole = [template_filter(&shape)];
        let parts = template_filter_in_parts(&shape);
        parts.iter().for_each(|program| interpreter::check(program));
        assert_eq!(parts[0][..6], whole[0][..6], "architecture and number are judged by the first");
        for (number, compared) in (0..NUMBERS).zip(&mut compared) {
            let instructions = [&whole[0], &parts[0], &parts[1]].map(|program| decision(program, number).to_vec());
            if compared.contains(&instructions) {
                continue;
            }
            for call in corpus.of(number) {
                let expected = judge(&whole, call);
                assert_eq!(judge(&parts, call), expected, "{call} under {shape:?}");
                let first = judge(&parts[..1], call);
                if first != expected {
                    let name = name(number.into()).unwrap_or_default();
                    assert!(SETUP.contains(&number.into()) && first == Answer::Allow, "{call} under {shape:?}");
                    *left.entry(name).or_default() += 1;
                }
                answers += 1;
            }
            compared.push(instructions);
        }
    }
    // Each is there for a reason: some shape refuses it.
    assert_eq!(left.len(), SETUP.len(), "{left:?}");
    println!("{} shapes, {answers} answers; left to a template that is being made: {left:?}", shapes().len());
}

#[test]
fn a_filter_asks_at_its_gates_and_nowhere_else() {
    /// Everything that starts a thread; a process as well, where programs may be run.
    const STARTS: [u32; 2] = [0x3D_0F00, 0x7D_0F00];
    const STARTS_WITH_PROGRAMS: [u32; 6] = [0x3D_0F00, 0x7D_0F00, 0x5_0F00, 0x11, 0x120_0011, 0x4111];
    let corpus = Corpus::new();
    let mut asked = 0;
    for shape in shapes() {
        let template = [template_filter(&shape)];
        let worker = [worker_filter(&shape, PID)];
        assert!(!asks(&worker[0]), "{shape:?}");
        if !shape.asks() {
            assert!(!asks(&template[0]), "{shape:?}");
            continue;
        }
        for number in 0..=NEWEST {
            let name = name(number.into()).unwrap_or_default();
            let gate = match name {
                "clone" => shape.threads,
                "fork" | "vfork" if shape.exec => shape.threads,
                "listen" => shape.listen,
                _ => Gate::Closed,
            };
            let decision = decision(&template[0], number);
            assert_eq!(asks(decision), gate == Gate::ZygoteRequest, "{name} under {shape:?}");
            if gate != Gate::ZygoteRequest {
                continue;
            }
            for call in corpus.of(number) {
                let flags = call.arguments[0] as u32;
                let expected = match name {
                    "clone" if shape.exec => STARTS_WITH_PROGRAMS.contains(&flags),
                    "clone" => STARTS.contains(&flags),
                    // The handler's words for it.
                    "listen" if !shape.exec => call.arguments[2] as u32 == 0x6761_6F6C,
                    _ => true,
                };
                let answer = judge(&template, call);
                assert_eq!(answer == Answer::Ask, expected, "{call} under {shape:?}");
                // The worker's filter does not answer in the listener's place.
                if expected {
                    assert_eq!(answer.and_later(judge(&worker, call)), Answer::Ask, "{call} under {shape:?}");
                    asked += 1;
                }
            }
        }
    }
    println!("{asked} calls asked about");
}

/// Whether it could return a question.
fn asks(program: &[sock_filter]) -> bool {
    const RETURN: u16 = 0x06;
    program.iter().any(|instruction| instruction.code == RETURN && instruction.k == libc::SECCOMP_RET_USER_NOTIF)
}

#[test]
fn nothing_is_handled_where_programs_are_run() {
    let mut rows = 0;
    for shape in shapes().into_iter().filter(|shape| shape.exec) {
        for (number, decision) in syscalls::template(&shape).rows().chain(syscalls::worker(&shape, PID).rows()) {
            let mut actions = decision.rules.iter().map(|rule| rule.action).chain([decision.otherwise]);
            assert!(!actions.any(|action| action == Action::Handle), "{:?} under {shape:?}", name(number.into()));
            rows += 1;
        }
    }
    println!("{rows} rows, none handled");
}

#[test]
fn foreign_architectures_and_numbers_kill() {
    const I386: u32 = 0x4000_0003;
    const ARM: u32 = 0x4000_0028;
    const X86_64: u32 = 0xC000_003E;
    const AARCH64: u32 = 0xC000_00B7;
    let mut tried = 0;
    let first = template_filter(&shapes()[0]);
    // Architecture, kill, number, kill.
    let judges_both = |program: &[sock_filter]| program[..6] == first[..6];
    assert!(shapes().iter().all(|shape| judges_both(&template_filter(shape))), "whatever the shape");
    for shape in few_shapes() {
        let programs = [template_filter(&shape), worker_filter(&shape, PID)];
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
    let mut longest = (0, 0);
    for shape in shapes() {
        let template = template_filter(&shape);
        let worker = worker_filter(&shape, PID);
        for program in [&template, &worker] {
            interpreter::check(program);
            assert!(program.len() <= LONGEST, "{} instructions under {shape:?}", program.len());
        }
        assert!(worker.len() < 100, "every call pays for the worker's filter: {} instructions", worker.len());
        longest = (longest.0.max(template.len()), longest.1.max(worker.len()));
    }
    for shape in few_shapes() {
        let (template, worker) = (template_filter(&shape).len(), worker_filter(&shape, PID).len());
        println!("{}: template {template}, worker {worker} instructions", in_words(&shape));
    }
    println!("at most: template {}, worker {} instructions", longest.0, longest.1);
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
        // kill, tkill, tgkill, prlimit64, sched_getaffinity; the first three are neighbours on aarch64, and share their code. Who may
        // narrow the sandbox asks prlimit64 twice. What a program starts has an id of its own.
        let pinned = if cfg!(target_arch = "x86_64") { 5 } else { 3 } + usize::from(shape.narrows);
        assert_eq!(changed, if shape.exec { 0 } else { pinned });
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
        for (number, _) in syscalls::template(&shape).rows().chain(syscalls::worker(&shape, PID).rows()) {
            assert!(name(number.into()).is_some(), "{number}");
        }
    }
}
