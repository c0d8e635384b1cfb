//! `gaol::prepare` and `gaol::support` say at start-up what this system can serve, and what not.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

use std::collections::HashSet;

use gaol::{Availability, Error, Layer, Outcome, PathProblem, sandboxed};

use support::alone::{Alone, User};
use support::processes;

#[sandboxed]
fn computes() -> gaol::Result<u8> {
    Ok(1)
}

#[sandboxed(read = "/usr/share")]
fn reads() -> gaol::Result<bool> {
    Ok(std::fs::read_dir("/usr/share").is_ok())
}

#[sandboxed(read = "/nowhere/at/all")]
fn reads_what_is_missing() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(write = ["/usr/share", "/neither/here"])]
fn writes_what_is_missing() -> gaol::Result<()> {
    Ok(())
}

#[sandboxed(metadata = "/usr/share")]
fn stats() -> gaol::Result<bool> {
    Ok(std::fs::metadata("/usr/share").is_ok())
}

#[sandboxed(read = path)]
fn reads_what_the_call_names(path: &str) -> gaol::Result<bool> {
    Ok(std::fs::metadata(path).is_ok())
}

#[sandboxed(process = "reused")]
fn is_kept() -> gaol::Result<u32> {
    Ok(std::process::id())
}

/// The functions that could not be prepared, and why.
fn unprepared() -> Vec<(&'static str, Error)> {
    let unprepared = gaol::prepare().expect_err("two profiles name what is not there");
    let text = unprepared.to_string();
    let errors: Vec<(&'static str, String)> = unprepared
        .errors()
        .iter()
        .map(|error| (error.call().expect("a function").function, error.to_string()))
        .collect();
    assert!(text.starts_with(&format!("{} sandboxed functions cannot be served here", errors.len())), "{text}");
    for (function, error) in &errors {
        assert!(text.contains(function) && text.contains(error), "{text}");
    }
    // They can be had one by one as well.
    errors
        .into_iter()
        .map(|(function, message)| {
            let again = match function {
                "prepare::reads_what_is_missing" => reads_what_is_missing(),
                "prepare::writes_what_is_missing" => writes_what_is_missing(),
                _ => stats().map(drop),
            };
            let error = again.expect_err("what cannot be prepared cannot be called");
            assert_eq!(error.to_string(), message);
            (function, error)
        })
        .collect()
}

fn is_missing(error: &Error, written: &str) -> bool {
    assert_eq!(error.outcome(), Outcome::NotRun);
    matches!(
        error,
        Error::Path { operation, problem: PathProblem::Io(source), .. }
            if operation == written && source.raw_os_error() == Some(libc::ENOENT)
    )
}

fn names_every_failure() {
    let errors = unprepared();
    let names: Vec<_> = errors.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["prepare::reads_what_is_missing", "prepare::writes_what_is_missing"]);
    assert!(is_missing(&errors[0].1, "read = \"/nowhere/at/all\""), "{:?}", errors[0]);
    assert!(is_missing(&errors[1].1, "write = \"/neither/here\""), "{:?}", errors[1]);
    assert_eq!(computes().expect("a prepared call"), 1);
    assert!(reads().expect("a prepared call"));
    assert!(stats().expect("a prepared call"));
    assert!(reads_what_the_call_names("/etc").expect("a call"));
}

#[test]
fn prepare_names_every_function_that_cannot_be_served() {
    Alone::new("prepare_names_every_function_that_cannot_be_served").run(names_every_failure);
}

#[test]
fn prepare_works_for_an_unprivileged_user() {
    if let Some(alone) = Alone::new("prepare_works_for_an_unprivileged_user").user(User::Nobody) {
        alone.run(names_every_failure);
    }
}

#[test]
fn prepare_names_what_the_tier_cannot_keep() {
    Alone::new("prepare_names_what_the_tier_cannot_keep").run(|| {
        let _guard = gaol::controls::without(&[Layer::Namespaces]);
        let errors = unprepared();
        let (name, error) = &errors[1];
        assert_eq!((errors.len(), *name), (3, "prepare::stats"));
        assert!(
            matches!(error, Error::Unsupported { unsupported, .. }
                if unsupported.operation == "metadata = \"/usr/share\"" && unsupported.layer == Layer::Namespaces),
            "{error:?}"
        );
    });
}

