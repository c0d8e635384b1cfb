//! What a call can have the kernel hold for it, which is in nobody's resident set, against what SECURITY.md states.
//!
//! # Safety
//!
//! Memory is mapped where nothing is, and read.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};

use gaol::{Layer, sandboxed};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, send, sendmsg,
    socketpair, sockopt,
};
use serde::{Deserialize, Serialize};

use crate::{MIB, in_each_tier};

/// `files`, where nothing else is written.
const FILES: u64 = 256;
/// What one message can carry: so many descriptors may be on their way beyond the limit.
const CARRIED: u64 = 253;

/// What is asked for, and what came of it.
#[derive(Debug, Serialize, Deserialize)]
struct Held {
    sockets: u64,
    bytes: u64,
    /// What a socket says that it may send before it waits, after it has asked for more.
    buffer: usize,
}

/// Fills both directions of a pair of sockets that have asked for large buffers, and says how much they took.
fn fill(pair: &[OwnedFd; 2], message: &[u8]) -> u64 {
    let mut bytes = 0;
    for end in pair {
        let _ = sockopt::set_socket_send_buffer_size(end, 64 * MIB);
        let _ = sockopt::set_socket_recv_buffer_size(end, 64 * MIB);
        while let Ok(sent) = send(end, message, SendFlags::DONTWAIT) {
            bytes += sent as u64;
        }
    }
    bytes
}

/// Hands both ends of a pair to a pair, from which nobody takes them.
fn put_on_the_way(carrier: &OwnedFd, pair: &[OwnedFd; 2]) -> rustix::io::Result<()> {
    let fds = pair.each_ref().map(AsFd::as_fd);
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
    sendmsg(carrier, &[IoSlice::new(b"x")], &mut control, SendFlags::DONTWAIT).map(drop)
}

/// Makes pairs of sockets, fills them, and with `on_the_way` sends them into other pairs, until there are no more to be had or they hold more
/// than `most`.
fn hoard(kind: SocketType, on_the_way: bool, most: u64) -> gaol::Result<Held> {
    let pair = || socketpair(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None).map(|(one, other)| [one, other]);
    // A message of a sequence is taken whole, once there is any room.
    let message = vec![7; if kind == SocketType::STREAM { 256 << 10 } else { 200 << 10 }];
    let mut held = Held { sockets: 0, bytes: 0, buffer: 0 };
    let (mut carriers, mut kept) = (Vec::<[OwnedFd; 2]>::new(), Vec::new());
    while held.bytes <= most
        && let Ok(filled) = pair()
    {
        held.bytes += fill(&filled, &message);
        held.sockets += 2;
        held.buffer = sockopt::socket_send_buffer_size(&filled[0]).map_err(std::io::Error::from)?;
        // A carrier takes so many and no more; that there are too many on their way, none takes.
        let mut is_sent = || {
            if carriers.last().is_none_or(|carrier| put_on_the_way(&carrier[0], &filled).is_err()) {
                carriers.extend(pair());
                return carriers.last().is_some_and(|carrier| put_on_the_way(&carrier[0], &filled).is_ok());
            }
            true
        };
        if !(on_the_way && is_sent()) {
            kept.push(filled);
        }
    }
    Ok(held)
}

#[sandboxed]
fn by_streams(on_the_way: bool, most: u64) -> gaol::Result<Held> {
    hoard(SocketType::STREAM, on_the_way, most)
}

#[sandboxed]
fn by_messages(on_the_way: bool, most: u64) -> gaol::Result<Held> {
    hoard(SocketType::SEQPACKET, on_the_way, most)
}

/// What sockets may hold of a call, as SECURITY.md has it: of each of its descriptors, and of each that it can have on the way.
fn bound() -> u64 {
    let beginning = std::fs::read_to_string("/proc/sys/net/core/wmem_default").expect("every kernel has it");
    let beginning: u64 = beginning.trim().parse().expect("a number");
    (2 * FILES + CARRIED) * 2 * beginning
}

