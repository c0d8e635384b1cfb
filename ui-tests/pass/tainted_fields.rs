//! `#[derive(Taint)]` on every shape of struct, without a warning of any kind.
#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused, clippy::all, clippy::pedantic)]
#![forbid(unsafe_code)]

use std::marker::PhantomData;

use gaol::{Taint, Tainted, reason};
use serde::{Deserialize, Serialize};

/// Named fields.
#[derive(Debug, Serialize, Deserialize, Taint)]
#[serde(rename_all = "camelCase")]
struct Header {
    /// In pixels.
    #[serde(default)]
    width: u32,
    size: Size,
    r#type: Vec<u8>,
    /// None of the two is read.
    unread: [u8; 4],
}

/// No names.
#[derive(Debug, Serialize, Deserialize, gaol::Taint)]
struct Size(u32, Option<u32>);

/// Parameters of every kind.
#[derive(Taint)]
struct Generic<'a, T: Clone + 'a = u8, const N: usize = 2>
where
    T: Copy,
{
    text: &'a str,
    values: [T; N],
    marker: PhantomData<fn() -> T>,
}

/// A condition behind the fields.
#[derive(Taint)]
struct Wrapper<T>(T)
where
    T: Copy;

/// Itself.
#[derive(Taint)]
struct List<T: Sized> {
    value: T,
    next: Option<Box<Self>>,
    item: <Self as Kind>::Item,
}

trait Kind {
    type Item;
}

impl<T> Kind for List<T> {
    type Item = u16;
}

/// Itself, in an expression.
#[derive(Taint)]
struct Digest {
    bytes: [u8; Self::LENGTH],
}

impl Digest {
    const LENGTH: usize = 3;
}

/// A field that is deprecated.
#[derive(Taint)]
#[non_exhaustive]
struct Old {
    #[deprecated]
    width: u32,
}

/// What is visible stays so.
mod visible {
    /// All of it.
    #[derive(Debug, gaol::Taint)]
    pub(crate) struct Header {
        /// Seen.
        pub(crate) width: u32,
        pub(super) height: u32,
        checksum: u32,
    }

    impl Header {
        pub(crate) fn new() -> Self {
            Self { width: 1, height: 2, checksum: 3 }
        }
    }
}

macro_rules! tainted {
    ($name:ident, $($field:ident: $type:ty),*) => {
        #[derive(Taint)]
        struct $name {
            $($field: $type,)*
        }
    };
}

tainted!(FromMacro, width: u32, name: &'static str);

fn trusted<T>(value: Tainted<T>) -> T {
    value.trust_because(reason!("compared with what was put in"))
}

fn main() {
    let header = Tainted::new(Header { width: 1, size: Size(2, Some(3)), r#type: vec![4], unread: [0; 4] });
    let TaintedHeader { width, size, r#type, .. } = header.into();
    let TaintedSize(two, three) = size.split();
    assert_eq!(
        (trusted(width), trusted(two), three.transpose().map(trusted), trusted(r#type)),
        (1, 2, Some(3), vec![4])
    );

    let generic: Generic<'_> = Generic { text: "a", values: [1, 2], marker: PhantomData };
    let TaintedGeneric { text, values, .. } = Tainted::new(generic).split();
    assert_eq!((trusted(text), values.split().map(trusted)), ("a", [1, 2]));
    assert_eq!(trusted(Tainted::new(Wrapper(1)).split().0), 1);

    let end = List { value: 'b', next: None, item: 1 };
    let list = Tainted::new(List { value: 'a', next: Some(Box::new(end)), item: 2 }).split();
    assert_eq!((trusted(list.value), trusted(list.item)), ('a', 2));
    assert_eq!(trusted(list.next).map(|next| next.value), Some('b'));

    assert_eq!(trusted(Tainted::new(Digest { bytes: [0; 3] }).split().bytes), [0; 3]);

    #[allow(deprecated)]
    let old = Tainted::new(Old { width: 1 }).split();
    assert_eq!(trusted(old.width), 1);

    let fields: visible::TaintedHeader = Tainted::new(visible::Header::new()).split();
    assert_eq!(
        format!("{fields:?}"),
        "TaintedHeader { width: Tainted<u32>(..), height: Tainted<u32>(..), checksum: Tainted<u32>(..) }"
    );
    assert_eq!((trusted(fields.width), trusted(fields.height)), (1, 2));

    let TaintedFromMacro { width, name } = Tainted::new(FromMacro { width: 1, name: "a" }).split();
    assert_eq!((trusted(width), trusted(name)), (1, "a"));

    // In a function.
    #[derive(Taint)]
    struct Local(u8);
    assert_eq!(trusted(Tainted::new(Local(1)).split().0), 1);
}
