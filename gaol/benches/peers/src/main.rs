//! Measures gaol beside its peers and beside what the system itself costs, in one run. `cargo run --release -p gaol-peers -- --help`

mod alone;
mod arguments;
mod contenders;
mod figures;
mod floor;
mod functions;
mod inside;
#[cfg(feature = "layers")]
mod layers;
mod names;
mod payloads;
mod processes;
mod report;
mod scale;
mod soak;
mod statistics;
mod targets;
mod throughput;
mod turns;

use std::process::ExitCode;
use std::time::Instant;

use crate::arguments::{Arguments, HELP, Role};
use crate::contenders::Standing;
use crate::figures::Figures;
use crate::floor::ballast::Ballast;
use crate::floor::sockets::Echo;
use crate::names::phase;
use crate::report::Machine;
use crate::turns::take_turns;

/// How often the parent grows to 1 GiB and shrinks again, so that a machine that drifts slows both sizes.
const CYCLES: usize = 4;
const SMALL_ROUNDS: usize = 40;
const LARGE_ROUNDS: usize = 8;
const BACK_TO_BACK_ROUNDS: usize = 40;

gaol::main! {
    fn main() -> ExitCode {
        // Processes of procspawn go no further than this.
        procspawn::init();
        let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
            Ok(arguments) => arguments,
            Err(error) => {
                eprintln!("gaol-peers: {error}\n\n{HELP}");
                return ExitCode::from(64);
            }
        };
        match arguments.role {
            Some(Role::Nothing) => ExitCode::SUCCESS,
            Some(Role::FloorZygote) => floor::zygote::serve(),
            Some(Role::ConfinedZygote) => floor::confined::serve(),
            Some(role) => alone::answer(role),
            None if arguments.help => {
                println!("{HELP}");
                ExitCode::SUCCESS
            }
            None => match arguments.soak {
                Some(calls) => soak::run(calls),
                None => run(&arguments),
            },
        }
    }
}

fn run(arguments: &Arguments) -> ExitCode {
    let begun = Instant::now();
    let mut figures = Figures::default();
    let measured = if arguments.scale {
        scale::measure(arguments, &mut figures)
    } else {
        measure(arguments, &mut figures).map_err(|error| error.to_string())
    };
    if let Err(error) = measured {
        eprintln!("gaol-peers: {error}");
        return ExitCode::FAILURE;
    }
    // Asked at the end: it starts processes of its own.
    let machine = Machine::this(&gaol::support());
    let ratios = targets::ratios(&figures);
    machine.print();
    let floors = targets::floors(&figures);
    report::print(&figures, &ratios, &floors);
    println!("\n{:.0} s", begun.elapsed().as_secs_f64());
    if let Some(path) = &arguments.json {
        let text = format!("{:#}\n", report::json(&machine, &figures, &ratios, &floors));
        if let Err(error) = std::fs::write(path, text) {
            eprintln!("gaol-peers: {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    if !figures.wrongs().is_empty() {
        return ExitCode::FAILURE;
    }
    let missed = arguments.strict && ratios.iter().any(|ratio| !ratio.ok);
    if missed { ExitCode::from(2) } else { ExitCode::SUCCESS }
}

fn measure(arguments: &Arguments, figures: &mut Figures) -> std::io::Result<()> {
    let mut standing = Standing::start()?;
    for _ in 0..CYCLES {
        let contenders = standing.calls(3, figures);
        note_resident(phase::SMALL, figures);
        take_turns(phase::SMALL, contenders, arguments.rounds(SMALL_ROUNDS), arguments, figures);
        let contenders = standing.calls(1, figures);
        if contenders.iter().any(|contender| arguments.wants(phase::LARGE, &contender.name)) {
            let ballast = Ballast::new(1 << 30)?;
            note_resident(phase::LARGE, figures);
            take_turns(phase::LARGE, contenders, arguments.rounds(LARGE_ROUNDS), arguments, figures);
            drop(ballast);
        }
    }
    drop(standing);
    alone::first_calls(arguments, figures);
    alone::idle_memory(arguments, figures);

    let pool = procspawn::Pool::new(1).map_err(std::io::Error::other)?;
    let mut echo = Echo::start()?;
    let kept = contenders::kept(&pool, &mut echo);
    take_turns(phase::BACK_TO_BACK, kept, arguments.rounds(BACK_TO_BACK_ROUNDS), arguments, figures);
    drop(echo);
    throughput::measure(arguments, figures);
    inside::measure(arguments, figures)?;
    payloads::measure(&pool, arguments, figures);
    #[cfg(feature = "layers")]
    layers::measure(arguments, figures)?;
    Ok(())
}

/// How large the parent is, which what is forked from it has to pay for.
fn note_resident(phase: &str, figures: &mut Figures) {
    if let Some(bytes) = processes::resident() {
        figures.set(phase, names::RESIDENT, bytes as f64 / f64::from(1 << 20), "MiB");
    }
}
