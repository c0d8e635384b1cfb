//! Paths of a profile: links, nested grants, things that are no files, mounts, and names that come to mean something else.
//!
//! # Safety
//!
//! A process of the test's own takes a mount namespace for itself before it starts anything.
#![allow(unsafe_code)]
#![allow(unused_variables, reason = "some parameters are there for the attribute alone")]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
}

use std::fs;
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use gaol::{Error, Layer, Outcome, PathProblem, sandboxed};

use support::alone::{Alone, User, place};
use support::place::Place;

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

#[sandboxed(read = granted)]
fn reads(granted: &Path, wanted: &Path) -> gaol::Result<String> {
    Ok(fs::read_to_string(wanted)?)
}

#[sandboxed(read = granted)]
fn lists(granted: &Path, wanted: &Path) -> gaol::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(wanted)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// What stat says of a path, followed and not.
#[sandboxed(metadata = granted)]
fn stats(granted: &Path, wanted: &Path) -> gaol::Result<(u64, bool)> {
    Ok((fs::metadata(wanted)?.ino(), fs::symlink_metadata(wanted)?.is_symlink()))
}

/// `x/real/data/file` holds "inside"; `x/outside` holds "outside".
fn tree() -> Place {
    let place = Place::new("paths");
    fs::create_dir_all(place.path().join("real/data")).expect("directories");
    fs::write(place.path().join("real/data/file"), "inside").expect("a file");
    fs::write(place.path().join("outside"), "outside").expect("a file");
    place
}

fn is_refused<T: std::fmt::Debug>(result: gaol::Result<T>) -> bool {
    matches!(result, Err(Error::Function(_)))
}

#[test]
fn a_directory_and_all_beneath_it_is_granted() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    in_each_tier(|| {
        assert_eq!(reads(&path("real"), &path("real/data/file")).expect("a granted file"), "inside");
        assert_eq!(reads(&path("real/data/file"), &path("real/data/file")).expect("a granted file"), "inside");
        assert_eq!(lists(&path("real"), &path("real/data")).expect("a granted directory"), ["file"]);
        assert!(is_refused(reads(&path("real"), &path("outside"))));
        assert!(is_refused(lists(&path("real/data"), &path("real/../.."))));
        assert!(is_refused(reads(&path("real/data/file"), &path("outside"))));
    });
}

#[test]
fn a_link_is_granted_as_what_it_leads_to_under_the_name_that_was_written() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    symlink(path("real"), path("absolute")).expect("a link");
    symlink("real/data", path("relative")).expect("a link");
    symlink("../real/./data/../data/file", path("real/upward")).expect("a link");
    symlink("real/data/file", path("to-file")).expect("a link");
    in_each_tier(|| {
        for (granted, wanted) in [
            ("absolute", "absolute/data/file"),
            ("relative", "relative/file"),
            ("absolute", "real/data/file"),
            ("absolute/data", "absolute/data/file"),
            ("absolute/data/file", "absolute/data/file"),
            ("real/upward", "real/upward"),
            ("absolute/upward", "absolute/upward"),
            ("to-file", "to-file"),
            ("to-file", "real/data/file"),
        ] {
            let result = reads(&path(granted), &path(wanted));
            assert_eq!(result.unwrap_or_else(|error| panic!("{wanted} through {granted}: {error}")), "inside");
            assert!(is_refused(reads(&path(granted), &path("outside"))), "{granted}");
        }
    });
}

#[test]
fn a_chain_of_links_is_followed_to_its_end() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    symlink(path("real"), path("link-0")).expect("a link");
    for index in 1..40 {
        symlink(format!("link-{}", index - 1), path(&format!("link-{index}"))).expect("a link");
    }
    in_each_tier(|| {
        for last in [0, 1, 7, 39] {
            let name = path(&format!("link-{last}"));
            let mut read = reads(&name, &name.join("data/file"));
            // Where something is renamed or mounted meanwhile the kernel starts over, and counts the links that it has followed twice: of as
            // many as it allows, any process is told ELOOP then.
            for _ in 0..100 {
                match &read {
                    Err(error) if error.to_string().contains("(os error 40)") => {
                        read = reads(&name, &name.join("data/file"));
                    }
                    _ => break,
                }
            }
            assert_eq!(read.expect("a granted file"), "inside");
        }
    });
}

