//! What goes in and what comes out: the streams of a command are the program's, and nobody else's.
//!
//! # Safety
//!
//! Streams are closed by number in a process between its fork and its exec.
#![allow(unsafe_code)]

use std::io::{Read, Seek, Write};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::tools::{End, all_gone, bare, end_of, exec, in_each_tier, marker, prober, profile, read, run};
use crate::support::place::Place;

/// Bytes without a pattern that a copy could get right by accident.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.flatten().take(length).collect()
}

#[test]
pub(super) fn sixty_four_mebibytes_go_through_a_program_unchanged() {
    let bytes = noise(64 << 20);
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/cat")]);
        let mut child =
            profile.command("/bin/cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a process");
        let mut stdin = child.stdin.take().expect("its input");
        let output = std::thread::scope(|scope| {
            scope.spawn(|| {
                stdin.write_all(&bytes).expect("its input");
                drop(stdin);
            });
            child.wait_with_output().expect("its output")
        });
        assert_eq!(End::from(output.status), End::Exit(0));
        assert!(output.stdout == bytes, "{} bytes came of {}", output.stdout.len(), bytes.len());
    });
}

/// A command that is killed while it passes on what never ends, once some of it has come.
fn kill_half_way(mut child: Child, kill: impl FnOnce(&mut Child)) -> End {
    let mut stdin = child.stdin.take().expect("its input");
    let mut stdout = child.stdout.take().expect("its output");
    let writer = std::thread::spawn(move || {
        let block = noise(1 << 16);
        let mut written = 0_u64;
        while stdin.write_all(&block).is_ok() {
            written += 1;
        }
        written
    });
    let mut some = vec![0; 8 << 20];
    stdout.read_exact(&mut some).expect("its output");
    kill(&mut child);
    let end = end_of(&mut child);
    // Nobody holds the other end: the pipe breaks, and ends.
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).expect("its output");
    assert!(writer.join().expect("no panic") > 0);
    end
}

#[test]
pub(super) fn a_command_that_is_killed_half_way_leaves_no_stream_open() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/cat")]);
        for signal in [libc::SIGKILL, libc::SIGTERM] {
            let word = marker("half-way");
            let mut command = profile.command("/bin/cat");
            // A name that it never gets to.
            let child = command.args(["-", &word]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
            let end = kill_half_way(child.expect("a process"), |child| match signal {
                libc::SIGKILL => child.kill().expect("a child to kill"),
                _ => rustix::process::kill_process(
                    rustix::process::Pid::from_child(child),
                    rustix::process::Signal::TERM,
                )
                .expect("a child to signal"),
            });
            assert_eq!(end, End::Signal(signal));
            all_gone(&word);
        }
    });
}

#[test]
pub(super) fn output_ends_when_the_program_closes_it() {
    in_each_tier(|tier| {
        let mut child = bare(tier)
            .command(prober())
            .arg("close-output")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a process");
        let (mut printed, mut said) = (String::new(), String::new());
        child.stdout.take().expect("its output").read_to_string(&mut printed).expect("text");
        child.stderr.take().expect("its errors").read_to_string(&mut said).expect("text");
        assert_eq!((printed.as_str(), said.as_str()), ("over\n", ""));
        assert!(child.try_wait().expect("a child").is_none(), "it lives on");
        child.kill().expect("a child to kill");
        child.wait().expect("a child to wait for");
    });
}

#[test]
pub(super) fn input_breaks_when_the_program_has_ended() {
    in_each_tier(|tier| {
        let mut child =
            bare(tier).command(prober()).args(["exit", "0"]).stdin(Stdio::piped()).spawn().expect("a process");
        let mut stdin = child.stdin.take().expect("its input");
        assert_eq!(end_of(&mut child), End::Exit(0));
        let error = stdin.write_all(&noise(1 << 20)).expect_err("nobody reads it");
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    });
}

#[test]
pub(super) fn a_program_that_leaves_a_reader_behind_ends_all_the_same() {
    // Outside, whoever reads to the end waits for the one that was left behind.
    in_each_tier(|tier| {
        let word = marker("reader");
        let (end, printed) = run(bare(tier).command(prober()).args(["leave-behind", &word]));
        assert_eq!((end, printed.as_str()), (End::Exit(0), "left\n"));
        all_gone(&word);
    });
}

