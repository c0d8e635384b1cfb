//! The `#[sandboxed]` attribute of gaol.

mod ast;
mod attr;
mod cfg;
mod check;
mod expand;
mod fallback;
mod function;
mod names;
mod report;
mod spec;
#[cfg(test)]
mod tests;
mod text;

use proc_macro2::TokenStream;

use crate::report::Report;

/// Runs the function in a sandboxed process.
#[proc_macro_attribute]
pub fn sandboxed(attribute: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(attribute.into(), item.into()).into()
}

/// Parse, read the values, check, expand.
fn expand(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let arguments = attr::parse(attribute.clone(), &mut report);
    let function = match function::parse(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            report.push(error);
            return fallback::keep_item(item, report);
        }
    };
    if let Some(both) = cfg::split(&attribute, &arguments, &function) {
        return both;
    }
    let profile = spec::read(&arguments, &mut report);
    check::check(&arguments, &profile, &function, &mut report);
    if !report.is_empty() {
        return fallback::keep_function(function, report);
    }
    expand::expand(&arguments, &profile, &function)
}
