//! Functions that may run programs: `exec`, and what becomes of what those programs start.
//!
//! # Safety
//!
//! One function maps a file by number: the mapping is never touched.
#![allow(unsafe_code)]
#![allow(unused_variables, reason = "some parameters are there for the attribute alone")]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
    pub(crate) mod tiers;
}

use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gaol::{Error, Layer, Outcome, PathProblem, ProgramProblem, sandboxed};

use support::place::Place;
use support::processes::processes_with;
use support::tiers::{as_each_user, in_each_tier};

/// What is granted beside the programs: without namespaces a program sees all metadata, and the profile has to say so.
fn seen(namespaces: bool) -> Vec<String> {
    if namespaces { Vec::new() } else { vec!["/".to_owned()] }
}

/// Exit code or minus the signal, and what was printed on either stream.
type Ran = (i32, String, String);

fn ran(command: &mut Command) -> gaol::Result<Ran> {
    let output = command.output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().or_else(|| output.status.signal().map(|signal| -signal)).unwrap_or(0);
    Ok((code, text(&output.stdout), text(&output.stderr)))
}

#[sandboxed(exec = "/bin/sh", metadata = seen, time = "20s")]
fn shell(seen: &[String], script: &str) -> gaol::Result<Ran> {
    ran(Command::new("/bin/sh").arg("-c").arg(script))
}

#[sandboxed(exec = program, metadata = seen, read = readable, time = "20s")]
fn runs(program: &Path, seen: &[String], readable: &[String], arguments: &[String]) -> gaol::Result<Ran> {
    ran(Command::new(program).args(arguments))
}

#[test]
fn a_granted_program_runs_and_its_status_and_output_are_its_own() {
    as_each_user("a_granted_program_runs_and_its_status_and_output_are_its_own", || {
        in_each_tier(|namespaces| {
            let run = |script: &str| shell(&seen(namespaces), script).expect("a call");
            assert_eq!(run("echo out; echo err >&2; exit 7"), (7, "out\n".to_owned(), "err\n".to_owned()));
            assert_eq!(run("kill -9 $$"), (-9, String::new(), String::new()));
            assert_eq!(run("(exit 3); echo $?").1, "3\n", "it may fork");
            for _ in 0..50 {
                // With children that end while others are started: signals come at the worst of times.
                let piped = run("echo one | (read a; echo $a two)");
                assert_eq!(piped, (0, "one two\n".to_owned(), String::new()));
            }
        });
    });
}

/// What a program finds open beyond its standard streams, and what of the function's an exec would not close.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Left {
    to_the_program: String,
    open: Vec<i32>,
}

