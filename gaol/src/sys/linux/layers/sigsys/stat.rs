//! Answers the stat family by opening the path, which Landlock judges.
//!
//! So a path has metadata for the child where it may be read (or written), and nowhere else. What differs from the
//! kernel's own answers: a file that its mode forbids to open has no metadata; a symbolic link has an inode number,
//! and its target is not told; a socket has none; `access` of a directory for writing is taken from the profile; the
//! directories on the way to a granted path are there, and that is all that is told of them.
//!
//! # Safety
//!
//! As in the module above: the pointers of a trapped call are the caller's, and are given to system calls that check them, or written to
//! as the call itself would have written.

use std::ffi::{CStr, c_char, c_int};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path;
use std::sync::OnceLock;

use super::{Call, Mode, Refusal};

/// What `open` is asked for besides the access mode: no side effects, as far as a device or a FIFO allows.
const QUIETLY: c_int = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;

/// The directories on the way to the granted paths, as absolute normal paths.
static ON_THE_WAY: OnceLock<Vec<Vec<u8>>> = OnceLock::new();

/// Names the granted paths, so that the directories that lead to them can be told to be directories: `realpath` and
/// SQLite ask for every one. Nothing that the profile has not said is told of them. Only the first call counts.
pub(crate) fn lead_to<'a>(granted: impl IntoIterator<Item = &'a path::Path>) {
    let mut directories: Vec<Vec<u8>> = granted
        .into_iter()
        .flat_map(|path| path.ancestors().skip(1))
        .map(|directory| directory.as_os_str().as_bytes().to_vec())
        .collect();
    directories.sort();
    directories.dedup();
    // A second set would come from a second profile, and a template has one.
    let _first_counts = ON_THE_WAY.set(directories);
}

/// What a trapped call asks.
enum Question {
    Stat { buffer: *mut libc::stat },
    Statx { buffer: *mut libc::statx },
    Access { mode: u32 },
    ReadLink,
    ChangeDirectory,
}

/// The path of a trapped call, and how to look at it.
pub(super) struct Place {
    pub(super) directory: RawFd,
    pub(super) path: *const c_char,
    /// A symbolic link at the end stands for what it names.
    pub(super) follow: bool,
    /// An empty path stands for `directory`.
    pub(super) empty: bool,
}

/// What was found in a place.
enum Found {
    Opened(OwnedFd),
    /// The descriptor that the call named.
    Itself(RawFd),
    Link {
        inode: u64,
        parent: OwnedFd,
    },
    OnTheWay {
        number: u64,
    },
}

pub(super) fn answer(call: &Call, mode: Mode) -> Result<(), Refusal> {
    if is_a_habit(call) {
        return Err(libc::EPERM.into());
    }
    let (place, question) = asked(call)?;
    let found = if mode.judged { find(&place, mode) } else { find_empty(&place) }?;
    match question {
        Question::Stat { buffer } => tell_stat(&found, buffer),
        Question::Statx { buffer } => tell_statx(&found, buffer),
        Question::Access { mode: wanted } => tell_access(&found, &place, wanted, mode),
        Question::ReadLink => Err(Refusal::Errno(match found {
            // Where a link leads is not told.
            Found::Link { .. } => libc::EACCES,
            _ => libc::EINVAL,
        })),
        Question::ChangeDirectory => match found {
            Found::Opened(directory) => {
                checked(|| {
                    // SAFETY: it takes a number.
                    unsafe { libc::syscall(libc::SYS_fchdir, directory.as_raw_fd()) }
                })?;
                Ok(())
            }
            _ => Err(libc::EACCES.into()),
        },
    }
}

/// What std and libc open by themselves to size their pools, and do without.
const HABITS: &[&CStr] = &[
    c"/proc/self/cgroup",              // std: available_parallelism
    c"/proc/self/mountinfo",           // std: the same
    c"/sys/devices/system/cpu/online", // glibc before 2.35: malloc, when a second thread calls it
    c"/proc/stat",                     // glibc: the same
    c"/proc/sys/vm/overcommit_memory", // glibc: malloc, when it shrinks; mimalloc
    c"/etc/localtime",                 // C libraries: any local time
];

