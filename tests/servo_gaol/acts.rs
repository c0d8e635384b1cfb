//! What is tried inside and outside of a sandbox: one act, by Rust or by the prober, and the errno that it got.
//!
//! # Safety
//!
//! System calls by number, on purpose: pointers are valid for the call, or are not pointers.
#![allow(unsafe_code)]

use std::ffi::{CString, OsString};
use std::fs;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

use gaol::Layer;
use serde::{Deserialize, Serialize};

/// One act. Each is also one of the prober's, which is written in C.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) enum Act {
    /// Opens a file for reading and reads a byte.
    Read(PathBuf),
    Stat(PathBuf),
    /// Opens a file with these flags.
    Open(PathBuf, i32),
    Truncate(PathBuf),
    Remove(PathBuf),
    /// Connects to a port of 127.0.0.1.
    Tcp(u16),
    /// Connects to a Unix socket.
    Unix(PathBuf),
    SystemInfo,
    /// Starts a process by clone3, and waits for it.
    Clone3,
    /// Looks at a descriptor.
    Descriptor(i32),
    /// Looks for a descriptor that is not one of the three streams.
    AnyDescriptor,
    /// A system call by number, with as many arguments as there are.
    Call(u32, Vec<i64>),
}

/// How an act ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Errno(i32),
    /// The process was killed.
    Signal(i32),
    /// It was not begun: the profile cannot be kept without this layer.
    Unsupported(Layer),
}

impl End {
    /// Of an errno, or zero.
    pub(crate) fn of(errno: i32) -> Self {
        if errno == 0 { Self::Done } else { Self::Errno(errno) }
    }
}

impl Act {
    /// Does it here.
    pub(crate) fn perform(&self) -> i32 {
        match self {
            Self::Read(path) => errno(fs::File::open(path).and_then(|mut file| file.read(&mut [0]))),
            Self::Stat(path) => errno(fs::metadata(path)),
            Self::Open(path, flags) => with_path(path, |path| {
                // SAFETY: the path ends in NUL, and lives through the call.
                unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) }.into()
            }),
            Self::Truncate(path) => with_path(path, |path| {
                // SAFETY: the path ends in NUL, and lives through the call.
                unsafe { libc::truncate(path.as_ptr(), 0) }.into()
            }),
            Self::Remove(path) => errno(fs::remove_file(path)),
            Self::Tcp(port) => errno(TcpStream::connect((Ipv4Addr::LOCALHOST, *port))),
            Self::Unix(path) => errno(UnixStream::connect(path)),
            Self::SystemInfo => {
                let mut information = std::mem::MaybeUninit::<libc::sysinfo>::uninit();
                // SAFETY: the kernel fills what the pointer leads to, which has room for it.
                of_result(unsafe { libc::sysinfo(information.as_mut_ptr()) }.into())
            }
            Self::Clone3 => clone3(),
            // SAFETY: takes numbers only.
            Self::Descriptor(number) => of_result(unsafe { libc::fcntl(*number, libc::F_GETFD) }.into()),
            Self::AnyDescriptor => {
                let any = (3..1024).any(|number| Self::Descriptor(number).perform() == 0);
                if any { 0 } else { libc::EBADF }
            }
            Self::Call(number, arguments) => {
                let mut words = [0; 6];
                words[..arguments.len()].copy_from_slice(arguments);
                of_result(call(*number, words))
            }
        }
    }

    /// Does it in a thread that is started for it. Where it ends the process, nothing returns.
    pub(crate) fn perform_in_a_thread(self) -> i32 {
        let thread = std::thread::Builder::new().spawn(move || self.perform()).expect("a thread");
        thread.join().expect("no panic")
    }

    /// The same in the words of the prober.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let with_path = |word: &str, path: &Path| vec![word.into(), path.into()];
        match self {
            Self::Read(path) => with_path("read", path),
            Self::Stat(path) => with_path("stat", path),
            Self::Open(path, flags) => vec!["open".into(), path.into(), flags.to_string().into()],
            Self::Truncate(path) => with_path("truncate", path),
            Self::Remove(path) => with_path("remove", path),
            Self::Tcp(port) => vec!["tcp".into(), port.to_string().into()],
            Self::Unix(path) => with_path("unix", path),
            Self::SystemInfo => vec!["sysinfo".into()],
            Self::Clone3 => vec!["clone3".into()],
            Self::Descriptor(number) => vec!["descriptor".into(), number.to_string().into()],
            Self::AnyDescriptor => vec!["any-descriptor".into()],
            Self::Call(number, arguments) => {
                let words = arguments.iter().map(|argument| argument.to_string().into());
                ["call".into(), number.to_string().into()].into_iter().chain(words).collect()
            }
        }
    }
}

/// Every call of `numbers` but those left out, each argument -1: the number and the errno, a line a call.
pub(crate) fn sweep(numbers: std::ops::RangeInclusive<u32>, left_out: &[u32]) -> String {
    use std::fmt::Write;
    let mut lines = String::with_capacity(16 * 1024);
    for number in numbers.filter(|number| !left_out.contains(number)) {
        let errno = of_result(call(number, [-1; 6]));
        let _ = writeln!(lines, "{number} {errno}");
    }
    lines
}

/// The prober, as it was compiled into `place`.
pub(crate) fn prober(place: &Path) -> PathBuf {
    let program = place.join("prober");
    if !program.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servo_gaol/prober.c");
        let half_done = place.join("prober.new");
        let mut compile = Command::new("cc");
        // A user who may not enter the directory of the source reads it from here.
        compile.args(["-static", "-O1", "-x", "c", "-", "-o"]).arg(&half_done);
        compile.stdin(fs::File::open(source).expect("the prober's source"));
        let compiled = compile.output().expect("a C compiler, `cc`");
        assert!(compiled.status.success(), "the prober: {}", String::from_utf8_lossy(&compiled.stderr));
        fs::rename(half_done, &program).expect("its place");
    }
    program
}

fn errno<T>(result: io::Result<T>) -> i32 {
    result.err().map_or(0, |error| error.raw_os_error().unwrap_or(255))
}

fn of_result(result: i64) -> i32 {
    if result < 0 { io::Error::last_os_error().raw_os_error().unwrap_or(255) } else { 0 }
}

fn with_path(path: &Path, call: impl FnOnce(CString) -> i64) -> i32 {
    of_result(call(CString::new(path.as_os_str().as_bytes()).expect("no NUL in a path")))
}

fn call(number: u32, [a, b, c, d, e, f]: [i64; 6]) -> i64 {
    // SAFETY: what is tried must be refused; where it is not, the arguments are wrong for every call that could do harm.
    unsafe { libc::syscall(number.into(), a, b, c, d, e, f) }
}

fn clone3() -> i32 {
    // struct clone_args of the kernel, version 0.
    let mut arguments = [0_u64; 8];
    arguments[4] = libc::SIGCHLD as u64;
    // SAFETY: the arguments live through the call. It is a fork: the child leaves at once.
    let child = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), size_of_val(&arguments)) };
    if child == 0 {
        // SAFETY: takes a number.
        unsafe { libc::_exit(0) };
    }
    of_result(child)
}
