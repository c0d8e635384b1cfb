//! The place of the attack: files, sockets, processes and descriptors that the parent prepares and the child is after.
//!
//! # Safety
//!
//! A dozen libc calls without a safe form (a controlling terminal, System V memory, `LD_PRELOAD`-like inheritance). Each
//! takes live local buffers, and all run before the process has called into gaol.
#![allow(unsafe_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::elf;
use super::toolbox::{c_path, call, open};

/// What lies in the secret file, and nowhere else.
pub(crate) const SECRET: &str = "the-secret-of-the-file";
/// A variable that no profile lists.
pub(crate) const SECRET_VARIABLE: &str = "GAOL_MATRIX_SECRET";
/// An argument of the application's command line.
pub(crate) const SECRET_ARGUMENT: &str = "argument-that-only-the-parent-knows";
/// The exit code of the planted program.
pub(crate) const EXIT_CODE: i32 = 42;
/// What the parent's memory holds, with every bit flipped, so that neither the program nor a message contains it.
pub(crate) const FLIPPED_MEMORY: [u8; 24] =
    *b"\x9e\xb1\x8d\xa2\x94\xc7\x8f\x90\xb5\xc1\x83\xa9\x96\xda\x8b\xb2\x9c\xd1\x87\xa4\x92\xcd\x85\xb8";

/// Everything an act needs to know.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(crate) struct Place {
    /// A tree that the read profiles list.
    pub(crate) readable: PathBuf,
    /// A tree that the write profiles list.
    pub(crate) writable: PathBuf,
    /// A file outside every profile.
    pub(crate) secret: PathBuf,
    /// The directory it lies in.
    pub(crate) secret_directory: PathBuf,
    /// The TCP port that the net profile lists, and one that it does not.
    pub(crate) granted_port: u16,
    pub(crate) other_port: u16,
    pub(crate) other_port_v6: Option<u16>,
    pub(crate) udp_port: u16,
    /// The port that some profiles let be listened on.
    pub(crate) listened_port: u16,
    pub(crate) unix_stream: PathBuf,
    pub(crate) unix_stream_inside: PathBuf,
    pub(crate) unix_datagram: PathBuf,
    pub(crate) abstract_name: String,
    /// The application, something of its memory, and one of its descriptors.
    pub(crate) parent: i32,
    pub(crate) parent_secret_address: usize,
    pub(crate) parent_scratch_address: usize,
    pub(crate) parent_secret_fd: i32,
    /// Another process of the same user.
    pub(crate) bystander: i32,
    /// Descriptors that the parent left inheritable.
    pub(crate) planted: Vec<(Plant, i32)>,
    pub(crate) shared_memory: i32,
    pub(crate) core_directory: PathBuf,
}

/// A kind of descriptor that the parent forgot to mark close-on-exec.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plant {
    SecretFile,
    WritableFile,
    Directory,
    Socket,
    Pidfd,
    Epoll,
    Pipe,
    Eventfd,
    UserNamespace,
}

/// The place, and what has to stay open while it is used.
pub(crate) struct Prepared {
    pub(crate) place: Place,
    bystander: Child,
    _kept: Vec<OwnedFd>,
}

static PLACE: OnceLock<Place> = OnceLock::new();

/// The place of this run, for the profiles' expressions; they are evaluated in the parent.
pub(crate) fn place() -> &'static Place {
    PLACE.get().expect("the run prepares the place first")
}

