//! Shared memory for replies, as a hostile child abuses it: asking for too much, claiming what is not there, writing on.

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gaol::{Error, Layer, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

use attacks::forgery::{
    CHANNEL, Control, Forged, HEADER, RETURNED, ROOM, ask_for_room, frame, send, send_with, take_room,
};
use attacks::toolbox::{Refusal, call, exit_now};

const MIB: u64 = 1 << 20;

/// The smallest piece that a worker asks for, and the largest.
const SMALLEST: u64 = 4 * MIB;
const LARGEST: u64 = 256 * MIB;

/// What the child does instead of returning. The function's result is bytes.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Act {
    /// Nothing: it returns so many bytes.
    Honest(usize),
    /// Asks for so much, and ends.
    Ask(u64),
    /// Asks in as many bytes as it should not.
    AskInBytes(usize),
    /// Asks so often, as a worker may, or for as much each time, and takes what it gets.
    AskOften { times: usize, each: Option<u64> },
    /// Asks once, and replies in earnest without taking what it got.
    AskAndLeave,
    /// Asks so often before the first answer.
    AskAtOnce(usize),
    /// Asks after its reply.
    AskAfter,
    /// Asks in the name of another call.
    AskForAnother,
    /// Asks with a descriptor, then replies in earnest.
    AskWithDescriptor,
    /// Asks with a header that says more than it should.
    AskWith(Field),
    /// A reply with a header that says more than it should.
    ReplyWith(Field),
    /// Claims so many bytes beside a block of as many, with so many pieces of room.
    Claim { block: u64, aside: u64, pieces: usize },
    /// The same, then a signal.
    ClaimThenKilled,
    /// Room, then a signal.
    AskThenKilled,
    /// What the kernel says of changing the room's size. An errno in each byte of the result.
    Resize,
}

/// What is zero in what it stands in.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Field {
    Prefix,
    Room,
    Lane,
    Aside,
    Descriptors,
}

