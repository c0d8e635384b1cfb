//! Input and output on descriptors: to hold one is to have been given it.

use libc::{EOPNOTSUPP, EPERM};

use super::bits;
use crate::sys::linux::seccomp::Shape;
use crate::sys::linux::seccomp::rule::Action::{Allow, Answer, Refuse};
use crate::sys::linux::seccomp::rule::{Table, argument, when};

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
        libc::SYS_preadv2,
        libc::SYS_pwritev2,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_fstat,
        // Sizes and flushes what may be written: the kernel asks for a descriptor open for writing, or changes nothing.
        libc::SYS_ftruncate,
        libc::SYS_fsync,
        libc::SYS_fdatasync,
        // Advice on reading ahead; flate2, zip and image readers give it through std or libc.
        libc::SYS_fadvise64,
        // std::io::copy and std::fs::copy, which move bytes between two descriptors in the kernel.
        libc::SYS_copy_file_range,
        libc::SYS_sendfile,
    ]);
    // The table of descriptors stays shared between threads: no CLOSE_RANGE_UNSHARE.
    let flags = argument(2).one_of(&[0, libc::CLOSE_RANGE_CLOEXEC]);
    table.choose(libc::SYS_close_range, [when([flags], Allow)], Refuse(EPERM));
    // No O_NOTIFICATION_PIPE, which is O_EXCL here: a kernel interface of its own.
    let flags = argument(1).lacks(!bits(libc::O_CLOEXEC | libc::O_NONBLOCK));
    table.choose(libc::SYS_pipe2, [when([flags], Allow)], Refuse(EPERM));
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_dup2, libc::SYS_pipe]);
    fcntl(table, shape);
    ioctl(table, shape);
    waiting(table);
    // std::io::copy tries it between a pipe and a socket, and copies by hand after EPERM.
    table.always(libc::SYS_splice, Answer(EPERM));
}

fn fcntl(table: &mut Table, shape: &Shape) {
    let command = argument(1);
    let mut harmless = vec![
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        // Record locks: SQLite does not read a database without. Only a descriptor open for writing locks others out.
        libc::F_GETLK,
        libc::F_SETLK,
        libc::F_SETLKW,
        libc::F_OFD_GETLK,
        libc::F_OFD_SETLK,
        libc::F_OFD_SETLKW,
    ];
    if shape.exec {
        harmless.push(libc::F_GETPIPE_SZ); // bash, for a here-document
    }
    let harmless: Vec<u32> = harmless.into_iter().map(bits).collect();
    // O_APPEND and O_NONBLOCK come and go. O_ASYNC sends signals; the other two change how a shared file is read.
    let settable = argument(2).lacks(bits(libc::O_ASYNC | libc::O_DIRECT | libc::O_NOATIME));
    table.choose(
        libc::SYS_fcntl,
        [when([command.one_of(&harmless)], Allow), when([command.is(bits(libc::F_SETFL)), settable], Allow)],
        // Owners, signals, leases, notifications, pipe sizes, seals.
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
    let mut rules = Vec::new();
    if shape.exec {
        harmless.push(0x540F); // TIOCGPGRP: bash, whenever it starts
        let copying = [
            0x4004_9409, // FICLONE: cp, install and mv, which copy by hand without
            0xC020_660B, // FS_IOC_FIEMAP: cp before coreutils 9
        ];
        rules.push(when([request.one_of(&copying)], Answer(EOPNOTSUPP)));
    }
    rules.insert(0, when([request.one_of(&harmless)], Allow));
    // Nothing that types for somebody else (TIOCSTI, TIOCLINUX) or takes a terminal (TIOCSCTTY, TIOCSPGRP, TCSETS).
    table.decide(libc::SYS_ioctl, rules, Refuse(EPERM));
}

/// Waiting for descriptors to become ready: what poll, mio and tokio stand on.
fn waiting(table: &mut Table) {
    table.allow(&[
        libc::SYS_ppoll,
        libc::SYS_pselect6,
        libc::SYS_epoll_create1,
        libc::SYS_epoll_ctl,
        libc::SYS_epoll_pwait,
        libc::SYS_epoll_pwait2,
        libc::SYS_eventfd2,
    ]);
    #[cfg(target_arch = "x86_64")]
    table.allow(&[libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd]);
}
