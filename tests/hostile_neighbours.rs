//! Many threads call at once while every tenth child attacks, crashes, hangs or floods: every honest call succeeds.

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}
#[path = "hostile_neighbours/siblings.rs"]
mod siblings;
#[path = "support"]
mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod processes;
}

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use gaol::{Error, Layer, ProtocolProblem, sandboxed};

use attacks::forgery::{self, Control, Forged, RETURNED};
use attacks::toolbox::{Refusal, call, exit_now};
use support::alone::{Alone, User};
use support::place::Place;
use support::processes;

const THREADS: u64 = 64;
/// Calls of each thread.
const CALLS: u64 = 40;
/// One call in so many is hostile.
const HOSTILE: u64 = 10;

#[sandboxed(time = "60s")]
fn adds(a: u64, b: u64) -> gaol::Result<u64> {
    Ok(a + b)
}

/// An argument and a result that are long enough for shared memory.
#[sandboxed(time = "60s")]
fn doubles(numbers: &[u32]) -> gaol::Result<Vec<u32>> {
    Ok(numbers.iter().map(|number| number.wrapping_mul(2)).collect())
}

#[sandboxed(read = path, time = "60s")]
fn reads(path: &Path) -> gaol::Result<String> {
    Ok(std::fs::read_to_string(path)?)
}

#[sandboxed(time = "60s")]
fn writes(mut file: File, text: &str) -> gaol::Result<()> {
    Ok(file.write_all(text.as_bytes())?)
}

/// What a hostile child does.
const WAYS: [Way; 12] = [
    Way { does: "aborts", by: || std::process::abort(), ends: |error| killed(error, libc::SIGABRT) },
    Way { does: "dies of SIGSEGV", by: || raise(libc::SIGSEGV), ends: |error| killed(error, libc::SIGSEGV) },
    Way { does: "panics", by: || panic!("on purpose"), ends: |error| matches!(error, Error::Panicked { .. }) },
    Way { does: "exits", by: || std::process::exit(3), ends: |error| matches!(error, Error::Exited { code: 3, .. }) },
    Way {
        does: "hangs",
        by: || loop {
            std::hint::spin_loop()
        },
        ends: timed_out,
    },
    Way { does: "stops itself", by: stop, ends: timed_out },
    Way { does: "floods its output", by: flood_output, ends: timed_out },
    Way { does: "floods memory", by: flood_memory, ends: |error| matches!(error, Error::OutOfMemory { .. }) },
    Way { does: "floods descriptors", by: flood_descriptors, ends: protocol_of_descriptors },
    Way { does: "forges a reply", by: forge, ends: protocol_of_decoding },
    Way { does: "replies without end", by: reply_without_end, ends: |error| matches!(error, Error::Protocol { .. }) },
    Way { does: "attacks its neighbours", by: attack, ends: |error| matches!(error, Error::Exited { code: 0, .. }) },
];

struct Way {
    does: &'static str,
    by: fn(),
    /// Whether the call ended as it has to.
    ends: fn(&Error) -> bool,
}

#[sandboxed(time = "60s", memory = "256MiB", files = 64)]
fn hostile(way: u64) -> gaol::Result<u64> {
    (WAYS[way as usize].by)();
    Ok(way)
}

/// For the ways that end at the deadline alone.
#[sandboxed(time = "500ms", memory = "256MiB", files = 64)]
fn hostile_for_long(way: u64) -> gaol::Result<u64> {
    (WAYS[way as usize].by)();
    Ok(way)
}

fn killed(error: &Error, by: i32) -> bool {
    matches!(error, Error::Killed { signal, .. } if *signal == by)
}

fn timed_out(error: &Error) -> bool {
    matches!(error, Error::TimedOut { .. })
}

fn protocol_of_descriptors(error: &Error) -> bool {
    matches!(
        error,
        Error::Protocol { problem: ProtocolProblem::Descriptors, .. } | Error::Exited { code: TOO_MANY, .. }
    )
}

fn protocol_of_decoding(error: &Error) -> bool {
    matches!(error, Error::Protocol { problem: ProtocolProblem::Decode(_), .. })
}

/// Ends, or stops, by a signal to itself.
fn raise(signal: i32) {
    let own = std::process::id();
    let _ = call!(libc::SYS_tgkill, own, own, signal);
}

fn stop() {
    raise(libc::SIGSTOP);
    // Where the filter refuses that, it hangs in another way.
    loop {
        std::thread::park();
    }
}

fn flood_output() {
    let noise = [b'x'; 4096];
    loop {
        let _ = std::io::stdout().write_all(&noise);
        let _ = std::io::stderr().write_all(&noise);
    }
}

fn flood_memory() {
    let mut held = Vec::new();
    // Taking memory is refused, not filling it.
    loop {
        held.push(Vec::<u8>::with_capacity(8 << 20));
    }
}

/// How it says that the descriptors of others like it are on their way already, and the kernel takes no more of this user's.
const TOO_MANY: i32 = 7;

/// All the descriptors that it may have, beside a reply that names none.
fn flood_descriptors() {
    let header = Forged::reply(RETURNED, 1);
    let file = std::io::stdin();
    let copies: Vec<_> = std::iter::from_fn(|| rustix::io::dup(&file).ok()).collect();
    let numbers: Vec<i32> = copies.iter().map(AsRawFd::as_raw_fd).collect();
    let sent = header.and_then(|header| forgery::send_with(&header.to_bytes(), &[Control::rights(&numbers)]));
    match sent.and_then(|()| forgery::send(&[1])) {
        Err(Refusal::Errno(libc::ETOOMANYREFS)) => exit_now(TOO_MANY),
        Err(_) => exit_now(1),
        Ok(()) => exit_now(0),
    }
}