/// Whether a refused call is no violation because the function did not ask for it. Nothing is opened in any case.
fn is_a_habit(call: &Call) -> bool {
    let path = match libc::c_long::from(call.number) {
        libc::SYS_openat => call.arguments[1],
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => call.arguments[0],
        _ => return false,
    };
    HABITS.iter().any(|habit| {
        habit.to_bytes_with_nul().iter().zip(path..).all(|(byte, address)| {
            // SAFETY: the kernel has just read it.
            check_readable(address).is_ok() && unsafe { (address as *const u8).read_volatile() } == *byte
        })
    })
}

/// Reads the call. What is not of the family is a violation.
fn asked(call: &Call) -> Result<(Place, Question), Refusal> {
    const FOLLOW_ONLY: c_int = 0;
    let arguments = &call.arguments;
    let at = |position: usize, flags: c_int| Place {
        directory: int(arguments[position]),
        path: arguments[position + 1] as *const c_char,
        follow: flags & libc::AT_SYMLINK_NOFOLLOW == 0,
        empty: flags & libc::AT_EMPTY_PATH != 0,
    };
    let here =
        |follow: bool| Place { directory: libc::AT_FDCWD, path: arguments[0] as *const c_char, follow, empty: false };
    let only = |flags: c_int, known: c_int| if flags & !known == 0 { Ok(()) } else { Err(libc::EINVAL) };
    let access = |value: u64| match int(value).cast_unsigned() {
        mode @ 0..=7 => Ok(Question::Access { mode }),
        _ => Err(libc::EINVAL),
    };
    let size = |value: u64| if int(value) > 0 { Ok(Question::ReadLink) } else { Err(libc::EINVAL) };

    Ok(match libc::c_long::from(call.number) {
        libc::SYS_newfstatat => {
            let flags = int(arguments[3]);
            only(flags, libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH)?;
            (at(0, flags), Question::Stat { buffer: arguments[2] as *mut libc::stat })
        }
        libc::SYS_statx => {
            let flags = int(arguments[2]);
            // The two bits say how fresh a network file system's answer is to be; both at once mean nothing.
            let freshness = libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC;
            only(flags, libc::AT_SYMLINK_NOFOLLOW | libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH | freshness)?;
            if flags & freshness == freshness || int(arguments[3]) < 0 {
                return Err(libc::EINVAL.into());
            }
            (at(0, flags), Question::Statx { buffer: arguments[4] as *mut libc::statx })
        }
        libc::SYS_faccessat => (at(0, FOLLOW_ONLY), access(arguments[2])?),
        libc::SYS_faccessat2 => {
            let flags = int(arguments[3]);
            only(flags, libc::AT_EACCESS | libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH)?;
            (at(0, flags), access(arguments[2])?)
        }
        libc::SYS_readlinkat => (Place { follow: false, ..at(0, FOLLOW_ONLY) }, size(arguments[3])?),
        libc::SYS_chdir => (here(true), Question::ChangeDirectory),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_stat => (here(true), Question::Stat { buffer: arguments[1] as *mut libc::stat }),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lstat => (here(false), Question::Stat { buffer: arguments[1] as *mut libc::stat }),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_access => (here(true), access(arguments[1])?),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_readlink => (here(false), size(arguments[2])?),
        _ => return Err(Refusal::Violation),
    })
}

/// Whether a file that can be opened has this mode.
pub(super) fn has_mode(place: &Place, wanted: u32) -> Result<bool, c_int> {
    let found = match place.path.is_null() {
        true => Found::Itself(place.directory),
        false => {
            let follow = if place.follow { 0 } else { libc::O_NOFOLLOW };
            let opened = [libc::O_RDONLY, libc::O_WRONLY].map(|access| access | follow);
            let mut opened = opened.into_iter().map(|flags| open(place.directory, place.path, flags));
            match opened.find_map(Result::ok) {
                Some(opened) => Found::Opened(opened),
                None => return Ok(false),
            }
        }
    };
    let stat = stat_of(&found)?;
    Ok(stat.st_mode & 0o7777 == wanted & 0o7777)
}

/// Without a file operation, only a descriptor has metadata.
fn find_empty(place: &Place) -> Result<Found, Refusal> {
    if !(place.empty && is_empty(place.path)?) {
        return Err(Refusal::Violation);
    }
    match place.directory {
        libc::AT_FDCWD => Err(Refusal::Violation),
        descriptor => Ok(Found::Itself(descriptor)),
    }
}

