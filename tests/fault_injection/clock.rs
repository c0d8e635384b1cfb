//! A wall clock that jumps: each process that asks for the time of day is told another century.
//!
//! Processes ask without a system call, by code that the kernel maps into them. It is hidden from them as they start, so that they ask
//! the kernel, and the tracer hears of it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::family::{Interfere, Interference, Member, Step};
use super::ptrace::Stopped;

/// Jumps back and forth with every look at the clock.
#[derive(Debug, Default)]
pub(crate) struct Jumps {
    /// Looks at the wall clock, by whom.
    pub(crate) wall: Vec<Member>,
    /// Looks at the clock that never jumps.
    pub(crate) monotonic: u32,
}

impl Interfere for Jumps {
    fn wants(&self, _member: Member) -> bool {
        true
    }

    fn before(&mut self, _step: &Step) -> Interference {
        Interference::None
    }

    fn executed(&mut self, stopped: Stopped) {
        let stack = stopped.stack().expect("a tracee");
        hide_fast_clocks(stopped.0, stack).expect("the memory of a tracee");
    }

    fn after(&mut self, step: &Step, _answer: i64) {
        let at = match (step.call as i64, step.arguments[0] as i32) {
            (libc::SYS_gettimeofday | libc::SYS_time, _) => step.arguments[0],
            (libc::SYS_clock_gettime, libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE) => step.arguments[1],
            (libc::SYS_clock_gettime, libc::CLOCK_MONOTONIC) => {
                self.monotonic += 1;
                return;
            }
            _ => return,
        };
        self.wall.push(step.member);
        // 1970, or 2242.
        let seconds: u64 = if self.wall.len().is_multiple_of(2) { 1 } else { 1 << 33 };
        // It may have been killed.
        let _ = set_word(step.pid, at, seconds);
    }
}

/// Hides the code by which a process that was just executed would ask for the time without the kernel.
fn hide_fast_clocks(pid: i32, stack: u64) -> io::Result<()> {
    const WORD: u64 = 8;
    let memory = File::options().read(true).write(true).open(format!("/proc/{pid}/mem"))?;
    let word = |at: u64| -> io::Result<u64> {
        let mut bytes = [0; 8];
        memory.read_exact_at(&mut bytes, at)?;
        Ok(u64::from_le_bytes(bytes))
    };
    // The number of arguments, these, a null, the environment, a null, and what the kernel has to say, by pairs.
    let mut at = stack + WORD * (word(stack)? + 2);
    while word(at)? != 0 {
        at += WORD;
    }
    at += WORD;
    loop {
        match word(at)? {
            libc::AT_NULL => return Ok(()),
            libc::AT_SYSINFO_EHDR => memory.write_all_at(&libc::AT_IGNORE.to_le_bytes(), at)?,
            _ => {}
        }
        at += 2 * WORD;
    }
}

fn set_word(pid: i32, at: u64, word: u64) -> io::Result<()> {
    File::options().write(true).open(format!("/proc/{pid}/mem"))?.write_all_at(&word.to_le_bytes(), at)
}
