//! How servo/gaol was used, and how the same is written now: `docs/from-servo-gaol.md` shows the marked pieces of code.

use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::process::Stdio;

use gaol::{ChildSandbox, Enforcement, Layer, Operation, OperationSupportLevel, PathPattern, Profile, sandboxed};

use super::activated::in_a_fork;
use super::acts::End;
use super::ways::of_status;
use crate::support::alone::Alone;

// page: a function is the child
/// Runs in a child of its own, each time.
#[sandboxed(read = "/usr/share")]
fn child() -> gaol::Result<bool> {
    Ok(File::open("/bin/sh").is_err())
}

fn parent() -> gaol::Result<()> {
    assert!(child()?);
    Ok(())
}
// page: end

#[test]
fn a_function_is_the_child() {
    assert!(File::open("/bin/sh").is_ok());
    parent().expect("a call");
}

fn greeting() -> Result<String, Box<dyn Error>> {
    // page: a program is the child
    let profile = Profile::new(vec![Operation::ProcessExec(PathPattern::literal("/usr/bin/env")?)])?;
    let output = profile.command("/usr/bin/env").env("GREETING", "hello").output()?;
    assert!(output.status.success());
    // page: end
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn a_program_is_the_child() {
    if needs_namespaces("a_program_is_the_child") {
        return;
    }
    // There is nothing in the environment but what was set.
    assert_eq!(greeting().expect("a command"), "GREETING=hello\n");
}

/// Without namespaces a program sees all metadata, and its profile must say so. What is shown here does not.
fn needs_namespaces(name: &str) -> bool {
    let is_missing = !gaol::support().has(Layer::Namespaces);
    if is_missing {
        eprintln!("{name}: left out, since there are no user namespaces here");
    }
    is_missing
}

#[test]
fn the_same_binary_is_a_program_too() {
    if needs_namespaces("the_same_binary_is_a_program_too") {
        return;
    }
    let me = std::env::current_exe().expect("the name of this program");
    let operation = Operation::ProcessExec(PathPattern::literal(&me).expect("it is absolute"));
    let profile = Profile::new(vec![operation]).expect("it can be kept");
    let output = profile.command(&me).arg("--list").output().expect("a launcher");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("servo_gaol::uses::the_same_binary_is_a_program_too: test"),
        "{said}"
    );
}

#[test]
fn a_program_has_the_streams_that_it_is_given() {
    if needs_namespaces("a_program_has_the_streams_that_it_is_given") {
        return;
    }
    let operation = Operation::ProcessExec(PathPattern::literal("/bin/cat").expect("a path"));
    let profile = Profile::new(vec![operation]).expect("it can be kept");
    let mut child =
        profile.command("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a launcher");
    child.stdin.take().expect("a pipe").write_all(b"through the sandbox").expect("somebody who reads");
    let output = child.wait_with_output().expect("a child to wait for");
    assert!(output.status.success());
    assert_eq!(output.stdout, b"through the sandbox");
}

#[test]
fn a_program_ends_with_its_launcher() {
    if needs_namespaces("a_program_ends_with_its_launcher") {
        return;
    }
    let operation = Operation::ProcessExec(PathPattern::literal("/bin/cat").expect("a path"));
    let profile = Profile::new(vec![operation]).expect("it can be kept");
    let mut launcher =
        profile.command("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a launcher");
    let mut said = launcher.stdout.take().expect("a pipe");
    let mut heard = launcher.stdin.take().expect("a pipe");
    heard.write_all(b"x").expect("somebody who reads");
    said.read_exact(&mut [0]).expect("the program runs");
    launcher.kill().expect("the launcher can be killed");
    launcher.wait().expect("a child to wait for");
    // Nobody is left who could write to the pipe, though what the program reads has not ended.
    assert_eq!(said.read(&mut [0]).expect("a pipe"), 0);
    drop(heard);
}

fn lock_down() -> Result<Enforcement, Box<dyn Error>> {
    // page: this process is the child
    let profile = Profile::new(vec![Operation::FileReadAll(PathPattern::subpath("/usr/share")?)])?;
    let enforcement = ChildSandbox::new(profile).activate()?;
    assert!(File::open("/bin/sh").is_err());
    // page: end
    Ok(enforcement)
}

#[test]
fn this_process_is_the_child() {
    Alone::new("servo_gaol::uses::this_process_is_the_child").run(|| {
        assert!(File::open("/bin/sh").is_ok());
        // Only a process of one thread may do it.
        let (status, said) = in_a_fork(|_| {
            let enforcement = lock_down().expect("a profile that can be kept");
            i32::from(!(enforcement.has(Layer::Landlock) && enforcement.has(Layer::Seccomp)))
        });
        assert_eq!(of_status(status, &said), End::Done);
    });
}

#[test]
fn what_is_open_stays_open_when_a_process_puts_itself_under_a_profile() {
    let name = "servo_gaol::uses::what_is_open_stays_open_when_a_process_puts_itself_under_a_profile";
    Alone::new(name).run(|| {
        let (status, said) = in_a_fork(|mut said| {
            let mut file = File::open("/etc/passwd").expect("a file");
            lock_down().expect("a profile that can be kept");
            assert!(File::open("/etc/passwd").is_err());
            let mut byte = [0];
            i32::from(!(file.read_exact(&mut byte).is_ok() && said.write_all(&byte).is_ok()))
        });
        assert_eq!((of_status(status, &said), said.len()), (End::Done, 1));
    });
}

#[test]
fn support_is_asked_by_operation() {
    // page: what this system can keep
    let mut operations = vec![Operation::SystemInfoRead];
    operations.retain(|operation| {
        let support = operation.support();
        if let Some(reason) = support.reason() {
            println!("{operation}: {}: {reason}", support.level());
        }
        support.level() == OperationSupportLevel::CanBeAllowed
    });
    // page: end
    assert_eq!(operations, [Operation::SystemInfoRead]);
}
