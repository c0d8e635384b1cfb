//! Lanes, the shared memory that a worker has ready: of one worker alone, of bounded size, given up when nobody uses them, and not believed.

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use gaol::{Error, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

use attacks::forgery::{Forged, RETURNED, send};
use attacks::toolbox::{Refusal, call, exit_now};

const MIB: usize = 1 << 20;
/// The shortest block that goes aside, and the largest lane.
const BLOCK: usize = 64 << 10;
const LARGEST: usize = 2 * MIB;

/// What a worker does with its lane.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Act {
    /// Nothing: it gives back what it got.
    Return,
    /// Gives the lane's size, and 1 if anything but zeros is in it.
    Look,
    /// Claims a block of so many bytes, so many of them in shared memory, and so many of these in the lane.
    Claim { block: u64, aside: u64, lane: u32 },
    /// Writes into the lane without end, from a thread of its own.
    WriteOn,
    /// Waits until it was written to another time.
    Written,
    /// Ends.
    Exit,
}

static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// The lane, if this worker has one: the one descriptor beside the streams and the channel that has a size.
fn lane() -> Option<(i32, usize)> {
    (4..2048).find_map(|fd| {
        let size = call!(libc::SYS_lseek, fd, 0, libc::SEEK_END).ok()?;
        (size > 0).then_some((fd, size))
    })
}

