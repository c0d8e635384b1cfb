//! What real archives unpack to in a sandbox: the same owners, modes, times and links as without one.
//!
//! # Safety
//!
//! One function looks for a socket among the numbers that it may have, and sends by it. It closes none.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::io::{Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use gaol::sandboxed;

use crate::support::place::Place;
use crate::support::tiers::{as_each_user, in_each_tier};

/// Mode, owner, group, time of the last change with its nanoseconds, length, and where a link leads.
type Seen = (u32, u32, u32, (i64, i64), u64, Option<PathBuf>);

/// Everything beneath a directory, by its name from there.
pub(super) fn seen_in(directory: &Path) -> BTreeMap<PathBuf, Seen> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).expect("a directory") {
            let path = entry.expect("an entry").path();
            let seen = fs::symlink_metadata(&path).expect("it is there");
            let link = fs::read_link(&path).ok();
            let length = if seen.is_dir() { 0 } else { seen.size() };
            // What has no time of its own has that of its making.
            let times = if is_recent(seen.mtime()) { (0, 0) } else { (seen.mtime(), seen.mtime_nsec()) };
            if seen.is_dir() {
                waiting.push(path.clone());
            }
            let name = path.strip_prefix(directory).expect("it is beneath").to_path_buf();
            found.insert(name, (seen.mode(), seen.uid(), seen.gid(), times, length, link));
        }
    }
    found
}

fn is_recent(time: i64) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs();
    now.abs_diff(time.unsigned_abs()) < 3600
}

/// A tape archive with all that one ordinarily holds, of this user.
pub(super) fn tape_archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |kind: tar::EntryType, name: &str, mode: u32, time: u64, content: &str| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(time);
        header.set_uid(u64::from(rustix::process::geteuid().as_raw()));
        header.set_gid(u64::from(rustix::process::getegid().as_raw()));
        match kind {
            tar::EntryType::Symlink | tar::EntryType::Link => {
                header.set_size(0);
                archive.append_link(&mut header, name, content).expect("an entry");
            }
            _ => {
                header.set_size(content.len() as u64);
                archive.append_data(&mut header, name, content.as_bytes()).expect("an entry");
            }
        }
    };
    use tar::EntryType::{Directory, Link, Regular, Symlink};
    add(Directory, "d/", 0o755, 1_000_000_000, "");
    add(Regular, "d/file", 0o640, 1_100_000_000, "a file");
    add(Regular, "d/program", 0o755, 1_200_000_000, "#!/bin/sh");
    add(Regular, "d/read-only", 0o400, 1, "kept");
    add(Regular, "d/open to all", 0o666, 1_300_000_000, "all");
    add(Symlink, "d/link", 0o777, 1_400_000_000, "file");
    add(Symlink, "d/nowhere", 0o777, 1_400_000_001, "../../nothing/there");
    add(Link, "d/hard", 0o640, 1_100_000_000, "d/file");
    add(Directory, "d/private/", 0o700, 1_500_000_000, "");
    add(Regular, "d/private/deep/er/file", 0o600, 1_600_000_000, &"long ".repeat(10_000));
    add(Regular, "later", 0o644, 4_000_000_000, "");
    archive.into_inner().expect("an archive")
}

pub(super) fn file_of(bytes: &[u8]) -> File {
    let memory = rustix::fs::memfd_create("archive", rustix::fs::MemfdFlags::empty()).expect("memory");
    let mut file = File::from(memory);
    file.write_all(bytes).expect("room");
    file.rewind().expect("a file");
    file
}

fn unpack(archive: &File, output: &Path, permissions: bool) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(archive);
    archive.set_preserve_permissions(permissions);
    archive.unpack(output)
}

#[sandboxed(write = output, time = "20s")]
fn unpack_sandboxed(archive: File, output: &Path, permissions: bool) -> gaol::Result<()> {
    Ok(unpack(&archive, output, permissions)?)
}

#[sandboxed(read = output, write = output, violation = "kill", process = "reused", time = "20s")]
fn unpack_kept(archive: File, output: &Path, permissions: bool) -> gaol::Result<()> {
    Ok(unpack(&archive, output, permissions)?)
}

#[test]
pub(super) fn a_tape_archive_unpacks_as_it_would_without_a_sandbox() {
    as_each_user("archives::modes_and_times::a_tape_archive_unpacks_as_it_would_without_a_sandbox", || {
        let bytes = tape_archive();
        for permissions in [false, true] {
            let plain = Place::new("plain");
            unpack(&file_of(&bytes), plain.path(), permissions).expect("an archive");
            let expected = seen_in(plain.path());
            assert!(expected.len() > 12, "{expected:?}");
            in_each_tier(|namespaces| {
                for unpack in [unpack_sandboxed, unpack_kept] {
                    let place = Place::new("unpacked");
                    unpack(file_of(&bytes), place.path(), permissions).expect("a call");
                    assert_eq!(seen_in(place.path()), expected, "{permissions} {namespaces}");
                }
            });
        }
    });
}

