//! A shell under a profile that lets nothing else be run: what it tries by itself, and through other programs.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::{End, Tier, exec, find, in_each_tier, prober, profile, read, run, write};
use crate::support::place::Place;

/// What a shell answers for a program that it cannot find, and for one that it may not run.
const NOT_FOUND: i32 = 127;
const NOT_RUN: i32 = 126;

fn shell(tier: Tier, operations: impl IntoIterator<Item = gaol::Operation>, script: &str) -> (End, String) {
    let profile = profile(tier, operations.into_iter().chain([exec("/bin/sh")]));
    run(profile.command("/bin/sh").args(["-c", script]).env("PATH", "/bin:/usr/bin"))
}

/// The same without a sandbox.
fn outside(script: &str) -> (End, String) {
    run(Command::new("/bin/sh").args(["-c", script]).env_clear().env("PATH", "/bin:/usr/bin"))
}

#[test]
pub(super) fn a_shell_runs_nothing_else() {
    in_each_tier(|tier| {
        let refused = if tier == Tier::A { NOT_FOUND } else { NOT_RUN };
        for script in
            ["cat </dev/null", "/bin/cat </dev/null", "exec /bin/true", "true & wait $!; /bin/true", "env true"]
        {
            assert_eq!(outside(script).0, End::Exit(0), "the control of {script}");
            assert_eq!(shell(tier, [], script).0, End::Exit(refused), "{script}");
        }
        // Itself is what it may run, builtins are what it is.
        let (end, printed) = shell(tier, [], "/bin/sh -c 'echo again; exit 3'");
        assert_eq!((end, printed.as_str()), (End::Exit(3), "again\n"));
    });
}

#[test]
pub(super) fn a_shell_reads_and_writes_nothing() {
    let place = Place::new("programs");
    let secret = place.path().join("secret");
    std::fs::write(&secret, "secret\n").expect("room");
    let (secret, fresh) = (secret.display(), place.path().join("fresh").display().to_string());
    in_each_tier(|tier| {
        let list = format!("for name in {}/*; do echo $name; done", place.path().display());
        let acts = [
            (format!("read line < {secret}; echo \"$line\""), "secret\n".to_owned()),
            (format!("echo x > {fresh}; read line < {fresh}; echo $line"), "x\n".to_owned()),
            (list, format!("{secret}\n")),
            (format!("test -e {secret} && echo there"), "there\n".to_owned()),
        ];
        for (number, (script, control)) in acts.iter().enumerate() {
            let _ = std::fs::remove_file(&fresh);
            assert_eq!(outside(script).1, *control, "the control of {script}");
            let _ = std::fs::remove_file(&fresh);
            let printed = shell(tier, [], script).1;
            // What there is, is told only where nothing keeps it.
            let told = tier == Tier::B && number >= 2;
            assert_eq!(printed == *control, told, "{script}: {printed}");
            assert!(!Path::new(&fresh).exists(), "{script}");
        }
        // And what is granted is there.
        let granted = shell(tier, [read(place.path())], &format!("read line < {secret}; echo $line"));
        assert_eq!(granted, (End::Exit(0), "secret\n".to_owned()));
    });
}

/// The loader that `/bin/sh` names.
fn loader() -> PathBuf {
    let program = std::fs::read("/bin/sh").expect("a shell");
    // Its name is the first text in the file that looks like it.
    let start = program.windows(4).position(|window| window == b"/lib").expect("a dynamic shell");
    let end = program[start..].iter().position(|byte| *byte == 0).expect("an end");
    String::from_utf8(program[start..start + end].to_vec()).expect("a path").into()
}

#[test]
pub(super) fn a_shell_runs_nothing_else_through_its_loader() {
    let loader = loader();
    let script = format!("{} /bin/true", loader.display());
    assert_eq!(outside(&script).0, End::Exit(0), "the control");
    in_each_tier(|tier| {
        // The loader runs, and finds nothing that it could load.
        assert_eq!(shell(tier, [], &script).0, End::Exit(NOT_FOUND));
    });
}

