//! Makes the calls that it is told on its standard input, and answers each line with how many nanoseconds the call took.
//!
//! `function INDEX NUMBER` calls a function without operations, `operations COUNT NUMBER` one with as many.

use std::io::{BufRead, Write};
use std::time::Instant;

type Function = fn(u64) -> gaol::Result<u64>;

include!(concat!(env!("OUT_DIR"), "/functions.rs"));

gaol::main! {
    fn main() -> Result<(), Box<dyn std::error::Error>> {
        // The zygote, which is nobody's child, comes here: whoever measures finds it.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut output = std::io::stdout();
        for line in std::io::stdin().lock().lines() {
            let nanoseconds = obey(&line?)?;
            writeln!(output, "{nanoseconds}")?;
            output.flush()?;
        }
        Ok(())
    }
}

fn obey(line: &str) -> Result<u128, Box<dyn std::error::Error>> {
    let mut words = line.split(' ');
    let mut next = || words.next().ok_or(format!("`{line}` says too little"));
    let (kind, which, number) = (next()?, next()?.parse::<usize>()?, next()?.parse::<u64>()?);
    let function = match kind {
        "function" => FUNCTIONS.get(which),
        "operations" => OPERATIONS.iter().find(|(count, _)| *count == which).map(|(_, function)| function),
        _ => None,
    };
    let function = function.ok_or(format!("`{line}` names no function"))?;
    let begun = Instant::now();
    let answer = function(number);
    let time = begun.elapsed();
    // Each adds its own number and one: another function's answer would show.
    if answer? == number + which as u64 + 1 {
        Ok(time.as_nanos())
    } else {
        Err(format!("`{line}` got a wrong answer").into())
    }
}