/// `keeping`: the function itself lets one survive.
fn leaves(keeping: Option<i32>) -> gaol::Result<Left> {
    // To use a number that is not open is an error of the shell's, which goes on.
    const SCRIPT: &str =
        "for n in 3 4 5 6 7 8 9; do (: >&$n) 2>/dev/null && echo $n; (: <&$n) 2>/dev/null && echo $n; done; :";
    let flags = |number: i32| {
        // SAFETY: takes numbers only, and looks.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        (flags >= 0).then_some(flags)
    };
    if let Some(number) = keeping {
        // SAFETY: takes numbers only; that an exec does not close it makes no owner's descriptor invalid.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    }
    let open = (3..256).filter(|number| flags(*number).is_some_and(|flags| flags & libc::FD_CLOEXEC == 0)).collect();
    let output = Command::new("/bin/sh").arg("-c").arg(SCRIPT).output()?;
    Ok(Left { to_the_program: String::from_utf8_lossy(&output.stdout).into_owned(), open })
}

macro_rules! leaving {
    ($($name:ident $kind:literal)*) => {$(
        #[sandboxed(exec = "/bin/sh", metadata = seen, time = "20s", process = $kind)]
        fn $name(seen: &[String], long: &[u8], handed: std::fs::File, keeping: Option<i32>) -> gaol::Result<Left> {
            leaves(keeping)
        }
    )*};
}

leaving! { leaving "fresh" leaving_anew "exec" }

#[test]
fn a_program_inherits_the_streams_and_nothing_else() {
    /// The channel on which the function replies.
    const CHANNEL: i32 = 3;
    as_each_user("a_program_inherits_the_streams_and_nothing_else", || {
        in_each_tier(|namespaces| {
            for function in [leaving, leaving_anew] {
                // Enough for shared memory.
                let call = |keeping| {
                    let handed = std::fs::File::open("/dev/null").expect("a file to hand over");
                    function(&seen(namespaces), &vec![7; 1 << 20], handed, keeping).expect("a call")
                };
                assert_eq!(call(None), Left { to_the_program: String::new(), open: Vec::new() });
                // The control: a function that means it lets a program have its channel.
                let meant = Left { to_the_program: format!("{CHANNEL}\n{CHANNEL}\n"), open: vec![CHANNEL] };
                assert_eq!(call(Some(CHANNEL)), meant);
            }
        });
    });
}

#[test]
fn neither_a_function_nor_its_program_signals_the_template() {
    #[sandboxed(exec = "/bin/sh", metadata = seen, time = "20s")]
    fn signals(seen: &[String], number: i32) -> gaol::Result<(Option<i32>, Ran)> {
        let parent = rustix::process::getppid().expect("a template");
        let signalled = rustix::process::test_kill_process(parent).err().map(rustix::io::Errno::raw_os_error);
        let script = format!("kill -{number} {}", parent.as_raw_nonzero());
        Ok((signalled, ran(Command::new("/bin/sh").arg("-c").arg(script))?))
    }
    as_each_user("neither_a_function_nor_its_program_signals_the_template", || {
        in_each_tier(|namespaces| {
            for number in [0, libc::SIGTERM, libc::SIGKILL] {
                let (signalled, (_, _, said)) = signals(&seen(namespaces), number).expect("a call");
                assert_eq!(signalled, Some(libc::EPERM), "{said}");
                assert!(said.contains("Operation not permitted"), "{said}");
            }
            let _guard = gaol::controls::without(&[Layer::Landlock]);
            assert_eq!(signals(&seen(namespaces), 0).expect("a call"), (None, (0, String::new(), String::new())));
        });
    });
}

#[test]
fn a_program_without_the_key_is_not_run() {
    #[sandboxed(read = "/bin/sh")]
    fn nothing() -> gaol::Result<Ran> {
        ran(Command::new("/bin/sh").arg("-c").arg("exit 0").stdin(Stdio::inherit()))
    }
    in_each_tier(|_| {
        let Err(Error::Function(error)) = nothing() else { panic!("it ran") };
        assert!(error.to_string().contains("Operation not permitted"), "{error}");
    });
}

#[test]
fn no_other_program_is_run() {
    // The control: the same shell without a sandbox runs them.
    let control = ran(Command::new("/bin/sh").arg("-c").arg("/bin/true && ls / >/dev/null")).expect("a shell");
    assert_eq!(control.0, 0, "{control:?}");
    as_each_user("no_other_program_is_run", || {
        in_each_tier(|namespaces| {
            let (code, word) = if namespaces { (127, "not found") } else { (126, "Permission denied") };
            for program in ["/bin/true", "/usr/bin/env", "ls", "/usr/bin/id"] {
                let (status, out, error) = shell(&seen(namespaces), program).expect("a call");
                assert_eq!((status, out.as_str()), (code, ""), "{program}: {error}");
                assert!(error.contains(word), "{program}: {error}");
            }
            // Not by way of the loader either, which must be executable for the shell to be.
            let loader =
                if cfg!(target_arch = "x86_64") { "/lib64/ld-linux-x86-64.so.2" } else { "/lib/ld-linux-aarch64.so.1" };
            let (status, out, error) = shell(&seen(namespaces), &format!("{loader} /bin/true")).expect("a call");
            assert_eq!((status, out.as_str()), (127, ""), "{error}");
            assert!(error.contains("cannot open shared object file"), "{error}");
        });
    });
}

#[test]
fn a_program_reads_lists_and_writes_nothing_that_is_not_granted() {
    let place = Place::new("programs");
    let secret = place.path().join("secret");
    std::fs::write(&secret, "secret\n").expect("a file");
    let scripts = |secret: &Path| {
        let secret = secret.display();
        [
            format!("read a < {secret} && echo $a"),
            format!("cd {secret}/.. && read a < secret && echo $a"),
            format!("echo x > {secret}.new"),
            "read a < /etc/passwd && echo $a".to_owned(),
            "echo x > /dev/tty".to_owned(),
        ]
    };
    let control = ran(Command::new("/bin/sh").arg("-c").arg(&scripts(&secret)[0])).expect("a shell");
    assert_eq!(control, (0, "secret\n".to_owned(), String::new()));
    in_each_tier(|namespaces| {
        let words: &[&str] = if namespaces {
            &["No such file", "can't cd", "nonexistent", "Read-only file system"]
        } else {
            &["Permission denied", "can't cd"]
        };
        for script in scripts(&secret) {
            let (status, out, error) = shell(&seen(namespaces), &script).expect("a call");
            assert_ne!(status, 0, "{script}");
            assert_eq!(out, "", "{script}");
            assert!(words.iter().any(|word| error.contains(word)), "{script}: {error}");
        }
        assert!(!place.path().join("secret.new").exists());
    });
}

#[test]
fn a_script_brings_its_interpreter() {
    let place = Place::new("programs");
    let script = place.path().join("script");
    std::fs::write(&script, "#!/usr/bin/env sh\necho \"$0 $1\"\n").expect("a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).expect("its mode");
    in_each_tier(|namespaces| {
        let (code, out, error) = runs(&script, &seen(namespaces), &[], &["word".to_owned()]).expect("a call");
        assert_eq!((code, out), (0, format!("{} word\n", script.display())), "{error}");
    });
}

#[test]
fn what_cannot_be_run_is_an_error_before_the_function() {
    let place = Place::new("programs");
    let path = |name: &str| place.path().join(name);
    std::fs::write(path("text"), "text").expect("a file");
    std::fs::write(path("plain"), "text").expect("a file");
    std::fs::set_permissions(path("plain"), std::fs::Permissions::from_mode(0o755)).expect("its mode");
    in_each_tier(|namespaces| {
        let problem = |path: PathBuf| match runs(&path, &seen(namespaces), &[], &[]) {
            Err(Error::Path { problem: PathProblem::Program(problem), operation, call, .. }) => {
                assert_eq!(operation, format!("exec = {path:?}"));
                problem
            }
            other => panic!("{other:?}"),
        };
        assert!(
            matches!(problem(path("missing")), ProgramProblem::Io(error) if error.raw_os_error() == Some(libc::ENOENT))
        );
        assert!(matches!(problem(path("text")), ProgramProblem::NotExecutable));
        assert!(matches!(problem(path("plain")), ProgramProblem::UnknownFormat));
    });
}

#[sandboxed(exec = "/bin/sh", time = "20s")]
fn shell_that_sees_nothing() -> gaol::Result<Ran> {
    ran(Command::new("/bin/sh").arg("-c").arg("exit 0"))
}

#[test]
fn without_namespaces_metadata_must_be_given_away_by_name() {
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    let Err(error) = shell_that_sees_nothing() else { panic!("it ran") };
    assert_eq!(error.outcome(), Outcome::NotRun);
    let text = error.to_string();
    assert!(text.contains("`exec = \"/bin/sh\"` cannot be kept precisely: namespaces"), "{text}");
    assert!(text.contains("add `metadata = \"/\"`"), "{text}");
}

#[sandboxed(exec = ["/bin/sh", "/bin/cp", "/bin/chmod"], write = tree, metadata = seen, time = "20s")]
fn makes_a_program(tree: &Path, seen: &[String]) -> gaol::Result<Ran> {
    let script = format!("cd {}; cp /bin/chmod copy && chmod 755 copy; ./copy --version", tree.display());
    ran(Command::new("/bin/sh").arg("-c").arg(script))
}

#[test]
fn what_was_written_is_not_run() {
    let place = Place::new("programs");
    in_each_tier(|namespaces| {
        let (code, out, error) = makes_a_program(place.path(), &seen(namespaces)).expect("a call");
        assert_eq!((code, out.as_str()), (126, ""), "{error}");
        assert!(error.contains("copy: Permission denied"), "{error}");
        let copy = place.path().join("copy");
        // Nothing else was in the way: outside of the sandbox it runs.
        std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        assert_eq!(ran(Command::new(&copy).arg("--version")).expect("the copy").0, 0);
        std::fs::remove_file(copy).expect("the copy");
    });
}

#[sandboxed(exec = program, write = tree)]
fn both(program: &Path, tree: &Path) -> gaol::Result<()> {
    Ok(())
}

#[test]
fn a_program_in_a_tree_that_may_be_written_is_refused() {
    let place = Place::new("programs");
    let program = place.path().join("program");
    std::fs::copy("/bin/true", &program).expect("a program");
    let link = Place::new("programs");
    std::os::unix::fs::symlink(place.path(), link.path().join("link")).expect("a link");
    for tree in [place.path().to_path_buf(), link.path().join("link"), program.clone()] {
        match both(&program, &tree) {
            // By what was written, or by what it leads to.
            Err(Error::InvalidProfile { message, .. }) => assert!(message.contains("write elsewhere"), "{message}"),
            Err(Error::Path { problem: PathProblem::WritableProgram, .. }) => {}
            other => panic!("{tree:?}: {other:?}"),
        }
    }
}

/// Maps a file that may only be read, as code.
#[sandboxed(exec = "/bin/sh", read = path, metadata = seen)]
fn maps_as_code(path: &Path, seen: &[String]) -> gaol::Result<i32> {
    let file = std::fs::File::open(path)?;
    // SAFETY: the kernel chooses the place; nothing is read or written there.
    let address = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_EXEC,
            libc::MAP_PRIVATE,
            file.as_raw_fd(),
            0,
        )
    };
    if address == libc::MAP_FAILED { Ok(std::io::Error::last_os_error().raw_os_error().unwrap_or(0)) } else { Ok(0) }
}