fn find(place: &Place, mode: Mode) -> Result<Found, Refusal> {
    let follow = if place.follow { 0 } else { libc::O_NOFOLLOW };
    match open(place.directory, place.path, libc::O_RDONLY | follow) {
        Ok(opened) => Ok(Found::Opened(opened)),
        Err(libc::ENOENT | libc::EFAULT) if place.empty && is_empty(place.path)? => match place.directory {
            libc::AT_FDCWD => Ok(Found::Opened(open(libc::AT_FDCWD, c".".as_ptr(), libc::O_RDONLY)?)),
            descriptor => Ok(Found::Itself(descriptor)),
        },
        Err(libc::ELOOP) if !place.follow => find_link(place),
        Err(libc::EACCES) => {
            if mode.write {
                // Landlock may allow writing alone. That it is a directory (EISDIR) is found before Landlock is
                // asked, so no other answer than a descriptor counts.
                if let Ok(opened) = open(place.directory, place.path, libc::O_WRONLY | follow) {
                    return Ok(Found::Opened(opened));
                }
            }
            find_on_the_way(place).ok_or(libc::EACCES.into())
        }
        // A socket or a device without a driver.
        Err(libc::ENXIO | libc::ENODEV) => Err(libc::EACCES.into()),
        Err(errno) => Err(errno.into()),
    }
}

/// A symbolic link cannot be opened. Who may list its directory may know that it is there.
fn find_link(place: &Place) -> Result<Found, Refusal> {
    let mut path = Path::copy(place.path)?;
    let name = path.split().ok_or(libc::ELOOP)?;
    let parent =
        open(place.directory, path.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY).map_err(|errno| match errno {
            libc::EMFILE | libc::ENFILE | libc::ENOMEM => errno,
            _ => libc::EACCES,
        })?;
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = rustix::fs::RawDir::new(parent.as_fd(), &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| error.raw_os_error())?;
        if name.is(entry.file_name()) {
            let inode = entry.ino();
            return match entry.file_type() {
                rustix::fs::FileType::Symlink | rustix::fs::FileType::Unknown => Ok(Found::Link { inode, parent }),
                // It was replaced in between.
                _ => Err(libc::ELOOP.into()),
            };
        }
    }
    Err(libc::ENOENT.into())
}

/// A directory on the way to a granted path, named by an absolute path.
fn find_on_the_way(place: &Place) -> Option<Found> {
    let directories = ON_THE_WAY.get()?;
    let path = Path::copy(place.path).ok()?;
    let number = directories.iter().position(|directory| path.is_the_same_as(directory))?;
    Some(Found::OnTheWay { number: number as u64 + 1 })
}

fn tell_stat(found: &Found, buffer: *mut libc::stat) -> Result<(), Refusal> {
    match found {
        Found::Opened(file) => stat_into(file.as_raw_fd(), buffer)?,
        Found::Itself(descriptor) => stat_into(*descriptor, buffer)?,
        Found::Link { .. } | Found::OnTheWay { .. } => {
            let stat = stat_of(found)?;
            check_writable(buffer.cast())?;
            // SAFETY: the caller's buffer, as it would be for the kernel; its start has just been found to be writable.
            unsafe { buffer.write_unaligned(stat) };
        }
    }
    Ok(())
}

fn tell_statx(found: &Found, buffer: *mut libc::statx) -> Result<(), Refusal> {
    let stat = stat_of(found)?;
    check_writable(buffer.cast())?;
    // SAFETY: all-zero bytes are a `statx`.
    let mut statx: libc::statx = unsafe { std::mem::zeroed() };
    let time = |seconds: i64, nanoseconds: i64| {
        // SAFETY: all-zero bytes are a `statx_timestamp`.
        let mut time: libc::statx_timestamp = unsafe { std::mem::zeroed() };
        time.tv_sec = seconds;
        time.tv_nsec = nanoseconds as u32;
        time
    };
    statx.stx_mask = libc::STATX_BASIC_STATS;
    statx.stx_blksize = stat.st_blksize as u32;
    statx.stx_nlink = stat.st_nlink as u32;
    statx.stx_uid = stat.st_uid;
    statx.stx_gid = stat.st_gid;
    statx.stx_mode = stat.st_mode as u16;
    statx.stx_ino = stat.st_ino;
    statx.stx_size = stat.st_size.cast_unsigned();
    statx.stx_blocks = stat.st_blocks.cast_unsigned();
    statx.stx_atime = time(stat.st_atime, stat.st_atime_nsec);
    statx.stx_mtime = time(stat.st_mtime, stat.st_mtime_nsec);
    statx.stx_ctime = time(stat.st_ctime, stat.st_ctime_nsec);
    statx.stx_rdev_major = libc::major(stat.st_rdev);
    statx.stx_rdev_minor = libc::minor(stat.st_rdev);
    statx.stx_dev_major = libc::major(stat.st_dev);
    statx.stx_dev_minor = libc::minor(stat.st_dev);
    // SAFETY: the caller's buffer, as it would be for the kernel; its start has just been found to be writable.
    unsafe { buffer.write_unaligned(statx) };
    Ok(())
}

