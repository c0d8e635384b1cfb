//! The handler in children that trap the stat family, under a real Landlock domain.
//!
//! # Safety
//!
//! A child is forked from a test's thread, goes on with a copy of its stack, and ends with the test's body. Calls are
//! made by number with buffers that live through them, or with addresses that must be refused.
#![allow(unsafe_code)]

use std::ffi::{CString, c_int};
use std::fs;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};

use landlock::{ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

use super::{Mode, arm, install_handler, lead_to};

/// How a child ended, and what it said.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Exited(c_int),
    Killed(c_int),
}

/// Where a child says what did not come out as expected.
static OUT: AtomicI32 = AtomicI32::new(-1);

fn say(text: &str) {
    // SAFETY: the child's end of the pipe, which stays open as long as the child.
    let out = unsafe { std::os::fd::BorrowedFd::borrow_raw(OUT.load(Ordering::Relaxed)) };
    rustix::io::write(out, text.as_bytes()).expect("the parent reads");
}

/// Notes what is not as it should be, and goes on.
fn check<T: PartialEq + std::fmt::Debug>(what: &str, actual: T, expected: T) {
    if actual != expected {
        say(&format!("{what}: {actual:?}, not {expected:?}\n"));
    }
}

fn in_child(body: impl FnOnce()) -> (Ended, String) {
    let (mut read, write) = io::pipe().unwrap();
    // SAFETY: the child runs one thread, which goes on with a copy of this one's stack; it does not return.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", io::Error::last_os_error());
    if child == 0 {
        OUT.store(write.as_raw_fd(), Ordering::Relaxed);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: it takes a number.
        unsafe { libc::_exit(ended.is_err().into()) };
    }
    drop(write);
    let mut said = String::new();
    read.read_to_string(&mut said).unwrap();
    let mut status = 0;
    // SAFETY: the child has not been waited for; `status` lives through the call.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    if libc::WIFSIGNALED(status) {
        (Ended::Killed(libc::WTERMSIG(status)), said)
    } else {
        (Ended::Exited(libc::WEXITSTATUS(status)), said)
    }
}

fn filter(calls: &[libc::c_long], action: SeccompAction) -> BpfProgram {
    let rules = calls.iter().map(|call| (*call, Vec::new())).collect();
    let architecture = std::env::consts::ARCH.try_into().unwrap();
    SeccompFilter::new(rules, SeccompAction::Allow, action, architecture).unwrap().try_into().unwrap()
}

const STAT_FAMILY: &[libc::c_long] = &[
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
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

/// Traps the calls, for the handler to answer.
fn trap(calls: &[libc::c_long], mode: Mode) {
    install_handler().unwrap();
    arm(mode, |number, arguments| say(&format!("violation {number} {:#x}\n", arguments[0])));
    seccompiler::apply_filter(&filter(calls, SeccompAction::Trap)).unwrap();
    seccompiler::apply_filter(&filter(&[libc::SYS_bpf], SeccompAction::KillProcess)).unwrap();
}

/// Enters a Landlock domain that allows only these rights on these paths.
fn restrict(rights: &[(&Path, landlock::BitFlags<AccessFs>)]) {
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1)).unwrap().create().unwrap();
    for (path, rights) in rights {
        ruleset = ruleset.add_rule(PathBeneath::new(PathFd::new(path).unwrap(), *rights)).unwrap();
    }
    let status = ruleset.restrict_self().unwrap();
    assert_eq!(status.ruleset, landlock::RulesetStatus::FullyEnforced, "this test needs Landlock");
}

