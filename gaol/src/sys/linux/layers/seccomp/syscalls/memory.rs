//! Memory: data for everybody, new code where programs may be run.

use libc::{EACCES, EINVAL, EPERM};

use super::bits;
use crate::sys::layers::seccomp::Shape;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Refuse};
use crate::sys::layers::seccomp::rule::{Argument, Rule, Table, argument, when};

/// `PROT_*` of data. aarch64 has two more: branch targets mean nothing to data, memory tags are a check.
#[cfg(target_arch = "x86_64")]
const DATA: u32 = bits(libc::PROT_READ | libc::PROT_WRITE);
#[cfg(target_arch = "aarch64")]
const DATA: u32 = bits(libc::PROT_READ | libc::PROT_WRITE) | 0x10 | 0x20;

const CODE: u32 = bits(libc::PROT_EXEC);

/// The two that spread a protection beyond the range that is named.
const SPREADING: u32 = bits(libc::PROT_GROWSDOWN | libc::PROT_GROWSUP);

pub(super) fn list(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_munmap,
        libc::SYS_brk,     // counted against RLIMIT_DATA
        libc::SYS_mincore, // of the worker's own pages
    ]);
    let (refused, allowed) = protections(shape);
    map(table, refused, allowed);
    protect(table, shape, refused, allowed);
    // MREMAP_DONTUNMAP is for userfaultfd.
    let flags = argument(3).within(bits(libc::MREMAP_MAYMOVE | libc::MREMAP_FIXED));
    table.choose(libc::SYS_mremap, [when([flags], Allow)], Refuse(EPERM));
    advise(table);
    // Barriers within the process, and whether there are any; crossbeam and others fall back after EINVAL.
    let within = argument(0).one_of(&[
        0,  // MEMBARRIER_CMD_QUERY
        8,  // MEMBARRIER_CMD_PRIVATE_EXPEDITED
        16, // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED
        32, // MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
        64, // MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE
    ]);
    // MEMBARRIER_CMD_FLAG_CPU is for a command that is not among them.
    table.choose(libc::SYS_membarrier, [when([within, argument(1).is(0)], Allow)], Answer(EINVAL));
}

/// What refuses a protection in its own words, and the bits that are left.
fn protections(shape: &Shape) -> (fn(Argument) -> Vec<Rule>, u32) {
    if shape.exec {
        // What a loader does: now data, now code, never both at once. grep -P and others that would rather compile try, and interpret.
        let refused = |protection: Argument| {
            let both = CODE | bits(libc::PROT_WRITE);
            vec![
                when([protection.has(SPREADING)], Refuse(EACCES)),
                when([protection.masked(both, &[both])], Answer(EACCES)),
            ]
        };
        (refused, DATA | CODE)
    } else {
        // No new code: neither mapped from a file nor written and made executable.
        (|protection: Argument| vec![when([protection.has(CODE | SPREADING)], Refuse(EACCES))], DATA)
    }
}

fn map(table: &mut Table, refused: fn(Argument) -> Vec<Rule>, allowed: u32) {
    let (protection, flags) = (argument(2), argument(3));
    let harmless = bits(
        libc::MAP_ANONYMOUS
            | libc::MAP_FIXED
            | libc::MAP_FIXED_NOREPLACE
            | libc::MAP_NORESERVE
            | libc::MAP_STACK
            | libc::MAP_DENYWRITE,
    );
    let mut rules = refused(protection);
    rules.extend([
        when(
            [
                protection.within(allowed),
                flags.within(harmless | bits(libc::MAP_PRIVATE)),
                flags.has(bits(libc::MAP_PRIVATE)),
            ],
            Allow,
        ),
        // What glibc keeps its random state in, from 2.41 on.
        when(
            [
                protection.within(DATA),
                flags.within(bits(libc::MAP_DROPPABLE | libc::MAP_ANONYMOUS)),
                flags.has(bits(libc::MAP_DROPPABLE)),
                flags.has(bits(libc::MAP_ANONYMOUS)),
            ],
            Allow,
        ),
    ]);
    // Of a file that was opened or handed over. Shared anonymous memory would not be counted against RLIMIT_DATA, and shared code could be
    // written elsewhere.
    let of_a_file = harmless & !bits(libc::MAP_ANONYMOUS) | bits(libc::MAP_SHARED);
    rules.push(when([protection.within(DATA), flags.within(of_a_file), flags.has(bits(libc::MAP_SHARED))], Allow));
    let flags = argument(2).only(bits(libc::MS_ASYNC | libc::MS_INVALIDATE | libc::MS_SYNC));
    table.choose(libc::SYS_msync, [when([flags], Allow)], Answer(EINVAL));
    table.decide(libc::SYS_mmap, rules, Refuse(EPERM));
}

fn protect(table: &mut Table, shape: &Shape, refused: fn(Argument) -> Vec<Rule>, allowed: u32) {
    let protection = argument(2);
    let mut rules = refused(protection);
    if !shape.exec {
        table.decide(libc::SYS_pkey_mprotect, rules.clone(), Refuse(EPERM));
    }
    rules.push(when([protection.within(allowed)], Allow));
    if shape.exec {
        // No key can be had, so it is mprotect by another name.
        table.decide(libc::SYS_pkey_mprotect, rules.clone(), Refuse(EPERM));
    }
    table.decide(libc::SYS_mprotect, rules, Refuse(EPERM));
}

fn advise(table: &mut Table) {
    let advice = argument(2);
    let harmless = [
        libc::MADV_NORMAL,
        libc::MADV_RANDOM,
        libc::MADV_SEQUENTIAL,
        libc::MADV_WILLNEED,
        libc::MADV_DONTNEED,
        libc::MADV_FREE,
        libc::MADV_DONTFORK,
        libc::MADV_HUGEPAGE,
        libc::MADV_NOHUGEPAGE,
        libc::MADV_DONTDUMP,
        libc::MADV_WIPEONFORK,
        25,  // MADV_COLLAPSE
        102, // MADV_GUARD_INSTALL: the guard of a thread's stack, glibc from 2.42 on
        103, // MADV_GUARD_REMOVE
    ]
    .map(bits);
    let hostile = [
        libc::MADV_HWPOISON,     // takes memory from the whole system
        libc::MADV_SOFT_OFFLINE, // the same
        libc::MADV_MERGEABLE,    // shares pages with strangers, which can be timed
        22,                      // MADV_POPULATE_READ: memory faster than a deadline is noticed
        23,                      // MADV_POPULATE_WRITE
    ]
    .map(bits);
    table.choose(
        libc::SYS_madvise,
        [when([advice.one_of(&harmless)], Allow), when([advice.one_of(&hostile)], Refuse(EPERM))],
        // As from a kernel that does not know the advice: allocators try what is new.
        Answer(EINVAL),
    );
}
