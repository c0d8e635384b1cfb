//! Files: what the profile names can be reached, and nothing else.

use std::fs;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use gaol::Operation;
use libc::{EACCES, ENOENT, EPERM};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use super::stage::{activate, attempt, errno_of, metadata, profile, read, refused_after, write};
use crate::support::alone::place;

alone_as_each_user! {
    what_is_listed_can_be_read: reads_what_is_listed;
    what_is_listed_can_be_written_and_not_read_back: writes_what_is_listed;
    what_is_not_listed_is_refused: refuses_the_rest;
    what_may_be_read_cannot_be_changed: refuses_changes;
    without_a_file_operation_no_path_is_looked_at: refuses_paths;
    all_metadata_tells_nothing_of_contents: shows_metadata;
    a_literal_is_one_file: keeps_to_a_literal;
    a_directory_that_is_open_opens_nothing_beneath_it: refuses_beneath_a_directory;
    the_working_directory_is_the_root: leaves_its_directory;
    system_information_is_read_where_it_is_listed: tells_of_the_system;
    system_information_is_refused_where_it_is_not: tells_nothing_of_the_system;
}

/// A directory to read, one to write, and one that is in no profile.
struct Three {
    read: PathBuf,
    write: PathBuf,
    other: PathBuf,
}

fn three() -> Three {
    let place = place();
    let name = format!("three-{}", std::process::id());
    let [read, write, other] = ["read", "write", "other"].map(|which| place.join(&name).join(which));
    for directory in [&read, &write, &other] {
        fs::create_dir_all(directory.join("inner")).expect("a directory");
        fs::write(directory.join("file"), "contents").expect("a file");
        fs::write(directory.join("inner/file"), "inner contents").expect("a file");
    }
    std::os::unix::fs::symlink(other.join("file"), read.join("link")).expect("a link");
    Three { read, write, other }
}

fn reads_what_is_listed() {
    let Three { read: directory, other, .. } = three();
    let before = fs::metadata(directory.join("file")).expect("its metadata");
    activate(profile([read(&directory), read(other.join("file"))]));
    assert_eq!(fs::read(directory.join("file")).expect("its contents"), b"contents");
    assert_eq!(fs::read(directory.join("inner/file")).expect("its contents"), b"inner contents");
    assert_eq!(fs::read(other.join("file")).expect("its contents"), b"contents");
    assert_eq!(fs::read(directory.join("link")).expect("a link to what is listed"), b"contents");
    let mut names: Vec<_> =
        fs::read_dir(&directory).expect("a list").map(|entry| entry.expect("an entry").file_name()).collect();
    names.sort();
    assert_eq!(names, ["file", "inner", "link"]);
    let after = fs::metadata(directory.join("file")).expect("its metadata");
    assert_eq!((after.ino(), after.size(), after.mtime_nsec()), (before.ino(), before.size(), before.mtime_nsec()));
    assert!(directory.join("file").exists());
    assert_eq!(errno_of(fs::metadata(directory.join("nothing"))), Some(ENOENT));
}

fn writes_what_is_listed() {
    let Three { write: directory, other, .. } = three();
    activate(profile([write(&directory)]));
    fs::write(directory.join("new"), "new").expect("a new file");
    fs::rename(directory.join("new"), directory.join("inner/renamed")).expect("a new name");
    fs::create_dir(directory.join("made")).expect("a new directory");
    fs::remove_dir(directory.join("made")).expect("no directory");
    fs::remove_file(directory.join("file")).expect("no file");
    std::os::unix::fs::symlink(other.join("file"), directory.join("link")).expect("a link");
    assert_eq!(fs::metadata(directory.join("inner/renamed")).expect("its metadata").len(), 3);
    assert_eq!(errno_of(fs::read(directory.join("inner/renamed"))), Some(EACCES));
    // It leads to where nothing is allowed.
    assert_eq!(errno_of(fs::read(directory.join("link"))), Some(EACCES));
    assert_eq!(errno_of(fs::File::options().append(true).open(directory.join("link"))), Some(EACCES));
    assert_eq!(errno_of(fs::rename(directory.join("inner/renamed"), other.join("file"))), Some(EACCES));
}

