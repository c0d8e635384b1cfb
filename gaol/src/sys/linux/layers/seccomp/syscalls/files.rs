//! Paths and the files that they name: looking, opening, changing.

use libc::{EACCES, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, c_long};

use super::bits;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Handle, Refuse};
use crate::sys::layers::seccomp::rule::{Argument, Rule, Table, argument, when};
use crate::sys::layers::seccomp::{Paths, Shape};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    looking(table, shape);
    opening(table, shape);
    changing(table, shape);
    // SQLite gives its files the owner of the database when it runs as root, and shrugs when it cannot.
    table.always(libc::SYS_fchown, Answer(EPERM));
    if shape.exec {
        owners_and_attributes(table);
    }
}

/// Calls that look at a path and change nothing.
fn looking(table: &mut Table, shape: &Shape) {
    // From "/", which is all that it is without a path to change it by.
    table.allow(&[libc::SYS_getcwd]);
    match shape.paths {
        Paths::None => {
            // fstat of glibc and of std: the path may be empty, which no filter can see. The handler can.
            table.always(libc::SYS_newfstatat, Handle);
            table.always(libc::SYS_statx, Handle);
            return;
        }
        Paths::Visible => stat_family(table),
        Paths::Judged => {
            for call in STAT_FAMILY.iter().chain(STAT_FAMILY_WITH_FLAGS) {
                // By what the kernel calls a descriptor a judge finds the way to it.
                let of_judge = *call == libc::SYS_readlinkat && has_judge(shape);
                table.always(*call, if of_judge { Allow } else { Handle });
            }
        }
    }
    table.allow(&[
        libc::SYS_fstatfs, // of a file that was opened
        libc::SYS_fchdir,  // into a directory that was opened
    ]);
    // Without a private root nobody judges it. libselinux asks when it is loaded, by which ls and tar do.
    let statfs = match (shape.private_root, shape.exec) {
        (true, _) => Allow,
        (false, false) => Refuse(EACCES),
        (false, true) => Answer(EACCES),
    };
    table.always(libc::SYS_statfs, statfs);
}

/// Calls that tell of a path's metadata.
const STAT_FAMILY: &[c_long] = &[
    libc::SYS_faccessat,
    libc::SYS_readlinkat,
    libc::SYS_chdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
];

/// Those that take flags, which the handler judges by itself.
const STAT_FAMILY_WITH_FLAGS: &[c_long] = &[libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_faccessat2];

fn stat_family(table: &mut Table) {
    table.allow(STAT_FAMILY);
    let known = bits(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH | libc::AT_NO_AUTOMOUNT);
    table.choose(libc::SYS_newfstatat, [when([argument(3).only(known)], Allow)], Answer(EINVAL));
    let known = known | bits(libc::AT_STATX_FORCE_SYNC | libc::AT_STATX_DONT_SYNC);
    // What is asked for: all that there is up to Linux 6.16, of the file and of its mount.
    let asked = argument(3).only(0x3_FFFF);
    table.choose(libc::SYS_statx, [when([argument(2).only(known), asked], Allow)], Answer(EINVAL));
    let known = bits(libc::AT_EACCESS | libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH);
    table.choose(libc::SYS_faccessat2, [when([argument(3).only(known)], Allow)], Answer(EINVAL));
}

/// Set-user-id, set-group-id and sticky: no file is created with them.
const SPECIAL_MODES: u32 = 0o7000;

/// The access mode of open(2). musl's O_ACCMODE has O_PATH in it.
const ACCESS_MODE: u32 = 3;

/// The bit of O_TMPFILE that is its own; the rest of it is O_DIRECTORY.
const UNNAMED: u32 = 0o20_000_000;

/// O_LARGEFILE as the kernel has it, which is 0 in libc for 64-bit targets. musl sets it.
const LARGE: u32 = if cfg!(target_arch = "x86_64") { 0o100_000 } else { 0o400_000 };