/// A frame that is right in every respect, around bytes that are no number.
fn forge() {
    let _ = forgery::frame(RETURNED, &[0xff; 11]).and_then(|frame| forgery::send(&frame));
    exit_now(0)
}

fn reply_without_end() {
    let Ok(frame) = forgery::frame(RETURNED, &gaol::as_sent(&7_u64)) else { exit_now(1) };
    while forgery::send(&frame).is_ok() {}
    exit_now(0)
}

/// Signals everybody it can name, starts processes, and reaches for the descriptors of others. None of it may have any effect.
fn attack() {
    let parent = rustix::process::getppid().map_or(1, |pid| pid.as_raw_nonzero().get());
    for target in [-1, 0, 1, parent] {
        let _ = call!(libc::SYS_kill, target, libc::SIGKILL);
    }
    let _ = call!(libc::SYS_tgkill, parent, parent, libc::SIGKILL);
    for _ in 0..100 {
        // A child of it would be a worker that serves nobody; it ends at once.
        if matches!(call!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0), Ok(0)) {
            exit_now(9);
        }
    }
    for number in 0..64 {
        let _ = call!(libc::SYS_shutdown, number, libc::SHUT_RDWR);
        let _ = call!(libc::SYS_close, number);
    }
    exit_now(0)
}

/// One honest call of each kind in turn. Panics unless it succeeds.
fn honest(number: u64, place: &Path) {
    let failed = |error: Error| panic!("honest call {number}: {error:?}");
    match number % 8 {
        0 => {
            let numbers = vec![u32::try_from(number).unwrap_or(0); 64 << 10];
            let doubled = doubles(&numbers).unwrap_or_else(failed);
            assert!(doubled.len() == numbers.len() && doubled.iter().all(|double| *double == numbers[0] * 2));
        }
        1 => assert_eq!(reads(&place.join("file")).unwrap_or_else(|error| panic!("{number}: {error:?}")), "as it was"),
        2 => {
            let path = place.join(format!("written-{number}"));
            let file = File::create(&path).expect("a file");
            writes(file, "well").unwrap_or_else(|error| panic!("honest call {number}: {error:?}"));
            assert_eq!(std::fs::read_to_string(&path).expect("a file"), "well");
            std::fs::remove_file(&path).expect("removed");
        }
        _ => assert_eq!(adds(number, 1).unwrap_or_else(|error| panic!("{number}: {error:?}")), number + 1),
    }
}

fn all_at_once(layers_out: &[Layer]) {
    let place = Place::new("neighbours");
    std::fs::write(place.path().join("file"), "as it was").expect("a file");
    let (honest_calls, hostile_calls) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (place, honest_calls, hostile_calls) = (&place, &honest_calls, &hostile_calls);
            scope.spawn(move || {
                let _guard = gaol::controls::without(layers_out);
                for index in 0..CALLS {
                    let number = thread * CALLS + index;
                    if (thread + index) % HOSTILE != 0 {
                        honest(number, place.path());
                        honest_calls.fetch_add(1, Ordering::Relaxed);
                        continue;
                    }
                    let way = hostile_calls.fetch_add(1, Ordering::Relaxed) % WAYS.len() as u64;
                    let Way { does, ends, .. } = &WAYS[way as usize];
                    let call = if std::ptr::fn_addr_eq(*ends, timed_out as fn(&Error) -> bool) {
                        hostile_for_long
                    } else {
                        hostile
                    };
                    // On a machine that is loaded a call may wait longer for its turn than it may take. It can be made again then.
                    let answer =
                        std::iter::repeat_with(|| call(way)).find(|answer| !matches!(answer, Err(Error::Busy { .. })));
                    match answer.expect("a turn comes") {
                        Err(error) if ends(&error) => {}
                        other => panic!("a child that {does}: {other:?}"),
                    }
                }
            });
        }
    });
    let (honest_calls, hostile_calls) = (honest_calls.into_inner(), hostile_calls.into_inner());
    assert_eq!(honest_calls + hostile_calls, THREADS * CALLS);
    assert_eq!(hostile_calls * HOSTILE, THREADS * CALLS, "one in ten");
    assert!(hostile_calls >= 10 * WAYS.len() as u64, "each way many times");
    eprintln!("without {layers_out:?}: {honest_calls} honest calls succeeded beside {hostile_calls} hostile ones");
    // What was hung, stopped or flooding is gone with its call: what is left are templates and the spares of each.
    processes::eventually("the workers of hostile calls to be gone", || {
        let workers = processes::of(std::process::id()).into_iter().filter(|process| process.name == "gaol-worker");
        workers.filter(|worker| worker.state != 'S').count() == 0
    });
    adds(1, 1).expect("a call, after all that");
}

#[test]
fn every_honest_call_succeeds_beside_hostile_ones() {
    Alone::new("every_honest_call_succeeds_beside_hostile_ones").run(|| all_at_once(&[]));
}

#[test]
fn in_tier_b_every_honest_call_succeeds_beside_hostile_ones() {
    Alone::new("in_tier_b_every_honest_call_succeeds_beside_hostile_ones").run(|| all_at_once(&[Layer::Namespaces]));
}

#[test]
fn an_unprivileged_users_honest_calls_succeed_beside_hostile_ones() {
    let name = "an_unprivileged_users_honest_calls_succeed_beside_hostile_ones";
    if let Some(alone) = Alone::new(name).user(User::Lonely) {
        alone.run(|| all_at_once(&[]));
    }
}
