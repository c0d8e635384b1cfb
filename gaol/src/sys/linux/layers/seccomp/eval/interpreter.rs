//! Runs seccomp programs as the kernel does: classic BPF on `struct seccomp_data`.

use std::fmt;

use seccompiler::{BpfProgram, sock_filter};

use super::super::bpf::NATIVE;
use super::super::syscalls::name;

/// A system call as a filter sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) number: u32,
    pub(super) architecture: u32,
    pub(super) arguments: [u64; 6],
}

impl Call {
    pub(super) fn new(number: u32, arguments: [u64; 6]) -> Self {
        Self { number, architecture: NATIVE, arguments }
    }

    /// The 32-bit word of `struct seccomp_data` at an offset.
    fn word(&self, offset: u32) -> u32 {
        // Where the call was made from: no filter has a reason to look.
        const INSTRUCTION_POINTER: u64 = 0x5555_AAAA_1234_5678;
        let half = |value: u64| if offset.is_multiple_of(8) { value as u32 } else { (value >> 32) as u32 };
        match offset {
            0 => self.number,
            4 => self.architecture,
            8 | 12 => half(INSTRUCTION_POINTER),
            16..64 if offset.is_multiple_of(4) => half(self.arguments[(offset as usize - 16) / 8]),
            _ => panic!("the kernel refuses a load from {offset}"),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = name(self.number.into()).unwrap_or("?");
        write!(f, "{name}[{}]({:#x?})", self.number, self.arguments)
    }
}

/// What the kernel does about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Allow,
    Ask,
    /// Success, and nothing done.
    Ignored,
    Errno(i32),
    Trap,
    Kill,
}

impl Answer {
    pub(super) fn of(value: u32) -> Self {
        match value & libc::SECCOMP_RET_ACTION_FULL {
            libc::SECCOMP_RET_ALLOW => Self::Allow,
            libc::SECCOMP_RET_ERRNO if value & libc::SECCOMP_RET_DATA == 0 => Self::Ignored,
            libc::SECCOMP_RET_ERRNO => Self::Errno((value & libc::SECCOMP_RET_DATA) as i32),
            libc::SECCOMP_RET_USER_NOTIF => Self::Ask,
            libc::SECCOMP_RET_TRAP => Self::Trap,
            libc::SECCOMP_RET_KILL_PROCESS => Self::Kill,
            other => panic!("no table says {other:#x}"),
        }
    }

    /// The kernel's order: a stricter answer counts, whichever filter gave it.
    fn strictness(self) -> u8 {
        match self {
            Self::Allow => 0,
            Self::Ask => 1,
            Self::Ignored | Self::Errno(_) => 2,
            Self::Trap => 3,
            Self::Kill => 4,
        }
    }

    /// The answer of an older filter and of one installed later: of two that are as strict, the later's counts.
    pub(super) fn and_later(self, later: Self) -> Self {
        if later.strictness() >= self.strictness() { later } else { self }
    }

    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Ignored => "ignore",
            Self::Errno(_) => "errno",
            Self::Trap => "trap",
            Self::Kill => "kill",
        }
    }
}

/// What filters, in the order in which they were installed, make of a call.
pub(super) fn judge(programs: &[BpfProgram], call: &Call) -> Answer {
    programs.iter().fold(Answer::Allow, |answer, program| answer.and_later(Answer::of(run(program, call))))
}

const LOAD: u16 = 0x20;
const AND: u16 = 0x54;
const JUMP: u16 = 0x05;
const JUMP_IF_EQUAL: u16 = 0x15;
const JUMP_IF_GREATER: u16 = 0x25;
const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35;
const JUMP_IF_ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

/// What one program returns.
pub(super) fn run(program: &[sock_filter], call: &Call) -> u32 {
    let mut accumulator = 0_u32;
    let mut next = 0;
    loop {
        let instruction = &program[next];
        next += 1;
        let k = instruction.k;
        let branch = |holds: bool| usize::from(if holds { instruction.jt } else { instruction.jf });
        match instruction.code {
            LOAD => accumulator = call.word(k),
            AND => accumulator &= k,
            JUMP => next += k as usize,
            JUMP_IF_EQUAL => next += branch(accumulator == k),
            JUMP_IF_GREATER => next += branch(accumulator > k),
            JUMP_IF_GREATER_OR_EQUAL => next += branch(accumulator >= k),
            JUMP_IF_ANY_BIT => next += branch(accumulator & k != 0),
            RETURN => return k,
            code => panic!("the tables do not need the instruction {code:#x}"),
        }
    }
}

/// The part of a program that decides on one native call, once its number has been found. Nothing else of the program can have a say.
pub(super) fn decision(program: &[sock_filter], number: u32) -> &[sock_filter] {
    let call = Call::new(number, [0; 6]);
    let mut accumulator = 0;
    let mut next = 0;
    loop {
        let instruction = &program[next];
        let branch = |holds: bool| usize::from(if holds { instruction.jt } else { instruction.jf });
        match instruction.code {
            LOAD if instruction.k < 16 => accumulator = call.word(instruction.k),
            JUMP => next += instruction.k as usize,
            JUMP_IF_EQUAL => next += branch(accumulator == instruction.k),
            JUMP_IF_GREATER_OR_EQUAL => next += branch(accumulator >= instruction.k),
            // An argument, or the answer.
            LOAD | RETURN => break,
            code => panic!("the number is not looked up by the instruction {code:#x}"),
        }
        next += 1;
    }
    let (start, mut last) = (next, next);
    while next <= last {
        let instruction = &program[next];
        last = last.max(match instruction.code {
            RETURN => next,
            JUMP => next + 1 + instruction.k as usize,
            LOAD | AND => next + 1,
            _ => next + 1 + usize::from(instruction.jt.max(instruction.jf)),
        });
        assert!(instruction.code != LOAD || instruction.k >= 16, "it decides by arguments");
        next += 1;
    }
    &program[start..next]
}

/// Checks what the kernel checks before it takes a program, and that every instruction can be reached.
pub(super) fn check(program: &[sock_filter]) {
    let mut reached = vec![false; program.len()];
    reached[0] = true;
    for (index, instruction) in program.iter().enumerate() {
        assert!(reached[index], "instruction {index} cannot be reached");
        let mut reach = |distance: usize| {
            let target = index + 1 + distance;
            assert!(target < program.len(), "instruction {index} leaves the program");
            reached[target] = true;
        };
        match instruction.code {
            LOAD | AND => reach(0),
            JUMP => reach(instruction.k as usize),
            JUMP_IF_EQUAL | JUMP_IF_GREATER | JUMP_IF_GREATER_OR_EQUAL | JUMP_IF_ANY_BIT => {
                reach(instruction.jt.into());
                reach(instruction.jf.into());
            }
            RETURN => {
                let _known = Answer::of(instruction.k);
            }
            code => panic!("the tables do not need the instruction {code:#x}"),
        }
    }
}
