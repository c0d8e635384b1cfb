//! Rows 6–9, 31: what can be learned about a file, or changed, without opening it.

use gaol::Layer::{Landlock, Namespaces, Seccomp};
use libc::{EACCES, EFAULT, ENAMETOOLONG, ENOENT, ENOSYS, EOPNOTSUPP, EPERM};
use serde::{Deserialize, Serialize};

use super::expect::all_metadata;
use super::files::Target;
use super::place::Place;
use super::profiles::Profile::{Metadata, Nothing, Read, ReadPerCall, Tcp, Write, WriteOnly};
use super::row::{Answer, Row, not_run, row};
use super::toolbox::{Attempt, Refusal, call, open};

/// How metadata is attacked.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MetadataAct {
    Stat(Target),
    OldStat(Target),
    OldLstat(Target),
    Statx(Target),
    Faccessat(Target),
    Faccessat2(Target),
    OldAccess(Target),
    Readlink(Target),
    OldReadlink(Target),
    Statfs(Target),
    ChangeDirectory(Target),
    /// `O_PATH`, which Landlock does not judge, then `fstat`.
    OpenPath(Target),
    /// `O_PATH` for the directory, then `newfstatat` from there.
    StatFromPath(Target),
    NameToHandle(Target),
    Watch(Target),
    GetAttribute(Target),
    ListAttributes(Target),
    /// Whether the answers for a file that is there and one that is not differ.
    Oracle,
    /// A path pointer that leads nowhere.
    StatBadPointer,
    /// A buffer that cannot be written.
    StatBadBuffer,
    Chmod(Target),
    OldChmod(Target),
    Fchmodat2(Target),
    Chown(Target),
    OldLchown(Target),
    FileChmod(Target),
    FileChown(Target),
    Touch(Target),
    OldUtime(Target),
    SetAttribute(Target),
    RemoveAttribute(Target),
    FileSetAttribute(Target),
}

