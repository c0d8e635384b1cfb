//! Calls that read and write streams, through pipes that the application feeds and drains while they run.

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
}

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::time::{Duration, Instant};

use gaol::{Error, sandboxed};

use support::alone::Alone;

/// Sums the bytes, keeping none.
#[sandboxed(memory = "64MiB", time = "120s")]
fn sum(mut input: PipeReader) -> gaol::Result<(u64, u64)> {
    let mut chunk = vec![0; 1 << 20];
    let (mut count, mut sum) = (0, 0_u64);
    loop {
        match input.read(&mut chunk)? {
            0 => return Ok((count, sum)),
            read => {
                count += read as u64;
                sum = chunk[..read].iter().fold(sum, |sum, byte| sum.wrapping_add(u64::from(*byte)));
            }
        }
    }
}

#[sandboxed]
fn reads_one_byte(mut input: PipeReader) -> gaol::Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

#[sandboxed]
fn panics(input: PipeReader) -> gaol::Result<()> {
    drop(input);
    panic!("before it has read anything");
}

#[sandboxed(time = "300ms")]
fn never_reads(input: PipeReader) -> gaol::Result<()> {
    std::thread::sleep(Duration::from_secs(60));
    drop(input);
    Ok(())
}

#[sandboxed]
fn copies(mut input: PipeReader, mut output: PipeWriter) -> gaol::Result<u64> {
    Ok(io::copy(&mut input, &mut output)?)
}

#[sandboxed]
fn floods(mut output: PipeWriter) -> gaol::Result<i32> {
    loop {
        if let Err(error) = output.write_all(&[7; 4096]) {
            return Ok(error.raw_os_error().unwrap_or(0));
        }
    }
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("own descriptors").count()
}

#[test]
fn two_gibibytes_stream_through_a_call_with_64_mebibytes() {
    const LENGTH: u64 = 2 << 30;
    let (input, feeder) = gaol::pipe().expect("a pipe");
    let feeding = feeder.feed(io::repeat(3).take(LENGTH)).expect("a thread");
    let progress = feeding.watch();
    let watcher = std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(100);
        while progress.bytes() == 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        let first = progress.bytes();
        while progress.bytes() == first && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        (first, progress.bytes())
    });
    assert_eq!(sum(input).expect("a call"), (LENGTH, LENGTH * 3));
    let (first, second) = watcher.join().expect("no panic");
    assert!(0 < first && first < second && second <= LENGTH, "progress is seen while it runs: {first}, {second}");
    assert_eq!(feeding.finish().expect("a stream"), gaol::Moved { bytes: LENGTH, complete: true });
}

#[test]
fn a_feeder_stops_when_the_call_ends() {
    type Call = fn(PipeReader) -> String;
    let calls: [(&str, Call); 3] = [
        ("7", |input| format!("{:?}", reads_one_byte(input).expect("a byte"))),
        ("panicked", |input| panics(input).expect_err("it panics").to_string()),
        ("took longer", |input| never_reads(input).expect_err("it is late").to_string()),
    ];
    for (expected, call) in calls {
        let (input, feeder) = gaol::pipe().expect("a pipe");
        let feeding = feeder.feed(io::repeat(7)).expect("a thread");
        let said = call(input);
        assert!(said.contains(expected), "{said}");
        let moved = feeding.finish().expect("no error of the source");
        assert!(!moved.complete, "the source has no end");
    }
}

#[test]
fn a_feeder_is_stopped_by_hand_and_by_being_dropped() {
    let (input, feeder) = gaol::pipe().expect("a pipe");
    let feeding = feeder.feed(io::repeat(7)).expect("a thread");
    feeding.stop();
    assert!(!feeding.finish().expect("no error").complete);
    drop(input);

    let (mut input, feeder) = gaol::pipe().expect("a pipe");
    drop(feeder.feed(io::repeat(7)).expect("a thread"));
    // What was fed is there, and then the stream ends.
    let mut rest = Vec::new();
    input.read_to_end(&mut rest).expect("an end");
    assert!(rest.iter().all(|byte| *byte == 7));
}

#[test]
fn an_error_of_the_source_ends_the_stream_and_is_told() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the upload broke off"))
        }
    }
    let (input, feeder) = gaol::pipe().expect("a pipe");
    let feeding = feeder.feed(Broken).expect("a thread");
    assert_eq!(sum(input).expect("a call"), (0, 0));
    assert_eq!(feeding.finish().expect_err("it broke").to_string(), "the upload broke off");
}

#[test]
fn items_of_an_iterator_are_fed_in_order() {
    let (input, feeder) = gaol::pipe().expect("a pipe");
    let (output, drain) = gaol::pipe_out(1 << 20).expect("a pipe");
    let feeding = feeder.feed_each((0..1000).map(|number| format!("{number}\n"))).expect("a thread");
    let draining = drain.into_writer(Vec::new()).expect("a thread");
    let count = copies(input, output).expect("a call");
    let (moved, text) = draining.finish_with().expect("what came");
    let expected: String = (0..1000).map(|number| format!("{number}\n")).collect();
    assert_eq!((moved.bytes, moved.complete), (count, true));
    assert_eq!(String::from_utf8(text).expect("text"), expected);
    assert!(feeding.finish().expect("fed").complete);
}

#[test]
fn a_drain_takes_in_no_more_than_its_limit() {
    let (output, drain) = gaol::pipe_out(10_000).expect("a pipe");
    let draining = drain.into_writer(Vec::new()).expect("a thread");
    assert_eq!(floods(output).expect("a call"), libc::EPIPE);
    let (moved, bytes) = draining.finish_with().expect("what came");
    assert_eq!((moved, bytes.len()), (gaol::Moved { bytes: 10_000, complete: false }, 10_000));
}

#[test]
fn streams_leave_no_descriptor_and_no_thread_behind() {
    let round = || {
        let (input, feeder) = gaol::pipe().expect("a pipe");
        let feeding = feeder.feed(io::repeat(7)).expect("a thread");
        assert_eq!(reads_one_byte(input).expect("a call"), 7);
        feeding.finish().expect("no error");
        assert!(matches!(
            {
                let (input, feeder) = gaol::pipe().expect("a pipe");
                drop(feeder);
                reads_one_byte(input)
            },
            Err(Error::Function(_))
        ));
    };
    // By itself: what other tests open and close would be counted.
    Alone::new("streams_leave_no_descriptor_and_no_thread_behind").run(|| {
        let threads = || std::fs::read_dir("/proc/self/task").expect("own threads").count();
        for _ in 0..5 {
            round();
        }
        let before = (descriptors(), threads());
        for _ in 0..50 {
            round();
        }
        // Whether a spare worker has arrived differs from call to call, and nothing else does.
        let deadline = Instant::now() + Duration::from_secs(10);
        while (descriptors(), threads()) != before {
            let now = (descriptors(), threads());
            assert!(Instant::now() < deadline, "{now:?} descriptors and threads, {before:?} before");
            round();
        }
    });
}
