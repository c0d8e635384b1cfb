//! The application has limits of its own (`ulimit`): a call works under them, or says which one stops it.

use gaol::{Error, Outcome, sandboxed};
use rustix::process::{Resource, Rlimit};

use crate::support::alone::{Alone, User};

#[sandboxed(time = "20s")]
fn sums(bytes: &[u8]) -> gaol::Result<u64> {
    Ok(bytes.iter().map(|byte| u64::from(*byte)).sum())
}

#[sandboxed(time = "20s")]
fn makes(length: usize) -> gaol::Result<Vec<u8>> {
    Ok(vec![7; length])
}

#[sandboxed(time = "20s", cpu = "5s")]
fn counts_its_time() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(time = "20s", files = "none", file_size = "none", memory = "none", reply = "none")]
fn has_no_limits(bytes: &[u8]) -> gaol::Result<Vec<u8>> {
    Ok(bytes.to_vec())
}

#[sandboxed(time = "20s", process = "exec")]
fn sums_anew(bytes: &[u8]) -> gaol::Result<u64> {
    Ok(bytes.iter().map(|byte| u64::from(*byte)).sum())
}

#[sandboxed(time = "20s", read = path, process = "reused")]
fn reads(path: &std::path::Path) -> gaol::Result<bool> {
    Ok(std::fs::metadata(path).is_ok())
}

/// A sandboxed call of some kind.
type Calls = fn() -> gaol::Result<()>;

const CALLS: [(&str, Calls); 8] = [
    ("a short argument", || sums(&[1; 10]).map(|sum| assert_eq!(sum, 10))),
    ("a long argument", || sums(&vec![1; 1 << 20]).map(|sum| assert_eq!(sum, 1 << 20))),
    ("a long argument, again", || sums(&vec![1; 1 << 20]).map(|sum| assert_eq!(sum, 1 << 20))),
    ("a long result", || makes(1 << 20).map(|made| assert_eq!(made, vec![7; 1 << 20]))),
    ("a limit on processor time", counts_its_time),
    ("no limits", || has_no_limits(&vec![3; 300_000]).map(|made| assert_eq!(made, vec![3; 300_000]))),
    ("a process of its own", || sums_anew(&vec![1; 1 << 20]).map(|sum| assert_eq!(sum, 1 << 20))),
    ("a path that is named", || reads(std::path::Path::new("/etc/hostname")).map(drop)),
];

/// Makes each kind of call. Those that do not work have not run, and are told to `judge`.
fn call_all(limit: &str, judge: impl Fn(&str, &Error)) {
    for round in 0..2 {
        for (name, call) in CALLS {
            match call() {
                Ok(()) => {}
                Err(error) => {
                    println!("{limit}, round {round}, {name}: {error}");
                    judge(name, &error);
                }
            }
        }
    }
}

fn limit(resource: Resource, soft: u64, hard: u64) {
    let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
    rustix::process::setrlimit(resource, limit).expect("a lower limit");
}

/// A long argument was the application's end, by SIGXFSZ.
#[test]
fn small_files_of_the_application_are_no_limit_on_arguments_and_results() {
    Alone::new("applications::limits::small_files_of_the_application_are_no_limit_on_arguments_and_results").run(
        || {
            for size in [8 << 20, 1 << 20, 100 << 10] {
                limit(Resource::Fsize, size, size);
                call_all(&format!("files of {size} bytes"), |name, error| panic!("{size}, {name}: {error}"));
            }
        },
    );
}

#[test]
fn small_files_after_the_first_call_are_no_limit_either() {
    Alone::new("applications::limits::small_files_after_the_first_call_are_no_limit_either").run(|| {
        call_all("none", |name, error| panic!("{name}: {error}"));
        limit(Resource::Fsize, 100 << 10, u64::MAX >> 1);
        call_all("files of 100 KiB", |name, error| panic!("{name}: {error}"));
    });
}

#[test]
fn no_file_at_all_is_no_limit_on_arguments_and_results() {
    Alone::new("applications::limits::no_file_at_all_is_no_limit_on_arguments_and_results").run(|| {
        // What this process prints goes to a file, so the limit is lifted again before it does.
        limit(Resource::Fsize, 0, u64::MAX >> 1);
        let failed: Vec<_> = CALLS.iter().filter_map(|(name, call)| Some((name, call().err()?))).collect();
        limit(Resource::Fsize, u64::MAX >> 1, u64::MAX >> 1);
        assert!(failed.is_empty(), "{failed:?}");
    });
}

/// What nothing of gaol's needs.
#[test]
fn limits_that_gaol_does_not_need_change_nothing() {
    for user in [User::Same, User::Lonely] {
        let alone = Alone::new("applications::limits::limits_that_gaol_does_not_need_change_nothing").user(user);
        let Some(alone) = alone else { continue };
        alone.run(|| {
            for resource in [
                Resource::Core,
                Resource::Memlock,
                Resource::Msgqueue,
                Resource::Nice,
                Resource::Rtprio,
                Resource::Locks,
                Resource::Sigpending,
            ] {
                limit(resource, 0, 0);
            }
            call_all("everything that can be zero", |name, error| panic!("{name}: {error}"));
        });
    }
}

/// What a call needs, each at a small value: it works, or the error says what to raise.
#[test]
fn small_limits_are_named_where_a_call_cannot_be_made_under_them() {
    let name = "applications::limits::small_limits_are_named_where_a_call_cannot_be_made_under_them";
    let Some(alone) = Alone::new(name).user(User::Lonely) else { return };
    alone.run(|| {
        let told = |word: &'static str| {
            move |name: &str, error: &Error| {
                // For shared memory that a result asks for, it is too late not to have run.
                let has_run = matches!(error, Error::Lost { .. });
                assert!(has_run || error.outcome() == Outcome::NotRun, "{name}: {error}");
                assert!(error.to_string().contains(word), "{name}: {error}");
            }
        };
        limit(Resource::Cpu, 30, 40);
        call_all("30 s of processor time", |name, error| panic!("{name}: {error}"));
        limit(Resource::Cpu, 4, 4);
        call_all("4 s of processor time", |name, error| panic!("{name}: {error}"));
        limit(Resource::Stack, 1 << 20, 1 << 20);
        call_all("stacks of 1 MiB", |name, error| panic!("{name}: {error}"));
        for files in [40, 24, 16] {
            limit(Resource::Nofile, files, files);
            call_all(&format!("{files} descriptors"), told("RLIMIT_NOFILE"));
        }
    });
}

/// With less memory than a profile allows, the application's limit is the one that is met.
#[test]
fn little_memory_of_the_application_ends_a_call_and_not_the_application() {
    Alone::new("applications::limits::little_memory_of_the_application_ends_a_call_and_not_the_application").run(
        || {
            for mebibytes in [1024_u64, 256, 96, 48] {
                limit(Resource::Data, mebibytes << 20, mebibytes << 20);
                call_all(&format!("{mebibytes} MiB of data"), |name, error| panic!("{name}: {error}"));
            }
        },
    );
}