fn refuses_the_rest() {
    let three = three();
    let Three { read: allowed, write: writable, other } = &three;
    let file = other.join("file");
    let into = other.join("inner");
    refused_after(
        &[
            attempt("read a file", EACCES, || fs::read(&file)),
            attempt("read a file by way of what is listed", EACCES, || fs::read(allowed.join("../other/file"))),
            attempt("read a file by a link in what is listed", EACCES, || fs::read(allowed.join("link"))),
            attempt("list a directory", EACCES, || fs::read_dir(other)),
            attempt("list the directory above", EACCES, || fs::read_dir(other.parent().expect("one above"))),
            attempt("list the root", EACCES, || fs::read_dir("/")),
            attempt("read /etc/passwd", EACCES, || fs::read("/etc/passwd")),
            attempt("look at its own environment", EACCES, || fs::read("/proc/self/environ")),
            attempt("look at a file", EACCES, || fs::metadata(&file)),
            attempt("look at a directory", EACCES, || fs::metadata(other)),
            attempt("look at a file without following it", EACCES, || fs::symlink_metadata(&file)),
            attempt("ask for access", EACCES, || Ok(rustix::fs::access(&file, rustix::fs::Access::READ_OK)?)),
            attempt("read a link", EACCES, || fs::read_link(allowed.join("link"))),
            attempt("name a file without opening it", EACCES, || {
                Ok(rustix::fs::open(&file, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
            }),
            attempt("append to a file", EACCES, || fs::File::options().append(true).open(&file)),
            attempt("cut a file off", EACCES, || {
                Ok(rustix::fs::open(&file, OFlags::RDONLY | OFlags::TRUNC, Mode::empty())?)
            }),
            attempt("make a file", EACCES, || fs::write(into.join("new"), "")),
            attempt("make a directory", EACCES, || {
                fs::create_dir(into.join("made"))?;
                fs::remove_dir(into.join("made"))
            }),
            attempt("go to a directory", EACCES, || {
                let here = std::env::current_dir()?;
                std::env::set_current_dir(other)?;
                std::env::set_current_dir(here)
            }),
            attempt("tell of a file system", EACCES, || Ok(rustix::fs::statfs(other)?)),
            attempt("change a mode", EPERM, || fs::set_permissions(&file, fs::Permissions::from_mode(0o600))),
            attempt("change its times", EPERM, || {
                Ok(rustix::fs::utimensat(
                    CWD,
                    &file,
                    &rustix::fs::Timestamps {
                        last_access: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
                        last_modification: rustix::fs::Timespec { tv_sec: 1, tv_nsec: 0 },
                    },
                    AtFlags::empty(),
                )?)
            }),
            attempt("make a pipe", EPERM, || {
                let pipe = writable.join("pipe");
                rustix::fs::mknodat(CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RWXU, 0)?;
                fs::remove_file(pipe)
            }),
        ],
        profile([read(allowed), write(writable)]),
    );
    // What cannot be done twice.
    assert_eq!(errno_of(fs::remove_file(&file)), Some(EACCES));
    assert_eq!(errno_of(fs::rename(&file, writable.join("taken"))), Some(EACCES));
    assert_eq!(errno_of(fs::hard_link(&file, writable.join("taken"))), Some(libc::EXDEV));
}

fn refuses_changes() {
    let Three { read: directory, .. } = three();
    let file = directory.join("file");
    refused_after(
        &[
            attempt("open for writing", EACCES, || fs::File::options().write(true).open(&file)),
            attempt("make a file", EACCES, || fs::write(directory.join("new"), "")),
            attempt("cut a file off", EACCES, || {
                Ok(rustix::fs::open(&file, OFlags::RDONLY | OFlags::TRUNC, Mode::empty())?)
            }),
            attempt("truncate a file", EACCES, || {
                let path = std::ffi::CString::new(file.as_os_str().as_encoded_bytes())?;
                super::stage::syscall(libc::SYS_truncate, [path.as_ptr() as u64, 0, 0, 0, 0, 0])
            }),
            attempt("lock others out", EPERM, || {
                let file = fs::File::open(&file)?;
                Ok(rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)?)
            }),
            attempt("change a mode", EPERM, || fs::set_permissions(&file, fs::Permissions::from_mode(0o644))),
            attempt("change the mode of what is open", EPERM, || {
                fs::File::open(&file)?.set_permissions(fs::Permissions::from_mode(0o644))
            }),
        ],
        profile([read(&directory)]),
    );
    for (what, result) in [
        ("remove", fs::remove_file(&file)),
        ("rename", fs::rename(&file, directory.join("renamed"))),
        ("link", fs::hard_link(&file, directory.join("linked"))),
        ("make a directory", fs::create_dir(directory.join("made"))),
        ("make a link", std::os::unix::fs::symlink("x", directory.join("another"))),
    ] {
        assert_eq!(errno_of(result), Some(EACCES), "{what}");
    }
}

fn refuses_paths() {
    let Three { other, .. } = three();
    let file = other.join("file");
    refused_after(
        &[
            attempt("read a file", EPERM, || fs::read(&file)),
            attempt("look at a file", EPERM, || fs::metadata(&file)),
            attempt("list the root", EPERM, || fs::read_dir("/")),
            attempt("make a file", EPERM, || fs::write(other.join("new"), "")),
            attempt("go to a directory", EPERM, || std::env::set_current_dir(&other)),
            attempt("read /proc/self/status", EPERM, || fs::read("/proc/self/status")),
        ],
        profile([]),
    );
}

fn shows_metadata() {
    let Three { other, .. } = three();
    let file = other.join("file");
    refused_after(
        &[
            attempt("read a file", EACCES, || fs::read(&file)),
            attempt("write a file", EACCES, || fs::write(other.join("new"), "")),
            attempt("read /etc/passwd", EACCES, || fs::read("/etc/passwd")),
        ],
        profile([metadata("/")]),
    );
    assert_eq!(fs::metadata(&file).expect("its metadata").len(), 8);
    assert!(fs::read_dir("/").expect("a list").count() > 1);
    assert!(fs::canonicalize(&file).is_ok());
}

fn keeps_to_a_literal() {
    let Three { other, .. } = three();
    let file = other.join("inner/file");
    let literal = Operation::FileReadAll(gaol::PathPattern::literal(&file).expect("an absolute path"));
    refused_after(
        &[
            attempt("read the file beside it", EACCES, || fs::read(other.join("file"))),
            attempt("list its directory", EACCES, || fs::read_dir(other.join("inner"))),
        ],
        profile([literal]),
    );
    assert_eq!(fs::read(&file).expect("its contents"), b"inner contents");
}

fn refuses_beneath_a_directory() {
    let Three { read: allowed, other, .. } = three();
    let open =
        |path: &Path| rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).expect("a directory");
    let (outside, root) = (open(&other), open(Path::new("/")));
    let inside = open(&allowed);
    let at = |directory: &std::os::fd::OwnedFd, path: &str| {
        Ok(rustix::fs::openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
    };
    refused_after(
        &[
            attempt("read beneath it", EACCES, || at(&outside, "file")),
            attempt("read beneath the root", EACCES, || at(&root, "etc/passwd")),
            attempt("look beneath it", EACCES, || Ok(rustix::fs::statat(&outside, "file", AtFlags::empty())?)),
            attempt("make a file", EACCES, || {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
                Ok(rustix::fs::openat(outside.as_fd(), "new", flags, Mode::RUSR | Mode::WUSR)?)
            }),
            attempt("open it anew by its descriptor", EACCES, || {
                fs::read_dir(format!("/proc/self/fd/{}", outside.as_raw_fd()))
            }),
        ],
        profile([read(&allowed)]),
    );
    at(&inside, "file").expect("what is listed can be opened by its directory too");
    // The directory itself is open: what it lists was given with it.
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut entries = rustix::fs::RawDir::new(&outside, &mut buffer);
    assert!(matches!(entries.next(), Some(Ok(_))));
}

fn leaves_its_directory() {
    let Three { other, .. } = three();
    std::env::set_current_dir(&other).expect("a directory");
    assert!(fs::read("file").is_ok());
    activate(profile([read(&other)]));
    assert_eq!(rustix::process::getcwd(Vec::new()).expect("a directory"), c"/".to_owned());
    assert_eq!(errno_of(fs::read("file")), Some(ENOENT));
    assert!(fs::read(Path::new(".").join(other.strip_prefix("/").expect("absolute")).join("file")).is_ok());
}

fn tells_of_the_system() {
    activate(profile([Operation::SystemInfoRead]));
    assert!(rustix::system::sysinfo().totalram > 0);
    assert!(!fs::read("/proc/sys/kernel/ostype").expect("a variable").is_empty());
    assert_eq!(errno_of(fs::write("/proc/sys/kernel/hostname", "x")), Some(EACCES));
    assert_eq!(errno_of(fs::read("/proc/self/status")), Some(EACCES));
}

fn tells_nothing_of_the_system() {
    let sysinfo = || {
        let mut answer = [0_u64; 32];
        super::stage::syscall(libc::SYS_sysinfo, [answer.as_mut_ptr() as u64, 0, 0, 0, 0, 0])
    };
    refused_after(&[attempt("sysinfo", EPERM, sysinfo)], profile([]));
}
