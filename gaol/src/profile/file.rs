//! Profiles as files: the attribute's keys as a map, in any format that serde has.
//!
//! ```text
//! Input:  read = ["/data", "literal:/etc/hosts"], time = "2s", threads = 8      the attribute, and how a profile prints
//! Output: {"read": ["/data", "literal:/etc/hosts"], "time": "2s", "threads": 8} the same profile in JSON
//! ```

mod read;
#[cfg(test)]
mod tests;
mod write;

use gaol_spec::SpecError;

use crate::profile::Operation;

/// A key, and what belongs there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    name: &'static str,
    takes: Takes,
    /// A value to show to someone who wrote something else.
    example: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// One text, or a list of them.
    Texts,
    Text,
    /// A text, or a number of bytes.
    Size,
    /// A number, or a text.
    Count,
}

/// In the order in which a profile prints.
const KEYS: [Key; 19] = [
    Key::new("read", Takes::Texts, "\"/data\""),
    Key::new("write", Takes::Texts, "\"/data\""),
    Key::new("metadata", Takes::Texts, "\"/data\""),
    Key::new("exec", Takes::Texts, "\"/usr/bin/convert\""),
    Key::new("net", Takes::Texts, "\"tcp:443\""),
    Key::new("listen", Takes::Texts, "\"tcp:8080\""),
    Key::new("system", Takes::Text, "\"info\""),
    Key::new("env", Takes::Texts, "\"LANG\""),
    Key::new("time", Takes::Text, "\"2s\""),
    Key::new("cpu", Takes::Text, "\"2s\""),
    Key::new("memory", Takes::Size, "\"256MiB\""),
    Key::new("files", Takes::Count, "64"),
    Key::new("threads", Takes::Count, "64"),
    Key::new("file_size", Takes::Size, "\"256MiB\""),
    Key::new("reply", Takes::Size, "\"256MiB\""),
    Key::new("stdout", Takes::Text, "\"capture\""),
    Key::new("stderr", Takes::Text, "\"capture\""),
    Key::new("process", Takes::Text, "\"fresh\""),
    Key::new("violation", Takes::Text, "\"deny\""),
];

impl Key {
    const fn new(name: &'static str, takes: Takes, example: &'static str) -> Self {
        Self { name, takes, example }
    }
}

/// Where the operation's key stands in [`KEYS`].
fn place(operation: &Operation) -> usize {
    KEYS.iter().position(|key| key.name == operation.key()).unwrap_or(KEYS.len())
}

/// The longest text: the longest path after the longest word. What is longer is no value, and no message repeats it.
const LONGEST: usize = gaol_spec::PATH_MAX + "literal:".len();

/// The most values of a list. Each of a path is one more place to look up and to tie into every sandbox, and the rules compare each
/// with each.
const MOST_VALUES: usize = 1024;

fn check_length(text: &str) -> Result<(), SpecError> {
    if text.len() > LONGEST {
        return Err(SpecError::new(format!("the text is {} bytes long; expected at most {LONGEST}", text.len())));
    }
    Ok(())
}

fn check_values(count: usize) -> Result<(), SpecError> {
    if count > MOST_VALUES {
        return Err(SpecError::new(format!(
            "the list has more than {MOST_VALUES} values; expected fewer and wider ones, such as the directory of many files"
        )));
    }
    Ok(())
}