fn tell_access(found: &Found, place: &Place, wanted: u32, mode: Mode) -> Result<(), Refusal> {
    let wants = |bit: c_int| wanted & bit.cast_unsigned() != 0;
    let stat = stat_of(found)?;
    let is_directory = stat.st_mode & libc::S_IFMT == libc::S_IFDIR;
    let denied = match found {
        Found::OnTheWay { .. } => wants(libc::R_OK) || wants(libc::W_OK),
        Found::Link { .. } => false,
        // Whether something may be created in it, only creating it would tell. To be asked is not to be allowed.
        _ if is_directory => wants(libc::W_OK) && !mode.write,
        _ => {
            let follow = if place.follow { 0 } else { libc::O_NOFOLLOW };
            for (bit, access) in [(libc::R_OK, libc::O_RDONLY), (libc::W_OK, libc::O_WRONLY)] {
                if wants(bit) {
                    let again = match found {
                        Found::Itself(_) => Err(libc::EACCES),
                        _ if access == libc::O_WRONLY && !mode.write => Err(libc::EACCES),
                        _ => open(place.directory, place.path, access | follow),
                    };
                    drop(again?);
                }
            }
            wants(libc::X_OK) && stat.st_mode & 0o111 == 0
        }
    };
    if denied { Err(libc::EACCES.into()) } else { Ok(()) }
}

/// The metadata of what was found, as far as it is told.
fn stat_of(found: &Found) -> Result<libc::stat, c_int> {
    // SAFETY: all-zero bytes are a `stat`.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    match found {
        Found::Opened(file) => stat_into(file.as_raw_fd(), &raw mut stat)?,
        Found::Itself(descriptor) => stat_into(*descriptor, &raw mut stat)?,
        Found::Link { inode, parent } => {
            stat_into(parent.as_raw_fd(), &raw mut stat)?;
            let device = stat.st_dev;
            // SAFETY: as above.
            stat = unsafe { std::mem::zeroed() };
            stat.st_dev = device;
            stat.st_ino = *inode;
            stat.st_mode = libc::S_IFLNK | 0o777;
            stat.st_nlink = 1;
        }
        Found::OnTheWay { number } => {
            stat.st_ino = *number;
            stat.st_mode = libc::S_IFDIR | 0o111;
            stat.st_nlink = 2;
        }
    }
    Ok(stat)
}

/// fstat itself, which is always allowed, and which libc's `fstat` does not call.
fn stat_into(descriptor: RawFd, buffer: *mut libc::stat) -> Result<(), c_int> {
    // SAFETY: the kernel writes a `stat` where the caller asked for one, and answers EFAULT where nothing can be
    // written.
    checked(|| unsafe { libc::syscall(libc::SYS_fstat, descriptor, buffer) }).map(drop)
}

pub(super) fn open(directory: RawFd, path: *const c_char, flags: c_int) -> Result<OwnedFd, c_int> {
    // SAFETY: the kernel reads the path, and answers EFAULT where nothing can be read.
    let opened = checked(|| unsafe { libc::syscall(libc::SYS_openat, directory, path, flags | QUIETLY, 0) })?;
    // SAFETY: the kernel has just made the descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(opened as RawFd) })
}

/// Whether a path is empty. The kernel has not looked at it, so it may be no address at all.
fn is_empty(path: *const c_char) -> Result<bool, c_int> {
    if path.is_null() {
        // As Linux has it from 6.11 on.
        return Ok(true);
    }
    check_readable(path as u64)?;
    // SAFETY: the kernel has just read it.
    Ok(unsafe { path.read_volatile() } == 0)
}

