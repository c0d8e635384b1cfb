//! Modes and times: how a worker asks for a change, who may have it, and how it is made.
//!
//! Neither a mount nor Landlock keeps the mode and the times of a file whose descriptor was handed over, or inherited. So a worker changes
//! none: its SIGSYS handler sends the descriptor, or a directory and a path, to a process outside of the worker (`process/judge.rs`), which
//! looks whether it is beneath what the profile lets be written, and changes *that descriptor*. What it looks at nobody else can exchange.
//!
//! # Safety
//!
//! `fchmodat2(2)` is called directly, since neither `rustix` nor `libc` offers it: it takes numbers and an empty string.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags, Timespec, Timestamps};
use rustix::io::Errno;

use crate::sys::plan::{Identity, Kind, Plan};

/// What is to be changed of an inode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Change {
    Mode(u32),
    /// Of the last access, and of the last change of the contents.
    Times([Timespec; 2]),
}

/// Set-user-id, set-group-id and sticky: no file gets them.
pub(crate) const SPECIAL_MODES: u32 = 0o7000;

/// What of a mode is the caller's to say.
pub(crate) const MODES: u32 = 0o7777;

/// How a request names the inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named<'a> {
    /// By the descriptor that comes with it.
    Descriptor,
    /// By a path: from the root, or from the directory that comes with it.
    Path { path: &'a CStr, follow: bool },
}

/// A worker's request, as it travels. With it come the socket for the answer and, where it names one, a descriptor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Request<'a> {
    pub(crate) change: Change,
    pub(crate) named: Named<'a>,
}

/// What goes before a path.
const HEAD: usize = 40;
/// The longest request: a path of PATH_MAX, its NUL included.
pub(crate) const LONGEST: usize = HEAD + 4096;

const BY_DESCRIPTOR: u8 = 0;
const BY_PATH: u8 = 1;
const BY_LAST_LINK: u8 = 2;
const MODE: u8 = 0;
const TIMES: u8 = 1;

impl Request<'_> {
    /// Writes it where the caller has room, and gives how long it is. Allocates nothing: it is called in a signal handler.
    pub(crate) fn write(&self, bytes: &mut [u8; LONGEST]) -> usize {
        match self.change {
            Change::Mode(mode) => {
                bytes[1] = MODE;
                bytes[4..8].copy_from_slice(&mode.to_le_bytes());
            }
            Change::Times([access, contents]) => {
                bytes[1] = TIMES;
                let numbers = [access.tv_sec, access.tv_nsec, contents.tv_sec, contents.tv_nsec];
                for (at, number) in bytes[8..HEAD].chunks_exact_mut(8).zip(numbers) {
                    at.copy_from_slice(&number.to_le_bytes());
                }
            }
        }
        match self.named {
            Named::Descriptor => {
                bytes[0] = BY_DESCRIPTOR;
                HEAD
            }
            Named::Path { path, follow } => {
                bytes[0] = if follow { BY_PATH } else { BY_LAST_LINK };
                let path = path.to_bytes_with_nul();
                let length = path.len().min(LONGEST - HEAD);
                bytes[HEAD..HEAD + length].copy_from_slice(&path[..length]);
                HEAD + length
            }
        }
    }
}

impl<'a> Request<'a> {
    /// `None`: it is not one.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let (head, path) = bytes.split_at_checked(HEAD)?;
        let number = |at: usize| Some(i64::from_le_bytes(head.get(at..at + 8)?.try_into().ok()?));
        let time = |at: usize| Some(Timespec { tv_sec: number(at)?, tv_nsec: number(at + 8)? });
        let change = match head[1] {
            MODE => Change::Mode(u32::from_le_bytes(head[4..8].try_into().ok()?)),
            TIMES => Change::Times([time(8)?, time(24)?]),
            _ => return None,
        };
        let named = match head[0] {
            BY_DESCRIPTOR => Named::Descriptor,
            kind @ (BY_PATH | BY_LAST_LINK) => {
                Named::Path { path: CStr::from_bytes_with_nul(path).ok()?, follow: kind == BY_PATH }
            }
            _ => return None,
        };
        Some(Self { change, named })
    }
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Changed,
    /// The kernel's.
    Errno(i32),
    /// It is not beneath what may be written, or nobody may have it.
    Refused,
}

impl Answer {
    pub(crate) const BYTES: usize = 4;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        match self {
            Self::Changed => 0,
            Self::Errno(errno) => errno,
            Self::Refused => -1,
        }
        .to_le_bytes()
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        match i32::from_le_bytes(bytes) {
            0 => Self::Changed,
            errno @ 1.. => Self::Errno(errno),
            _ => Self::Refused,
        }
    }
}

impl From<Errno> for Answer {
    fn from(errno: Errno) -> Self {
        Self::Errno(errno.raw_os_error())
    }
}

/// What is beneath a grant to write.
#[derive(Debug)]
pub(crate) struct Writable {
    trees: Vec<Tree>,
    /// The mounts that something can be written by, where there is a private root: what is on another one came from elsewhere.
    mounts: Option<Vec<u64>>,
}

