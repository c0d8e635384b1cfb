//! Limits: those of the profile hold for the process, and are only ever lowered.
//!
//! # Safety
//!
//! One signal is ignored while the process has one thread.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Write;
use std::time::Duration;

use gaol::{Limits, Profile, ProfileError};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use super::stage::{activate, errno_of, fork, limited, profile, refusal, written};
use crate::support::alone::place;

alone_as_each_user! {
    memory_ends_where_the_profile_says: bounds_memory;
    memory_that_is_in_use_already_is_told: counts_what_is_used;
    descriptors_end_where_the_profile_says: bounds_descriptors;
    files_end_where_the_profile_says: bounds_files;
    time_of_the_processor_ends_where_the_profile_says: bounds_cpu;
    a_profile_of_kept_workers_bounds_it_too: bounds_cpu_of_a_kept_one;
    a_limit_is_not_raised: raises_nothing;
    a_limit_that_is_lower_already_stays: keeps_what_is_lower;
    a_soft_limit_that_is_lower_already_is_not_raised: keeps_what_could_be_raised;
    a_narrower_profile_lowers_limits: lowers;
    a_wider_limit_changes_nothing: widens_nothing;
    limits_of_calls_mean_nothing: ignores_limits_of_calls;
}

/// No operation, and none of the limits that need somebody to count.
fn nothing(change: impl FnOnce(&mut Limits)) -> Profile {
    limited(Profile::NOTHING, |limits| {
        limits.threads = Some(1);
        change(limits);
    })
}

/// Private memory of this process in bytes, as the limit counts it.
fn used() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmData:")).expect("an amount");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn both(resource: Resource) -> (Option<u64>, Option<u64>) {
    let Rlimit { current, maximum } = getrlimit(resource);
    (current, maximum)
}

fn allocate(bytes: usize) -> bool {
    let mut room: Vec<u8> = Vec::new();
    room.try_reserve_exact(bytes).is_ok()
}

fn bounds_memory() {
    activate(nothing(|limits| limits.memory = Some(64 << 20)));
    assert!(allocate(32 << 20));
    assert!(!allocate(64 << 20));
    let held = hoard();
    assert!(held < 64 << 20, "{held}");
}

/// How much can be held at once.
fn hoard() -> usize {
    let mut hoard: Vec<Vec<u8>> = Vec::with_capacity(1024);
    loop {
        let mut more: Vec<u8> = Vec::new();
        if hoard.len() == 1024 || more.try_reserve_exact(1 << 20).is_err() {
            return hoard.len() << 20;
        }
        hoard.push(more);
    }
}

fn counts_what_is_used() {
    let hoard = std::hint::black_box(vec![1_u8; 128 << 20]);
    let before = both(Resource::Data);
    match refusal(nothing(|limits| limits.memory = Some(64 << 20))) {
        ProfileError::Unsupported(unsupported) => {
            assert_eq!(unsupported.operation, "memory = \"64MiB\"");
            assert!(unsupported.step.starts_with("the process uses "), "{unsupported}");
        }
        other => panic!("{other}"),
    }
    assert_eq!(both(Resource::Data), before);
    drop(hoard);
    activate(nothing(|limits| limits.memory = Some(64 << 20)));
}

fn bounds_descriptors() {
    let source = File::open("/dev/null").expect("a file");
    activate(nothing(|limits| limits.files = Some(32)));
    let mut copies = Vec::new();
    let errno = loop {
        match source.try_clone() {
            Ok(copy) => copies.push(copy),
            Err(error) => break error.raw_os_error(),
        }
        assert!(copies.len() < 32);
    };
    assert_eq!(errno, Some(libc::EMFILE));
}

fn bounds_files() {
    let path = place().join(format!("large-{}", std::process::id()));
    let mut file = File::create(&path).expect("a file");
    let end = fork(|| {
        activate(nothing(|limits| limits.file_size = Some(4096)));
        file.write_all(&[0; 4096]).expect("as much as that");
        let _ = file.write(b"x");
    });
    end.is_by(Signal::XFSZ);
    // SAFETY: SIG_IGN is valid for every signal.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    activate(nothing(|limits| limits.file_size = Some(8192)));
    file.write_all(&[0; 4096]).expect("the offset is shared, so there is room for as much again");
    assert_eq!(errno_of(file.write(b"x")), Some(libc::EFBIG));
}

fn bounds_cpu() {
    let end = fork(|| {
        activate(nothing(|limits| limits.cpu = Some(Duration::from_millis(300))));
        assert_eq!(both(Resource::Cpu), (Some(1), Some(2)), "whole seconds");
        loop {
            std::hint::spin_loop();
        }
    });
    end.is_by(Signal::XCPU);
}