/// The flags of open(2), but for O_ASYNC, which would have signals sent.
const OPENING: u32 = ACCESS_MODE
    | UNNAMED
    | LARGE
    | bits(
        libc::O_CREAT
            | libc::O_EXCL
            | libc::O_NOCTTY
            | libc::O_TRUNC
            | libc::O_APPEND
            | libc::O_NONBLOCK
            | libc::O_DSYNC
            | libc::O_SYNC
            | libc::O_DIRECT
            | libc::O_DIRECTORY
            | libc::O_NOFOLLOW
            | libc::O_NOATIME
            | libc::O_CLOEXEC
            | libc::O_PATH,
    );

fn opening(table: &mut Table, shape: &Shape) {
    // Its flags are in memory. Callers fall back to openat. A judge opens by name alone.
    table.always(libc::SYS_openat2, if has_judge(shape) { Allow } else { Answer(ENOSYS) });
    if shape.paths == Paths::None {
        return;
    }
    open(table, shape, libc::SYS_openat, argument(2), argument(3));
    #[cfg(target_arch = "x86_64")]
    open(table, shape, libc::SYS_open, argument(1), argument(2));
}

fn open(table: &mut Table, shape: &Shape, call: c_long, flags: Argument, mode: Argument) {
    let truncates = bits(libc::O_TRUNC);
    let creates = bits(libc::O_CREAT) | UNNAMED;
    // The kernel takes no notice of a flag that it does not know; openat2 says EINVAL.
    let unknown = when([flags.has(!OPENING)], Answer(EINVAL));
    // Landlock does not judge it, and what it opens can be stated.
    let without_access =
        when([flags.has(bits(libc::O_PATH))], if shape.paths == Paths::Visible { Allow } else { Refuse(EACCES) });
    if shape.write {
        let rules = vec![
            unknown,
            without_access,
            // Neither reading nor writing, but some ioctls.
            when([flags.masked(ACCESS_MODE, &[ACCESS_MODE])], Refuse(EACCES)),
            // Truncates by a right to read, where Landlock does not know truncation.
            when([flags.lacks(ACCESS_MODE), flags.has(truncates)], Refuse(EACCES)),
            when([flags.has(creates), mode.has(SPECIAL_MODES)], Refuse(EPERM)),
        ];
        table.decide(call, rules, Allow);
    } else {
        let reads = flags.lacks(ACCESS_MODE | truncates | creates);
        table.decide(call, vec![unknown, without_access, when([reads], Allow)], Refuse(EACCES));
    }
}

/// Calls that change what a path names, beyond opening it.
fn changing(table: &mut Table, shape: &Shape) {
    lock(table, shape);
    if shape.paths == Paths::None {
        return;
    }
    if !shape.write {
        // As Landlock would answer.
        for call in CHANGES {
            table.always(*call, Refuse(EACCES));
        }
        return;
    }
    table.allow(&[libc::SYS_truncate, libc::SYS_symlinkat, SYS_RENAMEAT]);
    let flags = argument(2).only(bits(libc::AT_REMOVEDIR));
    table.choose(libc::SYS_unlinkat, [when([flags], Allow)], Answer(EINVAL));
    table.choose(libc::SYS_mkdirat, [ordinary(argument(2))], Refuse(EPERM));
    // No RENAME_WHITEOUT, which makes a device.
    let flags = argument(4).one_of(&[0, libc::RENAME_NOREPLACE, libc::RENAME_EXCHANGE]);
    table.choose(libc::SYS_renameat2, [when([flags], Allow)], Refuse(EPERM));
    // No AT_EMPTY_PATH, which gives a name to a descriptor from elsewhere.
    let flags = argument(4).one_of(&[0, bits(libc::AT_SYMLINK_FOLLOW)]);
    table.choose(libc::SYS_linkat, [when([flags], Allow)], Refuse(EPERM));
    #[cfg(target_arch = "x86_64")]
    {
        table.allow(&[libc::SYS_unlink, libc::SYS_rmdir, libc::SYS_rename, libc::SYS_link, libc::SYS_symlink]);
        table.choose(libc::SYS_mkdir, [ordinary(argument(1))], Refuse(EPERM));
        table.choose(libc::SYS_creat, [ordinary(argument(1))], Refuse(EPERM));
    }
    for call in MODES_AND_TIMES {
        // A mount does not keep a mode off a file whose descriptor came from elsewhere, nor does Landlock. A worker's judge does, and asks the
        // kernel by these. Programs have no handler that could ask it.
        let of_template = if has_judge(shape) && OF_JUDGE.contains(call) { Allow } else { Handle };
        table.always(*call, if shape.exec { Answer(EPERM) } else { of_template });
    }
}