#[test]
fn a_directory_on_the_way_may_be_a_link() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    fs::create_dir(path("via")).expect("a directory");
    symlink("../real", path("via/link")).expect("a link");
    let name = path("via/link/data");
    in_each_tier(|| {
        assert_eq!(reads(&name, &name.join("file")).expect("a granted file"), "inside");
        assert_eq!(lists(&name, &name).expect("a granted directory"), ["file"]);
    });
}

#[test]
fn links_of_the_system_work() {
    let links: Vec<&str> = ["/bin", "/lib", "/var/run", "/etc/mtab", "/proc/self"]
        .into_iter()
        .filter(|path| fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink()))
        .collect();
    println!("links of this system: {links:?}");
    in_each_tier(|| {
        for path in &links {
            let path = Path::new(path);
            if path.starts_with("/proc") || fs::canonicalize(path).is_ok_and(|path| path.starts_with("/proc")) {
                continue;
            }
            let names = lists(path, path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(names.len(), fs::read_dir(path).expect("a directory").count(), "{}", path.display());
        }
    });
}

fn path_error<T: std::fmt::Debug>(result: gaol::Result<T>) -> (String, PathBuf, PathProblem) {
    match result {
        Err(error @ Error::Path { .. }) => {
            assert_eq!(error.outcome(), Outcome::NotRun);
            let Error::Path { operation, path, problem, .. } = error else { unreachable!("matched above") };
            (operation, path, problem)
        }
        other => panic!("expected an error about a path, not {other:?}"),
    }
}

#[test]
fn a_link_that_leads_to_itself_is_an_error() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    symlink("loop", path("loop")).expect("a link");
    symlink("pong", path("ping")).expect("a link");
    symlink("ping", path("pong")).expect("a link");
    symlink(path("longer/deeper"), path("longer")).expect("a link");
    in_each_tier(|| {
        for name in ["loop", "ping", "loop/beneath", "longer"] {
            let (operation, named, problem) = path_error(reads(&path(name), &path(name)));
            assert_eq!(operation, format!("read = {:?}", path(name)));
            assert_eq!(named, path(name));
            assert!(matches!(problem, PathProblem::TooManyLinks), "{name}: {problem:?}");
        }
    });
}

#[test]
fn a_missing_path_is_an_error_with_its_errno() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    symlink("nowhere", path("dangling")).expect("a link");
    in_each_tier(|| {
        for (written, named, errno) in [
            ("missing", "missing", libc::ENOENT),
            ("real/missing/file", "real/missing", libc::ENOENT),
            ("dangling", "nowhere", libc::ENOENT),
            ("outside/beneath", "outside/beneath", libc::ENOTDIR),
        ] {
            let (operation, shown, problem) = path_error(reads(&path(written), &path(written)));
            assert_eq!((operation, shown), (format!("read = {:?}", path(written)), path(named)));
            assert!(matches!(&problem, PathProblem::Io(error) if error.raw_os_error() == Some(errno)), "{problem:?}");
        }
    });
    let text = reads(&path("missing"), &path("missing")).expect_err("a missing path").to_string();
    assert!(text.contains("No such file or directory") && text.contains("paths::reads"), "{text}");
}

#[test]
fn a_pipe_and_a_socket_are_no_files() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        path("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .expect("a pipe");
    let _listener = UnixListener::bind(path("socket")).expect("a socket");
    symlink("pipe", path("to-pipe")).expect("a link");
    assert!(fs::metadata(path("pipe")).expect("a pipe").file_type().is_fifo());
    in_each_tier(|| {
        for (written, named) in [("pipe", "pipe"), ("to-pipe", "pipe")] {
            let (_, shown, problem) = path_error(reads(&path(written), &path(written)));
            assert_eq!(shown, path(named));
            assert!(matches!(problem, PathProblem::Pipe), "{problem:?}");
        }
        let (_, shown, problem) = path_error(reads(&path("socket"), &path("socket")));
        assert_eq!(shown, path("socket"));
        assert!(matches!(problem, PathProblem::Socket), "{problem:?}");
    });
}

#[sandboxed(read = ["/dev/null", "/dev/zero", "/dev/urandom"], write = "/dev/null")]
fn uses_devices() -> gaol::Result<(usize, [u8; 4], bool)> {
    fs::write("/dev/null", "gone")?;
    let null = fs::read("/dev/null")?.len();
    let mut zeros = [1; 4];
    fs::File::open("/dev/zero")?.read_exact(&mut zeros)?;
    let mut random = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok((null, zeros, random != [0; 32]))
}

