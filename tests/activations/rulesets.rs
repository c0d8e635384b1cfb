//! Landlock has room for sixteen rulesets on top of each other, and a seventeenth is an error that says so.

use std::fs;

use gaol::{Layer, ProfileError};
use libc::{E2BIG, EACCES};

use super::nested::restrict;
use super::stage::{activate, errno_of, read, refusal, untried, written};

alone_as_each_user! {
    sixteen_can_be_entered_and_the_seventeenth_is_named: enters_sixteen;
    inherited_ones_count: counts_inherited;
    where_none_is_left_the_process_is_partly_confined: has_no_room;
}

const MOST: usize = 16;

fn is_full(error: ProfileError) {
    let ProfileError::Unsupported(unsupported) = error else { panic!("{error}") };
    assert_eq!((unsupported.layer, unsupported.errno), (Layer::Landlock, Some(E2BIG)), "{unsupported}");
    assert_eq!(
        unsupported.to_string(),
        "Landlock: restrict self: Argument list too long (os error 7); a process can be under 16 Landlock rulesets, inherited ones \
         included; activate fewer profiles, or begin in fewer sandboxes"
    );
}

fn enters_sixteen() {
    for _ in 0..MOST {
        activate(untried(&[read("/usr")]));
    }
    for _ in 0..2 {
        is_full(refusal(written("memory = \"128MiB\"")));
        // It lives, under what it was under, with nothing taken away.
        assert!(fs::read_dir("/usr").is_ok());
        assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EACCES));
        assert_eq!(rustix::process::getrlimit(rustix::process::Resource::Data).maximum, Some(1 << 30));
        std::thread::spawn(|| ()).join().expect("a thread");
    }
}

fn counts_inherited() {
    for _ in 0..MOST - 2 {
        restrict();
    }
    activate(untried(&[read("/usr")]));
    activate(untried(&[read("/usr")]));
    is_full(refusal(written("")));
    assert!(fs::read_dir("/usr").is_ok());
}

fn has_no_room() {
    for _ in 0..MOST {
        restrict();
    }
    match refusal(untried(&[read("/usr")])) {
        ProfileError::Partly(error) => is_full(*error),
        other => panic!("{other}"),
    }
    // It is a sandbox, though not the one that it was to be, and begins nothing.
    assert!(matches!(refusal(written("")), ProfileError::Nested));
}
