//! The acts: what a hostile function would do, one system call or a few each.

use std::ffi::CString;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use libc::{
    AF_INET, AF_UNIX, AT_FDCWD, O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_WRONLY, SOCK_DGRAM, SOCK_STREAM,
};
use serde::{Deserialize, Serialize};

use super::place::{EXIT_CODE, Place, SECRET};
use super::raw::call;

/// TIOCSCTTY and TIOCSTI, whose type in libc depends on the C library.
const TAKE_TERMINAL: u64 = 0x540E;
pub(super) const TYPE: u64 = 0x5412;

/// One attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Act {
    Read,
    Openat2,
    OpenPath,
    Write,
    Create,
    Remove,
    Truncate,
    Link,
    List,
    Stat,
    ReadLink,
    SetAttribute,
    Watch,
    WriteReadOnly,
    ParentEnvironment,
    ParentMemoryFile,

    Signal,
    QueueSignal,
    Seize,
    TraceMe,
    ReadMemory,
    WriteMemory,
    PidfdOpen,
    TakeDescriptor,
    AskLimits,
    SetPriority,
    Compare,
    OutliveParent,

    Fork,
    Execute,
    ExecuteMemory,
    MapCode,
    MakeCode,

    IoUring,
    Bpf,
    PerfEvent,
    Userfaultfd,
    Keyctl,
    AddKey,
    Unshare(i32),
    CloneUser,
    Clone3User,
    Mount,
    FsOpen,
    OpenTree,
    ChangeRoot,
    Personality,
    Dumpable,
    Subreaper,
    Dispatch,
    SharedMemory,
    SecretMemory,
    X32,

    Connect,
    FastOpen,
    Multipath,
    Listen,
    Datagram,
    ConnectLocal,
    ConnectAbstract,
    Socket(i32, i32, i32),

    RaiseFiles,
    MuchMemory,
    ManyFiles,
    CoreDump,

    Descriptor,
    Environment,
    Type(u64),
}

/// What an act came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Seen {
    Done(String),
    Errno(i32),
    /// Every call was answered, and what was looked for is not there.
    Absent,
}

/// Makes the attack, in whatever process this is.
pub(super) fn perform(act: Act, place: &Place, terminal: Option<&OwnedFd>) -> Seen {
    match attempt(act, place, terminal) {
        Ok(Some(proof)) => Seen::Done(proof),
        Ok(None) => Seen::Absent,
        Err(errno) => Seen::Errno(errno),
    }
}

/// The proof, nothing, or an errno.
type Attempt = Result<Option<String>, i32>;

fn done(word: &str) -> Option<String> {
    Some(word.to_owned())
}

fn attempt(act: Act, place: &Place, terminal: Option<&OwnedFd>) -> Attempt {
    match act {
        Act::Read
        | Act::Openat2
        | Act::OpenPath
        | Act::Write
        | Act::Create
        | Act::Remove
        | Act::Truncate
        | Act::Link
        | Act::List
        | Act::Stat
        | Act::ReadLink
        | Act::SetAttribute
        | Act::Watch
        | Act::WriteReadOnly
        | Act::ParentEnvironment
        | Act::ParentMemoryFile => files(act, place),
        Act::Signal
        | Act::QueueSignal
        | Act::Seize
        | Act::TraceMe
        | Act::ReadMemory
        | Act::WriteMemory
        | Act::PidfdOpen
        | Act::TakeDescriptor
        | Act::AskLimits
        | Act::SetPriority
        | Act::Compare
        | Act::OutliveParent => processes(act, place),
        Act::Fork | Act::Execute | Act::ExecuteMemory | Act::MapCode | Act::MakeCode => programs(act, place),
        Act::Connect
        | Act::FastOpen
        | Act::Multipath
        | Act::Listen
        | Act::Datagram
        | Act::ConnectLocal
        | Act::ConnectAbstract
        | Act::Socket(..) => sockets(act, place),
        Act::RaiseFiles | Act::MuchMemory | Act::ManyFiles | Act::CoreDump => resources(act, place),
        Act::Descriptor | Act::Environment | Act::Type(_) => inherited(act, place, terminal),
        _ => kernel(act, place),
    }
}

