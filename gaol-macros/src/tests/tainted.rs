//! What `#[derive(Taint)]` makes of each shape of struct, and what it says of everything else.

use expect_test::{Expect, expect};

use super::{errors, formatted, tokens};
use crate::tainted::expand;

fn check(item: &str, expected: Expect) {
    expected.assert_eq(&formatted(expand(tokens(item))));
}

/// The second struct alone.
fn check_struct(item: &str, expected: Expect) {
    let all = formatted(expand(tokens(item)));
    let lines = all.lines().take_while(|line| !line.starts_with("#[automatically_derived]"));
    let lines = lines.skip_while(|line| line.starts_with("#["));
    expected.assert_eq(&lines.map(|line| format!("{line}\n")).collect::<String>());
}

/// The `impl` lines and what they name.
fn check_impls(item: &str, expected: Expect) {
    let all = formatted(expand(tokens(item)));
    let start = all.find("#[automatically_derived]").expect("there are impls");
    expected.assert_eq(&all[start..]);
}

fn messages(item: &str) -> Vec<String> {
    errors(expand(tokens(item)))
}

#[test]
fn named_fields() {
    check(
        "/// A header.\n#[derive(Serialize)] #[serde(rename_all = \"camelCase\")]\n\
         pub struct Header { /// In pixels.\n #[serde(default)] pub width: u32, name: String, pub(crate) r#type: Vec<u8> }",
        expect![[r#"
            /// [`Header`] from a sandbox, field by field.
            #[derive(::gaol::__private::Debug)]
            #[allow(dead_code, missing_docs, clippy::type_complexity)]
            pub struct TaintedHeader {
                /// In pixels.
                pub width: ::gaol::__private::Tainted<u32>,
                name: ::gaol::__private::Tainted<String>,
                pub(crate) r#type: ::gaol::__private::Tainted<Vec<u8>>,
            }
            #[automatically_derived]
            #[allow(deprecated)]
            impl ::gaol::__private::Taint for Header {
                type Fields = TaintedHeader;
                fn into_fields(self) -> TaintedHeader {
                    TaintedHeader {
                        width: ::gaol::__private::Tainted::new(self.width),
                        name: ::gaol::__private::Tainted::new(self.name),
                        r#type: ::gaol::__private::Tainted::new(self.r#type),
                    }
                }
            }
            #[automatically_derived]
            impl ::gaol::__private::From<::gaol::__private::Tainted<Header>> for TaintedHeader {
                fn from(tainted: ::gaol::__private::Tainted<Header>) -> Self {
                    ::gaol::__private::Tainted::split(tainted)
                }
            }
        "#]],
    );
}

#[test]
fn tuple_struct() {
    check(
        "pub(crate) struct Size(pub u32, Option<u32>);",
        expect![[r#"
        /// [`Size`] from a sandbox, field by field.
        #[derive(::gaol::__private::Debug)]
        #[allow(dead_code, missing_docs, clippy::type_complexity)]
        pub(crate) struct TaintedSize(
            pub ::gaol::__private::Tainted<u32>,
            ::gaol::__private::Tainted<Option<u32>>,
        );
        #[automatically_derived]
        #[allow(deprecated)]
        impl ::gaol::__private::Taint for Size {
            type Fields = TaintedSize;
            fn into_fields(self) -> TaintedSize {
                TaintedSize {
                    0: ::gaol::__private::Tainted::new(self.0),
                    1: ::gaol::__private::Tainted::new(self.1),
                }
            }
        }
        #[automatically_derived]
        impl ::gaol::__private::From<::gaol::__private::Tainted<Size>> for TaintedSize {
            fn from(tainted: ::gaol::__private::Tainted<Size>) -> Self {
                ::gaol::__private::Tainted::split(tainted)
            }
        }
    "#]],
    );
}

#[test]
fn generics_are_those_of_the_struct() {
    check(
        "struct Part<'a, T: Clone + 'a = u8, const N: usize = 4> where T: Copy { text: &'a str, values: [T; N] }",
        expect![[r#"
            /// [`Part`] from a sandbox, field by field.
            #[derive(::gaol::__private::Debug)]
            #[allow(dead_code, missing_docs, clippy::type_complexity)]
            struct TaintedPart<'a, T: Clone + 'a = u8, const N: usize = 4>
            where
                T: Copy,
            {
                text: ::gaol::__private::Tainted<&'a str>,
                values: ::gaol::__private::Tainted<[T; N]>,
            }
            #[automatically_derived]
            #[allow(deprecated)]
            impl<'a, T: Clone + 'a, const N: usize> ::gaol::__private::Taint for Part<'a, T, N>
            where
                T: Copy,
            {
                type Fields = TaintedPart<'a, T, N>;
                fn into_fields(self) -> TaintedPart<'a, T, N> {
                    TaintedPart {
                        text: ::gaol::__private::Tainted::new(self.text),
                        values: ::gaol::__private::Tainted::new(self.values),
                    }
                }
            }
            #[automatically_derived]
            impl<
                'a,
                T: Clone + 'a,
                const N: usize,
            > ::gaol::__private::From<::gaol::__private::Tainted<Part<'a, T, N>>>
            for TaintedPart<'a, T, N>
            where
                T: Copy,
            {
                fn from(tainted: ::gaol::__private::Tainted<Part<'a, T, N>>) -> Self {
                    ::gaol::__private::Tainted::split(tainted)
                }
            }
        "#]],
    );
    check_struct(
        "struct Part<T>(T) where T: Copy;",
        expect![[r#"
        /// [`Part`] from a sandbox, field by field.
        #[derive(::gaol::__private::Debug)]
        #[allow(dead_code, missing_docs, clippy::type_complexity)]
        struct TaintedPart<T>(
            ::gaol::__private::Tainted<T>,
        )
        where
            T: Copy;
    "#]],
    );
}

#[test]
fn self_is_the_first_struct() {
    check_struct(
        "struct List { next: Option<Box<Self>>, bytes: [u8; Self::LENGTH], item: <Self as Kind>::Item, other: Vec<Self::Item> }",
        expect![[r#"
            /// [`List`] from a sandbox, field by field.
            #[derive(::gaol::__private::Debug)]
            #[allow(dead_code, missing_docs, clippy::type_complexity)]
            struct TaintedList {
                next: ::gaol::__private::Tainted<Option<Box<List>>>,
                bytes: ::gaol::__private::Tainted<[u8; <List>::LENGTH]>,
                item: ::gaol::__private::Tainted<<List as Kind>::Item>,
                other: ::gaol::__private::Tainted<Vec<<List>::Item>>,
            }
        "#]],
    );
    check_struct(
        "struct List<T>(Option<Box<Self>>, T) where Self: Sized;",
        expect![[r#"
        /// [`List`] from a sandbox, field by field.
        #[derive(::gaol::__private::Debug)]
        #[allow(dead_code, missing_docs, clippy::type_complexity)]
        struct TaintedList<T>(
            ::gaol::__private::Tainted<Option<Box<List<T>>>>,
            ::gaol::__private::Tainted<T>,
        )
        where
            List<T>: Sized;
    "#]],
    );
}

#[test]
fn what_may_grow_may_grow_and_what_is_hidden_is_hidden() {
    check_struct(
        "#[non_exhaustive] #[doc(hidden)] #[must_use] pub struct Header { pub width: u32 }",
        expect![[r#"
        /// [`Header`] from a sandbox, field by field.
        #[derive(::gaol::__private::Debug)]
        #[allow(dead_code, missing_docs, clippy::type_complexity)]
        #[non_exhaustive]
        #[doc(hidden)]
        pub struct TaintedHeader {
            pub width: ::gaol::__private::Tainted<u32>,
        }
    "#]],
    );
}

#[test]
fn the_library_may_have_another_name() {
    check_impls(
        "#[taint(crate = crate::sandbox)] struct Header { width: u32 }",
        expect![[r#"
        #[automatically_derived]
        #[allow(deprecated)]
        impl crate::sandbox::__private::Taint for Header {
            type Fields = TaintedHeader;
            fn into_fields(self) -> TaintedHeader {
                TaintedHeader {
                    width: crate::sandbox::__private::Tainted::new(self.width),
                }
            }
        }
        #[automatically_derived]
        impl crate::sandbox::__private::From<crate::sandbox::__private::Tainted<Header>>
        for TaintedHeader {
            fn from(tainted: crate::sandbox::__private::Tainted<Header>) -> Self {
                crate::sandbox::__private::Tainted::split(tainted)
            }
        }
    "#]],
    );
}

#[test]
fn what_has_no_fields_to_taint() {
    for (item, expected) in [
        ("struct Nothing;", "`Nothing` has no field to taint; remove `Taint`"),
        ("struct Nothing {}", "`Nothing` has no field to taint; remove `Taint`"),
        ("struct Nothing();", "`Nothing` has no field to taint; remove `Taint`"),
        (
            "enum Shape { Point, Circle(u32) }",
            "the child chooses the variant of `Shape` too, so an enum is verified as a whole; remove `Taint`, and write \
             `Tainted<Shape>` where it is returned",
        ),
        (
            "union Bits { float: f32, bits: u32 }",
            "nothing says which field of `Bits` is there; return a struct, or an enum that is verified as a whole",
        ),
    ] {
        assert_eq!(messages(item), [expected], "{item}");
    }
}

#[test]
fn attributes() {
    const FIELD: &str = "every field is tainted, since every field comes from the child; remove this, and call `trust_because` \
                         where the field is used";
    for (item, expected) in [
        (
            "#[taint(skip)] struct Header { width: u32 }",
            &["`skip` is not a key of `#[taint(…)]`; expected `crate`, as in `#[taint(crate = my_gaol)]`"][..],
        ),
        (
            "#[taint(crate)] struct Header { width: u32 }",
            &["`crate` has no value; expected the path of the library, as in `crate = my_gaol`"],
        ),
        (
            "#[taint(crate = \"gaol\")] struct Header { width: u32 }",
            &["`\"gaol\"` is not a path; expected the path of the library, as in `crate = my_gaol`"],
        ),
        ("struct Header { #[taint(skip)] width: u32, #[taint(skip)] height: u32 }", &[FIELD, FIELD]),
        (
            "#[taint(name = X)] enum Shape { Point }",
            &[
                "`name` is not a key of `#[taint(…)]`; expected `crate`, as in `#[taint(crate = my_gaol)]`",
                "the child chooses the variant of `Shape` too, so an enum is verified as a whole; remove `Taint`, and write \
             `Tainted<Shape>` where it is returned",
            ],
        ),
    ] {
        assert_eq!(messages(item), expected, "{item}");
    }
}

#[test]
fn a_mistake_in_an_attribute_leaves_the_second_struct() {
    let output = formatted(expand(tokens("struct Header { #[taint(skip)] width: u32 }")));
    assert!(output.contains("struct TaintedHeader"), "{output}");
}