fn perform(act: Act) -> Result<Vec<u64>, Refusal> {
    match act {
        Act::Return => {}
        Act::Exit => exit_now(0),
        Act::Look => {
            let Some((fd, size)) = lane() else { return Ok(vec![0, 0]) };
            let mut bytes = vec![1_u8; size];
            call!(libc::SYS_pread64, fd, bytes.as_mut_ptr(), size, 0)?;
            return Ok(vec![size as u64, u64::from(bytes.iter().any(|byte| *byte != 0))]);
        }
        Act::Claim { block, aside, lane } => {
            let mut length = Vec::new();
            let mut rest = block;
            while rest >= 0x80 {
                length.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            length.push(rest as u8);
            let mut header = Forged::reply(RETURNED, length.len())?;
            header.aside = aside;
            header.lane = lane;
            send(&[header.to_bytes(), length].concat())?;
            exit_now(0)
        }
        Act::WriteOn => {
            let (fd, size) = lane().ok_or(Refusal::Absent)?;
            std::thread::spawn(move || {
                let bytes = vec![8_u8; size];
                while call!(libc::SYS_pwrite64, fd, bytes.as_ptr(), size, 0).is_ok() {
                    WRITTEN.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        Act::Written => {
            // One that had begun before, and a whole one.
            let before = WRITTEN.load(Ordering::Relaxed);
            while WRITTEN.load(Ordering::Relaxed) < before + 2 {
                std::thread::yield_now();
            }
        }
    }
    Ok(vec![])
}

#[sandboxed(time = "20s", reply = "64MiB")]
fn fresh(act: Act, bytes: Vec<u8>) -> gaol::Result<(Vec<u64>, Vec<u8>)> {
    Ok((perform(act).map_err(|refusal| format!("{refusal:?}"))?, bytes))
}

#[sandboxed(time = "20s", reply = "64MiB")]
fn claims(act: Act, bytes: Vec<u8>) -> gaol::Result<Vec<u8>> {
    perform(act).map_err(|refusal| format!("{refusal:?}"))?;
    Ok(bytes)
}

#[sandboxed(time = "20s", reply = "64MiB", process = "reused")]
fn kept(act: Act, bytes: Vec<u8>) -> gaol::Result<(Vec<u64>, Vec<u8>)> {
    Ok((perform(act).map_err(|refusal| format!("{refusal:?}"))?, bytes))
}

#[sandboxed(memory = "24MiB")]
fn with_little_memory(act: Act, bytes: Vec<u8>) -> gaol::Result<(Vec<u64>, Vec<u8>)> {
    Ok((perform(act).map_err(|refusal| format!("{refusal:?}"))?, bytes))
}

#[sandboxed(file_size = "64KiB")]
fn with_small_files(act: Act, bytes: Vec<u8>) -> gaol::Result<(Vec<u64>, Vec<u8>)> {
    Ok((perform(act).map_err(|refusal| format!("{refusal:?}"))?, bytes))
}

#[sandboxed]
fn two(first: Vec<u8>, second: Vec<u32>) -> gaol::Result<(Vec<u32>, Vec<u8>)> {
    Ok((second, first))
}

/// Descriptors are this process's: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A call of one of the functions above.
type Called = fn(Act, Vec<u8>) -> gaol::Result<(Vec<u64>, Vec<u8>)>;

/// Bytes that no shift or repetition leaves equal.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index as u32).wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
}

/// Makes calls of that size until workers have lanes: those that stood ready before have none.
#[track_caller]
fn until_there_is_a_lane(call: Called, size: usize) -> usize {
    for _ in 0..50 {
        assert!(call(Act::Return, vec![7; size]).expect("a call").1 == vec![7; size]);
        let (seen, _) = call(Act::Look, vec![]).expect("a call");
        if seen[0] > 0 {
            return seen[0] as usize;
        }
    }
    panic!("no worker ever had a lane");
}

/// Lanes that this process holds.
fn held() -> usize {
    let targets = std::fs::read_dir("/proc/self/fd").expect("own descriptors").flatten();
    let targets = targets.flat_map(|entry| std::fs::read_link(entry.path()));
    targets.filter(|target| target.to_string_lossy().starts_with("/memfd:gaol-buffer")).count()
}

#[test]
fn a_fresh_workers_lane_holds_nothing_of_another_call() {
    let _alone = alone();
    let size = until_there_is_a_lane(fresh, MIB);
    assert_eq!(size, MIB);
    let mut looked = 0;
    for _ in 0..10 {
        assert!(fresh(Act::Return, vec![7; MIB]).expect("a call").1 == vec![7; MIB]);
        let (seen, _) = fresh(Act::Look, vec![]).expect("a call");
        assert_eq!(seen[1], 0, "something was in a lane of {} bytes", seen[0]);
        looked += u32::from(seen[0] > 0);
    }
    assert!(looked > 0);
}

#[test]
fn sizes_around_every_boundary_come_back_bit_equal() {
    let _alone = alone();
    let sizes =
        [BLOCK - 1, BLOCK, BLOCK + 1, MIB - 1, MIB, MIB + 1, LARGEST, LARGEST + 1, 2 * LARGEST, 2 * LARGEST + 1];
    for size in sizes {
        let sent = pattern(size);
        // Without a lane at first, with one that is too small next, with one that fits after that.
        for turn in 0..4 {
            for call in [fresh, kept] as [Called; 2] {
                assert!(call(Act::Return, sent.clone()).expect("a call").1 == sent, "{size} bytes, turn {turn}");
            }
        }
    }
}

#[test]
fn blocks_that_do_not_fit_together_stay_in_order() {
    let _alone = alone();
    let numbers = |count: usize| (0..count as u32).collect::<Vec<u32>>();
    for (first, second) in [
        (BLOCK, BLOCK),
        (LARGEST - BLOCK, BLOCK / 4),
        (LARGEST, BLOCK / 4),
        (LARGEST + 1, BLOCK),
        (3 * BLOCK + 1, MIB),
        (1, LARGEST),
    ] {
        let (first, second) = (pattern(first), numbers(second));
        for turn in 0..3 {
            let back = two(first.clone(), second.clone()).expect("a call");
            assert!(back == (second.clone(), first.clone()), "{} and {}, turn {turn}", first.len(), second.len());
        }
    }
}

#[test]
fn a_claim_of_more_than_the_lane_holds_is_not_believed() {
    let _alone = alone();
    let more = ProtocolProblem::Header("more of the reply is in the prefaulted buffer than it holds");
    let apart = ProtocolProblem::Header("more of the frame is in a prefaulted buffer than is in shared memory");
    let nowhere = ProtocolProblem::Header("more of the reply is in shared memory than there is");
    let size = MIB as u64;
    for (aside, lane, expected) in [
        (size + 1, MIB as u32 + 1, &more),
        (u64::from(u32::MAX) >> 8, u32::MAX >> 8, &more),
        (size, MIB as u32 + 1, &apart),
        (0, 1, &apart),
        (size + 1, MIB as u32, &nowhere),
        (size, 0, &nowhere),
    ] {
        // Whether this worker has a lane or none, it holds no more than was asked for.
        for _ in 0..3 {
            assert!(claims(Act::Return, vec![7; MIB]).expect("a call") == vec![7; MIB]);
            match claims(Act::Claim { block: aside, aside, lane }, vec![]) {
                Err(Error::Protocol { problem, .. }) if problem == *expected => {}
                // Where it has no lane, any claim is too much.
                Err(Error::Protocol { problem, .. }) if problem == more && lane > 0 => {}
                other => panic!("{aside} of which {lane} gave {:?}", other.map(|bytes| bytes.len())),
            }
        }
    }
}

#[test]
fn what_is_written_into_a_lane_after_the_reply_changes_nothing() {
    let _alone = alone();
    // A kept worker has a lane if it was forked after a call that had use for one.
    assert!(kept(Act::Return, vec![7; MIB]).is_ok());
    let mut workers = 0;
    while kept(Act::Look, vec![]).expect("a call").0[0] == 0 {
        assert!(matches!(kept(Act::Exit, vec![]), Err(Error::Exited { code: 0, .. })));
        workers += 1;
        assert!(workers < 10, "no worker ever had a lane");
    }
    let (_, got) = kept(Act::WriteOn, vec![7; MIB]).expect("a call");
    assert!(got.iter().all(|byte| [7, 8].contains(byte)), "something else was read");
    let before = got.clone();
    assert!(got.iter().all(|byte| [7, 8].contains(byte)), "something else was read");
    kept(Act::Written, vec![]).expect("a call");
    assert!(got == before);
    // It spoils whatever it is called for from now on.
    assert!(matches!(kept(Act::Exit, vec![]), Err(Error::Exited { code: 0, .. })));
}

#[test]
fn who_may_have_little_has_no_lane() {
    let _alone = alone();
    for call in [with_little_memory, with_small_files] as [Called; 2] {
        for _ in 0..5 {
            assert!(call(Act::Return, vec![7; 2 * MIB]).expect("a call").1 == vec![7; 2 * MIB]);
            assert_eq!(call(Act::Look, vec![]).expect("a call").0, [0, 0]);
        }
    }
}

#[test]
fn lanes_that_nobody_uses_are_given_up_and_none_is_left_behind() {
    let _alone = alone();
    until_there_is_a_lane(fresh, BLOCK);
    for _ in 0..200 {
        fresh(Act::Return, vec![7; BLOCK]).expect("a call");
        // One for each worker that stands ready, and what the other tests' do.
        assert!(held() <= 40, "{} lanes", held());
    }
    for _ in 0..100 {
        fresh(Act::Return, vec![]).expect("a call");
    }
    assert_eq!(fresh(Act::Look, vec![]).expect("a call").0, [0, 0]);
}
