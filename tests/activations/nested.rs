//! A process that is in somebody else's sandbox already: what that allows can be narrowed, and what it keeps from gaol is named.

use std::fs;

use gaol::{Layer, ProfileError};
use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, EACCES, EPERM};

use super::stage::{activate, errno_of, fork, read, refusal, syscall, untried, written};

alone_as_each_user! {
    under_landlock_both_hold: adds_to_landlock;
    under_a_filter_both_hold: adds_to_a_filter;
    a_filter_that_keeps_landlock_away_is_named: misses_landlock;
    a_filter_that_hides_capabilities_is_named: misses_capabilities;
    a_filter_that_keeps_filters_away_leaves_it_partly_confined: misses_filters;
    a_filter_that_keeps_limits_away_leaves_it_partly_confined: misses_limits;
    under_a_filter_that_asks_nobody_else_can_be_asked: misses_a_listener;
}

/// One more Landlock ruleset, by hand: character devices may not be made.
pub(super) fn restrict() {
    const MAKE_CHARACTER_DEVICE: u64 = 1 << 6;
    forbid_new_privileges();
    let rights = [MAKE_CHARACTER_DEVICE];
    let ruleset =
        syscall(libc::SYS_landlock_create_ruleset, [rights.as_ptr() as u64, 8, 0, 0, 0, 0]).expect("a ruleset");
    syscall(libc::SYS_landlock_restrict_self, [ruleset, 0, 0, 0, 0, 0]).expect("one more");
    syscall(libc::SYS_close, [ruleset, 0, 0, 0, 0, 0]).expect("its end");
}

/// The same for everything but what is beneath `/etc`.
fn restrict_to_etc() {
    const READ: u64 = 1 << 2 | 1 << 3;
    forbid_new_privileges();
    let rights = [READ];
    let ruleset =
        syscall(libc::SYS_landlock_create_ruleset, [rights.as_ptr() as u64, 8, 0, 0, 0, 0]).expect("a ruleset");
    for path in ["/etc", "/proc", "/dev"] {
        let directory = fs::File::open(path).expect("a directory");
        let descriptor = std::os::fd::AsRawFd::as_raw_fd(&directory).unsigned_abs();
        let [a, b, c, d, e, f, g, h] = READ.to_ne_bytes();
        let [i, j, k, l] = descriptor.to_ne_bytes();
        let rule = [a, b, c, d, e, f, g, h, i, j, k, l];
        syscall(libc::SYS_landlock_add_rule, [ruleset, 1, rule.as_ptr() as u64, 0, 0, 0]).expect("a rule");
    }
    syscall(libc::SYS_landlock_restrict_self, [ruleset, 0, 0, 0, 0, 0]).expect("one more");
    syscall(libc::SYS_close, [ruleset, 0, 0, 0, 0, 0]).expect("its end");
}

fn forbid_new_privileges() {
    syscall(libc::SYS_prctl, [libc::PR_SET_NO_NEW_PRIVS as u64, 1, 0, 0, 0, 0]).expect("a promise");
}

/// A filter that answers one system call with `answer`, and allows all others.
fn filter(call: libc::c_long, answer: u32, flags: u64) -> u64 {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let instructions = [
        statement(BPF_LD | BPF_W | BPF_ABS, 0),
        libc::sock_filter { jf: 1, ..statement(BPF_JMP | BPF_JEQ | BPF_K, u32::try_from(call).expect("a number")) },
        statement(BPF_RET | BPF_K, answer),
        statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    install(&instructions, flags)
}

fn install(instructions: &[libc::sock_filter], flags: u64) -> u64 {
    let program = libc::sock_fprog { len: instructions.len() as u16, filter: instructions.as_ptr().cast_mut() };
    forbid_new_privileges();
    syscall(libc::SYS_seccomp, [1, flags, (&raw const program) as u64, 0, 0, 0]).expect("a filter")
}

fn refuse(call: libc::c_long) {
    filter(call, libc::SECCOMP_RET_ERRNO | EPERM.unsigned_abs(), 0);
}

fn adds_to_landlock() {
    restrict_to_etc();
    assert!(fs::read("/etc/passwd").is_ok());
    assert_eq!(errno_of(fs::read_dir("/usr")), Some(EACCES));
    let one_thread = |text: &str| written(&format!("{text}\nthreads = 1"));
    activate(one_thread("read = \"/etc\""));
    assert!(fs::read("/etc/passwd").is_ok());
    assert_eq!(errno_of(fs::read_dir("/usr")), Some(EACCES));
    assert_eq!(errno_of(fs::read("/proc/self/status")), Some(EACCES));
    activate(one_thread(""));
    assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EPERM));
}