#[sandboxed(read = "/dev/null")]
fn uses_other_devices() -> gaol::Result<(bool, bool)> {
    Ok((fs::write("/dev/null", "gone").is_ok(), fs::File::open("/dev/zero").is_ok()))
}

#[test]
fn a_device_that_is_named_is_granted() {
    in_each_tier(|| {
        assert_eq!(uses_devices().expect("devices"), (0, [0; 4], true));
        assert_eq!(uses_other_devices().expect("a call"), (false, false));
    });
}

#[sandboxed(read = outer, write = inner)]
fn writes_inside(outer: &Path, inner: &Path) -> gaol::Result<[bool; 4]> {
    Ok([
        fs::read(outer.join("file")).is_ok(),
        fs::write(outer.join("new"), "n").is_ok(),
        fs::read(inner.join("file")).is_ok(),
        fs::write(inner.join("new"), "n").is_ok(),
    ])
}

#[sandboxed(write = outer, read = inner)]
fn reads_inside(outer: &Path, inner: &Path) -> gaol::Result<[bool; 4]> {
    Ok([
        fs::read(outer.join("file")).is_ok(),
        fs::write(outer.join("new"), "n").is_ok(),
        fs::read(inner.join("file")).is_ok(),
        fs::write(inner.join("new"), "n").is_ok(),
    ])
}

#[sandboxed(read = inner, write = outer)]
fn reads_inside_in_the_other_order(outer: &Path, inner: &Path) -> gaol::Result<[bool; 4]> {
    Ok([
        fs::read(outer.join("file")).is_ok(),
        fs::write(outer.join("new"), "n").is_ok(),
        fs::read(inner.join("file")).is_ok(),
        fs::write(inner.join("new"), "n").is_ok(),
    ])
}

#[test]
fn grants_may_lie_in_one_another() {
    let place = Place::new("nested");
    let (outer, inner) = (place.path().join("outer"), place.path().join("outer/a/inner"));
    fs::create_dir_all(&inner).expect("directories");
    for directory in [&outer, &inner] {
        fs::write(directory.join("file"), "f").expect("a file");
    }
    in_each_tier(|| {
        assert_eq!(writes_inside(&outer, &inner).expect("a call"), [true, false, true, true]);
        assert_eq!(reads_inside(&outer, &inner).expect("a call"), [false, true, true, true]);
        assert_eq!(reads_inside_in_the_other_order(&outer, &inner).expect("a call"), [false, true, true, true]);
    });
}

#[test]
fn a_grant_in_a_granted_tree_may_be_a_file() {
    let place = tree();
    let (outer, inner) = (place.path().join("real"), place.path().join("real/data/file"));
    #[sandboxed(read = outer, write = inner)]
    fn changes_a_file(outer: &Path, inner: &Path) -> gaol::Result<(String, bool)> {
        fs::write(inner, "changed")?;
        Ok((fs::read_to_string(inner)?, fs::write(outer.join("data/other"), "n").is_ok()))
    }
    in_each_tier(|| {
        fs::write(&inner, "inside").expect("a file");
        assert_eq!(changes_a_file(&outer, &inner).expect("a call"), ("changed".to_owned(), false));
        assert_eq!(fs::read_to_string(&inner).expect("a file"), "changed");
    });
}

#[test]
fn a_directory_may_have_many_entries() {
    let place = Place::new("entries");
    for index in 0..10_000 {
        fs::write(place.path().join(format!("entry-{index:05}")), "").expect("a file");
    }
    in_each_tier(|| {
        let names = lists(place.path(), place.path()).expect("a granted directory");
        assert_eq!(names.len(), 10_000);
        assert_eq!((names[0].as_str(), names[9_999].as_str()), ("entry-00000", "entry-09999"));
    });
}

#[test]
fn metadata_is_not_contents() {
    let place = tree();
    let (directory, file) = (place.path().join("real"), place.path().join("real/data/file"));
    let inode = fs::metadata(&file).expect("a file").ino();
    assert_eq!(stats(&directory, &file).expect("granted metadata"), (inode, false));
    #[sandboxed(metadata = directory)]
    fn reads_with_metadata_alone(directory: &Path, file: &Path) -> gaol::Result<Option<i32>> {
        Ok(fs::read(file).err().and_then(|error| error.raw_os_error()))
    }
    assert_eq!(reads_with_metadata_alone(&directory, &file).expect("a call"), Some(libc::EACCES));
    // Without namespaces there is no telling one from the other.
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    match stats(&directory, &file) {
        Err(Error::Unsupported { unsupported, .. }) => {
            assert_eq!(unsupported.operation, format!("metadata = {directory:?}"));
            assert_eq!(unsupported.layer, Layer::Namespaces);
            assert!(unsupported.remedy.contains("read = "), "{unsupported}");
        }
        other => panic!("expected a refusal, not {other:?}"),
    }
}

