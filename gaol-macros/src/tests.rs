//! The macros on strings of Rust, without a compiler.

mod expansions;
mod mistakes;
mod reason;
mod tainted;

use proc_macro2::TokenStream;

use crate::expand;

/// The expansion of `#[sandboxed(attribute)] item`, as rustfmt would nearly have it.
fn expanded(attribute: &str, item: &str) -> String {
    formatted(expand(tokens(attribute), tokens(item)))
}

/// The messages of `#[sandboxed(attribute)] item`, in the order in which they are reported.
fn messages(attribute: &str, item: &str) -> Vec<String> {
    errors(expand(tokens(attribute), tokens(item)))
}

fn formatted(output: TokenStream) -> String {
    prettyplease::unparse(&syn::parse2(output).expect("the expansion is a sequence of items"))
}

fn errors(output: TokenStream) -> Vec<String> {
    let mut messages = Vec::new();
    find_errors(output, &mut messages);
    messages
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the test's text is made of Rust tokens")
}

/// The text of each `compile_error! { "…" }`.
fn find_errors(tokens: TokenStream, messages: &mut Vec<String>) {
    let mut tokens = tokens.into_iter();
    while let Some(token) = tokens.next() {
        if token.to_string() != "compile_error" {
            continue;
        }
        let group = tokens.nth(1).map(|group| group.to_string()).unwrap_or_default();
        let literal = group.trim_matches(['{', '}', ' ']);
        let literal: syn::LitStr = syn::parse_str(literal).expect("`compile_error!` takes a string");
        messages.push(literal.value());
    }
}