#[test]
fn prepare_makes_the_templates_of_calls_to_come() {
    Alone::new("prepare_makes_the_templates_of_calls_to_come").run(|| {
        assert!(processes::of(std::process::id()).is_empty(), "nothing is started before it is asked for");
        gaol::prepare().expect_err("two profiles name what is not there");
        let templates = || -> HashSet<u32> {
            processes::of(std::process::id())
                .iter()
                .filter(|process| process.name == "gaol-template")
                .map(|process| process.pid)
                .collect()
        };
        // Of computes, reads, stats and is_kept; the rest fail, or are known at the call only.
        processes::eventually("four templates", || templates().len() == 4);
        let before = templates();
        computes().expect("a call");
        reads().expect("a call");
        stats().expect("a call");
        let first = is_kept().expect("a call");
        assert_eq!(is_kept().expect("a call"), first);
        gaol::prepare().expect_err("two profiles name what is not there");
        // Those that were only tried are on their way out.
        processes::eventually("calls and a second look use what is there", || templates() == before);
    });
}

#[test]
fn support_names_each_layer() {
    let support = gaol::support();
    let text = support.to_string();
    println!("{text}");
    assert!(text.starts_with(&format!("tier {}, Landlock ABI {}\n", support.tier(), support.landlock_abi())), "{text}");
    for layer in Layer::ALL {
        let line = text.lines().find(|line| line.starts_with(&layer.to_string())).expect("a line a layer");
        match support.layer(layer) {
            Availability::Available => assert!(support.has(layer) && line.ends_with("available"), "{line}"),
            Availability::Unavailable { step, .. } => assert!(!support.has(layer) && line.contains(step), "{line}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(support.tier() == 'A', support.has(Layer::Namespaces));
    assert_eq!(support.landlock_abi() > 0, support.has(Layer::Landlock));
    for layer in [Layer::Hygiene, Layer::Capabilities, Layer::Limits, Layer::Seccomp] {
        assert!(support.has(layer), "{layer} is to be had wherever gaol works at all: {text}");
    }
}

#[test]
fn support_is_the_same_each_time_and_leaves_one_zygote() {
    Alone::new("support_is_the_same_each_time_and_leaves_one_zygote").run(|| {
        let first = gaol::support();
        assert_eq!(gaol::support(), first);
        computes().expect("a call");
        assert_eq!(gaol::support(), first);
        processes::eventually("the end of what was tried", || {
            let names: Vec<String> =
                processes::of(std::process::id()).into_iter().map(|process| process.name).collect();
            names == ["gaol-zygote", "gaol-template", "gaol-worker"]
        });
    });
}

#[test]
fn support_of_an_unprivileged_user_names_each_layer() {
    if let Some(alone) = Alone::new("support_of_an_unprivileged_user_names_each_layer").user(User::Nobody) {
        alone.run(|| {
            let support = gaol::support();
            for layer in [Layer::Hygiene, Layer::Capabilities, Layer::Limits, Layer::Seccomp] {
                assert!(support.has(layer), "{support}");
            }
        });
    }
}

#[test]
fn where_user_namespaces_are_refused_support_says_so_and_calls_go_on() {
    let name = "where_user_namespaces_are_refused_support_says_so_and_calls_go_on";
    Alone::new(name).run(|| {
        // Only a process of one thread may enter a user namespace, and only inside one may it be given none beneath it. So `unshare` does,
        // and becomes this program again.
        const INSIDE: &str = "GAOL_TEST_INSIDE";
        if std::env::var_os(INSIDE).is_some() {
            std::fs::write("/proc/sys/user/max_user_namespaces", "0").expect("no more user namespaces");
            calls_go_on_without_namespaces();
            return;
        }
        let unshare = |arguments: &[&str]| {
            let mut command = std::process::Command::new("unshare");
            command.args(arguments);
            command
        };
        if !unshare(&["--user", "--map-root-user", "true"]).status().is_ok_and(|status| status.success()) {
            eprintln!("{name}: left out, since `unshare --user` is not to be had here");
            return;
        }
        let status = unshare(&["--user", "--map-root-user", "--"])
            .arg(std::env::current_exe().expect("the name of this program"))
            .args(std::env::args_os().skip(1))
            .env(INSIDE, "1")
            .status();
        assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "inside a user namespace: {status:?}");
    });
}

fn calls_go_on_without_namespaces() {
    let support = gaol::support();
    // What refused namespaces is known once something was tried.
    assert_eq!(computes().expect("a call in tier B"), 1);
    assert_eq!(gaol::support(), support);
    assert_eq!(support.tier(), 'B', "{support}");
    match support.layer(Layer::Namespaces) {
        Availability::Unavailable { step, errno } => {
            assert!(step.starts_with("clone(CLONE_NEWUSER"), "{step}");
            assert_eq!(*errno, libc::ENOSPC);
        }
        other => panic!("{other:?}"),
    }
    assert!(support.to_string().contains("No space left on device"), "{support}");
    assert!(reads().expect("a call in tier B"));
    let error = stats().expect_err("metadata cannot be kept apart");
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
}