fn zip_archive() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let time = zip::DateTime::from_date_and_time(2010, 5, 6, 7, 8, 10).expect("a time");
    let options = |mode| zip::write::SimpleFileOptions::default().unix_permissions(mode).last_modified_time(time);
    archive.add_directory("d", options(0o750)).expect("an entry");
    archive.start_file("d/file", options(0o640)).expect("an entry");
    archive.write_all(b"a file").expect("room");
    archive.start_file("d/program", options(0o755)).expect("an entry");
    archive.write_all(b"#!/bin/sh").expect("room");
    archive.start_file("d/read-only", options(0o400)).expect("an entry");
    archive.add_symlink("d/link", "file", options(0o777)).expect("an entry");
    archive.finish().expect("an archive").into_inner()
}

fn unpack_zip(archive: &File, output: &Path) -> gaol::Result<()> {
    let mut archive = zip::ZipArchive::new(archive).map_err(std::io::Error::other)?;
    archive.extract(output).map_err(std::io::Error::other)?;
    Ok(())
}

#[sandboxed(read = output, write = output, time = "20s")]
fn unpack_zip_sandboxed(archive: File, output: &Path) -> gaol::Result<()> {
    unpack_zip(&archive, output)
}

/// What is left of it without its times, which the crate leaves as they come.
fn without_times(seen: BTreeMap<PathBuf, Seen>) -> BTreeMap<PathBuf, Seen> {
    seen.into_iter()
        .map(|(name, (mode, uid, gid, _, length, link))| (name, (mode, uid, gid, (0, 0), length, link)))
        .collect()
}

#[test]
pub(super) fn a_zip_archive_unpacks_as_it_would_without_a_sandbox() {
    as_each_user("archives::modes_and_times::a_zip_archive_unpacks_as_it_would_without_a_sandbox", || {
        let plain = Place::new("plain");
        let bytes = zip_archive();
        unpack_zip(&file_of(&bytes), plain.path()).expect("an archive");
        let expected = without_times(seen_in(plain.path()));
        assert_eq!(expected.len(), 5, "{expected:?}");
        in_each_tier(|namespaces| {
            let place = Place::new("unpacked");
            unpack_zip_sandboxed(file_of(&bytes), place.path()).expect("a call");
            assert_eq!(without_times(seen_in(place.path())), expected, "{namespaces}");
        });
    });
}

/// What std offers for modes and times, on what the function has made itself.
fn set_all(tree: &Path) -> gaol::Result<Vec<(String, i32)>> {
    let mut answers = Vec::new();
    let mut tried = |what: &str, answer: std::io::Result<()>| {
        answers.push((what.to_owned(), answer.err().and_then(|error| error.raw_os_error()).unwrap_or(0)));
    };
    let then = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_234_567_890_123_456_789);
    let path = tree.join("made");
    let file = File::create(&path)?;
    tried("File::set_permissions", file.set_permissions(Permissions::from_mode(0o600)));
    tried("File::set_modified", file.set_modified(then));
    tried("File::set_times", file.set_times(fs::FileTimes::new().set_accessed(then)));
    fs::copy(&path, tree.join("copy"))?;
    tried("fs::set_permissions", fs::set_permissions(tree.join("copy"), Permissions::from_mode(0o444)));
    fs::create_dir(tree.join("directory"))?;
    tried("of a directory", fs::set_permissions(tree.join("directory"), Permissions::from_mode(0o711)));
    std::env::set_current_dir(tree)?;
    tried("from the working directory", fs::set_permissions("directory", Permissions::from_mode(0o710)));
    fs::write("none", "")?;
    tried("none at all", fs::set_permissions("none", Permissions::from_mode(0o0)));
    tried("and again", fs::set_permissions("none", Permissions::from_mode(0o640)));
    let at = rustix::fs::Timestamps {
        last_access: rustix::fs::Timespec { tv_sec: 5, tv_nsec: 6 },
        last_modification: rustix::fs::Timespec { tv_sec: 7, tv_nsec: 8 },
    };
    std::os::unix::fs::symlink("made", "link")?;
    let nofollow = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    tried("of a link", rustix::fs::utimensat(rustix::fs::CWD, "link", &at, nofollow).map_err(Into::into));
    let directory = File::open(tree.join("directory"))?;
    fs::write("directory/inner", "")?;
    let inner = rustix::fs::utimensat(&directory, "inner", &at, rustix::fs::AtFlags::empty());
    tried("from a directory", inner.map_err(Into::into));
    // What cannot be done anywhere gets the kernel's own answer.
    tried("of nothing", fs::set_permissions("missing", Permissions::from_mode(0o600)));
    let beneath = fs::set_permissions("made/x", Permissions::from_mode(0o600));
    tried("beneath a file", beneath);
    let wrong = rustix::fs::Timespec { tv_sec: 0, tv_nsec: 1_000_000_000 };
    let wrong = rustix::fs::Timestamps { last_access: wrong, last_modification: wrong };
    tried("no time", rustix::fs::futimens(&file, &wrong).map_err(Into::into));
    Ok(answers)
}

