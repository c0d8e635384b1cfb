//! Rows 115–118, 121, 122, 124, 127, 128: what a hostile child says to its parent.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::expect::not_applicable;
use super::forgery::{
    CALL, CHANNEL, Control, FAILED, FAILED_IN_WORDS, Forged, HEADER, OUT_OF_MEMORY, PANICKED, RETURNED, UNABLE,
    UNREADABLE, VIOLATED, ask_for_room, frame, send, send_with, take_room,
};
use super::place::Place;
use super::profiles::Profile::{Nothing, Reply, Tcp, Time};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, Seen, call, exit_now};
use super::way::Way;

/// What the child does with its channel.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProtocolAct {
    /// The control of all of these: a forged reply that is right in every respect is as good as returning.
    TrueReply,
    Garbage,
    GarbageFlood,
    BadMagic,
    WrongVersion,
    UnknownKind,
    KindOfRequest,
    Length(u64),
    PrefixPastLength,
    /// A true reply up to this byte, then the end of the process.
    CutAt(u8),
    /// A true reply up to this byte, then nothing.
    StallAt(u8),
    /// One byte at a time, slower than any deadline.
    Drip,
    WrongNonce,
    NonceOfZero,
    WrongEntry,
    WrongVariant,
    NotUtf8,
    LengthOfText,
    Empty,
    Trailing,
    Extra,
    Twice,
    ErrorOfOtherType,
    ForgedPanic,
    ForgedPanicThenReturn,
    ForgedOutOfMemory,
    ForgedViolation,
    ForgedUnable,
    ForgedUnreadable,
    ForgedWords,
    ForgedThenKilled(u32),
    SendDescriptor,
    /// As many messages of 64 descriptors as the channel takes.
    FloodOfDescriptors,
    /// Asks for so much shared memory.
    AskForRoom(u64),
    /// Asks again and again, and takes all of it.
    AskForRoomForEver,
    /// A reply that says it is in shared memory that there is not.
    ElsewhereThanItIs,
    /// A reply with what only a call says.
    RoomInAReply,
    CloseAndReturn,
    CloseAndStay,
    Shutdown,
    Exit(u8),
    /// Takes the channel for itself and never gives it back.
    NonBlocking,
    FloodOutput,
    FloodOutputAndStay,
    EscapesThenPanic,
}

/// `Seen::Absent`, as it crosses.
static ABSENT: LazyLock<Vec<u8>> = LazyLock::new(|| gaol::as_sent(&Seen::Absent));

/// `Seen::Done` with these bytes for its text.
fn done(text: &[u8]) -> Vec<u8> {
    // The number, two bytes of the name, the length, and the seal.
    let empty = gaol::as_sent(&Seen::Done(String::new()));
    [&empty[..3], text, &empty[4..]].concat()
}

