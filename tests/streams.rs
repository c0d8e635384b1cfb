//! What a child prints goes where its profile says: into the error, nowhere, or to the application's own streams.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
}

use std::io::{Read, Write};

use gaol::{Error, Layer, sandboxed};

use support::alone::{Alone, place};

/// Prints to both streams, through the standard library and past it, and then panics or not.
fn print(text: &str, panics: bool) -> gaol::Result<u8> {
    print!("[out {text}]");
    std::io::stdout().flush()?;
    eprint!("[err {text}]");
    rustix::io::write(rustix::stdio::stdout(), format!("[raw out {text}]").as_bytes()).map_err(std::io::Error::from)?;
    rustix::io::write(rustix::stdio::stderr(), format!("[raw err {text}]").as_bytes()).map_err(std::io::Error::from)?;
    if panics {
        std::panic::resume_unwind(Box::new("quietly"));
    }
    Ok(1)
}

#[sandboxed]
fn captures(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(process = "reused")]
fn captures_reused(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(process = "exec")]
fn captures_exec(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(stdout = "null", stderr = "null")]
fn discards(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(stdout = "null")]
fn captures_only_errors(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(stderr = "null")]
fn captures_no_errors(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(stdout = "inherit", stderr = "inherit")]
fn inherits(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(stdout = "inherit")]
fn inherits_stdout(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

#[sandboxed(stderr = "inherit", process = "exec")]
fn inherits_stderr_exec(text: &str, panics: bool) -> gaol::Result<u8> {
    print(text, panics)
}

fn output_of(function: fn(&str, bool) -> gaol::Result<u8>, text: &str) -> String {
    match function(text, true) {
        Err(error @ Error::Panicked { .. }) => error.output().to_owned(),
        other => panic!("expected a panic, not {other:?}"),
    }
}

#[test]
fn captured_output_is_in_the_error_in_its_order() {
    for namespaces in [true, false] {
        let without: &[Layer] = if namespaces { &[] } else { &[Layer::Namespaces] };
        let _guard = gaol::controls::without(without);
        for function in [captures, captures_reused, captures_exec] {
            assert_eq!(output_of(function, "a"), "[out a][err a][raw out a][raw err a]");
        }
    }
}

#[test]
fn captured_output_of_one_call_is_not_in_the_error_of_another() {
    for function in [captures, captures_reused, captures_exec] {
        assert_eq!(function("before", false).expect("a call"), 1);
        assert_eq!(output_of(function, "b"), "[out b][err b][raw out b][raw err b]");
        assert_eq!(output_of(function, "c"), "[out c][err c][raw out c][raw err c]");
    }
}

#[sandboxed(process = "reused")]
fn captures_much(text: &str, count: usize, panics: bool) -> gaol::Result<u8> {
    print(&text.repeat(count), panics)
}

#[test]
fn captured_output_that_was_not_read_in_time_is_not_in_the_error_of_the_next_call() {
    for _ in 0..50 {
        assert_eq!(captures_much("before", 2500, false).expect("a call"), 1);
        let error = captures_much("c", 1, true).expect_err("a panic");
        let start: String = error.output().chars().take(100).collect();
        assert_eq!(start, "[out c][err c][raw out c][raw err c]");
    }
}

#[test]
fn each_stream_goes_its_own_way() {
    assert_eq!(output_of(discards, "a"), "");
    assert_eq!(output_of(captures_only_errors, "a"), "[err a][raw err a]");
    assert_eq!(output_of(captures_no_errors, "a"), "[out a][raw out a]");
}

/// What this process has printed: `Alone` sends its streams to files.
fn printed() -> (String, String) {
    let read = |name| std::fs::read_to_string(place().join(name)).expect("what was printed");
    (read("said"), read("said-of-errors"))
}

#[test]
fn captured_output_does_not_reach_the_application() {
    Alone::new("captured_output_does_not_reach_the_application").run(|| {
        for function in [captures, captures_reused, captures_exec, discards] {
            let _ = function("hidden", false);
            let _ = function("hidden", true);
        }
        let (out, err) = printed();
        assert!(!out.contains("hidden") && !err.contains("hidden"), "{out}\n{err}");
    });
}

#[test]
fn inherited_streams_are_the_applications_own() {
    Alone::new("inherited_streams_are_the_applications_own").run(|| {
        for namespaces in [true, false] {
            let without: &[Layer] = if namespaces { &[] } else { &[Layer::Namespaces] };
            let _guard = gaol::controls::without(without);
            assert_eq!(output_of(inherits, &format!("both {namespaces}")), "");
            let (out, err) = printed();
            assert!(out.contains(&format!("[out both {namespaces}][raw out both {namespaces}]")), "{out}");
            assert!(err.contains(&format!("[err both {namespaces}][raw err both {namespaces}]")), "{err}");
        }
        assert_eq!(output_of(inherits_stdout, "one"), "[err one][raw err one]");
        assert_eq!(output_of(inherits_stderr_exec, "other"), "[out other][raw out other]");
        let (out, err) = printed();
        assert!(out.contains("[out one][raw out one]") && !out.contains("err one"), "{out}");
        assert!(err.contains("[err other][raw err other]") && !err.contains("out other"), "{err}");
    });
}

#[sandboxed]
fn reads_its_input() -> gaol::Result<usize> {
    let mut input = Vec::new();
    Ok(std::io::stdin().read_to_end(&mut input)?)
}

#[test]
fn input_is_empty() {
    assert_eq!(reads_its_input().expect("a call"), 0);
}

#[sandboxed]
fn prints_half_a_character(panics: bool) -> gaol::Result<()> {
    rustix::io::write(rustix::stdio::stdout(), b"half \xc3").map_err(std::io::Error::from)?;
    assert!(!panics, "stopped");
    Ok(())
}

#[test]
fn bytes_that_are_no_text_are_replaced() {
    let error = prints_half_a_character(true).expect_err("a panic");
    assert!(error.output().starts_with("half \u{fffd}"), "{:?}", error.output());
}

/// Everything that whoever shares a description can do to it for others, then a line.
fn tamper(number: i32, line: &str) {
    use std::os::fd::BorrowedFd;
    #[allow(unsafe_code)]
    // SAFETY: a standard stream, or a descriptor that the caller holds open.
    let stream = unsafe { BorrowedFd::borrow_raw(number) };
    let _ = rustix::fs::fcntl_setfl(stream, rustix::fs::OFlags::NONBLOCK);
    let _ = rustix::fs::ftruncate(stream, 0);
    let _ = rustix::fs::seek(stream, rustix::fs::SeekFrom::Start(0));
    let _ = rustix::io::pwrite(stream, b"over", 0);
    let _ = rustix::io::write(stream, line.as_bytes());
}

#[sandboxed(stdout = "inherit", stderr = "inherit")]
fn tampers(line: &str) -> gaol::Result<()> {
    for number in [1, 2] {
        tamper(number, line);
    }
    Ok(())
}

/// Makes `stream` the standard output and error of this process.
fn become_streams(stream: impl std::os::fd::AsFd) {
    rustix::stdio::dup2_stdout(&stream).expect("its output");
    rustix::stdio::dup2_stderr(&stream).expect("its errors");
    // What was started before has what these were.
    gaol::renew();
}

#[test]
fn an_inherited_stream_is_not_shared_with_a_child() {
    use rustix::fs::OFlags;
    Alone::new("an_inherited_stream_is_not_shared_with_a_child").run(|| {
        let log = |append: bool, name: &str| {
            let path = place().join(name);
            let file = std::fs::File::options().create(true).write(true).append(append).open(&path).expect("a file");
            (path, file)
        };
        let flags = || rustix::fs::fcntl_getfl(rustix::stdio::stdout()).expect("its flags");
        for (append, name) in [(true, "appended"), (false, "written")] {
            let (path, file) = log(append, name);
            become_streams(&file);
            println!("before");
            let own = flags();
            tampers("[child]\n").expect("a call");
            println!("after");
            assert_eq!(flags(), own, "{name}");
            assert_eq!(std::fs::read_to_string(&path).expect("the log"), "before\n[child]\n[child]\nafter\n");
            // The control: whoever shares it changes it.
            tamper(1, "");
            assert!(flags().contains(OFlags::NONBLOCK) && !flags().contains(OFlags::APPEND));
            assert!(!std::fs::read_to_string(&path).expect("the log").contains("before"));
        }
        let (mut reader, writer) = std::io::pipe().expect("a pipe");
        become_streams(&writer);
        let own = flags();
        tampers("[child]\n").expect("a call");
        assert_eq!(flags(), own, "a pipe");
        let (mut socket, other) = std::os::unix::net::UnixStream::pair().expect("sockets");
        become_streams(&other);
        let own = flags();
        tampers("[child]\n").expect("a call");
        assert_eq!(flags(), own, "a socket");
        become_streams(std::fs::File::create(place().join("rest")).expect("a file"));
        drop((writer, other));
        let mut said = String::new();
        reader.read_to_string(&mut said).expect("what went into the pipe");
        assert_eq!(said, "[child]\n[child]\n");
        said.clear();
        socket.read_to_string(&mut said).expect("what went into the socket");
        assert_eq!(said, "[child]\n[child]\n");
    });
}

#[sandboxed(stdout = "inherit", time = "700ms")]
fn floods_an_inherited_stream() -> gaol::Result<()> {
    loop {
        rustix::io::write(rustix::stdio::stdout(), &[b'x'; 4096]).map_err(std::io::Error::from)?;
    }
}

#[test]
fn deadlines_hold_where_nobody_reads_what_a_child_prints() {
    Alone::new("deadlines_hold_where_nobody_reads_what_a_child_prints").run(|| {
        let (_reader, writer) = std::io::pipe().expect("a pipe");
        rustix::stdio::dup2_stdout(&writer).expect("its output");
        for _ in 0..2 {
            let begun = std::time::Instant::now();
            let result = floods_an_inherited_stream();
            let took = begun.elapsed();
            assert!(matches!(result, Err(Error::TimedOut { .. })), "{result:?}");
            assert!(took < std::time::Duration::from_millis(1200), "{took:?}");
        }
        // So that the harness can say that this is over.
        rustix::stdio::dup2_stdout(std::fs::File::create(place().join("rest")).expect("a file")).expect("its output");
    });
}

/// A stream that nobody reads any more is told to the child as it would be without gaol, and is no end of the application.
#[test]
fn an_inherited_stream_that_is_closed_fails_for_the_child() {
    Alone::new("an_inherited_stream_that_is_closed_fails_for_the_child").run(|| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        rustix::stdio::dup2_stdout(&writer).expect("its output");
        drop((reader, writer));
        let result = floods_an_inherited_stream();
        assert!(matches!(&result, Err(Error::Function(_))), "{result:?}");
        rustix::stdio::dup2_stdout(std::fs::File::create(place().join("rest")).expect("a file")).expect("its output");
    });
}

#[sandboxed(stdout = "inherit", read = path)]
fn prints_by_a_template_of_its_own(path: &str) -> gaol::Result<()> {
    println!("[{path}]");
    Ok(())
}

/// Nobody puts itself under a profile beside a thread of gaol's: none is left when such a call is over.
#[test]
fn a_call_that_printed_leaves_no_thread_behind() {
    Alone::new("a_call_that_printed_leaves_no_thread_behind").run(|| {
        prints_by_a_template_of_its_own("/etc").expect("a call");
        assert!(printed().0.contains("[/etc]"));
        // One that has ended may be seen for a moment.
        std::thread::sleep(std::time::Duration::from_millis(20));
        let threads = std::fs::read_dir("/proc/self/task").expect("threads").flatten();
        let names = threads.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
        assert!(!names.collect::<String>().contains("gaol-"), "a thread of gaol's");
    });
}
