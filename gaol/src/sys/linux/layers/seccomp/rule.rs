//! The words in which the tables of system calls are written.

use std::collections::BTreeMap;

use libc::c_long;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// The kernel runs it.
    Allow,
    /// A violation: this errno, or the end of the worker under `violation = "kill"`.
    Refuse(i32),
    /// This errno, whatever the profile says of violations: libc, std or a common program asks by itself, and has a way on without.
    Answer(i32),
    /// The caller is told that it was done, and nothing was: to be told the truth would end it.
    Ignore,
    /// The SIGSYS handler answers.
    Handle,
    /// Whoever holds the filter's listener says whether the kernel runs it.
    Ask,
    /// The end of the worker in any case: no program has a reason to try.
    Kill,
}

/// An argument of a call, by its position.
#[derive(Clone, Copy, Debug)]
pub(super) struct Argument(u8);

pub(super) const fn argument(position: u8) -> Argument {
    assert!(position < 6, "a system call has six arguments");
    Argument(position)
}

/// A question about one argument.
///
/// The kernel's `int` is 32 bits wide: the tests of an `int` do not look at the upper half of the register, because the
/// kernel does not. The tests of a pointer or a `long` look at both halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// `int`: the bits of `mask` are one of these.
    OneOf { mask: u32, values: Vec<u32> },
    /// `int`: at least one of these bits is set.
    Any(u32),
    /// pointer or `long`: it is zero.
    Zero,
    /// `long`: no bit is set but these.
    Within(u32),
}

/// A test and the argument that it looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    pub(super) position: u8,
    pub(super) test: Test,
}

impl Argument {
    /// `int`: equal.
    pub(super) fn is(self, value: u32) -> Condition {
        self.one_of(&[value])
    }

    /// `int`: equal to one of them.
    pub(super) fn one_of(self, values: &[u32]) -> Condition {
        self.masked(u32::MAX, values)
    }

    /// `int`: the bits of `mask` are one of these.
    pub(super) fn masked(self, mask: u32, values: &[u32]) -> Condition {
        self.test(Test::OneOf { mask, values: values.to_vec() })
    }

    /// `int`: none of these bits.
    pub(super) fn lacks(self, bits: u32) -> Condition {
        self.masked(bits, &[0])
    }

    /// `int`: no bit but these.
    pub(super) fn only(self, known: u32) -> Condition {
        self.lacks(!known)
    }

    /// `int`: at least one of these bits.
    pub(super) fn has(self, bits: u32) -> Condition {
        self.test(Test::Any(bits))
    }

    /// pointer or `long`: zero, in both halves.
    pub(super) fn is_zero(self) -> Condition {
        self.test(Test::Zero)
    }

    /// `long`: no other bits than these, in both halves.
    pub(super) fn within(self, bits: u32) -> Condition {
        self.test(Test::Within(bits))
    }

    fn test(self, test: Test) -> Condition {
        Condition { position: self.0, test }
    }
}

/// What becomes of a call whose arguments meet every condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
}

/// The rule of a decision that holds when all `conditions` do.
pub(super) fn when<const N: usize>(conditions: [Condition; N], action: Action) -> Rule {
    Rule { conditions: conditions.into(), action }
}

/// The first rule that holds decides; if none does, `otherwise`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) rules: Vec<Rule>,
    pub(super) otherwise: Action,
}

/// A decision for each call that is listed.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(BTreeMap<u32, Decision>);

impl Table {
    pub(super) fn always(&mut self, call: c_long, action: Action) {
        self.choose(call, [], action);
    }

    pub(super) fn allow(&mut self, calls: &[c_long]) {
        for call in calls {
            self.always(*call, Action::Allow);
        }
    }

    pub(super) fn choose<const N: usize>(&mut self, call: c_long, rules: [Rule; N], otherwise: Action) {
        self.decide(call, rules.into(), otherwise);
    }

    /// # Panics
    ///
    /// If the call is listed already: of two rows, a reader would find one. The tests build every table.
    pub(super) fn decide(&mut self, call: c_long, rules: Vec<Rule>, otherwise: Action) {
        let number = u32::try_from(call).expect("system call numbers are small");
        let listed = self.0.insert(number, Decision { rules, otherwise });
        assert!(listed.is_none(), "system call {number} is listed twice");
    }

    /// This table in two: one that allows `calls` whatever their arguments, and one that has nothing but these calls, and says of them what
    /// this one does. To be under both is to be under this one, where calls that are not listed are `unlisted`.
    pub(super) fn in_parts(mut self, calls: &[c_long], unlisted: Action) -> (Self, Self) {
        let mut rest = Self::default();
        for call in calls {
            let number = u32::try_from(*call).expect("system call numbers are small");
            let decision = self.0.insert(number, Decision { rules: Vec::new(), otherwise: Action::Allow });
            let decision = decision.unwrap_or(Decision { rules: Vec::new(), otherwise: unlisted });
            rest.decide(*call, decision.rules, decision.otherwise);
        }
        (self, rest)
    }

    /// The rows, by number.
    pub(super) fn rows(&self) -> impl Iterator<Item = (u32, &Decision)> {
        self.0.iter().map(|(number, decision)| (*number, decision))
    }
}
