//! Data that came out of a sandbox, until somebody has verified it.

mod iter;
mod reason;
mod split;
#[cfg(test)]
mod tests;
mod transfer;

use std::any::type_name;
use std::fmt;

pub use self::iter::TaintedIter;
pub use self::reason::{CheckedReason, Reason, from_checked};
pub use self::split::Taint;

/// A value that came from a child, which is taken to be hostile, and that nobody has verified yet.
///
/// Sandboxing a function protects the parent while the function runs. What it returns is chosen by whoever wrote its input: a
/// width of 4 294 967 295, a file name with `../` in it. As a `Tainted<T>` it cannot be used by mistake. There are two ways in,
/// both with a name to search for: [`verify`](Self::verify) (and [`verify_ref`](Self::verify_ref)), which asks a check, and
/// [`trust_because`](Self::trust_because), which asks for a reason.
///
/// ```standalone_crate
/// use gaol::{Tainted, sandboxed};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Header {
///     width: u32,
///     height: u32,
/// }
///
/// /// Parses what nobody trusts.
/// #[sandboxed(memory = "64MiB", time = "2s")]
/// fn parse(bytes: &[u8]) -> gaol::Result<Tainted<Header>> {
///     let [width, height, ..] = *bytes else { panic!("too short") };
///     Ok(Header { width: width.into(), height: height.into() }.into())
/// }
///
/// gaol::main! {
///     fn main() -> gaol::Result<()> {
///         let pixels = parse(&[4, 2])?.verify(|header| match (header.width, header.height) {
///             (width @ 1..=4096, height @ 1..=4096) => Ok(width * height),
///             (width, height) => Err(format!("{width} × {height} is no size of an image")),
///         });
///         assert_eq!(pixels, Ok(8));
///         Ok(())
///     }
/// }
/// ```
///
/// # Where it may stand
///
/// As the result, as an argument, and anywhere in either: in structs, enums, lists, options, tuples. It takes no bytes of its own. Passed
/// on to another sandboxed function (parse in one, render in the next) the value stays tainted on the way. What came in a
/// [`Tainted`] can be taken apart without a look at it: structs and tuples by [`split`](Self::split), options by
/// [`transpose`](Tainted::transpose), lists, sets and maps by [`into_iter`](IntoIterator::into_iter).
///
/// # What it does not have
///
/// `Deref`, `AsRef`, `Borrow`, comparisons, `Hash`, `Display`; its `Debug` prints the type and nothing of the value. There is no `map`: a
/// closure that may do anything with the value is a way in, and `verify` is its name. serde writes and reads it between the parent and a
/// sandbox alone; any other format gets an error. What is seen is only how many elements a list has, and whether an option has a value,
/// where it is taken apart.
///
/// It is a mark for the programmer, not a wall for the child, which cannot reach it: `verify(Ok)` gets past it, and can be found.
#[derive(Clone, Copy)]
#[must_use = "a value from a sandbox says nothing until it is verified; call `verify` or `trust_because`"]
pub struct Tainted<T>(T);

impl<T> Tainted<T> {
    /// Marks a value, so that whoever receives it verifies it. The child's last step: `Ok(Tainted::new(value))`, or `Ok(value.into())`.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Takes the value in, if the check lets it pass, as whatever the check makes of it.
    ///
    /// ```
    /// use gaol::Tainted;
    ///
    /// let width = Tainted::new(640_u32);
    /// let width = width.verify(|width| if width <= 4096 { Ok(width) } else { Err("too wide") });
    /// assert_eq!(width, Ok(640));
    ///
    /// let port = Tainted::new(70_000_u32);
    /// assert!(port.verify(u16::try_from).is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The check's own.
    pub fn verify<U, E>(self, check: impl FnOnce(T) -> Result<U, E>) -> Result<U, E> {
        check(self.0)
    }

    /// Takes in what the check makes of a look at the value, which stays tainted: a part of it, or a fact about it.
    ///
    /// ```
    /// use gaol::Tainted;
    ///
    /// let path = Tainted::new("a/../b".to_owned());
    /// let first = path.verify_ref(|path| path.split('/').next().ok_or("no part"));
    /// assert_eq!(first, Ok("a"));
    /// ```
    ///
    /// # Errors
    ///
    /// The check's own.
    pub fn verify_ref<'a, U, E>(&'a self, check: impl FnOnce(&'a T) -> Result<U, E>) -> Result<U, E> {
        check(&self.0)
    }

    /// Takes the value in without a check, because no value of the type can do harm here, or because it was checked where the compiler
    /// does not see it.
    ///
    /// The reason is a literal that says something, which is checked when the program is compiled: [`reason!`](crate::reason!) makes it.
    ///
    /// ```
    /// use gaol::{Tainted, reason};
    ///
    /// let title = Tainted::new("<b>Gaol</b>".to_owned());
    /// let title = title.trust_because(reason!("shown by a terminal that escapes control characters"));
    /// # assert_eq!(title, "<b>Gaol</b>");
    /// ```
    #[must_use = "the value was taken in and is not used"]
    pub fn trust_because(self, reason: impl CheckedReason) -> T {
        let _ = reason; // is for people
        self.0
    }

    /// A borrow of the value, as tainted as the value.
    pub const fn as_ref(&self) -> Tainted<&T> {
        Tainted(&self.0)
    }

    /// The fields, each tainted by itself: of a tuple, of an array, and of a struct that derives [`Taint`].
    ///
    /// ```
    /// use gaol::Tainted;
    ///
    /// let (name, size) = Tainted::new(("cat.png".to_owned(), 640_u32)).split();
    /// let size = size.verify(|size| if size <= 4096 { Ok(size) } else { Err("too large") });
    /// # assert_eq!(size, Ok(640));
    /// # let _: Tainted<String> = name;
    /// ```
    #[must_use = "the fields say nothing until they are verified, one by one"]
    pub fn split<F>(self) -> F
    where
        T: Taint<Fields = F>,
    {
        self.0.into_fields()
    }
}

impl<T> Tainted<Option<T>> {
    /// The tainted value, if there is one. Whether there is one is the child's word: `Some` is no proof of anything.
    ///
    /// ```
    /// use gaol::Tainted;
    ///
    /// let comment = Tainted::new(Some("a cat".to_owned()));
    /// if let Some(comment) = comment.transpose() {
    ///     let comment = comment.verify(|text| if text.len() < 80 { Ok(text) } else { Err("too long") });
    ///     assert_eq!(comment.as_deref(), Ok("a cat"));
    /// }
    /// ```
    pub fn transpose(self) -> Option<Tainted<T>> {
        self.0.map(Tainted)
    }
}

impl<T> Tainted<Tainted<T>> {
    /// Tainted once, which is enough.
    pub fn flatten(self) -> Tainted<T> {
        self.0
    }
}

impl<T> From<T> for Tainted<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// Prints the type, and nothing of the value: `Tainted<u32>(..)`.
impl<T> fmt::Debug for Tainted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tainted<{}>(..)", type_name::<T>())
    }
}