/// A granted directory and a secret one, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().canonicalize().unwrap().join(format!("gaol-{name}-{}", std::process::id()));
        let _stale = fs::remove_dir_all(&root);
        for directory in ["granted/directory", "secret"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        for (file, mode) in [("granted/file", 0o644), ("granted/script", 0o755), ("granted/directory/inner", 0o600)] {
            fs::write(root.join(file), file).unwrap();
            fs::set_permissions(root.join(file), fs::Permissions::from_mode(mode)).unwrap();
        }
        fs::write(root.join("secret/file"), "secret").unwrap();
        for (link, target) in [
            ("granted/link", "file"),
            ("granted/nowhere", "missing"),
            ("granted/out", "../secret/file"),
            ("secret/link", "file"),
        ] {
            std::os::unix::fs::symlink(target, root.join(link)).unwrap();
        }
        rustix::fs::mknodat(rustix::fs::CWD, root.join("granted/fifo"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .unwrap();
        Self(root)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn errno<T>(result: io::Result<T>) -> Option<c_int> {
    result.err().map(|error| error.raw_os_error().unwrap_or(0))
}

/// A call by number, as no library would make it.
fn raw(number: libc::c_long, arguments: [usize; 5]) -> Result<(), c_int> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: the tests pass buffers that are large enough, or addresses that must be refused.
    match unsafe { libc::syscall(number, a, b, c, d, e) } {
        0.. => Ok(()),
        _ => Err(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
    }
}

fn c(path: impl AsRef<Path>) -> CString {
    CString::new(path.as_ref().as_os_str().as_bytes()).unwrap()
}

fn address(path: &CString) -> usize {
    path.as_ptr() as usize
}

fn access(path: impl AsRef<Path>, mode: c_int) -> Result<(), c_int> {
    raw(libc::SYS_faccessat, [libc::AT_FDCWD as usize, address(&c(path)), mode as usize, 0, 0])
}

const READ: Mode = Mode { judged: true, write: false, kill: false };

/// Runs a body where `granted` may be read, and asserts that it found nothing wrong.
fn where_granted_may_be_read(name: &str, body: impl FnOnce(&Tree)) {
    let tree = Tree::new(name);
    let ended = in_child(|| {
        lead_to([&*tree.path("granted")]);
        restrict(&[(&tree.path("granted"), AccessFs::from_read(ABI::V1))]);
        trap(STAT_FAMILY, READ);
        body(&tree);
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
}

#[test]
fn tells_the_metadata_of_what_may_be_read() {
    let tree = Tree::new("told");
    let names =
        ["granted/file", "granted/script", "granted/directory", "granted/directory/inner", "granted/fifo", "granted"];
    let real: Vec<_> = names.map(|name| fs::symlink_metadata(tree.path(name)).unwrap()).into();
    let ended = in_child(|| {
        restrict(&[(&tree.path("granted"), AccessFs::from_read(ABI::V1))]);
        trap(STAT_FAMILY, READ);
        let all = |metadata: &fs::Metadata| {
            let times = [metadata.atime(), metadata.mtime(), metadata.ctime(), metadata.mtime_nsec()];
            let identity = (metadata.dev(), metadata.ino(), metadata.rdev(), metadata.nlink());
            let size = (metadata.size(), metadata.blocks(), metadata.blksize());
            (metadata.mode(), metadata.uid(), metadata.gid(), identity, size, times)
        };
        for (name, real) in names.iter().zip(&real) {
            let path = tree.path(name);
            check(name, all(&fs::metadata(&path).unwrap()), all(real));
            check(name, all(&fs::symlink_metadata(&path).unwrap()), all(real));
            for flags in [0, libc::AT_SYMLINK_NOFOLLOW] {
                let mut stat = MaybeUninit::<libc::stat>::zeroed();
                let buffer = stat.as_mut_ptr() as usize;
                let told =
                    raw(libc::SYS_newfstatat, [libc::AT_FDCWD as usize, address(&c(&path)), buffer, flags as usize, 0]);
                check(name, told, Ok(()));
                // SAFETY: it is zeroed at least.
                let stat = unsafe { stat.assume_init() };
                check(name, (stat.st_ino, stat.st_mode, stat.st_size as u64), (real.ino(), real.mode(), real.size()));
            }
        }
        check("a FIFO does not block", fs::metadata(tree.path("granted/fifo")).unwrap().file_type().is_fifo(), true);
        // Relative to a directory and to the working directory.
        let directory = fs::File::open(tree.path("granted/directory")).unwrap();
        let inner = rustix::fs::statat(&directory, c"inner", rustix::fs::AtFlags::empty()).unwrap();
        check("relative", inner.st_ino, real[3].ino());
        check("chdir", std::env::set_current_dir(tree.path("granted/directory")).is_ok(), true);
        check("in it", fs::metadata("inner").unwrap().ino(), real[3].ino());
        check("above it", fs::metadata("../file").unwrap().ino(), real[0].ino());
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
}

#[test]
fn tells_nothing_of_what_may_not_be_read() {
    where_granted_may_be_read("secret", |tree| {
        for name in ["secret", "secret/file", "secret/link", "granted/../secret/file", "granted/out"] {
            let path = tree.path(name);
            check(name, errno(fs::metadata(&path)), Some(libc::EACCES));
            check(name, access(&path, libc::F_OK), Err(libc::EACCES));
            check(name, errno(std::env::set_current_dir(&path)), Some(libc::EACCES));
            check(name, errno(fs::read_link(&path)), Some(libc::EACCES));
        }
        for path in ["/etc/passwd", "/proc/self/environ", "/usr", "/dev/null"] {
            check(path, errno(fs::symlink_metadata(path)), Some(libc::EACCES));
        }
        check("a link that leads out is there", fs::symlink_metadata(tree.path("granted/out")).is_ok(), true);
        check("what is not there", errno(fs::metadata(tree.path("granted/missing"))), Some(libc::ENOENT));
        let beneath_a_file = tree.path("granted/file").join("x");
        check("beneath a file", errno(fs::metadata(beneath_a_file)), Some(libc::ENOTDIR));
    });
}

#[test]
fn tells_of_a_link_that_it_is_one() {
    let tree = Tree::new("links");
    let inode = |name: &str| fs::symlink_metadata(tree.path(name)).unwrap().ino();
    let (link, nowhere, file) = (inode("granted/link"), inode("granted/nowhere"), inode("granted/file"));
    let ended = in_child(|| {
        restrict(&[(&tree.path("granted"), AccessFs::from_read(ABI::V1))]);
        trap(STAT_FAMILY, READ);
        for (name, inode) in [("granted/link", link), ("granted/nowhere", nowhere)] {
            let told = fs::symlink_metadata(tree.path(name)).unwrap();
            check(name, (told.file_type().is_symlink(), told.ino(), told.mode() & 0o777), (true, inode, 0o777));
            check(name, errno(fs::read_link(tree.path(name))), Some(libc::EACCES));
        }
        check("followed", fs::metadata(tree.path("granted/link")).unwrap().ino(), file);
        check("followed nowhere", errno(fs::metadata(tree.path("granted/nowhere"))), Some(libc::ENOENT));
        check("no link", errno(fs::read_link(tree.path("granted/file"))), Some(libc::EINVAL));
        check("no link", errno(fs::read_link(tree.path("granted/directory"))), Some(libc::EINVAL));
        // Named from its own directory, with nothing before it.
        std::env::set_current_dir(tree.path("granted")).unwrap();
        check("relative", fs::symlink_metadata("link").unwrap().ino(), link);
        check("through a slash", errno(fs::symlink_metadata("link/")), Some(libc::ENOTDIR));
        let names: Vec<_> = fs::read_dir(".").unwrap().map(|entry| entry.unwrap().metadata().is_ok()).collect();
        check("a walk", names, vec![true; 7]);
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
}

#[test]
fn tells_of_the_way_to_a_granted_path_that_it_is_there() {
    where_granted_may_be_read("way", |tree| {
        let inner = tree.path("granted/directory/inner");
        check("realpath", inner.canonicalize().unwrap(), inner.clone());
        let dots = tree.path("granted/./directory/../directory//inner");
        check("realpath with dots", dots.canonicalize().unwrap(), inner);
        for way in ["/", "//", "/./", tree.0.to_str().unwrap()] {
            let told = fs::symlink_metadata(way).unwrap();
            check(way, (told.is_dir(), told.mode() & 0o7777, told.size(), told.mtime()), (true, 0o111, 0, 0));
            check(way, (access(way, libc::F_OK), access(way, libc::X_OK)), (Ok(()), Ok(())));
            check(way, access(way, libc::R_OK), Err(libc::EACCES));
            check(way, access(way, libc::W_OK), Err(libc::EACCES));
            check(way, errno(fs::read_dir(way)), Some(libc::EACCES));
            check(way, errno(std::env::set_current_dir(way)), Some(libc::EACCES));
        }
        check("beside the way", errno(fs::metadata("/usr")), Some(libc::EACCES));
        check("above the way", errno(fs::metadata("/tmp/..")), Some(libc::EACCES));
    });
}

#[test]
fn answers_access() {
    where_granted_may_be_read("access", |tree| {
        let granted = |name: &str, mode| access(tree.path("granted").join(name), mode);
        check("there", granted("file", libc::F_OK), Ok(()));
        check("readable", granted("file", libc::R_OK), Ok(()));
        check("writable", granted("file", libc::W_OK), Err(libc::EACCES));
        check("both", granted("file", libc::R_OK | libc::W_OK), Err(libc::EACCES));
        check("executable", granted("file", libc::X_OK), Err(libc::EACCES));
        check("executable", granted("script", libc::R_OK | libc::X_OK), Ok(()));
        check("searchable", granted("directory", libc::R_OK | libc::X_OK), Ok(()));
        check("directory", granted("directory", libc::W_OK), Err(libc::EACCES));
        check("missing", granted("missing", libc::F_OK), Err(libc::ENOENT));
        check("no such mode", granted("file", 8), Err(libc::EINVAL));
        check("no such mode", granted("file", -1), Err(libc::EINVAL));
        let path = c(tree.path("granted/nowhere"));
        let at =
            |flags: c_int| raw(libc::SYS_faccessat2, [libc::AT_FDCWD as usize, address(&path), 0, flags as usize, 0]);
        check("the link itself", at(libc::AT_SYMLINK_NOFOLLOW), Ok(()));
        check("where it leads", at(0), Err(libc::ENOENT));
        check("no such flag", at(1), Err(libc::EINVAL));
    });
}

#[test]
fn writing_alone_is_enough_for_metadata() {
    let tree = Tree::new("write");
    let ended = in_child(|| {
        restrict(&[(&tree.path("granted"), AccessFs::WriteFile.into())]);
        trap(STAT_FAMILY, Mode { write: true, ..READ });
        let file = tree.path("granted/file");
        check("size", fs::metadata(&file).unwrap().size(), 12);
        check("writable", access(&file, libc::W_OK), Ok(()));
        check("readable", access(&file, libc::R_OK), Err(libc::EACCES));
        check("a directory is not judged", errno(fs::metadata(tree.path("secret"))), Some(libc::EACCES));
        check("nor is what is in it", errno(fs::metadata(tree.path("secret/file"))), Some(libc::EACCES));
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
    assert_eq!(fs::read(tree.path("granted/file")).unwrap(), b"granted/file", "asking changed the file");
}

#[test]
fn agrees_to_the_mode_that_a_file_has() {
    const MODES: &[libc::c_long] = &[
        libc::SYS_fchmod,
        libc::SYS_fchmodat,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod,
    ];
    let tree = Tree::new("modes");
    let ended = in_child(|| {
        restrict(&[(&tree.path("granted"), AccessFs::from_all(ABI::V1))]);
        trap(MODES, Mode { write: true, ..READ });
        let file = tree.path("granted/file");
        let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
        check("the same", errno(set(&file, 0o644)), None);
        check("another", errno(set(&file, 0o600)), Some(libc::EPERM));
        check("with more", errno(set(&file, 0o4644)), Some(libc::EPERM));
        check("of a directory", errno(set(&tree.path("granted/nowhere"), 0o755)), Some(libc::EPERM));
        check("of what is not granted", errno(set(&tree.path("secret/file"), 0o644)), Some(libc::EPERM));
        let opened = fs::File::open(&file).unwrap();
        check("by descriptor", errno(opened.set_permissions(fs::Permissions::from_mode(0o644))), None);
        check("another", errno(opened.set_permissions(fs::Permissions::from_mode(0o666))), Some(libc::EPERM));
        check("a copy", fs::copy(&file, tree.path("granted/copy")).unwrap(), 12);
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
    assert_eq!(fs::metadata(tree.path("granted/file")).unwrap().mode() & 0o7777, 0o644);
    let ended = in_child(|| {
        trap(MODES, READ);
        let file = tree.path("granted/file");
        check(
            "nothing is written",
            errno(fs::set_permissions(file, fs::Permissions::from_mode(0o644))),
            Some(libc::EPERM),
        );
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
}

#[test]
fn bad_addresses_and_flags_are_refused_as_the_kernel_would() {
    where_granted_may_be_read("bad", |tree| {
        const NOWHERE: usize = 8;
        let here = libc::AT_FDCWD as usize;
        let path = c(tree.path("granted/file"));
        let link = c(tree.path("granted/link"));
        let empty = c("");
        let mut space = [0_u64; 64];
        let buffer = space.as_mut_ptr() as usize;
        let (nofollow, empty_path) = (libc::AT_SYMLINK_NOFOLLOW as usize, libc::AT_EMPTY_PATH as usize);
        let stat = |directory, path, buffer, flags| raw(libc::SYS_newfstatat, [directory, path, buffer, flags, 0]);
        check("path", stat(here, NOWHERE, buffer, 0), Err(libc::EFAULT));
        check("path", stat(here, NOWHERE, buffer, empty_path), Err(libc::EFAULT));
        check("buffer", stat(here, address(&path), NOWHERE, 0), Err(libc::EFAULT));
        check("buffer for a link", stat(here, address(&link), NOWHERE, nofollow), Err(libc::EFAULT));
        check("flag", stat(here, address(&path), buffer, 1), Err(libc::EINVAL));
        check("empty", stat(here, address(&empty), buffer, 0), Err(libc::ENOENT));
        check("no descriptor", stat(99, address(&c("x")), buffer, 0), Err(libc::EBADF));
        check("no descriptor", stat(99, address(&empty), buffer, empty_path), Err(libc::EBADF));
        let statx = |path, flags, mask, buffer| raw(libc::SYS_statx, [here, path, flags, mask, buffer]);
        check("statx", statx(address(&path), 0, 0x7FF, buffer), Ok(()));
        check("statx buffer", statx(address(&path), 0, 0x7FF, NOWHERE), Err(libc::EFAULT));
        check("statx path", statx(NOWHERE, 0, 0x7FF, buffer), Err(libc::EFAULT));
        check("statx flag", statx(address(&path), 1, 0x7FF, buffer), Err(libc::EINVAL));
        check("statx freshness", statx(address(&path), 0x6000, 0x7FF, buffer), Err(libc::EINVAL));
        check("statx mask", statx(address(&path), 0, 1 << 31, buffer), Err(libc::EINVAL));
        let link_at = |path, size| raw(libc::SYS_readlinkat, [here, path, buffer, size, 0]);
        check("no room", link_at(address(&link), 0), Err(libc::EINVAL));
        check("readlink path", link_at(NOWHERE, 10), Err(libc::EFAULT));
        let long = c(format!("/{}", "x/".repeat(2100)));
        check("long", stat(here, address(&long), buffer, 0), Err(libc::ENAMETOOLONG));
        // A descriptor by an empty path, and by none.
        let file = fs::File::open(tree.path("granted/file")).unwrap();
        let descriptor = file.as_raw_fd() as usize;
        check("itself", stat(descriptor, address(&empty), buffer, empty_path), Ok(()));
        check("itself", stat(descriptor, 0, buffer, empty_path), Ok(()));
        check("itself", file.metadata().unwrap().size(), 12);
        check("here is not granted", stat(here, address(&empty), buffer, empty_path), Err(libc::EACCES));
    });
}

#[test]
fn leaves_errno_and_descriptors_as_they_were() {
    where_granted_may_be_read("traces", |tree| {
        // SAFETY: the address of this thread's `errno`.
        let location = unsafe { libc::__errno_location() };
        let lowest = || rustix::io::dup(io::stdin()).unwrap().as_raw_fd();
        let before: RawFd = lowest();
        let link = c(tree.path("granted/link"));
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        // SAFETY: see above.
        unsafe { location.write(77) };
        // Within, opening the link fails.
        // SAFETY: the path and the buffer live through the call.
        let told = unsafe { libc::lstat(link.as_ptr(), stat.as_mut_ptr()) };
        // SAFETY: see above.
        check("errno", (told, unsafe { location.read() }), (0, 77));
        for _ in 0..100 {
            for name in ["granted/file", "granted/link", "granted/nowhere", "granted/missing", "secret/file", "granted"]
            {
                let path = tree.path(name);
                let _told = (fs::metadata(&path), fs::symlink_metadata(&path), access(&path, 7), fs::read_link(&path));
            }
        }
        check("descriptors", lowest(), before);
    });
}

#[test]
fn threads_are_answered_at_once() {
    where_granted_may_be_read("threads", |tree| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        check("file", fs::metadata(tree.path("granted/file")).unwrap().size(), 12);
                        check("secret", errno(fs::metadata(tree.path("secret/file"))), Some(libc::EACCES));
                    }
                });
            }
        });
    });
}

#[test]
fn without_file_operations_only_descriptors_have_metadata() {
    let tree = Tree::new("none");
    let ended = in_child(|| {
        let file = fs::File::open(tree.path("granted/file")).unwrap();
        trap(STAT_FAMILY, Mode { judged: false, ..READ });
        check("a descriptor", file.metadata().unwrap().size(), 12);
        check("a path", errno(fs::metadata(tree.path("granted/file"))), Some(libc::EPERM));
        check("access", access("/", libc::F_OK), Err(libc::EPERM));
        check("the working directory", errno(fs::metadata(".")), Some(libc::EPERM));
        let mut stat = MaybeUninit::<libc::stat>::uninit();
        let here = [libc::AT_FDCWD as usize, 0, stat.as_mut_ptr() as usize, libc::AT_EMPTY_PATH as usize, 0];
        check("the working directory", raw(libc::SYS_newfstatat, here), Err(libc::EPERM));
    });
    assert_eq!(ended, (Ended::Exited(0), String::new()));
}

const KILL: Mode = Mode { judged: false, write: false, kill: true };

#[test]
fn a_violation_is_reported_and_ends_the_process() {
    let ended = in_child(|| {
        trap(STAT_FAMILY, KILL);
        let path = c("/etc/passwd");
        let _unreachable = raw(libc::SYS_statx, [libc::AT_FDCWD as usize, address(&path), 0, 0, 0]);
        say("went on\n");
    });
    let report = format!("violation {} {:#x}\n", libc::SYS_statx, libc::AT_FDCWD as usize);
    assert_eq!(ended, (Ended::Killed(libc::SIGSYS), report));
    let ended = in_child(|| {
        trap(&[libc::SYS_setpriority], KILL);
        let _unreachable = raw(libc::SYS_setpriority, [1, 2, 3, 0, 0]);
        say("went on\n");
    });
    assert_eq!(ended, (Ended::Killed(libc::SIGSYS), format!("violation {} 0x1\n", libc::SYS_setpriority)));
}

#[test]
fn what_std_opens_by_itself_is_no_violation() {
    let ended = in_child(|| {
        trap(&[libc::SYS_openat], KILL);
        check("localtime", errno(fs::File::open("/etc/localtime")), Some(libc::EPERM));
        check("parallelism", std::thread::available_parallelism().is_ok(), true);
        let _unreachable = fs::File::open("/etc/localtimes");
    });
    assert_eq!(ended.0, Ended::Killed(libc::SIGSYS));
    assert!(ended.1.starts_with(&format!("violation {} ", libc::SYS_openat)), "{}", ended.1);
    // A path that cannot be read is no habit.
    let ended = in_child(|| {
        trap(&[libc::SYS_openat], KILL);
        let _unreachable = raw(libc::SYS_openat, [libc::AT_FDCWD as usize, 8, 0, 0, 0]);
    });
    assert_eq!(ended.0, Ended::Killed(libc::SIGSYS));
}

#[test]
fn a_signal_that_somebody_sends_does_what_it_always_does() {
    let ended = in_child(|| {
        trap(STAT_FAMILY, READ);
        // SAFETY: it takes a number.
        unsafe { libc::raise(libc::SIGSYS) };
    });
    assert_eq!(ended, (Ended::Killed(libc::SIGSYS), String::new()));
}
