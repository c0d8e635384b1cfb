//! What surrounds an application: a `/proc` that hides processes, filters that kill, a process that waits for all its children, a strict umask.
//!
//! # Safety
//!
//! A seccomp filter of some instructions is installed from a local buffer, which the kernel copies.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod alone;
    pub(crate) mod attack;
    pub(crate) mod place;
}

use std::path::Path;

use gaol::{Availability, Error, Layer, Outcome, sandboxed};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus};

use support::alone::Alone;
use support::attack;
use support::place::Place;

#[sandboxed]
fn starts_a_thread() -> gaol::Result<u8> {
    Ok(std::thread::Builder::new().spawn(|| 7)?.join().unwrap_or_default())
}

#[sandboxed(threads = 1)]
fn has_one_thread() -> gaol::Result<u8> {
    Ok(7)
}

#[sandboxed(threads = "none")]
fn has_threads_at_will() -> gaol::Result<u8> {
    Ok(std::thread::Builder::new().spawn(|| 7)?.join().unwrap_or_default())
}

#[sandboxed(threads = "none")]
fn attacks(secret: &Path) -> gaol::Result<Vec<String>> {
    Ok(attack::reached(attack::attack(secret)))
}

#[sandboxed(read = granted, threads = "none")]
fn reads(granted: &Path, secret: &Path) -> gaol::Result<Vec<String>> {
    std::fs::read(granted.join("file"))?;
    Ok(attack::reached(attack::attack(secret)))
}

/// A directory with a file that is granted, and a secret beside it.
fn granted_and_secret(name: &str) -> (Place, std::path::PathBuf, std::path::PathBuf) {
    let place = Place::new(name);
    let (granted, secret) = (place.path().join("granted"), place.path().join("secret"));
    std::fs::create_dir(&granted).expect("a directory");
    std::fs::write(granted.join("file"), "anyone").expect("a file");
    std::fs::write(&secret, "no one").expect("a file");
    (place, granted, secret)
}

#[test]
fn where_proc_hides_processes_threads_are_refused_before_the_function_runs() {
    let name = "where_proc_hides_processes_threads_are_refused_before_the_function_runs";
    // Only a process without privileges is hidden from, and only root can mount such a `/proc`.
    const HIDDEN: &str = "GAOL_TEST_HIDDEN";
    if let Some(hidden) = std::env::var_os(HIDDEN) {
        assert_eq!(has_one_thread().expect("a call that counts nothing"), 7);
        assert_eq!(has_threads_at_will().expect("a call that counts nothing"), 7);
        if hidden == "0" {
            // The control: the same user, where nothing is hidden.
            assert_eq!(starts_a_thread().expect("a call"), 7);
            return;
        }
        for _ in 0..2 {
            let error = starts_a_thread().expect_err("its threads cannot be counted");
            assert_eq!(error.outcome(), Outcome::NotRun);
            let Error::Unsupported { unsupported, .. } = &error else { panic!("{error:?}") };
            assert_eq!(unsupported.layer, Layer::Limits, "{error}");
            let text = error.to_string();
            assert!(text.contains("hidepid") && text.contains("`threads = \"none\"`"), "{text}");
        }
        let support = gaol::support();
        let limits = support.layer(Layer::Limits);
        assert!(matches!(limits, Availability::Unavailable { step, .. } if step.contains("hidepid")), "{support}");
        return;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("{name}: not run, since only root can mount such a /proc");
        return;
    }
    let place = Place::new("hidden");
    let program = place.path().join("program");
    std::fs::copy(std::env::current_exe().expect("the name of this program"), &program)
        .expect("a copy of this program");
    for (hidden, option) in [("0", "hidepid=0"), ("1", "hidepid=1"), ("1", "hidepid=2")] {
        let script = format!(
            "mount -t proc -o {option} proc /proc && exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$0\" \"$@\""
        );
        let output = std::process::Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", &script])
            .arg(&program)
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .env(HIDDEN, hidden)
            .current_dir("/")
            .output()
            .expect("unshare");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{option}: {}", String::from_utf8_lossy(&said));
        assert!(String::from_utf8_lossy(&said).contains("1 passed"), "{option}");
    }
}

/// From now on these system calls end this process, and whatever it starts: with `only`, where the first argument has one of these bits.
fn kill_at(calls: &[libc::c_long], only: Option<u32>) {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let jump = |test: u32, k: u32, jt: u8, jf: u8| libc::sock_filter {
        code: (libc::BPF_JMP | test | libc::BPF_K) as u16,
        jt,
        jf,
        k,
    };
    let statement = |code: u16, k: u32| libc::sock_filter { code, jt: 0, jf: 0, k };
    let mut program = Vec::new();
    for call in calls {
        program.push(statement(LOAD, 0));
        match only {
            None => program.push(jump(libc::BPF_JEQ, *call as u32, 0, 1)),
            Some(bits) => program.extend([
                jump(libc::BPF_JEQ, *call as u32, 0, 3),
                statement(LOAD, 16),
                jump(libc::BPF_JSET, bits, 0, 1),
            ]),
        }
        program.push(statement(RETURN, libc::SECCOMP_RET_KILL_PROCESS));
    }
    program.push(statement(RETURN, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    rustix::thread::set_no_new_privs(true).expect("no_new_privs");
    // SAFETY: the kernel copies the program, which lives until the call returns. Every thread is put under it.
    let installed = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
            &raw const filter,
        )
    };
    assert_eq!(installed, 0, "the filter");
}

