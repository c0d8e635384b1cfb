//! What happens as there is more of everything: functions in a binary, operations in a profile, profiles in a process.

mod program;

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use self::program::{Built, Program, build};
use crate::arguments::Arguments;
use crate::figures::Figures;
use crate::names::{functions, operations, phase, profiles};
use crate::processes;
use crate::turns::{Contender, take_turns};

/// How many sandboxed functions the binaries have.
const FUNCTIONS: [usize; 4] = [1, 100, 1000, 10_000];
/// How many operations the profiles have; `scale/build.rs` makes them.
const OPERATIONS: [usize; 4] = [1, 10, 100, 1000];
/// How many profiles the processes use.
const PROFILES: [usize; 3] = [1, 10, 100];

const ROUNDS: usize = 100;
/// First calls, each in a process of its own.
const FIRST_CALLS: usize = 10;

pub(crate) fn measure(arguments: &Arguments, figures: &mut Figures) -> Result<(), String> {
    let place = Place::create()?;
    // The libraries, so that they are in nobody's time.
    build(0, &place.0)?;
    let mut binaries: Vec<Built> = Vec::new();
    // The largest takes as long to build as all the others, ten times over.
    let counts = if arguments.quick { &FUNCTIONS[..FUNCTIONS.len() - 1] } else { &FUNCTIONS[..] };
    for &count in counts {
        eprintln!("building a program of {count} functions");
        let built = build(count, &place.0)?;
        figures.set(phase::BUILDS, &format!("{}: build", functions(count)), built.took.as_secs_f64() * 1e3, "ms");
        figures.set(phase::BUILDS, &format!("{}: binary", functions(count)), built.size as f64 / 1024.0, "KiB");
        binaries.push(built);
    }
    by_functions(&binaries, arguments, figures)?;
    by_operations(&binaries[0], arguments, figures)?;
    by_profiles(&binaries[1], arguments, figures)
}

fn by_functions(binaries: &[Built], arguments: &Arguments, figures: &mut Figures) -> Result<(), String> {
    let kinds: Vec<_> = FUNCTIONS.into_iter().zip(binaries).collect();
    let first = kinds.iter().map(|(count, built)| {
        Contender::new(functions(*count), move |_| Program::start(&built.path)?.call("function", count - 1, 1))
    });
    first_calls(phase::FUNCTIONS_FIRST, first.collect(), arguments, figures);

    let programs = kinds.iter().map(|(_, built)| Program::start(&built.path)).collect::<Result<Vec<_>, _>>()?;
    let programs: Vec<_> = programs.into_iter().map(RefCell::new).collect();
    let contenders = kinds.iter().zip(&programs).map(|((count, _), program)| {
        Contender::new(functions(*count), move |n| program.borrow_mut().call("function", count - 1, n))
    });
    take_turns(phase::FUNCTIONS, contenders.collect(), arguments.rounds(ROUNDS), arguments, figures);
    for ((count, _), program) in kinds.iter().zip(&programs) {
        let call = |program: &mut Program| program.call("function", count - 1, 1).map(drop);
        note_idle(phase::FUNCTIONS, &functions(*count), &mut program.borrow_mut(), 1, call, figures)?;
    }
    Ok(())
}

fn by_operations(built: &Built, arguments: &Arguments, figures: &mut Figures) -> Result<(), String> {
    let first = OPERATIONS.map(|count| {
        Contender::new(operations(count), move |_| Program::start(&built.path)?.call("operations", count, 1))
    });
    first_calls(phase::OPERATIONS_FIRST, first.into(), arguments, figures);

    let mut programs = Vec::new();
    for _ in OPERATIONS {
        programs.push(RefCell::new(Program::start(&built.path)?));
    }
    let contenders = OPERATIONS.into_iter().zip(&programs).map(|(count, program)| {
        Contender::new(operations(count), move |n| program.borrow_mut().call("operations", count, n))
    });
    take_turns(phase::OPERATIONS, contenders.collect(), arguments.rounds(ROUNDS), arguments, figures);
    for (count, program) in OPERATIONS.into_iter().zip(&programs) {
        let call = |program: &mut Program| program.call("operations", count, 1).map(drop);
        note_idle(phase::OPERATIONS, &operations(count), &mut program.borrow_mut(), 1, call, figures)?;
    }
    Ok(())
}

/// Each call is of the next profile, so that no two in a row share a template, where there are more.
fn by_profiles(built: &Built, arguments: &Arguments, figures: &mut Figures) -> Result<(), String> {
    let mut programs = Vec::new();
    for count in PROFILES {
        let mut program = Program::start(&built.path)?;
        for which in 0..count {
            program.call("function", which, 1)?;
        }
        programs.push(RefCell::new(program));
    }
    let contenders = PROFILES.into_iter().zip(&programs).map(|(count, program)| {
        Contender::new(profiles(count), move |n| program.borrow_mut().call("function", n as usize % count, n))
    });
    take_turns(phase::PROFILES, contenders.collect(), arguments.rounds(ROUNDS), arguments, figures);
    for (count, program) in PROFILES.into_iter().zip(&programs) {
        let call =
            |program: &mut Program| (0..count).try_for_each(|which| program.call("function", which, 1).map(drop));
        note_idle(phase::PROFILES, &profiles(count), &mut program.borrow_mut(), count, call, figures)?;
    }
    Ok(())
}

fn first_calls(phase: &str, contenders: Vec<Contender<'_>>, arguments: &Arguments, figures: &mut Figures) {
    let contenders = contenders.into_iter().map(|contender| contender.in_blocks_of(1)).collect();
    take_turns(phase, contenders, arguments.rounds(FIRST_CALLS), arguments, figures);
}

/// What stands when nothing is called.
fn note_idle(
    phase: &str,
    name: &str,
    program: &mut Program,
    templates: usize,
    call: impl FnOnce(&mut Program) -> Result<(), String>,
    figures: &mut Figures,
) -> Result<(), String> {
    let descendants = processes::idle_family(program.pid(), templates, || call(program))?;
    let sum = |depths: &[u32], what: fn(u32) -> Result<u64, String>| -> Result<f64, String> {
        let pids = descendants.iter().filter(|process| depths.contains(&process.depth)).map(|process| process.pid);
        pids.map(what).sum::<Result<u64, _>>().map(|bytes| bytes as f64 / 1024.0)
    };
    let mut set = |what: &str, value: f64, unit| figures.set(phase, &format!("{name}: {what}"), value, unit);
    set("unshared memory of the zygote", sum(&[1], processes::unshared)?, "KiB");
    set("… of templates and spares", sum(&[2, 3], processes::unshared)?, "KiB");
    set("proportional memory of templates and spares", sum(&[2, 3], processes::proportional)?, "KiB");
    set("unshared memory of the application", processes::unshared(program.pid())? as f64 / 1024.0, "KiB");
    set("descriptors of the application", processes::descriptors(program.pid())? as f64, "");
    set("processes", descendants.len() as f64, "");
    Ok(())
}

/// A directory for the programs, removed at the end.
struct Place(PathBuf);

impl Place {
    fn create() -> Result<Self, String> {
        let path = std::env::temp_dir().join(format!("gaol-peers-scale-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The root of the workspace that this program was built from.
fn workspace() -> Result<PathBuf, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    root.canonicalize().map_err(|error| format!("the workspace, {}: {error}", root.display()))
}