#[test]
pub(super) fn streams_may_be_files_pipes_or_nothing() {
    let place = Place::new("programs");
    let path = |name: &str| place.path().join(name);
    std::fs::write(path("in"), "from a file").expect("room");
    in_each_tier(|tier| {
        let cat = profile(tier, [exec("/bin/cat")]);
        let input = || std::fs::File::open(path("in")).expect("it is there");
        let mut output = std::fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path("out"))
            .expect("room");
        let out = output.try_clone().expect("a descriptor");
        let status = cat.command("/bin/cat").stdin(input()).stdout(out).status().expect("a process");
        assert!(status.success());
        let mut text = String::new();
        output.rewind().and_then(|()| output.read_to_string(&mut text)).expect("text");
        assert_eq!(text, "from a file");

        let nothing = cat.command("/bin/cat").stdin(Stdio::null()).stdout(Stdio::null()).status().expect("a process");
        assert!(nothing.success());

        // One command's output is another's input.
        let mut first = cat.command("/bin/cat").stdin(input()).stdout(Stdio::piped()).spawn().expect("a process");
        let between = first.stdout.take().expect("its output");
        let second = cat.command("/bin/cat").stdin(between).output().expect("a process");
        assert_eq!(second.stdout, b"from a file");
        assert!(first.wait().expect("a child").success());

        // A program may write to what it was given and to nothing besides, and its errors have a stream of their own.
        let missing = cat.command("/bin/cat").arg("/no/such/file").output().expect("a process");
        assert_eq!((missing.status.code(), missing.stdout.as_slice()), (Some(1), b"".as_slice()));
        assert!(missing.stderr.ends_with(b"/no/such/file: No such file or directory\n"), "{missing:?}");
    });
}

#[test]
pub(super) fn a_closed_stream_is_closed_to_the_program() {
    use std::os::unix::process::CommandExt;
    in_each_tier(|tier| {
        let profile = profile(tier, [exec(prober()), read("/dev/zero")]);
        for closed in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2]] {
            let place = Place::new("programs");
            let mut command = profile.command(prober());
            command.arg("descriptors").stdin(Stdio::null()).stderr(Stdio::null());
            command.stdout(std::fs::File::create(place.path().join("out")).expect("room"));
            let close = move || {
                for number in closed {
                    // SAFETY: takes a number; the process has yet to become a program.
                    unsafe { libc::close(*number) };
                }
                Ok(())
            };
            // SAFETY: the closure calls nothing but `close` between fork and exec.
            unsafe { command.pre_exec(close) };
            let status = command.status().expect("a process");
            let printed = std::fs::read_to_string(place.path().join("out")).expect("text");
            if closed.len() == 3 {
                assert_eq!((End::from(status), printed.as_str()), (End::Exit(0), ""), "there is nothing to tell of");
            } else if closed.contains(&1) {
                assert_eq!(End::from(status), End::Exit(libc::EBADF), "{closed:?}: it has nowhere to print to");
            } else {
                let open: String = (0..3).filter(|fd| !closed.contains(fd)).map(|fd| format!("{fd} ")).collect();
                assert_eq!((End::from(status), printed), (End::Exit(0), open), "{closed:?}");
            }
        }
    });
}

#[test]
pub(super) fn what_a_slow_reader_has_not_read_is_not_lost() {
    in_each_tier(|tier| {
        let profile = profile(tier, [exec("/bin/sh")]);
        let script = "i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done; exit 2";
        let mut child =
            profile.command("/bin/sh").args(["-c", script]).stdout(Stdio::piped()).spawn().expect("a process");
        assert_eq!(end_of(&mut child), End::Exit(2));
        std::thread::sleep(Duration::from_millis(20));
        let mut printed = String::new();
        child.stdout.take().expect("its output").read_to_string(&mut printed).expect("text");
        assert_eq!(printed.lines().count(), 500);
    });
}
