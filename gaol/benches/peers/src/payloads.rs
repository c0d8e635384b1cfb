//! What bytes cost on their way into a call and out of it.

use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Seek};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;

use crate::arguments::Arguments;
use crate::contenders::forks;
use crate::figures::Figures;
use crate::floor::apart::Apart;
use crate::functions::{self, Seen};
use crate::names;
use crate::turns::{Contender, take_turns, timed};

/// A size, its name, and how many rounds it takes to know it.
const SIZES: [(&str, usize, usize); 3] = [("4 KiB", 4 << 10, 100), ("1 MiB", 1 << 20, 100), ("64 MiB", 64 << 20, 7)];

pub(crate) fn measure(pool: &procspawn::Pool, arguments: &Arguments, figures: &mut Figures) {
    for (name, length, rounds) in SIZES {
        let source = functions::bytes(length, 6);
        let mut target = functions::bytes(length, 7);
        let expected = &Seen::of(&source);
        let source = &source;
        let mut kept = match Memfd::new(length) {
            Ok(kept) => kept,
            Err(error) => return figures.wrong(error),
        };
        let apart = match Apart::start(length) {
            Ok(apart) => RefCell::new(apart),
            Err(error) => return figures.wrong(error),
        };
        let mut contenders = vec![
            Contender::new(names::EMPTY, |_| timed(Seen::of(&[]), || functions::take(&[]))),
            Contender::new(names::ARGUMENT, |_| timed(expected.clone(), || functions::take(source))),
            Contender::new(names::ARGUMENT_OWNED, |_| {
                let owned = source.clone();
                timed(expected.clone(), || functions::take_owned(owned))
            }),
            Contender::new(names::BUILD, |n| result(length, n, false)),
            Contender::new(names::RESULT, |n| result(length, n, true)),
            Contender::new(names::MEMCPY, |_| copy(source, &mut target)),
            Contender::new(names::MEMCPY_FRESH, |_| {
                let begun = Instant::now();
                let copied = black_box(source).clone();
                let time = begun.elapsed();
                if copied == *source { Ok(time) } else { Err("copied other bytes".to_owned()) }
            }),
            Contender::new(names::MEMFD, |_| kept.cross(source)),
            Contender::new(names::APART, |_| apart.borrow_mut().cross(source)),
            Contender::new(names::APART_EMPTY, |_| apart.borrow_mut().cross(&[])),
            Contender::new(names::MEMFD_FRESH, |_| Memfd::new(length)?.cross(source)),
        ];
        // Encoded byte by byte, 64 MiB take the others seconds.
        if length <= 1 << 20 {
            contenders.push(Contender::new("procspawn pool, argument", |_| {
                let owned = source.clone();
                timed(expected.clone(), || pool.spawn(owned, |bytes| Seen::of(&bytes)).join())
            }));
            contenders.push(Contender::new("mem-isolate, result", |_| forks::mem_isolate_gives(source)));
        }
        let contenders = contenders.into_iter().map(|contender| contender.in_blocks_of(2)).collect();
        take_turns(&names::payload(name), contenders, arguments.rounds(rounds), arguments, figures);
    }
}

fn result(length: usize, number: u64, back: bool) -> Result<Duration, String> {
    let begun = Instant::now();
    let got = functions::give(length, number, back);
    let time = begun.elapsed();
    let (built, got) = got.map_err(|error| error.to_string())?;
    let expected = if back { functions::bytes(length, number) } else { Vec::new() };
    if built == length && got == expected { Ok(time) } else { Err("got other bytes".to_owned()) }
}

/// Shared memory that is not mapped, and where its bytes are read to.
struct Memfd {
    memory: File,
    target: Vec<u8>,
}

impl Memfd {
    fn new(length: usize) -> Result<Self, String> {
        let memory = rustix::fs::memfd_create(c"gaol-peers", MemfdFlags::CLOEXEC).map_err(|errno| errno.to_string())?;
        Ok(Self { memory: memory.into(), target: Vec::with_capacity(length) })
    }

    /// Writes the bytes and reads them: in one process, and with nobody to wait for.
    fn cross(&mut self, source: &[u8]) -> Result<Duration, String> {
        self.target.clear();
        let begun = Instant::now();
        let crossed = self.memory.write_all_at(source, 0).and_then(|()| {
            self.memory.rewind()?;
            (&self.memory).take(source.len() as u64).read_to_end(&mut self.target)
        });
        let time = begun.elapsed();
        crossed.map_err(|error| error.to_string())?;
        if self.target == source { Ok(time) } else { Err("other bytes came out".to_owned()) }
    }
}

fn copy(source: &[u8], target: &mut [u8]) -> Result<Duration, String> {
    target.fill(0);
    let begun = Instant::now();
    black_box(&mut *target).copy_from_slice(black_box(source));
    let time = begun.elapsed();
    if target == source { Ok(time) } else { Err("copied other bytes".to_owned()) }
}
