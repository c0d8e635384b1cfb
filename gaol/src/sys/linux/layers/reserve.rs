//! Memory that stood ready before a call: mapped, private, writable, and never touched.
//!
//! `memory` is about what a call takes beyond what its process had when the call began. The kernel counts a mapping when it is made, not when
//! it is used (`RLIMIT_DATA`): what an allocator, a sanitizer, a runtime or a large static has reserved before could be used freely. So the
//! zygote, from which every process of a call is forked, looks once:
//!
//! * what its allocator has reserved it takes from the allocator and gives back to the system ([`allocator`]);
//! * a sparse table is mapped when it is touched, and counted then ([`table`]);
//! * what is left counts as used: it is taken off `memory`, and where it is more than that the profile is refused.

mod allocator;
mod table;

use std::io;
use std::ops::Range;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, WaitId, WaitIdOptions};

use super::limits;
use crate::sys::os::spawn;
use crate::sys::os::spawn::{Side, exit_now};

/// What a process has without anybody's reserving anything (glibc's first heap, small statics). It counts as used without a closer look.
const SMALL: u64 = 1 << 20;

/// From here on what stands ready in one mapping is worth more than a count.
const LARGE: u64 = 1 << 20;

/// What the zygote and its templates may map themselves, once the allocator's reserve is gone: less than what an allocator reserves at once,
/// so that it takes what it needs and no more.
const ROOM: u64 = 64 << 20;

/// What stood ready in this process and those that it was forked from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Reserve {
    /// What the kernel counts against the limit and was used, in bytes.
    used: u64,
    /// What it counts and was not: what stands ready, in bytes.
    ready: u64,
    /// Where most of it is: the mapping's addresses, and what it is a mapping of.
    largest: String,
}

/// Set once, in a zygote. Unset in processes that serve no calls: a program begins with nothing ready, and an application that puts itself
/// under a profile has its limit for all that it has.
static RESERVE: OnceLock<Reserve> = OnceLock::new();

/// Looks at what stands ready, and makes it as little as can be. Once, in a zygote, before it forks.
///
/// Where it cannot be seen, all data counts as standing ready.
pub(crate) fn settle() {
    let usage = limits::usage().unwrap_or_default();
    let all = |data| Reserve { used: 0, ready: data, largest: "all of its data".to_owned() };
    let reserve = if usage.data <= SMALL { all(usage.data) } else { look().unwrap_or_else(|_| all(usage.data)) };
    let _ = RESERVE.set(reserve);
}

/// Whether this process is a zygote that has looked, or was forked from one.
pub(crate) fn is_settled() -> bool {
    RESERVE.get().is_some()
}

/// More stands ready than the limit lets be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMuch {
    /// In bytes.
    pub(crate) ready: u64,
    /// Where most of it is.
    pub(crate) largest: String,
}

/// The limit on data by which a process may use `memory` bytes beyond what was used when the zygote looked. What its allocator has mapped since
/// counts as used.
///
/// # Errors
///
/// More than that stands ready, and needs no leave of the kernel's.
pub(crate) fn limit(memory: u64) -> Result<u64, TooMuch> {
    RESERVE.get().map_or(Ok(memory), |reserve| reserve.limit(memory))
}

impl Reserve {
    fn limit(&self, memory: u64) -> Result<u64, TooMuch> {
        if self.ready > memory {
            return Err(TooMuch { ready: self.ready, largest: self.largest.clone() });
        }
        Ok(self.used.saturating_add(memory))
    }
}

/// Looks, and gives back what nobody uses.
fn look() -> io::Result<Reserve> {
    let mut mappings = mappings()?;
    if mappings.iter().any(|mapping| mapping.path.is_empty() && mapping.ready() > LARGE) && lets_itself_be_drained() {
        allocator::give_back();
        keep_headroom()?;
        mappings = self::mappings()?;
    }
    let tables: Vec<Range<u64>> = mappings.iter().filter(|mapping| mapping.is_table()).map(Mapping::range).collect();
    if !tables.is_empty() && table::map_on_demand(&tables).is_ok() {
        mappings = self::mappings()?;
    }
    let data: u64 = mappings.iter().filter(|mapping| mapping.counts()).map(|mapping| mapping.size).sum();
    let ready: u64 = mappings.iter().map(Mapping::ready).sum();
    let largest = mappings.iter().max_by_key(|mapping| mapping.ready()).map(Mapping::describe);
    Ok(Reserve { used: data.saturating_sub(ready), ready, largest: largest.unwrap_or_default() })
}

/// Whether the allocator answers "no" where there is nothing left, and does not end the process: tried in one that is thrown away.
fn lets_itself_be_drained() -> bool {
    match spawn::fork() {
        Ok(Side::Child) => {
            allocator::give_back();
            exit_now(0)
        }
        Ok(Side::Parent(pid)) => matches!(
            rustix::io::retry_on_intr(|| rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED)),
            Ok(Some(status)) if status.exit_status() == Some(0)
        ),
        Err(_) => false,
    }
}

/// Keeps the allocator from reserving as much again. The limit of a profile takes the place of this one.
fn keep_headroom() -> io::Result<()> {
    let held = rustix::process::getrlimit(Resource::Data);
    let room = limits::usage()?.data.saturating_add(ROOM);
    let current = held.current.map_or(room, |current| current.min(room));
    Ok(rustix::process::setrlimit(Resource::Data, Rlimit { current: Some(current), maximum: held.maximum })?)
}

