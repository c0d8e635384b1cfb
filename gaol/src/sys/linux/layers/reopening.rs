//! Keeps a child from opening a descriptor again for more than it was handed over for.
//!
//! `/proc/self/fd/N` opens what a descriptor is open on, in any way that its mode allows. Landlock judges that as every other open, but for
//! what has no path on any mounted file system: pipes, and memory (memfd_create(2)).

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{FileType, MemfdFlags, Mode, OFlags, SealFlags, Stat};

use crate::sys::plan;
use crate::sys::plan::Plan;

/// What a descriptor could be opened for again, and is not open for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct More {
    reading: bool,
    writing: bool,
}

/// Sees to it that a child under `plan` cannot open any of `descriptors` again for more than it is open for.
///
/// What could be is a pipe or memory, which has no path and no mode that anybody else relies on: the mode is what keeps a child, which has
/// no capability, from opening it. So the modes that it is not open for are taken away.
///
/// # Errors
///
/// The kernel's, where that is not possible: the descriptor must not be handed over.
pub(crate) fn forbid_more<'a>(
    plan: &Plan,
    descriptors: impl IntoIterator<Item = BorrowedFd<'a>>,
) -> std::io::Result<()> {
    if !plan.has_paths() {
        return Ok(());
    }
    let mut shown = None;
    for fd in descriptors {
        let Some((stat, more)) = could_be(fd, plan.writes()) else { continue };
        if !*shown.get_or_insert_with(|| shows_descriptors(plan)) {
            return Ok(());
        }
        let reading = if more.reading { 0o444 } else { 0 };
        let writing = if more.writing { 0o222 } else { 0 };
        rustix::fs::fchmod(fd, Mode::from_raw_mode(stat.st_mode & 0o777 & !(reading | writing)))?;
    }
    Ok(())
}

/// What a descriptor could be opened for again, where `/proc` is there, and files can be opened for reading and perhaps for `writing`.
fn could_be(fd: BorrowedFd<'_>, writing: bool) -> Option<(Stat, More)> {
    // What cannot be looked at cannot be handed over.
    let flags = rustix::fs::fcntl_getfl(fd).ok()?;
    let is_for = |other: OFlags| !flags.contains(OFlags::PATH) && flags & OFlags::RWMODE != other;
    let more = More { reading: !is_for(OFlags::WRONLY), writing: writing && !is_for(OFlags::RDONLY) };
    if !more.reading && !more.writing {
        return None;
    }
    let stat = rustix::fs::fstat(fd).ok()?;
    let kind = kind(fd, &stat)?;
    let reading = more.reading && allows(&stat, 0o4);
    let writing = more.writing && allows(&stat, 0o2) && !(kind == Kind::Memory && is_sealed(fd));
    (reading || writing).then_some((stat, More { reading, writing }))
}

/// What Landlock does not judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pipe,
    Memory,
}

/// What it is, if Landlock does not judge it.
fn kind(fd: BorrowedFd<'_>, stat: &Stat) -> Option<Kind> {
    const PIPES: i64 = 0x5049_5045;
    const MEMORY: i64 = 0x0102_1994;
    const HUGE_PAGES: i64 = 0x9584_58F6;
    let file_system = || rustix::fs::fstatfs(fd).map_or(0, |file_system| file_system.f_type);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Fifo if file_system() == PIPES => Some(Kind::Pipe),
        FileType::RegularFile => match file_system() {
            // A file that has, or had, a name is on another device than memory that never had one.
            MEMORY if memory_device().is_none_or(|device| device == stat.st_dev) => Some(Kind::Memory),
            HUGE_PAGES if stat.st_nlink == 0 => Some(Kind::Memory),
            _ => None,
        },
        _ => None,
    }
}

/// The device that all memory without a name is on.
fn memory_device() -> Option<u64> {
    static DEVICE: OnceLock<Option<u64>> = OnceLock::new();
    *DEVICE.get_or_init(|| {
        let memory = rustix::fs::memfd_create(c"gaol", MemfdFlags::CLOEXEC).ok()?;
        rustix::fs::fstat(&memory).ok().map(|stat| stat.st_dev)
    })
}

/// Whether its mode allows a child to open it so. A child has the application's user and no capability.
fn allows(stat: &Stat, access: u32) -> bool {
    let classes = if stat.st_uid == rustix::process::geteuid().as_raw() {
        stat.st_mode >> 6
    } else {
        stat.st_mode >> 3 | stat.st_mode
    };
    classes & access != 0
}

/// Whether nothing can be written to memory that is opened from now on.
fn is_sealed(fd: BorrowedFd<'_>) -> bool {
    rustix::fs::fcntl_get_seals(fd).is_ok_and(|seals| {
        seals.contains(SealFlags::GROW | SealFlags::SHRINK)
            && seals.intersects(SealFlags::WRITE | SealFlags::FUTURE_WRITE)
    })
}

/// Whether a child finds its descriptors by name: it does wherever a file system of processes is, and there is one in every root but
/// those that are made for it.
fn shows_descriptors(plan: &Plan) -> bool {
    let directories = plan.grants.iter().filter(|grant| grant.kind == plan::Kind::Directory);
    let mut directories = directories.map(|grant| grant.path());
    match std::fs::read("/proc/self/mountinfo") {
        Ok(table) if plan.has_private_root() => {
            let mounts = mounts_of_processes(&table);
            directories.any(|directory| {
                mounts.iter().any(|mount| mount.starts_with(directory) || directory.starts_with(mount))
            })
        }
        _ => true,
    }
}

/// Where file systems of processes are mounted.
fn mounts_of_processes(table: &[u8]) -> Vec<PathBuf> {
    let mount = |line: &[u8]| -> Option<PathBuf> {
        let mut fields = line.split(|byte| *byte == b' ');
        let place = unescaped(fields.nth(4)?);
        let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
        (kind == b"proc").then(|| Path::new(&place).to_owned())
    };
    table.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// A path as the kernel writes it there: with `\040` for a space.
fn unescaped(field: &[u8]) -> OsString {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| byte == b'\\').and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                path.push(byte);
                rest = &after[3..];
            }
            None => {
                path.push(byte);
                rest = after;
            }
        }
    }
    OsString::from_vec(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_processes_are_found_under_their_names() {
        let table = b"24 30 0:22 / /proc rw,nosuid - proc proc rw\n25 30 0:23 / /sys rw - sysfs proc rw\n\
            31 30 0:22 / /a\\040b/p\\134q rw shared:1 master:2 - proc none rw\n32 30 0:24 / /proc/x rw - tmpfs - rw\n";
        assert_eq!(mounts_of_processes(table), [Path::new("/proc"), Path::new("/a b/p\\q")]);
    }
}
