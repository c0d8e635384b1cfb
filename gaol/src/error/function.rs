//! What a function says of its own failure, as it crosses from the child.

use std::fmt;

/// The function's own error: its message and those of its sources, as told by the child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    message: String,
    source: Option<Box<FunctionError>>,
}

impl FunctionError {
    /// The most messages that are kept: whoever prints or drops the chain goes down it.
    const LONGEST_CHAIN: usize = 64;

    pub(crate) fn from_error(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut messages = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source
            && messages.len() < Self::LONGEST_CHAIN
        {
            messages.push(cause.to_string());
            source = cause.source();
        }
        Self::from_messages(messages)
    }

    /// An error of the messages of a chain, outermost first.
    pub(crate) fn from_messages(messages: Vec<String>) -> Self {
        let mut chain = None;
        for message in messages.into_iter().take(Self::LONGEST_CHAIN).rev() {
            chain = Some(Box::new(Self { message, source: chain }));
        }
        chain.map_or_else(|| Self { message: String::new(), source: None }, |error| *error)
    }

    pub(crate) fn messages(&self) -> Vec<&str> {
        let mut messages = vec![self.message.as_str()];
        let mut source = self.source.as_deref();
        while let Some(cause) = source {
            messages.push(&cause.message);
            source = cause.source.as_deref();
        }
        messages
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable(&self.message))
    }
}

impl std::error::Error for FunctionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What a child says, made harmless for a terminal: control characters but line ends and tabs are escaped.
pub(crate) fn printable(text: &str) -> String {
    let harmless = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    text.chars()
        .map(
            |character| {
                if harmless(character) { character.to_string() } else { character.escape_default().to_string() }
            },
        )
        .collect()
}
