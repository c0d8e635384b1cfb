//! Which names an expression mentions, as far as its tokens tell.

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

/// Whether the name stands anywhere in the expression: as an identifier that is not a field or method, or inside a
/// string literal as `{name}`, where a formatting macro would capture it.
///
/// A name that only looks like the parameter (a closure's own, say) counts too. The answer errs towards yes.
pub(crate) fn mentions(expression: &impl ToTokens, name: &str) -> bool {
    in_tokens(expression.to_token_stream(), name)
}

fn in_tokens(tokens: TokenStream, name: &str) -> bool {
    let mut after_dot = false;
    for token in tokens {
        let found = match &token {
            TokenTree::Ident(ident) => *ident == name && !after_dot,
            TokenTree::Group(group) => in_tokens(group.stream(), name),
            TokenTree::Literal(literal) => in_format(&literal.to_string(), name),
            TokenTree::Punct(_) => false,
        };
        if found {
            return true;
        }
        // `..name` is a range, not a field.
        after_dot = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '.') && !after_dot;
    }
    false
}

fn in_format(literal: &str, name: &str) -> bool {
    let bare = name.strip_prefix("r#").unwrap_or(name);
    literal.split('{').skip(1).any(|rest| {
        let argument = rest.split(['}', ':']).next().unwrap_or_default();
        // `{:width$}` names `width` too.
        let options = rest.split('}').next().unwrap_or_default();
        argument.trim() == bare || options.contains(&format!("{bare}$"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_name_wherever_it_can_be_captured() {
        for (expression, expected) in [
            ("path", true),
            ("path.parent()", true),
            ("dir(path)", true),
            ("(0, [path])", true),
            ("format!(\"/data/{path}\")", true),
            ("format!(\"/data/{path:?}\")", true),
            ("format!(\"{:path$}\", 1)", true),
            ("0..path", true),
            ("self.path", false),
            ("x.path()", false),
            ("path_of(x)", false),
            ("format!(\"path\")", false),
            ("CONFIG", false),
        ] {
            let tokens: TokenStream = expression.parse().unwrap();
            assert_eq!(mentions(&tokens, "path"), expected, "{expression}");
        }
    }
}