impl Field {
    fn set(self, header: &mut Forged) {
        match self {
            Self::Prefix => header.prefix = 1,
            Self::Room => header.room = 1,
            Self::Lane => header.lane = 1,
            Self::Aside => header.aside = 1,
            Self::Descriptors => header.descriptors = 1,
        }
    }
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A piece of room of the smallest size.
fn room() -> Result<i32, Refusal> {
    ask_for_room(SMALLEST)?;
    take_room()
}

/// A reply whose value is a block of that length, with so much of it beside the frame.
fn reply(block: u64, aside: u64) -> Result<(), Refusal> {
    let payload = varint(block);
    let mut header = Forged::reply(RETURNED, payload.len())?;
    header.aside = aside;
    send(&[header.to_bytes(), payload].concat())
}

fn write_at(fd: i32, bytes: &[u8], at: u64) -> Result<usize, Refusal> {
    call!(libc::SYS_pwrite64, fd, bytes.as_ptr(), bytes.len(), at)
}

fn kill_itself() {
    let _ = call!(libc::SYS_kill, std::process::id(), libc::SIGKILL);
}

fn perform(act: Act) -> Result<Vec<u8>, Refusal> {
    match act {
        Act::Honest(length) => return Ok(vec![7; length]),
        Act::Ask(size) => {
            ask_for_room(size)?;
            take_room()?;
        }
        Act::AskInBytes(count) => send(&frame(ROOM, &vec![0; count])?)?,
        Act::AskOften { times, each } => {
            let mut held = 0;
            for _ in 0..times {
                let size = each.unwrap_or(held.clamp(SMALLEST, LARGEST));
                ask_for_room(size)?;
                let fd = take_room()?;
                call!(libc::SYS_close, fd)?;
                held += size;
            }
        }
        Act::AskAndLeave => {
            ask_for_room(SMALLEST)?;
            let mut byte = 0_u8;
            call!(libc::SYS_recvfrom, CHANNEL, &raw mut byte, 1, libc::MSG_PEEK, 0, 0)?;
            reply(0, 0)?;
        }
        Act::AskAtOnce(times) => send(&frame(ROOM, &SMALLEST.to_le_bytes())?.repeat(times))?,
        Act::AskAfter => {
            let ask = frame(ROOM, &SMALLEST.to_le_bytes())?;
            send(&[frame(RETURNED, &[0])?, ask].concat())?;
        }
        Act::AskForAnother => {
            let mut header = Forged::reply(ROOM, 8)?;
            header.nonce ^= 1;
            send(&[header.to_bytes(), SMALLEST.to_le_bytes().to_vec()].concat())?;
        }
        Act::AskWithDescriptor => {
            send_with(&frame(ROOM, &SMALLEST.to_le_bytes())?, &[Control::rights(&[0])])?;
            take_room()?;
            return Ok(vec![7; 10]);
        }
        Act::AskWith(field) => {
            let mut header = Forged::reply(ROOM, 8)?;
            field.set(&mut header);
            send(&[header.to_bytes(), SMALLEST.to_le_bytes().to_vec()].concat())?;
        }
        Act::ReplyWith(field) => {
            let mut header = Forged::reply(RETURNED, 1)?;
            field.set(&mut header);
            send(&[header.to_bytes(), vec![0]].concat())?;
        }
        Act::Claim { block, aside, pieces } => {
            for _ in 0..pieces {
                room()?;
            }
            reply(block, aside)?;
        }
        Act::ClaimThenKilled => {
            let fd = room()?;
            write_at(fd, &vec![9; 1 << 20], 0)?;
            reply(MIB, MIB)?;
            kill_itself();
        }
        Act::AskThenKilled => {
            room()?;
            kill_itself();
        }
        Act::Resize => {
            let fd = room()?;
            let attempts = [
                call!(libc::SYS_ftruncate, fd, 0),
                call!(libc::SYS_ftruncate, fd, SMALLEST + 1),
                call!(libc::SYS_ftruncate, fd, SMALLEST - 1),
                write_at(fd, &[1], SMALLEST),
                call!(libc::SYS_fallocate, fd, 0, 0, SMALLEST + 1),
                call!(libc::SYS_fcntl, fd, 1033, 8), // F_ADD_SEALS, F_SEAL_WRITE
            ];
            return Ok(attempts.into_iter().map(errno).collect());
        }
    }
    exit_now(0)
}

fn errno(result: Result<usize, Refusal>) -> u8 {
    match result {
        Ok(_) => 0,
        Err(Refusal::Errno(errno)) => errno as u8,
        Err(Refusal::Absent) => u8::MAX,
    }
}

#[sandboxed(time = "10s", reply = "64MiB")]
fn hostile(act: Act) -> gaol::Result<Vec<u8>> {
    Ok(perform(act).unwrap_or_else(|refusal| vec![errno(Err(refusal))]))
}

/// One that was believed and then ended is found to be gone, once it is.
fn kept(act: Act) -> gaol::Result<Vec<u8>> {
    let result = kept_at_once(act);
    if !matches!(act, Act::Honest(_)) && result.is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    result
}

#[sandboxed(time = "10s", reply = "64MiB", process = "reused")]
fn kept_at_once(act: Act) -> gaol::Result<Vec<u8>> {
    Ok(perform(act).unwrap_or_else(|refusal| vec![errno(Err(refusal))]))
}

#[sandboxed(time = "20s", reply = "none")]
fn without_cap(act: Act) -> gaol::Result<Vec<u8>> {
    Ok(perform(act).unwrap_or_else(|refusal| vec![errno(Err(refusal))]))
}

/// Files so small that there is no room.
#[sandboxed(time = "10s", file_size = "1MiB")]
fn without_room(act: Act) -> gaol::Result<Vec<u8>> {
    Ok(perform(act).unwrap_or_else(|refusal| vec![errno(Err(refusal))]))
}

/// Programs, which are not to be written into memory that has no path.
#[sandboxed(time = "10s", exec = "/usr/bin/true", reply = "64MiB")]
fn with_programs(act: Act) -> gaol::Result<Vec<u8>> {
    Ok(perform(act).unwrap_or_else(|refusal| vec![errno(Err(refusal))]))
}

/// Descriptors and memory are this process's: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Shared memory that this process has, and standard inputs of children.
fn descriptors() -> usize {
    let targets = std::fs::read_dir("/proc/self/fd").expect("own descriptors").flatten();
    let targets = targets.flat_map(|entry| std::fs::read_link(entry.path()));
    targets.filter(|target| ["/memfd:gaol (deleted)", "/dev/null"].map(Path::new).contains(&&**target)).count()
}

/// The highest resident size of this process since [`forget_peak`], in bytes.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("own status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").expect("own memory");
}

