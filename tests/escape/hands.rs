//! One descriptor of each kind, for an application to hand over.

use std::fs::File;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::{Mutex, OnceLock};

use gaol::Fd;
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::toolbox::call;

/// What a descriptor is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hand {
    PipeReader,
    PipeWriter,
    /// Open for reading.
    ReadFile,
    /// Open for both.
    WriteFile,
    Program,
    Directory,
    Terminal,
    TerminalMaster,
    Tcp,
    Listener,
    /// Connected.
    Udp,
    UnixStream,
    /// Connected.
    UnixDatagram,
    MemoryFile,
    Pidfd,
    UserNamespace,
    Eventfd,
    Null,
    /// `/dev/kvm`, where there is one that may be opened.
    Kvm,
    LoopControl,
    LoopDevice,
}

pub(crate) const HANDS: [Hand; 21] = [
    Hand::PipeReader,
    Hand::PipeWriter,
    Hand::ReadFile,
    Hand::WriteFile,
    Hand::Program,
    Hand::Directory,
    Hand::Terminal,
    Hand::TerminalMaster,
    Hand::Tcp,
    Hand::Listener,
    Hand::Udp,
    Hand::UnixStream,
    Hand::UnixDatagram,
    Hand::MemoryFile,
    Hand::Pidfd,
    Hand::UserNamespace,
    Hand::Eventfd,
    Hand::Null,
    Hand::Kvm,
    Hand::LoopControl,
    Hand::LoopDevice,
];

/// Those that this user and this machine can have.
pub(crate) fn hand_out(place: &Place) -> Vec<(Hand, Fd<OwnedFd>)> {
    HANDS.iter().filter_map(|hand| Some((*hand, Fd::new(one(*hand, place).ok()?)))).collect()
}

pub(crate) fn one(hand: Hand, place: &Place) -> std::io::Result<OwnedFd> {
    // What is at the other ends stays for as long as the application does.
    static UDP: OnceLock<UdpSocket> = OnceLock::new();
    static OTHER_ENDS: Mutex<Vec<OwnedFd>> = Mutex::new(Vec::new());
    let keep = |fd: OwnedFd| {
        let mut kept = OTHER_ENDS.lock().expect("no panic while it is held");
        kept.push(fd);
        // The last call's are of no use to this one.
        if kept.len() > HANDS.len() {
            kept.remove(0);
        }
    };
    Ok(match hand {
        Hand::PipeReader => {
            let (reader, writer) = std::io::pipe()?;
            keep(writer.into());
            reader.into()
        }
        Hand::PipeWriter => {
            let (reader, writer) = std::io::pipe()?;
            keep(reader.into());
            writer.into()
        }
        Hand::ReadFile => File::open(&place.secret)?.into(),
        Hand::WriteFile => File::options().read(true).write(true).open(place.writable.join("file.txt"))?.into(),
        Hand::Program => File::open(place.readable.join("program"))?.into(),
        Hand::Directory => File::open(&place.secret_directory)?.into(),
        Hand::Terminal | Hand::TerminalMaster => {
            let (master, slave) = terminal()?;
            let (given, kept) = if hand == Hand::Terminal { (slave, master) } else { (master, slave) };
            keep(kept);
            given
        }
        Hand::Tcp => TcpStream::connect(("127.0.0.1", place.granted_port))?.into(),
        Hand::Listener => {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            listener.set_nonblocking(true)?;
            listener.into()
        }
        Hand::Udp => {
            if UDP.get().is_none() {
                let _ = UDP.set(UdpSocket::bind("127.0.0.1:0")?);
            }
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            socket.connect(UDP.get().expect("it has just been made").local_addr()?)?;
            socket.into()
        }
        Hand::UnixStream => {
            let (one, other) = UnixStream::pair()?;
            keep(other.into());
            one.into()
        }
        Hand::UnixDatagram => {
            let (one, other) = UnixDatagram::pair()?;
            keep(other.into());
            one.into()
        }
        Hand::MemoryFile => rustix::fs::memfd_create("gaol-matrix", rustix::fs::MemfdFlags::ALLOW_SEALING)?,
        Hand::Pidfd => {
            let pid = rustix::process::Pid::from_raw(place.bystander).expect("a process");
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?
        }
        Hand::UserNamespace => File::open("/proc/self/ns/user")?.into(),
        Hand::Eventfd => rustix::event::eventfd(0, rustix::event::EventfdFlags::empty())?,
        Hand::Null => File::options().read(true).write(true).open("/dev/null")?.into(),
        Hand::Kvm => File::options().read(true).write(true).open("/dev/kvm")?.into(),
        Hand::LoopControl => File::options().read(true).write(true).open("/dev/loop-control")?.into(),
        Hand::LoopDevice => File::open("/dev/loop0")?.into(),
    })
}

/// A terminal of this call's own: the side of the one who shows it, and that of the one who uses it.
fn terminal() -> std::io::Result<(OwnedFd, OwnedFd)> {
    let master = File::options().read(true).write(true).open("/dev/ptmx")?;
    let (unlocked, mut number) = (0_i32, 0_i32);
    let refused = |_| std::io::Error::last_os_error();
    call!(libc::SYS_ioctl, master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked).map_err(refused)?;
    call!(libc::SYS_ioctl, master.as_raw_fd(), libc::TIOCGPTN, &raw mut number).map_err(refused)?;
    let slave = rustix::fs::open(
        format!("/dev/pts/{number}"),
        rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY,
        rustix::fs::Mode::empty(),
    )?;
    Ok((master.into(), slave))
}
