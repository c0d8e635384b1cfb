//! Tokens as a person would have written them, for messages and for the signature's text.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// The tokens with the usual spaces: `Result<Vec<(u8, &str)>, E>`.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let mut out = String::new();
    write(tokens.to_token_stream(), &mut out);
    out
}

fn write(tokens: TokenStream, out: &mut String) {
    // Whether the next word must be set apart, and whether the previous token glues to whatever follows.
    let mut after_word = false;
    let mut joint = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Brace => (" { ", " }"),
                    Delimiter::None => ("", ""),
                };
                // `&mut [u8]` and `&'a [u8]`, but `fn(u8)`.
                let qualified = out.ends_with("mut") || out.rsplit(['&', ' ']).next().unwrap_or("").starts_with('\'');
                if after_word && (open.is_empty() || qualified) {
                    out.push(' ');
                }
                out.push_str(open);
                write(group.stream(), out);
                out.push_str(close);
                (after_word, joint) = (true, false);
            }
            TokenTree::Punct(punct) => {
                write_punct(punct.as_char(), joint, punct.spacing() == Spacing::Joint, out);
                after_word = punct.as_char() == '>' && !out.ends_with(' ');
                joint = punct.spacing() == Spacing::Joint;
            }
            word => {
                if after_word {
                    out.push(' ');
                }
                out.push_str(&word.to_string());
                (after_word, joint) = (true, false);
            }
        }
    }
}

fn write_punct(punct: char, after_joint: bool, before_joint: bool, out: &mut String) {
    match punct {
        ',' | ';' => {
            out.push(punct);
            out.push(' ');
        }
        ':' if !after_joint && !before_joint => out.push_str(": "),
        // `->` and `=>`
        '-' | '=' if before_joint => {
            out.push(' ');
            out.push(punct);
        }
        '>' if after_joint && out.ends_with([' ', '-', '=']) => out.push_str("> "),
        '=' | '+' | '|' if !after_joint => {
            out.push(' ');
            out.push(punct);
            out.push(' ');
        }
        '\'' if out.ends_with(|c: char| c.is_alphanumeric()) => out.push_str(" '"),
        '&' | '*' if out.ends_with(|c: char| c.is_alphanumeric()) => {
            out.push(' ');
            out.push(punct);
        }
        _ => out.push(punct),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_the_usual_spaces() {
        for written in [
            "u32",
            "&str",
            "&mut Vec<u8>",
            "&'static str",
            "&'_ [u8]",
            "&mut [u8]",
            "Result<Vec<(u8, &str)>, std::io::Error>",
            "[u8; 4]",
            "&[&Path]",
            "Cow<'_, str>",
            "Box<dyn Error + Send + Sync>",
            "*const u8",
            "fn(&str) -> u32",
            "impl Iterator<Item = u8>",
            "<T as Trait>::Item",
            "(Point { x, y }, _)",
            "()",
        ] {
            let tokens: TokenStream = written.parse().unwrap();
            assert_eq!(text(&tokens).replace("  ", " "), written);
        }
    }
}