/// Checks that `test` leaves no descriptor behind, takes no more memory at any time than `memory`, and breaks no later call.
#[track_caller]
fn costs<T>(what: impl std::fmt::Debug, memory: u64, test: impl FnOnce() -> T) -> T {
    let honest = |when: &str| {
        for call in [hostile, kept, without_cap, without_room] {
            let value = call(Act::Honest(100_000)).unwrap_or_else(|error| panic!("{when} {what:?}: {error}"));
            assert!(value == [7; 100_000], "{when} {what:?}");
        }
    };
    honest("before");
    let before = descriptors();
    forget_peak();
    let resident = peak();
    let value = test();
    let grown = peak().saturating_sub(resident);
    assert!(grown < memory, "{what:?} took {grown} bytes");
    assert_eq!(descriptors(), before, "{what:?}");
    honest("after");
    value
}

/// What the parent says of an act, from either kind of worker.
#[track_caller]
fn assert_problem(act: Act, expected: &ProtocolProblem) {
    for call in [hostile, kept] {
        match costs(act, 16 * MIB, || call(act)) {
            Err(Error::Protocol { problem, .. }) => assert_eq!(problem, *expected, "{act:?}"),
            other => panic!("{act:?} gave {other:?}"),
        }
    }
}

const CANNOT_NEED: ProtocolProblem = ProtocolProblem::Header("the worker asks for shared memory that it cannot need");
const NOTHING_BESIDE: ProtocolProblem = ProtocolProblem::Header("the frame is of a kind that has nothing beside it");
const ONLY_A_CALL: ProtocolProblem = ProtocolProblem::Header("the frame says what only a call does");

fn decode(problem: &str) -> ProtocolProblem {
    ProtocolProblem::Decode(problem.to_owned())
}

#[test]
fn room_that_no_reply_needs_is_not_made() {
    let _alone = alone();
    for size in [0, 1, 65_536, SMALLEST - 1, LARGEST + 1, 1 << 40, 1 << 63, u64::MAX] {
        assert_problem(Act::Ask(size), &CANNOT_NEED);
    }
    let limit = 64 * MIB;
    for size in [limit + 1, LARGEST] {
        assert_problem(Act::Ask(size), &ProtocolProblem::TooLarge { announced: size, limit });
    }
    // Five pieces hold the whole reply; a sixth has nothing to hold.
    let sixth = ProtocolProblem::TooLarge { announced: 128 * MIB, limit };
    assert_problem(Act::AskOften { times: 6, each: None }, &sixth);
    assert_problem(Act::AskOften { times: 5000, each: None }, &sixth);
    // No larger than before is smaller than it should be.
    assert_problem(Act::AskOften { times: 5000, each: Some(SMALLEST) }, &CANNOT_NEED);
    let result = costs("the whole", 16 * MIB, || hostile(Act::Ask(limit)));
    assert!(matches!(result, Err(Error::Exited { code: 0, .. })), "{result:?}");
}

#[test]
fn without_a_cap_the_pieces_are_few() {
    let _alone = alone();
    let result = costs("64 pieces", 16 * MIB, || without_cap(Act::AskOften { times: 64, each: None }));
    assert!(matches!(result, Err(Error::Exited { code: 0, .. })), "{result:?}");
    for (times, each) in [(65, None), (5000, None), (5000, Some(LARGEST))] {
        let act = Act::AskOften { times, each };
        match costs(act, 16 * MIB, || without_cap(act)) {
            Err(Error::Protocol { problem, .. }) => assert_eq!(problem, CANNOT_NEED, "{act:?}"),
            other => panic!("{act:?} gave {other:?}"),
        }
    }
}

#[test]
fn where_there_is_no_room_none_is_made() {
    let _alone = alone();
    for size in [1, SMALLEST, MIB] {
        for call in [without_room, with_programs] {
            match costs(size, 16 * MIB, || call(Act::Ask(size))) {
                Err(Error::Protocol { problem, .. }) => assert_eq!(problem, CANNOT_NEED, "{size}"),
                other => panic!("{size} gave {other:?}"),
            }
        }
    }
    let act = Act::Claim { block: 100_000, aside: 100_000, pieces: 0 };
    let result = costs(act, 16 * MIB, || without_room(act));
    let expected = ProtocolProblem::Header("more of the reply is in shared memory than there is");
    assert!(matches!(&result, Err(Error::Protocol { problem, .. }) if *problem == expected), "{result:?}");
    // The reply stands in its frame.
    for call in [without_room, with_programs] {
        let result = costs("in its frame", 64 * MIB, || call(Act::Honest(8 << 20)));
        assert!(result.expect("a reply") == vec![7; 8 << 20]);
    }
}

