//! The manifest: every sandboxed function of the binary, with its profile as the attribute would write it.

use std::fmt;
use std::time::Duration;

use crate::function::entry;
use crate::function::entry::Entry;
use crate::profile::{Limits, Operation, Output, Process, Profile, Violation};

/// Every sandboxed function that is linked into this binary, sorted by name and place: the same in every build of the same source.
///
/// ```
/// for function in gaol::profiles() {
///     println!("{} ({}:{}): {}", function.name(), function.file(), function.line(), function.profile());
/// }
/// ```
pub fn profiles() -> impl Iterator<Item = &'static Entry> {
    entry::sorted().into_iter()
}

/// The keys of operations, in the order in which they are printed.
const OPERATION_KEYS: [&str; 7] = ["read", "write", "metadata", "exec", "net", "listen", "system"];

/// As the attribute would be written, without the limits that are the defaults: `read = "/data", time = "2s"`.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys = Keys { f, first: true };
        for key in OPERATION_KEYS {
            let operations = self.allowed_operations().iter().filter(|operation| operation.key() == key);
            keys.list(key, operations.map(Operation::value))?;
        }
        keys.list("env", self.environment().map(|name| format!("{name:?}")))?;
        let (limits, default) = (self.limits(), Limits::DEFAULT);
        keys.changed("time", limits.time, default.time, duration_value)?;
        keys.changed("cpu", limits.cpu, default.cpu, duration_value)?;
        keys.changed("memory", limits.memory, default.memory, size_value)?;
        keys.changed("files", limits.files, default.files, |count| count.to_string())?;
        keys.changed("threads", limits.threads, default.threads, |count| count.to_string())?;
        keys.changed("file_size", limits.file_size, default.file_size, size_value)?;
        keys.changed("reply", limits.reply, default.reply, size_value)?;
        keys.chosen("stdout", self.stdout(), Output::Capture)?;
        keys.chosen("stderr", self.stderr(), Output::Capture)?;
        keys.chosen("process", self.process(), Process::Fresh)?;
        keys.chosen("violation", self.violation(), Violation::Deny)
    }
}

/// Writes keys with commas between them.
struct Keys<'a, 'b> {
    f: &'a mut fmt::Formatter<'b>,
    first: bool,
}

impl Keys<'_, '_> {
    fn key(&mut self, name: &str, value: impl fmt::Display) -> fmt::Result {
        let comma = if std::mem::take(&mut self.first) { "" } else { ", " };
        write!(self.f, "{comma}{name} = {value}")
    }

    /// Each value once: the attribute takes no repetition, which would say no more.
    fn list(&mut self, name: &str, values: impl Iterator<Item = String>) -> fmt::Result {
        let mut once: Vec<String> = Vec::new();
        for value in values {
            if !once.contains(&value) {
                once.push(value);
            }
        }
        match once.as_slice() {
            [] => Ok(()),
            [value] => self.key(name, value),
            values => self.key(name, format_args!("[{}]", values.join(", "))),
        }
    }

    fn changed<T: Copy + PartialEq>(
        &mut self,
        name: &str,
        value: Option<T>,
        default: Option<T>,
        text: fn(T) -> String,
    ) -> fmt::Result {
        match value {
            value if value == default => Ok(()),
            None => self.key(name, "\"none\""),
            Some(value) => self.key(name, text(value)),
        }
    }

    fn chosen<T: PartialEq + fmt::Display>(&mut self, name: &str, value: T, default: T) -> fmt::Result {
        if value == default { Ok(()) } else { self.key(name, format_args!("\"{value}\"")) }
    }
}

fn duration_value(time: Duration) -> String {
    match duration(time) {
        Some(text) => format!("\"{text}\""),
        // Only a `Duration` that was computed is finer than the attribute's text can say.
        None => format!("Duration::from_nanos({})", time.as_nanos()),
    }
}

fn size_value(bytes: u64) -> String {
    format!("\"{}\"", size(bytes))
}

/// In the largest unit that says it exactly; none does if it is finer than a millisecond.
pub(crate) fn duration(time: Duration) -> Option<String> {
    const UNITS: [(&str, u128); 4] = [("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];
    let milliseconds = time.as_millis();
    if Duration::from_millis(u64::try_from(milliseconds).unwrap_or(u64::MAX)) != time {
        return None;
    }
    let (unit, length) =
        UNITS.into_iter().find(|(_, length)| milliseconds.is_multiple_of(*length)).unwrap_or(("ms", 1));
    Some(format!("{}{unit}", milliseconds / length))
}

/// In the largest unit that says it exactly.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 5] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let (unit, length) = UNITS.into_iter().find(|(_, length)| bytes.is_multiple_of(*length)).unwrap_or(("B", 1));
    format!("{}{unit}", bytes / length)
}

#[cfg(test)]
pub(crate) mod tests;