/// A mapping, as `/proc/self/smaps` tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    private_and_writable: bool,
    /// What it is a mapping of; empty where it is of nothing.
    path: String,
    size: u64,
    /// In memory, or swapped out.
    touched: u64,
    /// `MAP_NORESERVE`.
    unreserved: bool,
    /// `MADV_DONTDUMP`.
    undumped: bool,
}

impl Mapping {
    fn range(&self) -> Range<u64> {
        self.start..self.end
    }

    /// Whether the kernel counts it as data. The stack has a limit of its own.
    fn counts(&self) -> bool {
        self.private_and_writable && self.path != "[stack]"
    }

    /// How much of it needs no leave of the kernel's to be used.
    fn ready(&self) -> u64 {
        if self.counts() { self.size.saturating_sub(self.touched) } else { 0 }
    }

    /// A table that its owner means to stay empty for the most part: neither reserved nor dumped. What is larger than that no table of one
    /// process is; sanitizers have such, in which every instruction looks something up.
    fn is_table(&self) -> bool {
        const LARGEST: u64 = 1 << 40;
        self.counts()
            && self.path.is_empty()
            && self.unreserved
            && self.undumped
            && (LARGE..LARGEST).contains(&self.ready())
    }

    fn describe(&self) -> String {
        let path = if self.path.is_empty() { "of no file" } else { &self.path };
        format!("{:x}-{:x} ({path})", self.start, self.end)
    }
}

/// The mappings of this process.
fn mappings() -> io::Result<Vec<Mapping>> {
    parse(&String::from_utf8_lossy(&std::fs::read("/proc/self/smaps")?))
        .ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn parse(text: &str) -> Option<Vec<Mapping>> {
    let mut mappings: Vec<Mapping> = Vec::new();
    for line in text.lines() {
        let (first, rest) = line.split_once(' ')?;
        let Some(field) = first.strip_suffix(':') else {
            mappings.push(parse_head(first, rest)?);
            continue;
        };
        let mapping = mappings.last_mut()?;
        let bytes = || rest.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024);
        match field {
            "Size" => mapping.size = bytes()?,
            "Rss" | "Swap" => mapping.touched += bytes()?,
            "VmFlags" => {
                mapping.unreserved = rest.split(' ').any(|flag| flag == "nr");
                mapping.undumped = rest.split(' ').any(|flag| flag == "dd");
            }
            _ => {}
        }
    }
    Some(mappings)
}

/// `7f00-7f10 rw-p 00000000 00:00 0      /usr/lib/libc.so.6`
fn parse_head(addresses: &str, rest: &str) -> Option<Mapping> {
    let (start, end) = addresses.split_once('-')?;
    let address = |text| u64::from_str_radix(text, 16).ok();
    let mut fields = rest.splitn(5, ' ');
    let permissions = fields.next()?.as_bytes();
    let path = fields.nth(3).map_or("", str::trim).to_owned();
    let private_and_writable = permissions.get(1) == Some(&b'w') && permissions.get(3) == Some(&b'p');
    Some(Mapping { start: address(start)?, end: address(end)?, private_and_writable, path, ..Mapping::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
20000000000-20040000000 rw-p 00000000 00:00 0 \nSize:            1048576 kB\nRss:                4096 kB\nSwap:                  4 kB\nVmFlags: rd wr mr mw me nr hg \n\
7f0000000000-7f0000001000 r--p 00001000 fe:00 326279                     /usr/lib/a b.so (deleted)\nSize:                  4 kB\nRss:                   0 kB\n\
7f1000000000-7f5000000000 rw-p 00000000 00:00 0 \nSize:          268435456 kB\nRss:                   4 kB\nVmFlags: rd wr mr mw me nr dd \n\
7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0                          [stack]\nSize:                132 kB\nRss:                  16 kB\n";

    #[test]
    fn mappings_are_read_as_the_kernel_writes_them() {
        let mappings = parse(TEXT).expect("it is as the kernel writes it");
        assert_eq!(
            mappings.iter().map(Mapping::ready).collect::<Vec<_>>(),
            [(1 << 30) - (4100 << 10), 0, (1 << 38) - 4096, 0]
        );
        assert_eq!(
            mappings.iter().map(|mapping| &*mapping.path).collect::<Vec<_>>(),
            ["", "/usr/lib/a b.so (deleted)", "", "[stack]"]
        );
        assert_eq!(mappings.iter().map(Mapping::is_table).collect::<Vec<_>>(), [false, false, true, false]);
        assert_eq!(mappings[0].describe(), "20000000000-20040000000 (of no file)");
        assert!(!self::mappings().expect("/proc is mounted").is_empty());
        for damaged in ["Size: 4 kB\n", "7f00 rw-p 0 0 0\n", "7f00-7f10 rw-p 0 0 0 \nSize: x kB\n"] {
            assert_eq!(parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn what_stands_ready_is_taken_off_and_what_was_used_is_not() {
        const MIB: u64 = 1 << 20;
        // Of 9 MiB that were counted when the zygote looked, 6 stood ready.
        let reserve = Reserve { used: 3 * MIB, ready: 6 * MIB, largest: String::new() };
        assert_eq!(reserve.limit(64 * MIB), Ok(67 * MIB));
        assert_eq!(reserve.limit(6 * MIB), Ok(9 * MIB));
        assert!(matches!(reserve.limit(5 * MIB), Err(TooMuch { ready, .. }) if ready == 6 * MIB));
    }
}
