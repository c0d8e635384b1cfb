//! Rows 1–5, 10–13, 16, 17, 19, 21–24, 28: contents of files outside the profile, and more rights than it gives inside.

use std::ffi::CString;
use std::path::PathBuf;

use gaol::Layer::{Landlock, Namespaces, Seccomp};
use libc::{
    EACCES, EBADF, EINVAL, ENAMETOOLONG, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, EROFS, EXDEV, O_APPEND, O_CREAT,
    O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY,
};
use serde::{Deserialize, Serialize};

use super::expect::all_metadata;
use super::place::{Place, Plant, not_utf8};
use super::profiles::Profile::{Metadata, Nothing, Read, ReadKill, ReadPerCall, Write, WriteOnly};
use super::row::{Row, not_run, row};
use super::toolbox::{Attempt, Refusal, c_path, call, open, read_some};

/// A path, by what it is for.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Secret,
    SecretDirectory,
    /// A name in the secret directory that is not there.
    SecretMissing,
    SecretNotUtf8,
    SecretDirectoryEmpty,
    SecretDirectoryNew,
    SecretLink,
    Readable,
    ReadableNew,
    ReadableDirectory,
    ReadableDirectoryEmpty,
    Writable,
    WritableNew,
    /// A symlink inside a granted tree that leads to the secret.
    Link,
    ThroughDirectoryLink,
    WritableLink,
    /// `granted/../secret/secret.txt`.
    DotDot,
    DotDotTwice,
    DoubleSlash,
    /// The secret's path, a NUL byte, and a harmless suffix.
    CutByNul,
    /// More than `PATH_MAX` bytes that lead to the secret.
    TooLong,
    /// Relative to the directory that the application runs in.
    Relative,
    Empty,
}

impl Target {
    pub(crate) fn path(self, place: &Place) -> CString {
        let path: PathBuf = match self {
            Self::Secret => place.secret.clone(),
            Self::SecretDirectory => place.secret_directory.clone(),
            Self::SecretMissing => place.secret_directory.join("missing"),
            Self::SecretNotUtf8 => place.secret_directory.join(not_utf8()),
            Self::SecretDirectoryEmpty => place.secret_directory.join("empty"),
            Self::SecretDirectoryNew => place.secret_directory.join("made"),
            Self::SecretLink => place.secret_directory.join("link"),
            Self::Readable => place.readable.join("file.txt"),
            Self::ReadableNew => place.readable.join("made"),
            Self::ReadableDirectory => place.readable.clone(),
            Self::ReadableDirectoryEmpty => place.readable.join("empty"),
            Self::Writable => place.writable.join("file.txt"),
            Self::WritableNew => place.writable.join("made"),
            Self::Link => place.readable.join("link"),
            Self::ThroughDirectoryLink => place.readable.join("directory-link/secret.txt"),
            Self::WritableLink => place.writable.join("link"),
            Self::DotDot => place.readable.join("../secret/secret.txt"),
            Self::DotDotTwice => place.readable.join("empty/../../secret/secret.txt"),
            Self::DoubleSlash => format!("/{}", place.secret.display()).replace('/', "//").into(),
            Self::CutByNul => format!("{}\0.png", place.secret.display()).into(),
            Self::TooLong => format!("/{}{}", "./".repeat(2100), place.secret.display()).into(),
            Self::Relative => "../secret/secret.txt".into(),
            Self::Empty => PathBuf::new(),
        };
        c_path(path)
    }
}

/// How a file is attacked.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileAct {
    Read(Target),
    /// Through the system call of old, which names no directory.
    ReadOldOpen(Target),
    ReadOpenat2(Target),
    Write(Target),
    Append(Target),
    ReadWrite(Target),
    Create(Target),
    OldCreat(Target),
    Truncate(Target),
    OpenTruncate(Target),
    /// Opens as writable as it can, then cuts the file through the descriptor.
    FileTruncate(Target),
    List(Target),
    MakeDirectory(Target),
    RemoveDirectory(Target),
    Remove(Target),
    MakeSymlink(Target),
    MakeFifo(Target),
    MakeDevice(Target),
    TemporaryFile(Target),
    HardLink(Target, Target),
    Rename(Target, Target),
    Exchange(Target, Target),
    /// Takes the whole directory that hides the secret.
    RenameAncestor,
    /// `openat` from a directory descriptor of the parent.
    ThroughPlantedDirectory,
    /// Opens again, for writing, what is open for reading.
    Reopen(Target),
    /// Punches a hole through a descriptor that is open for reading.
    PunchHole(Target),
    Reserve(Target),
    CopyRange(Target),
}

