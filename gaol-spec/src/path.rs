//! The rules for a path in a profile, and the grammar of the keys that take one.

use crate::SpecError;
use crate::nearest::nearest;

/// The longest path that the kernel takes, without the NUL that ends it.
pub const PATH_MAX: usize = 4095;

/// How much a path stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatternKind {
    /// That one file: `literal:/etc/hosts`.
    Literal,
    /// The path and everything beneath it: `/data`.
    Subpath,
}

const LITERAL: &str = "literal:";

/// Reads `/data` or `literal:/etc/hosts`: what the path stands for, and the path.
///
/// An absolute path starts with `/`, so no path can be taken for the prefix.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_path_pattern(text: &[u8]) -> Result<(PatternKind, &[u8]), SpecError> {
    if let Some(path) = text.strip_prefix(LITERAL.as_bytes()) {
        check_path_after(LITERAL, path)?;
        return Ok((PatternKind::Literal, path));
    }
    check_no_other_prefix(text)?;
    check_path(text)?;
    Ok((PatternKind::Subpath, text))
}

/// Checks that a path is absolute and written in the one normal way.
///
/// A profile is compared, printed and matched by its text, so there must be one text for one path: no `.`, `..`,
/// doubled or trailing slash. Whether the path exists is not asked here.
///
/// # Errors
///
/// The message says what is wrong with the path and what belongs there.
pub fn check_path(path: &[u8]) -> Result<(), SpecError> {
    check_path_after("", path)
}

