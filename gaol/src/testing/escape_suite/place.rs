//! The place of the attacks: files, sockets and a descriptor that no profile names, made for one run and removed after it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use super::Error;

/// What the secret file holds.
pub(super) const SECRET: &[u8; 16] = b"not for children";
/// The exit code of the planted program.
pub(super) const EXIT_CODE: i32 = 42;
/// Descriptors are planted from this number up, where no child has one of its own.
const PLANTED: i32 = 700;

/// What an act needs to know of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) directory: PathBuf,
    pub(super) parent: i32,
    /// Where the parent's memory holds [`SECRET`].
    pub(super) address: usize,
    /// A descriptor of the parent's to the secret file, which it left inheritable.
    pub(super) descriptor: i32,
    pub(super) nice: i32,
    pub(super) tcp: u16,
    pub(super) udp: u16,
    pub(super) abstract_name: String,
    /// The variables that the profile lists.
    pub(super) environment: Vec<String>,
    /// A path that the profile lets be read, and not be written.
    pub(super) read_only: Option<PathBuf>,
    pub(super) limits: Limits,
}

/// What the profile lets be used up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Limits {
    pub(super) memory: Option<u64>,
    pub(super) files: Option<u64>,
}

impl Place {
    pub(super) fn secret(&self) -> PathBuf {
        self.directory.join("secret")
    }

    /// A file to remove, where that works.
    pub(super) fn doomed(&self) -> PathBuf {
        self.directory.join("doomed")
    }

    /// A file to make empty.
    pub(super) fn cut(&self) -> PathBuf {
        self.directory.join("cut")
    }

    pub(super) fn link(&self) -> PathBuf {
        self.directory.join("link")
    }

    pub(super) fn program(&self) -> PathBuf {
        self.directory.join("program")
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.directory.join("socket")
    }
}

/// The place, for as long as it is needed.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) place: Place,
    /// Two ends of a terminal that nobody sits at.
    pub(super) terminal: Option<(OwnedFd, OwnedFd)>,
    _secret: Box<[u8; 16]>,
    _kept: Vec<OwnedFd>,
}

impl Prepared {
    /// In the first directory for temporary files that `granted` does not say is granted, if there is one that is not.
    pub(super) fn new(granted: impl Fn(&Path) -> bool) -> Result<Self, Error> {
        let at = |step: &'static str| move |source: io::Error| Error::Place { step, source };
        let directory = make_directory(granted).map_err(at("make a directory"))?;
        // From here on a failure removes the directory again.
        let secret = Box::new(*SECRET);
        let mut place = Place {
            directory,
            parent: std::process::id().cast_signed(),
            address: secret.as_ptr() as usize,
            descriptor: -1,
            nice: rustix::process::getpriority_process(None).unwrap_or(0),
            tcp: 0,
            udp: 0,
            abstract_name: format!("gaol-escape-suite-{}-{}", std::process::id(), count()),
            environment: Vec::new(),
            read_only: None,
            limits: Limits { memory: None, files: None },
        };
        match furnish(&mut place) {
            Ok(kept) => Ok(Self { terminal: terminal().ok(), place, _secret: secret, _kept: kept }),
            Err(source) => {
                let _ = fs::remove_dir_all(&place.directory);
                Err(at("lay out files and sockets")(source))
            }
        }
    }
}

impl Drop for Prepared {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.place.directory);
    }
}

fn count() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// A new directory that only this user may enter.
fn make_directory(granted: impl Fn(&Path) -> bool) -> io::Result<PathBuf> {
    let mut candidates = vec![std::env::temp_dir(), "/var/tmp".into(), "/dev/shm".into()];
    candidates.extend(std::env::current_dir());
    let mut candidates: Vec<PathBuf> = candidates.iter().filter_map(|path| fs::canonicalize(path).ok()).collect();
    candidates.sort_by_key(|candidate| granted(candidate));
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for candidate in candidates {
        let directory = candidate.join(format!("gaol-escape-suite-{}-{}", std::process::id(), count()));
        match fs::create_dir(&directory) {
            Ok(()) => {
                fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
                return Ok(directory);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// Files and sockets. What is given back has to stay open.
fn furnish(place: &mut Place) -> io::Result<Vec<OwnedFd>> {
    fs::write(place.secret(), SECRET)?;
    fs::write(place.doomed(), b"")?;
    fs::write(place.cut(), SECRET)?;
    fs::write(place.program(), format!("#!/bin/sh\nexit {EXIT_CODE}\n"))?;
    fs::set_permissions(place.program(), fs::Permissions::from_mode(0o700))?;
    symlink(place.secret(), place.link())?;
    let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    place.tcp = tcp.local_addr()?.port();
    place.udp = udp.local_addr()?.port();
    let local = UnixListener::bind(place.socket())?;
    let by_name = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&place.abstract_name)?)?;
    let secret = File::open(place.secret())?;
    // Not close-on-exec: this is what a careless application leaves to its children.
    let planted = rustix::io::fcntl_dupfd_cloexec(&secret, PLANTED)?;
    rustix::io::fcntl_setfd(&planted, rustix::io::FdFlags::empty())?;
    place.descriptor = planted.as_raw_fd();
    Ok(vec![tcp.into(), udp.into(), local.into(), by_name.into(), planted])
}

/// A terminal of the suite's own: what is typed into it, nobody reads.
fn terminal() -> io::Result<(OwnedFd, OwnedFd)> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let owner = rustix::fs::open(c"/dev/ptmx", flags, Mode::empty())?;
    rustix::pty::unlockpt(&owner)?;
    let user = rustix::fs::open(rustix::pty::ptsname(&owner, Vec::new())?, flags, Mode::empty())?;
    Ok((owner, user))
}
