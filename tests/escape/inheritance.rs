//! Rows 18, 109–112: what a child has because its parent had it.
//!
//! # Safety
//!
//! Scanning memory goes through `write(2)`, which answers with `EFAULT` where nothing can be read.

use gaol::Layer::{Hygiene, Landlock, Namespaces, Seccomp};
use libc::{EBADF, EPERM};
use serde::{Deserialize, Serialize};

use super::expect::{STREAMS, not_applicable};
use super::place::{FLIPPED_MEMORY, Place, Plant, SECRET_ARGUMENT, SECRET_VARIABLE};
use super::profiles::Profile::{Nothing, Read, Terminal};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, call};

/// What the child looks for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InheritedAct {
    WritePlanted,
    ReadPlanted,
    Descriptor(Plant),
    /// Any descriptor but the three of standard input and output, and the channel.
    AnyDescriptor,
    SecretVariable,
    AnyVariable,
    Arguments,
    ParentMemory,
    BlockedSignals,
    IgnoredSignals,
    HandledSignals,
    Timers,
    Nice,
    StandardInput,
}

pub(crate) fn perform(act: InheritedAct, place: &Place) -> Attempt {
    use InheritedAct as I;
    let planted = |kind: Plant| place.planted.iter().find(|(found, _)| *found == kind).map_or(-1, |(_, fd)| *fd);
    match act {
        I::WritePlanted => {
            let fd = planted(Plant::WritableFile);
            call!(libc::SYS_write, fd, c"forged entry\n".as_ptr(), 13).map(|_| "written".into())
        }
        I::ReadPlanted => {
            let mut buffer = [0_u8; 64];
            let fd = planted(Plant::SecretFile);
            let count = call!(libc::SYS_pread64, fd, buffer.as_mut_ptr(), buffer.len(), 0)?;
            Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
        }
        I::Descriptor(kind) => call!(libc::SYS_fcntl, planted(kind), libc::F_GETFD).map(|_| "open".into()),
        I::AnyDescriptor => {
            // The channel is descriptor 3.
            let open: Vec<i32> = (4..2048).filter(|&fd| call!(libc::SYS_fcntl, fd, libc::F_GETFD).is_ok()).collect();
            found(open)
        }
        I::SecretVariable => std::env::var(SECRET_VARIABLE).map_err(|_| Refusal::Absent),
        I::AnyVariable => found(std::env::vars_os().map(|(name, _)| name).collect()),
        I::Arguments => {
            let arguments: Vec<_> = std::env::args_os().filter(|argument| argument == SECRET_ARGUMENT).collect();
            found(arguments)
        }
        I::ParentMemory => scan(),
        I::BlockedSignals => {
            let mut mask = 0_u64;
            call!(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, 0, &raw mut mask, 8)?;
            if mask == 0 { Err(Refusal::Absent) } else { Ok(format!("blocked {mask:#x}")) }
        }
        I::IgnoredSignals => {
            // SIGPIPE and SIGXFSZ are ignored so that a function gets EPIPE and EFBIG. Signals 32 and 33 belong to libc.
            let kept = [libc::SIGPIPE, libc::SIGXFSZ, 32, 33];
            let ignored = signals_that(|handler| handler == libc::SIG_IGN);
            found(ignored.into_iter().filter(|signal| !kept.contains(signal)).collect())
        }
        I::HandledSignals => found(signals_that(|handler| handler != libc::SIG_IGN && handler != libc::SIG_DFL)),
        I::Timers => {
            let mut value = [0_u64; 4];
            call!(libc::SYS_getitimer, libc::ITIMER_REAL, value.as_mut_ptr())?;
            if value == [0; 4] { Err(Refusal::Absent) } else { Ok(format!("{value:?}")) }
        }
        I::Nice => {
            // The kernel answers 20 minus the nice value.
            let answer = call!(libc::SYS_getpriority, libc::PRIO_PROCESS, 0)?;
            if answer == 20 { Err(Refusal::Absent) } else { Ok(format!("nice {}", 20 - answer as i64)) }
        }
        I::StandardInput => {
            let mut buffer = [0_u8; 64];
            let count = call!(libc::SYS_read, 0, buffer.as_mut_ptr(), buffer.len())?;
            if count == 0 { Err(Refusal::Absent) } else { Ok(format!("{count} bytes")) }
        }
    }
}

fn found<T: std::fmt::Debug>(things: Vec<T>) -> Attempt {
    if things.is_empty() { Err(Refusal::Absent) } else { Ok(format!("{things:?}")) }
}

fn signals_that(is_so: impl Fn(usize) -> bool) -> Vec<i32> {
    let mut signals = Vec::new();
    for signal in 1..=64 {
        let mut action = [0_usize; 4];
        if call!(libc::SYS_rt_sigaction, signal, 0, action.as_mut_ptr(), 8).is_ok() && is_so(action[0]) {
            signals.push(signal);
        }
    }
    signals
}

