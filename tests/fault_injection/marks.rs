//! Marks: traps by which a traced process tells its tracer how far it is.
//!
//! # Safety
//!
//! A breakpoint stops a traced process, and changes nothing in it: the tracer takes the signal.
#![allow(unsafe_code)]

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The application makes a call, or does what stands for one.
    Begins,
    /// It is over.
    Ends,
    /// Code that is to be confined begins to run.
    Runs,
    /// It has run.
    Ran,
}

const FIRST: u64 = 0x6A01_0000;
const MARKS: [Mark; 4] = [Mark::Begins, Mark::Ends, Mark::Runs, Mark::Ran];

impl Mark {
    /// Tells the tracer. Without one the process ends here.
    pub(crate) fn set(self) {
        let number = FIRST + MARKS.iter().position(|mark| *mark == self).map_or(0, |at| at as u64);
        // SAFETY: see the module's Safety paragraph.
        unsafe { std::arch::asm!("int3", in("rdi") number) };
    }

    /// The mark that a process at a trap has in its first register.
    pub(crate) fn of(register: u64) -> Option<Self> {
        MARKS.get(usize::try_from(register.checked_sub(FIRST)?).ok()?).copied()
    }
}
