//! What the layers cost the function itself: its own time, sandboxed and plain.

use std::path::Path;

use crate::arguments::Arguments;
use crate::figures::Figures;
use crate::functions::{self, Work};
use crate::names::{self, phase};
use crate::turns::{Contender, take_turns};

/// Some milliseconds of work each.
const COMPUTE_ROUNDS: u64 = 2_000_000;
const FILE_READS: u64 = 200;
const BLOCK_READS: u64 = 8;

/// How often each is measured.
const ROUNDS: usize = 20;

pub(crate) fn measure(arguments: &Arguments, figures: &mut Figures) -> std::io::Result<()> {
    let _scratch = Scratch::create()?;
    let small = &functions::scratch().join("64KiB");
    let large = &functions::scratch().join("4MiB");
    std::fs::write(small, functions::bytes(64 << 10, 1))?;
    std::fs::write(large, functions::bytes(4 << 20, 1))?;

    let jobs = [
        (names::COMPUTE, Job::Compute),
        (names::READ_FILE, Job::Files(small)),
        (names::READ_BLOCKS, Job::Blocks(large)),
    ];
    let mut contenders = Vec::new();
    for (name, job) in jobs {
        let expected = job.plain()?.sum;
        let mut contender = |place: &str, run: Box<dyn Fn() -> Result<Work, String>>| {
            contenders.push(Contender::new(format!("{name}, {place}"), move |_| {
                let work = run()?;
                if work.sum == expected { Ok(work.time()) } else { Err(format!("came to {}", work.sum)) }
            }));
        };
        contender(names::PLAIN, Box::new(move || job.plain().map_err(|error| error.to_string())));
        contender(names::SANDBOXED, Box::new(move || job.sandboxed().map_err(|error| error.to_string())));
    }
    contenders.extend(wasm(figures));
    take_turns(phase::INSIDE, contenders, arguments.rounds(ROUNDS), arguments, figures);
    Ok(())
}

/// One of the works.
#[derive(Clone, Copy)]
enum Job<'a> {
    Compute,
    Files(&'a Path),
    Blocks(&'a Path),
}

impl Job<'_> {
    fn plain(self) -> std::io::Result<Work> {
        match self {
            Self::Compute => functions::compute(COMPUTE_ROUNDS, 1),
            Self::Files(path) => functions::read_file(path, FILE_READS),
            Self::Blocks(path) => functions::read_blocks(path, BLOCK_READS),
        }
    }

    fn sandboxed(self) -> gaol::Result<Work> {
        match self {
            Self::Compute => functions::compute_sandboxed(COMPUTE_ROUNDS, 1),
            Self::Files(path) => functions::read_file_sandboxed(path, FILE_READS),
            Self::Blocks(path) => functions::read_blocks_sandboxed(path, BLOCK_READS),
        }
    }
}

/// `compute` of the WebAssembly module.
#[cfg(feature = "wasmtime")]
fn wasm(figures: &mut Figures) -> Option<Contender<'static>> {
    let turn = || -> Result<_, String> {
        let module = crate::contenders::wasm::Module::new()?;
        let expected = functions::compute(COMPUTE_ROUNDS, 1).map_err(|error| error.to_string())?.sum;
        Ok(move |_: u64| -> Result<std::time::Duration, String> { module.compute(COMPUTE_ROUNDS, 1, expected) })
    };
    match turn() {
        Ok(turn) => Some(Contender::new(format!("{}, wasmtime", names::COMPUTE), turn)),
        Err(error) => {
            figures.wrong(format!("wasmtime: {error}"));
            None
        }
    }
}

#[cfg(not(feature = "wasmtime"))]
fn wasm(_figures: &mut Figures) -> Option<Contender<'static>> {
    None
}

/// A directory for the files that are read, removed at the end. There is one at a time, [`functions::scratch`].
pub(crate) struct Scratch(std::path::PathBuf);

impl Scratch {
    pub(crate) fn create() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("gaol-peers-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        let scratch = Self(path);
        // gaol grants what a path leads to, and takes it in its normal form.
        functions::set_scratch(scratch.0.canonicalize()?);
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
