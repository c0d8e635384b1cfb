//! Rows 21–24, 42, 45, 50, 54, 74–79, 89, 110: the other ways to do what a row of the matrix names.
//!
//! # Safety
//!
//! The call into the vsyscall page is the attack: the kernel has put a function of this type there, or ends the process.
#![allow(unsafe_code)]

use gaol::Layer::{Capabilities, Hygiene, Landlock, Limits, Namespaces, Seccomp};
use libc::{EACCES, EAFNOSUPPORT, ENOSYS, EPERM};
use serde::{Deserialize, Serialize};

use super::expect::{KEPT, not_applicable};
use super::files::Target;
use super::place::Place;
use super::profiles::Profile::{Nothing, Read, Tcp, Write};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, exit_now, open, raw, read_some};

/// What is tried.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// `openat2` with `RESOLVE_*` flags, and flags that `openat` is judged by.
    Openat2(u64),
    /// A file without a name, written to, and given one by its descriptor, or by `/proc`.
    PublishTemporary,
    PublishByProc,
    Mknod(u32),
    BindUnix,
    AttachParent,
    SignalFirst,
    QueueEveryone,
    AdviseParent,
    ReleaseParent,
    MigrateParent,
    SetTracer,
    SetMemoryMap,
    /// A program with the set-user-id bit.
    SetUserIdProgram,
    RemapFilePages,
    Seal,
    SetTimeOfDay,
    Vsyscall,
    ConnectPortZero,
    PreloadVariable,
    /// A process with one flag more than a child has, to be seen by its exit.
    CloneWith(u64),
}

