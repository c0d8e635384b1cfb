//! Limits: what a child asks for beyond them, it does not get, and up to them it does.
//!
//! # Safety
//!
//! Memory is asked of the kernel directly, and is never touched.
#![allow(unsafe_code)]

mod limits {
    mod kernel;
}
#[path = "support"]
mod support {
    pub(crate) mod place;
}

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gaol::{Error, Layer, Outcome, ProtocolProblem, sandboxed};

use support::place::Place;

const MIB: usize = 1 << 20;

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

#[sandboxed(time = "300ms")]
fn sleeps(milliseconds: u64) -> gaol::Result<()> {
    std::thread::sleep(Duration::from_millis(milliseconds));
    Ok(())
}

#[test]
fn time_is_a_deadline() {
    in_each_tier(|| {
        sleeps(0).expect("a call within its time");
        let begun = Instant::now();
        match sleeps(60_000) {
            Err(error @ Error::TimedOut { limit, .. }) => {
                assert_eq!(limit, Duration::from_millis(300));
                assert_eq!(error.outcome(), Outcome::Unknown);
                assert!(error.to_string().contains("took longer than 300ms; allow more with `time = …`"), "{error}");
            }
            other => panic!("expected the deadline, not {other:?}"),
        }
        assert!((Duration::from_millis(300)..Duration::from_secs(20)).contains(&begun.elapsed()));
    });
}

#[sandboxed(time = "none")]
fn has_no_deadline() -> gaol::Result<u8> {
    std::thread::sleep(Duration::from_millis(400));
    Ok(1)
}

#[test]
fn time_none_is_no_deadline() {
    assert_eq!(has_no_deadline().expect("a call without a deadline"), 1);
}

/// Keeps the processor busy for as much CPU time of this process.
fn burn(time: Duration) {
    let clock = || {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).expect("less than a second"))
    };
    let begun = clock();
    while clock() - begun < time {
        std::hint::spin_loop();
    }
}

#[sandboxed(cpu = "300ms", time = "50s")]
fn burns(milliseconds: u64, threads: u32) -> gaol::Result<()> {
    let time = Duration::from_millis(milliseconds);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| burn(time));
        }
        burn(time);
    });
    Ok(())
}

#[sandboxed(cpu = "300ms", time = "50s", process = "reused")]
fn burns_again(milliseconds: u64) -> gaol::Result<()> {
    burn(Duration::from_millis(milliseconds));
    Ok(())
}

#[sandboxed(cpu = "300ms", time = "50s")]
fn sleeps_longer_than_its_cpu_time() -> gaol::Result<()> {
    std::thread::sleep(Duration::from_millis(700));
    Ok(())
}

fn is_cpu(result: &gaol::Result<()>) -> bool {
    matches!(result, Err(Error::CpuExceeded { limit, .. }) if *limit == Duration::from_millis(300))
}

#[test]
fn cpu_time_is_counted_over_all_threads() {
    in_each_tier(|| {
        burns(50, 1).expect("a call within its CPU time");
        for threads in [1, 4] {
            let result = burns(60_000, threads);
            assert!(is_cpu(&result), "{result:?}");
        }
    });
}

#[test]
fn cpu_time_is_not_spent_asleep() {
    sleeps_longer_than_its_cpu_time().expect("a sleep costs nothing");
}

#[test]
fn cpu_time_of_a_reused_worker_starts_anew_with_each_call() {
    for _ in 0..5 {
        burns_again(150).expect("a call within its CPU time");
    }
    let result = burns_again(60_000);
    assert!(is_cpu(&result), "{result:?}");
    burns_again(50).expect("the next call");
}

#[sandboxed(memory = "64MiB", time = "50s")]
fn allocates(how: u8, bytes: usize) -> gaol::Result<usize> {
    Ok(match how {
        0 => {
            let mut pieces = Vec::new();
            for _ in 0..bytes / 1024 {
                pieces.push(Box::new([1_u8; 1024]));
            }
            pieces.len() * 1024
        }
        1 => vec![1_u8; bytes].len(),
        2 => std::thread::spawn(move || vec![1_u8; bytes].len()).join().expect("a thread that does not panic"),
        3 => {
            // What the function checks for, it can handle.
            let mut room = Vec::<u8>::new();
            usize::from(room.try_reserve_exact(bytes).is_ok()) * bytes
        }
        _ => map(bytes)?,
    })
}