pub(crate) fn perform(act: MetadataAct, place: &Place) -> Attempt {
    use MetadataAct as M;
    let at = libc::AT_FDCWD;
    let path = |target: Target| target.path(place);
    let mut stat = [0_u64; 64];
    let stat = stat.as_mut_ptr();
    let mut buffer = [0_u8; 4096];
    let buffer = buffer.as_mut_ptr();
    let done = |word: &'static str| move |_| word.to_owned();
    match act {
        M::Stat(target) => call!(libc::SYS_newfstatat, at, &path(target), stat, 0).map(done("stat")),
        M::Statx(target) => {
            call!(libc::SYS_statx, at, &path(target), 0, libc::STATX_BASIC_STATS, stat).map(done("statx"))
        }
        M::Faccessat(target) => call!(libc::SYS_faccessat, at, &path(target), libc::F_OK).map(done("there")),
        M::Faccessat2(target) => call!(libc::SYS_faccessat2, at, &path(target), libc::F_OK, 0).map(done("there")),
        M::Readlink(target) => call!(libc::SYS_readlinkat, at, &path(target), buffer, 4096).map(done("read")),
        M::Statfs(target) => call!(libc::SYS_statfs, &path(target), stat).map(done("statfs")),
        M::ChangeDirectory(target) => call!(libc::SYS_chdir, &path(target)).map(done("inside")),
        M::OpenPath(target) => {
            let fd = open(&path(target), libc::O_PATH)?;
            call!(libc::SYS_fstat, fd, stat).map(done("fstat"))
        }
        M::StatFromPath(target) => {
            let fd = open(&path(target), libc::O_PATH | libc::O_DIRECTORY)?;
            call!(libc::SYS_newfstatat, fd, c"secret.txt", stat, 0).map(done("stat"))
        }
        M::NameToHandle(target) => {
            let mut handle = [0_u32; 34];
            handle[0] = 128;
            let mut mount = 0_i32;
            let answer = call!(libc::SYS_name_to_handle_at, at, &path(target), handle.as_mut_ptr(), &raw mut mount, 0);
            answer.map(done("handle"))
        }
        M::Watch(target) => {
            let fd = call!(libc::SYS_inotify_init1, 0)?;
            call!(libc::SYS_inotify_add_watch, fd, &path(target), libc::IN_ALL_EVENTS).map(done("watched"))
        }
        M::GetAttribute(target) => {
            call!(libc::SYS_setxattr, &path(target), c"user.gaol", c"x".as_ptr(), 1, 0).ok();
            call!(libc::SYS_getxattr, &path(target), c"user.gaol", buffer, 4096).map(done("value"))
        }
        M::ListAttributes(target) => call!(libc::SYS_listxattr, &path(target), buffer, 4096).map(done("names")),
        M::Oracle => {
            let there = call!(libc::SYS_newfstatat, at, &path(Target::Secret), stat, 0);
            let missing = call!(libc::SYS_newfstatat, at, &path(Target::SecretMissing), stat, 0);
            match (there, missing) {
                (Err(one), Err(other)) if one == other => Err(one),
                (there, missing) => Ok(format!("{there:?}, but {missing:?}")),
            }
        }
        M::StatBadPointer => call!(libc::SYS_newfstatat, at, 16_usize, stat, 0).map(done("stat")),
        M::StatBadBuffer => call!(libc::SYS_newfstatat, at, &path(Target::Readable), 16_usize, 0).map(done("stat")),
        M::Chmod(target) => call!(libc::SYS_fchmodat, at, &path(target), 0o640).map(done("changed")),
        M::Fchmodat2(target) => call!(libc::SYS_fchmodat2, at, &path(target), 0o640, 0).map(done("changed")),
        M::Chown(target) => call!(libc::SYS_fchownat, at, &path(target), -1, -1, 0).map(done("changed")),
        M::FileChmod(target) => {
            let fd = open(&path(target), libc::O_RDONLY)?;
            call!(libc::SYS_fchmod, fd, 0o640).map(done("changed"))
        }
        M::FileChown(target) => {
            let fd = open(&path(target), libc::O_RDONLY)?;
            call!(libc::SYS_fchown, fd, -1, -1).map(done("changed"))
        }
        M::Touch(target) => call!(libc::SYS_utimensat, at, &path(target), 0, 0).map(done("touched")),
        M::SetAttribute(target) => {
            call!(libc::SYS_setxattr, &path(target), c"user.gaol", c"x".as_ptr(), 1, 0).map(done("set"))
        }
        M::RemoveAttribute(target) => {
            let path = path(target);
            // In a control the attribute is put there first; under a refusal this changes nothing.
            let _ = call!(libc::SYS_setxattr, &path, c"user.gaol", c"x".as_ptr(), 1, 0);
            call!(libc::SYS_removexattr, &path, c"user.gaol").map(done("removed"))
        }
        M::FileSetAttribute(target) => {
            let fd = open(&path(target), libc::O_RDONLY)?;
            call!(libc::SYS_fsetxattr, fd, c"user.gaol", c"x".as_ptr(), 1, 0).map(done("set"))
        }
        M::OldStat(_)
        | M::OldLstat(_)
        | M::OldAccess(_)
        | M::OldReadlink(_)
        | M::OldChmod(_)
        | M::OldLchown(_)
        | M::OldUtime(_) => old_calls(act, place, stat, buffer),
    }
}

