//! Forks: of a process that uses gaol, none can activate; of one that does not, each can.

use std::fs;

use gaol::{Profile, ProfileError, sandboxed};
use libc::EACCES;

use super::stage::{activate, errno_of, exec, fork, limited, metadata, profile, read, refusal, untried};

alone_as_each_user! {
    a_fork_with_copies_of_sockets_is_refused: refuses_copies;
    a_fork_from_before_activates: activates_forks;
    a_fork_of_an_activated_process_is_confined_and_cannot_narrow: confines_forks;
}

#[sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

fn nothing() -> Profile {
    limited(Profile::NOTHING, |limits| limits.threads = Some(1))
}

/// By a socket to the zygote of the process that it was forked from, a fork could have anything started that is not confined.
fn refuses_copies() {
    assert_eq!(doubles(2).expect("a call"), 4);
    fork(|| {
        assert!(matches!(refusal(nothing()), ProfileError::Forked));
        // Its own calls do not change that.
        assert_eq!(doubles(3).expect("a call"), 6);
        assert!(matches!(refusal(nothing()), ProfileError::Forked));
        assert!(fs::read("/etc/passwd").is_ok(), "nothing was entered");
        // Nor does another fork.
        fork(|| assert!(matches!(refusal(nothing()), ProfileError::Forked))).is_success();
    })
    .is_success();
    assert_eq!(doubles(4).expect("a call"), 8, "who was copied goes on");
    activate(nothing());
}

fn activates_forks() {
    for _ in 0..3 {
        fork(|| {
            assert_eq!(doubles(2).expect("a call"), 4);
            activate(profile([read("/usr")]));
            assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EACCES));
        })
        .is_success();
    }
    assert!(fs::read("/etc/passwd").is_ok());
    assert_eq!(doubles(4).expect("a call"), 8);
}

fn confines_forks() {
    let with_programs = untried(&[exec("/bin/true"), metadata("/"), read("/usr")]);
    activate(limited(with_programs, |limits| limits.threads = None));
    // Where it says how it ended cannot be opened any more, so it says so by its end.
    let child = super::programs::child(|| {
        let refused = errno_of(fs::read("/etc/passwd")) == Some(EACCES);
        let nested = matches!(refusal(nothing()), ProfileError::Nested);
        i32::from(!(refused && nested))
    });
    assert_eq!(super::programs::wait(child).exit_status(), Some(0));
    activate(nothing());
}
