//! Keys of the attribute whose value is an expression: evaluated at the call, checked by the rules of the literals.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaol_spec::{Network, SpecError};

use crate::profile::{AddressPattern, Operation, Output, PathPattern, Profile, ProfilePath, Violation};

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
        Ok(Cow::Owned(profile))
    }

    /// `read = EXPRESSION`
    #[must_use]
    pub fn read<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("read", value, |path| Operation::FileReadAll(PathPattern::Subpath(path)))
    }

    /// `write = EXPRESSION`
    #[must_use]
    pub fn write<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("write", value, |path| Operation::FileWriteAll(PathPattern::Subpath(path)))
    }

    /// `metadata = EXPRESSION`
    #[must_use]
    pub fn metadata<V: PathValues + ?Sized>(self, value: &V) -> Self {
        self.paths("metadata", value, |path| Operation::FileReadMetadata(PathPattern::Subpath(path)))
    }

    /// `net = EXPRESSION`
    #[must_use]
    pub fn net<V: TextValues + ?Sized>(mut self, value: &V) -> Self {
        value.each(&mut |text| {
            let operation = gaol_spec::parse_network(text).and_then(|network| match network {
                Network::Tcp(port) => Ok(Operation::NetworkOutbound(AddressPattern::Tcp(port))),
                _ => Err(SpecError::new(format!("`{text}` is not built yet; expected `tcp:PORT`"))),
            });
            self.note("net", operation, Change::Operation);
        });
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

    fn paths<V: PathValues + ?Sized>(mut self, key: &str, value: &V, operation: fn(ProfilePath) -> Operation) -> Self {
        value.each(&mut |path| self.note(key, ProfilePath::new(path).map(operation), Change::Operation));
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

/// What `read`, `write` and `metadata` may be: one path, or several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no path; expected a path (`&Path`, `PathBuf`, `&str`, …), or an array, slice or `Vec` of paths"
)]
pub trait PathValues {
    /// Hands over each path.
    fn each(&self, visit: &mut dyn FnMut(&Path));
}

/// What `net` and `env` may be: one text, or several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no text; expected `&str` or `String`, or an array, slice or `Vec` of them"
)]
pub trait TextValues {
    /// Hands over each text.
    fn each(&self, visit: &mut dyn FnMut(&str));
}

/// What `time` and `cpu` may be.
#[diagnostic::on_unimplemented(message = "`{Self}` is no time; expected a `Duration`, or text such as \"2s\"")]
pub trait DurationValue {
    /// The time; `None` lifts the limit.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn duration(&self) -> Result<Option<Duration>, SpecError>;
}

/// What sizes and counts may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no size or count; expected an integer, or text such as \"64MiB\""
)]
pub trait NumberValue {
    /// As a number of bytes; `None` lifts the limit.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn size(&self) -> Result<Option<u64>, SpecError>;
    /// As a count; `None` lifts the limit.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn count(&self) -> Result<Option<u64>, SpecError>;
}

/// What keys with a fixed set of words may be.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is none of the words that belong here; expected text, or the enum itself"
)]
pub trait ChoiceValue<T> {
    /// The choice.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn choice(&self) -> Result<T, SpecError>;
}