#[test]
fn room_is_asked_for_in_one_way() {
    let _alone = alone();
    for count in [0, 1, 7] {
        assert_problem(Act::AskInBytes(count), &CANNOT_NEED);
    }
    assert_problem(Act::AskInBytes(9), &ProtocolProblem::TooLarge { announced: 9, limit: 8 });
    assert_problem(Act::AskForAnother, &ProtocolProblem::OtherCall);
    assert_problem(Act::AskWithDescriptor, &ProtocolProblem::Descriptors);
    assert_problem(Act::AskAfter, &ProtocolProblem::Extra);
}

#[test]
fn what_is_zero_in_a_header_is_zero() {
    let _alone = alone();
    let unknown = ProtocolProblem::Header("more of the frame is in a prefaulted buffer than is in shared memory");
    for (field, asking, replying) in [
        (Field::Prefix, ONLY_A_CALL, ONLY_A_CALL),
        (Field::Room, ONLY_A_CALL, ONLY_A_CALL),
        (Field::Lane, unknown.clone(), unknown),
        (
            Field::Aside,
            ProtocolProblem::TooLarge { announced: 9, limit: 8 },
            ProtocolProblem::Header("more of the reply is in shared memory than there is"),
        ),
        (Field::Descriptors, NOTHING_BESIDE, ProtocolProblem::Descriptors),
    ] {
        assert_problem(Act::AskWith(field), &asking);
        assert_problem(Act::ReplyWith(field), &replying);
    }
}

#[test]
fn answers_that_are_not_taken_are_dropped() {
    let _alone = alone();
    for call in [hostile, kept, without_cap] {
        let result = costs(Act::AskAndLeave, 16 * MIB, || call(Act::AskAndLeave));
        assert_eq!(result.expect("the reply that it forged"), []);
    }
    // Who has asked waits for the answer.
    for times in [2, 5000] {
        assert_problem(Act::AskAtOnce(times), &ProtocolProblem::Extra);
    }
}

#[test]
fn a_reply_is_where_it_says() {
    let _alone = alone();
    let claim = |block, aside, pieces| Act::Claim { block, aside, pieces };
    let more = ProtocolProblem::Header("more of the reply is in shared memory than there is");
    let truncated = decode("the bytes end before the value does");
    let trailing = decode("bytes are left over after the value");
    // More aside than room.
    assert_problem(claim(MIB, 1, 0), &more);
    assert_problem(claim(MIB, MIB, 0), &more);
    assert_problem(claim(SMALLEST + 1, SMALLEST + 1, 1), &more);
    // More than any reply may have, in the frame and beside it.
    let limit = 64 * MIB;
    for aside in [limit, u64::MAX] {
        let announced = aside.saturating_add(varint(MIB).len() as u64);
        assert_problem(claim(MIB, aside, 1), &ProtocolProblem::TooLarge { announced, limit });
    }
    // Fewer bytes than the block has, or more.
    for (block, aside, pieces) in [(MIB, 0, 0), (MIB, 0, 1), (MIB, MIB - 1, 1), (1 << 40, MIB, 1), (u64::MAX, MIB, 1)] {
        assert_problem(claim(block, aside, pieces), &truncated);
    }
    // A block that is too short to be aside.
    assert_problem(claim(65_535, 65_535, 1), &truncated);
    assert_problem(claim(MIB, MIB + 1, 1), &trailing);
    assert_problem(claim(0, 1, 1), &trailing);
    // The control: what was never written is there, and zero.
    for call in [hostile, kept] {
        let result = costs("zeros", 16 * MIB, || call(claim(MIB, MIB, 1)));
        assert!(result.expect("a block") == vec![0; MIB as usize]);
    }
}

#[test]
fn a_whole_reply_is_one_whatever_became_of_the_worker() {
    let _alone = alone();
    for call in [hostile, kept] {
        let result = costs("killed after its reply", 16 * MIB, || call(Act::ClaimThenKilled));
        assert!(result.expect("a reply") == vec![9; MIB as usize]);
        let result = costs("killed before its reply", 16 * MIB, || call(Act::AskThenKilled));
        assert!(matches!(result, Err(Error::Killed { signal: libc::SIGKILL, .. })), "{result:?}");
    }
}

#[test]
fn nobody_changes_the_size_of_shared_memory() {
    let _alone = alone();
    // With the filter, and by the seals alone.
    for layers in [&[][..], &[Layer::Seccomp]] {
        let _without = gaol::controls::without(layers);
        assert_eq!(hostile(Act::Resize).expect("errnos"), [libc::EPERM as u8; 6], "without {layers:?}");
    }
}

