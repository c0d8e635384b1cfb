//! What must hold whatever allocates: a call gets the memory that its profile says and no more, and its threads start.
//!
//! # Safety
//!
//! Zeroes are written to pages of this process's own that were never touched, which hold zeroes.

use std::sync::Barrier;

use gaol::{Error, Layer, Outcome, sandboxed};

const MIB: usize = 1 << 20;

#[sandboxed(memory = "64MiB", time = "50s")]
fn allocates(how: u8, bytes: usize) -> gaol::Result<usize> {
    Ok(match how {
        0 => vec![1_u8; bytes].len(),
        1 => (0..bytes / 1024).map(|_| Box::new([1_u8; 1024])).collect::<Vec<_>>().len() * 1024,
        2 => std::thread::spawn(move || vec![1_u8; bytes].len()).join().expect("a thread that does not panic"),
        // What the function checks for, it can handle.
        _ => usize::from(Vec::<u8>::new().try_reserve_exact(bytes).is_ok()) * bytes,
    })
}

#[sandboxed(memory = "64MiB", time = "50s", process = "reused")]
fn allocates_kept(bytes: usize) -> gaol::Result<usize> {
    Ok(vec![1_u8; bytes].len())
}

#[sandboxed(memory = "64MiB", time = "50s", process = "exec")]
fn allocates_anew(bytes: usize) -> gaol::Result<usize> {
    Ok(vec![1_u8; bytes].len())
}

#[sandboxed]
fn allocates_by_default(bytes: usize) -> gaol::Result<usize> {
    Ok(vec![1_u8; bytes].len())
}

#[sandboxed(memory = "none")]
fn allocates_at_will(bytes: usize) -> gaol::Result<usize> {
    Ok(std::hint::black_box(vec![0_u8; bytes]).len())
}

#[sandboxed]
fn starts_threads(count: usize) -> gaol::Result<usize> {
    meet(count)
}

#[sandboxed(memory = "64MiB")]
fn starts_threads_in_little_memory(count: usize) -> gaol::Result<usize> {
    meet(count)
}

/// All of them run at once, and each allocates.
fn meet(count: usize) -> gaol::Result<usize> {
    let barrier = &Barrier::new(count);
    let sum = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                std::thread::Builder::new().spawn_scoped(scope, move || {
                    barrier.wait();
                    vec![number; 1000].iter().sum::<usize>() / 1000
                })
            })
            .collect::<Result<_, _>>()?;
        Ok::<_, std::io::Error>(threads.into_iter().map(|thread| thread.join().unwrap_or(usize::MAX / 1000)).sum::<usize>())
    })?;
    Ok(sum)
}

#[sandboxed(memory = "64MiB", reply = "64MiB", time = "50s")]
fn doubles(bytes: Vec<u8>) -> gaol::Result<Vec<u8>> {
    Ok([&*bytes, &*bytes].concat())
}

/// Uses all that stands ready, then all that the kernel gives, and says how much that was.
#[sandboxed(read = "/proc", memory = "64MiB", time = "50s")]
fn takes_all_there_is() -> gaol::Result<(usize, usize)> {
    let resident = || -> gaol::Result<usize> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        let kibibytes: usize = line.trim().trim_end_matches(" kB").parse().map_err(|_| "no number")?;
        Ok(kibibytes << 10)
    };
    let maps = std::fs::read_to_string("/proc/self/maps")?;
    let before = resident()?;
    let mut wants = 0;
    for line in maps.lines().filter(|line| line.contains(" rw-p ") && !line.contains("[stack]")) {
        let addresses = line.split(' ').next().and_then(|addresses| addresses.split_once('-')).ok_or("no addresses")?;
        let number = |text| usize::from_str_radix(text, 16).map_err(|_| "no address");
        let (start, end) = (number(addresses.0)?, number(addresses.1)?);
        for page in (start..end).step_by(4096) {
            wants += 4096;
            // More than this nobody needs to see.
            if wants > 2048 * MIB {
                return Ok((before, resident()?));
            }
            let mut resident = 0_u8;
            // SAFETY: asks about one page, and the answer is one byte.
            unsafe { libc::mincore(page as *mut libc::c_void, 4096, &raw mut resident) };
            if resident & 1 == 0 && !line.contains('/') {
                // SAFETY: the page is this process's own, may be written, and holds zeroes.
                unsafe { (page as *mut u8).write_volatile(0) };
            }
        }
    }
    loop {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new map, where the kernel likes.
        let map = unsafe { libc::mmap(std::ptr::null_mut(), 64 << 10, protection, flags, -1, 0) };
        if map == libc::MAP_FAILED {
            return Ok((before, resident()?));
        }
        for page in (0..64 << 10).step_by(4096) {
            // SAFETY: it lies within the map.
            unsafe { map.cast::<u8>().add(page).write_volatile(1) };
        }
    }
}

