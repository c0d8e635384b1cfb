//! The escape suite tells a profile that holds from one that does not, and an attack from what is allowed.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod tiers;
}

use std::path::Path;

use gaol::escape_suite::{self, Answer, Attack, Category, Control, Error, Report, Verdict};
use gaol::{AddressPattern, Layer, Limits, OnViolation, Operation, PathPattern, Profile, sandboxed};

use support::place::Place;
use support::tiers::{as_each_user, in_each_tier};

fn run(profile: &Profile) -> Report {
    escape_suite::run(profile).expect("a run of the suite")
}

#[track_caller]
fn assert_tight(report: &Report) {
    assert!(report.is_tight(), "{report}");
    assert_eq!(report.refused(), report.tried(), "{report}");
    assert!(report.tried() > 40, "most attacks apply:\n{report}");
    assert!(report.reachable() > 30, "most holes are open without the sandbox:\n{report}");
}

#[track_caller]
fn attack<'a>(report: &'a Report, name: &str) -> &'a Attack {
    report.attacks.iter().find(|attack| attack.name == name).unwrap_or_else(|| panic!("no {name} in\n{report}"))
}

#[track_caller]
fn assert_allowed(report: &Report, name: &str) {
    let attack = attack(report, name);
    assert!(matches!(attack.verdict, Verdict::NotApplicable(_)), "{name}: {attack:?}");
    assert_eq!((&attack.answer, &attack.control), (&None, &Control::NotTried), "{name}");
}

#[track_caller]
fn assert_refused(report: &Report, name: &str, answer: Answer) {
    let attack = attack(report, name);
    assert_eq!((&attack.verdict, &attack.answer), (&Verdict::Refused, &Some(answer)), "{name}");
}

fn subpath(path: &Path) -> PathPattern {
    PathPattern::subpath(path).expect("a path")
}

#[test]
fn the_profile_that_allows_nothing_is_tight() {
    as_each_user("the_profile_that_allows_nothing_is_tight", || {
        in_each_tier(|_| assert_tight(&run(&Profile::NOTHING)));
    });
}

#[test]
fn a_profile_with_files_is_tight() {
    as_each_user("a_profile_with_files_is_tight", || {
        let (read, written) = (Place::new("suite-read"), Place::new("suite-written"));
        let operations =
            vec![Operation::FileReadAll(subpath(read.path())), Operation::FileWriteAll(subpath(written.path()))];
        in_each_tier(|private| {
            let reads = Profile::new(operations[..1].to_vec()).expect("a profile");
            assert_tight(&run(&reads));
            let report = run(&Profile::new(operations.clone()).expect("a profile"));
            assert_tight(&report);
            let expected = if private { libc::ENOENT } else { libc::EACCES };
            assert_refused(&report, "openat(O_RDONLY) a file", Answer::Errno(expected));
            assert_refused(&report, "openat(O_CREAT) beside a file", Answer::Errno(expected));
        });
        assert_eq!(std::fs::read_dir(written.path()).expect("a directory").count(), 0, "nothing granted is changed");
    });
}

#[test]
fn a_profile_with_a_port_is_tight_and_another_port_is_an_attack() {
    as_each_user("a_profile_with_a_port_is_tight_and_another_port_is_an_attack", || {
        in_each_tier(|_| {
            let port = Operation::NetworkOutbound(AddressPattern::Tcp(443));
            let report = run(&Profile::new(vec![port]).expect("a profile"));
            assert_tight(&report);
            assert_refused(&report, "connect(TCP, a port)", Answer::Errno(libc::EACCES));
            assert_refused(&report, "sendto(TCP, MSG_FASTOPEN, a port)", Answer::Errno(libc::EPERM));
            assert_refused(&report, "sendto(UDP, a port)", Answer::Errno(libc::EAFNOSUPPORT));
        });
    });
}

#[test]
fn a_profile_with_a_program_is_tight_and_forks() {
    as_each_user("a_profile_with_a_program_is_tight_and_forks", || {
        in_each_tier(|private| {
            let mut operations = vec![Operation::ProcessExec(PathPattern::literal("/bin/true").expect("a path"))];
            if !private {
                operations.push(Operation::FileReadMetadata(subpath(Path::new("/"))));
            }
            let report = run(&Profile::new(operations).expect("a profile"));
            assert_tight(&report);
            assert_allowed(&report, "clone(SIGCHLD): fork");
            let expected = if private { libc::ENOENT } else { libc::EACCES };
            assert_refused(&report, "execve a program", Answer::Errno(expected));
        });
    });
}

#[test]
fn a_violation_that_kills_is_a_refusal() {
    in_each_tier(|_| {
        let report = run(&Profile::NOTHING.with_violation(OnViolation::Kill));
        assert_tight(&report);
        assert_refused(&report, "mount(MS_BIND)", Answer::Violation);
        // What libc tries on its own account is answered.
        assert_refused(&report, "clone3(CLONE_NEWUSER)", Answer::Errno(libc::ENOSYS));
    });
}

#[test]
fn what_is_allowed_is_no_attack() {
    in_each_tier(|_| {
        let mut limits = Limits::DEFAULT;
        (limits.memory, limits.files) = (None, None);
        let network =
            vec![Operation::NetworkOutbound(AddressPattern::All), Operation::NetworkInbound(AddressPattern::All)];
        let report = run(&Profile::new(network).expect("a profile").with_limits(limits));
        assert_tight(&report);
        for name in [
            "connect(TCP, a port)",
            "sendto(TCP, MSG_FASTOPEN, a port)",
            "bind(TCP), listen",
            "sendto(UDP, a port)",
            "mmap more than `memory`",
            "dup more than `files`",
        ] {
            assert_allowed(&report, name);
        }
        assert_refused(&report, "connect(MPTCP, a port)", Answer::Errno(libc::EAFNOSUPPORT));
    });
}

