//! Which programs start, and what is said of those that do not.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use gaol::{Operation, PathPattern, Profile, ProfileError};

use super::tools::{
    End, Tier, bare, compile, exec, find, in_each_tier, in_tier, prober, profile, read, refused, run, tiers,
};
use crate::support::place::Place;

fn write_script(place: &Place, name: &str, text: &str) -> std::path::PathBuf {
    let path = place.path().join(name);
    std::fs::write(&path, text).expect("room for a script");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its permissions");
    path
}

#[test]
pub(super) fn a_dynamic_program_runs() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/echo")]);
        assert_eq!(run(profile.command("/bin/echo").args(["one", "two"])), (End::Exit(0), "one two\n".into()));
    });
}

#[test]
pub(super) fn a_program_with_libraries_of_its_own_runs() {
    let place = Place::new("programs");
    let path = |name: &str| place.path().join(name);
    std::fs::write(path("add.c"), "int add(int a, int b);\nint add(int a, int b) { return a + b; }\n").expect("room");
    std::fs::write(path("main.c"), "int add(int, int);\nint main(void) { return add(40, 2); }\n").expect("room");
    compile(&path("add.c"), &path("libadd.so"), &["-shared", "-fPIC"]);
    let directory = place.path().display().to_string();
    compile(&path("main.c"), &path("main"), &["-L", &directory, "-ladd", &format!("-Wl,-rpath,{directory}")]);
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(path("main"))]);
        assert_eq!(run(&mut profile.command(path("main"))).0, End::Exit(42));
    });
}

#[test]
pub(super) fn a_static_program_runs() {
    in_each_tier(|tier| assert_eq!(run(bare(tier).command(prober()).args(["exit", "7"])).0, End::Exit(7)));
}

#[test]
pub(super) fn a_script_runs() {
    let place = Place::new("programs");
    let plain = write_script(&place, "plain", "#!/bin/sh\necho \"$# $1 $0\"\n");
    let by_env = write_script(&place, "by-env", "#!/usr/bin/env sh\necho \"$# $1 $0\"\n");
    let option = write_script(&place, "option", "#! /bin/sh -e\nfalse_ 2>/dev/null\necho not here\n");
    in_each_tier(|tier| {
        let run_script = |script: &Path| run(profile(tier, [exec(script)]).command(script).arg("first"));
        assert_eq!(run_script(&plain), (End::Exit(0), format!("1 first {}\n", plain.display())));
        let (end, printed) =
            run(profile(tier, [exec(&by_env)]).command(&by_env).arg("first").env("PATH", "/usr/bin:/bin"));
        assert_eq!((end, printed), (End::Exit(0), format!("1 first {}\n", by_env.display())));
        let (end, printed) = run_script(&option);
        assert_eq!((end, printed.as_str()), (End::Exit(127), ""), "`sh -e` ends at what it cannot find");
    });
}

#[test]
pub(super) fn a_program_may_have_children() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/sh"), exec("/bin/cat")]);
        let script =
            "echo one | cat | cat; (exit 3); echo $?; i=0; while [ $i -lt 20 ]; do echo x | cat; i=$((i+1)); done";
        let (end, printed) = run(profile.command("/bin/sh").args(["-c", script]).env("PATH", "/bin:/usr/bin"));
        assert_eq!((end, printed), (End::Exit(0), format!("one\n3\n{}", "x\n".repeat(20))));
    });
}

#[test]
pub(super) fn a_python_program_runs() {
    let Some(python) = find("python3") else {
        eprintln!("left out: there is no python3 in /usr/bin");
        return;
    };
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(&python), exec("/usr/lib"), read("/usr/lib")]);
        let script = "import json, hashlib; print(json.dumps(hashlib.sha256(b'x').hexdigest()[:8]))";
        let (end, printed) = run(profile.command(&python).args(["-I", "-c", script]));
        assert_eq!((end, printed.as_str()), (End::Exit(0), "\"2d711642\"\n"));
    });
}

