//! What a child says, made harmless for whoever reads it in a terminal, a log or a page.
//!
//! Text of a child's choice moves the cursor, begins a new line of a log, turns the order of what follows, or hides what it says. So whatever
//! acts on text instead of being text is shown by its number: control characters (line ends and tabs among them), separators of lines and
//! paragraphs, and every character of Unicode's category of formats. And it is cut, however much there is.

use std::fmt::{self, Write};

/// How many bytes of a text are shown.
const SHOWN: usize = 4096;

/// Text of a child's, as it is shown. [`Debug`] puts it in quotes.
pub(super) struct Harmless<'a>(pub(super) &'a str);

/// The same as a text of its own, for what is neither formatted here nor an error.
pub(crate) fn printable(text: &str) -> String {
    Harmless(text).to_string()
}

impl fmt::Display for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.0, false)
    }
}

impl fmt::Debug for Harmless<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        write(f, self.0, true)?;
        f.write_char('"')
    }
}

fn write(f: &mut fmt::Formatter<'_>, text: &str, in_quotes: bool) -> fmt::Result {
    for (at, character) in text.char_indices() {
        if at >= SHOWN {
            return f.write_char('…');
        }
        if is_harmless(character) && !(in_quotes && matches!(character, '"' | '\\')) {
            f.write_char(character)?;
        } else {
            write!(f, "{}", character.escape_default())?;
        }
    }
    Ok(())
}

/// The characters of Unicode's categories Cf, Zl and Zp, and what is set aside for more of them: from, and to.
const ACTING: [(u32, u32); 20] = [
    (0x00AD, 0x00AD),
    (0x0600, 0x0605),
    (0x061C, 0x061C),
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE00FF),
    // Private use: what a font makes of it.
    (0xE000, 0xF8FF),
];

/// Letters and marks that nobody sees: fillers, and the selectors of variants that are so many that they hold a text of their own.
const HIDING: [(u32, u32); 5] =
    [(0x115F, 0x1160), (0x17B4, 0x17B5), (0x3164, 0x3164), (0xFFA0, 0xFFA0), (0xE0100, 0xE0FFF)];

fn is_among(character: char, ranges: &[(u32, u32)]) -> bool {
    ranges.iter().any(|(from, to)| (*from..=*to).contains(&u32::from(character)))
}

/// Whether a character does something to what is around it. What the standard library's `Debug` of a text leaves as it is does not.
fn acts(character: char) -> bool {
    character.is_control() || is_among(character, &ACTING)
}

/// Whether a character is text, and does nothing to what is around it.
fn is_harmless(character: char) -> bool {
    !acts(character) && !is_among(character, &HIDING)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::time::Duration;

    use proptest::prelude::{any, proptest};

    use super::{Harmless, SHOWN, acts, is_harmless};
    use crate::error::{Call, Error, FunctionError, ProtocolProblem, Violation};

    /// Every error that holds what a child has said, with `text` wherever that may be.
    fn errors(text: &str) -> Vec<Error> {
        let call = || {
            Box::new(Call {
                function: "app::function",
                file: "src/app.rs",
                line: 7,
                output: text.to_owned(),
                output_truncated: false,
            })
        };
        let said = || text.to_owned();
        vec![
            Error::Panicked { call: call(), message: said(), location: Some(said()) },
            Error::Panicked { call: call(), message: said(), location: None },
            Error::Killed { call: call(), signal: 11 },
            Error::Exited { call: call(), code: 3 },
            Error::Violation { call: call(), violation: Violation { syscall: Some(said()) } },
            Error::TimedOut { call: call(), limit: Duration::from_secs(1) },
            Error::OutOfMemory { call: call(), limit: Some(7) },
            Error::CpuExceeded { call: call(), limit: Duration::from_secs(1) },
            Error::Start { call: call(), step: said(), source: std::io::Error::from_raw_os_error(5) },
            Error::Lost { call: call(), step: said(), source: std::io::Error::from_raw_os_error(5) },
            Error::Protocol { call: call(), problem: ProtocolProblem::Decode(said()) },
            Error::Protocol { call: call(), problem: ProtocolProblem::Unable(said()) },
            Error::Protocol { call: call(), problem: ProtocolProblem::Closed },
            Error::Function(FunctionError::from_words(crate::error::Words::new(vec![said(), said(), said()]))),
        ]
    }

    /// All that is shown of an error: it, its parts and its sources, in every form.
    fn shown(error: &Error) -> Vec<String> {
        let mut all = vec![error.to_string(), format!("{error:?}")];
        let mut source = error.source();
        while let Some(cause) = source {
            all.extend([cause.to_string(), format!("{cause:?}")]);
            source = cause.source();
        }
        if let Some(call) = error.call() {
            all.extend([call.to_string(), format!("{call:?}")]);
        }
        match error {
            Error::Violation { violation, .. } => all.extend([violation.to_string(), format!("{violation:?}")]),
            Error::Protocol { problem, .. } => all.extend([problem.to_string(), format!("{problem:?}")]),
            _ => {}
        }
        all
    }

    #[track_caller]
    fn check(text: &str) {
        for error in errors(text) {
            for shown in shown(&error) {
                let acting = shown.chars().find(|character| acts(*character));
                assert_eq!(acting, None, "{} shows it", shown.escape_unicode());
            }
            // Nor does it hide in what is said of it.
            assert_eq!(error.to_string().chars().find(|character| !is_harmless(*character)), None);
            assert!(error.to_string().len() < 16 * SHOWN, "{} bytes", error.to_string().len());
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_child_acts(text in any::<String>()) {
            check(&text);
        }

        #[test]
        fn no_text_of_acting_characters_acts(numbers in proptest::collection::vec(0..0x2100_u32, 0..60)) {
            let text: String = numbers.into_iter().filter_map(char::from_u32).collect();
            check(&text);
        }
    }

    #[test]
    fn no_character_acts() {
        for block in (0..=0x10_FFFF_u32).filter_map(char::from_u32).collect::<Vec<_>>().chunks(1000) {
            let text: String = block.iter().collect();
            let shown = Harmless(&text).to_string();
            assert_eq!(shown.chars().find(|character| !is_harmless(*character)), None);
            // What is derived shows text as the standard library does.
            assert_eq!(format!("{text:?}").chars().find(|character| acts(*character)), None);
        }
    }

    #[test]
    fn what_acts_is_shown_by_its_number_and_text_as_it_is() {
        for (text, expected) in [
            ("plain \"text\" of ö, 字, 🦀 and é", "plain \"text\" of ö, 字, 🦀 and é"),
            ("\u{1b}[2J\u{7}\u{7f}\u{9b}1m", "\\u{1b}[2J\\u{7}\\u{7f}\\u{9b}1m"),
            ("a\r\nb\tc", "a\\r\\nb\\tc"),
            ("\u{202e}gnp.exe\u{2028}\u{2029}\u{2066}", "\\u{202e}gnp.exe\\u{2028}\\u{2029}\\u{2066}"),
            ("in\u{200b}visible\u{ad}\u{feff}\u{e0041}", "in\\u{200b}visible\\u{ad}\\u{feff}\\u{e0041}"),
        ] {
            assert_eq!(Harmless(text).to_string(), expected);
        }
        assert_eq!(format!("{:?}", Harmless("a \"b\" \\")), "\"a \\\"b\\\" \\\\\"");
        let long = Harmless(&"ö".repeat(SHOWN)).to_string();
        assert!(long.ends_with("ö…") && long.len() <= SHOWN + 4, "{}", long.len());
    }
}