/// Private writable memory, straight from the kernel.
fn map(bytes: usize) -> std::io::Result<usize> {
    // SAFETY: a new map, where the kernel likes; it is never touched.
    let map = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if map == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(bytes) }
}

fn is_out_of_memory<T>(result: &gaol::Result<T>, expected: usize) -> bool {
    matches!(result, Err(Error::OutOfMemory { limit: Some(limit), .. }) if *limit == expected as u64)
}

#[test]
fn memory_runs_out_however_it_is_asked_for() {
    in_each_tier(|| {
        for how in [0, 1, 2] {
            assert_eq!(allocates(how, 16 * MIB).expect("less than the limit"), 16 * MIB, "{how}");
            for bytes in [128 * MIB, 2048 * MIB] {
                let result = allocates(how, bytes);
                assert!(is_out_of_memory(&result, 64 * MIB), "{how}, {bytes} bytes: {result:?}");
            }
        }
        let error = allocates(1, 128 * MIB).expect_err("more than the limit").to_string();
        assert!(error.contains("ran out of memory (67108864 bytes); allow more with `memory = …`"), "{error}");
    });
}

#[test]
fn memory_that_is_asked_for_with_care_is_refused_without_an_end() {
    in_each_tier(|| {
        assert_eq!(allocates(3, 16 * MIB).expect("less than the limit"), 16 * MIB);
        assert_eq!(allocates(3, 128 * MIB).expect("a refusal inside the function"), 0);
        assert_eq!(allocates(4, 16 * MIB).expect("less than the limit"), 16 * MIB);
        let error = allocates(4, 128 * MIB).expect_err("ENOMEM");
        assert!(matches!(&error, Error::Function(error) if error.to_string().contains("os error 12")), "{error:?}");
    });
}

#[sandboxed]
fn allocates_by_default(bytes: usize) -> gaol::Result<usize> {
    // Zeroed memory costs nothing until it is touched.
    Ok(std::hint::black_box(vec![0_u8; bytes]).len())
}

#[sandboxed(memory = "none")]
fn allocates_at_will(bytes: usize) -> gaol::Result<usize> {
    Ok(std::hint::black_box(vec![0_u8; bytes]).len())
}

#[test]
fn memory_is_one_gibibyte_by_default_and_none_lifts_it() {
    assert_eq!(allocates_by_default(512 * MIB).expect("less than the limit"), 512 * MIB);
    let result = allocates_by_default(1024 * MIB);
    assert!(is_out_of_memory(&result, 1024 * MIB), "{result:?}");
    assert_eq!(allocates_at_will(1536 * MIB).expect("no limit"), 1536 * MIB);
}

#[sandboxed(memory = "64MiB", process = "reused", time = "50s")]
fn allocates_reused(bytes: usize) -> gaol::Result<usize> {
    Ok(vec![1_u8; bytes].len())
}

#[test]
fn a_reused_worker_that_ran_out_of_memory_is_replaced() {
    assert_eq!(allocates_reused(MIB).expect("less than the limit"), MIB);
    let result = allocates_reused(128 * MIB);
    assert!(is_out_of_memory(&result, 64 * MIB), "{result:?}");
    assert_eq!(allocates_reused(MIB).expect("the next call"), MIB);
}

#[sandboxed(files = 16)]
fn opens_all_it_can() -> gaol::Result<(i32, usize, Option<i32>)> {
    let mut open = Vec::new();
    let mut highest = 0;
    loop {
        match std::io::stdin().as_fd().try_clone_to_owned() {
            Ok(fd) => {
                highest = highest.max(fd.as_raw_fd());
                open.push(fd);
            }
            Err(error) => return Ok((highest, open.len(), error.raw_os_error())),
        }
    }
}