#[sandboxed(read = tree, write = tree, time = "20s")]
fn set_all_sandboxed(tree: &Path) -> gaol::Result<Vec<(String, i32)>> {
    set_all(tree)
}

#[test]
pub(super) fn modes_and_times_are_set_beneath_a_write_as_without_a_sandbox() {
    as_each_user("archives::modes_and_times::modes_and_times_are_set_beneath_a_write_as_without_a_sandbox", || {
        let of_made = |tree: &Path| -> BTreeMap<PathBuf, (u32, Option<i64>)> {
            let timed = ["made", "link", "directory/inner"].map(PathBuf::from);
            let time = |name: &PathBuf, time| timed.contains(name).then_some(time);
            seen_in(tree).into_iter().map(|(name, seen)| (name.clone(), (seen.0, time(&name, seen.3.0)))).collect()
        };
        let plain = Place::new("plain");
        let here = std::env::current_dir().expect("a directory");
        let mut answers = set_all(plain.path()).expect("files");
        std::env::set_current_dir(here).expect("the directory before");
        // A mode of nothing keeps a file from root as little as any other.
        assert_eq!(answers.iter().filter(|(_, errno)| *errno != 0).count(), 3, "{answers:?}");
        let expected = of_made(plain.path());
        answers.sort();
        in_each_tier(|namespaces| {
            let place = Place::new("set");
            let mut found = set_all_sandboxed(place.path()).expect("a call");
            found.sort();
            assert_eq!(found, answers, "{namespaces}");
            assert_eq!(of_made(place.path()), expected, "{namespaces}");
        });
    });
}

