//! Runs unmodified programs of the system over a file that nobody trusts, then shows what a shell gets under the same profile.
//!
//! ```text
//! cargo run --example run_program [-- FILE]
//! ```
//!
//! FILE (default: this project's README.md) is opened here and handed over as standard input, so the programs need no file to be granted.
//! Exits with 0 if every program ran, and everything that the shell tried was refused.

use std::error::Error;
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use gaol::{Limits, Operation, PathPattern, Profile, ProfileError};

/// Programs that every Debian has, and one that many have.
const PROGRAMS: [(&str, &[&str]); 4] = [
    ("/usr/bin/file", &["--brief", "-"]),
    ("/usr/bin/wc", &["--lines", "--words", "--bytes"]),
    ("/usr/bin/sha256sum", &[]),
    ("/usr/bin/od", &["--address-radix=x", "--format=x1z", "--read-bytes=48"]),
];

/// What `file` reads besides: its database, where distributions have it.
const MAGIC: [&str; 3] = ["/usr/lib/file/magic.mgc", "/usr/share/misc/magic.mgc", "/usr/share/file/magic.mgc"];

gaol::main! {
    fn main() -> ExitCode {
        let mut arguments = std::env::args_os().skip(1);
        let file = match (arguments.next(), arguments.next()) {
            (None, None) => concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md").into(),
            (Some(file), None) if !file.as_encoded_bytes().starts_with(b"-") => PathBuf::from(file),
            _ => {
                println!("usage: run_program [FILE]\n\nRuns programs over FILE, each in a sandbox of its own.");
                return ExitCode::from(2);
            }
        };
        match run(&file) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {}: {error}", file.display());
                ExitCode::FAILURE
            }
        }
    }
}

/// A profile under which one program runs: 256 MiB, ten seconds, eight processes, no files beside those named, no network.
fn profile(program: &str, files: &[&str]) -> Result<Profile, Box<dyn Error>> {
    let mut operations = vec![Operation::ProcessExec(PathPattern::subpath(program)?)];
    for file in files.iter().filter(|file| Path::new(file).exists()) {
        operations.push(Operation::FileReadAll(PathPattern::literal(*file)?));
    }
    let profile = match Profile::new(operations.clone()) {
        Err(ProfileError::Unsupported(_)) => {
            // Without user namespaces nothing keeps metadata from a program. Whoever runs one there has to say so.
            operations.push(Operation::FileReadMetadata(PathPattern::subpath("/")?));
            Profile::new(operations)?
        }
        other => other?,
    };
    let mut limits = Limits::DEFAULT;
    limits.memory = Some(256 << 20);
    limits.time = Some(Duration::from_secs(10));
    limits.threads = Some(8);
    Ok(profile.with_limits(limits))
}

fn run(file: &Path) -> Result<bool, Box<dyn Error>> {
    let mut all_well = true;
    for (program, arguments) in PROGRAMS.iter().filter(|(program, _)| Path::new(program).exists()) {
        let profile = profile(program, if program.ends_with("/file") { &MAGIC } else { &[] })?;
        let begun = Instant::now();
        let output = profile.command(program).args(*arguments).stdin(File::open(file)?).output()?;
        let took = begun.elapsed();
        println!("{program} {}", arguments.join(" "));
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            println!("    {}", line.trim().escape_debug());
        }
        println!("    {}, after {took:.1?}", ending(output.status));
        if !output.stderr.is_empty() {
            println!("    it said: {}", String::from_utf8_lossy(&output.stderr).trim_end().escape_debug());
        }
        all_well &= output.status.success();
    }
    let refused = try_to_get_out(file)?;
    println!("{}", if all_well && refused { "All of it was refused." } else { "Something is not as it should be." });
    Ok(all_well && refused)
}

/// How a command ended: a program's ending, or that there was no program.
fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        _ if gaol::is_set_up_failure(&status) => "it was not started".to_owned(),
        (Some(code), _) => format!("it exited with {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// What a shell does that has taken the place of such a program. It prints `done` where it had its way.
fn attempts(application: u32) -> Vec<(&'static str, String)> {
    let fresh = std::env::temp_dir().join(format!("gaol-example-{application}"));
    vec![
        ("read /etc/passwd", "read line < /etc/passwd && echo done".to_owned()),
        ("run another program", "/usr/bin/wc < /dev/null && echo done".to_owned()),
        ("change its own input", "echo changed >&0 && echo done".to_owned()),
        ("leave a file in the temporary directory", format!("echo x > '{}' && echo done", fresh.display())),
        ("signal the application", format!("kill -0 {application} && echo done")),
        ("see where its user is at home", "test -n \"$HOME\" && echo done".to_owned()),
        (
            "have more than eight processes",
            "for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait; echo done".to_owned(),
        ),
        ("run for ever", "while :; do :; done; echo done".to_owned()),
    ]
}

fn try_to_get_out(file: &Path) -> Result<bool, Box<dyn Error>> {
    const SHELL: &str = "/bin/sh";
    let profile = profile(SHELL, &[])?;
    let mut limits = *profile.limits();
    limits.time = Some(Duration::from_secs(1));
    let profile = profile.with_limits(limits);
    println!("\n{SHELL}, under a profile that reads: {profile}");
    // A control: it runs, and what it may do it does.
    let works = had_its_way(profile.command(SHELL).args(["-c", "read line && echo done"]).stdin(File::open(file)?))?.0;
    let mut refused = works;
    for (attempt, script) in attempts(std::process::id()) {
        let (done, came_back) = had_its_way(profile.command(SHELL).args(["-c", &script]).stdin(File::open(file)?))?;
        println!("    {attempt:<40} {}", if done { "DONE" } else { &came_back });
        refused &= !done;
    }
    Ok(refused)
}

/// Whether a script printed `done`, and what came back where it did not.
fn had_its_way(command: &mut Command) -> Result<(bool, String), Box<dyn Error>> {
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr).trim_end().escape_debug().to_string();
    let done = String::from_utf8_lossy(&output.stdout).lines().any(|line| line == "done");
    Ok((done, if said.is_empty() { ending(output.status) } else { said }))
}