#[test]
fn files_are_counted_with_the_streams_and_the_channel() {
    in_each_tier(|| {
        let (highest, count, errno) = opens_all_it_can().expect("a call");
        assert_eq!((highest, count, errno), (15, 12, Some(libc::EMFILE)));
    });
}

#[sandboxed(write = directory, file_size = "1MiB")]
fn writes(directory: &Path, bytes: usize) -> gaol::Result<(usize, Option<i32>)> {
    let mut file = std::fs::File::create(directory.join("file"))?;
    let mut written = 0;
    while written < bytes {
        match file.write(&vec![7; bytes - written]) {
            Ok(count) => written += count,
            Err(error) => return Ok((written, error.raw_os_error())),
        }
    }
    Ok((written, None))
}

#[sandboxed(write = directory, file_size = "1MiB")]
fn lengthens(directory: &Path, bytes: u64) -> gaol::Result<Option<i32>> {
    let file = std::fs::File::create(directory.join("file"))?;
    Ok(file.set_len(bytes).err().and_then(|error| error.raw_os_error()))
}

#[test]
fn a_file_grows_no_larger_than_file_size() {
    let place = Place::new("file-size");
    in_each_tier(|| {
        assert_eq!(writes(place.path(), MIB).expect("a call"), (MIB, None));
        assert_eq!(writes(place.path(), MIB + 1).expect("a call"), (MIB, Some(libc::EFBIG)));
        assert_eq!(lengthens(place.path(), MIB as u64).expect("a call"), None);
        assert_eq!(lengthens(place.path(), MIB as u64 + 1).expect("a call"), Some(libc::EFBIG));
    });
}

#[sandboxed(reply = "64KiB")]
fn replies(bytes: usize) -> gaol::Result<Vec<u8>> {
    Ok(vec![5; bytes])
}

#[sandboxed(reply = "64KiB", process = "reused")]
fn replies_reused(bytes: usize) -> gaol::Result<Vec<u8>> {
    Ok(vec![5; bytes])
}

#[sandboxed]
fn replies_by_default(bytes: usize) -> gaol::Result<Vec<u8>> {
    Ok(vec![5; bytes])
}

#[test]
fn a_reply_is_no_larger_than_its_limit() {
    // Three bytes say how many follow.
    const MOST: usize = (64 << 10) - 3;
    in_each_tier(|| {
        for function in [replies, replies_reused] {
            assert_eq!(function(MOST).expect("a reply of the limit").len(), MOST);
            for bytes in [MOST + 1, 8 * MIB] {
                match function(bytes) {
                    Err(Error::Protocol { problem: ProtocolProblem::Unable(reason), .. }) => {
                        assert!(reason.contains("65536 bytes") && reason.contains("`reply = …`"), "{reason}");
                    }
                    other => panic!("expected a refusal, not {other:?}"),
                }
            }
            assert_eq!(function(1).expect("the next call"), [5]);
        }
    });
    assert_eq!(replies_by_default(32 * MIB).expect("half of the default").len(), 32 * MIB);
    assert!(matches!(replies_by_default(64 * MIB), Err(Error::Protocol { .. })));
}

#[sandboxed]
fn prints(bytes: usize, returns: bool) -> gaol::Result<u8> {
    let line = b"out of the child\n";
    for _ in 0..bytes / line.len() {
        std::io::stdout().write_all(line)?;
    }
    for _ in 0..bytes / line.len() {
        std::io::stderr().write_all(b"err of the child\n")?;
    }
    assert!(returns, "printed it all");
    Ok(1)
}

#[test]
fn captured_output_is_cut_and_never_blocks() {
    in_each_tier(|| {
        assert_eq!(prints(4 * MIB, true).expect("a call that prints a lot"), 1);
        let error = prints(4 * MIB, false).expect_err("a panic");
        assert!(matches!(error, Error::Panicked { .. }), "{error:?}");
        assert_eq!(error.output().len(), 64 << 10);
        assert!(error.call().is_some_and(|call| call.output_truncated));
        let error = prints(40, false).expect_err("a panic");
        assert!(error.output().contains("out of the child\nout of the child\nerr of the child"), "{error}");
        assert!(error.call().is_some_and(|call| !call.output_truncated));
    });
}

