//! What bytes cost on their way into a call and out of it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::contenders::forks;
use crate::figures::Figures;
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
        let mut contenders = vec![
            Contender::new(names::EMPTY, |_| timed(Seen::of(&[]), || functions::take(&[]))),
            Contender::new(names::ARGUMENT, |_| timed(expected.clone(), || functions::take(source))),
            Contender::new(names::ARGUMENT_OWNED, |_| {
                let owned = source.clone();
                timed(expected.clone(), || functions::take_owned(owned))
            }),
            Contender::new(names::BUILD, |n| timed(length, || functions::build(length, n))),
            Contender::new(names::RESULT, |n| result(length, n)),
            Contender::new(names::MEMCPY, |_| copy(source, &mut target)),
            Contender::new(names::MEMCPY_FRESH, |_| {
                let begun = Instant::now();
                let copied = black_box(source).clone();
                let time = begun.elapsed();
                if copied == *source { Ok(time) } else { Err("copied other bytes".to_owned()) }
            }),
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

fn result(length: usize, number: u64) -> Result<Duration, String> {
    let begun = Instant::now();
    let got = functions::give(length, number);
    let time = begun.elapsed();
    let got = got.map_err(|error| error.to_string())?;
    if got == functions::bytes(length, number) { Ok(time) } else { Err("got other bytes".to_owned()) }
}

fn copy(source: &[u8], target: &mut [u8]) -> Result<Duration, String> {
    target.fill(0);
    let begun = Instant::now();
    black_box(&mut *target).copy_from_slice(black_box(source));
    let time = begun.elapsed();
    if target == source { Ok(time) } else { Err("copied other bytes".to_owned()) }
}