pub(crate) fn perform(act: FileAct, place: &Place) -> Attempt {
    let at = libc::AT_FDCWD;
    let path = |target: Target| target.path(place);
    match act {
        FileAct::Read(target) => read_some(open(&path(target), O_RDONLY)?),
        FileAct::ReadOldOpen(target) => read_some(old_open(&path(target))?),
        FileAct::ReadOpenat2(target) => {
            let how = [0_u64; 3];
            let fd = call!(libc::SYS_openat2, at, &path(target), how.as_ptr(), size_of_val(&how))?;
            read_some(fd as i32)
        }
        FileAct::Write(target) => write_to(open(&path(target), O_WRONLY)?),
        FileAct::Append(target) => write_to(open(&path(target), O_WRONLY | O_APPEND)?),
        FileAct::ReadWrite(target) => write_to(open(&path(target), O_RDWR)?),
        FileAct::Create(target) => write_to(open(&path(target), O_WRONLY | O_CREAT | O_EXCL)?),
        FileAct::OldCreat(target) => write_to(old_creat(&path(target))?),
        FileAct::Truncate(target) => call!(libc::SYS_truncate, &path(target), 0).map(|_| "cut".into()),
        FileAct::OpenTruncate(target) => open(&path(target), O_RDONLY | O_TRUNC).map(|_| "cut".into()),
        FileAct::FileTruncate(target) => {
            let path = path(target);
            let fd = open(&path, O_RDWR).or_else(|_| open(&path, O_RDONLY))?;
            call!(libc::SYS_ftruncate, fd, 0).map(|_| "cut".into())
        }
        FileAct::List(target) => {
            let fd = open(&path(target), O_RDONLY | O_DIRECTORY)?;
            let mut buffer = [0_u8; 4096];
            let count = call!(libc::SYS_getdents64, fd, buffer.as_mut_ptr(), buffer.len())?;
            Ok(format!("{count} bytes of names"))
        }
        FileAct::MakeDirectory(target) => call!(libc::SYS_mkdirat, at, &path(target), 0o700).map(|_| "made".into()),
        FileAct::RemoveDirectory(target) => {
            call!(libc::SYS_unlinkat, at, &path(target), libc::AT_REMOVEDIR).map(|_| "removed".into())
        }
        FileAct::Remove(target) => call!(libc::SYS_unlinkat, at, &path(target), 0).map(|_| "removed".into()),
        FileAct::MakeSymlink(target) => {
            call!(libc::SYS_symlinkat, c"/etc/passwd", at, &path(target)).map(|_| "made".into())
        }
        FileAct::MakeFifo(target) => {
            call!(libc::SYS_mknodat, at, &path(target), libc::S_IFIFO | 0o600, 0).map(|_| "made".into())
        }
        FileAct::MakeDevice(target) => {
            let null = libc::makedev(1, 3);
            call!(libc::SYS_mknodat, at, &path(target), libc::S_IFCHR | 0o600, null).map(|_| "made".into())
        }
        FileAct::TemporaryFile(target) => write_to(open(&path(target), libc::O_TMPFILE | O_RDWR)?),
        FileAct::HardLink(from, to) => {
            call!(libc::SYS_linkat, at, &path(from), at, &path(to), 0).map(|_| "linked".into())
        }
        FileAct::Rename(from, to) => {
            call!(libc::SYS_renameat2, at, &path(from), at, &path(to), 0).map(|_| "renamed".into())
        }
        FileAct::Exchange(one, other) => {
            call!(libc::SYS_renameat2, at, &path(one), at, &path(other), libc::RENAME_EXCHANGE)?;
            // Back again, so that the place is as it was.
            call!(libc::SYS_renameat2, at, &path(one), at, &path(other), libc::RENAME_EXCHANGE)?;
            Ok("exchanged".into())
        }
        FileAct::RenameAncestor => {
            let (from, to) = (c_path(place.secret_directory.join("deep")), c_path(place.writable.join("taken")));
            call!(libc::SYS_renameat2, at, &from, at, &to, 0)?;
            read_some(open(&c_path(place.writable.join("taken/secret.txt")), O_RDONLY)?)
        }
        FileAct::ThroughPlantedDirectory => {
            let planted = place.planted.iter().find(|(kind, _)| *kind == Plant::Directory);
            let fd = planted.map_or(-1, |(_, fd)| *fd);
            read_some(call!(libc::SYS_openat, fd, c"secret.txt", O_RDONLY)? as i32)
        }
        FileAct::Reopen(target) => {
            let fd = open(&path(target), O_RDONLY)?;
            write_to(open(&c_path(format!("/proc/self/fd/{fd}")), O_WRONLY)?)
        }
        FileAct::PunchHole(target) => {
            let path = path(target);
            let fd = open(&path, O_RDWR).or_else(|_| open(&path, O_RDONLY))?;
            let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            call!(libc::SYS_fallocate, fd, mode, 0, 4096).map(|_| "punched".into())
        }
        FileAct::Reserve(target) => {
            let path = path(target);
            let fd = open(&path, O_RDWR).or_else(|_| open(&path, O_RDONLY))?;
            call!(libc::SYS_fallocate, fd, 0, 0, 4096).map(|_| "reserved".into())
        }
        FileAct::CopyRange(target) => {
            let path = path(target);
            let from = open(&path, O_RDONLY)?;
            let into = open(&path, O_RDWR).or_else(|_| open(&path, O_RDONLY))?;
            let mut offset = 64_u64;
            call!(libc::SYS_copy_file_range, from, 0, into, &raw mut offset, 4, 0).map(|_| "copied".into())
        }
    }
}