#[test]
fn with_every_file_granted_no_file_is_an_attack() {
    in_each_tier(|_| {
        let root = subpath(Path::new("/"));
        let report = run(&Profile::new(vec![Operation::FileReadAll(root)]).expect("a profile"));
        assert_tight(&report);
        assert_allowed(&report, "openat(O_RDONLY) a file");
        assert_allowed(&report, "newfstatat of a file");
        assert_refused(&report, "openat(O_WRONLY) a file", Answer::Errno(libc::EACCES));
        // Not even that opens the memory of another process.
        assert_refused(&report, "openat /proc/PPID/mem, pread64", Answer::Errno(libc::EACCES));
    });
}

/// What is open with `layers` left out, by name.
fn open_without(layers: &[Layer], profile: &Profile) -> Vec<&'static str> {
    let _guard = gaol::controls::without(layers);
    let report = run(profile);
    assert!(!report.is_tight(), "{report}");
    report.open().map(|attack| attack.name).collect()
}

#[test]
fn without_seccomp_what_it_stops_is_open() {
    as_each_user("without_seccomp_what_it_stops_is_open", || {
        in_each_tier(|_| {
            let open = open_without(&[Layer::Seccomp], &Profile::NOTHING);
            for name in
                ["ptrace(TRACEME)", "personality(READ_IMPLIES_EXEC)", "clone(SIGCHLD): fork", "socket(AF_NETLINK)"]
            {
                assert!(open.contains(&name), "{name} in {open:?}");
            }
        });
    });
}

#[test]
fn without_limits_more_is_used() {
    in_each_tier(|_| {
        let open = open_without(&[Layer::Limits], &Profile::NOTHING);
        assert_eq!(open, ["mmap more than `memory`", "dup more than `files`"]);
    });
}

#[test]
fn without_landlock_in_tier_b_files_are_open() {
    let read = Place::new("suite-read");
    let profile = Profile::new(vec![Operation::FileReadAll(subpath(read.path()))]).expect("a profile");
    let open = open_without(&[Layer::Namespaces, Layer::Landlock], &profile);
    assert!(open.contains(&"openat(O_RDONLY) a file"), "{open:?}");
    assert!(!open.contains(&"ptrace(TRACEME)"), "{open:?}");
}

#[sandboxed(read = "/usr/share", net = net(), process = "reused", time = "50ms", memory = "32MiB")]
fn a_function() -> gaol::Result<()> {
    Ok(())
}

fn net() -> String {
    "tcp:443".to_owned()
}

#[test]
fn every_function_is_attacked_under_its_literals() {
    let reports = escape_suite::run_all().expect("runs of the suite");
    let [report] = reports.as_slice() else { panic!("{} reports", reports.len()) };
    assert_tight(report);
    assert_eq!(report.function, Some(concat!(module_path!(), "::a_function")));
    assert_eq!(report.computed_keys, ["net"]);
    assert_eq!(report.profile, r#"read = "/usr/share", time = "50ms", memory = "32MiB", process = "reused""#);
    a_function().expect("a call");
}

#[test]
fn the_suite_s_own_function_is_in_no_list() {
    let names: Vec<_> = gaol::profiles().map(gaol::Entry::name).collect();
    assert_eq!(names, [concat!(module_path!(), "::a_function")]);
}

#[test]
fn a_profile_that_cannot_be_entered_is_an_error() {
    let nowhere = PathPattern::subpath("/nowhere/at/all").expect("a path");
    let profile = Profile::new(vec![Operation::FileReadAll(nowhere)]).expect("a profile");
    let error = escape_suite::run(&profile).expect_err("there is nothing to attack");
    assert!(matches!(error, Error::Profile(gaol::ProfileError::Path { .. })), "{error:?}");
}

#[test]
fn the_place_is_removed() {
    let place = Place::new("suite-temporary");
    let left = |directory: &Path| {
        let own = format!("gaol-escape-suite-{}-", std::process::id());
        let entries = std::fs::read_dir(directory).expect("a directory").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)).count()
    };
    support::alone::Alone::new("the_place_is_removed").run(|| {
        run(&Profile::NOTHING);
        assert_eq!(left(&std::env::temp_dir()), 0);
    });
    drop(place);
}

#[test]
fn the_report_prints_a_table_and_serializes() {
    let report = run(&Profile::NOTHING);
    let text = report.to_string();
    assert!(text.starts_with("nothing allowed\ntier "), "{text}");
    let line = text.lines().find(|line| line.contains("socket(AF_NETLINK)")).expect("a row");
    let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(cells, ["sockets", "socket(AF_NETLINK)", "refused", "EAFNOSUPPORT", "seccomp", "reachable"]);
    let value = serde_json::to_value(&report).expect("JSON");
    assert_eq!(value["attacks"].as_array().map(Vec::len), Some(report.attacks.len()));
    assert_eq!(value["attacks"][0]["layer"], "seccomp");
    assert_eq!(value["attacks"][0]["category"], "files");
    assert_eq!(report.attacks[0].category, Category::Files);
}
