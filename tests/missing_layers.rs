//! Where the system lacks a layer, or a step of entering it fails, the function runs confined by the others or not at all.
//!
//! Each fault is a process of its own, in which a system call gives an errno instead of an answer. Row 136 of the matrix.
//!
//! # Safety
//!
//! A seccomp filter of three instructions is installed from a local buffer, which the kernel copies.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod attack;
    pub(crate) mod place;
}

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use gaol::{Error, Layer, Outcome, sandboxed};
use serde::{Deserialize, Serialize};

use support::attack::{self, reached};
use support::place::Place;

/// A system call that fails: by number, perhaps only where an argument has any of these bits.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
struct Fault {
    call: i64,
    only: Option<Bits>,
    errno: i32,
}

/// An argument by its position, and bits of its lower half.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
struct Bits {
    argument: u32,
    any_of: u32,
}

/// What one profile's call gave under a fault.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
enum Got {
    /// It ran, and everything that it tried was refused.
    Confined,
    /// It ran, and this was not refused.
    Unconfined(String),
    /// It did not run.
    NotRun { layer: Option<String>, step: String, errno: Option<i32>, message: String },
    /// It failed in another way.
    Failed(String),
}

/// What all profiles gave.
#[derive(Serialize, Deserialize, Clone, Debug)]
struct Report {
    tier: char,
    nothing: Got,
    read: Got,
    write: Got,
    tcp: Got,
}

fn attack(secret: &Path) -> Vec<String> {
    reached(attack::attack(secret))
}

#[sandboxed(threads = "none", time = "20s")]
fn with_nothing(secret: &Path) -> gaol::Result<Vec<String>> {
    Ok(attack(secret))
}

#[sandboxed(read = granted, threads = "none", time = "20s")]
fn with_read(granted: &Path, secret: &Path) -> gaol::Result<Vec<String>> {
    std::fs::read(granted.join("file"))?;
    Ok(attack(secret))
}

#[sandboxed(read = granted, write = granted, threads = "none", time = "20s")]
fn with_write(granted: &Path, secret: &Path) -> gaol::Result<Vec<String>> {
    std::fs::write(granted.join("written"), "x")?;
    Ok(attack(secret))
}

#[sandboxed(net = "tcp:9", threads = "none", time = "20s")]
fn with_tcp(secret: &Path) -> gaol::Result<Vec<String>> {
    Ok(attack(secret))
}

fn got(result: gaol::Result<Vec<String>>) -> Got {
    match result {
        Ok(open) if open.is_empty() => Got::Confined,
        Ok(open) => Got::Unconfined(open.join(", ")),
        Err(error) if error.outcome() == Outcome::NotRun => {
            let message = error.to_string();
            match error {
                Error::Unsupported { unsupported, .. } => Got::NotRun {
                    layer: Some(unsupported.layer.to_string()),
                    step: unsupported.step.clone(),
                    errno: unsupported.errno,
                    message,
                },
                Error::Start { step, source, .. } => {
                    Got::NotRun { layer: None, step, errno: source.raw_os_error(), message }
                }
                _ => Got::NotRun { layer: None, step: String::new(), errno: None, message },
            }
        }
        Err(error) => Got::Failed(error.to_string()),
    }
}

/// Makes a system call fail for this thread and all that it starts. This cannot be undone.
fn inject(fault: Fault) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let jump = |test: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let statement = |code: u16, k: u32| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut program = vec![statement(LOAD, 0)];
    match fault.only {
        None => program.push(jump(libc::BPF_JEQ, fault.call as u32, 0, 1)),
        Some(Bits { argument, any_of }) => program.extend([
            jump(libc::BPF_JEQ, fault.call as u32, 0, 3),
            statement(LOAD, 16 + 8 * argument),
            jump(libc::BPF_JSET, any_of, 0, 1),
        ]),
    }
    program.push(statement(RETURN, libc::SECCOMP_RET_ERRNO | fault.errno as u32));
    program.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: no memory is involved.
    let quiet = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(quiet, 0, "no_new_privs");
    // SAFETY: the kernel copies the program, which lives until the call returns.
    let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) };
    assert_eq!(installed, 0, "the filter");
}

/// The variable by which this program, started once more, knows its fault and its directory.
const FAULT: &str = "GAOL_TEST_FAULT";

