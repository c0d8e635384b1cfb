//! The annotated item, read as a function.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Error, FnArg, Signature, Token, Visibility};

use crate::ast::{Function, Parameter};

/// Reads the item's head. The body stays the tokens it is: nothing here depends on it, and it may hold what only a
/// newer compiler knows.
pub(crate) fn parse(item: TokenStream) -> syn::Result<Function> {
    parse_function.parse2(item)
}

fn parse_function(input: ParseStream<'_>) -> syn::Result<Function> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility: Visibility = input.parse()?;
    if let Some(other) = other_item(input) {
        // From here to the end, so that the whole item is underlined.
        let rest: TokenStream = input.parse()?;
        return Err(Error::new_spanned(first(rest), format!("`#[sandboxed]` goes on a function; this is {other}")));
    }
    let signature: Signature = input.parse()?;
    if input.peek(Token![;]) {
        let _: Token![;] = input.parse()?;
        let message =
            "this function has no body to run in a sandbox; put `#[sandboxed]` on the functions of the trait's `impl`s";
        return Err(Error::new_spanned(signature, message));
    }
    let body: Group = input.parse()?;
    if body.delimiter() != Delimiter::Brace || !input.is_empty() {
        return Err(Error::new_spanned(body, "expected the function's body"));
    }
    let parameters = signature.inputs.iter().filter_map(parameter).collect();
    Ok(Function { attributes, visibility, signature, parameters, body })
}

fn parameter(input: &FnArg) -> Option<Parameter> {
    match input {
        FnArg::Receiver(_) => None,
        FnArg::Typed(typed) => {
            Some(Parameter { attributes: typed.attrs.clone(), pattern: (*typed.pat).clone(), ty: (*typed.ty).clone() })
        }
    }
}

/// What the item is, if it is not a function.
fn other_item(input: ParseStream<'_>) -> Option<&'static str> {
    let after_const = |kind| {
        let constant = input.peek(Token![const]);
        let function = input.peek2(Token![fn]) || input.peek2(Token![async]) || input.peek2(Token![unsafe]);
        (constant && !function && !input.peek2(Token![extern])).then_some(kind)
    };
    let kinds: [(bool, &'static str); 12] = [
        (input.peek(Token![struct]), "a struct"),
        (input.peek(Token![enum]), "an enum"),
        (input.peek(Token![union]) && !input.peek2(Token![::]), "a union"),
        (input.peek(Token![mod]), "a module; annotate the functions inside it"),
        (input.peek(Token![impl]), "an impl; annotate a function in it that has no `self`"),
        (
            input.peek(Token![trait]),
            "a trait; annotate a function in it that has a body and no `self`, or those of its `impl`s",
        ),
        (input.peek(Token![type]), "a type alias"),
        (input.peek(Token![static]) && !input.peek2(Token![|]), "a static"),
        (input.peek(Token![use]), "an import; annotate the function where it is defined"),
        (
            input.peek(Token![extern]) && input.peek2(Token![crate]),
            "an import; annotate the function where it is defined",
        ),
        (input.peek(Token![let]), "a statement; annotate a named function and call it"),
        (
            input.peek(Token![|]) || input.peek(Token![||]) || input.peek(Token![move]),
            "a closure; annotate a named function and call it",
        ),
    ];
    kinds.into_iter().find(|(is, _)| *is).map(|(_, what)| what).or_else(|| after_const("a constant"))
}

/// The first token, or the tokens up to a body, which would make the error cover many lines.
fn first(tokens: TokenStream) -> TokenStream {
    tokens
        .into_iter()
        .take_while(|token| !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace))
        .collect()
}
