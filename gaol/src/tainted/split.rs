//! Types that fall into fields, each of which can be tainted by itself.

use super::Tainted;

/// A type whose fields can be tainted one by one, which [`Tainted::split`] does.
///
/// Derive it for a struct. That makes a second struct of the same fields, all [`Tainted`]:
///
/// ```
/// use gaol::{Taint, Tainted, reason};
///
/// #[derive(Taint)]
/// struct Header {
///     width: u32,
///     name: String,
/// }
///
/// // struct TaintedHeader { width: Tainted<u32>, name: Tainted<String> }
///
/// let header = Tainted::new(Header { width: 640, name: "cat".to_owned() });
/// let TaintedHeader { width, name } = header.split();
/// let width = width.verify(|width| if width <= 4096 { Ok(width) } else { Err("too wide") });
/// let name = name.trust_because(reason!("compared with names that we chose"));
/// # assert_eq!((width, name), (Ok(640), "cat".to_owned()));
/// ```
///
/// `TaintedHeader::from(header)` does the same. A field that falls apart too is split further: `header.size.split()`.
///
/// Tuples and arrays have it. Which variant an enum is, is data as well, so that an enum is verified as a whole.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fall into fields that can be tainted one by one",
    note = "write `#[derive(gaol::Taint)]` on a struct; anything else is verified as a whole"
)]
pub trait Taint: Sized {
    /// The same fields, each tainted.
    type Fields;

    #[doc(hidden)]
    fn into_fields(self) -> Self::Fields;
}

impl<T, const N: usize> Taint for [T; N] {
    type Fields = [Tainted<T>; N];

    fn into_fields(self) -> Self::Fields {
        self.map(Tainted)
    }
}

macro_rules! split_tuples {
    ($(($($field:ident)+))*) => {$(
        impl<$($field),+> Taint for ($($field,)+) {
            type Fields = ($(Tainted<$field>,)+);

            #[allow(non_snake_case, reason = "a type parameter names its field")]
            fn into_fields(self) -> Self::Fields {
                let ($($field,)+) = self;
                ($(Tainted($field),)+)
            }
        }
    )*};
}

// As many as the standard library's traits know. None of one, which rustc would propose for whatever else does not split.
split_tuples! {
    (A B)
    (A B C)
    (A B C D)
    (A B C D E)
    (A B C D E F)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
    (A B C D E F G H I J)
    (A B C D E F G H I J K)
    (A B C D E F G H I J K L)
}
