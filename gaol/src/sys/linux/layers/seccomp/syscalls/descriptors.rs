//! Input and output on descriptors: to hold one is to have been given it.

use libc::{EINVAL, ENOLCK, EOPNOTSUPP, EPERM, c_long};

use super::bits;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Refuse};
use crate::sys::layers::seccomp::rule::{Table, argument, when};
use crate::sys::layers::seccomp::{Paths, Shape};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_pwrite64,
        libc::SYS_preadv,
        libc::SYS_pwritev,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_fstat,
        // Sizes and flushes what may be written: the kernel asks for a descriptor open for writing, or changes nothing.
        libc::SYS_ftruncate,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        // std::io::copy, which moves bytes between two descriptors in the kernel.
        libc::SYS_sendfile,
        // What a directory that was opened or handed over holds: names and kinds, nothing beneath it.
        libc::SYS_getdents64,
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_getdents]);
    moving(table);
    reserving(table);
    // The table of descriptors stays shared between threads: no CLOSE_RANGE_UNSHARE.
    let flags = argument(2).one_of(&[0, libc::CLOSE_RANGE_CLOEXEC]);
    table.choose(libc::SYS_close_range, [when([flags], Allow)], Refuse(EPERM));
    // No O_NOTIFICATION_PIPE, which is O_EXCL here: a kernel interface of its own.
    let flags = argument(1).only(bits(libc::O_CLOEXEC | libc::O_NONBLOCK));
    table.choose(libc::SYS_pipe2, [when([flags], Allow)], Refuse(EPERM));
    table.choose(libc::SYS_dup3, [when([argument(2).only(bits(libc::O_CLOEXEC))], Allow)], Answer(EINVAL));
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_dup2, libc::SYS_pipe]);
    fcntl(table, shape);
    ioctl(table, shape);
    waiting(table);
    // std::io::copy tries it between a pipe and a socket, and copies by hand after EPERM.
    table.always(libc::SYS_splice, Answer(EPERM));
}

/// Reading and writing with flags, and moving bytes from one descriptor to another.
fn moving(table: &mut Table) {
    // Not RWF_NOAPPEND, which writes elsewhere than at the end of a file that was opened to append to; not RWF_HIPRI, which spins in the
    // kernel. EOPNOTSUPP is what the kernel says of a flag that it or a file system does not know.
    let known = libc::RWF_DSYNC | libc::RWF_SYNC | libc::RWF_NOWAIT | libc::RWF_APPEND;
    for call in [libc::SYS_preadv2, libc::SYS_pwritev2] {
        table.choose(call, [when([argument(5).only(bits(known))], Allow)], Answer(EOPNOTSUPP));
    }
    // std::fs::copy. It has no flags yet.
    table.choose(libc::SYS_copy_file_range, [when([argument(5).is(0)], Allow)], Answer(EINVAL));
    // POSIX_FADV_*, NORMAL to NOREUSE: flate2, zip and image readers give it through std or libc.
    table.choose(libc::SYS_fadvise64, [when([argument(3).one_of(&[0, 1, 2, 3, 4, 5])], Allow)], Answer(EINVAL));
}

/// Space for what may be written: the kernel asks for a descriptor open for writing.
fn reserving(table: &mut Table) {
    // Not FALLOC_FL_KEEP_SIZE, which takes space past RLIMIT_FSIZE; not the modes that punch holes, shift or zero ranges: each is much of a
    // file system's code, and makes files of many pieces. cp, databases and posix_fallocate go another way.
    table.choose(libc::SYS_fallocate, [when([argument(1).is(0)], Allow)], Answer(EOPNOTSUPP));
    // SYNC_FILE_RANGE_WAIT_BEFORE, WRITE, WAIT_AFTER: databases.
    table.choose(SYS_SYNC_FILE_RANGE, [when([argument(3).only(7)], Allow)], Answer(EINVAL));
}

/// Not in libc for every target.
const SYS_SYNC_FILE_RANGE: c_long = if cfg!(target_arch = "x86_64") { 277 } else { 84 };

fn fcntl(table: &mut Table, shape: &Shape) {
    let command = argument(1);
    let harmless = [
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        // What a pipe holds and what is sealed of shared memory: to read, not to change. bash asks, for a here-document.
        libc::F_GETPIPE_SZ,
        libc::F_GET_SEALS,
    ]
    .map(bits);
    // Record locks. Their kind is in memory; the kernel lets only a descriptor open for writing lock others out. It keeps as many as are asked
    // for, on any descriptor, so they are for profiles with files: SQLite does not read a database without.
    let record_locks =
        [libc::F_GETLK, libc::F_SETLK, libc::F_SETLKW, libc::F_OFD_GETLK, libc::F_OFD_SETLK, libc::F_OFD_SETLKW]
            .map(bits);
    // A process that puts itself under a profile may have a database open. ENOLCK is what a network without a lock manager says.
    let locked = if shape.paths != Paths::None || shape.narrows { Allow } else { Answer(ENOLCK) };
    // O_APPEND and O_NONBLOCK come and go. O_ASYNC sends signals; the other two change how a shared file is read.
    let settable = argument(2).lacks(bits(libc::O_ASYNC | libc::O_DIRECT | libc::O_NOATIME));
    table.choose(
        libc::SYS_fcntl,
        [
            when([command.one_of(&harmless)], Allow),
            when([command.one_of(&record_locks)], locked),
            when([command.is(bits(libc::F_SETFL)), settable], Allow),
        ],
        // Owners, signals, leases, notifications; the size of a pipe, which is memory of the kernel's; seals.
        Refuse(EPERM),
    );
}

fn ioctl(table: &mut Table, shape: &Shape) {
    let request = argument(1);
    let mut harmless = vec![
        0x5401,      // TCGETS: isatty of glibc before 2.42, on std's standard streams
        0x802C_542A, // TCGETS2: isatty of glibc from 2.42 on
        0x5413,      // TIOCGWINSZ: isatty of musl
        0x541B,      // FIONREAD: how much is there to read
        0x5421,      // FIONBIO: set_nonblocking of std
        0x5450,      // FIONCLEX
        0x5451,      // FIOCLEX: close-on-exec, as std sets it
    ];
    if shape.exec {
        harmless.push(0x540F); // TIOCGPGRP: bash, whenever it starts
    }
    // As of a file system that has it not: cp, install, mv and crates that copy files copy by hand then.
    let copying = [
        0x4004_9409, // FICLONE
        0x4020_940D, // FICLONERANGE
        0xC020_660B, // FS_IOC_FIEMAP: cp before coreutils 9
    ];
    let rules = [when([request.one_of(&harmless)], Allow), when([request.one_of(&copying)], Answer(EOPNOTSUPP))];
    // Nothing that types for somebody else (TIOCSTI, TIOCLINUX) or takes a terminal (TIOCSCTTY, TIOCSPGRP, TCSETS).
    table.choose(libc::SYS_ioctl, rules, Refuse(EPERM));
}

/// Waiting for descriptors to become ready: what poll, mio and tokio stand on.
fn waiting(table: &mut Table) {
    table.allow(&[
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
    ]);
    let flags = argument(0).only(bits(libc::EPOLL_CLOEXEC));
    table.choose(libc::SYS_epoll_create1, [when([flags], Allow)], Answer(EINVAL));
    let flags = argument(1).only(bits(libc::EFD_SEMAPHORE | libc::EFD_CLOEXEC | libc::EFD_NONBLOCK));
    table.choose(libc::SYS_eventfd2, [when([flags], Allow)], Answer(EINVAL));
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd]);
}
