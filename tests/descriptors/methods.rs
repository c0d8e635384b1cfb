//! Every method of std, rustix and socket2 on what was handed over, under the empty profile, against the table of docs/descriptors.md.
//!
//! # Safety
//!
//! A file is mapped that is as long as the mapping, and the mapping is not looked at.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, PipeReader, PipeWriter, Read, Seek, SeekFrom, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use gaol::{Fd, sandboxed};
use rustix::fs::{AtFlags, CWD, FallocateFlags, FlockOperation, Mode, OFlags, SealFlags, XattrFlags};
use rustix::io::{DupFlags, Errno, ReadWriteFlags};
use rustix::mm::{MapFlags, MsyncFlags, ProtFlags};
use rustix::net::sockopt;
use rustix::pipe::SpliceFlags;
use serde::{Deserialize, Serialize};
use socket2::{SockAddr, SockRef, TcpKeepalive};

use crate::in_each_tier;
use crate::support::place::Place;

/// One of each kind that is handed over, and what some acts name.
#[derive(Debug, Serialize, Deserialize)]
struct Handed {
    /// Open for both.
    file: Fd<File>,
    read_only: Fd<File>,
    directory: Fd<File>,
    memory: Fd<OwnedFd>,
    reader: Fd<PipeReader>,
    writer: Fd<PipeWriter>,
    terminal: Fd<File>,
    stream: Fd<TcpStream>,
    listener: Fd<TcpListener>,
    /// Connected.
    udp: Fd<UdpSocket>,
    udp_v6: Fd<UdpSocket>,
    unix: Fd<UnixStream>,
    unix_listener: Fd<UnixListener>,
    datagram: Fd<UnixDatagram>,
    /// Somebody whom no socket is connected to.
    other: SocketAddr,
    other_path: PathBuf,
}

/// What has to stay at the other ends.
struct Ends(#[allow(dead_code, reason = "it is there to be there")] Vec<OwnedFd>);

fn hand_out(place: &Place) -> std::io::Result<(Handed, Ends)> {
    let path = place.path().join("file");
    std::fs::write(&path, [7; 8192])?;
    let file = File::options().read(true).write(true).open(&path)?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let stream = TcpStream::connect(listener.local_addr()?)?;
    let (mut accepted, _) = listener.accept()?;
    // For peek and read, and for accept.
    accepted.write_all(b"here")?;
    let waiting = TcpStream::connect(listener.local_addr()?)?;
    let bound = |address: SocketAddr| -> std::io::Result<(UdpSocket, UdpSocket)> {
        let (here, there) = (UdpSocket::bind(address)?, UdpSocket::bind(address)?);
        here.connect(there.local_addr()?)?;
        there.send_to(b"here", here.local_addr()?)?;
        Ok((here, there))
    };
    let (udp, udp_there) = bound((Ipv4Addr::LOCALHOST, 0).into())?;
    let (udp_v6, udp_v6_there) = bound((Ipv6Addr::LOCALHOST, 0).into())?;
    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let (unix, unix_there) = UnixStream::pair()?;
    let unix_path = place.path().join("listener");
    let _ = std::fs::remove_file(&unix_path);
    let unix_listener = UnixListener::bind(&unix_path)?;
    let unix_waiting = UnixStream::connect(&unix_path)?;
    let (datagram, datagram_there) = UnixDatagram::pair()?;
    let other_path = place.path().join("datagrams");
    let _ = std::fs::remove_file(&other_path);
    let other_datagrams = UnixDatagram::bind(&other_path)?;
    let (reader, mut writer_there) = std::io::pipe()?;
    writer_there.write_all(b"here")?;
    let (reader_there, writer) = std::io::pipe()?;
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY)?;
    rustix::pty::unlockpt(&master)?;
    let name = rustix::pty::ptsname(&master, Vec::new())?;
    let terminal = rustix::fs::open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty())?;
    let handed = Handed {
        file: file.into(),
        read_only: File::open(&path)?.into(),
        directory: File::open(place.path())?.into(),
        memory: Fd::new(rustix::fs::memfd_create("handed", rustix::fs::MemfdFlags::ALLOW_SEALING)?),
        reader: Fd::new(reader),
        writer: Fd::new(writer),
        terminal: Fd::new(terminal.into()),
        stream: Fd::new(stream),
        listener: Fd::new(listener),
        udp: Fd::new(udp),
        udp_v6: Fd::new(udp_v6),
        unix: Fd::new(unix),
        unix_listener: Fd::new(unix_listener),
        datagram: Fd::new(datagram),
        other: other.local_addr()?,
        other_path,
    };
    let ends: Vec<OwnedFd> = vec![
        accepted.into(),
        waiting.into(),
        udp_there.into(),
        udp_v6_there.into(),
        other.into(),
        unix_there.into(),
        unix_waiting.into(),
        datagram_there.into(),
        other_datagrams.into(),
        writer_there.into(),
        reader_there.into(),
        master,
    ];
    Ok((handed, Ends(ends)))
}

