//! The attribute's tokens, read as keys and values with their spans.

use gaol_spec::nearest;
use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Lit, Path, Token, UnOp, parse_quote};

use crate::ast::{Arguments, Entry, Key, Value};
use crate::report::Report;
use crate::text::text;

/// Keys of the design that are recognised, so that nobody takes them for a misspelling.
const NOT_BUILT: [&str; 1] = ["broker"];

/// Reads the whole attribute. A mistake in one key does not hide those in the others.
pub(crate) fn parse(tokens: TokenStream, report: &mut Report) -> Arguments {
    let parser = |input: ParseStream<'_>| {
        let mut arguments = Arguments { root: parse_quote!(::gaol), entries: Vec::new() };
        while !input.is_empty() {
            if let Err(error) = parse_entry(input, &mut arguments, report) {
                report.push(error);
                skip_to_comma(input);
            }
            if !input.is_empty() && input.parse::<Token![,]>().is_err() {
                report.push(input.error("unexpected token after the value; expected `,`"));
                skip_to_comma(input);
                let _: Option<Token![,]> = input.parse()?;
            }
        }
        Ok(arguments)
    };
    parser.parse2(tokens).unwrap_or_else(|error| {
        report.push(error);
        Arguments { root: parse_quote!(::gaol), entries: Vec::new() }
    })
}

fn parse_entry(input: ParseStream<'_>, arguments: &mut Arguments, report: &mut Report) -> syn::Result<()> {
    if !input.peek(Ident::peek_any) {
        return Err(input.error("expected a key, as in `read = \"/data\"`"));
    }
    let name = Ident::parse_any(input)?;
    if name == "crate" {
        arguments.root = parse_root(&name, input)?;
        return Ok(());
    }
    let Some(key) = Key::ALL.into_iter().find(|key| name == key.as_str()) else {
        report.push(unknown_key(&name));
        skip_to_comma(input);
        return Ok(());
    };
    if !input.peek(Token![=]) || input.peek(Token![==]) {
        // `read`, `read("/data")`, `read: "/data"`
        let message = format!("`{key}` has no value; write `{key} = {}`", key.example());
        return Err(Error::new_spanned(name, message));
    }
    let equals: Token![=] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        let message = format!("`{key}` has no value; write `{key} = {}`", key.example());
        return Err(Error::new_spanned(equals, message));
    }
    let value = plain(input.parse()?);
    let (values, list) = match value {
        Expr::Array(array) => (array.elems.iter().cloned().map(read_value).collect(), Some(Expr::Array(array))),
        value => (vec![read_value(value)], None),
    };
    arguments.entries.push(Entry { key, name, values, list });
    Ok(())
}

/// Reads what stands after `crate`: `= my_gaol`.
pub(crate) fn parse_root(name: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    let expected = "expected the path of the library, as in `crate = my_gaol`";
    if !input.peek(Token![=]) {
        return Err(Error::new_spanned(name, format!("`crate` has no value; {expected}")));
    }
    let _: Token![=] = input.parse()?;
    match input.fork().parse::<Expr>() {
        Ok(Expr::Path(_)) => input.call(Path::parse_mod_style),
        Ok(other) => Err(Error::new_spanned(&other, format!("`{}` is not a path; {expected}", text(&other)))),
        Err(_) => Err(input.error(expected)),
    }
}

fn unknown_key(name: &Ident) -> Error {
    let written = name.to_string();
    if NOT_BUILT.contains(&written.as_str()) {
        return Error::new_spanned(name, format!("`{written}` is not built yet; leave it out"));
    }
    let keys: Vec<&str> = Key::ALL.iter().map(|key| key.as_str()).collect();
    let message = match nearest(&written, &keys) {
        Some(near) => format!("`{written}` is not a key; did you mean `{near}`?"),
        None => format!("`{written}` is not a key; expected one of `{}`", keys.join("`, `")),
    };
    Error::new_spanned(name, message)
}

/// The expression without what does not change its value: parentheses, a `&`, the group of a `macro_rules!` fragment.
fn plain(expression: Expr) -> Expr {
    match expression {
        Expr::Group(group) => plain(*group.expr),
        Expr::Paren(paren) => plain(*paren.expr),
        Expr::Reference(reference) if reference.mutability.is_none() => match plain((*reference.expr).clone()) {
            inner @ (Expr::Lit(_) | Expr::Array(_)) => inner,
            _ => Expr::Reference(reference),
        },
        other => other,
    }
}

fn read_value(expression: Expr) -> Value {
    match plain(expression) {
        Expr::Lit(literal) => match literal.lit {
            Lit::Str(text) => Value::Text(text),
            Lit::Int(number) => Value::Number(number),
            _ => Value::OtherLiteral(Expr::Lit(literal)),
        },
        Expr::Unary(unary) if matches!(unary.op, UnOp::Neg(_)) && matches!(*unary.expr, Expr::Lit(_)) => {
            Value::OtherLiteral(Expr::Unary(unary))
        }
        expression => Value::Expression(expression),
    }
}

/// Leaves the input before the next `,` that is not inside brackets, or at its end.
fn skip_to_comma(input: ParseStream<'_>) {
    while !input.is_empty() && !input.peek(Token![,]) {
        // The input is not empty, so there is a token to take.
        let _: syn::Result<TokenTree> = input.parse();
    }
}

impl ToTokens for Value {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Text(text) => text.to_tokens(tokens),
            Self::Number(number) => number.to_tokens(tokens),
            Self::OtherLiteral(expression) | Self::Expression(expression) => expression.to_tokens(tokens),
        }
    }
}