pub(crate) fn perform(act: Variant, place: &Place) -> Attempt {
    use Variant as V;
    let at = libc::AT_FDCWD;
    let parent = place.parent;
    let done = |word: &'static str| move |_| word.to_owned();
    match act {
        V::Openat2(resolve) => {
            let how = [libc::O_RDONLY as u64, 0, resolve];
            let root = [libc::O_PATH as u64, 0, 0];
            // From a descriptor of the root where one is to be had: some ways of resolving ask for a relative path.
            let directory = call!(libc::SYS_openat2, at, c"/", root.as_ptr(), 24)?;
            let path = Target::Secret.path(place);
            let relative = path.as_ptr().wrapping_add(1);
            let anyhow = [libc::O_RDONLY as u64, 0, 0];
            // `RESOLVE_CACHED` is EAGAIN where a name is not in the cache, or changes elsewhere at that moment.
            for _ in 0..100 {
                match call!(libc::SYS_openat2, directory, relative, how.as_ptr(), 24) {
                    Err(Refusal::Errno(libc::EAGAIN)) => {
                        let _ = call!(libc::SYS_openat2, directory, relative, anyhow.as_ptr(), 24);
                    }
                    opened => return read_some(opened? as i32),
                }
            }
            Err(Refusal::Errno(libc::EAGAIN))
        }
        V::PublishTemporary => {
            let fd = open(&c_path(&place.writable), libc::O_TMPFILE | libc::O_RDWR)?;
            let name = Target::WritableNew.path(place);
            call!(libc::SYS_linkat, fd, c"", at, &name, libc::AT_EMPTY_PATH).map(done("published"))
        }
        V::PublishByProc => {
            let fd = open(&c_path(&place.secret_directory), libc::O_TMPFILE | libc::O_RDWR)?;
            let source = c_path(format!("/proc/self/fd/{fd}"));
            let name = c_path(place.secret_directory.join("made"));
            call!(libc::SYS_linkat, at, &source, at, &name, libc::AT_SYMLINK_FOLLOW).map(done("published"))
        }
        V::Mknod(kind) => {
            let device = libc::makedev(1, 3);
            call!(libc::SYS_mknodat, at, &Target::WritableNew.path(place), kind | 0o600, device).map(done("made"))
        }
        V::BindUnix => {
            let fd = call!(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0)?;
            let name = Target::WritableNew.path(place);
            let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
            address.extend_from_slice(name.as_bytes_with_nul());
            call!(libc::SYS_bind, fd, address.as_ptr(), address.len()).map(done("bound"))
        }
        V::AttachParent => {
            // PTRACE_SEIZE, whose victim goes on; the attacker's end lets go of it.
            call!(libc::SYS_ptrace, 0x4206, parent, 0, 0).map(done("attached"))
        }
        V::SignalFirst => {
            let thread = call!(libc::SYS_tgkill, 1, 1, 0);
            thread.and_then(|_| call!(libc::SYS_tkill, 1, 0)).map(done("sent"))
        }
        V::QueueEveryone => {
            let mut information = [0_u32; 32];
            information[2] = libc::SI_QUEUE as u32;
            call!(libc::SYS_rt_sigqueueinfo, parent, 0, information.as_ptr()).map(done("sent"))
        }
        V::AdviseParent => {
            let pidfd = call!(libc::SYS_pidfd_open, parent, 0).unwrap_or(usize::MAX);
            let vector = [place.parent_scratch_address & !4095, 4096];
            // MADV_COLD, which changes nothing that the parent could notice.
            call!(libc::SYS_process_madvise, pidfd, vector.as_ptr(), 1, 20, 0).map(done("advised"))
        }
        V::ReleaseParent => {
            let pidfd = call!(libc::SYS_pidfd_open, parent, 0).unwrap_or(usize::MAX);
            reaches(call!(libc::SYS_process_mrelease, pidfd, 0), libc::EINVAL)
        }
        V::MigrateParent => {
            let nodes = 1_u64;
            call!(libc::SYS_migrate_pages, parent, 2, &raw const nodes, &raw const nodes).map(done("migrated"))
        }
        V::SetTracer => call!(libc::SYS_prctl, 0x5961_6D61, parent, 0, 0, 0).map(done("set")),
        V::SetMemoryMap => {
            // PR_SET_MM_MAP_SIZE asks only.
            let mut size = 0_u32;
            call!(libc::SYS_prctl, libc::PR_SET_MM, 15, &raw mut size, 0, 0).map(done("asked"))
        }
        V::SetUserIdProgram => {
            let program = c_path(place.readable.join("set-user-id"));
            let arguments = [program.as_ptr() as usize, 0];
            call!(libc::SYS_execve, &program, arguments.as_ptr(), [0_usize].as_ptr())?;
            Ok("a program that has returned".into())
        }
        V::RemapFilePages => {
            let flags = libc::MAP_SHARED | libc::MAP_ANONYMOUS;
            let page = call!(libc::SYS_mmap, 0, 8192, 3, flags, -1, 0).unwrap_or(0);
            call!(libc::SYS_remap_file_pages, page, 4096, 0, 1, 0).map(done("remapped"))
        }
        V::Seal => {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let page = call!(libc::SYS_mmap, 0, 4096, 3, flags, -1, 0)?;
            call!(libc::SYS_mseal, page, 4096, 0).map(done("sealed"))
        }
        V::SetTimeOfDay => {
            // More microseconds than a second has: who may set the time hears EINVAL.
            let time = [0_u64, 2_000_000];
            reaches(call!(libc::SYS_settimeofday, time.as_ptr(), 0), libc::EINVAL)
        }
        V::Vsyscall => vsyscall(),
        V::ConnectPortZero => {
            let fd = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0)?;
            let mut address = [0_u8; 16];
            address[0] = libc::AF_INET as u8;
            address[4..8].copy_from_slice(&[127, 0, 0, 1]);
            // Nobody listens on port 0: whoever comes as far as that is told so.
            reaches(call!(libc::SYS_connect, fd, address.as_ptr(), address.len()), libc::ECONNREFUSED)
        }
        V::PreloadVariable => {
            let names = ["LD_PRELOAD", "LD_LIBRARY_PATH", "RUST_LOG", "RUST_BACKTRACE", "PATH", "HOME"];
            let found: Vec<_> = names.iter().filter(|name| std::env::var_os(name).is_some()).collect();
            if found.is_empty() { Err(Refusal::Absent) } else { Ok(format!("{found:?}")) }
        }
        V::CloneWith(flags) => match raw(libc::SYS_clone, &[flags as usize | libc::SIGCHLD as usize, 0, 0, 0, 0])? {
            0 => exit_now(0),
            pid => {
                let _ = call!(libc::SYS_wait4, pid, 0, libc::__WALL, 0);
                Ok("a child".into())
            }
        },
    }
}

