//! The first line of a script, read as the kernel reads it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::ProgramProblem;

/// How much of a program the kernel looks at to tell what it is: `BINPRM_BUF_SIZE`.
pub(super) const WINDOW: usize = 256;

/// What the first line of a script says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) interpreter: PathBuf,
    /// All that follows the interpreter, in one.
    pub(super) argument: Option<OsString>,
}

impl Line {
    /// The name that `env` would look up and run, if that is what interprets the script.
    pub(super) fn started_by_env(&self) -> Option<&OsStr> {
        let name = self.argument.as_deref().filter(|_| self.interpreter.file_name() == Some(OsStr::new("env")))?;
        let bytes = name.as_bytes();
        (!bytes.starts_with(b"-") && !bytes.iter().any(|byte| matches!(byte, b'=' | b'/'))).then_some(name)
    }
}

/// Reads the first line of a file that starts with `start`; nothing if it is not a script.
pub(super) fn first_line(start: &[u8]) -> Result<Option<Line>, ProgramProblem> {
    if !start.starts_with(b"#!") {
        return Ok(None);
    }
    line(start).map(Some).ok_or(ProgramProblem::NoInterpreter)
}

/// `load_script` of the kernel's `fs/binfmt_script.c`, whose names these are but for `interpreter` and `argument`.
fn line(start: &[u8]) -> Option<Line> {
    // What is behind the end of a short file is zero.
    let mut buffer = [0; WINDOW];
    let length = start.len().min(WINDOW);
    buffer[..length].copy_from_slice(&start[..length]);
    let end_of_buffer = WINDOW - 1;

    let mut end = match buffer.iter().position(|byte| matches!(byte, b'\n' | 0)) {
        Some(newline) if buffer[newline] == b'\n' => newline,
        _ => {
            // Without a newline the name must be followed by something, or it may have been cut off.
            next_non_spacetab(&buffer, 2, end_of_buffer)
                .and_then(|name| next_terminator(&buffer, name, end_of_buffer))?;
            end_of_buffer
        }
    };
    while is_spacetab(buffer[end - 1]) {
        end -= 1;
    }
    let name = next_non_spacetab(&buffer, 2, end).filter(|name| *name != end)?;
    let separator = next_terminator(&buffer, name, end);
    let argument = separator
        .filter(|separator| buffer[*separator] != 0)
        .and_then(|separator| next_non_spacetab(&buffer, separator, end))
        .map(|argument| text(&buffer[argument..end]));
    let interpreter = text(&buffer[name..separator.unwrap_or(end)]);
    // The kernel would look for a file without a name.
    (!interpreter.is_empty()).then(|| Line { interpreter: interpreter.into(), argument })
}

fn is_spacetab(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn next_non_spacetab(buffer: &[u8; WINDOW], first: usize, last: usize) -> Option<usize> {
    (first..=last).find(|at| !is_spacetab(buffer[*at]))
}

fn next_terminator(buffer: &[u8; WINDOW], first: usize, last: usize) -> Option<usize> {
    (first..=last).find(|at| is_spacetab(buffer[*at]) || buffer[*at] == 0)
}

/// A string of C: it ends at its first zero.
fn text(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.iter().copied().take_while(|byte| *byte != 0).collect())
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_oneof, proptest};
    use proptest::strategy::Just;

    use super::*;

    fn parsed(start: &[u8]) -> Option<(String, Option<String>)> {
        let line = first_line(start).ok().flatten()?;
        let argument = line.argument.map(|argument| argument.into_string().unwrap());
        Some((line.interpreter.into_os_string().into_string().unwrap(), argument))
    }

    fn both(interpreter: &str, argument: &str) -> Option<(String, Option<String>)> {
        Some((interpreter.to_owned(), Some(argument.to_owned()).filter(|argument| !argument.is_empty())))
    }

    #[test]
    fn reads_a_name_and_one_argument() {
        assert_eq!(parsed(b"#!/bin/sh\n"), both("/bin/sh", ""));
        assert_eq!(parsed(b"#! \t/bin/sh \t\nmore"), both("/bin/sh", ""));
        assert_eq!(parsed(b"#!/bin/sh -e -u\n"), both("/bin/sh", "-e -u"));
        assert_eq!(parsed(b"#!/bin/sh\t  -e \t\n"), both("/bin/sh", "-e"));
        assert_eq!(parsed(b"#!/bin/sh\r\n"), both("/bin/sh\r", ""));
        assert_eq!(parsed(b"#!/bin/sh"), both("/bin/sh", ""), "the file may end there");
        assert_eq!(parsed(b"#!/bin/sh -e"), both("/bin/sh", "-e"));
        assert_eq!(parsed(b"#!/bin/sh\0/x -e\n"), both("/bin/sh", ""), "zero ends a name");
        assert_eq!(parsed(b"#!/bin/sh -e\0u\n"), both("/bin/sh", "-e"));
    }

    #[test]
    fn refuses_a_line_without_a_name() {
        let prewarmed = [b"#!".as_slice(), &[b' '; 300]].concat();
        for start in [&b"#!"[..], b"#!\n", b"#! \t \n", b"#!\n/bin/sh\n", b"#!\0/bin/sh\n", &prewarmed] {
            assert!(matches!(first_line(start), Err(ProgramProblem::NoInterpreter)), "{start:?}");
        }
        for start in [&b""[..], b"#", b" #!/bin/sh\n", b"/bin/sh\n"] {
            assert!(matches!(first_line(start), Ok(None)), "{start:?}");
        }
    }

    #[test]
    fn refuses_a_name_that_may_be_cut_off() {
        let of = |length: usize| format!("#!/{}", "a".repeat(length - 3));
        let whole = |length| parsed(format!("{}\n", of(length)).as_bytes()).map(|(name, _)| name.len() + 2);
        assert_eq!(whole(255), Some(255), "the newline is the last byte that the kernel sees");
        assert_eq!(whole(256), None);
        assert_eq!(parsed(of(255).as_bytes()).map(|(name, _)| name.len()), Some(253), "zero follows it");
        assert_eq!(parsed(of(256).as_bytes()), None);
        let long_argument = format!("#!/bin/sh {}", "a".repeat(300));
        assert_eq!(parsed(long_argument.as_bytes()), both("/bin/sh", &"a".repeat(245)), "an argument may be");
    }

    #[test]
    fn tells_what_env_starts() {
        let started = |start: &[u8]| {
            let line = first_line(start).unwrap().unwrap();
            line.started_by_env().map(|name| name.to_str().unwrap().to_owned())
        };
        assert_eq!(started(b"#!/usr/bin/env sh\n").as_deref(), Some("sh"));
        assert_eq!(started(b"#!/opt/env x-1\n").as_deref(), Some("x-1"));
        for other in ["/usr/bin/env", "/usr/bin/env -S sh", "/usr/bin/env A=1", "/usr/bin/env /bin/sh", "/bin/sh env"] {
            assert_eq!(started(format!("#!{other}\n").as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_line_panics_or_names_what_is_not_in_it(
            rest in vec(prop_oneof![Just(b' '), Just(b'\t'), Just(b'\n'), Just(0), Just(b'/'), any::<u8>()], 0..300),
        ) {
            let start = [b"#!".as_slice(), &rest].concat();
            if let Ok(Some(line)) = first_line(&start) {
                let name = line.interpreter.into_os_string().into_vec();
                assert!(name.iter().all(|byte| !matches!(byte, b' ' | b'\t' | b'\n')));
                assert!(start.windows(name.len()).any(|window| window == name));
            }
        }
    }
}
