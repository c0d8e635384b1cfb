//! How many calls a second, back to back, from how many threads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::arguments::Arguments;
use crate::contenders::forks;
use crate::figures::Figures;
use crate::floor::zygote::{Ask, Zygote};
use crate::functions::{self, next};
use crate::names::{self, phase};
use crate::statistics::percentile;
use crate::turns::timed;

/// How long a contender calls before the next one does.
const SLICE: Duration = Duration::from_millis(250);
/// How many slices each has, after one that does not count.
const SLICES: usize = 5;

pub(crate) type Call<'a> = Box<dyn Fn(u64) -> Result<Duration, String> + Sync + 'a>;

pub(crate) fn measure(arguments: &Arguments, figures: &mut Figures) {
    for threads in names::THREADS {
        let zygote = match zygote(threads) {
            Ok(zygote) => zygote,
            Err(error) => return figures.wrong(format!("throughput, {}: {error}", names::ZYGOTE)),
        };
        // Where a layer is not to be had, there is no such floor.
        let confined = Zygote::start_confined(threads + 1, Ask::Meanwhile).ok().filter(|zygote| zygote.call(1).is_ok());
        let mut contenders: Vec<(&str, Call<'_>)> = vec![
            (names::FRESH, Box::new(|n| timed(next(n), || functions::fresh(n)))),
            (names::ZYGOTE, Box::new(|n| zygote.call(n))),
            (names::MEM_ISOLATE, Box::new(forks::mem_isolate)),
        ];
        if let Some(confined) = &confined {
            contenders.push((names::CONFINED, Box::new(|n| confined.call(n))));
        }
        let contenders = contenders.into_iter().map(|(name, call)| (names::with_threads(name, threads), call));
        compare(phase::THROUGHPUT, threads, contenders.collect(), arguments, figures);
    }
}

/// One spare for each thread, and one while they are all at work.
pub(crate) fn zygote(threads: usize) -> std::io::Result<Zygote> {
    Zygote::start(threads + 1, Ask::Meanwhile)
}

/// The contenders take turns, a slice each.
pub(crate) fn compare(
    phase: &str,
    threads: usize,
    mut contenders: Vec<(String, Call<'_>)>,
    arguments: &Arguments,
    figures: &mut Figures,
) {
    let slices = if arguments.quick { 1 } else { SLICES };
    contenders.retain(|(name, _)| arguments.wants(phase, name));
    for (name, _) in &contenders {
        figures.set(phase, name, 0.0, "calls/s");
    }
    let mut rates = vec![Vec::new(); contenders.len()];
    for slice in 0..=slices {
        for ((name, call), rates) in contenders.iter().zip(&mut rates) {
            match rate(threads, call) {
                Ok(_) if slice == 0 => {}
                Ok(rate) => rates.push(rate),
                Err(error) => figures.wrong(format!("{phase}, {name}, {threads} threads: {error}")),
            }
        }
    }
    for ((name, _), rates) in contenders.iter().zip(&mut rates) {
        rates.sort_by(f64::total_cmp);
        if let Some(median) = percentile(rates, 50) {
            figures.set(phase, name, median, "calls/s");
        }
    }
}

/// Calls a second over one slice.
fn rate(threads: usize, call: &Call<'_>) -> Result<f64, String> {
    let number = AtomicU64::new(0);
    let begun = Instant::now();
    let calls: u64 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut calls = 0;
                    while begun.elapsed() < SLICE {
                        call(number.fetch_add(1, Ordering::Relaxed))?;
                        calls += 1;
                    }
                    Ok::<u64, String>(calls)
                })
            })
            .collect();
        running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked".to_owned())?)
            .sum::<Result<_, _>>()
    })?;
    Ok(calls as f64 / begun.elapsed().as_secs_f64())
}
