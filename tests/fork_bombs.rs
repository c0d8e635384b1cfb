//! A function that may run programs, and runs too many. In a test program of its own: whatever runs beside it would have to share the
//! machine's process ids with it.
#![allow(unused_variables, reason = "a parameter is there for the attribute alone")]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
    pub(crate) mod tiers;
}

use std::process::Command;
use std::time::{Duration, Instant};

use gaol::{Error, sandboxed};

use support::processes::processes_with;
use support::tiers::{as_each_user, in_each_tier};

/// What is granted beside the programs: without namespaces a program sees all metadata, and the profile has to say so.
fn seen(namespaces: bool) -> Vec<String> {
    if namespaces { Vec::new() } else { vec!["/".to_owned()] }
}

#[sandboxed(exec = "/bin/sh", metadata = seen, threads = 16, time = "5s")]
fn explodes(seen: &[String], word: &str) -> gaol::Result<String> {
    let output = Command::new("/bin/sh")
        .arg("-c")
        .arg("trap '' TERM HUP; bomb() { bomb & bomb & }; bomb; bomb; wait")
        .arg(word)
        .output()?;
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_fork_bomb_ends_with_the_call() {
    as_each_user("a_fork_bomb_ends_with_the_call", || {
        in_each_tier(|namespaces| {
            let word = format!("gaol-bomb-{}-{namespaces}", std::process::id());
            // Refused one too many, or ended for it: either way it grew as far as it may.
            match explodes(&seen(namespaces), &word) {
                Ok(error) => assert!(error.contains("Cannot fork"), "{error}"),
                Err(Error::Killed { signal: libc::SIGKILL, .. } | Error::TimedOut { .. }) => {}
                other => panic!("{other:?}"),
            }
            let deadline = Instant::now() + Duration::from_secs(20);
            while processes_with(&word) > 0 {
                assert!(Instant::now() < deadline, "{} are left", processes_with(&word));
                std::thread::sleep(Duration::from_millis(20));
            }
        });
    });
}
