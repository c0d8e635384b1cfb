//! The reason for which a value is trusted: a string literal that says something.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::{Error, LitStr, Token};

use crate::text::text;

const WRITE: &str = "write why the value can be trusted, as in `reason!(\"the digest of it was compared\")`";

/// The literal, if it may stand.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    match checked(tokens) {
        Ok(literal) => literal.into_token_stream(),
        Err(error) => error.to_compile_error(),
    }
}

fn checked(tokens: TokenStream) -> syn::Result<LitStr> {
    if tokens.is_empty() {
        return Err(Error::new(Span::call_site(), format!("there is no reason; {WRITE}")));
    }
    let Ok(literal) = parse_literal.parse2(tokens.clone()) else {
        let message =
            format!("`{}` is not a string literal, and a reason is checked at compile time; {WRITE}", text(&tokens));
        return Err(Error::new_spanned(tokens, message));
    };
    // No language writes a reason without a letter.
    if !literal.value().chars().any(char::is_alphanumeric) {
        let message = format!("`{}` says nothing; {WRITE}", text(&literal));
        return Err(Error::new_spanned(literal, message));
    }
    Ok(literal)
}

/// A literal, with the comma that rustfmt sets behind a long one.
fn parse_literal(input: ParseStream<'_>) -> syn::Result<LitStr> {
    let literal = input.parse()?;
    let _: Option<Token![,]> = input.parse()?;
    Ok(literal)
}