#[test]
pub(super) fn a_program_may_be_named_by_path_or_be_found_in_the_applications_path() {
    let place = Place::new("programs");
    let link = place.path().join("other-name");
    std::os::unix::fs::symlink("/bin/cat", &link).expect("a link");
    in_each_tier(|tier| {
        for (granted, named) in [
            (Path::new("/bin/cat"), "cat"),
            (Path::new("/usr/bin/cat"), "/bin/cat"),
            (Path::new("/bin/cat"), "/usr/bin/cat"),
            (Path::new("/bin"), "/bin/cat"),
            (Path::new("/usr/bin"), "cat"),
            (Path::new("/bin"), "/usr/bin/../bin/./cat"),
            (link.as_path(), "cat"),
            (Path::new("/bin/cat"), link.to_str().expect("text")),
            (link.as_path(), link.to_str().expect("text")),
        ] {
            // A directory grants what is beneath, and what that needs elsewhere is the profile's to name.
            let profile = profile(
                tier,
                [exec(granted), exec("/lib"), exec("/lib64"), exec("/usr/lib")]
                    .into_iter()
                    .filter(|operation| operation.path().is_some_and(Path::exists)),
            );
            let (end, printed) = run(profile.command(named).args(["-"]));
            assert_eq!((end, printed.as_str()), (End::Exit(0), ""), "{named} under {profile}");
        }
    });
}

#[test]
pub(super) fn a_program_that_is_not_granted_is_refused_by_name() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/cat")]);
        for (named, expected) in [
            ("/bin/echo", "/bin/echo is not granted by the profile; add exec = \"/bin/echo\""),
            ("/nowhere/echo", "/nowhere/echo is not granted by the profile; add exec = \"/nowhere/echo\""),
            (
                "gaol-no-such-program",
                "gaol-no-such-program is nowhere in the application's `PATH`; write the program's path",
            ),
            ("/usr", "/usr is a directory; expected a program"),
        ] {
            assert_eq!(refused(&mut profile.command(named)), expected);
        }
    });
}

#[test]
pub(super) fn a_directory_that_is_granted_is_no_program() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/usr/bin")]);
        assert_eq!(refused(&mut profile.command("/usr/bin")), "/usr/bin is a directory; expected a program");
    });
}

/// Bytes that look like a program for a machine that this one is not.
fn foreign_program() -> Vec<u8> {
    let mut bytes = std::fs::read(prober()).expect("a program");
    // e_machine: 68000.
    bytes[18..20].copy_from_slice(&4_u16.to_le_bytes());
    bytes
}

#[test]
pub(super) fn what_cannot_be_run_is_refused_in_words() {
    let place = Place::new("programs");
    let file = |name: &str, bytes: &[u8], mode: u32| {
        let path = place.path().join(name);
        std::fs::write(&path, bytes).expect("room");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its permissions");
        path
    };
    let missing = place.path().join("missing");
    let not_executable = file("not-executable", &std::fs::read(prober()).expect("a program"), 0o644);
    let foreign = file("foreign", &foreign_program(), 0o755);
    let text = file("text", b"no program\n", 0o755);
    let lost = file("lost", b"#!/no/such/interpreter\n", 0o755);
    in_each_tier(|tier| {
        for (path, expected) in [
            (
                &missing,
                "No such file or directory (os error 2); a program, and each file that it names, must be there and be \
                 readable when the call is made",
            ),
            (
                &not_executable,
                "it may not be executed; expected execute permission, on a file system that is not mounted `noexec`",
            ),
            (&foreign, &format!("it is an ELF file for another machine; expected one for {}", std::env::consts::ARCH)),
            (
                &text,
                "it is neither an ELF program nor a script; expected an ELF header, or a first line that starts with `#!`",
            ),
            (
                &lost,
                "its interpreter /no/such/interpreter: No such file or directory (os error 2); a program, and each file that \
                 it names, must be there and be readable when the call is made",
            ),
        ] {
            // Paths are looked up when the program is started, so that the profile itself is one.
            let profile = profile(tier, [exec(path)]);
            let name = path.display();
            assert_eq!(refused(&mut profile.command(path)), format!("exec = \"{name}\": {name}: {expected}"));
            let found = profile.check().expect_err("to be known before");
            assert!(matches!(&found, ProfileError::Path { path: found, .. } if found == path), "{found:?}");
            assert_eq!(found.to_string(), format!("exec = \"{name}\": {name}: {expected}"));
        }
    });
}