/// Sends the judge what is no request, floods it, and asks it from many threads at once.
#[sandboxed(read = tree, write = tree, time = "30s")]
fn pester(tree: &Path, handed: &[gaol::Fd<std::os::fd::OwnedFd>]) -> gaol::Result<u32> {
    let judges = (3..2048).filter(|number| is_judge(*number)).collect::<Vec<i32>>();
    for number in &judges {
        // SAFETY: it is open, as has just been seen, and is not closed.
        let judge = unsafe { std::os::fd::BorrowedFd::borrow_raw(*number) };
        let dontwait = rustix::net::SendFlags::NOSIGNAL | rustix::net::SendFlags::DONTWAIT;
        for junk in [&[0_u8; 1][..], &[255; 40], &[1; 41], &[0; 4136], &[7; 16 << 10]] {
            let _ = rustix::net::send(judge, junk, dontwait);
        }
        // Descriptors beside no request: a request beside one descriptor alone, and more of them than anybody reads.
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        for count in 1..=8 {
            let fds = vec![handed[0].as_fd(); count];
            let mut control = rustix::net::SendAncillaryBuffer::new(&mut space);
            control.push(rustix::net::SendAncillaryMessage::ScmRights(&fds));
            let junk = [std::io::IoSlice::new(&[0; 40])];
            let _ = rustix::net::sendmsg(judge, &junk, &mut control, dontwait);
        }
    }
    std::thread::scope(|scope| -> std::io::Result<()> {
        let threads: Vec<_> = (0..8)
            .map(|thread| {
                scope.spawn(move || -> std::io::Result<()> {
                    let path = tree.join(thread.to_string());
                    let file = File::create(&path)?;
                    for round in 0..200_u32 {
                        let mode = 0o600 | (thread ^ round) & 0o77;
                        file.set_permissions(Permissions::from_mode(mode))?;
                        assert_eq!(file.metadata()?.mode() & 0o7777, mode);
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("no panic"))
    })?;
    Ok(judges.len() as u32)
}

/// Whether a descriptor is a socket that keeps message boundaries, of which a function has one.
fn is_judge(number: i32) -> bool {
    // SAFETY: a number that is not open is answered with EBADF, and nothing is kept.
    let fd = unsafe { std::os::fd::BorrowedFd::borrow_raw(number) };
    rustix::net::sockopt::socket_type(fd) == Ok(rustix::net::SocketType::SEQPACKET)
}

#[test]
pub(super) fn a_judge_that_is_pestered_goes_on_and_changes_nothing_else() {
    in_each_tier(|namespaces| {
        let place = Place::new("pestered");
        let (tree, handed) = (place.path().join("tree"), place.path().join("handed"));
        fs::create_dir(&tree).expect("a directory");
        fs::write(&handed, "").expect("a file");
        fs::set_permissions(&handed, Permissions::from_mode(0o604)).expect("its mode");
        let files = [gaol::Fd::new(File::open(&handed).expect("a file").into())];
        assert_eq!(pester(&tree, &files).expect("a call"), 1, "{namespaces}");
        assert_eq!(fs::metadata(&handed).expect("it is there").mode() & 0o7777, 0o604);
        assert_eq!(fs::read_dir(&tree).expect("a directory").count(), 8);
    });
}

/// Owners and special bits, and what a mode is asked of that is not beneath.
#[sandboxed(read = tree, write = tree, time = "20s")]
fn ask_for_more(tree: &Path) -> gaol::Result<Vec<i32>> {
    let file = File::create(tree.join("file"))?;
    let errno = |answer: std::io::Result<()>| answer.err().and_then(|error| error.raw_os_error()).unwrap_or(0);
    let chmod = |mode| errno(file.set_permissions(Permissions::from_mode(mode)));
    let link = std::os::unix::fs::symlink("/etc/passwd", tree.join("outside"));
    link?;
    Ok(vec![
        chmod(0o4755),
        chmod(0o2755),
        chmod(0o1755),
        errno(std::os::unix::fs::fchown(&file, Some(1), None)),
        errno(fs::set_permissions(tree, Permissions::from_mode(0o700))),
        errno(File::open(tree)?.set_permissions(Permissions::from_mode(0o700))),
        errno(File::open(tree)?.set_modified(SystemTime::UNIX_EPOCH)),
    ])
}

#[test]
pub(super) fn no_owner_no_special_bit_and_nothing_of_the_granted_directory_itself() {
    in_each_tier(|_| {
        let place = Place::new("more");
        assert_eq!(ask_for_more(place.path()).expect("a call"), [libc::EPERM; 7]);
        let mode = fs::metadata(place.path()).expect("it is there").mode();
        assert_eq!(mode & 0o7777, 0o777);
    });
}

/// Exit code, and what was printed as an error.
#[sandboxed(exec = "/usr/bin/tar", read = archive, write = output, metadata = seen, time = "20s")]
#[allow(unused_variables, reason = "it is there for the attribute alone")]
fn run_tar(archive: &Path, output: &Path, seen: &[String], options: &[String]) -> gaol::Result<(Option<i32>, String)> {
    let mut tar = std::process::Command::new("/usr/bin/tar");
    let ran = tar.arg("-xf").arg(archive).arg("-C").arg(output).args(options).output()?;
    Ok((ran.status.code(), String::from_utf8_lossy(&ran.stderr).into_owned()))
}

#[test]
pub(super) fn tar_as_a_program_unpacks_what_needs_no_mode_and_no_time() {
    as_each_user("archives::modes_and_times::tar_as_a_program_unpacks_what_needs_no_mode_and_no_time", || {
        let source = Place::new("archive");
        let archive = source.path().join("archive.tar");
        fs::write(&archive, tape_archive()).expect("an archive");
        // What a program that is refused modes and times gets where it asks for neither.
        let options = ["-m", "--no-same-permissions", "--no-same-owner", "--no-overwrite-dir"].map(str::to_owned);
        let plain = Place::new("plain");
        let mut tar = std::process::Command::new("/usr/bin/tar");
        let status = tar.arg("-xf").arg(&archive).arg("-C").arg(plain.path()).args(&options).status().expect("tar");
        assert!(status.success(), "the control: {status}");
        let expected = seen_in(plain.path());
        in_each_tier(|namespaces| {
            let seen = if namespaces { Vec::new() } else { vec!["/".to_owned()] };
            let place = Place::new("unpacked");
            let ran = run_tar(&archive, place.path(), &seen, &options).expect("a call");
            assert_eq!(ran, (Some(0), String::new()), "{namespaces}");
            assert_eq!(seen_in(place.path()), expected, "{namespaces}");
            // Without them the contents are there, and the program says what it could not set.
            let place = Place::new("unpacked");
            let (code, errors) = run_tar(&archive, place.path(), &seen, &[]).expect("a call");
            assert_eq!(code, Some(2), "{errors}");
            assert!(errors.contains("Operation not permitted"), "{errors}");
            assert_eq!(fs::read(place.path().join("d/file")).expect("a file"), b"a file");
        });
    });
}