/// The answers of methods by name: an errno, or 0.
type Answers = Vec<(String, i32)>;

/// An answer of any of the three.
trait Answer {
    fn errno(self) -> i32;
}

impl<T> Answer for std::io::Result<T> {
    fn errno(self) -> i32 {
        self.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1))
    }
}

impl<T> Answer for Result<T, Errno> {
    fn errno(self) -> i32 {
        self.err().map_or(0, Errno::raw_os_error)
    }
}

/// Tries one method after the other, each named as whoever looks for it would.
macro_rules! tried {
    ($answers:ident, $($name:literal: $method:expr;)*) => {
        $({
            let errno = ($method).errno();
            // That there is nothing to take is the kernel's own answer.
            $answers.push(($name.to_owned(), if errno == libc::EAGAIN { 0 } else { errno }));
        })*
    };
}

#[sandboxed(time = "20s")]
fn tries(handed: Handed) -> gaol::Result<Answers> {
    Ok(tries_here(handed))
}

fn tries_here(mut handed: Handed) -> Answers {
    let mut answers = Answers::new();
    of_files(&mut handed, &mut answers);
    of_files_by_rustix(&handed, &mut answers);
    of_directories(&handed, &mut answers);
    of_pipes_and_terminals(&mut handed, &mut answers);
    of_tcp(&mut handed, &mut answers);
    of_udp(&handed, &mut answers);
    of_unix(&mut handed, &mut answers);
    of_sockets_by_socket2(&handed, &mut answers);
    of_sockets_by_rustix(&handed, &mut answers);
    answers
}

fn of_files(handed: &mut Handed, answers: &mut Answers) {
    let now = SystemTime::now();
    let (file, read_only) = (&mut *handed.file, &mut *handed.read_only);
    tried! { answers,
        "File::write": file.write(b"x");
        "File::write_vectored": file.write_vectored(&[IoSlice::new(b"x")]);
        "File::read": read_only.read(&mut [0; 4]);
        "File::read_vectored": read_only.read_vectored(&mut [IoSliceMut::new(&mut [0; 4])]);
        "File::seek": file.seek(SeekFrom::Start(0));
        "File::read_at": file.read_at(&mut [0; 4], 0);
        "File::write_at": file.write_at(b"x", 0);
        "File::sync_all": file.sync_all();
        "File::sync_data": file.sync_data();
        "File::set_len": file.set_len(8192);
        "File::metadata": file.metadata();
        "File::try_clone": file.try_clone();
        "File::set_permissions": read_only.set_permissions(std::fs::Permissions::from_mode(0o640));
        "File::set_times": file.set_times(std::fs::FileTimes::new().set_modified(now));
        "File::set_modified": file.set_modified(now - Duration::from_secs(9));
        "std::io::copy of files": std::io::copy(read_only, file);
    }
    assert!(!std::io::IsTerminal::is_terminal(file));
    assert!(std::io::IsTerminal::is_terminal(&*handed.terminal));
}