/// Done where the kernel's own answer came back, which arguments that do no harm get.
fn reaches(answer: Result<usize, Refusal>, own: i32) -> Attempt {
    match answer {
        Ok(_) => Ok("done".into()),
        Err(Refusal::Errno(errno)) if errno == own => Ok("the kernel's own answer".into()),
        Err(refusal) => Err(refusal),
    }
}

/// `time` in the page that the kernel maps for programs of old; what stands there is a system call to the filters.
#[cfg(target_arch = "x86_64")]
fn vsyscall() -> Attempt {
    const TIME: usize = 0xFFFF_FFFF_FF60_0400;
    // SAFETY: the kernel answers a jump to this address as it would a function of this type, or ends the process.
    let time = unsafe { std::mem::transmute::<usize, extern "C" fn(*mut i64) -> i64>(TIME) };
    Ok(format!("the time is {}", time(std::ptr::null_mut())))
}

#[cfg(not(target_arch = "x86_64"))]
fn vsyscall() -> Attempt {
    Err(Refusal::Errno(ENOSYS))
}

pub(crate) fn rows() -> Vec<Row> {
    use Variant as V;
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Limits, Landlock, Seccomp];
    const ABSENT: &str = "this kernel is built or set up without it";
    let mut rows = Vec::new();
    for (name, resolve) in [("IN_ROOT", 0x10), ("BENEATH", 0x08), ("NO_MAGICLINKS", 0x02), ("CACHED", 0x20)] {
        rows.push(
            row(21, format!("openat2(secret, RESOLVE_{name})"), V::Openat2(resolve))
                .under(Read)
                .always(ENOSYS)
                .open_without(EVERY),
        );
    }
    rows.push(
        row(22, "O_TMPFILE in the grant, linkat(AT_EMPTY_PATH)", V::PublishTemporary)
            .under(Write)
            .always(EPERM)
            .open_without(&[Landlock, Capabilities, Namespaces, Seccomp])
            .root_only("naming a descriptor needs CAP_DAC_READ_SEARCH"),
    );
    rows.push(
        row(22, "O_TMPFILE beside the secret, linkat(/proc/self/fd/N)", V::PublishByProc)
            .under(Write)
            .refused(libc::ENOENT, EACCES)
            .open_without(EVERY),
    );
    for (name, kind) in [("block", libc::S_IFBLK), ("character", libc::S_IFCHR)] {
        rows.push(
            row(23, format!("mknodat({name} device)"), V::Mknod(kind))
                .under(Write)
                .always(EPERM)
                .open_without(&[Namespaces, Capabilities, Landlock, Seccomp])
                .root_only("mknod of a device needs CAP_MKNOD"),
        );
    }
    for (name, kind) in [("fifo", libc::S_IFIFO), ("socket", libc::S_IFSOCK), ("regular file", libc::S_IFREG)] {
        rows.push(
            row(23, format!("mknodat({name})"), V::Mknod(kind))
                .under(Write)
                .always(EPERM)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
    }
    rows.push(
        row(24, "bind(AF_UNIX path in the grant)", V::BindUnix)
            .under(Write)
            .always(EAFNOSUPPORT)
            .open_without(&[Landlock, Namespaces, Seccomp]),
    );
    let refused = [
        (42, "ptrace(parent), and keep it", V::AttachParent, Answer::Violation),
        (45, "tgkill(1), tkill(1)", V::SignalFirst, EPERM.into()),
        (45, "rt_sigqueueinfo(parent, 0)", V::QueueEveryone, EPERM.into()),
        (50, "process_madvise(parent)", V::AdviseParent, EPERM.into()),
        (50, "process_mrelease(parent)", V::ReleaseParent, EPERM.into()),
        (50, "migrate_pages(parent)", V::MigrateParent, EPERM.into()),
        (54, "prctl(SET_PTRACER)", V::SetTracer, EPERM.into()),
        (54, "prctl(SET_MM)", V::SetMemoryMap, EPERM.into()),
        (75, "remap_file_pages", V::RemapFilePages, EPERM.into()),
        (75, "mseal", V::Seal, EPERM.into()),
        (77, "settimeofday", V::SetTimeOfDay, EPERM.into()),
        (79, "a call into the vsyscall page", V::Vsyscall, Answer::done()),
        (232, "clone(CLONE_NEWNS)", V::CloneWith(libc::CLONE_NEWNS as u64), EPERM.into()),
        (232, "clone(CLONE_NEWPID)", V::CloneWith(libc::CLONE_NEWPID as u64), EPERM.into()),
        (232, "clone(CLONE_NEWNET)", V::CloneWith(libc::CLONE_NEWNET as u64), EPERM.into()),
        (232, "clone(CLONE_NEWIPC)", V::CloneWith(libc::CLONE_NEWIPC as u64), EPERM.into()),
        (232, "clone(CLONE_NEWUTS)", V::CloneWith(libc::CLONE_NEWUTS as u64), EPERM.into()),
        (232, "clone(CLONE_NEWCGROUP)", V::CloneWith(libc::CLONE_NEWCGROUP as u64), EPERM.into()),
        (232, "clone(CLONE_FILES | CLONE_FS)", V::CloneWith((libc::CLONE_FILES | libc::CLONE_FS) as u64), EPERM.into()),
        (232, "clone(CLONE_PTRACE)", V::CloneWith(libc::CLONE_PTRACE as u64), EPERM.into()),
        (232, "clone(CLONE_UNTRACED)", V::CloneWith(libc::CLONE_UNTRACED as u64), EPERM.into()),
        (232, "clone(CLONE_IO)", V::CloneWith(libc::CLONE_IO as u64), EPERM.into()),
    ];
    for (number, name, act, answer) in refused {
        for profile in [Nothing, Read] {
            let one = row(number, format!("{name} under {profile:?}"), act).under(profile).always(answer.clone());
            rows.push(match act {
                // What the page does is a system call that is allowed; what its neighbours do is the table's to say.
                V::Vsyscall => {
                    one.no_control("time is no secret: the row shows that the page is no way around the filter")
                }
                V::CloneWith(flags) if flags & 0x7E02_0000 != 0 => {
                    one.open_without(EVERY).root_only("a namespace needs CAP_SYS_ADMIN")
                }
                V::SetTimeOfDay => one.open_without(EVERY),
                V::SignalFirst => one.open_without(EVERY).root_only("process 1 of the host belongs to root"),
                _ => one.open_without(EVERY).may_lack(ABSENT),
            });
        }
    }
    rows.push(
        row(74, "execve(a set-user-id program in the grant)", V::SetUserIdProgram)
            .under(Read)
            .always(EPERM)
            // A program may run others: this one is not granted to be run, and never has a privilege.
            .by_command(EACCES, EACCES)
            .open_without(EVERY)
            .opens_as(Answer::Exited(super::place::EXIT_CODE)),
    );
    rows.push(
        row(89, "connect(port 0) under Tcp", V::ConnectPortZero).under(Tcp).always(EACCES).open_without(&[Landlock]),
    );
    rows.push(
        row(110, "LD_PRELOAD, RUST_*, PATH, HOME", V::PreloadVariable)
            .always(Answer::Absent)
            .by_activation(not_applicable(KEPT))
            .open_elsewhere(),
    );
    rows
}