/// Runs every profile under a fault, in a process of its own. That process may be unable to live with the fault itself.
fn try_under(fault: Fault, nobody: bool) -> Result<Report, String> {
    let place = Place::new("fault");
    let granted = place.path().join("granted");
    std::fs::create_dir(&granted).expect("a directory");
    std::fs::write(granted.join("file"), "anyone").expect("a file");
    std::fs::write(place.path().join("secret"), "no one").expect("a file");
    for path in [granted.clone(), place.path().join("secret")] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("permissions");
    }
    let program = place.path().join("program");
    let built = std::env::current_exe().expect("the name of this program");
    if std::fs::hard_link(&built, &program).is_err() {
        std::fs::copy(&built, &program).expect("a copy of this program");
    }
    let task = serde_json::to_string(&(fault, place.path())).expect("plain data");
    let mut command = Command::new(program);
    command.args(["--exact", "the_other_process", "--nocapture", "--test-threads=1", "--include-ignored"]);
    command.env(FAULT, task).stdin(Stdio::null());
    if nobody {
        command.uid(65534).gid(65534);
    }
    let output = command.output().expect("this program again");
    let report = std::fs::read(place.path().join("report.json")).unwrap_or_default();
    serde_json::from_slice(&report)
        .map_err(|_| format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// The same, where the application itself can live with the fault.
#[track_caller]
fn under(fault: Fault, nobody: bool) -> Report {
    try_under(fault, nobody).unwrap_or_else(|said| panic!("{fault:?}: no report: {said}"))
}

/// The other side of [`try_under`].
#[test]
#[ignore = "run by the others, in processes of their own"]
fn the_other_process() {
    let Ok(task) = std::env::var(FAULT) else { return };
    let (fault, place): (Fault, PathBuf) = serde_json::from_str(&task).expect("a fault and a place");
    let (granted, secret) = (place.join("granted"), place.join("secret"));
    let mut file = std::fs::File::create(place.join("report.json")).expect("a file for the report");
    inject(fault);
    let report = Report {
        tier: gaol::support().tier(),
        nothing: got(with_nothing(&secret)),
        read: got(with_read(&granted, &secret)),
        write: got(with_write(&granted, &secret)),
        tcp: got(with_tcp(&secret)),
    };
    file.write_all(&serde_json::to_vec(&report).expect("plain data")).expect("the report is written");
}

/// Root and not, where this process may become both.
fn users() -> Vec<bool> {
    if rustix::process::geteuid().is_root() { vec![false, true] } else { vec![false] }
}

fn fault(call: libc::c_long, errno: i32) -> Fault {
    Fault { call, only: None, errno }
}

fn without_user_namespaces(errno: i32) -> Fault {
    let only = Some(Bits { argument: 0, any_of: libc::CLONE_NEWUSER as u32 });
    Fault { call: libc::SYS_clone, only, errno }
}

#[track_caller]
fn assert_not_run(got: &Got, expected_layer: Layer, expected_errno: i32) {
    match got {
        Got::NotRun { layer: Some(layer), errno: Some(errno), .. } => {
            assert_eq!((layer.as_str(), *errno), (expected_layer.to_string().as_str(), expected_errno), "{got:?}");
        }
        other => panic!("expected a refusal that names {expected_layer}: {other:?}"),
    }
}

/// What came of each profile that this kernel serves in the report's tier. What it does not serve must be refused by Landlock's name.
fn served(report: &Report) -> Vec<&Got> {
    let abi = gaol::support().landlock_abi();
    let profiles = [
        (&report.nothing, true),
        (&report.read, abi >= 1),
        (&report.write, abi >= 3 || (abi >= 1 && report.tier == 'A')),
        (&report.tcp, abi >= 4),
    ];
    profiles.into_iter().filter_map(|(got, serves)| serves.then_some(got)).collect()
}

#[test]
fn without_a_fault_every_profile_runs_confined() {
    for nobody in users() {
        // A call that nothing makes.
        let report = under(fault(libc::SYS_lookup_dcookie, libc::EPERM), nobody);
        let served = served(&report);
        for got in [&report.nothing, &report.read, &report.write, &report.tcp] {
            if served.iter().any(|one| std::ptr::eq(*one, got)) {
                assert_eq!(*got, Got::Confined);
            } else {
                let landlock = Layer::Landlock.to_string();
                assert!(matches!(got, Got::NotRun { layer: Some(layer), .. } if *layer == landlock), "{got:?}");
            }
        }
    }
}

#[test]
fn without_user_namespaces_the_other_layers_refuse_the_same() {
    for nobody in users() {
        // As distributions, sysctls and containers refuse them.
        for errno in [libc::EPERM, libc::ENOSPC, libc::EINVAL, libc::ENOSYS, libc::EUSERS] {
            let report = under(without_user_namespaces(errno), nobody);
            assert_eq!(report.tier, 'B', "errno {errno}");
            for got in served(&report) {
                assert_eq!(*got, Got::Confined, "errno {errno}");
            }
        }
    }
}

#[test]
fn without_landlock_what_needs_it_does_not_run() {
    for nobody in users() {
        for errno in [libc::ENOSYS, libc::EOPNOTSUPP] {
            let report = under(fault(libc::SYS_landlock_create_ruleset, errno), nobody);
            assert_not_run(&report.read, Layer::Landlock, errno);
            assert_not_run(&report.write, Layer::Landlock, errno);
            assert_not_run(&report.tcp, Layer::Landlock, errno);
            // With neither file nor network, seccomp alone is enough.
            assert_eq!(report.nothing, Got::Confined);
        }
    }
}

#[test]
fn landlock_that_fails_halfway_is_no_landlock() {
    for nobody in users() {
        for (call, errno) in [
            (libc::SYS_landlock_add_rule, libc::ENOMEM),
            (libc::SYS_landlock_restrict_self, libc::EPERM),
            (libc::SYS_landlock_restrict_self, libc::E2BIG),
        ] {
            let report = under(fault(call, errno), nobody);
            for got in served(&report).into_iter().skip(1) {
                assert!(
                    matches!(got, Got::NotRun { errno: Some(found), .. } if *found == errno),
                    "{call} {errno}: {got:?}"
                );
            }
        }
    }
}

#[test]
fn without_seccomp_nothing_runs() {
    for nobody in users() {
        for errno in [libc::ENOSYS, libc::EINVAL, libc::EACCES] {
            let report = under(fault(libc::SYS_seccomp, errno), nobody);
            for got in served(&report) {
                assert_not_run(got, Layer::Seccomp, errno);
            }
        }
    }
}

#[test]
fn without_limits_nothing_runs() {
    for nobody in users() {
        // Reading limits works; setting them does not.
        let only = Some(Bits { argument: 2, any_of: u32::MAX });
        let report = under(Fault { call: libc::SYS_prlimit64, only, errno: libc::EPERM }, nobody);
        for got in served(&report) {
            assert_not_run(got, Layer::Limits, libc::EPERM);
        }
    }
}

/// Every call that setting up a child makes, and that a program does not make all the time.
#[test]
fn whatever_step_fails_the_function_never_runs_unconfined() {
    const STEPS: &[(&str, libc::c_long)] = &[
        ("clone", libc::SYS_clone),
        ("clone3", libc::SYS_clone3),
        ("unshare", libc::SYS_unshare),
        ("setns", libc::SYS_setns),
        ("mount", libc::SYS_mount),
        ("umount2", libc::SYS_umount2),
        ("pivot_root", libc::SYS_pivot_root),
        ("open_tree", libc::SYS_open_tree),
        ("move_mount", libc::SYS_move_mount),
        ("mount_setattr", libc::SYS_mount_setattr),
        ("fsopen", libc::SYS_fsopen),
        ("fsconfig", libc::SYS_fsconfig),
        ("fsmount", libc::SYS_fsmount),
        ("mkdirat", libc::SYS_mkdirat),
        ("symlinkat", libc::SYS_symlinkat),
        ("mknodat", libc::SYS_mknodat),
        ("chdir", libc::SYS_chdir),
        ("fchdir", libc::SYS_fchdir),
        ("capset", libc::SYS_capset),
        ("capget", libc::SYS_capget),
        ("setresuid", libc::SYS_setresuid),
        ("setresgid", libc::SYS_setresgid),
        ("setgroups", libc::SYS_setgroups),
        ("setsid", libc::SYS_setsid),
        ("setpriority", libc::SYS_setpriority),
        ("sched_setaffinity", libc::SYS_sched_setaffinity),
        ("prctl", libc::SYS_prctl),
        ("seccomp", libc::SYS_seccomp),
        ("prlimit64", libc::SYS_prlimit64),
        ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
        ("landlock_add_rule", libc::SYS_landlock_add_rule),
        ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
        ("close_range", libc::SYS_close_range),
        ("pidfd_open", libc::SYS_pidfd_open),
        ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
        ("socketpair", libc::SYS_socketpair),
        ("sendmsg", libc::SYS_sendmsg),
        ("recvmsg", libc::SYS_recvmsg),
        ("pipe2", libc::SYS_pipe2),
        ("dup3", libc::SYS_dup3),
        ("memfd_create", libc::SYS_memfd_create),
        ("getrandom", libc::SYS_getrandom),
        ("waitid", libc::SYS_waitid),
        ("rt_sigaction", libc::SYS_rt_sigaction),
        ("sigaltstack", libc::SYS_sigaltstack),
        ("statx", libc::SYS_statx),
        ("openat2", libc::SYS_openat2),
        ("getdents64", libc::SYS_getdents64),
        ("timerfd_create", libc::SYS_timerfd_create),
    ];
    let (mut faults, mut confined, mut not_run) = (0, 0, 0);
    let mut unbearable = Vec::new();
    let mut unconfined = Vec::new();
    for nobody in users() {
        for (name, call) in STEPS {
            for errno in [libc::EPERM, libc::ENOSYS, libc::ENOMEM] {
                faults += 1;
                let Ok(report) = try_under(fault(*call, errno), nobody) else {
                    unbearable.push(format!("{name} with errno {errno}"));
                    continue;
                };
                for got in [&report.nothing, &report.read, &report.write, &report.tcp] {
                    match got {
                        Got::Confined => confined += 1,
                        Got::NotRun { message, .. } if !message.is_empty() => not_run += 1,
                        other => unconfined.push(format!("{name} errno {errno} nobody {nobody}: {other:?}")),
                    }
                }
            }
        }
    }
    let unbearable = unbearable.join(", ");
    let _ = writeln!(
        std::io::stderr(),
        "{faults} faults injected: {confined} calls ran confined, {not_run} did not run, {} ran unconfined; faults that \
         the application itself does not survive: {unbearable}",
        unconfined.len()
    );
    assert!(unconfined.is_empty(), "{}", unconfined.join("\n"));
}