fn of_files_by_rustix(handed: &Handed, answers: &mut Answers) {
    let (file, read_only, memory) = (&*handed.file, &*handed.read_only, handed.memory.as_fd());
    let mut bytes = [0; 4];
    let map = |file: BorrowedFd<'_>, protection, flags| {
        // SAFETY: a new mapping at an address of the kernel's choice, which nothing looks at.
        unsafe { rustix::mm::mmap(std::ptr::null_mut(), 4096, protection, flags, file, 0) }
    };
    let both = ProtFlags::READ | ProtFlags::WRITE;
    // What File::lock and its like do, from Rust 1.89 on.
    tried! { answers,
        "flock(LOCK_SH)": rustix::fs::flock(read_only, FlockOperation::LockShared);
        "flock(LOCK_SH | LOCK_NB)": rustix::fs::flock(read_only, FlockOperation::NonBlockingLockShared);
        "flock(LOCK_UN)": rustix::fs::flock(read_only, FlockOperation::Unlock);
        "flock(LOCK_EX)": rustix::fs::flock(file, FlockOperation::LockExclusive);
        "flock(LOCK_EX | LOCK_NB)": rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
        "rustix::fs::fcntl_lock": rustix::fs::fcntl_lock(file, FlockOperation::NonBlockingLockExclusive);
        "mmap(MAP_PRIVATE)": map(read_only.as_fd(), both, MapFlags::PRIVATE);
        "mmap(MAP_SHARED)": map(file.as_fd(), both, MapFlags::SHARED);
        "mmap(MAP_SHARED) of memory": rustix::fs::ftruncate(memory, 4096)
            .and_then(|()| map(memory, both, MapFlags::SHARED));
        "mmap(PROT_EXEC)": map(read_only.as_fd(), ProtFlags::READ | ProtFlags::EXEC, MapFlags::PRIVATE);
        "rustix::mm::msync": map(file.as_fd(), both, MapFlags::SHARED).and_then(|page| {
            // SAFETY: the mapping is this long.
            unsafe { rustix::mm::msync(page, 4096, MsyncFlags::SYNC) }
        });
        "rustix::fs::fallocate": rustix::fs::fallocate(file, FallocateFlags::empty(), 0, 16384);
        "fallocate(FALLOC_FL_KEEP_SIZE)": rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, 4096);
        "fallocate(FALLOC_FL_PUNCH_HOLE)":
            rustix::fs::fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, 0, 4096);
        "rustix::fs::fadvise": rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::Sequential);
        "rustix::fs::copy_file_range": rustix::fs::copy_file_range(read_only, Some(&mut 0), file, Some(&mut 4096), 4);
        "rustix::fs::sendfile": rustix::fs::sendfile(file, read_only, Some(&mut 0), 4);
        "rustix::fs::fstat": rustix::fs::fstat(file);
        "rustix::fs::statx": rustix::fs::statx(file, c"", AtFlags::EMPTY_PATH, rustix::fs::StatxFlags::BASIC_STATS);
        "rustix::fs::tell": rustix::fs::tell(file);
        "rustix::fs::seek(SEEK_HOLE)": rustix::fs::seek(file, rustix::fs::SeekFrom::Hole(0));
        "rustix::fs::ftruncate": rustix::fs::ftruncate(file, 8192);
        "rustix::fs::fchown": rustix::fs::fchown(file, None, None);
        "rustix::fs::fchmod": rustix::fs::fchmod(file, Mode::from_raw_mode(0o640));
        "rustix::fs::futimens": rustix::fs::futimens(file, &rustix::fs::Timestamps {
            last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
            last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
        });
        "rustix::fs::fstatfs": rustix::fs::fstatfs(file);
        "rustix::fs::fstatvfs": rustix::fs::fstatvfs(file);
        "rustix::fs::syncfs": rustix::fs::syncfs(file);
        "rustix::fs::fgetxattr": known(rustix::fs::fgetxattr(file, c"user.x", &mut [0_u8; 4][..]));
        "rustix::fs::fsetxattr": rustix::fs::fsetxattr(file, c"user.x", b"x", XattrFlags::empty());
        "rustix::fs::flistxattr": rustix::fs::flistxattr(file, &mut [0_u8; 64][..]);
        "rustix::fs::fremovexattr": known(rustix::fs::fremovexattr(file, c"user.x"));
        "rustix::fs::fcntl_getfl": rustix::fs::fcntl_getfl(file);
        "rustix::fs::fcntl_setfl": rustix::fs::fcntl_setfl(file, OFlags::APPEND)
            .and_then(|()| rustix::fs::fcntl_setfl(file, OFlags::empty()));
        "fcntl(F_SETFL, O_DIRECT)": known(rustix::fs::fcntl_setfl(&*handed.writer, OFlags::DIRECT));
        "rustix::fs::fcntl_get_seals": rustix::fs::fcntl_get_seals(memory);
        "rustix::fs::fcntl_add_seals": rustix::fs::fcntl_add_seals(memory, SealFlags::GROW);
        "rustix::fs::ioctl_ficlone": rustix::fs::ioctl_ficlone(file, read_only);
        "rustix::fs::ioctl_getflags": known(rustix::fs::ioctl_getflags(file));
        "rustix::io::dup": rustix::io::dup(file);
        "rustix::io::dup3": rustix::io::dup(file).and_then(|mut copy| {
            rustix::io::dup3(file, &mut copy, DupFlags::CLOEXEC)
        });
        "rustix::io::fcntl_getfd": rustix::io::fcntl_getfd(file);
        "rustix::io::fcntl_setfd": rustix::io::fcntl_setfd(file, rustix::io::FdFlags::CLOEXEC);
        "rustix::io::fcntl_dupfd": rustix::io::fcntl_dupfd_cloexec(file, 0);
        "rustix::io::ioctl_fionread": rustix::io::ioctl_fionread(file);
        "rustix::io::preadv": rustix::io::preadv(file, &mut [IoSliceMut::new(&mut bytes)], 0);
        "rustix::io::pwritev": rustix::io::pwritev(file, &[IoSlice::new(b"x")], 0);
        "rustix::io::preadv2":
            rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut bytes)], 0, ReadWriteFlags::empty());
        "rustix::io::pwritev2": rustix::io::pwritev2(file, &[IoSlice::new(b"x")], 0, ReadWriteFlags::APPEND);
    }
}