fn adds_to_a_filter() {
    refuse(libc::SYS_getrusage);
    activate(untried(&[read("/usr")]));
    assert!(fs::read_dir("/usr").is_ok());
    assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EACCES));
    let mut room = [0_u64; 32];
    assert_eq!(errno_of(syscall(libc::SYS_getrusage, [0, room.as_mut_ptr() as u64, 0, 0, 0, 0])), Some(EPERM));
    std::thread::spawn(|| ()).join().expect("a thread");
}

fn misses_landlock() {
    refuse(libc::SYS_landlock_create_ruleset);
    match refusal(untried(&[read("/usr")])) {
        ProfileError::Unsupported(unsupported) => {
            assert_eq!(unsupported.operation, "read = \"/usr\"");
            assert_eq!((unsupported.layer, unsupported.errno), (Layer::Landlock, Some(EPERM)));
        }
        other => panic!("{other}"),
    }
    assert!(fs::read("/etc/passwd").is_ok(), "nothing was entered");
    // Without files and ports the filter keeps everything.
    let enforcement = activate(written(""));
    assert!(!enforcement.has(Layer::Landlock) && enforcement.landlock_abi() == 0);
    assert_eq!(enforcement.to_string(), "hygiene, capabilities, limits, seccomp");
    assert_eq!(errno_of(fs::read("/etc/passwd")), Some(EPERM));
    activate(written("threads = 1"));
}

/// As the filter of gaol's own sandboxes does.
fn misses_capabilities() {
    refuse(libc::SYS_capget);
    match refusal(written("threads = 1")) {
        ProfileError::Unsupported(unsupported) => {
            assert_eq!((unsupported.layer, unsupported.errno), (Layer::Capabilities, Some(EPERM)), "{unsupported}");
        }
        other => panic!("{other}"),
    }
    assert!(fs::read("/etc/passwd").is_ok(), "nothing was entered");
}

fn partly(layer: Layer, text: &str) {
    match refusal(written(text)) {
        ProfileError::Partly(error) => match *error {
            ProfileError::Unsupported(unsupported) => {
                assert_eq!(unsupported.layer, layer, "{unsupported}");
                assert!(unsupported.errno.is_some(), "{unsupported}");
            }
            other => panic!("{other}"),
        },
        other => panic!("{other}"),
    }
    assert!(matches!(refusal(written("")), ProfileError::Nested));
}

fn misses_filters() {
    refuse(libc::SYS_seccomp);
    partly(Layer::Seccomp, "threads = 1");
    assert!(fs::read("/etc/passwd").is_err(), "Landlock was entered before");
}

/// A filter that refuses new limits.
fn refuse_setting_limits() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let number = u32::try_from(libc::SYS_prlimit64).expect("a number");
    install(
        &[
            statement(BPF_LD | BPF_W | BPF_ABS, 0),
            libc::sock_filter { jf: 3, ..statement(BPF_JMP | BPF_JEQ | BPF_K, number) },
            // The lower half of the address of a new limit.
            statement(BPF_LD | BPF_W | BPF_ABS, 16 + 2 * 8),
            libc::sock_filter { jt: 1, ..statement(BPF_JMP | BPF_JEQ | BPF_K, 0) },
            statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ERRNO | EPERM.unsigned_abs()),
            statement(BPF_RET | BPF_K, libc::SECCOMP_RET_ALLOW),
        ],
        0,
    );
}

fn misses_limits() {
    // Setting one is what a filter may refuse; looking at them never fails.
    refuse_setting_limits();
    partly(Layer::Limits, "threads = 1");
}

fn misses_a_listener() {
    let listen = |text: &'static str, operation: &'static str| {
        fork(move || {
            // It asks about a call that nobody makes.
            let listener =
                filter(libc::SYS_getcpu, libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
            match refusal(written(text)) {
                ProfileError::Partly(error) => match *error {
                    ProfileError::Unsupported(unsupported) => {
                        assert_eq!(unsupported.errno, Some(libc::EBUSY), "{unsupported}");
                        assert!(unsupported.to_string().contains(operation), "{unsupported}");
                    }
                    other => panic!("{other}"),
                },
                other => panic!("{other}"),
            }
            assert!(listener > 0);
        })
        .is_success();
    };
    listen("threads = 8", "threads = 8");
    listen("listen = \"tcp:8080\"\nthreads = 1", "listen");
    // With one thread, and no port, there is nothing to ask.
    fork(|| {
        filter(libc::SYS_getcpu, libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
        activate(written("threads = 1"));
    })
    .is_success();
}