/// What a template may call for its worker's judge, which is its child, and its workers may not.
pub(super) fn of_judge(table: &mut Table, shape: &Shape) {
    if !has_judge(shape) {
        return;
    }
    for call in OF_JUDGE {
        table.always(*call, Handle);
    }
    table.always(libc::SYS_openat2, Answer(ENOSYS));
    if shape.paths == Paths::Judged {
        table.always(libc::SYS_readlinkat, Handle);
    }
}

/// An application has no template that could fork a judge.
fn has_judge(shape: &Shape) -> bool {
    shape.paths != Paths::None && shape.write && !shape.exec && !shape.narrows
}

/// By what a judge changes a mode and times.
const OF_JUDGE: &[c_long] = &[libc::SYS_fchmod, SYS_FCHMODAT2, libc::SYS_utimensat];

/// flock(2): one lock for each open file, so the kernel keeps no more of them than there are descriptors.
fn lock(table: &mut Table, shape: &Shape) {
    let shared = [libc::LOCK_SH, libc::LOCK_SH | libc::LOCK_NB, libc::LOCK_UN, libc::LOCK_UN | libc::LOCK_NB].map(bits);
    // It locks others out of what may only be read: a filter does not see whether the descriptor is open for writing.
    let exclusive = [libc::LOCK_EX, libc::LOCK_EX | libc::LOCK_NB].map(bits);
    let locked = if shape.write && shape.paths != Paths::None { Allow } else { Refuse(EPERM) };
    let operation = argument(1);
    let rules = [when([operation.one_of(&shared)], Allow), when([operation.one_of(&exclusive)], locked)];
    table.choose(libc::SYS_flock, rules, Answer(EINVAL));
}

/// What a file is created with.
fn ordinary(mode: Argument) -> Rule {
    when([mode.lacks(SPECIAL_MODES)], Allow)
}

/// Calls that change the mode or the times of a file.
const MODES_AND_TIMES: &[c_long] = &[
    libc::SYS_utimensat,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    SYS_FCHMODAT2,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utime,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_utimes,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_futimesat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_chmod,
];

/// What common programs keep with the files that they copy, and do without.
fn owners_and_attributes(table: &mut Table) {
    let owners = [
        libc::SYS_fchownat, // tar, as root
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chown,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_lchown,
    ];
    for call in owners {
        table.always(call, Answer(EPERM));
    }
    // As from a file system that has none. ls and find look for access control lists, cp -p sets them, and falls back to chmod.
    for call in [
        libc::SYS_getxattr,
        libc::SYS_lgetxattr,
        libc::SYS_fgetxattr,
        libc::SYS_listxattr,
        libc::SYS_llistxattr,
        libc::SYS_flistxattr,
        libc::SYS_setxattr,
        libc::SYS_lsetxattr,
        libc::SYS_fsetxattr,
        libc::SYS_removexattr,
        libc::SYS_lremovexattr,
        libc::SYS_fremovexattr,
    ] {
        table.always(call, Answer(EOPNOTSUPP));
    }
}

/// What a profile without `write` refuses as Landlock would.
const CHANGES: &[c_long] = &[
    libc::SYS_truncate,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_symlinkat,
    libc::SYS_linkat,
    libc::SYS_renameat2,
    SYS_RENAMEAT,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_creat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_mkdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rmdir,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_rename,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_link,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_symlink,
];

/// Not in libc for every target.
const SYS_RENAMEAT: c_long = if cfg!(target_arch = "x86_64") { 264 } else { 38 };
const SYS_FCHMODAT2: c_long = 452;