fn c_path(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap_or_default()
}

fn open(path: &CString, flags: i32) -> Result<usize, i32> {
    call!(libc::SYS_openat, AT_FDCWD, path.as_c_str(), flags, 0o600)
}

fn files(act: Act, place: &Place) -> Attempt {
    let secret = c_path(place.secret());
    let new = c_path(place.directory.join("new"));
    let at = AT_FDCWD;
    let mut buffer = [0_u64; 64];
    match act {
        Act::Read => read(open(&secret, O_RDONLY)?),
        Act::Openat2 => {
            let how = [0_u64; 3];
            read(call!(libc::SYS_openat2, at, secret.as_c_str(), &how[..], size_of_val(&how))?)
        }
        Act::OpenPath => {
            let found = open(&secret, libc::O_PATH)?;
            call!(libc::SYS_fstat, found, &mut buffer[..]).map(|_| done("its metadata"))
        }
        Act::Write => open(&secret, O_WRONLY).map(|_| done("opened for writing")),
        Act::Create => open(&new, O_WRONLY | O_CREAT | O_EXCL).map(|_| done("created")),
        Act::Remove => call!(libc::SYS_unlinkat, at, c_path(place.doomed()).as_c_str(), 0).map(|_| done("removed")),
        Act::Truncate => call!(libc::SYS_truncate, c_path(place.cut()).as_c_str(), 0).map(|_| done("cut")),
        Act::Link => {
            let into = c_path(place.directory.join("linked"));
            call!(libc::SYS_linkat, at, secret.as_c_str(), at, into.as_c_str(), 0).map(|_| done("linked"))
        }
        Act::List => {
            let directory = open(&c_path(&place.directory), O_RDONLY | O_DIRECTORY)?;
            call!(libc::SYS_getdents64, directory, &mut buffer[..], size_of_val(&buffer)).map(|_| done("its names"))
        }
        Act::Stat => {
            call!(libc::SYS_newfstatat, at, secret.as_c_str(), &mut buffer[..], 0).map(|_| done("its metadata"))
        }
        Act::ReadLink => {
            let link = c_path(place.link());
            call!(libc::SYS_readlinkat, at, link.as_c_str(), &mut buffer[..], size_of_val(&buffer))
                .map(|_| done("where it leads"))
        }
        Act::SetAttribute => {
            let (name, value) = (c"user.gaol", b"x");
            call!(libc::SYS_setxattr, secret.as_c_str(), name, &value[..], 1, 0).map(|_| done("set"))
        }
        Act::Watch => {
            let watcher = call!(libc::SYS_inotify_init1, 0)?;
            call!(libc::SYS_inotify_add_watch, watcher, secret.as_c_str(), libc::IN_OPEN).map(|_| done("watched"))
        }
        Act::WriteReadOnly => {
            let path = place.read_only.as_deref().unwrap_or(Path::new("/"));
            let flags = if path.is_dir() { libc::O_TMPFILE | O_RDWR } else { O_WRONLY };
            open(&c_path(path), flags).map(|_| done("opened for writing"))
        }
        Act::ParentEnvironment => {
            let path = c_path(format!("/proc/{}/environ", place.parent));
            open(&path, O_RDONLY).map(|_| done("opened"))
        }
        _ => {
            let path = c_path(format!("/proc/{}/mem", place.parent));
            let memory = open(&path, O_RDONLY)?;
            let mut found = [0_u8; SECRET.len()];
            call!(libc::SYS_pread64, memory, &mut found[..], found.len(), place.address)?;
            Ok((found == *SECRET).then(|| "the parent's memory".to_owned()))
        }
    }
}

fn read(descriptor: usize) -> Attempt {
    let mut buffer = [0_u8; 64];
    let count = call!(libc::SYS_pread64, descriptor, &mut buffer[..], buffer.len(), 0)?;
    Ok((buffer[..count] == *SECRET).then(|| "its contents".to_owned()))
}