/// The calls of old, which only some machines have.
#[cfg(target_arch = "x86_64")]
fn old_calls(act: MetadataAct, place: &Place, stat: *mut u64, buffer: *mut u8) -> Attempt {
    use MetadataAct as M;
    let path = |target: Target| target.path(place);
    let answer = match act {
        M::OldStat(target) => call!(libc::SYS_stat, &path(target), stat),
        M::OldLstat(target) => call!(libc::SYS_lstat, &path(target), stat),
        M::OldAccess(target) => call!(libc::SYS_access, &path(target), libc::F_OK),
        M::OldReadlink(target) => call!(libc::SYS_readlink, &path(target), buffer, 4096),
        M::OldChmod(target) => call!(libc::SYS_chmod, &path(target), 0o640),
        M::OldLchown(target) => call!(libc::SYS_lchown, &path(target), -1, -1),
        M::OldUtime(target) => call!(libc::SYS_utime, &path(target), 0),
        _ => Err(Refusal::Absent),
    };
    answer.map(|_| "done".to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn old_calls(act: MetadataAct, place: &Place, _stat: *mut u64, _buffer: *mut u8) -> Attempt {
    use MetadataAct as M;
    let same = match act {
        M::OldStat(target) | M::OldLstat(target) => M::Stat(target),
        M::OldAccess(target) => M::Faccessat(target),
        M::OldReadlink(target) => M::Readlink(target),
        M::OldChmod(target) => M::Chmod(target),
        M::OldLchown(target) => M::Chown(target),
        M::OldUtime(target) => M::Touch(target),
        _ => return Err(Refusal::Absent),
    };
    perform(same, place)
}

pub(crate) fn rows() -> Vec<Row> {
    use MetadataAct as M;
    use Target as T;
    let mut rows = Vec::new();

    let questions = [
        ("newfstatat(secret)", M::Stat(T::Secret)),
        ("stat(secret)", M::OldStat(T::Secret)),
        ("lstat(secret)", M::OldLstat(T::Secret)),
        ("statx(secret)", M::Statx(T::Secret)),
        ("faccessat(secret)", M::Faccessat(T::Secret)),
        ("access(secret)", M::OldAccess(T::Secret)),
        ("readlinkat(link beside the secret)", M::Readlink(T::SecretLink)),
        ("readlink(link beside the secret)", M::OldReadlink(T::SecretLink)),
        ("newfstatat(secret directory)", M::Stat(T::SecretDirectory)),
        ("newfstatat(symlink in the grant to the secret)", M::Stat(T::Link)),
        ("newfstatat(grant/../secret)", M::Stat(T::DotDot)),
        ("newfstatat(a name that is not UTF-8)", M::Stat(T::SecretNotUtf8)),
    ];
    for (name, act) in questions {
        for profile in [Read, ReadPerCall, Write, WriteOnly, Metadata] {
            let b = if profile == Metadata { not_run() } else { EACCES.into() };
            rows.push(
                row(6, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .refused(ENOENT, b)
                    .by_command(ENOENT, all_metadata())
                    .open_without(&[Namespaces, Landlock, Seccomp]),
            );
        }
        for profile in [Nothing, Tcp] {
            rows.push(
                row(6, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(EPERM)
                    .by_command(ENOENT, all_metadata())
                    .open_without(&[Namespaces, Landlock, Seccomp]),
            );
        }
    }
    rows.push(
        row(6, "faccessat2(secret)", M::Faccessat2(T::Secret))
            .under(Read)
            .refused(ENOENT, EACCES)
            .by_command(ENOENT, all_metadata())
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );
    let others = [
        ("statfs(secret)", M::Statfs(T::Secret), ENOENT, EACCES),
        ("chdir(secret directory)", M::ChangeDirectory(T::SecretDirectory), ENOENT, EACCES),
        ("openat(secret, O_PATH), fstat", M::OpenPath(T::Secret), ENOENT, EACCES),
        ("openat(secret directory, O_PATH), newfstatat", M::StatFromPath(T::SecretDirectory), ENOENT, EACCES),
        ("getxattr(secret)", M::GetAttribute(T::Secret), EPERM, EPERM),
        ("listxattr(secret)", M::ListAttributes(T::Secret), EPERM, EPERM),
    ];
    for (name, act, a, b) in others {
        let (by_command, without_namespaces) = match act {
            // As from a file system that has none.
            M::GetAttribute(_) | M::ListAttributes(_) => (EOPNOTSUPP, EOPNOTSUPP.into()),
            M::Statfs(_) => (ENOENT, EACCES.into()),
            _ => (ENOENT, all_metadata()),
        };
        rows.push(
            row(6, format!("{name} under Read"), act)
                .under(Read)
                .refused(a, b)
                .by_command(by_command, without_namespaces.clone())
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
        rows.push(
            row(6, format!("{name} under Nothing"), act)
                .always(EPERM)
                .by_command(by_command, without_namespaces)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
    }
    rows.push(
        row(6, "name_to_handle_at(secret)", M::NameToHandle(T::Secret))
            .under(Read)
            .always(EPERM)
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );
    // Tier B does tell: Landlock answers EACCES for a file that is there, and the kernel ENOENT for one that is not. The
    // threat model says so.
    rows.push(
        row(6, "newfstatat tells what is there from what is not", M::Oracle)
            .under(Read)
            .refused(ENOENT, Answer::done())
            .by_command(ENOENT, all_metadata())
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );
    rows.push(
        row(6, "newfstatat(a pointer to nothing)", M::StatBadPointer)
            .under(Read)
            .always(EFAULT)
            .no_control("the kernel refuses such a pointer everywhere"),
    );
    rows.push(
        row(6, "newfstatat(into a buffer that is not there)", M::StatBadBuffer)
            .under(Read)
            .always(EFAULT)
            .no_control("the kernel refuses such a pointer everywhere"),
    );
    rows.push(
        row(16, "newfstatat(a path of more than PATH_MAX)", M::Stat(T::TooLong))
            .under(Read)
            .always(ENAMETOOLONG)
            .no_control("the kernel refuses such a path everywhere"),
    );
    rows.push(
        row(31, "inotify_add_watch(secret)", M::Watch(T::Secret))
            .under(Read)
            .always(EPERM)
            // tail -f looks from time to time instead.
            .by_command(ENOSYS, ENOSYS)
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );

    // Changing what is outside, and what may only be read.
    let changes = [
        (7, "fchmodat", M::Chmod as fn(Target) -> M),
        (7, "chmod", M::OldChmod),
        (7, "fchmodat2", M::Fchmodat2),
        (7, "fchownat", M::Chown),
        (7, "lchown", M::OldLchown),
        (8, "utimensat", M::Touch),
        (8, "utime", M::OldUtime),
        (8, "setxattr", M::SetAttribute),
        (8, "removexattr", M::RemoveAttribute),
    ];
    for (number, name, act) in changes {
        let by_command = match act(T::Secret) {
            M::SetAttribute(_) | M::RemoveAttribute(_) => EOPNOTSUPP,
            _ => EPERM,
        };
        for (where_, target) in [("secret", T::Secret), ("read grant", T::Readable)] {
            for profile in [Read, Write] {
                let is_kept =
                    matches!(act(target), M::Chown(_) | M::OldLchown(_) | M::SetAttribute(_) | M::RemoveAttribute(_));
                // Who may change modes and times of what it may write is told what has no name there.
                let is_hidden = profile == Write && target == T::Secret && !is_kept;
                rows.push(
                    row(number, format!("{name}({where_}) under {profile:?}"), act(target))
                        .under(profile)
                        .refused(if is_hidden { ENOENT } else { EPERM }, EPERM)
                        .by_activation(EPERM)
                        .by_command(by_command, by_command)
                        .open_without(&[Namespaces, Landlock, Seccomp]),
                );
            }
        }
        rows.push(
            row(number, format!("{name}(secret) under Nothing"), act(T::Secret))
                .always(EPERM)
                .by_command(by_command, by_command)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
    }
    let through_descriptor = [
        (9, "fchmod(read grant)", M::FileChmod(T::Readable), EPERM, EPERM),
        (9, "fchown(read grant)", M::FileChown(T::Readable), EPERM, EPERM),
        (9, "fsetxattr(read grant)", M::FileSetAttribute(T::Readable), EOPNOTSUPP, EOPNOTSUPP),
    ];
    for (number, name, act, a, b) in through_descriptor {
        rows.push(
            row(number, name, act)
                .under(Read)
                .always(Answer::Errno(EPERM))
                .by_command(a, b)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
    }
    rows
}