/// One template serves these calls, as long as the name means the same.
fn flips(replace: impl Fn(&Path, &str)) {
    static NAME: std::sync::Mutex<Option<PathBuf>> = std::sync::Mutex::new(None);
    fn name() -> PathBuf {
        NAME.lock().expect("no panic in between").clone().expect("set by the test")
    }
    #[sandboxed(read = name())]
    fn reads_current(directory: &Path) -> gaol::Result<String> {
        Ok(fs::read_to_string(directory.join("file"))?)
    }
    static FLIPPING: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = FLIPPING.lock();
    in_each_tier(|| {
        let place = Place::new("flip");
        for version in ["one", "two", "three"] {
            fs::create_dir(place.path().join(version)).expect("a directory");
            fs::write(place.path().join(version).join("file"), version).expect("a file");
        }
        let current = place.path().join("current");
        *NAME.lock().expect("no panic in between") = Some(current.clone());
        for version in ["one", "two", "three"] {
            replace(place.path(), version);
            for _ in 0..3 {
                assert_eq!(reads_current(&current).expect("a granted file"), version);
            }
        }
    });
}

#[test]
fn a_link_that_flips_is_followed_anew() {
    flips(|place, version| {
        symlink(version, place.join("next")).expect("a link");
        fs::rename(place.join("next"), place.join("current")).expect("a flip");
    });
}

#[test]
fn a_directory_that_is_replaced_is_granted_anew() {
    flips(|place, version| {
        let _ = fs::rename(place.join("current"), place.join(format!("before-{version}")));
        fs::rename(place.join(version), place.join("current")).expect("a swap");
    });
}

#[test]
fn a_directory_on_the_way_that_is_replaced_is_noticed() {
    let place = Place::new("swap");
    let path = |name: &str| place.path().join(name);
    for version in ["a", "b"] {
        fs::create_dir_all(path(version).join("data")).expect("directories");
        fs::write(path(version).join("data/file"), version).expect("a file");
    }
    in_each_tier(|| {
        for version in ["a", "b", "a"] {
            fs::rename(path(version), path("now")).expect("a swap");
            let name = path("now/data");
            assert_eq!(reads(&name, &name.join("file")).expect("a granted file"), version);
            fs::rename(path("now"), path(version)).expect("a swap back");
        }
    });
}

#[test]
fn a_path_that_goes_away_is_an_error_until_it_is_back() {
    static NAME: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    #[sandboxed(read = NAME.get().expect("set by the test"))]
    fn reads_it(name: &Path) -> gaol::Result<String> {
        Ok(fs::read_to_string(name.join("data/file"))?)
    }
    let place = tree();
    let name = NAME.get_or_init(|| place.path().join("real"));
    in_each_tier(|| {
        assert_eq!(reads_it(name).expect("a granted file"), "inside");
        fs::rename(name, place.path().join("away")).expect("a move");
        let (_, shown, problem) = path_error(reads_it(name));
        assert_eq!(&shown, name);
        assert!(matches!(problem, PathProblem::Io(_)), "{problem:?}");
        fs::rename(place.path().join("away"), name).expect("a move back");
        assert_eq!(reads_it(name).expect("a granted file"), "inside");
    });
}

#[test]
fn new_files_in_a_granted_directory_are_visible_at_once() {
    let place = tree();
    let path = |name: &str| place.path().join(name);
    in_each_tier(|| {
        for index in 0..5 {
            fs::write(path("real/new"), index.to_string()).expect("a file");
            assert_eq!(reads(&path("real"), &path("real/new")).expect("a granted file"), index.to_string());
        }
    });
}

#[sandboxed(read = paths)]
fn reads_each(paths: &[PathBuf]) -> gaol::Result<usize> {
    let mut bytes = 0;
    for path in paths {
        bytes += fs::read(path)?.len();
    }
    Ok(bytes)
}

#[test]
fn a_profile_may_name_a_thousand_paths() {
    let place = Place::new("thousand");
    let mut paths = Vec::new();
    for index in 0..1000 {
        let directory = place.path().join(format!("directory-{}", index % 50));
        fs::create_dir_all(&directory).expect("a directory");
        let path = directory.join(format!("file-{index}"));
        fs::write(&path, "0123456789").expect("a file");
        paths.push(path);
    }
    in_each_tier(|| assert_eq!(reads_each(&paths).expect("granted files"), 10_000));
}