fn processes(act: Act, place: &Place) -> Attempt {
    const SEIZE: i32 = 0x4206;
    let parent = place.parent;
    let mut found = [0_u8; SECRET.len()];
    match act {
        // Signal 0 says whether it could be sent, and does no more.
        Act::Signal => call!(libc::SYS_kill, parent, 0).map(|_| done("may be sent")),
        Act::QueueSignal => {
            let mut information = [0_u32; 32];
            information[2] = libc::SI_QUEUE.cast_unsigned();
            call!(libc::SYS_rt_sigqueueinfo, parent, 0, &information[..]).map(|_| done("may be sent"))
        }
        // It stops nothing, and ends with this process.
        Act::Seize => call!(libc::SYS_ptrace, SEIZE, parent, 0, 0).map(|_| done("traced")),
        Act::TraceMe => call!(libc::SYS_ptrace, 0, 0, 0, 0).map(|_| done("traced")),
        Act::ReadMemory => {
            let local = [found.as_mut_ptr() as usize, found.len()];
            let remote = [place.address, SECRET.len()];
            call!(libc::SYS_process_vm_readv, parent, &local[..], 1, &remote[..], 1, 0)?;
            Ok((found == *SECRET).then(|| "the parent's memory".to_owned()))
        }
        Act::WriteMemory => {
            // What is there already.
            let local = [SECRET.as_ptr() as usize, SECRET.len()];
            let remote = [place.address, SECRET.len()];
            call!(libc::SYS_process_vm_writev, parent, &local[..], 1, &remote[..], 1, 0).map(|_| done("written"))
        }
        Act::PidfdOpen => call!(libc::SYS_pidfd_open, parent, 0).map(|_| done("opened")),
        Act::TakeDescriptor => {
            let pidfd = call!(libc::SYS_pidfd_open, parent, 0)?;
            read(call!(libc::SYS_pidfd_getfd, pidfd, place.descriptor, 0)?)
        }
        Act::AskLimits => {
            let mut limit = [0_u64; 2];
            call!(libc::SYS_prlimit64, parent, libc::RLIMIT_CORE as i32, 0, &mut limit[..]).map(|_| done("read"))
        }
        Act::SetPriority => call!(libc::SYS_setpriority, 0, parent, place.nice).map(|_| done("set")),
        Act::Compare => call!(libc::SYS_kcmp, parent, parent, 0, 0, 0).map(|_| done("compared")),
        _ => call!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, 0, 0, 0, 0).map(|_| done("set")),
    }
}

fn programs(act: Act, place: &Place) -> Attempt {
    let program = c_path(place.program());
    let arguments = [program.as_ptr() as usize, 0];
    let environment = [0_usize];
    let page = || call!(libc::SYS_mmap, 0, 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0);
    match act {
        Act::Fork => child(call!(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0)),
        // Where it works, this process is that program, and ends with its exit code.
        Act::Execute => {
            call!(libc::SYS_execve, program.as_c_str(), &arguments[..], &environment[..]).map(|_| done("run"))
        }
        Act::ExecuteMemory => {
            let file = call!(libc::SYS_memfd_create, c"gaol", 0)?;
            let text = format!("#!/bin/sh\nexit {EXIT_CODE}\n");
            call!(libc::SYS_write, file, text.as_bytes(), text.len())?;
            call!(libc::SYS_execveat, file, c"", &arguments[..], &environment[..], libc::AT_EMPTY_PATH)
                .map(|_| done("run"))
        }
        Act::MapCode => {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            call!(libc::SYS_mmap, 0, 4096, libc::PROT_WRITE | libc::PROT_EXEC, flags, -1, 0).map(|_| done("mapped"))
        }
        _ => call!(libc::SYS_mprotect, page()?, 4096, libc::PROT_READ | libc::PROT_EXEC).map(|_| done("executable")),
    }
}

/// Ends the child that there is, if there is one.
fn child(answer: Result<usize, i32>) -> Attempt {
    match answer? {
        0 => loop {
            let _ = call!(libc::SYS_exit_group, 0);
        },
        pid => {
            let _ = call!(libc::SYS_wait4, pid, 0, 0, 0);
            Ok(done("a process"))
        }
    }
}