/// Text, in memory that a thread goes on changing.
#[sandboxed(process = "reused", time = "20s", threads = 8)]
fn flickers(length: u64) -> gaol::Result<String> {
    let begin = || -> Result<(), Refusal> {
        ask_for_room(length)?;
        let fd = take_room()?;
        write_at(fd, &vec![b'a'; length as usize], 0)?;
        let reply = {
            let payload = varint(length);
            let mut header = Forged::reply(RETURNED, payload.len())?;
            header.aside = length;
            [header.to_bytes(), payload].concat()
        };
        std::thread::spawn(move || {
            // Text, and what is none.
            let blocks = [vec![b'b'; 1 << 16], vec![0xff; 1 << 16]];
            for round in 0.. {
                for at in (0..length).step_by(1 << 16) {
                    let _ = write_at(fd, &blocks[round % 2], at);
                }
            }
        });
        std::thread::sleep(Duration::from_millis(5));
        send(&reply)
    };
    let _ = begin();
    std::thread::sleep(Duration::from_millis(100));
    exit_now(0)
}

#[test]
fn what_was_read_stays_what_it_was() {
    let _alone = alone();
    let mut refused = 0;
    for round in 0..20 {
        // The worker of the round before is gone.
        std::thread::sleep(Duration::from_millis(200));
        match flickers(8 * MIB) {
            Ok(text) => {
                let first = text.clone();
                for _ in 0..3 {
                    std::thread::sleep(Duration::from_millis(5));
                    assert!(std::str::from_utf8(text.as_bytes()).is_ok(), "round {round}: what was checked is no text");
                    assert!(text == first, "round {round}: the value changed after it was read");
                }
            }
            Err(Error::Protocol { problem: ProtocolProblem::Decode(problem), .. }) => {
                assert!(problem.contains("utf-8"), "{problem}");
                refused += 1;
            }
            other => panic!("round {round} gave {other:?}"),
        }
    }
    assert!(refused > 0, "nothing was written while the parent read");
}

/// A kept worker whose first call never reads the next request, but answers it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Legacy {
    None,
    /// Asks for room as soon as a request is on its way.
    AsksEarly,
}

#[sandboxed(process = "reused", time = "5s", threads = 8, memory = "none")]
fn with_a_legacy(legacy: Legacy, weight: Vec<String>) -> gaol::Result<usize> {
    if legacy == Legacy::None {
        return Ok(weight.len());
    }
    let reply = frame(RETURNED, &gaol::as_sent(&0_usize)).unwrap_or_default();
    std::thread::spawn(|| {
        let mut head = [0_u8; HEADER];
        let (target, peek) = (head.as_mut_ptr(), libc::MSG_PEEK | libc::MSG_WAITALL);
        let _ = call!(libc::SYS_recvfrom, CHANNEL, target, HEADER, peek, 0, 0);
        // The same call, asking.
        head[4..8].copy_from_slice(&ROOM.to_le_bytes());
        head[24..].fill(0);
        head[24] = 8;
        let _ = send(&[head.to_vec(), SMALLEST.to_le_bytes().to_vec()].concat());
    });
    let _ = send(&reply);
    std::thread::sleep(Duration::from_secs(3600));
    Ok(0)
}

#[test]
fn room_is_not_made_before_the_request_is_read() {
    let _alone = alone();
    // Each text stands in the frame, and all are more than the channel holds.
    let weight = vec!["x".repeat(32 << 10); 256];
    assert_eq!(with_a_legacy(Legacy::None, weight.clone()).expect("before"), 256);
    let before = descriptors();
    assert_eq!(with_a_legacy(Legacy::AsksEarly, Vec::new()).expect("the forged reply"), 0);
    match with_a_legacy(Legacy::None, weight.clone()) {
        Err(Error::Protocol { problem, .. }) => assert_eq!(problem, CANNOT_NEED),
        other => panic!("{other:?}"),
    }
    assert_eq!(with_a_legacy(Legacy::None, weight).expect("after"), 256);
    assert_eq!(descriptors(), before);
}

#[test]
fn a_thousand_of_each_leave_nothing() {
    let _alone = alone();
    for act in [
        Act::Ask(0),
        Act::Ask(u64::MAX),
        Act::AskOften { times: 6, each: None },
        Act::AskAndLeave,
        Act::Claim { block: MIB, aside: MIB - 1, pieces: 1 },
        Act::AskThenKilled,
    ] {
        costs(act, 32 * MIB, || {
            for _ in 0..1000 {
                let _ = hostile(act);
            }
        });
    }
}