impl Prepared {
    /// Lays the place out beneath `base`, which belongs to the user of this process.
    pub(crate) fn new(base: &Path) -> std::io::Result<Self> {
        let directory = |name: &str| -> std::io::Result<PathBuf> {
            let path = base.join(name);
            fs::create_dir_all(&path)?;
            Ok(path)
        };
        let readable = directory("readable")?;
        let writable = directory("writable")?;
        let secret_directory = directory("secret")?;
        let core_directory = directory("cwd")?;
        std::env::set_current_dir(&core_directory)?;

        let granted = TcpListener::bind("127.0.0.1:0")?;
        let other = TcpListener::bind("127.0.0.1:0")?;
        let other_v6 = TcpListener::bind("[::1]:0").ok();
        let udp = UdpSocket::bind("127.0.0.1:0")?;
        let unix_stream = secret_directory.join("stream.sock");
        let unix_stream_inside = readable.join("stream.sock");
        let unix_datagram = secret_directory.join("datagram.sock");
        let abstract_name = format!("gaol-matrix-{}", std::process::id());
        let stream = UnixListener::bind(&unix_stream)?;
        let stream_inside = UnixListener::bind(&unix_stream_inside)?;
        let datagram = UnixDatagram::bind(&unix_datagram)?;
        let abstract_stream = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&abstract_name)?)?;

        let secret = secret_directory.join("secret.txt");
        let bystander = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
        let place = Place {
            granted_port: granted.local_addr()?.port(),
            other_port: other.local_addr()?.port(),
            other_port_v6: other_v6.as_ref().and_then(|listener| Some(listener.local_addr().ok()?.port())),
            udp_port: udp.local_addr()?.port(),
            listened_port: quiet_port(),
            unix_stream,
            unix_stream_inside,
            unix_datagram,
            abstract_name,
            parent: std::process::id() as i32,
            parent_secret_address: Box::leak(SECRET.as_bytes().to_vec().into_boxed_slice()).as_ptr() as usize,
            parent_scratch_address: Box::leak(Box::new([0_u8; 64])).as_ptr() as usize,
            parent_secret_fd: -1,
            bystander: bystander.id() as i32,
            planted: Vec::new(),
            shared_memory: shared_memory(),
            readable,
            writable,
            secret,
            secret_directory,
            core_directory,
        };
        serve(granted);
        serve(other);
        other_v6.into_iter().for_each(serve);
        let mut kept: Vec<OwnedFd> = vec![stream.into(), stream_inside.into(), abstract_stream.into(), udp.into()];
        drain(datagram)?;

        let mut prepared = Self { place, bystander, _kept: Vec::new() };
        prepared.restore()?;
        let secret_file = fs::File::open(&prepared.place.secret)?;
        prepared.place.parent_secret_fd = secret_file.as_raw_fd();
        kept.push(secret_file.into());
        prepared.place.planted = plant(&prepared.place)?;
        prepared._kept = kept;
        remember();
        let _ = PLACE.set(prepared.place.clone());
        Ok(prepared)
    }

    /// Puts back what an act that succeeded has changed.
    pub(crate) fn restore(&mut self) -> std::io::Result<()> {
        let place = &self.place;
        let file = |path: PathBuf, content: &[u8], mode: u32| -> std::io::Result<()> {
            let same = fs::read(&path).is_ok_and(|found| found == content)
                && fs::metadata(&path)?.permissions().mode() & 0o7777 == mode;
            if !same {
                let _ = fs::remove_file(&path);
                fs::write(&path, content)?;
                fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
            }
            Ok(())
        };
        let link = |target: &Path, path: PathBuf| -> std::io::Result<()> {
            if fs::read_link(&path).is_ok_and(|found| found == target) {
                return Ok(());
            }
            let _ = fs::remove_file(&path);
            symlink(target, path)
        };
        fs::create_dir_all(place.secret_directory.join("empty"))?;
        fs::create_dir_all(place.secret_directory.join("deep"))?;
        fs::create_dir_all(place.readable.join("empty"))?;
        file(place.secret.clone(), SECRET.as_bytes(), 0o600)?;
        file(place.secret_directory.join("deep/secret.txt"), SECRET.as_bytes(), 0o600)?;
        file(place.secret_directory.join(not_utf8()), SECRET.as_bytes(), 0o600)?;
        file(place.readable.join("file.txt"), b"anyone may read this", 0o644)?;
        file(place.readable.join("program"), &elf::exits_with(EXIT_CODE as u8), 0o755)?;
        file(place.readable.join("set-user-id"), &elf::exits_with(EXIT_CODE as u8), 0o4755)?;
        file(place.readable.join("script"), b"#!/bin/sh\nexit 42\n", 0o755)?;
        file(place.writable.join("file.txt"), b"anyone may change this", 0o644)?;
        link(&place.secret, place.readable.join("link"))?;
        link(&place.secret, place.writable.join("link"))?;
        link(&place.secret_directory, place.readable.join("directory-link"))?;
        link(&place.secret, place.secret_directory.join("link"))?;
        for stray in ["hard-link", "taken", "made", "made-directory", "node"] {
            for directory in [&place.writable, &place.readable, &place.secret_directory] {
                let path = directory.join(stray);
                if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                    fs::remove_dir_all(path)?;
                } else {
                    let _ = fs::remove_file(path);
                }
            }
        }
        if self.bystander.try_wait()?.is_some() {
            self.bystander = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
            self.place.bystander = self.bystander.id() as i32;
        }
        Ok(())
    }

    /// Takes down what does not end with the process.
    pub(crate) fn release(mut self) {
        let _ = call!(libc::SYS_shmctl, self.place.shared_memory, libc::IPC_RMID, 0);
        let _ = self.bystander.kill();
        let _ = self.bystander.wait();
    }
}

/// A file name that is not UTF-8.
pub(crate) fn not_utf8() -> std::ffi::OsString {
    std::ffi::OsString::from_vec(b"secret-\xff\xfe.txt".to_vec())
}

