//! Threads: none beside the one that activates, each later one confined, and no more than the profile allows.

use std::fs;
use std::sync::mpsc;
use std::thread;

use gaol::{Profile, ProfileError};
use libc::{EACCES, EAGAIN, EPERM};

use super::stage::{activate, errno_of, fork, limited, profile, read, refusal, syscall};
use crate::support::processes::{self, eventually};

alone_as_each_user! {
    where_others_run_nothing_is_entered: refuses_and_changes_nothing;
    threads_of_the_kernel_for_a_ring_count: counts_the_rings_thread;
    a_later_thread_is_confined: confines_later_threads;
    as_many_as_the_profile_says_run_at_once: counts_threads;
    one_is_the_first: refuses_a_second;
    without_a_limit_there_are_more: counts_none;
    where_others_run_nothing_is_narrowed: refuses_to_narrow;
}

/// As many threads as that, until they are let go.
fn waiting(count: usize) -> Vec<(mpsc::Sender<()>, thread::JoinHandle<()>)> {
    let start = |_| {
        let (sender, receiver) = mpsc::channel();
        (sender, thread::spawn(move || receiver.recv().unwrap_or_default()))
    };
    (0..count).map(start).collect()
}

fn let_go(threads: Vec<(mpsc::Sender<()>, thread::JoinHandle<()>)>) {
    for (sender, thread) in threads {
        drop(sender);
        thread.join().expect("no panic");
    }
}

fn refuses_and_changes_nothing() {
    let profile = profile([read("/usr")]);
    let zygotes = || -> Vec<u32> {
        let processes = processes::of(std::process::id()).into_iter();
        processes.filter(|process| process.name == "gaol-zygote").map(|process| process.pid).collect()
    };
    let before = zygotes();
    let here = std::env::current_dir().expect("a directory");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Data);
    for count in [1, 2, 5] {
        let threads = waiting(count);
        match refusal(profile.clone()) {
            ProfileError::Threads { count: counted } => assert_eq!(counted, count + 1),
            other => panic!("{other}"),
        }
        let_go(threads);
    }
    let error = {
        let threads = waiting(1);
        let error = refusal(profile.clone());
        let_go(threads);
        error
    };
    let message =
        "2 threads run, and a profile covers only the one that activates it; activate it before any other is started";
    assert_eq!(error.to_string(), message);
    // Nothing has changed: not even its zygote was let go.
    assert!(fs::read("/etc/passwd").is_ok());
    assert_eq!(std::env::current_dir().expect("a directory"), here);
    assert_eq!(rustix::process::getrlimit(rustix::process::Resource::Data), limit);
    let status = fs::read_to_string("/proc/self/status").expect("its status");
    assert!(status.contains("\nNoNewPrivs:\t0\n") && status.contains("\nSeccomp:\t0\n"), "{status}");
    assert_eq!(zygotes(), before);
    activate(profile);
    assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EACCES));
}

/// A ring whose entries the kernel takes by itself would do, unseen by any filter, what its process may not do any more.
fn counts_the_rings_thread() {
    let mut parameters = [0_u32; 30];
    parameters[2] = 2; // IORING_SETUP_SQPOLL
    match syscall(libc::SYS_io_uring_setup, [8, parameters.as_mut_ptr() as u64, 0, 0, 0, 0]) {
        Ok(ring) => {
            assert!(matches!(refusal(profile([])), ProfileError::Threads { count: 2 }));
            let _ = syscall(libc::SYS_close, [ring, 0, 0, 0, 0, 0]);
        }
        Err(error) => eprintln!("no ring here: {error}"),
    }
}

fn confines_later_threads() {
    activate(profile([read("/usr")]));
    let attempt = || {
        assert!(fs::read_dir("/usr").is_ok());
        assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EACCES));
        assert_eq!(errno_of(fs::metadata("/etc/passwd")), Some(EACCES));
        assert_eq!(errno_of(std::net::TcpStream::connect("127.0.0.1:1")), Some(libc::EAFNOSUPPORT));
        let parent = u64::from(rustix::process::getppid().expect("a parent").as_raw_nonzero().get().unsigned_abs());
        assert_eq!(errno_of(syscall(libc::SYS_kill, [parent, 0, 0, 0, 0, 0])), Some(EPERM));
    };
    let first = thread::spawn(move || {
        attempt();
        thread::spawn(attempt).join()
    });
    first.join().expect("no panic").expect("no panic in a thread's thread");
}

/// How many more threads can be started.
fn room(most: usize) -> usize {
    let mut threads = Vec::new();
    while threads.len() < most {
        let (sender, receiver) = mpsc::channel::<()>();
        match thread::Builder::new().spawn(move || receiver.recv().unwrap_or_default()) {
            Ok(thread) => threads.push((sender, thread)),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(EAGAIN));
                break;
            }
        }
    }
    let count = threads.len();
    let_go(threads);
    count
}

fn counts_threads() {
    for limit in [2, 3, 8] {
        fork(|| {
            activate(limited(profile([]), |limits| limits.threads = Some(limit as u64)));
            // A thread that was joined may be counted for a moment.
            let has_room = || {
                eventually("room for all", || {
                    let room = room(64);
                    assert!(room < limit, "{room} beside the first");
                    room == limit - 1
                })
            };
            (0..20).for_each(|_| has_room());
            // Started by several at once, there are no more of them.
            let racing: Vec<_> = (1..limit).map_while(|_| thread::Builder::new().spawn(|| room(64)).ok()).collect();
            for thread in racing {
                assert!(thread.join().expect("no panic") < limit);
            }
            has_room();
        })
        .is_success();
    }
}

fn refuses_a_second() {
    activate(limited(profile([]), |limits| limits.threads = Some(1)));
    assert_eq!(room(64), 0);
}

fn counts_none() {
    activate(limited(profile([]), |limits| limits.threads = None));
    assert_eq!(room(100), 100, "as many as were tried");
}

fn refuses_to_narrow() {
    activate(profile([read("/usr")]));
    let threads = waiting(3);
    assert!(matches!(refusal(Profile::NOTHING), ProfileError::Threads { count: 4 }));
    let_go(threads);
    assert!(fs::read_dir("/usr").is_ok(), "nothing was taken away");
    activate(Profile::NOTHING);
    assert_eq!(errno_of(fs::read_dir("/usr")), Some(EPERM));
}