fn is_out_of_memory<T>(result: &gaol::Result<T>, expected: usize) -> bool {
    matches!(result, Err(Error::OutOfMemory { limit: Some(limit), .. }) if *limit == expected as u64)
}

fn check_limits() {
    for how in [0, 1, 2] {
        assert_eq!(allocates(how, 16 * MIB).expect("less than the limit"), 16 * MIB, "{how}");
        for bytes in [128 * MIB, 900 * MIB] {
            let result = allocates(how, bytes);
            assert!(is_out_of_memory(&result, 64 * MIB), "{how}, {bytes} bytes: {result:?}");
        }
    }
    assert_eq!(allocates(3, 16 * MIB).expect("less than the limit"), 16 * MIB);
    assert_eq!(allocates(3, 900 * MIB).expect("a refusal inside the function"), 0);
    for function in [allocates_kept, allocates_anew] {
        assert_eq!(function(16 * MIB).expect("less than the limit"), 16 * MIB);
        let result = function(900 * MIB);
        assert!(is_out_of_memory(&result, 64 * MIB), "{result:?}");
    }
    // Some ask for twice as much as they need, and align it themselves.
    assert_eq!(allocates_by_default(256 * MIB).expect("less than the limit"), 256 * MIB);
    let result = allocates_by_default(1100 * MIB);
    assert!(is_out_of_memory(&result, 1024 * MIB), "{result:?}");
    assert_eq!(allocates_at_will(1536 * MIB).expect("no limit"), 1536 * MIB);
    let sent: Vec<u8> = (0..8 * MIB).map(|at| (at % 251) as u8).collect();
    assert!(doubles(sent.clone()).expect("long data").chunks(sent.len()).all(|half| half == sent));
}

fn check_threads() {
    let sum = |count: usize| (0..count).sum::<usize>();
    assert_eq!(starts_threads(60).expect("as many as by default"), sum(60));
    assert_eq!(starts_threads_in_little_memory(4).expect("some threads"), sum(4));
}

fn check_all_there_is() {
    let (before, after) = takes_all_there_is().expect("a call");
    let taken = after.saturating_sub(before);
    println!("took {} KiB beyond {} KiB", taken >> 10, before >> 10);
    // What the zygote had used when it looked, and has returned to the system since, is no part of what the call takes.
    assert!(taken <= 66 * MIB, "{taken} bytes");
    // The control: it is not that nothing was to be had.
    assert!(taken >= 32 * MIB, "{taken} bytes");
}

/// In both tiers.
///
/// # Panics
///
/// Where something does not hold.
pub fn check() {
    for without in [&[][..], &[Layer::Namespaces]] {
        let _guard = gaol::controls::without(without);
        check_limits();
        check_threads();
    }
    check_all_there_is();
    println!("limits hold, threads start");
}

/// The words of a call that fails, in a program whose children have threads.
///
/// # Panics
///
/// Where it does not fail.
#[must_use]
pub fn refused() -> String {
    allocates_by_default(MIB).expect_err("a call where children have threads").to_string()
}

/// Says how a call is refused.
///
/// # Panics
///
/// Where it is not.
pub fn check_refused() {
    let error = allocates(0, MIB).expect_err("what stands ready is more than the limit");
    assert_eq!(error.outcome(), Outcome::NotRun);
    assert!(matches!(&error, Error::Unsupported { unsupported, .. } if unsupported.layer == Layer::Limits), "{error:?}");
    println!("{error}");
    assert_eq!(allocates_at_will(MIB).expect("no limit"), MIB);
    println!("without a limit it runs");
}