/// What a file system may have nothing of is not refused by anybody.
fn known<T>(answer: Result<T, Errno>) -> Result<(), Errno> {
    match answer {
        Ok(_) | Err(Errno::NODATA | Errno::NOTTY | Errno::INVAL) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn of_directories(handed: &Handed, answers: &mut Answers) {
    let directory = handed.directory.as_fd();
    let mut space = Vec::with_capacity(4096);
    tried! { answers,
        "rustix::fs::RawDir": rustix::fs::RawDir::new(directory, space.spare_capacity_mut()).next().unwrap_or(Err(Errno::NOENT));
        "rustix::fs::openat beneath": rustix::fs::openat(directory, c"file", OFlags::RDONLY, Mode::empty());
        "rustix::fs::Dir": rustix::fs::Dir::read_from(directory);
        "rustix::fs::statat beneath": rustix::fs::statat(directory, c"file", AtFlags::empty());
        "rustix::fs::accessat beneath":
            rustix::fs::accessat(directory, c"file", rustix::fs::Access::EXISTS, AtFlags::empty());
        "rustix::fs::readlinkat beneath": known(rustix::fs::readlinkat(directory, c"file", Vec::new()));
        "rustix::fs::mkdirat beneath": rustix::fs::mkdirat(directory, c"made", Mode::RWXU)
            .and_then(|()| rustix::fs::unlinkat(directory, c"made", AtFlags::REMOVEDIR));
        "rustix::fs::fchdir":
            rustix::fs::open(c".", OFlags::PATH, Mode::empty()).and_then(|before| {
                rustix::process::fchdir(directory)?;
                rustix::process::fchdir(before)
            });
        "openat(AT_FDCWD)": rustix::fs::openat(CWD, c"/", OFlags::RDONLY, Mode::empty());
    }
}

fn of_pipes_and_terminals(handed: &mut Handed, answers: &mut Answers) {
    let (reader, writer, terminal) = (&mut *handed.reader, &mut *handed.writer, &*handed.terminal);
    tried! { answers,
        "PipeReader::read": reader.read(&mut [0; 2]);
        "PipeReader::try_clone": reader.try_clone();
        "PipeWriter::write": writer.write(b"x");
        "PipeWriter::try_clone": writer.try_clone();
        "rustix::pipe::fcntl_getpipe_size": rustix::pipe::fcntl_getpipe_size(&*writer);
        "rustix::pipe::fcntl_setpipe_size": rustix::pipe::fcntl_setpipe_size(&*writer, 4096);
        "rustix::pipe::tee": rustix::pipe::tee(&*reader, &*writer, 1, SpliceFlags::NONBLOCK);
        "rustix::pipe::splice": rustix::pipe::splice(&*reader, None, &*writer, None, 1, SpliceFlags::NONBLOCK);
        "rustix::io::ioctl_fionbio": rustix::io::ioctl_fionbio(&*reader, true);
        "rustix::termios::tcgetattr": rustix::termios::tcgetattr(terminal);
        "rustix::termios::tcgetwinsize": rustix::termios::tcgetwinsize(terminal);
        "rustix::termios::tcsetattr": rustix::termios::tcgetattr(terminal).and_then(|is| {
            rustix::termios::tcsetattr(terminal, rustix::termios::OptionalActions::Now, &is)
        });
        "rustix::termios::tcflush": rustix::termios::tcflush(terminal, rustix::termios::QueueSelector::IFlush);
    }
}

fn of_tcp(handed: &mut Handed, answers: &mut Answers) {
    let (stream, listener, other) = (&mut *handed.stream, &*handed.listener, handed.other);
    let second = Some(Duration::from_secs(1));
    tried! { answers,
        "TcpStream::peer_addr": stream.peer_addr();
        "TcpStream::local_addr": stream.local_addr();
        "TcpStream::try_clone": stream.try_clone();
        "TcpStream::set_read_timeout": stream.set_read_timeout(second);
        "TcpStream::set_write_timeout": stream.set_write_timeout(second);
        "TcpStream::read_timeout": stream.read_timeout();
        "TcpStream::write_timeout": stream.write_timeout();
        "TcpStream::set_nonblocking": stream.set_nonblocking(true);
        "TcpStream::peek": stream.peek(&mut [0; 2]);
        "TcpStream::read": stream.read(&mut [0; 2]);
        "TcpStream::write": stream.write(b"x");
        "TcpStream::set_nodelay": stream.set_nodelay(true);
        "TcpStream::nodelay": stream.nodelay();
        "TcpStream::set_ttl": stream.set_ttl(60);
        "TcpStream::ttl": stream.ttl();
        "TcpStream::take_error": stream.take_error();
        "TcpStream::connect": TcpStream::connect(other);
        "TcpListener::bind": TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        "TcpListener::local_addr": listener.local_addr();
        "TcpListener::try_clone": listener.try_clone();
        "TcpListener::set_nonblocking": listener.set_nonblocking(true);
        "TcpListener::accept": listener.accept();
        "TcpListener::incoming": listener.incoming().next().unwrap_or_else(|| Err(std::io::ErrorKind::Other.into()));
        "TcpListener::set_ttl": listener.set_ttl(60);
        "TcpListener::ttl": listener.ttl();
        "TcpListener::take_error": listener.take_error();
    }
}

fn of_udp(handed: &Handed, answers: &mut Answers) {
    let (udp, six, other) = (&*handed.udp, &*handed.udp_v6, handed.other);
    let second = Some(Duration::from_secs(1));
    let (group, group_v6) = (Ipv4Addr::new(224, 0, 0, 251), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb));
    let mut bytes = [0; 8];
    let there = udp.peer_addr();
    tried! { answers,
        "UdpSocket::peer_addr": udp.peer_addr();
        "UdpSocket::local_addr": udp.local_addr();
        "UdpSocket::try_clone": udp.try_clone();
        "UdpSocket::set_nonblocking": udp.set_nonblocking(true);
        "UdpSocket::peek_from": udp.peek_from(&mut bytes);
        "UdpSocket::peek": udp.peek(&mut bytes);
        "UdpSocket::recv_from": udp.recv_from(&mut bytes);
        "UdpSocket::recv": udp.recv(&mut bytes);
        "UdpSocket::send": udp.send(b"x");
        "UdpSocket::send_to": udp.send_to(b"x", other);
        "UdpSocket::set_read_timeout": udp.set_read_timeout(second);
        "UdpSocket::read_timeout": udp.read_timeout();
        "UdpSocket::set_write_timeout": udp.set_write_timeout(second);
        "UdpSocket::write_timeout": udp.write_timeout();
        "UdpSocket::set_broadcast": udp.set_broadcast(true);
        "UdpSocket::broadcast": udp.broadcast();
        "UdpSocket::set_multicast_loop_v4": udp.set_multicast_loop_v4(true);
        "UdpSocket::multicast_loop_v4": udp.multicast_loop_v4();
        "UdpSocket::set_multicast_ttl_v4": udp.set_multicast_ttl_v4(1);
        "UdpSocket::multicast_ttl_v4": udp.multicast_ttl_v4();
        "UdpSocket::join_multicast_v4": udp.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
        "UdpSocket::leave_multicast_v4": udp.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
        "UdpSocket::set_multicast_loop_v6": six.set_multicast_loop_v6(true);
        "UdpSocket::multicast_loop_v6": six.multicast_loop_v6();
        "UdpSocket::join_multicast_v6": six.join_multicast_v6(&group_v6, 1);
        "UdpSocket::leave_multicast_v6": six.leave_multicast_v6(&group_v6, 1);
        "UdpSocket::set_ttl": udp.set_ttl(60);
        "UdpSocket::ttl": udp.ttl();
        "UdpSocket::take_error": udp.take_error();
        "UdpSocket::bind": UdpSocket::bind((Ipv4Addr::LOCALHOST, 0));
        "UdpSocket::connect": there.and_then(|there| udp.connect(there));
    }
}

fn of_unix(handed: &mut Handed, answers: &mut Answers) {
    let (unix, listener, datagram) = (&mut *handed.unix, &*handed.unix_listener, &*handed.datagram);
    let second = Some(Duration::from_secs(1));
    let mut bytes = [0; 8];
    let other = &handed.other_path;
    tried! { answers,
        "UnixStream::local_addr": unix.local_addr();
        "UnixStream::peer_addr": unix.peer_addr();
        "UnixStream::try_clone": unix.try_clone();
        "UnixStream::set_nonblocking": unix.set_nonblocking(true);
        "UnixStream::set_read_timeout": unix.set_read_timeout(second);
        "UnixStream::read_timeout": unix.read_timeout();
        "UnixStream::set_write_timeout": unix.set_write_timeout(second);
        "UnixStream::write_timeout": unix.write_timeout();
        "UnixStream::take_error": unix.take_error();
        "UnixStream::read": unix.read(&mut bytes);
        "UnixStream::write": unix.write(b"x");
        "UnixStream::pair": UnixStream::pair();
        "UnixStream::connect": UnixStream::connect(other.with_file_name("listener"));
        "UnixStream::shutdown": unix.shutdown(Shutdown::Both);
        "UnixListener::local_addr": listener.local_addr();
        "UnixListener::try_clone": listener.try_clone();
        "UnixListener::set_nonblocking": listener.set_nonblocking(true);
        "UnixListener::accept": listener.accept();
        "UnixListener::take_error": listener.take_error();
        "UnixListener::bind": UnixListener::bind(other.with_file_name("another"));
        "UnixDatagram::local_addr": datagram.local_addr();
        "UnixDatagram::peer_addr": datagram.peer_addr();
        "UnixDatagram::try_clone": datagram.try_clone();
        "UnixDatagram::set_nonblocking": datagram.set_nonblocking(true);
        "UnixDatagram::recv_from": datagram.recv_from(&mut bytes);
        "UnixDatagram::recv": datagram.recv(&mut bytes);
        "UnixDatagram::send": datagram.send(b"x");
        "UnixDatagram::send_to": datagram.send_to(b"x", other);
        "UnixDatagram::connect": datagram.connect(other);
        "UnixDatagram::set_read_timeout": datagram.set_read_timeout(second);
        "UnixDatagram::read_timeout": datagram.read_timeout();
        "UnixDatagram::set_write_timeout": datagram.set_write_timeout(second);
        "UnixDatagram::write_timeout": datagram.write_timeout();
        "UnixDatagram::take_error": datagram.take_error();
        "UnixDatagram::pair": UnixDatagram::pair();
        "UnixDatagram::unbound": UnixDatagram::unbound();
        "UnixDatagram::shutdown": datagram.shutdown(Shutdown::Both);
    }
    let _ = std::fs::remove_file(other.with_file_name("another"));
}

fn of_sockets_by_socket2(handed: &Handed, answers: &mut Answers) {
    let (tcp, udp, six) = (SockRef::from(&*handed.stream), SockRef::from(&*handed.udp), SockRef::from(&*handed.udp_v6));
    let unix = SockRef::from(&*handed.unix);
    let group = Ipv4Addr::new(224, 0, 0, 252);
    let one = TcpKeepalive::new().with_time(Duration::from_secs(60));
    tried! { answers,
        "socket2 type": tcp.r#type();
        "socket2 nonblocking": tcp.nonblocking();
        "socket2 keepalive": tcp.keepalive();
        "socket2 set_keepalive": tcp.set_keepalive(true);
        "socket2 set_tcp_keepalive": tcp.set_tcp_keepalive(&one);
        "socket2 tcp_keepalive_time": tcp.tcp_keepalive_time();
        "socket2 tcp_keepalive_interval": tcp.tcp_keepalive_interval();
        "socket2 tcp_keepalive_retries": tcp.tcp_keepalive_retries();
        "socket2 tcp_nodelay": tcp.tcp_nodelay();
        "socket2 linger": tcp.linger();
        "socket2 set_linger": tcp.set_linger(Some(Duration::from_secs(1)));
        "socket2 out_of_band_inline": tcp.out_of_band_inline();
        "socket2 set_out_of_band_inline": tcp.set_out_of_band_inline(false);
        "socket2 send_out_of_band": tcp.send_out_of_band(b"x");
        "socket2 passcred": unix.passcred();
        "socket2 set_passcred": unix.set_passcred(false);
        "socket2 priority": tcp.priority();
        "socket2 set_priority": tcp.set_priority(1);
        "socket2 recv_buffer_size": tcp.recv_buffer_size();
        "socket2 set_recv_buffer_size": tcp.set_recv_buffer_size(1 << 20);
        "socket2 send_buffer_size": tcp.send_buffer_size();
        "socket2 set_send_buffer_size": tcp.set_send_buffer_size(1 << 20);
        "socket2 reuse_address": tcp.reuse_address();
        "socket2 set_reuse_address": tcp.set_reuse_address(true);
        "socket2 set_header_included_v4": udp.set_header_included_v4(false);
        "socket2 ip_transparent_v4": udp.ip_transparent_v4();
        "socket2 set_ip_transparent_v4": udp.set_ip_transparent_v4(false);
        "socket2 tos_v4": udp.tos_v4();
        "socket2 set_tos_v4": udp.set_tos_v4(0);
        "socket2 recv_tos_v4": udp.recv_tos_v4();
        "socket2 set_recv_tos_v4": udp.set_recv_tos_v4(true);
        "socket2 multicast_all_v4": udp.multicast_all_v4();
        "socket2 set_multicast_all_v4": udp.set_multicast_all_v4(false);
        "socket2 multicast_if_v4": udp.multicast_if_v4();
        "socket2 set_multicast_if_v4": udp.set_multicast_if_v4(&Ipv4Addr::LOCALHOST);
        "socket2 join_ssm_v4": udp.join_ssm_v4(&Ipv4Addr::LOCALHOST, &Ipv4Addr::new(232, 0, 0, 1), &Ipv4Addr::LOCALHOST);
        "socket2 join_multicast_v4": udp.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST);
        "socket2 unicast_hops_v6": six.unicast_hops_v6();
        "socket2 set_unicast_hops_v6": six.set_unicast_hops_v6(60);
        "socket2 multicast_hops_v6": six.multicast_hops_v6();
        "socket2 set_multicast_hops_v6": six.set_multicast_hops_v6(1);
        "socket2 multicast_if_v6": six.multicast_if_v6();
        "socket2 set_multicast_if_v6": six.set_multicast_if_v6(1);
        "socket2 only_v6": six.only_v6();
        "socket2 recv_tclass_v6": six.recv_tclass_v6();
        "socket2 set_recv_tclass_v6": six.set_recv_tclass_v6(true);
        "socket2 recv_hoplimit_v6": six.recv_hoplimit_v6();
        "socket2 set_recv_hoplimit_v6": six.set_recv_hoplimit_v6(true);
        "socket2 listen": tcp.listen(1);
        "socket2 send_to": udp.send_to(b"x", &SockAddr::from(handed.other));
        "socket2 sendmsg to the peer": udp.send_vectored(&[IoSlice::new(b"x")]);
        "socket2 connect": udp.connect(&SockAddr::from(handed.other));
        "socket2 shutdown": tcp.shutdown(Shutdown::Write);
    }
}