/// Looks for the parent's secret around the stack, the heap, the mappings and the code of this process.
///
/// The needle is never in memory itself: bytes are flipped one by one as they are compared.
pub(crate) fn scan() -> Attempt {
    const PAGE: usize = 4096;
    const REACH: usize = 12 << 20;
    let mut ends = [0_i32; 2];
    call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0)?;
    let on_stack = 0_u8;
    // Not the first: what another thread allocated and this one freed is given out again, and lies elsewhere.
    let small: Vec<Box<u8>> = (0..64).map(Box::new).collect();
    let large = vec![0_u8; 8 << 20];
    let function: fn() -> Attempt = scan;
    let anchors = [
        &raw const on_stack as usize,
        &raw const *small[63] as usize,
        large.as_ptr() as usize,
        function as usize,
        libc::getpid as *const () as usize,
    ];
    let mut window = [0_u8; 2 * PAGE];
    // One byte gives nothing away, and few pages have all of them.
    let has_all = |window: &[u8]| FLIPPED_MEMORY.iter().all(|flipped| window.contains(&!flipped));
    let mut pages = 0_u64;
    for anchor in anchors {
        let middle = anchor & !(PAGE - 1);
        for page in (middle.saturating_sub(REACH)..middle + REACH).step_by(PAGE) {
            window.copy_within(PAGE.., 0);
            let mut readable = matches!(call!(libc::SYS_write, ends[1], page, PAGE), Ok(PAGE));
            if readable {
                let target = window[PAGE..].as_mut_ptr();
                readable = matches!(call!(libc::SYS_read, ends[0], target, PAGE), Ok(PAGE));
                pages += 1;
            }
            if !readable {
                window[PAGE..].fill(0);
            } else if has_all(&window) && window.windows(FLIPPED_MEMORY.len()).any(is_the_secret) {
                return Ok(format!("found after {pages} pages"));
            }
        }
    }
    if pages < 100 { Ok(format!("the scan itself is broken: {pages} pages")) } else { Err(Refusal::Absent) }
}

fn is_the_secret(bytes: &[u8]) -> bool {
    bytes.iter().zip(&FLIPPED_MEMORY).all(|(byte, flipped)| *byte == !*flipped)
}

pub(crate) fn rows() -> Vec<Row> {
    use InheritedAct as I;
    let mut rows = Vec::new();
    let plants = [
        Plant::SecretFile,
        Plant::WritableFile,
        Plant::Directory,
        Plant::Socket,
        Plant::Pidfd,
        Plant::Epoll,
        Plant::Pipe,
        Plant::Eventfd,
        Plant::UserNamespace,
    ];
    for plant in plants {
        rows.push(
            row(109, format!("an inherited descriptor: {plant:?}"), I::Descriptor(plant))
                .always(EBADF)
                .open_elsewhere(),
        );
    }
    for profile in [Nothing, Read] {
        rows.push(
            row(109, format!("any descriptor under {profile:?}"), I::AnyDescriptor)
                .under(profile)
                .always(Answer::Absent)
                .open_elsewhere(),
        );
    }
    rows.push(row(18, "write(inherited descriptor)", I::WritePlanted).always(EBADF).open_elsewhere());
    rows.push(row(18, "pread(inherited descriptor)", I::ReadPlanted).always(EBADF).open_elsewhere());
    rows.push(row(110, "the parent's secret variable", I::SecretVariable).always(Answer::Absent).open_elsewhere());
    rows.push(row(110, "any variable", I::AnyVariable).always(Answer::Absent).open_elsewhere());
    rows.push(
        row(110, "the parent's arguments", I::Arguments)
            .always(Answer::Absent)
            .no_control("a child is started with arguments of its own, never with the parent's"),
    );
    rows.push(
        row(111, "a secret in the parent's memory", I::ParentMemory).always(Answer::Absent).no_control(
            "no layer: the child never has the parent's memory; the run scans a fork of the parent instead",
        ),
    );
    rows.push(row(112, "blocked signals", I::BlockedSignals).always(Answer::Absent).open_elsewhere());
    rows.push(row(112, "ignored signals", I::IgnoredSignals).always(Answer::Absent).open_elsewhere());
    rows.push(
        row(112, "getitimer", I::Timers)
            .always(EPERM)
            .by_command(Answer::Absent, Answer::Absent)
            .by_activation(EPERM)
            .no_control("a timer is not inherited by a new process"),
    );
    rows.push(
        row(112, "nice", I::Nice)
            .always(EPERM)
            // As of any command, it is the application's, where that is no advantage.
            .by_command(Answer::done(), Answer::done())
            .by_activation(EPERM)
            .open_without(&[Hygiene, Seccomp, Namespaces, Landlock]),
    );
    for profile in [Nothing, Terminal] {
        rows.push(
            row(113, format!("read(standard input) under {profile:?}"), I::StandardInput)
                .under(profile)
                .always(Answer::Absent)
                .by_command(not_applicable(STREAMS), not_applicable(STREAMS))
                .no_control("no layer: the child has no input of the parent's"),
        );
    }
    rows
}