fn kernel(act: Act, place: &Place) -> Attempt {
    let mut buffer = [0_u64; 64];
    let directory = c_path(&place.directory);
    match act {
        Act::IoUring => call!(libc::SYS_io_uring_setup, 4, &mut buffer[..]).map(|_| done("a ring")),
        Act::Bpf => {
            let array = [2_u32, 4, 8, 1, 0, 0, 0, 0, 0, 0, 0, 0];
            call!(libc::SYS_bpf, 0, &array[..], size_of_val(&array)).map(|_| done("a map"))
        }
        Act::PerfEvent => {
            // A software clock of this process, in user mode only.
            buffer[0] = 1 | 128 << 32;
            buffer[5] = 1 << 5 | 1 << 6;
            call!(libc::SYS_perf_event_open, &buffer[..], 0, -1, -1, 0).map(|_| done("an event"))
        }
        Act::Userfaultfd => call!(libc::SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */).map(|_| done("a handler")),
        Act::Keyctl => call!(libc::SYS_keyctl, 0, -3, 1).map(|_| done("the session's keyring")),
        Act::AddKey => {
            // Into the keyring of this process, which ends with it.
            let value = b"x";
            call!(libc::SYS_add_key, c"user", c"gaol-escape-suite", &value[..], 1, -2).map(|_| done("a key"))
        }
        Act::Unshare(flag) => call!(libc::SYS_unshare, flag).map(|_| done("a namespace")),
        Act::CloneUser => child(call!(libc::SYS_clone, libc::CLONE_NEWUSER | libc::SIGCHLD, 0, 0, 0, 0)),
        Act::Clone3User => {
            let arguments = [libc::CLONE_NEWUSER as u64, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
            child(call!(libc::SYS_clone3, &arguments[..], size_of_val(&arguments)))
        }
        Act::Mount => {
            let path = directory.as_c_str();
            call!(libc::SYS_mount, path, path, 0, libc::MS_BIND, 0)?;
            call!(libc::SYS_umount2, path, libc::MNT_DETACH).map(|_| done("mounted"))
        }
        Act::FsOpen => call!(libc::SYS_fsopen, c"tmpfs", 0).map(|_| done("a file system")),
        Act::OpenTree => call!(libc::SYS_open_tree, AT_FDCWD, c"/", 1 /* OPEN_TREE_CLONE */).map(|_| done("a mount")),
        Act::ChangeRoot => call!(libc::SYS_chroot, c"/").map(|_| done("changed")),
        Act::Personality => call!(libc::SYS_personality, libc::READ_IMPLIES_EXEC).map(|_| done("set")),
        Act::Dumpable => call!(libc::SYS_prctl, libc::PR_SET_DUMPABLE, 1, 0, 0, 0).map(|_| done("dumpable")),
        Act::Subreaper => call!(libc::SYS_prctl, libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0).map(|_| done("set")),
        Act::Dispatch => {
            let selector = [0_u8];
            call!(libc::SYS_prctl, 59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, 0, &selector[..])?;
            call!(libc::SYS_prctl, 59, 0, 0, 0, 0).map(|_| done("dispatched"))
        }
        Act::SharedMemory => {
            let segment = call!(libc::SYS_shmget, libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600)?;
            call!(libc::SYS_shmctl, segment, libc::IPC_RMID, 0).map(|_| done("a segment"))
        }
        Act::SecretMemory => call!(447 /* memfd_secret */, 0).map(|_| done("a file")),
        _ => call!(0x4000_0000 + libc::SYS_getpid).map(|_| done("a call")),
    }
}

fn sockets(act: Act, place: &Place) -> Attempt {
    let socket = |domain: i32, kind: i32, protocol: i32| call!(libc::SYS_socket, domain, kind, protocol);
    let connect = |socket: usize, address: &[u8]| {
        call!(libc::SYS_connect, socket, address, address.len()).map(|_| done("connected"))
    };
    let send = |socket: usize, address: &[u8], flags: i32| {
        call!(libc::SYS_sendto, socket, &b"out"[..], 3, flags, address, address.len()).map(|_| done("sent"))
    };
    let tcp = internet(place.tcp);
    match act {
        Act::Connect => connect(socket(AF_INET, SOCK_STREAM, 0)?, &tcp),
        Act::FastOpen => send(socket(AF_INET, SOCK_STREAM, 0)?, &tcp, libc::MSG_FASTOPEN),
        Act::Multipath => connect(socket(AF_INET, SOCK_STREAM, 262)?, &tcp),
        Act::Listen => {
            let (socket, any) = (socket(AF_INET, SOCK_STREAM, 0)?, internet(0));
            call!(libc::SYS_bind, socket, &any[..], any.len())?;
            call!(libc::SYS_listen, socket, 1).map(|_| done("listening"))
        }
        Act::Datagram => send(socket(AF_INET, SOCK_DGRAM, 0)?, &internet(place.udp), 0),
        Act::ConnectLocal => {
            connect(socket(AF_UNIX, SOCK_STREAM, 0)?, &local(c_path(place.socket()).as_bytes_with_nul()))
        }
        Act::ConnectAbstract => {
            let name = [b"\0", place.abstract_name.as_bytes()].concat();
            connect(socket(AF_UNIX, SOCK_STREAM, 0)?, &local(&name))
        }
        Act::Socket(domain, kind, protocol) => socket(domain, kind, protocol).map(|_| done("a socket")),
        _ => Ok(None),
    }
}

/// `sockaddr_in` of a port of this machine.
fn internet(port: u16) -> [u8; 16] {
    let mut address = [0; 16];
    address[..2].copy_from_slice(&(AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    address
}

/// `sockaddr_un`, as long as its name.
fn local(name: &[u8]) -> Vec<u8> {
    [&(AF_UNIX as u16).to_ne_bytes(), name].concat()
}

fn resources(act: Act, place: &Place) -> Attempt {
    match act {
        Act::RaiseFiles => {
            let resource = libc::RLIMIT_NOFILE as i32;
            let mut limit = [0_u64; 2];
            call!(libc::SYS_prlimit64, 0, resource, 0, &mut limit[..])?;
            let [soft, hard] = limit;
            let raised = if soft < hard { [soft + 1, hard] } else { [soft.saturating_add(1), hard.saturating_add(1)] };
            call!(libc::SYS_prlimit64, 0, resource, &raised[..], 0).map(|_| done("raised"))
        }
        Act::MuchMemory => {
            let length = place.limits.memory.unwrap_or(0).saturating_add(1 << 20);
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
            call!(libc::SYS_mmap, 0, length, 3, flags, -1, 0).map(|_| done("mapped"))
        }
        Act::ManyFiles => {
            for _ in 0..place.limits.files.unwrap_or(0) {
                call!(libc::SYS_dup, 0)?;
            }
            Ok(done("opened"))
        }
        _ => {
            let mut limit = [0_u64; 2];
            call!(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE as i32, 0, &mut limit[..])?;
            let dumpable = call!(libc::SYS_prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0)?;
            // Into one byte no dump fits.
            Ok((limit[1] > 1 && dumpable != 0).then(|| "may leave a core dump".to_owned()))
        }
    }
}

fn inherited(act: Act, place: &Place, terminal: Option<&OwnedFd>) -> Attempt {
    match act {
        Act::Descriptor => read(place.descriptor.cast_unsigned() as usize),
        Act::Environment => {
            let listed = |name: &std::ffi::OsStr| place.environment.iter().any(|listed| name == listed.as_str());
            let other = std::env::vars_os().map(|(name, _)| name).find(|name| !listed(name));
            Ok(other.map(|name| name.to_string_lossy().into_owned()))
        }
        Act::Type(request) => {
            let descriptor = terminal.map_or(-1, AsRawFd::as_raw_fd);
            // Only whose terminal it is may type into it.
            let _ = call!(libc::SYS_setsid);
            let _ = call!(libc::SYS_ioctl, descriptor, TAKE_TERMINAL, 0);
            call!(libc::SYS_ioctl, descriptor, request, &b"x"[..]).map(|_| done("typed"))
        }
        _ => Ok(None),
    }
}