#[test]
pub(super) fn what_the_kernel_will_not_run_in_a_granted_directory_is_said_in_its_words() {
    let place = Place::new("programs");
    let path = place.path().join("foreign");
    std::fs::write(&path, foreign_program()).expect("room");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its permissions");
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(place.path())]);
        let expected = format!("{} cannot be run: Exec format error (os error 8)", path.display());
        assert_eq!(refused(&mut profile.command(&path)), expected);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("its permissions");
        let expected = format!("{} cannot be run: Permission denied (os error 13)", path.display());
        assert_eq!(refused(&mut profile.command(&path)), expected);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its permissions");
    });
}

#[test]
pub(super) fn without_namespaces_a_program_is_refused_unless_metadata_is_given_away() {
    let refusal = "namespaces: keep metadata from a program";
    let remedy = "without namespaces add `metadata = \"/\"`, which leaves all metadata visible to the program";
    in_tier(Tier::B, || {
        let error = Profile::new(vec![exec("/bin/cat")]).expect_err("metadata cannot be kept from a program");
        assert!(matches!(error, ProfileError::Unsupported(_)), "{error:?}");
        let said = error.to_string();
        assert!(said.contains(refusal) && said.ends_with(remedy), "{said}");
    });
    if !tiers().contains(&Tier::A) {
        return;
    }
    // A profile that was made where there were namespaces.
    let narrow = in_tier(Tier::A, || Profile::new(vec![exec("/bin/cat")]).expect("a profile"));
    in_tier(Tier::B, || {
        let said = refused(&mut narrow.command("/bin/cat"));
        assert!(said.starts_with("/bin/cat cannot run in its profile: `exec = \"/bin/cat\"` cannot be kept"), "{said}");
        assert!(said.contains(refusal) && said.ends_with(remedy), "{said}");
    });
    let wide = in_tier(Tier::A, || profile(Tier::B, [exec("/bin/cat")]));
    for tier in [Tier::A, Tier::B] {
        in_tier(tier, || assert_eq!(run(&mut wide.command("/bin/cat")).0, End::Exit(0)));
    }
}

#[test]
pub(super) fn a_program_may_not_be_what_the_profile_lets_be_written() {
    let place = Place::new("programs");
    let tree = || PathPattern::subpath(place.path()).expect("absolute");
    in_each_tier(|_| {
        let both = vec![Operation::ProcessExec(tree()), Operation::FileWriteAll(tree())];
        let error = Profile::new(both).expect_err("it could replace what it runs");
        assert!(matches!(error, ProfileError::Rule(_)), "{error:?}");
    });
    // Through a link, which no rule sees: found when the program is started.
    let program = place.path().join("program");
    let status = std::process::Command::new("cp").arg(prober()).arg(&program).status().expect("cp");
    assert!(status.success());
    let elsewhere = Place::new("programs");
    let link = elsewhere.path().join("link");
    std::os::unix::fs::symlink(&program, &link).expect("a link");
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(&link), super::tools::write(place.path())]);
        let said = refused(&mut profile.command(&link));
        assert!(
            said.ends_with(
                "it would be code that the child may write; run programs from elsewhere, or write elsewhere"
            ),
            "{said}"
        );
    });
}
