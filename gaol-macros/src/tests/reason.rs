//! Which reasons may stand, and what the others are told.

use super::{errors, tokens};
use crate::reason::expand;

const WRITE: &str = "write why the value can be trusted, as in `reason!(\"the digest of it was compared\")`";

#[test]
fn a_literal_that_says_something_stands() {
    for literal in [
        r#""parsed by serde_json, length checked""#,
        r##"r#"a "b""#"##,
        r#""1""#,
        r#""文字列の長さは確認済み""#,
        r#"" x ""#,
    ] {
        assert_eq!(expand(tokens(literal)).to_string(), literal);
        assert_eq!(expand(tokens(&format!("{literal},"))).to_string(), literal);
    }
}

#[test]
fn a_literal_that_says_nothing_is_refused() {
    for literal in [r#""""#, r#"" ""#, r#""\t\n""#, "\"\u{2003}\u{200b}\"", r#"r"""#, r#""...""#, r#""-""#] {
        assert_eq!(errors(expand(tokens(literal))), [format!("`{literal}` says nothing; {WRITE}")]);
    }
}

#[test]
fn what_is_no_literal_is_refused() {
    for other in
        ["text", "format!(\"{n}\")", "concat!(\"a\", \"b\")", "1", "b\"x\"", "c\"x\"", "\"a\", \"b\"", "&\"a\"", "WHY"]
    {
        let [message] = <[String; 1]>::try_from(errors(expand(tokens(other)))).unwrap();
        let end = format!(" is not a string literal, and a reason is checked at compile time; {WRITE}");
        assert!(message.ends_with(&end), "{message}");
    }
    assert_eq!(errors(expand(tokens(""))), [format!("there is no reason; {WRITE}")]);
}
