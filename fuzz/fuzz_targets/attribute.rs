//! The attribute, the derive and the reason of tainted data, on any tokens: an expansion that is Rust, or errors and the item as it was.
#![no_main]

use gaol_macros_plain::plain;
use libfuzzer_sys::fuzz_target;
use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// rustc's own parser ends deeper nesting than this with an error (`recursion_limit`), before a macro sees it.
const DEEPEST: usize = 40;

fuzz_target!(|data: &[u8]| {
    let Some((way, data)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    match way % 5 {
        0 | 1 => {
            // `read = "/data" ## fn f() {}`: the attribute and the item.
            let (attribute, item) =
                text.split_once("##").unwrap_or((text, "fn f(a: &str) -> gaol::Result<()> { Ok(()) }"));
            sandboxed(attribute, item);
        }
        2 => sandboxed("", text),
        3 => {
            if let Some(input) = tokens(text) {
                let expanded = plain::taint(input.clone());
                let is_item = syn::parse2::<syn::DeriveInput>(input).is_ok();
                check(&expanded, is_item, true, text);
            }
        }
        _ => {
            if let Some(input) = tokens(text) {
                let expanded = plain::checked_reason(input);
                let error = has_error(expanded.clone());
                assert!(error || syn::parse2::<syn::Expr>(expanded.clone()).is_ok(), "{text}\n{expanded}");
            }
        }
    }
});

fn sandboxed(attribute: &str, item: &str) {
    let (Some(attribute), Some(item)) = (tokens(attribute), tokens(item)) else { return };
    // rustc hands an item to the macro that it has read itself.
    let is_item = syn::parse2::<syn::Item>(item.clone()).is_ok();
    // What stands in a function's body is not read, and comes out as it went in.
    let is_read = is_item || syn::parse2::<syn::Item>(without_body(item.clone())).is_err();
    let text = format!("#[sandboxed({attribute})] {item}");
    let expanded = plain::sandboxed(attribute, item);
    check(&expanded, is_item, is_read, &text);
}

/// The item, with nothing in the braces that it ends with.
fn without_body(item: TokenStream) -> TokenStream {
    let mut tokens: Vec<TokenTree> = item.into_iter().collect();
    if let Some(TokenTree::Group(body)) = tokens.last_mut().filter(|last| matches!(last, TokenTree::Group(_)))
        && body.delimiter() == Delimiter::Brace
    {
        *body = Group::new(Delimiter::Brace, TokenStream::new());
    }
    tokens.into_iter().collect()
}

/// What came out has an error in it or is Rust and, where an item came in, is Rust in any case. What is no Rust in what is not read needs
/// no error: rustc has one of its own.
fn check(expanded: &TokenStream, is_item: bool, is_read: bool, text: &str) {
    let error = has_error(expanded.clone());
    match syn::parse2::<syn::File>(expanded.clone()) {
        Ok(file) => assert!(error || !file.items.is_empty(), "nothing comes of {text}"),
        Err(problem) => assert!(!is_item && (error || !is_read), "{problem}\n{text}\n{expanded}"),
    }
}

/// The tokens of text, as a macro may be given them.
fn tokens(text: &str) -> Option<TokenStream> {
    let (mut depth, mut deepest) = (0_usize, 0);
    for letter in text.bytes() {
        match letter {
            b'(' | b'[' | b'{' | b'<' | b'&' | b'*' | b'!' | b'-' | b'|' => depth += 1,
            b')' | b']' | b'}' | b'>' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    if deepest > DEEPEST {
        return None;
    }
    text.parse().ok()
}

fn has_error(tokens: TokenStream) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(name) => name == "compile_error",
        TokenTree::Group(group) if group.delimiter() != Delimiter::Bracket => has_error(group.stream()),
        _ => false,
    })
}
