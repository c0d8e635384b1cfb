//! Durations, sizes and counts: a whole number and, but for counts, a unit.

use std::time::Duration;

use crate::SpecError;

/// A kind of quantity: its units and the words of its messages.
struct Kind {
    /// "duration" or "size".
    name: &'static str,
    /// Each unit with its factor, the smallest first.
    units: &'static [(&'static str, u64)],
    /// Other ways to write a unit, each with the unit that was meant.
    meant: &'static [(&'static str, &'static str)],
    /// The unit that a number without one is proposed with.
    usual: &'static str,
    /// The largest value, in the smallest unit.
    most: u64,
    /// The same, as it is written.
    most_written: &'static str,
}

const DURATION: Kind = Kind {
    name: "duration",
    units: &[("ms", 1), ("s", 1000), ("min", 60_000), ("h", 3_600_000)],
    meant: &[
        ("msec", "ms"),
        ("millis", "ms"),
        ("milliseconds", "ms"),
        ("sec", "s"),
        ("secs", "s"),
        ("second", "s"),
        ("seconds", "s"),
        ("S", "s"),
        ("m", "min"),
        ("mins", "min"),
        ("minute", "min"),
        ("minutes", "min"),
        ("hr", "h"),
        ("hrs", "h"),
        ("hour", "h"),
        ("hours", "h"),
        ("H", "h"),
    ],
    usual: "s",
    // 136 years: a deadline can be computed from any time of day without overflow.
    most: u32::MAX as u64 * 1000,
    most_written: "4294967295s",
};

const SIZE: Kind = Kind {
    name: "size",
    units: &[("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)],
    meant: &[
        ("b", "B"),
        ("bytes", "B"),
        ("K", "KiB"),
        ("k", "KiB"),
        ("KB", "KiB"),
        ("kB", "KiB"),
        ("kb", "KiB"),
        ("kib", "KiB"),
        ("kiB", "KiB"),
        ("M", "MiB"),
        ("m", "MiB"),
        ("MB", "MiB"),
        ("mb", "MiB"),
        ("Mb", "MiB"),
        ("mib", "MiB"),
        ("G", "GiB"),
        ("g", "GiB"),
        ("GB", "GiB"),
        ("gb", "GiB"),
        ("gib", "GiB"),
        ("T", "TiB"),
        ("TB", "TiB"),
        ("tb", "TiB"),
        ("tib", "TiB"),
    ],
    usual: "MiB",
    // The kernel's file offsets are signed, and its largest limit means "no limit".
    most: i64::MAX as u64,
    most_written: "8388607TiB",
};

/// Reads a duration such as `500ms`, `2s`, `5min` or `1h`; `none` is no limit.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_duration(text: &str) -> Result<Option<Duration>, SpecError> {
    Ok(parse(text, &DURATION)?.map(Duration::from_millis))
}

/// Reads a size such as `64KiB` or `256MiB`, in bytes; `none` is no limit.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_size(text: &str) -> Result<Option<u64>, SpecError> {
    parse(text, &SIZE)
}

/// Reads a count: digits, or `none` for no limit.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_count(text: &str) -> Result<Option<u64>, SpecError> {
    if text == "none" {
        return Ok(None);
    }
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(SpecError::new(format!(
            "`{text}` is not a count; expected a whole number such as `64`, or `none`"
        )));
    }
    // More digits than a `u64` has are too many either way.
    check_count(text.parse().unwrap_or(u64::MAX)).map(Some)
}

/// Checks a duration that was not written as text, by the bounds of [`parse_duration`].
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn check_duration(duration: Duration) -> Result<Duration, SpecError> {
    if duration.is_zero() {
        return Err(zero("a duration of zero", &DURATION));
    }
    if duration > Duration::from_millis(DURATION.most) {
        return Err(too_large(&format!("`{duration:?}`"), &DURATION));
    }
    Ok(duration)
}

/// Checks a number of bytes that was not written as text, by the bounds of [`parse_size`].
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn check_size(bytes: u64) -> Result<u64, SpecError> {
    match bytes {
        0 => Err(zero("a size of zero", &SIZE)),
        bytes if bytes > SIZE.most => Err(too_large(&format!("`{bytes}B`"), &SIZE)),
        bytes => Ok(bytes),
    }
}

