//! What an attacker brings along: raw system calls, and a typed record of what they gave.
//!
//! # Safety
//!
//! [`raw`] hands its arguments to the kernel unread. That is its purpose: the acts pass pointers to buffers that live
//! across the call, or pointers that are wrong on purpose, which the kernel answers with `EFAULT`.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::fmt;
use std::os::unix::ffi::OsStrExt;

use serde::{Deserialize, Serialize};

/// What an act got.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The act reached its aim, and this is the proof.
    Done(String),
    /// A system call was refused.
    Errno(i32),
    /// Every call was answered, and what the act looked for is not there.
    Absent,
    /// Some of many attempts were refused, and some were not: a hole in a refusal, and none in a control.
    Apart(Apart),
}

/// Attempts of which some came out otherwise than the rest.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Apart {
    /// What was refused with the errno of the sweep.
    pub(crate) refused: Vec<String>,
    /// What was not, and the errno that it got instead. In an expectation none means: what the kernel answers, whatever that is.
    pub(crate) others: Vec<(String, Option<i32>)>,
}

impl Apart {
    /// Whether exactly these are apart, each as it is expected to be.
    pub(crate) fn is(&self, expected: &Self) -> bool {
        let is = |(name, errno): &(String, Option<i32>), (other, expected): &(String, Option<i32>)| {
            name == other && (expected.is_none() || errno == expected)
        };
        self.others.len() == expected.others.len() && self.others.iter().zip(&expected.others).all(|(a, b)| is(a, b))
    }
}

impl fmt::Display for Apart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not refused: {:?}; refused: {}", self.others, self.refused.join(", "))
    }
}

/// Why an act did not reach its aim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Errno(i32),
    Absent,
}

/// An act as the attacker writes it: the proof, or the first refusal.
pub(crate) type Attempt = Result<String, Refusal>;

impl From<Attempt> for Seen {
    fn from(attempt: Attempt) -> Self {
        match attempt {
            Ok(proof) => Self::Done(proof),
            Err(Refusal::Errno(errno)) => Self::Errno(errno),
            Err(Refusal::Absent) => Self::Absent,
        }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Errno(error.raw_os_error().unwrap_or(-1))
    }
}

/// One register of a system call.
pub(crate) trait Word {
    fn word(self) -> usize;
}

macro_rules! integers {
    ($($integer:ty),*) => { $(impl Word for $integer { fn word(self) -> usize { self as usize } })* };
}
integers!(i32, u32, i64, u64, usize, isize);

impl<T> Word for *const T {
    fn word(self) -> usize {
        self as usize
    }
}

impl<T> Word for *mut T {
    fn word(self) -> usize {
        self as usize
    }
}

impl Word for &CStr {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

impl Word for &CString {
    fn word(self) -> usize {
        self.as_ptr() as usize
    }
}

/// Makes one system call; up to six arguments, whatever they are.
pub(crate) fn raw(number: libc::c_long, arguments: &[usize]) -> Result<usize, Refusal> {
    let mut word = [0_usize; 6];
    word[..arguments.len()].copy_from_slice(arguments);
    // SAFETY: the kernel checks every pointer; those that are right point to buffers that the caller keeps alive.
    let answer = unsafe { libc::syscall(number, word[0], word[1], word[2], word[3], word[4], word[5]) };
    if answer == -1 { Err(Refusal::Errno(last_errno())) } else { Ok(answer as usize) }
}

/// `call!(libc::SYS_kill, pid, 0)`: one system call with arguments of any type that fits a register.
macro_rules! call {
    ($number:expr $(, $argument:expr)* $(,)?) => {
        $crate::attacks::toolbox::raw($number, &[$($crate::attacks::toolbox::Word::word($argument)),*])
    };
}
pub(crate) use call;

pub(crate) fn last_errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(-1)
}

/// The path as the kernel takes it, cut at the first NUL as the kernel would.
pub(crate) fn c_path(path: impl AsRef<OsStr>) -> CString {
    let bytes = path.as_ref().as_bytes();
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    CString::new(&bytes[..end]).unwrap_or_default()
}

/// Opens with `openat`; the descriptor is the caller's to close, or to leave to the end of the process.
pub(crate) fn open(path: &CStr, flags: i32) -> Result<i32, Refusal> {
    call!(libc::SYS_openat, libc::AT_FDCWD, path, flags, 0o600).map(|fd| fd as i32)
}

/// The first bytes behind a descriptor.
pub(crate) fn read_some(fd: i32) -> Attempt {
    let mut buffer = [0_u8; 256];
    let count = call!(libc::SYS_read, fd, buffer.as_mut_ptr(), buffer.len())?;
    let _ = call!(libc::SYS_close, fd);
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

/// The version of the kernel's Landlock; 0 where there is none.
pub(crate) fn landlock_abi() -> usize {
    call!(libc::SYS_landlock_create_ruleset, 0, 0, 1).unwrap_or(0)
}

/// Ends the process at once, as an act does whose proof is its exit code.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// The kernel's name of an errno that the tables use.
pub(crate) fn errno_name(errno: i32) -> String {
    let name = match errno {
        libc::EPERM => "EPERM",
        libc::ENOENT => "ENOENT",
        libc::ESRCH => "ESRCH",
        libc::EIO => "EIO",
        libc::ENXIO => "ENXIO",
        libc::EBADF => "EBADF",
        libc::EAGAIN => "EAGAIN",
        libc::ENOMEM => "ENOMEM",
        libc::EACCES => "EACCES",
        libc::EFAULT => "EFAULT",
        libc::EEXIST => "EEXIST",
        libc::EXDEV => "EXDEV",
        libc::ENOTDIR => "ENOTDIR",
        libc::EISDIR => "EISDIR",
        libc::EINVAL => "EINVAL",
        libc::EMFILE => "EMFILE",
        libc::ENOTTY => "ENOTTY",
        libc::EFBIG => "EFBIG",
        libc::EROFS => "EROFS",
        libc::EPIPE => "EPIPE",
        libc::ENAMETOOLONG => "ENAMETOOLONG",
        libc::ENOSYS => "ENOSYS",
        libc::ELOOP => "ELOOP",
        libc::EOVERFLOW => "EOVERFLOW",
        libc::ENODATA => "ENODATA",
        libc::EPROTONOSUPPORT => "EPROTONOSUPPORT",
        libc::ESOCKTNOSUPPORT => "ESOCKTNOSUPPORT",
        libc::EOPNOTSUPP => "EOPNOTSUPP",
        libc::EAFNOSUPPORT => "EAFNOSUPPORT",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ENETDOWN => "ENETDOWN",
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ENOPROTOOPT => "ENOPROTOOPT",
        libc::ENODEV => "ENODEV",
        _ => return format!("errno {errno}"),
    };
    name.to_owned()
}