/// Prints, whether or not the harness captures what tests print.
fn print(attack: &str, held: u64, bound: u64) {
    let mib = |bytes: u64| bytes as f64 / MIB as f64;
    let line = format!("bounds: {attack:<58} kernel   {:>8.1} MiB of {:>8.1} MiB\n", mib(held), mib(bound));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

#[test]
fn bounds_of_what_sockets_hold_in_the_kernel() {
    let bound = bound();
    in_each_tier(|| {
        for (name, attack) in
            [("streams", by_streams as fn(bool, u64) -> gaol::Result<Held>), ("messages", by_messages)]
        {
            for on_the_way in [false, true] {
                let held = attack(on_the_way, u64::MAX).expect("to be given no more is no failure");
                let way = if on_the_way { "on their way" } else { "held" };
                print(&format!("{} Unix sockets full of {name}, {way}", held.sockets), held.bytes, bound);
                assert!(held.bytes <= bound, "{held:?}");
                assert!(held.sockets >= FILES - 20, "the attack was made: {held:?}");
                // That so many are on their way shows that they are counted, and no more than twice that there is an end to it.
                assert_eq!(held.sockets > FILES, on_the_way, "{held:?}");
                assert!(held.sockets <= 2 * FILES + CARRIED, "{held:?}");
                // The control: without the filter the buffers are as large as they asked for, as far as the system goes.
                let _guard = gaol::controls::without(&[Layer::Seccomp]);
                let open = attack(on_the_way, bound).expect("nothing stops it");
                assert!(open.buffer > held.buffer, "{open:?} without the filter, {held:?} with it");
                assert!(open.bytes > held.bytes, "{open:?} without the filter, {held:?} with it");
            }
        }
    });
}

/// Maps one page in each GiB, as far as there are addresses and mappings, reads it, and says how many there are and how many bytes the tables
/// take by which the kernel finds them.
#[sandboxed(memory = "64MiB", read = "/proc")]
fn maps_far_apart() -> gaol::Result<(u64, u64)> {
    const STEP: usize = 1 << 30;
    let mut count = 0;
    for address in (STEP..1 << 47).step_by(STEP) {
        let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
        // SAFETY: nothing else is mapped there, or the kernel refuses.
        let mapped = unsafe { mmap_anonymous(std::ptr::without_provenance_mut(address), 4096, ProtFlags::READ, flags) };
        match mapped {
            // SAFETY: it has just been mapped, to be read.
            Ok(page) => count += 1 + u64::from(unsafe { page.cast::<u8>().read_volatile() }),
            Err(Errno::EXIST) => {}
            Err(_) => break,
        }
    }
    // By hand: there may be no mapping left for a buffer.
    let mut text = [0; 4096];
    let status = File::open("/proc/self/status")?.read(&mut text)?;
    let text = String::from_utf8_lossy(&text[..status]);
    let tables = text.lines().find_map(|line| line.strip_prefix("VmPTE:")).expect("the kernel tells");
    Ok((count, tables.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10))
}

#[test]
fn bounds_of_the_tables_of_pages() {
    let most = std::fs::read_to_string("/proc/sys/vm/max_map_count").expect("every kernel has it");
    let most: u64 = most.trim().parse().expect("a number");
    // For each mapping a page of each of the two lower levels, and what the process had.
    let bound = most * 2 * 4096 + (16 << 20);
    in_each_tier(|| {
        let (count, held) = maps_far_apart().expect("to be given no more is no failure");
        print(&format!("the tables of {count} pages far apart"), held, bound);
        assert!(count > most / 2 && count <= most, "the attack was made: {count} of {most}");
        assert!(held <= bound, "{held} bytes of tables");
    });
}

#[sandboxed(read = "/proc")]
fn adjustment() -> gaol::Result<i32> {
    Ok(adjustment_here())
}

fn adjustment_here() -> i32 {
    let adjustment = std::fs::read_to_string("/proc/self/oom_score_adj").expect("every kernel has it");
    adjustment.trim().parse().expect("a number")
}

#[test]
fn a_worker_is_ended_before_the_application_when_memory_runs_out() {
    let before = adjustment_here();
    in_each_tier(|| {
        assert_eq!(adjustment().expect("a call"), before.max(500));
        // The control: it is the limits that raise it.
        let _guard = gaol::controls::without(&[Layer::Limits]);
        assert_eq!(adjustment().expect("a call"), before);
    });
    assert_eq!(adjustment_here(), before, "the application's own is its own");
}