#[sandboxed(threads = 1)]
fn starts_one_thread() -> gaol::Result<Option<i32>> {
    Ok(std::thread::Builder::new().spawn(|| {}).err().and_then(|error| error.raw_os_error()))
}

#[test]
fn one_thread_is_the_function_itself() {
    in_each_tier(|| assert_eq!(starts_one_thread().expect("a call"), Some(libc::EAGAIN)));
}

/// Starts threads until that fails: how many it got, the errno, and whether there is room for one more when one has ended.
fn start_threads(most: usize) -> (usize, Option<i32>, bool) {
    let mut threads = Vec::new();
    let start = |threads: &mut Vec<_>| {
        let (end, wait) = mpsc::channel::<()>();
        let started = std::thread::Builder::new().stack_size(64 << 10).spawn(move || {
            let _ = wait.recv();
        });
        started.map(|thread| threads.push((end, thread)))
    };
    let mut errno = None;
    while threads.len() < most {
        if let Err(error) = start(&mut threads) {
            errno = error.raw_os_error();
            break;
        }
    }
    let count = threads.len();
    let again = errno.is_none() || {
        // Any of them makes room. The kernel lets go of a thread a moment after it could be joined.
        let (end, thread) = threads.swap_remove(0);
        drop(end);
        thread.join().expect("a thread that does not panic");
        (0..1000).any(|_| {
            let started = start(&mut threads).is_ok();
            if !started {
                std::thread::sleep(Duration::from_millis(1));
            }
            started
        })
    };
    for (end, thread) in threads {
        drop(end);
        thread.join().expect("a thread that does not panic");
    }
    (count, errno, again)
}

#[sandboxed(threads = 4)]
fn starts_threads_up_to_four() -> gaol::Result<(usize, Option<i32>, bool)> {
    Ok(start_threads(200))
}

#[sandboxed]
fn starts_threads_by_default() -> gaol::Result<(usize, Option<i32>, bool)> {
    Ok(start_threads(200))
}

#[sandboxed(threads = 4, process = "reused")]
fn starts_threads_reused() -> gaol::Result<(usize, Option<i32>, bool)> {
    Ok(start_threads(200))
}

#[sandboxed(threads = "none")]
fn starts_threads_at_will() -> gaol::Result<(usize, Option<i32>, bool)> {
    Ok(start_threads(200))
}

#[test]
fn threads_are_counted_with_the_functions_own() {
    in_each_tier(|| {
        for _ in 0..5 {
            assert_eq!(starts_threads_up_to_four().expect("a call"), (3, Some(libc::EAGAIN), true));
            assert_eq!(starts_threads_reused().expect("a call"), (3, Some(libc::EAGAIN), true));
        }
        assert_eq!(starts_threads_by_default().expect("a call"), (63, Some(libc::EAGAIN), true));
        assert_eq!(starts_threads_at_will().expect("a call"), (200, None, true));
    });
}

#[test]
fn threads_of_one_call_are_not_counted_to_another() {
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5 {
                    assert_eq!(starts_threads_up_to_four().expect("a call"), (3, Some(libc::EAGAIN), true));
                }
            });
        }
    });
}

#[sandboxed(threads = 4, time = "30s")]
fn starts_many_short_threads() -> gaol::Result<u32> {
    let mut done = 0;
    for _ in 0..300 {
        std::thread::scope(|scope| {
            let first = scope.spawn(|| 1);
            let second = scope.spawn(|| 1);
            done += first.join().expect("a thread") + second.join().expect("a thread");
        });
    }
    Ok(done)
}

#[test]
fn threads_may_come_and_go() {
    in_each_tier(|| assert_eq!(starts_many_short_threads().expect("a call"), 600));
}