/// A directory that may be written, with all that is beneath it.
#[derive(Debug)]
struct Tree {
    path: PathBuf,
    identity: Identity,
}

impl Writable {
    /// Of a plan. `mounts` lists those of the private root, where there is one.
    pub(crate) fn of(plan: &Plan, mounts: Option<&OwnedFd>) -> io::Result<Self> {
        let trees = plan.grants.iter().filter(|grant| grant.rights.write && grant.kind == Kind::Directory);
        let trees = trees.map(|grant| Tree { path: grant.path.clone(), identity: grant.identity }).collect();
        let mounts = mounts.map(|list| writable_mounts(list.as_fd())).transpose()?;
        Ok(Self { trees, mounts })
    }

    /// Whether an open descriptor is of something beneath. A granted directory is not beneath itself.
    pub(crate) fn has(&self, target: BorrowedFd<'_>) -> Result<bool, Errno> {
        let identity = identity(target)?;
        match &self.mounts {
            Some(mounts) => {
                let seen = rustix::fs::statx(target, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?;
                let told = seen.stx_mask & StatxFlags::MNT_ID.bits() != 0;
                Ok(told && mounts.contains(&seen.stx_mnt_id) && !self.is_outermost(identity))
            }
            None => Ok(self.leads_to(target, identity)),
        }
    }

    /// Whether it is a directory that was granted itself, and not also as part of another one.
    fn is_outermost(&self, identity: Identity) -> bool {
        self.trees.iter().any(|tree| {
            let within = |outer: &Tree| tree.path != outer.path && tree.path.starts_with(&outer.path);
            tree.identity == identity && !self.trees.iter().any(within)
        })
    }

    /// Whether the name that the kernel knows for a descriptor leads to the same inode from a granted directory, by directories alone.
    fn leads_to(&self, target: BorrowedFd<'_>, wanted: Identity) -> bool {
        let own = format!("/proc/self/fd/{}", target.as_raw_fd());
        let Ok(name) = rustix::fs::readlink(own, Vec::new()) else { return false };
        let name = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
        self.trees.iter().any(|tree| {
            let Some(rest) = name.strip_prefix(&tree.path).ok().filter(|rest| !rest.as_os_str().is_empty()) else {
                return false;
            };
            let open = |from: BorrowedFd<'_>, path: &Path, flags: OFlags, how: ResolveFlags| {
                let flags = flags | OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                rustix::fs::openat2(from, path, flags, Mode::empty(), how)
            };
            open(CWD, &tree.path, OFlags::DIRECTORY, ResolveFlags::NO_SYMLINKS)
                .and_then(|top| match identity(top.as_fd())? == tree.identity {
                    true => open(top.as_fd(), rest, OFlags::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS),
                    // Another directory has its name now, which was not granted.
                    false => Err(Errno::STALE),
                })
                .and_then(|found| identity(found.as_fd()))
                .is_ok_and(|found| found == wanted)
        })
    }
}

fn identity(fd: BorrowedFd<'_>) -> Result<Identity, Errno> {
    let stat = rustix::fs::fstat(fd)?;
    Ok(Identity { device: stat.st_dev, inode: stat.st_ino })
}

