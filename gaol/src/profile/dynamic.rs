//! Keys of the attribute whose value is an expression: evaluated at the call, checked by the rules of the literals.

#[cfg(test)]
mod tests;
mod values;

use std::borrow::Cow;
use std::time::Duration;

use gaol_spec::{SpecError, System};

use crate::profile::{Operation, Output, PathPattern, Profile, Violation, rules};

pub use self::values::{ChoiceValue, DurationValue, NumberValue, PathValues, TextValues};

/// The values of a call's dynamic keys.
#[derive(Debug)]
pub struct Dynamic {
    per_call: bool,
    changes: Vec<Change>,
    problem: Option<String>,
}

#[derive(Debug)]
enum Change {
    Operation(Operation),
    Environment(String),
    Time(Option<Duration>),
    Cpu(Option<Duration>),
    Memory(Option<u64>),
    Files(Option<u64>),
    Threads(Option<u64>),
    FileSize(Option<u64>),
    Reply(Option<u64>),
    Stdout(Output),
    Stderr(Output),
    Violation(Violation),
}

impl Dynamic {
    /// No dynamic key.
    pub const NONE: Self = Self { per_call: false, changes: Vec::new(), problem: None };

    /// `per_call`: an expression names a parameter, so the profile is this call's alone.
    #[must_use]
    pub const fn new(per_call: bool) -> Self {
        Self { per_call, changes: Vec::new(), problem: None }
    }

    /// The profile is this call's alone.
    pub(crate) fn is_per_call(&self) -> bool {
        self.per_call
    }

    /// There is no dynamic key.
    pub(crate) fn is_none(&self) -> bool {
        self.changes.is_empty() && self.problem.is_none()
    }

    /// The profile of this call.
    pub(crate) fn apply<'a>(self, profile: &'a Profile) -> Result<Cow<'a, Profile>, String> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if self.changes.is_empty() {
            return Ok(Cow::Borrowed(profile));
        }
        let mut profile = profile.clone();
        for change in self.changes {
            match change {
                Change::Operation(operation) => {
                    // What two expressions both name is granted once.
                    if !profile.allowed_operations().contains(&operation) {
                        profile.operations_mut().push(operation);
                    }
                }
                Change::Environment(name) => profile.environment_mut().push(Cow::Owned(name)),
                Change::Time(limit) => profile.limits_mut().time = limit,
                Change::Cpu(limit) => profile.limits_mut().cpu = limit,
                Change::Memory(limit) => profile.limits_mut().memory = limit,
                Change::Files(limit) => profile.limits_mut().files = limit,
                Change::Threads(limit) => profile.limits_mut().threads = limit,
                Change::FileSize(limit) => profile.limits_mut().file_size = limit,
                Change::Reply(limit) => profile.limits_mut().reply = limit,
                Change::Stdout(output) => profile.set_stdout(output),
                Change::Stderr(output) => profile.set_stderr(output),
                Change::Violation(violation) => profile.set_violation(violation),
            }
        }
        // The literals were checked by themselves, and the values one by one: here they meet.
        rules::check(&profile).map_err(|error| error.to_string())?;
        Ok(Cow::Owned(profile))
    }

    /// `read = EXPRESSION`
    #[must_use]
    pub fn read<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("read", value, Operation::FileReadAll)
    }

    /// `write = EXPRESSION`
    #[must_use]
    pub fn write<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("write", value, Operation::FileWriteAll)
    }

    /// `metadata = EXPRESSION`
    #[must_use]
    pub fn metadata<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("metadata", value, Operation::FileReadMetadata)
    }

    /// `exec = EXPRESSION`
    #[must_use]
    pub fn exec<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("exec", value, Operation::ProcessExec)
    }

    /// `net = EXPRESSION`
    #[must_use]
    pub fn net<V: TextValues + ?Sized>(self, value: &V) -> Self {
        self.addresses("net", value)
    }

    /// `listen = EXPRESSION`
    #[must_use]
    pub fn listen<V: TextValues + ?Sized>(self, value: &V) -> Self {
        self.addresses("listen", value)
    }

    /// `system = EXPRESSION`
    #[must_use]
    pub fn system<V: ChoiceValue<System> + ?Sized>(mut self, value: &V) -> Self {
        self.note("system", value.choice().map(Operation::of_system), Change::Operation);
        self
    }

    /// `env = EXPRESSION`
    #[must_use]
    pub fn env<V: TextValues + ?Sized>(mut self, value: &V) -> Self {
        value.each(&mut |name| {
            self.note("env", gaol_spec::check_env_name(name).map(|()| name.to_owned()), Change::Environment);
        });
        self
    }

    /// `time = EXPRESSION`
    #[must_use]
    pub fn time<V: DurationValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("time", value.duration(), Change::Time);
        self
    }

    /// `cpu = EXPRESSION`
    #[must_use]
    pub fn cpu<V: DurationValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("cpu", value.duration(), Change::Cpu);
        self
    }

    /// `memory = EXPRESSION`
    #[must_use]
    pub fn memory<V: NumberValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("memory", value.size(), Change::Memory);
        self
    }

    /// `file_size = EXPRESSION`
    #[must_use]
    pub fn file_size<V: NumberValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("file_size", value.size(), Change::FileSize);
        self
    }

    /// `reply = EXPRESSION`
    #[must_use]
    pub fn reply<V: NumberValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("reply", value.size(), Change::Reply);
        self
    }

    /// `files = EXPRESSION`
    #[must_use]
    pub fn files<V: NumberValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("files", value.count(), Change::Files);
        self
    }

    /// `threads = EXPRESSION`
    #[must_use]
    pub fn threads<V: NumberValue + ?Sized>(mut self, value: &V) -> Self {
        self.note("threads", value.count(), Change::Threads);
        self
    }

    /// `stdout = EXPRESSION`
    #[must_use]
    pub fn stdout<V: ChoiceValue<Output> + ?Sized>(mut self, value: &V) -> Self {
        self.note("stdout", value.choice(), Change::Stdout);
        self
    }

    /// `stderr = EXPRESSION`
    #[must_use]
    pub fn stderr<V: ChoiceValue<Output> + ?Sized>(mut self, value: &V) -> Self {
        self.note("stderr", value.choice(), Change::Stderr);
        self
    }

    /// `violation = EXPRESSION`
    #[must_use]
    pub fn violation<V: ChoiceValue<Violation> + ?Sized>(mut self, value: &V) -> Self {
        self.note("violation", value.choice(), Change::Violation);
        self
    }

    fn paths<V: PathValues + ?Sized>(mut self, key: &str, value: &V, operation: fn(PathPattern) -> Operation) -> Self {
        value.each(&mut |pattern| self.note(key, pattern.map(operation), Change::Operation));
        self
    }

    fn addresses<V: TextValues + ?Sized>(mut self, key: &str, value: &V) -> Self {
        value.each(&mut |text| self.note(key, Operation::from_text(key, text), Change::Operation));
        self
    }

    /// Keeps a change, or the first problem.
    fn note<T>(&mut self, key: &str, value: Result<T, SpecError>, change: fn(T) -> Change) {
        match value {
            Ok(value) => self.changes.push(change(value)),
            Err(error) => {
                self.problem.get_or_insert_with(|| format!("`{key} = …`: {error}"));
            }
        }
    }
}

/// Evaluates the expressions of dynamic keys in a closure that may be called again, so that one which would move a parameter is refused
/// where it stands.
pub fn evaluate<T>(expression: impl Fn() -> T) -> T {
    expression()
}
