//! A profile of many paths, whose directories are watched rather than looked at: whatever comes to mean something else is noticed all the same.
//!
//! # Safety
//!
//! A process of the test's own takes a mount namespace for itself, and mounts in it.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
}

use std::ffi::{CStr, CString};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use gaol::{Layer, PathProblem, sandboxed};

use support::alone::Alone;

/// There on every system, and nobody else's, for the test mounts a file system of its own on it.
const ROOT: &str = "/mnt";
const COUNT: usize = 16;

/// The file of that number, through a link.
fn file(number: usize) -> PathBuf {
    Path::new(ROOT).join("link/files").join(number.to_string())
}

fn files() -> Vec<PathBuf> {
    (0..COUNT).map(file).collect()
}

#[sandboxed(read = files())]
fn reads(number: usize) -> gaol::Result<String> {
    Ok(fs::read_to_string(file(number))?)
}

fn mount(source: &Path, target: &Path, kind: Option<&CStr>, flags: libc::c_ulong) {
    let path = |path: &Path| CString::new(path.as_os_str().as_encoded_bytes()).expect("a path");
    let (source, name) = (path(source), path(target));
    let kind = kind.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: all are C strings that live through the call, or null where mount(2) allows it.
    let answer = unsafe { libc::mount(source.as_ptr(), name.as_ptr(), kind, flags, std::ptr::null()) };
    assert_eq!(answer, 0, "mount on {}: {}", target.display(), std::io::Error::last_os_error());
}

fn unmount(target: &Path) {
    let name = CString::new(target.as_os_str().as_encoded_bytes()).expect("a path");
    // SAFETY: the string lives through the call.
    let answer = unsafe { libc::umount2(name.as_ptr(), libc::MNT_DETACH) };
    assert_eq!(answer, 0, "unmount {}: {}", target.display(), std::io::Error::last_os_error());
}

/// On the thread that makes the calls, and started none.
fn take_mount_namespace() {
    // SAFETY: takes flags, and concerns this thread alone.
    let answer = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    assert_eq!(answer, 0, "a mount namespace: {}", std::io::Error::last_os_error());
    mount(Path::new("none"), Path::new("/"), None, libc::MS_REC | libc::MS_PRIVATE);
}

/// How many directories this process watches.
fn watched() -> usize {
    let descriptors = fs::read_dir("/proc/self/fdinfo").expect("descriptors").flatten();
    let watches = |path: PathBuf| fs::read_to_string(path).map_or(0, |text| text.matches("inotify wd:").count());
    descriptors.map(|entry| watches(entry.path())).sum()
}

/// Calls until nothing is looked at any more, and says whether that came to be.
fn settle() -> bool {
    for _ in 0..3 {
        assert_eq!(reads(3).expect("a granted file"), "3");
    }
    watched() > 0
}

fn whatever_happens() {
    take_mount_namespace();
    mount(Path::new("none"), Path::new(ROOT), Some(c"tmpfs"), 0);
    let root = Path::new(ROOT);
    fs::create_dir_all(root.join("tree/files")).expect("directories");
    for number in 0..COUNT {
        fs::write(root.join("tree/files").join(number.to_string()), number.to_string()).expect("a file");
    }
    symlink("tree", root.join("link")).expect("a link");
    fs::write(root.join("other"), "other").expect("a file");
    for without in [&[][..], &[Layer::Namespaces][..]] {
        let _guard = gaol::controls::without(without);
        // The root of the system may be of a kind that does not tell. Then every call looks, and all this holds as well.
        let watches = settle();
        assert!(watches || !tells(), "watched are {} directories", watched());
        eprintln!("without {without:?}: {} directories are watched", watched());
        notices_every_change(root);
    }
    // In another mount namespace the one that is watched says nothing.
    settle();
    take_mount_namespace();
    mount(&root.join("other"), &file(3), None, libc::MS_BIND);
    // gaol's own processes lived in the one before. They are others now, and find the file that is here.
    let read = reads(3);
    assert_eq!(read.expect("a file"), "other");
    unmount(&file(3));
    assert_eq!(reads(3).expect("a granted file"), "3");
}

/// Whether the root's file system is one of those that are believed.
fn tells() -> bool {
    let stat = rustix::fs::statfs("/").expect("a root");
    [0xEF53, 0x5846_5342, 0x9123_683E, 0xF2F5_2010, 0x0102_1994].contains(&(stat.f_type as u64))
}

fn notices_every_change(root: &Path) {
    // Mounted over, and that taken away.
    mount(&root.join("other"), &file(3), None, libc::MS_BIND);
    assert_eq!(reads(3).expect("a granted file"), "other");
    unmount(&file(3));
    settle();
    // Mounted over a directory on the way, by a recursive bind and by a file system of its own.
    fs::create_dir_all(root.join("stage/files")).expect("directories");
    for number in 0..COUNT {
        fs::write(root.join("stage/files").join(number.to_string()), "staged").expect("a file");
    }
    settle();
    mount(&root.join("stage"), &root.join("tree"), None, libc::MS_BIND | libc::MS_REC);
    assert_eq!(reads(3).expect("a granted file"), "staged");
    unmount(&root.join("tree"));
    settle();
    // Exchanged.
    let exchange = |one: &Path, other: &Path| {
        rustix::fs::renameat_with(rustix::fs::CWD, one, rustix::fs::CWD, other, rustix::fs::RenameFlags::EXCHANGE)
            .expect("both are there");
    };
    for (one, other) in [("tree", "stage"), ("tree/files", "stage/files"), ("tree/files/3", "stage/files/3")] {
        exchange(&root.join(one), &root.join(other));
        assert_eq!(reads(3).expect("a granted file"), "staged", "{one}");
        exchange(&root.join(one), &root.join(other));
        settle();
    }
    // A link that leads elsewhere.
    let lead = |to: &str| {
        symlink(to, root.join("new")).expect("a link");
        fs::rename(root.join("new"), root.join("link")).expect("a move");
    };
    lead("stage");
    assert_eq!(reads(3).expect("a granted file"), "staged");
    lead("tree");
    settle();
    // Gone, and another of its name.
    fs::rename(root.join("tree/files/3"), root.join("aside")).expect("a move");
    match reads(3) {
        Err(gaol::Error::Path { path, problem: PathProblem::Io(error), .. }) => {
            assert_eq!((path, error.kind()), (root.join("tree/files/3"), std::io::ErrorKind::NotFound));
        }
        other => panic!("{other:?}"),
    }
    fs::write(root.join("tree/files/3"), "new").expect("a file");
    assert_eq!(reads(3).expect("a granted file"), "new");
    fs::rename(root.join("aside"), root.join("tree/files/3")).expect("a move");
    settle();
    fs::remove_dir_all(root.join("stage")).expect("a directory");
}

#[test]
fn many_paths_are_watched_and_every_change_is_noticed() {
    const NAME: &str = "many_paths_are_watched_and_every_change_is_noticed";
    if !rustix::process::geteuid().is_root() {
        eprintln!("{NAME}: left out, since only root can mount");
        return;
    }
    Alone::new(NAME).run(whatever_happens);
}