/// A mount inside a granted tree: a file system of its own, and one beneath it.
fn mounts_inside() {
    // SAFETY: takes flags, and concerns this process alone. It runs on the thread that makes the calls below and starts the zygote.
    let answer = unsafe { libc::unshare(libc::CLONE_NEWNS) };
    assert_eq!(answer, 0, "a mount namespace: {}", std::io::Error::last_os_error());
    let mount = |source: &std::ffi::CStr, target: &Path, kind: *const libc::c_char, flags: libc::c_ulong| {
        let target = std::ffi::CString::new(target.as_os_str().as_encoded_bytes()).expect("a path");
        // SAFETY: all are C strings that live through the call, or null where mount(2) allows it.
        let answer = unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind, flags, std::ptr::null()) };
        assert_eq!(answer, 0, "mount on {target:?}: {}", std::io::Error::last_os_error());
    };
    mount(c"none", Path::new("/"), std::ptr::null(), libc::MS_REC | libc::MS_PRIVATE);
    let tree = place().join("tree");
    fs::create_dir_all(tree.join("mounted")).expect("directories");
    fs::write(tree.join("mounted/hidden"), "beneath the mount").expect("a file");
    mount(c"none", &tree.join("mounted"), c"tmpfs".as_ptr(), 0);
    fs::create_dir(tree.join("mounted/again")).expect("a directory");
    mount(c"none", &tree.join("mounted/again"), c"tmpfs".as_ptr(), 0);
    fs::write(tree.join("mounted/file"), "on the mount").expect("a file");
    fs::write(tree.join("mounted/again/file"), "on the second mount").expect("a file");
    in_each_tier(|| {
        for granted in [&tree, &tree.join("mounted"), &tree.join("mounted/again")] {
            let read = reads(granted, &tree.join("mounted/again/file"));
            assert_eq!(read.expect("a file on a mount"), "on the second mount");
        }
        assert_eq!(reads(&tree, &tree.join("mounted/file")).expect("a file on a mount"), "on the mount");
        assert!(is_refused(reads(&tree, &tree.join("mounted/hidden"))));
        assert!(is_refused(reads(&tree.join("mounted/again"), &tree.join("mounted/file"))));
        let result = writes_inside(&tree.join("mounted"), &tree.join("mounted/again")).expect("a call");
        assert_eq!(result, [true, false, true, true]);
    });
    // Mounted anew, the name means something else: also to a template that knew what it meant before.
    fn again() -> PathBuf {
        place().join("tree/mounted/again")
    }
    #[sandboxed(read = again())]
    fn reads_again(wanted: &Path) -> gaol::Result<String> {
        Ok(fs::read_to_string(wanted)?)
    }
    in_each_tier(|| {
        for text in ["on the third mount", "on the fourth mount"] {
            mount(c"none", &again(), c"tmpfs".as_ptr(), 0);
            fs::write(again().join("file"), text).expect("a file");
            assert_eq!(reads_again(&again().join("file")).expect("a file on a mount"), text);
            assert_eq!(reads(&tree, &again().join("file")).expect("a file on a mount"), text);
        }
    });
}

#[test]
fn mounts_in_a_granted_tree_are_part_of_it() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("mounts_in_a_granted_tree_are_part_of_it: left out, since only root can mount");
        return;
    }
    Alone::new("mounts_in_a_granted_tree_are_part_of_it").run(mounts_inside);
}

#[test]
fn what_an_unprivileged_application_cannot_reach_its_child_cannot() {
    let Some(alone) = Alone::new("what_an_unprivileged_application_cannot_reach_its_child_cannot").user(User::Nobody)
    else {
        return;
    };
    alone.run(|| {
        let shadow = Path::new("/etc/shadow");
        in_each_tier(|| {
            assert!(is_refused(reads(shadow, shadow)), "a file that this user may not read");
            assert_eq!(
                reads(Path::new("/etc"), Path::new("/etc/hostname")).is_ok(),
                Path::new("/etc/hostname").exists()
            );
            if Path::new("/root").exists() && fs::read_dir("/root").is_err() {
                let (_, _, problem) = path_error(reads(Path::new("/root/x"), shadow));
                assert!(
                    matches!(&problem, PathProblem::Io(error) if error.raw_os_error() == Some(libc::EACCES)),
                    "{problem:?}"
                );
            }
        });
    });
}