pub(crate) fn perform(act: ProtocolAct, _place: &Place) -> Attempt {
    use ProtocolAct as P;
    let forged = |change: fn(&mut Forged)| -> Result<(), Refusal> {
        let mut header = Forged::reply(RETURNED, ABSENT.len())?;
        change(&mut header);
        send(&[header.to_bytes(), ABSENT.clone()].concat())
    };
    match act {
        P::TrueReply => send(&frame(RETURNED, &ABSENT)?)?,
        P::Garbage => send(&[0xa5; HEADER + 7])?,
        P::GarbageFlood => {
            for _ in 0..4096 {
                send(&[0xa5; 4096])?;
            }
        }
        P::BadMagic => forged(|header| header.magic = *b"GET ")?,
        P::WrongVersion => forged(|header| header.magic[3] = 9)?,
        P::UnknownKind => forged(|header| header.kind = 99)?,
        P::KindOfRequest => forged(|header| header.kind = CALL)?,
        P::Length(length) => {
            let mut header = Forged::reply(RETURNED, ABSENT.len())?;
            header.length = length;
            send(&[header.to_bytes(), ABSENT.clone()].concat())?;
        }
        P::PrefixPastLength => forged(|header| header.prefix = header.length + 1)?,
        P::CutAt(at) => send(&frame(RETURNED, &ABSENT)?[..usize::from(at)])?,
        P::StallAt(at) => {
            send(&frame(RETURNED, &ABSENT)?[..usize::from(at)])?;
            stay();
        }
        P::Drip => {
            for byte in frame(RETURNED, &ABSENT)? {
                send(&[byte])?;
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
        P::WrongNonce => forged(|header| header.nonce ^= 1)?,
        P::NonceOfZero => forged(|header| header.nonce = 0)?,
        P::WrongEntry => forged(|header| header.entry ^= 1)?,
        P::WrongVariant => send(&frame(RETURNED, &[9])?)?,
        P::NotUtf8 => send(&frame(RETURNED, &done(&[2, 0xff, 0xfe]))?)?,
        // Text that says it is 2^63 bytes long.
        P::LengthOfText => {
            send(&frame(RETURNED, &done(&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]))?)?
        }
        P::Empty => send(&frame(RETURNED, &[])?)?,
        P::Trailing => send(&frame(RETURNED, &[&ABSENT[..], &[0, 0]].concat())?)?,
        P::Extra => send(&[frame(RETURNED, &ABSENT)?, vec![0; 3]].concat())?,
        P::Twice => send(&[frame(RETURNED, &ABSENT)?, frame(RETURNED, &ABSENT)?].concat())?,
        P::ErrorOfOtherType => send(&frame(FAILED, &[1, 2, 3])?)?,
        P::ForgedPanic | P::ForgedPanicThenReturn => {
            send(&frame(PANICKED, &[4, b'f', b'a', b'k', b'e', 0])?)?;
            if act == P::ForgedPanicThenReturn {
                return Ok("returned after all".into());
            }
        }
        P::ForgedOutOfMemory => send(&frame(OUT_OF_MEMORY, &[])?)?,
        P::ForgedViolation => {
            let mut header = Forged::reply(VIOLATED, 4)?;
            (header.nonce, header.entry) = (0, 0);
            send(&[header.to_bytes(), vec![0; 4]].concat())?;
        }
        P::ForgedUnable => send(&frame(UNABLE, b"trust me")?)?,
        P::ForgedUnreadable => send(&frame(UNREADABLE, b"\x01trust me")?)?,
        P::ForgedWords => send(&frame(FAILED_IN_WORDS, &[1, 200, b'x'])?)?,
        P::ForgedThenKilled(kind) => {
            send(&frame(kind, &ABSENT)?)?;
            let pid = std::process::id();
            let _ = call!(libc::SYS_kill, pid, libc::SIGKILL);
        }
        P::SendDescriptor => send_with(&frame(RETURNED, &ABSENT)?, &[Control::rights(&[0])])?,
        P::FloodOfDescriptors => {
            call!(libc::SYS_fcntl, CHANNEL, libc::F_SETFL, libc::O_NONBLOCK)?;
            while send_with(&[0xa5], &[Control::rights(&[0; 64])]).is_ok() {}
        }
        P::AskForRoom(size) => ask_for_room(size)?,
        P::AskForRoomForEver => loop {
            ask_for_room(4 << 20)?;
            take_room()?;
        },
        P::ElsewhereThanItIs => forged(|header| header.aside = 1)?,
        P::RoomInAReply => forged(|header| header.room = 1)?,
        P::CloseAndReturn => {
            call!(libc::SYS_close, CHANNEL)?;
            return Ok("returned".into());
        }
        P::CloseAndStay => {
            call!(libc::SYS_close, CHANNEL)?;
            stay();
        }
        P::Shutdown => {
            call!(libc::SYS_shutdown, CHANNEL, libc::SHUT_RDWR)?;
            return Ok("returned".into());
        }
        P::Exit(code) => exit_now(i32::from(code)),
        P::NonBlocking => {
            call!(libc::SYS_fcntl, CHANNEL, libc::F_SETFL, libc::O_NONBLOCK)?;
            return Ok("x".repeat(32 << 10));
        }
        P::FloodOutput | P::FloodOutputAndStay => {
            let block = vec![b'\x07'; 1 << 16];
            for _ in 0..256 {
                call!(libc::SYS_write, 1, block.as_ptr(), block.len())?;
                call!(libc::SYS_write, 2, block.as_ptr(), block.len())?;
            }
            if act == P::FloodOutputAndStay {
                stay();
            }
            return Err(Refusal::Absent);
        }
        P::EscapesThenPanic => {
            let escapes = b"\x1b]0;title\x07\x1b[2J\x1b[31mred";
            call!(libc::SYS_write, 1, escapes.as_ptr(), escapes.len())?;
            panic!("after the escapes");
        }
    }
    // What was sent is to be the last word.
    exit_now(0)
}

fn stay() -> ! {
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

pub(crate) fn rows() -> Vec<Row> {
    use ProtocolAct as P;
    const PARENT: &str = "no layer: it is the parent that must not believe it; the true reply is the control";
    const RACE: &str = "a kept worker's reply is its first word; whether a second has come by then is a race";
    let mut rows = vec![
        row(116, "a forged reply that is right in every respect", P::TrueReply)
            .always(Answer::Absent)
            .no_control("this row is the control of the rest"),
    ];
    let not_believed = [
        (116, "garbage", P::Garbage),
        (116, "sixteen megabytes of garbage", P::GarbageFlood),
        (116, "another magic", P::BadMagic),
        (116, "another version", P::WrongVersion),
        (116, "a kind that there is not", P::UnknownKind),
        (116, "a request as a reply", P::KindOfRequest),
        (117, "a length of 2^64-1", P::Length(u64::MAX)),
        (117, "a length of 2^63", P::Length(1 << 63)),
        (117, "a length of 2^31", P::Length(1 << 31)),
        (117, "a prefix longer than the frame", P::PrefixPastLength),
        (121, "another call's nonce", P::WrongNonce),
        (121, "no nonce", P::NonceOfZero),
        (121, "another function's reply", P::WrongEntry),
        (122, "a variant that the type does not have", P::WrongVariant),
        (122, "text that is not UTF-8", P::NotUtf8),
        (122, "text of 2^63 bytes", P::LengthOfText),
        (122, "no payload", P::Empty),
        (122, "a payload with something after the value", P::Trailing),
        (122, "an error of another type", P::ErrorOfOtherType),
        (122, "an error in words that end early", P::ForgedWords),
        (122, "bytes after the reply", P::Extra),
        (122, "a reply in shared memory that there is not", P::ElsewhereThanItIs),
        (122, "a reply that gives room", P::RoomInAReply),
        (117, "no room", P::AskForRoom(0)),
        (117, "room of one byte", P::AskForRoom(1)),
        (117, "room of 2^64-1 bytes", P::AskForRoom(u64::MAX)),
        (117, "room without end", P::AskForRoomForEver),
        (124, "descriptors without end", P::FloodOfDescriptors),
        (124, "two replies", P::Twice),
        (124, "a panic, then a return", P::ForgedPanicThenReturn),
        (124, "a worker that says it is unable", P::ForgedUnable),
        (124, "a worker that says it cannot read", P::ForgedUnreadable),
    ];
    for (number, name, act) in not_believed {
        let one = row(number, name, act).always(Answer::Protocol).no_control(PARENT);
        rows.push(match act {
            // The worker is not asked again after a panic, whatever else it says.
            P::ForgedPanicThenReturn => one.by(Way::REUSED, not_applicable(RACE), not_applicable(RACE)),
            _ => one,
        });
    }
    rows.push(
        row(117, "a length of one more than the profile allows", P::Length((64 << 10) + 1))
            .under(Reply)
            .always(Answer::Protocol)
            .no_control(PARENT),
    );
    for at in 0..=HEADER as u8 {
        // Nothing at all is an exit without a reply; a part of one is a reply that ends early.
        let answer = if at == 0 { Answer::Exited(0) } else { Answer::Protocol };
        rows.push(row(118, format!("a reply cut after {at} bytes"), P::CutAt(at)).always(answer).no_control(PARENT));
    }
    for at in [0, 1, HEADER as u8 - 1, HEADER as u8] {
        rows.push(
            row(118, format!("a reply that stops after {at} bytes"), P::StallAt(at))
                .under(Time)
                .always(Answer::TimedOut)
                .no_control(PARENT),
        );
    }
    rows.push(
        row(118, "a reply of one byte now and then", P::Drip).under(Time).always(Answer::TimedOut).no_control(PARENT),
    );

    // What is only advice: the kernel says how the worker ended.
    let advice = [
        ("a panic, then exit(0)", P::ForgedPanic, Answer::Panicked),
        ("out of memory, then exit(0)", P::ForgedOutOfMemory, Answer::OutOfMemory), // as a worker says whose arguments do not fit
        ("a violation, then exit(0)", P::ForgedViolation, Answer::Exited(0)),
        ("a return, then SIGKILL", P::ForgedThenKilled(RETURNED), Answer::Absent), // a whole reply is a reply
        ("out of memory, then SIGKILL", P::ForgedThenKilled(OUT_OF_MEMORY), Answer::Killed(libc::SIGKILL)),
        ("a violation, then SIGKILL", P::ForgedThenKilled(VIOLATED), Answer::Killed(libc::SIGKILL)),
    ];
    for (name, act, answer) in advice {
        rows.push(row(124, name, act).always(answer).no_control(PARENT));
    }
    for profile in [Nothing, Tcp] {
        rows.push(
            row(124, format!("a descriptor with the reply under {profile:?}"), P::SendDescriptor)
                .under(profile)
                .always(Answer::Protocol)
                .no_control(PARENT),
        );
    }

    // The standard library aborts a debug build that closes a descriptor twice.
    let closed = if cfg!(debug_assertions) { Answer::Killed(libc::SIGABRT) } else { Answer::Exited(0) };
    rows.push(row(127, "close, then return", P::CloseAndReturn).always(closed).no_control(PARENT));
    rows.push(row(127, "close, then stay", P::CloseAndStay).under(Time).always(Answer::TimedOut).no_control(PARENT));
    rows.push(row(127, "shutdown", P::Shutdown).always(Answer::Exited(0)).no_control(PARENT));
    for code in [0, 1, 255] {
        rows.push(
            row(127, format!("exit({code}) without a reply"), P::Exit(code))
                .always(Answer::Exited(i32::from(code)))
                .no_control(PARENT),
        );
    }
    rows.push(
        row(127, "a channel that does not block", P::NonBlocking)
            .under(Nothing)
            .always(Answer::done())
            .no_control(PARENT),
    );

    rows.push(row(115, "32 MiB of output, then a return", P::FloodOutput).always(Answer::Absent).no_control(PARENT));
    rows.push(
        row(115, "32 MiB of output, then nothing", P::FloodOutputAndStay)
            .under(Time)
            .always(Answer::TimedOut)
            .no_control(PARENT),
    );
    rows.push(
        row(115, "terminal escapes in the output, then a panic", P::EscapesThenPanic)
            .always(Answer::Panicked)
            .no_control(PARENT),
    );
    rows
}