fn bounds_cpu_of_a_kept_one() {
    activate(written("process = \"reused\"\ncpu = \"7s\"\nthreads = 1"));
    assert_eq!(both(Resource::Cpu), (Some(7), Some(8)));
    activate(written("process = \"reused\"\ncpu = \"5s\"\nthreads = 1"));
    assert_eq!(both(Resource::Cpu), (Some(5), Some(6)));
}

fn raises_nothing() {
    activate(nothing(|limits| {
        limits.memory = Some(256 << 20);
        limits.files = Some(64);
    }));
    for resource in [Resource::Data, Resource::Nofile, Resource::Core, Resource::As, Resource::Stack] {
        let (_, maximum) = both(resource);
        let more = maximum.expect("a limit") + 1;
        let raised = setrlimit(resource, Rlimit { current: Some(more), maximum: Some(more) });
        assert_eq!(raised, Err(rustix::io::Errno::PERM), "{resource:?}");
        let lifted = setrlimit(resource, Rlimit { current: None, maximum: None });
        assert_eq!(lifted, Err(rustix::io::Errno::PERM), "{resource:?}");
    }
    setrlimit(Resource::Nofile, Rlimit { current: Some(32), maximum: Some(32) })
        .expect("a lower one is its own affair");
}

fn keeps_what_is_lower() {
    let lower = Rlimit { current: Some(1), maximum: Some(1) };
    setrlimit(Resource::Cpu, lower).expect("a limit");
    setrlimit(Resource::Fsize, Rlimit { current: Some(4096), maximum: Some(4096) }).expect("a limit");
    activate(nothing(|limits| {
        limits.cpu = Some(Duration::from_secs(100));
        limits.file_size = Some(1 << 20);
    }));
    assert_eq!(both(Resource::Cpu), (Some(1), Some(1)));
    assert_eq!(both(Resource::Fsize), (Some(4096), Some(4096)));
}

fn keeps_what_could_be_raised() {
    let soft = |current, maximum| Rlimit { current: Some(current), maximum: Some(maximum) };
    let held =
        [(Resource::Cpu, soft(100, 200)), (Resource::Fsize, soft(4096, 8192)), (Resource::Nofile, soft(64, 128))];
    for (resource, limit) in held {
        setrlimit(resource, limit).expect("a limit");
    }
    activate(nothing(|limits| {
        limits.cpu = None;
        limits.file_size = Some(1 << 20);
        limits.files = None;
    }));
    // One second is what lies between the signal that can be handled and the one that cannot.
    assert_eq!(both(Resource::Cpu), (Some(100), Some(101)));
    assert_eq!(both(Resource::Fsize), (Some(4096), Some(4096)));
    assert_eq!(both(Resource::Nofile), (Some(64), Some(64)));
    for (resource, limit) in held {
        assert_eq!(setrlimit(resource, limit), Err(rustix::io::Errno::PERM), "{resource:?}");
    }
}

fn lowers() {
    let used = used();
    activate(nothing(|limits| {
        limits.memory = None;
        limits.cpu = None;
        limits.files = None;
        limits.file_size = None;
    }));
    assert!(allocate(512 << 20));
    activate(nothing(|limits| {
        limits.memory = Some(used + (32 << 20));
        limits.cpu = Some(Duration::from_secs(10));
        limits.files = Some(40);
        limits.file_size = Some(1 << 20);
    }));
    let equal = |resource, limit| assert_eq!(both(resource), (Some(limit), Some(limit)), "{resource:?}");
    equal(Resource::Data, used + (32 << 20));
    equal(Resource::Nofile, 40);
    equal(Resource::Fsize, 1 << 20);
    assert_eq!(both(Resource::Cpu), (Some(10), Some(11)));
    let address_space = both(Resource::As).0.expect("all that is mapped is bounded as well");
    assert!(address_space > used + (64 << 20), "{address_space}");
    assert!(!allocate(64 << 20));
}

fn widens_nothing() {
    let limits_of = || [Resource::Data, Resource::As, Resource::Nofile, Resource::Fsize, Resource::Cpu].map(both);
    activate(nothing(|limits| {
        limits.memory = Some(256 << 20);
        limits.cpu = Some(Duration::from_secs(10));
        limits.files = Some(40);
        limits.file_size = Some(1 << 20);
    }));
    let before = limits_of();
    activate(nothing(|limits| limits.cpu = Some(Duration::from_secs(1000))));
    activate(nothing(|limits| {
        limits.memory = None;
        limits.files = None;
        limits.file_size = None;
    }));
    assert_eq!(limits_of(), before);
}

fn ignores_limits_of_calls() {
    let profile = limited(profile([]), |limits| {
        limits.time = Some(Duration::from_millis(1));
        limits.reply = Some(1);
    });
    activate(profile);
    std::thread::sleep(Duration::from_millis(20));
}