fn of_sockets_by_rustix(handed: &Handed, answers: &mut Answers) {
    let (tcp, udp, unix) = (&*handed.stream, &*handed.udp, &*handed.unix);
    tried! { answers,
        "rustix::net::sockopt::socket_acceptconn": sockopt::socket_acceptconn(tcp);
        "rustix::net::sockopt::socket_domain": sockopt::socket_domain(tcp);
        "rustix::net::sockopt::socket_protocol": sockopt::socket_protocol(tcp);
        "rustix::net::sockopt::socket_error": sockopt::socket_error(tcp);
        "rustix::net::sockopt::socket_peercred": sockopt::socket_peercred(unix);
        "rustix::net::sockopt::socket_cookie": sockopt::socket_cookie(tcp);
        "rustix::net::sockopt::socket_incoming_cpu": sockopt::socket_incoming_cpu(tcp);
        "rustix::net::sockopt::set_socket_incoming_cpu": sockopt::set_socket_incoming_cpu(tcp, 0);
        "rustix::net::sockopt::socket_reuseport": sockopt::socket_reuseport(tcp);
        "rustix::net::sockopt::set_socket_reuseport": sockopt::set_socket_reuseport(udp, true);
        "rustix::net::sockopt::tcp_user_timeout": sockopt::tcp_user_timeout(tcp);
        "rustix::net::sockopt::set_tcp_user_timeout": sockopt::set_tcp_user_timeout(tcp, 1000);
        "rustix::net::sockopt::tcp_quickack": sockopt::tcp_quickack(tcp);
        "rustix::net::sockopt::set_tcp_quickack": sockopt::set_tcp_quickack(tcp, true);
        "rustix::net::sockopt::tcp_cork": sockopt::tcp_cork(tcp);
        "rustix::net::sockopt::set_tcp_cork": sockopt::set_tcp_cork(tcp, false);
        "rustix::net::sockopt::tcp_congestion": sockopt::tcp_congestion(tcp);
        "rustix::net::sockopt::set_tcp_congestion": sockopt::set_tcp_congestion(tcp, "reno");
        "rustix::net::sockopt::tcp_thin_linear_timeouts": sockopt::tcp_thin_linear_timeouts(tcp);
        "rustix::net::sockopt::set_tcp_thin_linear_timeouts": sockopt::set_tcp_thin_linear_timeouts(tcp, false);
        "rustix::net::sockopt::ip_freebind": sockopt::ip_freebind(udp);
        "rustix::net::sockopt::set_ip_freebind": sockopt::set_ip_freebind(udp, false);
    }
}

