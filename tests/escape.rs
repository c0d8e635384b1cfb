//! The attack matrix: every row is tried as root and as an unprivileged user, in every way that something comes to run under a profile,
//! in both tiers, and shown to be a real hole.
//!
//! A run as root starts this program twice more: as root, and as user 65534. Everything that a child could inherit (a
//! secret variable, descriptors, a terminal, a nice value) is planted there, before anything calls into gaol.
//!
//! `GAOL_MATRIX_ONLY=86` or `=ptrace` runs the rows of one number, or those whose name contains the word.
//!
//! `crossing` makes every act of the matrix under a covering set of profiles, in which each two keys, handed things and circumstances meet;
//! `GAOL_CROSSING=triples` each three. `GAOL_CROSSING_ONLY=Chmod` makes the acts whose name contains the word.
//!
//! # Safety
//!
//! One `fork`, in the run that has one thread to lose: the child scans its memory and exits.
#![allow(unsafe_code)]

#[path = "escape/mod.rs"]
mod attacks;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use attacks::crossing::{self as crossed, report as crossing};
use attacks::place::{Prepared, SECRET_ARGUMENT, SECRET_VARIABLE};
use attacks::report::{Report, print};
use attacks::runner::run;
use attacks::toolbox::{Seen, call};
use serde::de::DeserializeOwned;

const BASE: &str = "GAOL_MATRIX_BASE";
const NOBODY: u32 = 65534;

#[test]
fn escape() {
    if attacks::actor::is_one() {
        attacks::actor::serve();
    }
    if let Some(base) = std::env::var_os(BASE) {
        run_as_this_user(Path::new(&base));
        return;
    }
    let reports: Vec<Report> = as_each_user("escape");
    say(&print(&reports));
    let unexpected: usize = reports.iter().map(Report::unexpected).sum();
    assert_eq!(unexpected, 0, "rows or controls came out other than expected; they are listed above");
}

#[test]
fn crossing() {
    if let Some(base) = std::env::var_os(BASE) {
        cross_as_this_user(Path::new(&base));
        return;
    }
    let reports: Vec<crossing::Report> = as_each_user("crossing");
    say(&crossing::print(&reports));
    let unexpected: usize = reports.iter().map(crossing::Report::unexpected).sum();
    assert_eq!(unexpected, 0, "acts came out other than promised; they are listed above");
}

/// The same test as this user and, by root, as nobody: what each run reports.
fn as_each_user<T: DeserializeOwned>(test: &str) -> Vec<T> {
    let mut runs = vec![Run::start(test, false)];
    if rustix::process::geteuid().is_root() {
        runs.push(Run::start(test, true));
    } else {
        say("not run as root: the rows were tried as this user only");
    }
    runs.into_iter().map(Run::finish).collect()
}

/// This program once more, as one user.
struct Run {
    child: Child,
    base: PathBuf,
}

impl Run {
    /// Starts it, as the same user or as nobody.
    fn start(test: &str, as_nobody: bool) -> Self {
        let user = if as_nobody { "nobody" } else { "self" };
        // A process of another pid namespace may have the same number.
        let names = (0..100).map(|count| format!("gaol-{test}-{}-{count}-{user}", std::process::id()));
        let base = names
            .map(|name| std::env::temp_dir().join(name))
            .find(|base| std::fs::create_dir(base).is_ok())
            .expect("a temporary directory");
        // The directory that the build wrote to may be closed to others.
        let program = base.join("escape");
        std::fs::copy(std::env::current_exe().expect("the name of this program"), &program)
            .expect("a copy of this program");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("permissions of the copy");
        let mut command = Command::new(&program);
        command
            .args(["--exact", test, "--nocapture", "--test-threads=1", "--skip", SECRET_ARGUMENT])
            .env(BASE, &base)
            .env(SECRET_VARIABLE, "only the parent knows")
            .env("RUST_LOG", "trace")
            .current_dir(&base)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if as_nobody {
            std::os::unix::fs::chown(&base, Some(NOBODY), Some(NOBODY)).expect("a directory of the other user");
            command.uid(NOBODY).gid(NOBODY);
        }
        let child = command.spawn().expect("this program again");
        Self { child, base }
    }