/// Checks the path that follows a word such as `literal:`. The messages show and propose both together.
pub(crate) fn check_path_after(prefix: &str, path: &[u8]) -> Result<(), SpecError> {
    let text = String::from_utf8_lossy(path);
    let shown = if prefix.is_empty() { format!("`{text}`") } else { format!("the path in `{prefix}{text}`") };
    let wrong = |message: String| Err(SpecError::new(message));

    if path.is_empty() && prefix.is_empty() {
        return wrong("the path is empty; expected an absolute path such as `/data`".into());
    }
    if path.is_empty() {
        return wrong(format!("`{prefix}` names no path; expected an absolute path after it"));
    }
    if path.contains(&0) {
        return wrong(format!("{} holds a NUL byte; no path can hold one, remove it", shown.replace('\0', "\\0")));
    }
    if path.len() > PATH_MAX {
        return wrong(format!("the path is {} bytes long; expected at most {PATH_MAX}", path.len()));
    }
    if path[0] == b'~' {
        return wrong(format!("{shown} starts with `~`, which only a shell expands; expected an absolute path"));
    }
    if path[0] != b'/' {
        return wrong(format!("{shown} is relative; expected an absolute path, which starts with `/`"));
    }
    if path == b"/" {
        return Ok(());
    }
    if path.windows(2).any(|pair| pair == b"//") {
        return wrong(format!("{shown} has a doubled `/`; write `{prefix}{}`", normal(&text)));
    }
    if path.ends_with(b"/") {
        return wrong(format!("{shown} ends with `/`; write `{prefix}{}`", normal(&text)));
    }
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"." => {
                return wrong(format!("{shown} has a `.` component; write `{prefix}{}`", normal(&text)));
            }
            // What `..` means depends on symlinks, so there is no other spelling to propose.
            b".." => {
                return wrong(format!("{shown} has a `..` component; expected the path that it leads to"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether path `a` is path `b` or one of the directories that `b` is beneath.
///
/// Both must have passed [`check_path`].
#[must_use]
pub fn covers(a: &[u8], b: &[u8]) -> bool {
    match b.strip_prefix(a) {
        Some(rest) => a == b"/" || rest.is_empty() || rest[0] == b'/',
        None => false,
    }
}

/// `litteral:/etc/hosts` is no relative path to the person who wrote it.
fn check_no_other_prefix(text: &[u8]) -> Result<(), SpecError> {
    let Ok(text) = str::from_utf8(text) else { return Ok(()) };
    let Some((word, path)) = text.split_once(':').filter(|(_, path)| path.starts_with('/')) else { return Ok(()) };
    if word.is_empty() || !word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let path = normal(path);
    if word == "subpath" {
        return Err(SpecError::new(format!("`subpath:` is what every path means; write `{path}`")));
    }
    let proposal = match nearest(word, &["literal"]) {
        Some(_) => format!("did you mean `{LITERAL}{path}`?"),
        None => format!("write `{path}`, or `{LITERAL}{path}` for that one file"),
    };
    Err(SpecError::new(format!("`{word}:` goes before no path; {proposal}")))
}

/// The path without empty and `.` components.
fn normal(path: &str) -> String {
    let components: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    format!("/{}", components.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_absolute_normal_paths() {
        for path in ["/", "/data", "/srv/uploads/a b", "/a/...", "/a/.b", "/a/b.", "/a/~", "/a/..b"] {
            assert_eq!(check_path(path.as_bytes()), Ok(()), "{path}");
        }
        assert_eq!(check_path(b"/\xff\xfe"), Ok(()));
        let longest = format!("/{}", "a".repeat(PATH_MAX - 1));
        assert_eq!(check_path(longest.as_bytes()), Ok(()));
    }

    #[test]
    fn each_mistake_has_its_message() {
        for (path, message) in [
            ("", "the path is empty; expected an absolute path such as `/data`"),
            ("data", "`data` is relative; expected an absolute path, which starts with `/`"),
            ("./data", "`./data` is relative; expected an absolute path, which starts with `/`"),
            ("~/data", "`~/data` starts with `~`, which only a shell expands; expected an absolute path"),
            ("/a\0b", "`/a\\0b` holds a NUL byte; no path can hold one, remove it"),
            ("/a/../b", "`/a/../b` has a `..` component; expected the path that it leads to"),
            ("/..", "`/..` has a `..` component; expected the path that it leads to"),
            ("/a/./b", "`/a/./b` has a `.` component; write `/a/b`"),
            ("/.", "`/.` has a `.` component; write `/`"),
            ("/a//b", "`/a//b` has a doubled `/`; write `/a/b`"),
            ("//", "`//` has a doubled `/`; write `/`"),
            ("/a/", "`/a/` ends with `/`; write `/a`"),
        ] {
            assert_eq!(check_path(path.as_bytes()).unwrap_err().to_string(), message, "{path:?}");
        }
        let long = format!("/{}", "a".repeat(PATH_MAX));
        assert_eq!(
            check_path(long.as_bytes()).unwrap_err().to_string(),
            "the path is 4096 bytes long; expected at most 4095"
        );
    }

    #[test]
    fn a_pattern_is_a_path_with_or_without_literal() {
        for (text, kind, path) in [
            ("/", PatternKind::Subpath, "/"),
            ("/data", PatternKind::Subpath, "/data"),
            ("/literal:/x", PatternKind::Subpath, "/literal:/x"),
            ("literal:/", PatternKind::Literal, "/"),
            ("literal:/etc/hosts", PatternKind::Literal, "/etc/hosts"),
            ("literal:/a:b", PatternKind::Literal, "/a:b"),
        ] {
            assert_eq!(parse_path_pattern(text.as_bytes()), Ok((kind, path.as_bytes())), "{text}");
        }
        assert_eq!(parse_path_pattern(b"literal:/\xff"), Ok((PatternKind::Literal, &b"/\xff"[..])));
    }

    #[test]
    fn each_mistake_in_a_pattern_has_its_message() {
        for (text, message) in [
            ("", "the path is empty; expected an absolute path such as `/data`"),
            ("data", "`data` is relative; expected an absolute path, which starts with `/`"),
            ("a:b", "`a:b` is relative; expected an absolute path, which starts with `/`"),
            ("literal", "`literal` is relative; expected an absolute path, which starts with `/`"),
            ("literal:", "`literal:` names no path; expected an absolute path after it"),
            ("literal:x", "the path in `literal:x` is relative; expected an absolute path, which starts with `/`"),
            ("literal: /x", "the path in `literal: /x` is relative; expected an absolute path, which starts with `/`"),
            (
                "literal:~/x",
                "the path in `literal:~/x` starts with `~`, which only a shell expands; expected an absolute path",
            ),
            ("literal:/a\0", "the path in `literal:/a\\0` holds a NUL byte; no path can hold one, remove it"),
            ("literal:/a//b", "the path in `literal:/a//b` has a doubled `/`; write `literal:/a/b`"),
            ("literal:/a/", "the path in `literal:/a/` ends with `/`; write `literal:/a`"),
            ("literal:/a/./b", "the path in `literal:/a/./b` has a `.` component; write `literal:/a/b`"),
            (
                "literal:/a/../b",
                "the path in `literal:/a/../b` has a `..` component; expected the path that it leads to",
            ),
            ("litteral:/a", "`litteral:` goes before no path; did you mean `literal:/a`?"),
            ("LITERAL:/a", "`LITERAL:` goes before no path; did you mean `literal:/a`?"),
            ("subpath:/a", "`subpath:` is what every path means; write `/a`"),
            ("file:///a/b", "`file:` goes before no path; write `/a/b`, or `literal:/a/b` for that one file"),
        ] {
            assert_eq!(parse_path_pattern(text.as_bytes()).unwrap_err().to_string(), message, "{text:?}");
        }
    }

    #[test]
    fn a_path_covers_itself_and_what_is_beneath_it() {
        for (a, b, expected) in [
            ("/data", "/data", true),
            ("/data", "/data/x/y", true),
            ("/data", "/database", false),
            ("/data/x", "/data", false),
            ("/", "/", true),
            ("/", "/data", true),
            ("/data", "/", false),
        ] {
            assert_eq!(covers(a.as_bytes(), b.as_bytes()), expected, "{a} {b}");
        }
    }
}