/// The errno that the table names of each method that does not work.
fn documented() -> BTreeMap<String, i32> {
    const ERRNOS: [(&str, i32); 7] = [
        ("EPERM", libc::EPERM),
        ("EACCES", libc::EACCES),
        ("EAFNOSUPPORT", libc::EAFNOSUPPORT),
        ("ENOLCK", libc::ENOLCK),
        ("ENOPROTOOPT", libc::ENOPROTOOPT),
        ("EOPNOTSUPP", libc::EOPNOTSUPP),
        ("ENOSYS", libc::ENOSYS),
    ];
    let page = include_str!("../../docs/descriptors.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let methods = rows.flat_map(|row| {
        let (methods, rest) = row.split_once("` | ").expect("methods, in code");
        let errno = rest.split(' ').next().expect("an errno");
        let (_, number) = ERRNOS.into_iter().find(|(name, _)| *name == errno).expect("an errno that is known");
        // A bar within a cell is written with a backslash.
        methods.split("`, `").map(move |method| (method.replace("\\|", "|"), number))
    });
    methods.collect()
}

#[test]
fn what_was_handed_over_is_used_for_what_it_is_or_the_table_says_why_not() {
    let documented = documented();
    in_each_tier(|| {
        let place = Place::new("methods");
        let (handed, _ends) = hand_out(&place).expect("one of each");
        let answers = tries(handed).expect("a call");
        let refused: BTreeMap<String, i32> = answers.iter().filter(|(_, errno)| *errno != 0).cloned().collect();
        for (method, errno) in &refused {
            assert_eq!(documented.get(method), Some(errno), "{method} is refused with {errno}: {refused:?}");
        }
        let not_refused: Vec<&String> = documented.keys().filter(|method| !refused.contains_key(*method)).collect();
        assert!(not_refused.is_empty(), "the table says that these do not work: {not_refused:?}");
        println!("{} methods, of which {} are in the table", answers.len(), refused.len());
        // The control: outside of a sandbox the kernel refuses none of them so, but what a file system may lack.
        let place = Place::new("methods-outside");
        let (handed, _ends) = hand_out(&place).expect("one of each");
        for (method, errno) in tries_here(handed) {
            // The last is of raw sockets, which nobody hands over.
            let may_lack =
                ["rustix::fs::ioctl_ficlone", "socket2 set_header_included_v4", "socket2 set_header_included_v6"];
            let may_lack = may_lack.contains(&method.as_str());
            assert!(errno == 0 || may_lack || refused.get(&method) != Some(&errno), "{method} outside: {errno}");
        }
    });
}
