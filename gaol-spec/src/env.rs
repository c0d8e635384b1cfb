//! The rules for the name of an environment variable in a profile.

use crate::SpecError;

/// Checks a name that `env` lists.
///
/// # Errors
///
/// The message says what is wrong with the name and what belongs there.
pub fn check_env_name(name: &str) -> Result<(), SpecError> {
    let wrong = |message: String| Err(SpecError::new(message));
    if name.is_empty() {
        return wrong("the variable's name is empty; expected a name such as `LANG`".into());
    }
    if name.contains('\0') {
        return wrong(format!(
            "`{}` holds a NUL byte; no variable's name can hold one, remove it",
            name.replace('\0', "\\0")
        ));
    }
    if let Some((name, _)) = name.split_once('=') {
        return wrong(format!("`env` copies the parent's value and takes no `=`; expected a name such as `{name}`"));
    }
    if name.contains('*') {
        return wrong(format!("`{name}` is a pattern, which `env` does not have; expected the variables one by one"));
    }
    // They make the dynamic loader run code or change its checks before `main`, where no layer stands yet.
    if name.starts_with("LD_") || name == "GLIBC_TUNABLES" {
        return wrong(format!("`{name}` steers the dynamic loader; it cannot be passed to a sandboxed process"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_ordinary_names() {
        for name in ["LANG", "TZ", "http_proxy", "LDFLAGS", "A.B", "ÄÖ"] {
            assert_eq!(check_env_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn each_mistake_has_its_message() {
        for (name, message) in [
            ("", "the variable's name is empty; expected a name such as `LANG`"),
            ("A\0B", "`A\\0B` holds a NUL byte; no variable's name can hold one, remove it"),
            ("TZ=UTC", "`env` copies the parent's value and takes no `=`; expected a name such as `TZ`"),
            ("LC_*", "`LC_*` is a pattern, which `env` does not have; expected the variables one by one"),
            ("LD_PRELOAD", "`LD_PRELOAD` steers the dynamic loader; it cannot be passed to a sandboxed process"),
            ("LD_AUDIT", "`LD_AUDIT` steers the dynamic loader; it cannot be passed to a sandboxed process"),
            (
                "GLIBC_TUNABLES",
                "`GLIBC_TUNABLES` steers the dynamic loader; it cannot be passed to a sandboxed process",
            ),
        ] {
            assert_eq!(check_env_name(name).unwrap_err().to_string(), message, "{name:?}");
        }
    }
}
