//! What each layer costs: the same calls with one of them left out, and with all.
//!
//! What is left out is left out by a switch that exists for gaol's tests.

use std::path::Path;
use std::time::Duration;

use gaol::Layer;

use crate::arguments::Arguments;
use crate::figures::Figures;
use crate::functions::{self, Work, next};
use crate::inside::Scratch;
use crate::names::{self, phase};
use crate::throughput::{self, Call};
use crate::turns::{Contender, take_turns, timed};

/// How many threads call at once, where the question is how many calls there are in a second.
const THREADS: usize = 2;

/// How often each has its turn.
const ROUNDS: usize = 30;
const FILE_READS: u64 = 200;

pub(crate) fn measure(arguments: &Arguments, figures: &mut Figures) -> std::io::Result<()> {
    let zygote = throughput::zygote(THREADS)?;
    let mut fresh: Vec<(String, Call<'_>)> = Vec::new();
    for (name, layers) in ways() {
        fresh.push((name, Box::new(move |n| without(&layers, || timed(next(n), || functions::fresh(n))))));
    }
    fresh.push((names::ZYGOTE.to_owned(), Box::new(|n| zygote.call(n))));
    throughput::compare(phase::LAYERS_FRESH, THREADS, fresh, arguments, figures);

    let rounds = arguments.rounds(ROUNDS);
    let directory = Path::new("/etc");
    let call = move |n| timed((true, next(n)), || functions::per_call(directory, n));
    let per_call = contenders(call).into_iter().map(|contender| contender.in_blocks_of(2)).collect();
    take_turns(phase::LAYERS_PER_CALL, per_call, rounds, arguments, figures);

    let _scratch = Scratch::create()?;
    let file = &functions::scratch().join("64KiB");
    std::fs::write(file, functions::bytes(64 << 10, 1))?;
    let checked = |work: Work| match work.sum {
        sum if sum == FILE_READS * 2 => Ok(work.time()),
        sum => Err(format!("came to {sum}")),
    };
    let read = functions::read_file_sandboxed;
    let mut files = contenders(move |_| checked(read(file, FILE_READS).map_err(|error| error.to_string())?));
    files.push(Contender::new(names::PLAIN, move |_| {
        checked(functions::read_file(file, FILE_READS).map_err(|error| error.to_string())?)
    }));
    take_turns(phase::LAYERS_FILES, files, rounds, arguments, figures);
    Ok(())
}

/// A contender for every way.
fn contenders<'a>(call: impl Fn(u64) -> Result<Duration, String> + Copy + 'a) -> Vec<Contender<'a>> {
    let contender = |(name, layers): (String, Vec<Layer>)| Contender::new(name, move |n| without(&layers, || call(n)));
    ways().into_iter().map(contender).collect()
}

/// The layers that are left out: none, each, and all.
fn ways() -> Vec<(String, Vec<Layer>)> {
    let one = Layer::ALL.into_iter().map(|layer| (format!("without {layer}"), vec![layer]));
    let mut ways = vec![("every layer".to_owned(), Vec::new())];
    ways.extend(one);
    ways.push(("without any layer".to_owned(), Layer::ALL.to_vec()));
    ways
}

fn without<T>(layers: &[Layer], call: impl FnOnce() -> T) -> T {
    let _without = gaol::controls::without(layers);
    call()
}