/// Says what is unavailable of a layer.
fn unavailable(layer: Layer) -> String {
    match gaol::support().layer(layer) {
        Availability::Unavailable { step, .. } => step.clone(),
        other => panic!("{layer}: {other:?}"),
    }
}

/// In tier B every promise holds, whatever ended the attempt at tier A.
fn tier_b_serves(step: &str) {
    let (_place, granted, secret) = granted_and_secret("lethal");
    let said = unavailable(Layer::Namespaces);
    assert!(said.contains(step) && said.contains("SIGSYS"), "{said}");
    assert_eq!(gaol::support().tier(), 'B');
    assert_eq!(attacks(&secret).expect("a call in tier B"), Vec::<String>::new());
    assert_eq!(reads(&granted, &secret).expect("a call in tier B"), Vec::<String>::new());
    assert_eq!(starts_a_thread().expect("a call in tier B"), 7);
}

#[test]
fn a_filter_that_kills_mount_leaves_tier_b() {
    Alone::new("a_filter_that_kills_mount_leaves_tier_b").run(|| {
        kill_at(&[libc::SYS_mount, libc::SYS_fsopen, libc::SYS_open_tree, libc::SYS_pivot_root], None);
        tier_b_serves("mount(MS_REC | MS_PRIVATE)");
    });
}

#[test]
fn a_filter_that_kills_pivot_root_leaves_tier_b_without_asking_first() {
    Alone::new("a_filter_that_kills_pivot_root_leaves_tier_b_without_asking_first").run(|| {
        kill_at(&[libc::SYS_pivot_root], None);
        // A call is the first to find out.
        assert_eq!(starts_a_thread().expect("a call in tier B"), 7);
        tier_b_serves("pivot_root");
    });
}

#[test]
fn a_filter_that_kills_clone_into_namespaces_leaves_tier_b() {
    Alone::new("a_filter_that_kills_clone_into_namespaces_leaves_tier_b").run(|| {
        kill_at(&[libc::SYS_clone, libc::SYS_unshare], Some(libc::CLONE_NEWUSER as u32));
        tier_b_serves("clone(CLONE_NEWUSER");
    });
}

#[test]
fn a_filter_that_kills_landlock_is_found_out_in_a_child() {
    Alone::new("a_filter_that_kills_landlock_is_found_out_in_a_child").run(|| {
        let calls = [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self];
        kill_at(&calls, None);
        let (_place, granted, secret) = granted_and_secret("landlock");
        // This process lives, and says what is not to be had.
        let said = unavailable(Layer::Landlock);
        assert!(said.contains("landlock_create_ruleset") && said.contains("SIGSYS"), "{said}");
        // What needs no Landlock does without.
        assert_eq!(attacks(&secret).expect("a call that needs no Landlock"), Vec::<String>::new());
        let error = reads(&granted, &secret).expect_err("what needs Landlock is refused");
        assert!(
            matches!(&error, Error::Unsupported { unsupported, .. } if unsupported.layer == Layer::Landlock),
            "{error:?}"
        );
    });
}

#[test]
fn a_filter_that_kills_who_installs_a_filter_is_named() {
    Alone::new("a_filter_that_kills_who_installs_a_filter_is_named").run(|| {
        kill_at(&[libc::SYS_seccomp], None);
        let error = starts_a_thread().expect_err("nothing runs without seccomp");
        assert_eq!(error.outcome(), Outcome::NotRun);
        let text = error.to_string();
        assert!(text.contains("seccomp(SECCOMP_SET_MODE_FILTER)") && text.contains("SIGSYS"), "{text}");
        assert!(text.contains("a filter that the application is under"), "{text}");
    });
}

/// A child of this process that has not been waited for.
fn child() -> Option<Option<WaitIdStatus>> {
    rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT).ok()
}

#[test]
fn an_application_that_orphans_come_to_can_wait_for_all_its_children() {
    Alone::new("an_application_that_orphans_come_to_can_wait_for_all_its_children").run(|| {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("a subreaper");
        for _ in 0..2 {
            assert_eq!(starts_a_thread().expect("a call"), 7);
            // The zygote has become a child of this process, and would be waited for for ever.
            assert!(matches!(child(), Some(None)), "a child that lives");
            gaol::shut_down();
            assert!(child().is_none(), "no child is left: {:?}", child());
        }
        gaol::shut_down();
    });
}

#[test]
fn shutting_down_leaves_the_calls_that_are_under_way_alone() {
    #[sandboxed]
    fn sleeps() -> gaol::Result<u8> {
        std::thread::sleep(std::time::Duration::from_secs(1));
        Ok(7)
    }
    Alone::new("shutting_down_leaves_the_calls_that_are_under_way_alone").run(|| {
        let call = std::thread::spawn(sleeps);
        std::thread::sleep(std::time::Duration::from_millis(500));
        gaol::shut_down();
        assert_eq!(call.join().expect("no panic").expect("a call that goes on"), 7);
    });
}

#[test]
fn a_umask_that_forbids_everything_is_no_matter() {
    Alone::new("a_umask_that_forbids_everything_is_no_matter").run(|| {
        let (_place, granted, secret) = granted_and_secret("umask");
        for umask in [0o177, 0o777] {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask));
            gaol::renew();
            for without in [&[][..], &[Layer::Namespaces]] {
                let _guard = gaol::controls::without(without);
                assert_eq!(reads(&granted, &secret).expect("a call"), Vec::<String>::new(), "{umask:o}");
                assert_eq!(starts_a_thread().expect("a call"), 7, "{umask:o}");
            }
        }
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    });
}
