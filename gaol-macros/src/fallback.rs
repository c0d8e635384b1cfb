//! What a mistake leaves behind: the errors, and the item as it was written, so that one mistake is not twenty errors.
//!
//! A stub with an empty body would do for the callers; the whole item also keeps rustc's own messages about the body,
//! and does not make whatever only the body uses look unused. Nothing runs outside a sandbox that was meant to run in
//! one, since the program does not compile.

use proc_macro2::TokenStream;
use quote::ToTokens;

use crate::ast::Function;
use crate::check::attributes;
use crate::report::Report;

/// The errors, and the item beside them.
pub(crate) fn keep_item(item: TokenStream, report: Report) -> TokenStream {
    let mut output = report.into_tokens();
    output.extend(item);
    output
}

/// The errors, and the function beside them.
pub(crate) fn keep_function(mut function: Function, report: Report) -> TokenStream {
    // A refused attribute has had its error; left in place it might cause another.
    function.attributes.retain(|attribute| attributes::refusal(attribute).is_none());
    let mut output = report.into_tokens();
    function.to_tokens(&mut output);
    output
}
