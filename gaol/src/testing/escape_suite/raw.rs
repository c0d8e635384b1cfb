//! System calls by number, as an attack makes them.
//!
//! # Safety
//!
//! [`raw`] hands numbers and the addresses of live buffers to the kernel. What a call does with them is the attack's purpose, and `acts.rs`
//! is its only user: each act passes buffers at least as large as what its call reads or writes, or an address that the kernel answers
//! with `EFAULT`. An act runs in a worker that runs nothing else and ends with it, or is one of the few that only look at the process they are in.
#![allow(unsafe_code)]

use std::ffi::CStr;

use libc::c_long;

/// What fits into a register.
pub(super) trait Argument {
    fn word(self) -> usize;
}

macro_rules! numbers {
    ($($number:ty),*) => { $(impl Argument for $number { fn word(self) -> usize { self as usize } })* };
}
numbers!(i32, u32, i64, u64, usize);

impl Argument for &CStr {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

impl<T> Argument for &[T] {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

impl<T> Argument for &mut [T] {
    fn word(self) -> usize {
        self.as_mut_ptr() as usize
    }
}

/// Makes one system call. The error is the errno.
pub(super) fn raw(number: c_long, arguments: &[usize]) -> Result<usize, i32> {
    let mut words = [0_usize; 6];
    words[..arguments.len()].copy_from_slice(arguments);
    let [a, b, c, d, e, f] = words;
    // SAFETY: the addresses are those of buffers that live through the call, which is in the same expression as they are.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer == -1 {
        Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
    } else {
        Ok(answer.cast_unsigned() as usize)
    }
}

/// `call!(libc::SYS_kill, pid, 0)`: arguments of every type that fits into a register.
macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::testing::escape_suite::raw::raw($number, &[$($crate::testing::escape_suite::raw::Argument::word($argument)),*])
    };
}
pub(super) use call;