#[test]
fn what_may_only_be_read_is_not_mapped_as_code_where_there_is_a_private_root() {
    if !gaol::support().has(Layer::Namespaces) {
        eprintln!("left out: there are no namespaces here");
        return;
    }
    let place = Place::new("programs");
    let library = place.path().join("library");
    std::fs::copy("/bin/true", &library).expect("a file");
    assert_eq!(maps_as_code(&library, &[]).expect("a call"), libc::EPERM);
    // The control: a program's own file is mapped.
    assert_eq!(maps_as_code(Path::new("/bin/sh"), &[]).expect("a call"), 0);
}

#[sandboxed(exec = ["/bin/sh", "/bin/sleep"], metadata = seen, time = "20s")]
fn leaves_daemons(seen: &[String], seconds: &str) -> gaol::Result<()> {
    // Ignoring what can be ignored, in a session of its own where setsid is at hand, its parents gone.
    let script = format!("(trap '' HUP TERM INT; sleep {seconds} & sleep {seconds} &) & exit 0");
    Command::new("/bin/sh").arg("-c").arg(script).status()?;
    Ok(())
}

#[test]
fn nothing_that_a_program_started_outlives_the_call() {
    in_each_tier(|namespaces| {
        // A number of seconds that nobody else sleeps for.
        let seconds = format!("{}.{}", 3000 + u32::from(namespaces), std::process::id());
        leaves_daemons(&seen(namespaces), &seconds).expect("a call");
        let deadline = Instant::now() + Duration::from_secs(10);
        while processes_with(&seconds) > 0 {
            assert!(Instant::now() < deadline, "{} are left", processes_with(&seconds));
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}

#[sandboxed(exec = ["/bin/sh", "/bin/sleep"], metadata = seen, threads = 8, time = "20s")]
fn bomb(seen: &[String], count: u32) -> gaol::Result<Ran> {
    // They all live on until the call is over.
    let script = format!("n=0; while [ $n -lt {count} ]; do sleep 100 <&- >&- 2>&- & n=$((n + 1)); echo $n; done");
    ran(Command::new("/bin/sh").arg("-c").arg(script))
}

#[test]
fn processes_count_as_threads_do() {
    as_each_user("processes_count_as_threads_do", || {
        in_each_tier(|namespaces| {
            // This thread, the shell, and six more.
            let (code, started, error) = bomb(&seen(namespaces), 6).expect("a call");
            assert_eq!((code, started.lines().count()), (0, 6), "{error}");
            let result = bomb(&seen(namespaces), 100_000);
            if namespaces && !rustix::process::geteuid().is_root() {
                let (code, started, error) = result.expect("a call");
                assert_eq!((code, started.lines().count()), (2, 6), "{error}");
                assert!(error.contains("Cannot fork"), "{error}");
            } else {
                // The kernel does not count root's, nor anybody's where there are no namespaces: somebody looks.
                assert!(matches!(result, Err(Error::Killed { signal: libc::SIGKILL, .. })), "{result:?}");
            }
        });
    });
}

#[sandboxed(exec = "/bin/sh", metadata = seen, time = "1s")]
fn hangs(seen: &[String]) -> gaol::Result<Ran> {
    ran(Command::new("/bin/sh").arg("-c").arg("trap '' TERM; while :; do :; done"))
}

#[test]
fn a_program_that_hangs_ends_with_the_call() {
    in_each_tier(|namespaces| {
        assert!(matches!(hangs(&seen(namespaces)), Err(Error::TimedOut { .. })));
    });
}

#[sandboxed(exec = ["/bin/cat", "/bin/sh"], metadata = seen, time = "20s")]
fn pipes(seen: &[String], bytes: &[u8]) -> gaol::Result<Vec<u8>> {
    let mut child = Command::new("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().ok_or("no input")?;
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || input.write_all(&bytes));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "the writer panicked")??;
    Ok(output.stdout)
}

#[test]
fn pipes_to_and_from_a_program_work() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| number as u8).collect();
    in_each_tier(|namespaces| {
        assert_eq!(pipes(&seen(namespaces), &bytes).expect("a call"), bytes);
    });
}

