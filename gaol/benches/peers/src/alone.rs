//! What is measured in processes of its own: the first call, and what stands idle after it.

use std::process::ExitCode;
use std::time::Duration;

use crate::arguments::{Arguments, Role};
use crate::contenders::{first_call, programs};
use crate::figures::Figures;
use crate::names::{self, phase};
use crate::processes;
use crate::turns::{Contender, take_turns};

const ROUNDS: usize = 12;

/// The first call of a process, next to one start of this binary.
pub(crate) fn first_calls(arguments: &Arguments, figures: &mut Figures) {
    let contenders = vec![
        Contender::new(names::SPAWN_SELF, |_| programs::run_self()),
        Contender::new(names::FIRST_CALL, |_| ask(Role::FirstCall).map(Duration::from_nanos)),
    ];
    take_turns(phase::FIRST_CALL, contenders, arguments.rounds(ROUNDS), arguments, figures);
}

/// Memory of a template and its spare.
pub(crate) fn idle_memory(arguments: &Arguments, figures: &mut Figures) {
    if !arguments.wants(phase::MEMORY, names::IDLE) {
        return;
    }
    match ask(Role::IdleMemory) {
        Ok(bytes) => figures.set(phase::MEMORY, names::IDLE, bytes as f64, "bytes"),
        Err(error) => figures.left_out(&format!("{}: {error}", names::IDLE)),
    }
}

/// Has this binary find out a number in a process of its own.
fn ask(role: Role) -> Result<u64, String> {
    let output = programs::this_binary(role).output().map_err(|error| format!("{}: {error}", role.name()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    match said.trim().parse() {
        Ok(number) if output.status.success() => Ok(number),
        _ => Err(format!("{}: {}: {said}{}", role.name(), output.status, String::from_utf8_lossy(&output.stderr))),
    }
}

/// The other side: prints the number.
pub(crate) fn answer(role: Role) -> ExitCode {
    let answer = match role {
        Role::FirstCall => first_call().map(|time| time.as_nanos() as u64),
        _ => idle_bytes(),
    };
    match answer {
        Ok(number) => {
            println!("{number}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn idle_bytes() -> Result<u64, String> {
    // The zygote is nobody's child: it comes here, where it can be found.
    processes::inherit_orphans()?;
    first_call()?;
    let descendants = processes::idle_family(std::process::id(), 1, || first_call().map(drop))?;
    let pair: Vec<_> = descendants.iter().filter(|process| process.depth > 1).collect();
    if pair.len() != 2 {
        return Err(format!("no template with a spare stands ready: {pair:?}"));
    }
    pair.into_iter().map(|process| processes::unshared(process.pid)).sum()
}
