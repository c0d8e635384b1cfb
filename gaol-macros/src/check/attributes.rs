//! The rule about other attributes of the same function.

use syn::Attribute;

use crate::ast::Function;
use crate::report::Report;

const EXPORTED: &str =
    "would export the call under a symbol for other languages; export a second function that calls this one";
const HARNESS: &str = "hands the function to the test harness, which calls it as itself; annotate a second function and call it from the test";
const PROC_MACRO: &str = "runs inside the compiler, where no sandboxed process can be started; remove one of the two";

/// Attributes that lose their meaning when the body runs in another process, each with what to do instead.
#[rustfmt::skip] // a table
const REFUSED: [(&str, &str); 15] = [
    ("no_mangle", EXPORTED),
    ("export_name", EXPORTED),
    ("link_section", "would place the call, not the body; put it on a function that this one calls"),
    ("test", HARNESS),
    ("bench", HARNESS),
    ("should_panic", HARNESS),
    ("ignore", HARNESS),
    ("proc_macro", PROC_MACRO),
    ("proc_macro_derive", PROC_MACRO),
    ("proc_macro_attribute", PROC_MACRO),
    ("panic_handler", "must not return, and a sandboxed call does; remove one of the two"),
    ("target_feature", "would apply to the call, not to the body; put it on a function that this one calls"),
    ("track_caller", "cannot reach the caller, which is in another process; remove it"),
    ("naked", "leaves no place for the call; remove one of the two"),
    ("sandboxed", "is written twice; write one attribute with all the keys"),
];

/// The attribute must keep the meaning that the user gave it, or be refused.
pub(super) fn check_other_attributes(function: &Function, report: &mut Report) {
    for attribute in &function.attributes {
        if let Some((name, reason)) = refusal(attribute) {
            report.error(attribute, format!("`#[{name}]` {reason}"));
        }
    }
}

/// The attribute's name and why it is refused, if it is.
pub(crate) fn refusal(attribute: &Attribute) -> Option<(&'static str, &'static str)> {
    let mut path = attribute.path().clone();
    if path.is_ident("unsafe") {
        // `#[unsafe(no_mangle)]`, `#[unsafe(export_name = "x")]`
        path = match attribute.meta.require_list().and_then(syn::MetaList::parse_args::<syn::Meta>) {
            Ok(meta) => meta.path().clone(),
            Err(_) => return None,
        };
    }
    // The last segment: `#[gaol::sandboxed]`, `#[tokio::test]`.
    let name = path.segments.last()?.ident.to_string();
    REFUSED.into_iter().find(|(refused, _)| *refused == name)
}