#[test]
pub(super) fn a_loader_maps_what_may_be_read_only_where_there_are_no_namespaces() {
    let place = Place::new("programs");
    let copy = place.path().join("true");
    assert!(Command::new("cp").arg("/bin/true").arg(&copy).status().expect("cp").success());
    let script = format!("{} {}", loader().display(), copy.display());
    assert_eq!(outside(&script).0, End::Exit(0), "the control");
    in_each_tier(|tier| {
        // In a private root it is on a mount of which nothing may be mapped as code. Landlock judges execve(2) and not mmap(2).
        let expected = if tier == Tier::A { End::Exit(NOT_FOUND) } else { End::Exit(0) };
        assert_eq!(shell(tier, [read(place.path())], &script).0, expected);
        // The kernel itself runs it in neither.
        assert_eq!(shell(tier, [read(place.path())], &copy.display().to_string()).0, End::Exit(NOT_RUN));
    });
}

#[test]
pub(super) fn a_shell_runs_nothing_that_it_has_written() {
    let place = Place::new("programs");
    let fresh = place.path().join("fresh").display().to_string();
    // Without chmod(1): the mode of a file that is there already is kept.
    let prepare = || {
        let _ = std::fs::remove_file(&fresh);
        assert!(Command::new("cp").arg(prober()).arg(&fresh).status().expect("cp").success());
    };
    in_each_tier(|tier| {
        let granted = || [write(place.path()), read(place.path())];
        let script = format!("printf '#!/bin/sh\\nexit 0\\n' > {fresh} && {fresh}");
        prepare();
        assert_eq!(outside(&script).0, End::Exit(0), "the control");
        prepare();
        assert_eq!(shell(tier, granted(), &script).0, End::Exit(NOT_RUN));
        assert_eq!(std::fs::read(&fresh).expect("it was written"), b"#!/bin/sh\nexit 0\n");
        prepare();
        assert_eq!(outside(&format!("{fresh} exit 0")).0, End::Exit(0), "the control");
        assert_eq!(shell(tier, granted(), &format!("{fresh} exit 0")).0, End::Exit(NOT_RUN));
        // A script can be read by a shell that may run, as data can by any interpreter.
        let script = format!("printf 'exit 5\\n' > {fresh} && /bin/sh {fresh}");
        assert_eq!(shell(tier, granted(), &script).0, End::Exit(5));
    });
}

#[test]
pub(super) fn a_shell_connects_nowhere() {
    let Some(bash) = find("bash") else {
        eprintln!("left out: there is no bash");
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{}", listener.local_addr().expect("a port").port());
    assert_eq!(run(Command::new(&bash).args(["-c", &script])).0, End::Exit(0), "the control");
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(&bash)]);
        assert_eq!(run(profile.command(&bash).args(["-c", &script])).0, End::Exit(1));
    });
}

#[test]
pub(super) fn python_gets_what_the_kernel_answers() {
    let Some(python) = find("python3") else {
        eprintln!("left out: there is no python3 in /usr/bin");
        return;
    };
    let place = Place::new("programs");
    let secret = place.path().join("secret").display().to_string();
    std::fs::write(&secret, "secret").expect("room");
    let acts = [
        (format!("open({secret:?})"), libc::ENOENT, libc::EACCES),
        (format!("os.listdir({:?})", place.path()), libc::ENOENT, 0),
        (format!("os.stat({secret:?})"), libc::ENOENT, 0),
        ("subprocess.run(['/bin/true'])".to_owned(), libc::ENOENT, libc::EACCES),
        ("socket.socket()".to_owned(), libc::EAFNOSUPPORT, libc::EAFNOSUPPORT),
        ("os.kill(os.getppid(), 0)".to_owned(), libc::EPERM, libc::EPERM),
        (format!("open({:?}, 'w')", format!("{secret}2")), libc::ENOENT, libc::EACCES),
    ];
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(&python), exec("/usr/lib"), read("/usr/lib")]);
        for (act, a, b) in &acts {
            let script = format!(
                "import os, socket, subprocess, sys\ntry: {act}\nexcept OSError as error: sys.exit(error.errno)"
            );
            assert_eq!(run(Command::new(&python).args(["-I", "-c", &script])).0, End::Exit(0), "the control of {act}");
            let expected = if tier == Tier::A { *a } else { *b };
            assert_eq!(run(profile.command(&python).args(["-I", "-c", &script])).0, End::Exit(expected), "{act}");
        }
    });
}
