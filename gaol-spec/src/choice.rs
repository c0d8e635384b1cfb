//! The keys whose value is one of a few words.

use std::fmt;

use crate::SpecError;
use crate::nearest::nearest;

/// Declares an enum with the word that the attribute uses for each variant.
macro_rules! choice {
    (
        $(#[$docs:meta])*
        $name:ident, $what:literal {
            $( $(#[$variant_docs:meta])* $variant:ident = $word:literal, )+
        }
    ) => {
        $(#[$docs])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $( $(#[$variant_docs])* $variant, )+
        }

        impl $name {
            const WORDS: &'static [&'static str] = &[$($word),+];

            /// The value that the attribute writes with this word.
            ///
            /// # Errors
            ///
            /// The message names the words that belong there.
            pub fn parse(word: &str) -> Result<Self, SpecError> {
                match word {
                    $( $word => Ok(Self::$variant), )+
                    _ => Err(unknown(word, $what, Self::WORDS)),
                }
            }

            /// The word that the attribute uses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $word, )+
                }
            }
        }

        /// As the attribute would be written.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

choice! {
    /// Where the child's standard output or standard error goes.
    Output, "output destination" {
        /// Kept, up to a bound, and shown in errors. The default.
        Capture = "capture",
        /// Thrown away.
        Null = "null",
        /// To where the parent's goes.
        Inherit = "inherit",
    }
}

choice! {
    /// Which process serves a call.
    Process, "kind of process" {
        /// A fresh fork per call. The default.
        Fresh = "fresh",
        /// A new program image, and so a new address layout, per call.
        Exec = "exec",
        /// One worker, kept from call to call.
        Reused = "reused",
    }
}

choice! {
    /// What of the system may be read.
    System, "part of the system" {
        /// What it tells of itself: its load, its memory, its settings.
        Info = "info",
    }
}

choice! {
    /// What a refused system call does.
    Violation, "answer to a violation" {
        /// It returns an error to the function. The default.
        Deny = "deny",
        /// It ends the worker.
        Kill = "kill",
    }
}

fn unknown(word: &str, what: &str, words: &[&str]) -> SpecError {
    if let Some(near) = nearest(word, words) {
        return SpecError::new(format!("`{word}` is not a valid {what}; did you mean `{near}`?"));
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    let list = match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    };
    SpecError::new(format!("`{word}` is not a valid {what}; expected {list}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_it_is_written() {
        for word in Output::WORDS {
            assert_eq!(Output::parse(word).unwrap().to_string(), *word);
        }
        for word in Process::WORDS {
            assert_eq!(Process::parse(word).unwrap().to_string(), *word);
        }
        for word in System::WORDS {
            assert_eq!(System::parse(word).unwrap().to_string(), *word);
        }
        for word in Violation::WORDS {
            assert_eq!(Violation::parse(word).unwrap().to_string(), *word);
        }
    }

    #[test]
    fn each_mistake_has_its_message() {
        for (error, message) in [
            (
                Output::parse("captured").unwrap_err(),
                "`captured` is not a valid output destination; did you mean `capture`?",
            ),
            (Output::parse("Null").unwrap_err(), "`Null` is not a valid output destination; did you mean `null`?"),
            (
                Output::parse("file").unwrap_err(),
                "`file` is not a valid output destination; expected `capture`, `null` or `inherit`",
            ),
            (
                Output::parse("").unwrap_err(),
                "`` is not a valid output destination; expected `capture`, `null` or `inherit`",
            ),
            (Process::parse("reuse").unwrap_err(), "`reuse` is not a valid kind of process; did you mean `reused`?"),
            (
                Process::parse("thread").unwrap_err(),
                "`thread` is not a valid kind of process; expected `fresh`, `exec` or `reused`",
            ),
            (System::parse("inof").unwrap_err(), "`inof` is not a valid part of the system; did you mean `info`?"),
            (System::parse("none").unwrap_err(), "`none` is not a valid part of the system; expected `info`"),
            (
                Violation::parse("dney").unwrap_err(),
                "`dney` is not a valid answer to a violation; did you mean `deny`?",
            ),
            (
                Violation::parse("panic").unwrap_err(),
                "`panic` is not a valid answer to a violation; expected `deny` or `kill`",
            ),
        ] {
            assert_eq!(error.to_string(), message);
        }
    }
}
