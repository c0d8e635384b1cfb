//! Who is measured: gaol, its peers, and the floor.

pub(crate) mod forks;
pub(crate) mod programs;
#[cfg(feature = "wasmtime")]
pub(crate) mod wasm;

use std::path::Path;
use std::time::Duration;

use crate::figures::Figures;
use crate::floor::fork::fork_exit_wait;
use crate::floor::sockets::Echo;
use crate::floor::zygote::{Ask, Zygote};
use crate::functions::{self, next};
use crate::names;
use crate::turns::{Contender, timed};

/// What stays the same from phase to phase.
pub(crate) struct Standing {
    zygote: Zygote,
    zygote_asks_afterwards: Zygote,
    zygote_without_spare: Zygote,
    echo: Echo,
}

impl Standing {
    /// To be called while the process is small, for one of them is forked from it.
    pub(crate) fn start() -> std::io::Result<Self> {
        Ok(Self {
            echo: Echo::start()?,
            zygote: Zygote::start(1, Ask::Meanwhile)?,
            zygote_asks_afterwards: Zygote::start(1, Ask::Afterwards)?,
            zygote_without_spare: Zygote::start(0, Ask::First)?,
        })
    }

    /// Those who make one small call. `forks` tells how many calls of a turn count of those who copy the parent's page tables.
    pub(crate) fn calls(&mut self, forks: usize, figures: &mut Figures) -> Vec<Contender<'_>> {
        let directory = Path::new("/etc");
        let mut contenders = vec![
            Contender::new(names::FRESH, |n| timed(next(n), || functions::fresh(n))).in_blocks_of(4),
            Contender::new(names::ZYGOTE, |n| self.zygote.call(n)).in_blocks_of(4),
            Contender::new(names::ZYGOTE_ASKS_AFTERWARDS, |n| self.zygote_asks_afterwards.call(n)).in_blocks_of(4),
            Contender::new(names::ZYGOTE_WITHOUT_SPARE, |n| self.zygote_without_spare.call(n)),
            Contender::new(names::FRESH_WITH_FILES, |n| timed(next(n), || functions::fresh_with_files(n))),
            Contender::new(names::REUSED, |n| timed(next(n), || functions::reused(n))),
            Contender::new(names::PER_CALL, move |n| timed((true, next(n)), || functions::per_call(directory, n)))
                .in_blocks_of(2),
            Contender::new(names::EXEC, |n| timed(next(n), || functions::exec(n))).in_blocks_of(1),
            Contender::new(names::MEM_ISOLATE, forks::mem_isolate).in_blocks_of(forks),
            Contender::new(names::PROCESS_FUN, forks::process_fun).in_blocks_of(forks),
            Contender::new(names::PROCSPAWN, programs::procspawn).in_blocks_of(1),
            Contender::new(names::SPAWN_TRUE, |_| programs::run_true()).in_blocks_of(2),
            Contender::new(names::SPAWN_SELF, |_| programs::run_self()).in_blocks_of(2),
            Contender::new(names::FORK, |_| fork_exit_wait()).in_blocks_of(forks),
            Contender::new(names::SOCKETS, |n| self.echo.round_trip(n)),
        ];
        match programs::bwrap() {
            Some(bwrap) => contenders.push(Contender::new(names::BWRAP, move |_| bwrap.run()).in_blocks_of(1)),
            None => figures.left_out("bwrap: it is not installed (Debian's package is called bubblewrap)"),
        }
        contenders.extend(wasm(figures));
        contenders
    }
}

#[cfg(feature = "wasmtime")]
fn wasm(figures: &mut Figures) -> Option<Contender<'static>> {
    match wasm::Module::new() {
        Ok(module) => Some(Contender::new(names::WASMTIME, move |number| module.call(number))),
        Err(error) => {
            figures.wrong(format!("wasmtime: {error}"));
            None
        }
    }
}

#[cfg(not(feature = "wasmtime"))]
fn wasm(figures: &mut Figures) -> Option<Contender<'static>> {
    figures.left_out("wasmtime: this binary is built without the feature `wasmtime`");
    None
}

/// Those who keep a process from call to call, without pauses.
pub(crate) fn kept<'a>(pool: &'a procspawn::Pool, echo: &'a mut Echo) -> Vec<Contender<'a>> {
    let pooled = move |number| timed(next(number), || pool.spawn(number, next).join());
    vec![
        Contender::new(names::REUSED, |n| timed(next(n), || functions::reused(n))).in_blocks_of(40).back_to_back(),
        Contender::new(names::POOL, pooled).in_blocks_of(40).back_to_back(),
        Contender::new(names::SOCKETS, |n| echo.round_trip(n)).in_blocks_of(40).back_to_back(),
    ]
}

/// One call of `fresh`, in a process that has made none.
pub(crate) fn first_call() -> Result<Duration, String> {
    timed(next(1), || functions::fresh(1))
}
