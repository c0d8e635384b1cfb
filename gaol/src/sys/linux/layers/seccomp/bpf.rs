//! Assembles a table of decisions into one classic-BPF program.
//!
//! The numbers are found by binary search, so a program costs what its depth costs, when it runs and when the kernel
//! checks at installation which calls it always allows. Every leaf ends in a return, hence all jumps go forward and no
//! labels are needed.

use seccompiler::{BpfProgram, sock_filter};

use super::rule::{Action, Condition, Decision, Rule, Table, Test};
use crate::profile::Violation;

const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const JUMP: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const JUMP_IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const JUMP_IF_GREATER_OR_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const JUMP_IF_ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// `AUDIT_ARCH_*` of the running architecture: its ELF machine, 64-bit, little-endian.
#[cfg(target_arch = "x86_64")]
pub(super) const NATIVE: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
pub(super) const NATIVE: u32 = 0xC000_00B7;

/// From here up, numbers are x32 calls on x86_64 and nothing on aarch64. Minus one is here too.
pub(super) const FOREIGN: u32 = 0x4000_0000;

/// A program that decides on every call.
///
/// Calls of a foreign architecture and numbers from [`FOREIGN`] up kill. Numbers above `newest` get ENOSYS, as from a
/// kernel that does not have them yet. What is left and not listed is `unlisted`.
pub(super) fn assemble_whole(table: &Table, unlisted: Action, newest: u32, violation: Violation) -> BpfProgram {
    let kill = returns(Action::Kill, violation);
    let mut program = vec![
        statement(LOAD, ARCHITECTURE),
        jump(JUMP_IF_EQUAL, NATIVE, 1, 0),
        kill.clone(),
        statement(LOAD, NUMBER),
        jump(JUMP_IF_GREATER_OR_EQUAL, FOREIGN, 0, 1),
        kill,
    ];
    let mut leaves = leaves(table, unlisted, violation);
    leaves.push(Leaf { first: newest + 1, code: vec![returns(Action::Answer(libc::ENOSYS), violation)] });
    search(&leaves, &mut program);
    program
}

/// A program that decides on the listed calls and allows all others: to stand above one that [`assemble_whole`] made,
/// which has judged architecture and number.
pub(super) fn assemble_addition(table: &Table, violation: Violation) -> BpfProgram {
    let mut program = vec![statement(LOAD, NUMBER)];
    search(&leaves(table, Action::Allow, violation), &mut program);
    program
}

/// The code for the numbers from `first` up to the next leaf's.
struct Leaf {
    first: u32,
    code: BpfProgram,
}

/// Leaves that cover every number. Neighbours with the same code are one leaf.
fn leaves(table: &Table, unlisted: Action, violation: Violation) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut push = |first: u32, code: BpfProgram| {
        if leaves.last().is_none_or(|leaf| leaf.code != code) {
            leaves.push(Leaf { first, code });
        }
    };
    let mut next = 0;
    for (number, decision) in table.rows() {
        if number > next {
            push(next, vec![returns(unlisted, violation)]);
        }
        push(number, decide(decision, violation));
        next = number + 1;
    }
    push(next, vec![returns(unlisted, violation)]);
    leaves
}

/// Writes what finds the leaf of the number in the accumulator.
fn search(leaves: &[Leaf], program: &mut BpfProgram) {
    if let [leaf] = leaves {
        program.extend_from_slice(&leaf.code);
        return;
    }
    let (below, above) = leaves.split_at(leaves.len() / 2);
    let boundary = above[0].first;
    let length = length(below);
    match u8::try_from(length) {
        Ok(distance) => program.push(jump(JUMP_IF_GREATER_OR_EQUAL, boundary, distance, 0)),
        // A conditional jump reaches 255 instructions, an unconditional one any number.
        Err(_) => program.extend([
            jump(JUMP_IF_GREATER_OR_EQUAL, boundary, 0, 1),
            statement(JUMP, u32::try_from(length).expect("a program is short")),
        ]),
    }
    search(below, program);
    search(above, program);
}

/// How many instructions [`search`] writes.
fn length(leaves: &[Leaf]) -> usize {
    if let [leaf] = leaves {
        return leaf.code.len();
    }
    let (below, above) = leaves.split_at(leaves.len() / 2);
    let length_below = length(below);
    let jumps = if u8::try_from(length_below).is_ok() { 1 } else { 2 };
    jumps + length_below + length(above)
}

fn decide(decision: &Decision, violation: Violation) -> BpfProgram {
    let mut code = BpfProgram::new();
    for rule in &decision.rules {
        code.extend(apply(rule, violation));
    }
    code.push(returns(decision.otherwise, violation));
    code
}

/// Returns the rule's action, or goes on behind the rule.
fn apply(rule: &Rule, violation: Violation) -> BpfProgram {
    let mut code = vec![returns(rule.action, violation)];
    for condition in rule.conditions.iter().rev() {
        let mut tested = test(condition, code.len());
        tested.extend(code);
        code = tested;
    }
    code
}

/// Goes on if the condition holds, otherwise skips what follows it and `rest` instructions more.
fn test(condition: &Condition, rest: usize) -> BpfProgram {
    let low = ARGUMENTS + 8 * u32::from(condition.position);
    let high = low + 4;
    match &condition.test {
        Test::OneOf { mask, values } if values[..] == [0] => {
            vec![statement(LOAD, low), jump(JUMP_IF_ANY_BIT, *mask, distance(rest), 0)]
        }
        Test::OneOf { mask, values } => {
            let mut code = vec![statement(LOAD, low)];
            if *mask != u32::MAX {
                code.push(statement(AND, *mask));
            }
            let last = values.len() - 1;
            code.extend(values.iter().enumerate().map(|(index, value)| {
                jump(JUMP_IF_EQUAL, *value, distance(last - index), if index == last { distance(rest) } else { 0 })
            }));
            code
        }
        Test::Any(bits) => vec![statement(LOAD, low), jump(JUMP_IF_ANY_BIT, *bits, 0, distance(rest))],
        Test::Zero => vec![
            statement(LOAD, high),
            jump(JUMP_IF_EQUAL, 0, 0, distance(rest + 2)),
            statement(LOAD, low),
            jump(JUMP_IF_EQUAL, 0, 0, distance(rest)),
        ],
        Test::Within(bits) => vec![
            statement(LOAD, high),
            jump(JUMP_IF_EQUAL, 0, 0, distance(rest + 2)),
            statement(LOAD, low),
            jump(JUMP_IF_ANY_BIT, !bits, distance(rest), 0),
        ],
    }
}

fn returns(action: Action, violation: Violation) -> sock_filter {
    let value = match (action, violation) {
        (Action::Allow, _) => libc::SECCOMP_RET_ALLOW,
        (Action::Answer(errno), _) | (Action::Refuse(errno), Violation::Deny) => {
            libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()
        }
        // No errno at all, which is success.
        (Action::Ignore, _) => libc::SECCOMP_RET_ERRNO,
        (Action::Ask, _) => libc::SECCOMP_RET_USER_NOTIF,
        (Action::Handle, _) | (Action::Refuse(_), Violation::Kill) => libc::SECCOMP_RET_TRAP,
        (Action::Kill, _) => libc::SECCOMP_RET_KILL_PROCESS,
    };
    statement(RETURN, value)
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// # Panics
///
/// If the decision on one call has become longer than a conditional jump reaches. The tests assemble every table.
fn distance(instructions: usize) -> u8 {
    u8::try_from(instructions).expect("the rules of one call are short")
}