#[sandboxed(read = "literal:/etc/passwd")]
fn literal(wanted: &Path) -> gaol::Result<usize> {
    Ok(std::fs::read(wanted)?.len())
}

#[sandboxed(read = "literal:/etc")]
fn literal_directory() -> gaol::Result<()> {
    Ok(())
}

#[test]
fn a_literal_is_one_file_and_no_directory() {
    in_each_tier(|_| {
        assert!(literal(Path::new("/etc/passwd")).expect("a call") > 0);
        assert!(matches!(literal(Path::new("/etc/group")), Err(Error::Function(_))));
        match literal_directory() {
            Err(error @ Error::Path { problem: PathProblem::LiteralDirectory, .. }) => {
                assert_eq!(error.outcome(), Outcome::NotRun);
            }
            other => panic!("{other:?}"),
        }
    });
}

#[sandboxed(exec = ["/bin/sh", "/usr/bin/timeout", "/bin/sleep"], metadata = seen, time = "100s", cpu = limit)]
fn uses_time(seen: &[String], limit: Duration, script: &str) -> gaol::Result<Ran> {
    ran(Command::new("/bin/sh").env("PATH", "/bin:/usr/bin").arg("-c").arg(script))
}

#[test]
fn cpu_time_is_the_sum_over_the_function_and_its_programs() {
    as_each_user("cpu_time_is_the_sum_over_the_function_and_its_programs", || {
        // Ten programs, each of which uses less than all of them may.
        let one = "timeout -s KILL 0.7 sh -c 'while :; do :; done'";
        let many = one.replace("0.7", "20");
        let ten = format!("i=0; while [ $i -lt 10 ]; do {one}; i=$((i+1)); done; exit 5");
        in_each_tier(|namespaces| {
            for script in
                [&ten, &format!("for i in 1 2 3 4 5 6; do ({many} &); done; sleep 60"), &format!("trap '' CHLD; {ten}")]
            {
                let begun = Instant::now();
                let limit = Duration::from_millis(1500);
                let result = uses_time(&seen(namespaces), limit, script);
                assert!(
                    matches!(&result, Err(Error::CpuExceeded { limit: told, .. }) if *told == limit),
                    "{script}: {result:?}"
                );
                assert!(begun.elapsed() > Duration::from_millis(700), "{:?}: it has used that", begun.elapsed());
                assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
            }
            // The control: with enough for all of them.
            let (code, ..) = uses_time(&seen(namespaces), Duration::from_secs(60), &ten).expect("a call");
            assert_eq!(code, 5);
        });
    });
}