/// The ids of the mounts in a list of the kernel's (proc_pid_mountinfo(5)) that are not read-only.
///
/// Read from its beginning whoever has read it before: the open file is shared with other processes.
fn writable_mounts(list: BorrowedFd<'_>) -> io::Result<Vec<u64>> {
    let mut text = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    loop {
        match rustix::io::retry_on_intr(|| rustix::io::pread(list, &mut chunk, text.len() as u64))? {
            0 => break,
            read => text.extend_from_slice(&chunk[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&text).lines().filter_map(writable_mount).collect())
}

/// The id of the mount in one line, if something can be written by it.
fn writable_mount(line: &str) -> Option<u64> {
    // 36 35 98:0 /root /mount/point rw,noatime …
    let mut fields = line.split(' ');
    let id = fields.next()?.parse().ok()?;
    fields.nth(4)?.split(',').any(|option| option == "rw").then_some(id)
}

/// Changes an inode by a descriptor, which may be one that names it and no more (`O_PATH`).
pub(crate) fn change(target: BorrowedFd<'_>, change: Change) -> Result<(), Errno> {
    match change {
        Change::Times([last_access, last_modification]) => {
            let times = Timestamps { last_access, last_modification };
            rustix::fs::utimensat(target, c"", &times, AtFlags::EMPTY_PATH)
        }
        Change::Mode(mode) => match fchmodat2(target, mode & MODES) {
            // Linux before 6.6, which changes no mode by a descriptor that only names.
            Err(Errno::NOSYS) => rustix::fs::fchmod(target, Mode::from_raw_mode(mode & MODES)),
            answer => answer,
        },
    }
}

fn fchmodat2(target: BorrowedFd<'_>, mode: u32) -> Result<(), Errno> {
    const SYS_FCHMODAT2: libc::c_long = 452;
    // SAFETY: the path is an empty C string that lives through the call, and the rest are numbers.
    let answer = unsafe { libc::syscall(SYS_FCHMODAT2, target.as_raw_fd(), c"".as_ptr(), mode, libc::AT_EMPTY_PATH) };
    match answer {
        0 => Ok(()),
        _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::PERM)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_arrives_as_it_was_sent() {
        let times = [
            Timespec { tv_sec: -1, tv_nsec: 999_999_999 },
            Timespec { tv_sec: i64::MAX, tv_nsec: rustix::fs::UTIME_OMIT },
        ];
        for change in [Change::Mode(0o640), Change::Times(times)] {
            for named in [
                Named::Descriptor,
                Named::Path { path: c"a/b", follow: true },
                Named::Path { path: c"/l", follow: false },
            ] {
                let request = Request { change, named };
                let mut bytes = [0; LONGEST];
                let length = request.write(&mut bytes);
                assert_eq!(Request::read(&bytes[..length]), Some(request));
            }
        }
        for answer in [Answer::Changed, Answer::Errno(libc::EROFS), Answer::Refused] {
            assert_eq!(Answer::from_bytes(answer.to_bytes()), answer);
        }
    }

    #[test]
    fn what_is_no_request_is_none() {
        let mut bytes = [0; LONGEST];
        Request { change: Change::Mode(0), named: Named::Path { path: c"a", follow: true } }.write(&mut bytes);
        for length in [0, 1, HEAD - 1, HEAD, HEAD + 1] {
            assert_eq!(Request::read(&bytes[..length]), None, "{length}");
        }
        assert!(Request::read(&bytes[..HEAD + 2]).is_some());
        assert_eq!(Request::read(&bytes[..HEAD + 3]), None, "a NUL within");
        for (at, value) in [(0, 3), (1, 2), (0, 255)] {
            let mut other = bytes;
            other[at] = value;
            assert_eq!(Request::read(&other[..HEAD + 2]), None, "{value} at {at}");
        }
    }

    #[test]
    fn a_mount_is_writable_where_the_mount_says_so_and_not_its_file_system() {
        let line = |options: &str| {
            format!("36 35 98:0 /a\\040b /c\\040d {options} master:1 - ext3 /dev/root rw,errors=continue")
        };
        assert_eq!(writable_mount(&line("rw,nosuid,nodev")), Some(36));
        assert_eq!(writable_mount(&line("ro,nosuid")), None);
        assert_eq!(writable_mount(""), None);
        assert_eq!(writable_mount("x 35 98:0 / / rw"), None);
    }

    #[test]
    fn a_file_is_beneath_a_tree_by_the_way_that_leads_to_it() {
        let base =
            std::fs::canonicalize(std::env::temp_dir()).unwrap().join(format!("gaol-beneath-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&base);
        std::fs::create_dir_all(base.join("tree/directory")).unwrap();
        std::fs::create_dir_all(base.join("tree-beside")).unwrap();
        for file in ["tree/file", "tree/directory/inner (deleted)", "tree-beside/file", "outside"] {
            std::fs::write(base.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink(base.join("outside"), base.join("tree/link")).unwrap();
        let name = |name: &str, flags: OFlags| rustix::fs::open(base.join(name), flags, Mode::empty()).unwrap();
        let tree = identity(name("tree", OFlags::PATH).as_fd()).unwrap();
        let granted = |identity| Writable { trees: vec![Tree { path: base.join("tree"), identity }], mounts: None };
        let writable = granted(tree);
        let is_beneath = |fd: OwnedFd| writable.has(fd.as_fd()).unwrap();
        assert!(is_beneath(name("tree/file", OFlags::RDONLY)));
        assert!(is_beneath(name("tree/directory", OFlags::PATH)));
        assert!(is_beneath(name("tree/directory/inner (deleted)", OFlags::PATH)));
        assert!(is_beneath(name("tree/link", OFlags::PATH | OFlags::NOFOLLOW)), "a link itself");
        assert!(!is_beneath(name("tree/link", OFlags::PATH)), "what a link leads to");
        assert!(!is_beneath(name("tree", OFlags::PATH)), "the tree itself");
        assert!(!is_beneath(name("tree-beside/file", OFlags::PATH)));
        assert!(!is_beneath(name("outside", OFlags::RDWR)));
        assert!(!is_beneath(rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).unwrap()));
        // Gone, or another's by now.
        let file = name("tree/file", OFlags::RDWR);
        std::fs::rename(base.join("tree/file"), base.join("taken")).unwrap();
        assert!(!is_beneath(file), "taken away");
        let unlinked = name("tree/directory/inner (deleted)", OFlags::RDWR);
        std::fs::remove_file(base.join("tree/directory/inner (deleted)")).unwrap();
        assert!(!is_beneath(unlinked));
        let other = identity(name("tree-beside", OFlags::PATH).as_fd()).unwrap();
        assert!(!granted(other).has(name("tree/directory", OFlags::PATH).as_fd()).unwrap(), "another tree's name");
        std::fs::remove_dir_all(&base).unwrap();
    }
}