/// EFAULT if the byte cannot be read. The kernel reads eight, a signal mask, before it finds that there is no such
/// way to set it; aligned, they lie in one page.
pub(super) fn check_readable(address: u64) -> Result<(), c_int> {
    const NO_SUCH_WAY: c_int = 99;
    let mask = address & !7;
    // SAFETY: the kernel checks the address, and changes nothing.
    match checked(|| unsafe { libc::syscall(libc::SYS_rt_sigprocmask, NO_SUCH_WAY, mask, 0_usize, 8_usize) }) {
        Ok(_) | Err(libc::EINVAL) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// EFAULT if the first eight bytes cannot be written. They are overwritten.
fn check_writable(bytes: *mut u8) -> Result<(), c_int> {
    // SAFETY: the kernel checks the address, and writes the signal mask where the caller expects an answer anyway.
    checked(|| unsafe { libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_BLOCK, 0_usize, bytes, 8_usize) }).map(drop)
}

/// A path of the caller, copied once: another thread may change it.
pub(super) struct Path {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Path {
    /// PATH_MAX, the NUL included.
    const MOST: usize = 4096;

    pub(super) fn empty() -> Self {
        Self { bytes: [0; Self::MOST], length: 0 }
    }

    /// Copies a path that the kernel has not looked at. It ends with a NUL.
    pub(super) fn fill(&mut self, path: *const c_char) -> Result<(), c_int> {
        const SMALLEST_PAGE: usize = 4096;
        for length in 0..Self::MOST {
            let at = path.wrapping_add(length);
            if length == 0 || at.addr().is_multiple_of(SMALLEST_PAGE) {
                check_readable(at.addr() as u64)?;
            }
            // SAFETY: the kernel has just read in its page.
            let byte = unsafe { at.read_volatile() } as u8;
            self.bytes[length] = byte;
            if byte == 0 {
                self.length = length;
                return Ok(());
            }
        }
        Err(libc::ENAMETOOLONG)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// To be called after the kernel has read the path, so that it can be read.
    fn copy(path: *const c_char) -> Result<Self, c_int> {
        let mut copy = Self { bytes: [0; Self::MOST], length: 0 };
        while copy.length < Self::MOST - 1 {
            // SAFETY: up to its NUL, the kernel has just read it.
            let byte = unsafe { path.wrapping_add(copy.length).read_volatile() };
            if byte == 0 {
                return Ok(copy);
            }
            copy.bytes[copy.length] = byte as u8;
            copy.length += 1;
        }
        Err(libc::ENAMETOOLONG)
    }

    /// Keeps the directory, and returns the last name. `None` after a final slash: there the link was followed, and
    /// leads in circles.
    fn split(&mut self) -> Option<Name> {
        let after_slash = self.bytes[..self.length].iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let mut name = Name { bytes: [0; Name::MOST] };
        let length = self.length - after_slash;
        if length == 0 || length >= Name::MOST {
            return None;
        }
        name.bytes[..length].copy_from_slice(&self.bytes[after_slash..self.length]);
        self.bytes[after_slash..].fill(0);
        if after_slash == 0 {
            self.bytes[0] = b'.';
        }
        Some(name)
    }

    fn as_ptr(&self) -> *const c_char {
        self.bytes.as_ptr().cast()
    }

    /// Whether it names the same by its text, repeated slashes and dots aside. A relative path and one with `..` do
    /// not.
    fn is_the_same_as(&self, normal: &[u8]) -> bool {
        fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
            path.split(|byte| *byte == b'/').filter(|component| !matches!(*component, b"" | b"."))
        }
        self.bytes[0] == b'/' && components(&self.bytes[..self.length]).eq(components(normal))
    }
}

/// A name in a directory.
struct Name {
    bytes: [u8; Self::MOST],
}

impl Name {
    /// NAME_MAX and the NUL.
    const MOST: usize = 256;

    fn is(&self, name: &CStr) -> bool {
        self.bytes.starts_with(name.to_bytes_with_nul())
    }
}

/// Makes a call again while a signal interrupts it. `libc::syscall` reports by `errno`, which the handler restores.
fn checked(call: impl Fn() -> libc::c_long) -> Result<libc::c_long, c_int> {
    loop {
        let result = call();
        if result >= 0 {
            return Ok(result);
        }
        match io::Error::last_os_error().raw_os_error() {
            Some(libc::EINTR) => {}
            errno => return Err(errno.unwrap_or(libc::EPERM)),
        }
    }
}

/// A kernel `int` in a register.
pub(super) fn int(register: u64) -> c_int {
    (register as u32).cast_signed()
}