/// A port that is free, and that the kernel gives to nobody by itself.
fn quiet_port() -> u16 {
    let first = 20_000 + (std::process::id() % 10_000) as u16;
    (first..32_000).find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a port that is free")
}

/// A segment that any process of the host's IPC namespace and this user can attach.
fn shared_memory() -> i32 {
    let Ok(id) = call!(libc::SYS_shmget, libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o600) else { return -1 };
    // SAFETY: the kernel chooses the address.
    let address = unsafe { libc::shmat(id as i32, std::ptr::null(), 0) };
    if address as isize != -1 {
        // SAFETY: the segment has 4096 bytes, and the secret is shorter.
        unsafe { std::ptr::copy_nonoverlapping(SECRET.as_ptr(), address.cast(), SECRET.len()) };
    }
    id as i32
}

/// Takes every connection, reads what comes, and hangs up.
fn serve(listener: TcpListener) {
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(std::time::Duration::from_millis(200)));
            let _ = (&stream).read(&mut [0_u8; 64]);
            let _ = (&stream).write(b"hello");
        }
    });
}

fn drain(socket: UnixDatagram) -> std::io::Result<()> {
    std::thread::Builder::new().spawn(move || while socket.recv(&mut [0_u8; 64]).is_ok() {})?;
    Ok(())
}

/// Keeps the secret of [`FLIPPED_MEMORY`] on the heap for as long as the process lives.
fn remember() {
    // The compiler is neither to work the secret out, which would put it into the program, nor to leave it out.
    let flipped = std::hint::black_box(FLIPPED_MEMORY);
    let secret: Vec<u8> = flipped.iter().map(|byte| !byte).collect();
    std::hint::black_box(Box::leak(secret.into_boxed_slice()));
}

/// Leaves one descriptor of each kind inheritable, at a number that nothing else uses.
fn plant(place: &Place) -> std::io::Result<Vec<(Plant, i32)>> {
    let writable = fs::File::options().append(true).create(true).open(place.secret_directory.join("log"))?;
    let (socket, other_end) = UnixStream::pair()?;
    let _ = other_end.into_raw_fd();
    let (_reader, writer) = std::io::pipe()?;
    let _ = _reader.into_raw_fd();
    let number = |answer: Result<usize, _>| answer.map(|fd| fd as i32).unwrap_or(-1);
    let plants = [
        (Plant::SecretFile, fs::File::open(&place.secret)?.into_raw_fd()),
        (Plant::WritableFile, writable.into_raw_fd()),
        (Plant::Directory, open(&c_path(&place.secret_directory), libc::O_PATH | libc::O_DIRECTORY).unwrap_or(-1)),
        (Plant::Socket, socket.into_raw_fd()),
        (Plant::Pidfd, number(call!(libc::SYS_pidfd_open, place.parent, 0))),
        (Plant::Epoll, number(call!(libc::SYS_epoll_create1, 0))),
        (Plant::Pipe, writer.into_raw_fd()),
        (Plant::Eventfd, number(call!(libc::SYS_eventfd2, 0, 0))),
        (Plant::UserNamespace, fs::File::open("/proc/self/ns/user")?.into_raw_fd()),
    ];
    let mut planted = Vec::new();
    for (kind, fd) in plants {
        if let Ok(high) = call!(libc::SYS_fcntl, fd, libc::F_DUPFD, 200) {
            planted.push((kind, high as i32));
        }
    }
    Ok(planted)
}

/// Makes this process the leader of a session on a new terminal, with the terminal as its standard output.
///
/// This cannot be undone. The other side of the terminal is drained.
pub(crate) fn take_terminal() -> std::io::Result<()> {
    let master = fs::File::options().read(true).write(true).open("/dev/ptmx")?;
    let mut number = 0_i32;
    let unlocked = 0_i32;
    let refused = |_| std::io::Error::last_os_error();
    call!(libc::SYS_setsid).map_err(refused)?;
    call!(libc::SYS_ioctl, master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked).map_err(refused)?;
    call!(libc::SYS_ioctl, master.as_raw_fd(), libc::TIOCGPTN, &raw mut number).map_err(refused)?;
    let slave = fs::File::options().read(true).write(true).open(format!("/dev/pts/{number}"))?;
    call!(libc::SYS_dup3, slave.as_raw_fd(), 1, 0).map_err(refused)?;
    let _ = slave.into_raw_fd();
    std::thread::spawn(move || {
        let mut master = master;
        let mut buffer = [0_u8; 4096];
        while master.read(&mut buffer).is_ok() {}
    });
    Ok(())
}
