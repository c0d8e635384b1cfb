//! The whole attribute on strings of Rust, without a compiler.

mod expansions;
mod mistakes;

use proc_macro2::TokenStream;

use crate::expand;

/// The expansion of `#[sandboxed(attribute)] item`, as rustfmt would nearly have it.
fn expanded(attribute: &str, item: &str) -> String {
    let output = expand(tokens(attribute), tokens(item));
    prettyplease::unparse(&syn::parse2(output).expect("the expansion is a sequence of items"))
}

/// The messages of `#[sandboxed(attribute)] item`, in the order in which they are reported.
fn messages(attribute: &str, item: &str) -> Vec<String> {
    let mut messages = Vec::new();
    find_errors(expand(tokens(attribute), tokens(item)), &mut messages);
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
