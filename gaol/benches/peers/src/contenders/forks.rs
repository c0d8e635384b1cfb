//! Peers that fork the application for a call.

use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions};

use crate::functions::next;
use crate::turns::timed;

pub(crate) fn mem_isolate(number: u64) -> Result<Duration, String> {
    timed(next(number), || mem_isolate::execute_in_isolated_process(|| next(number)))
}

/// A `Vec<u8>` as a result.
pub(crate) fn mem_isolate_gives(bytes: &[u8]) -> Result<Duration, String> {
    timed_quietly(bytes, || {
        mem_isolate::execute_in_isolated_process(|| bytes.to_vec()).map_err(|error| error.to_string())
    })
}

/// Beside this function the attribute makes `next_of_process`.
#[allow(unexpected_cfgs, reason = "the attribute asks for a feature of its own here")]
mod attributed {
    #[process_fun::process]
    pub(crate) fn next_of(number: u64) -> u64 {
        crate::functions::next(number)
    }
}

pub(crate) fn process_fun(number: u64) -> Result<Duration, String> {
    let begun = Instant::now();
    let mut call = attributed::next_of_process(number).map_err(|error| error.to_string())?;
    let got = call.wait().map_err(|error| error.to_string())?;
    let time = begun.elapsed();
    reap(call)?;
    if got == next(number) { Ok(time) } else { Err(format!("got {got}, and not {}", next(number))) }
}

/// The library leaves its children unreaped. Reaping them here, outside of the measured time, flatters it a little.
fn reap<T>(call: process_fun::ProcessWrapper<T>) -> Result<(), String> {
    let name = call.to_string();
    drop(call);
    // It says which process it was in no other way: `Process(pid=123)`.
    let pid = name.trim_start_matches("Process(pid=").trim_end_matches(')');
    let pid = pid.parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw).ok_or(format!("no process in {name}"))?;
    rustix::process::waitpid(Some(pid), WaitOptions::empty()).map_err(|errno| errno.to_string())?;
    Ok(())
}

/// As `timed`, without printing a megabyte where it is another one.
pub(crate) fn timed_quietly(
    expected: &[u8],
    call: impl FnOnce() -> Result<Vec<u8>, String>,
) -> Result<Duration, String> {
    let begun = Instant::now();
    let got = call();
    let time = begun.elapsed();
    if got? == expected { Ok(time) } else { Err("got other bytes".to_owned()) }
}