/// Checks a count of descriptors or threads.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn check_count(count: u64) -> Result<u64, SpecError> {
    if count == 0 {
        return Err(SpecError::new("a count of `0` leaves nothing to run with; expected at least `1`"));
    }
    if count > u64::from(u32::MAX) {
        return Err(SpecError::new(format!(
            "the count is too large; expected at most `{}`, or `\"none\"` for no limit",
            u32::MAX
        )));
    }
    Ok(count)
}

fn parse(text: &str, kind: &Kind) -> Result<Option<u64>, SpecError> {
    let wrong = |message: String| Err(SpecError::new(message));
    if text == "none" {
        return Ok(None);
    }
    if text.is_empty() {
        return wrong(format!("the {} is empty; expected {}", kind.name, example(kind)));
    }
    if text.contains(char::is_whitespace) {
        let joined: String = text.split_whitespace().collect();
        return wrong(format!("`{text}` contains a space; write `{joined}`"));
    }
    if text.starts_with('-') {
        return wrong(format!("`{text}` is negative; expected {}", example(kind)));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return wrong(format!("`{text}` is not a {}; expected {}", kind.name, example(kind)));
    }
    if let Some(fraction) = unit.strip_prefix(['.', ',']) {
        return Err(fractional(text, number, fraction, kind));
    }
    if unit.is_empty() {
        return wrong(format!("`{text}` has no unit; expected one of {}, as in `{text}{}`", units(kind), kind.usual));
    }
    let Some(factor) = factor(unit, kind) else {
        return Err(unknown_unit(text, number, unit, kind));
    };
    if number.bytes().all(|byte| byte == b'0') {
        return Err(zero(&format!("`{text}`"), kind));
    }
    let value = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    match value {
        Some(value) if value <= kind.most => Ok(Some(value)),
        _ => Err(too_large(&format!("`{text}`"), kind)),
    }
}

fn factor(unit: &str, kind: &Kind) -> Option<u64> {
    kind.units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor)
}

/// `1.5s` is whole in a smaller unit, so that one is proposed.
fn fractional(text: &str, number: &str, rest: &str, kind: &Kind) -> SpecError {
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, unit) = rest.split_at(digits);
    let proposal = kind.units.iter().rev().find_map(|(smaller, size)| {
        let large = factor(unit, kind)?;
        let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let scaled: u64 = format!("{number}{fraction}").parse().ok()?;
        let value = scaled.checked_mul(large)?;
        // Past the last number, of which no value is a multiple.
        let units = scale.checked_mul(*size)?;
        let allowed = value > 0 && value / scale <= kind.most;
        let whole = *size < large && value.is_multiple_of(units) && allowed;
        whole.then(|| format!("{}{smaller}", value / units))
    });
    match proposal {
        Some(proposal) => SpecError::new(format!("`{text}` is a fraction; write `{proposal}`")),
        None => SpecError::new(format!("`{text}` is a fraction; expected {}", example(kind))),
    }
}

fn unknown_unit(text: &str, number: &str, unit: &str, kind: &Kind) -> SpecError {
    match kind.meant.iter().find(|(written, _)| *written == unit) {
        Some((_, meant)) if kind.name == "size" && unit.len() == 2 && unit.ends_with(['B', 'b']) => {
            SpecError::new(format!("`{text}` could mean powers of 1000 or of 1024; write `{number}{meant}` for 1024"))
        }
        Some((_, meant)) => {
            SpecError::new(format!("`{unit}` is not a unit of a {}; write `{number}{meant}`", kind.name))
        }
        None => {
            SpecError::new(format!("`{unit}` in `{text}` is not a unit of a {}; expected {}", kind.name, units(kind)))
        }
    }
}

fn zero(what: &str, kind: &Kind) -> SpecError {
    SpecError::new(format!(
        "{what} leaves nothing to run with; expected at least `1{}`, or `none` for no limit",
        kind.units[0].0
    ))
}

fn too_large(what: &str, kind: &Kind) -> SpecError {
    SpecError::new(format!("{what} is too large; expected at most `{}`, or `none` for no limit", kind.most_written))
}

fn example(kind: &Kind) -> String {
    format!("a whole number and a unit, such as `2{}`", kind.usual)
}

fn units(kind: &Kind) -> String {
    let names: Vec<String> = kind.units.iter().map(|(name, _)| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
