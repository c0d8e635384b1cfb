//! What an expression may evaluate to, key by key.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use gaol_spec::{SpecError, System};

use crate::profile::{Output, PathPattern, ProfilePath, Violation};

/// What `read`, `write`, `metadata` and `exec` may be: one path, or several.
///
/// A `str` or `String` is read as a literal of the attribute is: `"literal:/etc/hosts"` is that one file. What is a path by its type is
/// a path and nothing else, and stands for itself and everything beneath it. A [`PathPattern`] says which of the two it is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no path; expected a path (`&Path`, `PathBuf`, `&str`, …), or an array, slice or `Vec` of paths"
)]
pub trait PathValues {
    /// Hands over each path, or what is wrong with it.
    fn each(&self, visit: &mut dyn FnMut(Result<PathPattern, SpecError>));
}

/// What `net`, `listen` and `env` may be: one text, or several.
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
#[diagnostic::on_unimplemented(message = "`{Self}` is not a valid value here; expected text, or the enum itself")]
pub trait ChoiceValue<T> {
    /// The choice.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    fn choice(&self) -> Result<T, SpecError>;
}

macro_rules! path {
    ($($type:ty),*) => { $(impl PathValues for $type {
        fn each(&self, visit: &mut dyn FnMut(Result<PathPattern, SpecError>)) {
            let path: &Path = self.as_ref();
            visit(PathPattern::subpath(path));
        }
    })* };
}
path!(Path, PathBuf, OsStr, OsString, Cow<'_, Path>, ProfilePath);

macro_rules! path_text {
    ($($type:ty),*) => { $(impl PathValues for $type {
        fn each(&self, visit: &mut dyn FnMut(Result<PathPattern, SpecError>)) {
            visit(PathPattern::from_text(OsStr::new(self)));
        }
    })* };
}
path_text!(str, String);

impl PathValues for PathPattern {
    fn each(&self, visit: &mut dyn FnMut(Result<PathPattern, SpecError>)) {
        visit(Ok(self.clone()));
    }
}

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
several!(PathValues, Result<PathPattern, SpecError>);
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
choice!(System);
choice!(Violation);

impl<T, V: ChoiceValue<T> + ?Sized> ChoiceValue<T> for &V {
    fn choice(&self) -> Result<T, SpecError> {
        (**self).choice()
    }
}