    /// Waits for its end, and reads what it reports.
    fn finish<T: DeserializeOwned>(mut self) -> T {
        let status = self.child.wait().expect("its end");
        let text = std::fs::read(self.base.join("report.json"))
            .unwrap_or_else(|error| panic!("the run in {} left no report ({status}): {error}", self.base.display()));
        std::fs::remove_dir_all(&self.base).expect("the directory is removed");
        serde_json::from_slice(&text).expect("a report")
    }
}

/// The run itself.
fn run_as_this_user(base: &Path) {
    attacks::place::take_terminal().unwrap_or_else(|error| say(&format!("no terminal of our own: {error}")));
    set_the_scene();
    let mut prepared = Prepared::new(base).expect("the place of the attack");
    let rows = attacks::rows();
    let only = std::env::var("GAOL_MATRIX_ONLY").ok();
    let mut report = run(&rows, &mut prepared, only.as_deref()).expect("the place stays usable");
    scan_a_fork(&mut report);
    prepared.release();
    let path: PathBuf = base.join("report.json");
    let text = serde_json::to_vec(&report).expect("a report is plain data");
    std::fs::write(path, text).expect("the report is written");
}

/// The run of the crossing.
fn cross_as_this_user(base: &Path) {
    attacks::place::take_terminal().unwrap_or_else(|error| say(&format!("no terminal of our own: {error}")));
    set_the_scene();
    let mut prepared = Prepared::new(base).expect("the place of the attack");
    let only = std::env::var("GAOL_CROSSING_ONLY").ok();
    let strength = if std::env::var_os("GAOL_CROSSING").is_some_and(|value| value == "triples") { 3 } else { 2 };
    let report = crossed::run(&attacks::rows(), &mut prepared, strength, only.as_deref());
    let report = report.expect("the place stays usable");
    prepared.release();
    let text = serde_json::to_vec(&report).expect("a report is plain data");
    std::fs::write(base.join("report.json"), text).expect("the report is written");
}

/// What a careless application leaves for its children to inherit.
fn set_the_scene() {
    let blocked = 1_u64 << (libc::SIGUSR2 - 1);
    let _ = call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, &raw const blocked, 0, 8);
    let ignore = [libc::SIG_IGN, 0, 0, 0];
    let _ = call!(libc::SYS_rt_sigaction, libc::SIGHUP, ignore.as_ptr(), 0, 8);
    let _ = call!(libc::SYS_setpriority, libc::PRIO_PROCESS, 0, 10);
    let mut core = [0_u64; 2];
    let _ = call!(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, 0, core.as_mut_ptr());
    core[0] = core[1];
    let _ = call!(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, core.as_ptr(), 0);
    // Limits that can be raised, so that the controls have something to raise.
    for (resource, limit) in [(libc::RLIMIT_NOFILE, [4096_u64, 8192]), (libc::RLIMIT_DATA, [8 << 30, 9 << 30])] {
        let _ = call!(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), 0);
    }
    let cpu = [100_000_u64, 200_000];
    let _ = call!(libc::SYS_prlimit64, 0, libc::RLIMIT_CPU, cpu.as_ptr(), 0);
}

/// The control of row 111: a plain fork of the parent does have the parent's memory, and the scan finds the secret.
fn scan_a_fork(report: &mut Report) {
    // SAFETY: the child calls nothing but the scan and `_exit`; the allocator is not held by another thread of this run at this
    // point, and if it were, the child would hang and be killed by its alarm.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let _ = call!(libc::SYS_setitimer, libc::ITIMER_REAL, [0_u64, 0, 60, 0].as_ptr(), 0);
        let found = matches!(Seen::from(attacks::inheritance::scan()), Seen::Done(proof) if proof.starts_with("found"));
        attacks::toolbox::exit_now(if found { 0 } else { 1 });
    }
    let mut status = -1_i32;
    let _ = call!(libc::SYS_wait4, pid, &raw mut status, 0, 0);
    if status != 0 {
        report.is_wrong(format!("111 the scan does not find the secret in a fork of the parent: status {status:#x}"));
    }
}

/// Prints past the test harness, which keeps to itself what a passing test prints.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
