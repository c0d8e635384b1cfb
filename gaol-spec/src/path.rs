//! The rules for a path in a profile.

use crate::SpecError;

/// The longest path that the kernel takes, without the NUL that ends it.
pub const PATH_MAX: usize = 4095;

/// Checks that a path is absolute and written in the one normal way.
///
/// A profile is compared, printed and matched by its text, so there must be one text for one path: no `.`, `..`,
/// doubled or trailing slash. Whether the path exists is not asked here.
///
/// # Errors
///
/// The message says what is wrong with the path and what belongs there.
pub fn check_path(path: &[u8]) -> Result<(), SpecError> {
    let shown = String::from_utf8_lossy(path);
    let wrong = |message: String| Err(SpecError::new(message));

    if path.is_empty() {
        return wrong("the path is empty; expected an absolute path such as `/data`".into());
    }
    if path.contains(&0) {
        return wrong(format!("`{}` holds a NUL byte; no path can hold one, remove it", shown.replace('\0', "\\0")));
    }
    if path.len() > PATH_MAX {
        return wrong(format!("the path is {} bytes long; expected at most {PATH_MAX}", path.len()));
    }
    if path[0] == b'~' {
        return wrong(format!("`{shown}` starts with `~`, which only a shell expands; expected an absolute path"));
    }
    if path[0] != b'/' {
        return wrong(format!("`{shown}` is relative; expected an absolute path, which starts with `/`"));
    }
    if path == b"/" {
        return Ok(());
    }
    if path.windows(2).any(|pair| pair == b"//") {
        return wrong(format!("`{shown}` has a doubled `/`; write `{}`", normal(&shown)));
    }
    if path.ends_with(b"/") {
        return wrong(format!("`{shown}` ends with `/`; write `{}`", normal(&shown)));
    }
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"." => {
                return wrong(format!("`{shown}` has a `.` component; write `{}`", normal(&shown)));
            }
            // What `..` means depends on symlinks, so there is no other spelling to propose.
            b".." => {
                return wrong(format!("`{shown}` has a `..` component; expected the path that it leads to"));
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