fn write_to(fd: i32) -> Attempt {
    call!(libc::SYS_write, fd, c"overwritten".as_ptr(), 11)?;
    let _ = call!(libc::SYS_close, fd);
    Ok("written".into())
}

#[cfg(target_arch = "x86_64")]
fn old_open(path: &CString) -> Result<i32, Refusal> {
    call!(libc::SYS_open, path, O_RDONLY, 0).map(|fd| fd as i32)
}

#[cfg(not(target_arch = "x86_64"))]
fn old_open(path: &CString) -> Result<i32, Refusal> {
    open(path, O_RDONLY)
}

#[cfg(target_arch = "x86_64")]
fn old_creat(path: &CString) -> Result<i32, Refusal> {
    call!(libc::SYS_creat, path, 0o600).map(|fd| fd as i32)
}

#[cfg(not(target_arch = "x86_64"))]
fn old_creat(path: &CString) -> Result<i32, Refusal> {
    open(path, O_WRONLY | O_CREAT | O_TRUNC)
}

pub(crate) fn rows() -> Vec<Row> {
    use FileAct as F;
    use Target as T;
    let mut rows = Vec::new();

    // Outside every grant: hidden by the private root in tier A, judged by Landlock in tier B.
    let reads = [
        (1, "openat(secret)", F::Read(T::Secret)),
        (1, "open(secret)", F::ReadOldOpen(T::Secret)),
        (5, "getdents64(secret directory)", F::List(T::SecretDirectory)),
        (10, "openat(symlink in the grant to the secret)", F::Read(T::Link)),
        (10, "openat(through a directory symlink in the grant)", F::Read(T::ThroughDirectoryLink)),
        (16, "openat(grant/../secret)", F::Read(T::DotDot)),
        (16, "openat(grant/empty/../../secret)", F::Read(T::DotDotTwice)),
        (16, "openat(//secret with doubled slashes)", F::Read(T::DoubleSlash)),
        (16, "openat(secret cut by a NUL)", F::Read(T::CutByNul)),
        (16, "openat(a name that is not UTF-8)", F::Read(T::SecretNotUtf8)),
    ];
    for (number, name, act) in reads {
        // Where all metadata is granted, a directory is.
        let told = if matches!(act, F::List(_)) { all_metadata() } else { EACCES.into() };
        for profile in [Read, ReadPerCall, Write] {
            let named = format!("{name} under {profile:?}");
            rows.push(
                row(number, named, act)
                    .under(profile)
                    .refused(ENOENT, EACCES)
                    .by_command(ENOENT, told.clone())
                    .open_without(&[Namespaces, Landlock]),
            );
        }
        for profile in [Nothing, WriteOnly, Metadata] {
            let one = row(number, format!("{name} under {profile:?}"), act).under(profile);
            let one = match profile {
                Nothing => one.always(EPERM),
                // Landlock cannot keep metadata apart from contents: the call says so and does not run.
                Metadata => one.refused(ENOENT, not_run()),
                _ => one.refused(ENOENT, EACCES),
            };
            // A program has a path, its own: what is not granted is refused by what stands behind paths.
            let one = one.by_command(ENOENT, told.clone());
            rows.push(one.open_without(&[Namespaces, Landlock, Seccomp]));
        }
    }
    rows.push(
        row(1, "openat(secret) under violation = kill", F::Read(T::Secret))
            .under(ReadKill)
            .refused(ENOENT, EACCES)
            .open_without(&[Namespaces, Landlock]),
    );
    rows.push(
        row(16, "openat(a path of more than PATH_MAX)", F::Read(T::TooLong))
            .under(Read)
            .always(ENAMETOOLONG)
            .no_control("the kernel refuses such a path everywhere"),
    );
    rows.push(
        row(21, "openat2(secret)", F::ReadOpenat2(T::Secret))
            .under(Read)
            .always(ENOSYS)
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );

    // `metadata` and `write` give no contents.
    rows.push(
        row(1, "openat(file with metadata only)", F::Read(T::Readable))
            .under(Metadata)
            .refused(EACCES, not_run())
            .by_command(EACCES, EACCES)
            .open_under(Read),
    );
    rows.push(
        row(1, "openat(file with write only)", F::Read(T::Writable)).under(WriteOnly).always(EACCES).open_under(Write),
    );

    // Writing outside every grant.
    let writes = [
        (2, "write(secret)", F::Write(T::Secret)),
        (2, "append(secret)", F::Append(T::Secret)),
        (2, "open(secret, O_RDWR)", F::ReadWrite(T::Secret)),
        (2, "create beside the secret", F::Create(T::SecretDirectoryNew)),
        (2, "creat(2) beside the secret", F::OldCreat(T::SecretDirectoryNew)),
        (2, "mkdirat beside the secret", F::MakeDirectory(T::SecretDirectoryNew)),
        (2, "unlinkat(empty directory beside the secret)", F::RemoveDirectory(T::SecretDirectoryEmpty)),
        (2, "unlinkat(secret)", F::Remove(T::Secret)),
        (2, "symlinkat beside the secret", F::MakeSymlink(T::SecretDirectoryNew)),
        (3, "truncate(secret)", F::Truncate(T::Secret)),
        (3, "openat(secret, O_RDONLY|O_TRUNC)", F::OpenTruncate(T::Secret)),
        (10, "write through a symlink in the grant to the secret", F::Write(T::WritableLink)),
        (11, "linkat(secret, into the grant)", F::HardLink(T::Secret, T::WritableNew)),
        (12, "renameat2(secret, into the grant)", F::Rename(T::Secret, T::WritableNew)),
        (12, "renameat2(file of the grant, over the secret)", F::Rename(T::Writable, T::Secret)),
        (12, "renameat2(RENAME_EXCHANGE with the secret)", F::Exchange(T::Writable, T::Secret)),
        (13, "renameat2(ancestor of the secret, into the grant)", F::RenameAncestor),
    ];
    for (number, name, act) in writes {
        let b = match number {
            11 => EXDEV,
            _ => EACCES,
        };
        // The filter knows truncation by a right to read, which early Landlock does not.
        let (a, layers): (_, &[_]) = match act {
            F::OpenTruncate(_) => (EACCES, &[Namespaces, Landlock, Seccomp]),
            _ => (ENOENT, &[Namespaces, Landlock]),
        };
        rows.push(row(number, format!("{name} under Write"), act).under(Write).refused(a, b).open_without(layers));
        // Programs may write `/dev/null`, so that their filter leaves files to the others.
        rows.push(
            row(number, format!("{name} under Read"), act)
                .under(Read)
                .always(EACCES)
                .by_command(a, EACCES)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
        rows.push(
            row(number, format!("{name} under Nothing"), act)
                .always(EPERM)
                .by_command(a, EACCES)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
    }
    rows.push(
        row(23, "mknodat(fifo) in the grant", F::MakeFifo(T::WritableNew))
            .under(Write)
            .always(EPERM)
            .open_without(&[Landlock, Seccomp]),
    );
    rows.push(
        row(23, "mknodat(device) in the grant", F::MakeDevice(T::WritableNew))
            .under(Write)
            .always(EPERM)
            .open_without(&[Namespaces, Landlock, Seccomp, gaol::Layer::Capabilities])
            .root_only("mknod of a device needs CAP_MKNOD"),
    );
    rows.push(
        row(22, "openat(secret directory, O_TMPFILE)", F::TemporaryFile(T::SecretDirectory))
            .under(Write)
            .refused(ENOENT, EACCES)
            .open_without(&[Namespaces, Landlock]),
    );

    // Writing inside a grant that is for reading.
    let inside = [
        (2, "write(read grant)", F::Write(T::Readable)),
        (2, "append(read grant)", F::Append(T::Readable)),
        (2, "create in the read grant", F::Create(T::ReadableNew)),
        (2, "mkdirat in the read grant", F::MakeDirectory(T::ReadableNew)),
        (2, "unlinkat in the read grant", F::Remove(T::Readable)),
        (2, "unlinkat(directory) in the read grant", F::RemoveDirectory(T::ReadableDirectoryEmpty)),
        (3, "truncate(read grant)", F::Truncate(T::Readable)),
        (3, "openat(read grant, O_RDONLY|O_TRUNC)", F::OpenTruncate(T::Readable)),
        (11, "linkat(read grant, write grant)", F::HardLink(T::Readable, T::WritableNew)),
        (12, "renameat2(read grant, write grant)", F::Rename(T::Readable, T::WritableNew)),
        (12, "renameat2(write grant, read grant)", F::Rename(T::Writable, T::ReadableNew)),
        (12, "renameat2(RENAME_EXCHANGE of the grants)", F::Exchange(T::Writable, T::Readable)),
    ];
    for (number, name, act) in inside {
        let (a, b, layers): (_, _, &[_]) = match (number, act) {
            (11, _) => (EXDEV, EXDEV, &[Namespaces, Landlock]),
            (12, _) => (EXDEV, EACCES, &[Namespaces, Landlock]),
            (_, F::OpenTruncate(_)) => (EACCES, EACCES, &[Namespaces, Landlock, Seccomp]),
            _ => (EROFS, EACCES, &[Namespaces, Landlock]),
        };
        rows.push(row(number, format!("{name} under Write"), act).under(Write).refused(a, b).open_without(layers));
        // The other tree is not granted there.
        let by_command = if matches!(number, 11 | 12) { ENOENT } else { a };
        rows.push(
            row(number, format!("{name} under Read"), act)
                .under(Read)
                .always(EACCES)
                .by_command(by_command, EACCES)
                .open_without(&[Namespaces, Landlock, Seccomp]),
        );
    }
    rows.push(
        row(4, "ftruncate(descriptor open for reading) under Read", F::FileTruncate(T::Readable))
            .under(Read)
            .always(EINVAL)
            .open_without(&[Namespaces, Landlock, Seccomp]),
    );
    rows.push(
        row(4, "ftruncate(descriptor open for reading) under Write", F::FileTruncate(T::Readable))
            .under(Write)
            .always(EINVAL)
            .open_without(&[Namespaces, Landlock]),
    );
    rows.push(
        row(28, "fallocate(open for reading) under Write", F::Reserve(T::Readable))
            .under(Write)
            .always(EBADF)
            .open_without(&[Namespaces, Landlock]),
    );
    rows.push(
        row(28, "fallocate(PUNCH_HOLE) under Write", F::PunchHole(T::Writable))
            .under(Write)
            .always(EOPNOTSUPP)
            .open_without(&[Seccomp]),
    );
    rows.push(
        row(28, "copy_file_range(into what is open for reading)", F::CopyRange(T::Readable))
            .under(Write)
            .always(EBADF)
            .open_without(&[Namespaces, Landlock]),
    );
    rows.push(
        row(19, "openat(/proc/self/fd/N) for writing", F::Reopen(T::Readable))
            .under(Write)
            .refused(ENOENT, EACCES)
            .open_without(&[Namespaces, Landlock]),
    );

    // Out through what the parent left behind.
    rows.push(
        row(17, "openat(directory descriptor of the parent)", F::ThroughPlantedDirectory)
            .under(Read)
            .always(EBADF)
            // What is open stays open there, and Landlock judges what is opened from it.
            .by_activation(EACCES)
            .open_elsewhere(),
    );
    rows.push(
        row(27, "openat(relative to the application's directory)", F::Read(T::Relative))
            .under(Read)
            .always(ENOENT)
            // The program is where the application is, as far as it may look at that.
            .by_command(ENOENT, EACCES)
            .open_elsewhere(),
    );
    rows
}
