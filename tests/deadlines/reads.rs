//! Children that make reading slow: what they print, what they reply, and what they say of themselves.

use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::time::{Duration, Instant};

use gaol::{Error, sandboxed};
use serde::{Deserialize, Serialize};

use crate::attacks::forgery::{CHANNEL, HEADER, RETURNED, ask_for_room, frame, send, send_on};
use crate::attacks::toolbox::{call, exit_now};
use crate::{Attack, TIME};

pub(crate) const ATTACKS: &[Attack] = &[
    attack("it reads what it prints itself", || until_the_deadline(Act::ReadsItsOutput)),
    attack("it prints without end", || until_the_deadline(Act::Prints)),
    attack("many threads print without end", || until_the_deadline(Act::PrintsFromManyThreads)),
    attack("it prints a byte at a time", || until_the_deadline(Act::DripsOutput)),
    attack("it ends its output and lives on", || until_the_deadline(Act::EndsItsOutput)),
    attack("it replies a byte at a time", || until_the_deadline(Act::DripsReply)),
    attack("it replies half", || until_the_deadline(Act::HalfAReply)),
    attack("it asks for shared memory without end", asks_for_rooms),
    attack("it closes its channel and lives on", || until_the_deadline(Act::ClosesItsChannel)),
    attack("it stops itself", || until_the_deadline(Act::StopsItself)),
    attack("a long argument that it does not read", does_not_read),
    attack("one that is kept reads what it prints", kept_reads_its_output),
    attack("one that is kept prints without end", kept_prints),
    attack("one that is kept fills its channel", kept_fills_its_channel),
];

const fn attack(name: &'static str, act: fn()) -> Attack {
    Attack { name, time: TIME, act }
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Act {
    ReadsItsOutput,
    Prints,
    PrintsFromManyThreads,
    DripsOutput,
    EndsItsOutput,
    DripsReply,
    HalfAReply,
    ClosesItsChannel,
    StopsItself,
}

#[sandboxed(read = "/proc", time = "700ms")]
fn hostile(act: Act) -> gaol::Result<u32> {
    perform(act);
    loop {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn perform(act: Act) {
    match act {
        Act::ReadsItsOutput => takes_what_it_prints(),
        Act::Prints => prints_without_end(),
        Act::PrintsFromManyThreads => {
            for _ in 0..16 {
                std::thread::spawn(prints_without_end);
            }
        }
        Act::DripsOutput => loop {
            print!("x");
            let _ = std::io::stdout().flush();
            std::thread::sleep(Duration::from_millis(1));
        },
        Act::EndsItsOutput => {
            for number in [1, 2] {
                let _ = call!(libc::SYS_shutdown, number, libc::SHUT_RDWR);
                let _ = call!(libc::SYS_close, number);
            }
        }
        Act::DripsReply => {
            let reply = frame(RETURNED, &[7]).expect("a frame");
            for byte in &reply[..HEADER] {
                let _ = send(&[*byte]);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Act::HalfAReply => {
            let _ = send(&frame(RETURNED, &[7]).expect("a frame")[..HEADER]);
        }
        Act::ClosesItsChannel => {
            let _ = call!(libc::SYS_close, CHANNEL);
        }
        Act::StopsItself => {
            let _ = call!(libc::SYS_kill, std::process::id(), libc::SIGSTOP);
        }
    }
}

fn prints_without_end() {
    loop {
        let _ = rustix::io::write(rustix::stdio::stdout(), &[b'x'; 16 << 10]);
    }
}

/// Opens its own output for reading, and takes each byte before the application does. Where it cannot be opened, it goes on printing.
fn takes_what_it_prints() {
    let opened: Vec<_> = ["/proc/self/fd/1", "/proc/self/fd/2", "/dev/stdout", "/proc/self/fd/3"]
        .into_iter()
        .map(|path| std::fs::File::open(path).map_err(|error| error.raw_os_error()))
        .collect();
    assert!(opened.iter().all(Result::is_err), "opened anew: {opened:?}");
    // The descriptor itself is for writing alone.
    let mut own = std::mem::ManuallyDrop::new(own_output());
    std::thread::spawn(prints_for_ever);
    loop {
        let _ = own.read(&mut [0; 1]);
    }
}

fn prints_for_ever() {
    loop {
        let _ = rustix::io::write(rustix::stdio::stdout(), b"x");
    }
}

#[allow(unsafe_code)]
fn own_output() -> std::fs::File {
    // SAFETY: it is open as long as the process lives, and never dropped.
    unsafe { std::fs::File::from_raw_fd(std::io::stdout().as_raw_fd()) }
}

/// It ends at its deadline or before, and by no result.
fn until_the_deadline(act: Act) {
    match hostile(act) {
        Err(Error::TimedOut { .. }) => {}
        Err(Error::Protocol { .. }) if matches!(act, Act::ClosesItsChannel | Act::DripsReply) => {}
        Err(Error::Panicked { message, .. }) => panic!("{act:?}: {message}"),
        other => panic!("{act:?} gave {other:?}"),
    }
}

#[sandboxed(time = "700ms", reply = "none")]
fn wants_rooms() -> gaol::Result<Vec<u8>> {
    while ask_for_room(1 << 28).is_ok() {}
    exit_now(0)
}

fn asks_for_rooms() {
    let result = wants_rooms();
    assert!(result.is_err(), "{:?}", result.map(|bytes| bytes.len()));
}

#[sandboxed(time = "700ms", process = "exec")]
fn sleeps_first(bytes: &[u8]) -> gaol::Result<usize> {
    std::thread::sleep(Duration::from_secs(60));
    Ok(bytes.len())
}

fn does_not_read() {
    let result = sleeps_first(&vec![1; 8 << 20]);
    // To start a process of its own takes its time, which is no part of the call's.
    assert!(matches!(result, Err(Error::TimedOut { .. } | Error::Start { .. })), "{result:?}");
}

/// What a kept worker does once it has replied.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Afterwards {
    Nothing,
    ReadsItsOutput,
    Prints,
    FillsItsChannel,
}

#[sandboxed(read = "/proc", time = "700ms", process = "reused")]
fn kept(afterwards: Afterwards) -> gaol::Result<u32> {
    match afterwards {
        Afterwards::Nothing => {}
        Afterwards::ReadsItsOutput => {
            std::thread::spawn(takes_what_it_prints);
        }
        Afterwards::Prints => {
            for _ in 0..8 {
                std::thread::spawn(prints_without_end);
            }
        }
        Afterwards::FillsItsChannel => {
            std::thread::spawn(|| {
                // Not before it has replied.
                std::thread::sleep(Duration::from_millis(30));
                while send_on(CHANNEL, &[0xa5; 4096], &[]).is_ok() {}
            });
        }
    }
    Ok(std::process::id())
}

/// The call that follows another's, of the same worker or of one that took its place.
fn next_after(afterwards: Afterwards) {
    kept(afterwards).expect("the first call");
    std::thread::sleep(Duration::from_millis(60));
    let begun = Instant::now();
    match kept(Afterwards::Nothing) {
        Ok(_) | Err(Error::TimedOut { .. } | Error::Protocol { .. }) => {}
        other => panic!("{afterwards:?}, then {other:?}"),
    }
    assert!(begun.elapsed() < TIME + crate::BOUND, "{:?}", begun.elapsed());
}

fn kept_reads_its_output() {
    next_after(Afterwards::ReadsItsOutput);
}

fn kept_prints() {
    next_after(Afterwards::Prints);
}

fn kept_fills_its_channel() {
    next_after(Afterwards::FillsItsChannel);
}