macro_rules! single_path {
    ($($type:ty),*) => { $(impl PathValues for $type {
        fn each(&self, visit: &mut dyn FnMut(&Path)) {
            visit(self.as_ref());
        }
    })* };
}
single_path!(Path, PathBuf, str, String, OsStr, OsString, Cow<'_, Path>, ProfilePath);

macro_rules! several {
    ($trait:ident, $item:ty) => {
        impl<T: $trait + ?Sized> $trait for &T {
            fn each(&self, visit: &mut dyn FnMut($item)) {
                (**self).each(visit);
            }
        }
        impl<T: $trait> $trait for [T] {
            fn each(&self, visit: &mut dyn FnMut($item)) {
                self.iter().for_each(|value| value.each(visit));
            }
        }
        impl<T: $trait, const N: usize> $trait for [T; N] {
            fn each(&self, visit: &mut dyn FnMut($item)) {
                self.as_slice().each(visit);
            }
        }
        impl<T: $trait> $trait for Vec<T> {
            fn each(&self, visit: &mut dyn FnMut($item)) {
                self.as_slice().each(visit);
            }
        }
        impl<T: $trait> $trait for Option<T> {
            fn each(&self, visit: &mut dyn FnMut($item)) {
                self.iter().for_each(|value| value.each(visit));
            }
        }
    };
}
several!(PathValues, &Path);
several!(TextValues, &str);

impl TextValues for str {
    fn each(&self, visit: &mut dyn FnMut(&str)) {
        visit(self);
    }
}

impl TextValues for String {
    fn each(&self, visit: &mut dyn FnMut(&str)) {
        visit(self);
    }
}

impl DurationValue for Duration {
    fn duration(&self) -> Result<Option<Duration>, SpecError> {
        gaol_spec::check_duration(*self).map(Some)
    }
}

impl DurationValue for str {
    fn duration(&self) -> Result<Option<Duration>, SpecError> {
        gaol_spec::parse_duration(self)
    }
}

impl DurationValue for String {
    fn duration(&self) -> Result<Option<Duration>, SpecError> {
        self.as_str().duration()
    }
}

impl<T: DurationValue + ?Sized> DurationValue for &T {
    fn duration(&self) -> Result<Option<Duration>, SpecError> {
        (**self).duration()
    }
}

impl<T: DurationValue> DurationValue for Option<T> {
    fn duration(&self) -> Result<Option<Duration>, SpecError> {
        self.as_ref().map_or(Ok(None), T::duration)
    }
}

macro_rules! number {
    ($($type:ty),*) => { $(impl NumberValue for $type {
        fn size(&self) -> Result<Option<u64>, SpecError> {
            let bytes = u64::try_from(*self).map_err(|_| SpecError::new(format!("{self} is negative; expected a number of bytes above 0")))?;
            gaol_spec::check_size(bytes).map(Some)
        }
        fn count(&self) -> Result<Option<u64>, SpecError> {
            let count = u64::try_from(*self).map_err(|_| SpecError::new(format!("{self} is negative; expected a number above 0")))?;
            gaol_spec::check_count(count).map(Some)
        }
    })* };
}
number!(u16, u32, u64, usize, i32, i64, isize);

impl NumberValue for str {
    fn size(&self) -> Result<Option<u64>, SpecError> {
        gaol_spec::parse_size(self)
    }
    fn count(&self) -> Result<Option<u64>, SpecError> {
        gaol_spec::parse_count(self)
    }
}

impl NumberValue for String {
    fn size(&self) -> Result<Option<u64>, SpecError> {
        self.as_str().size()
    }
    fn count(&self) -> Result<Option<u64>, SpecError> {
        self.as_str().count()
    }
}

impl<T: NumberValue + ?Sized> NumberValue for &T {
    fn size(&self) -> Result<Option<u64>, SpecError> {
        (**self).size()
    }
    fn count(&self) -> Result<Option<u64>, SpecError> {
        (**self).count()
    }
}

impl<T: NumberValue> NumberValue for Option<T> {
    fn size(&self) -> Result<Option<u64>, SpecError> {
        self.as_ref().map_or(Ok(None), T::size)
    }
    fn count(&self) -> Result<Option<u64>, SpecError> {
        self.as_ref().map_or(Ok(None), T::count)
    }
}

macro_rules! choice {
    ($type:ty) => {
        impl ChoiceValue<$type> for $type {
            fn choice(&self) -> Result<$type, SpecError> {
                Ok(*self)
            }
        }
        impl ChoiceValue<$type> for str {
            fn choice(&self) -> Result<$type, SpecError> {
                <$type>::parse(self)
            }
        }
        impl ChoiceValue<$type> for String {
            fn choice(&self) -> Result<$type, SpecError> {
                <$type>::parse(self)
            }
        }
    };
}
choice!(Output);
choice!(Violation);

impl<T, V: ChoiceValue<T> + ?Sized> ChoiceValue<T> for &V {
    fn choice(&self) -> Result<T, SpecError> {
        (**self).choice()
    }
}
