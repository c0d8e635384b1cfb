//! Freshness checks over real directories, which change in every way that matters.

use std::fs;

use super::*;
use crate::sys::plan::Identity;

/// One at a time: what one makes and removes happens in a directory that the other's paths lead through.
static TURN: Mutex<()> = Mutex::new(());

/// A directory beside the test's own program, where nothing else happens while tests run.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let program = std::env::current_exe().expect("it runs");
        let path = program.with_file_name(format!("gaol-watch-{}-{name}", std::process::id()));
        fs::create_dir_all(path.join("a/b")).expect("a directory");
        for file in 0..MANY {
            fs::write(path.join("a/b").join(file.to_string()), "").expect("a file");
        }
        Self(path)
    }

    fn names(&self) -> Vec<Name> {
        (0..MANY).map(|file| self.0.join("a/b").join(file.to_string())).map(|path| name(&path)).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn name(path: &Path) -> Name {
    let stat = rustix::fs::stat(path).expect("it is there");
    Name::new(path.to_path_buf(), Identity { device: stat.st_dev, inode: stat.st_ino })
}

/// What a freshness check says, and whether it had to look.
fn ask(freshness: &PathFreshness, names: &[Name], watcher: &Arc<PathWatcher>) -> (bool, bool) {
    // Nobody rests in these tests.
    freshness.0.lock().expect("no test panics in there").again = None;
    let before = freshness.0.lock().expect("as above").seen;
    let known = before.zip(watcher.hear()).is_some_and(|(seen, heard)| {
        let kept = freshness.0.lock().expect("as above");
        kept.watches.as_ref().is_some_and(|watches| heard.is_quiet_since(seen, watches))
    });
    (freshness.holds(names, || Some(Arc::clone(watcher))), !known)
}

const KNOWN: (bool, bool) = (true, false);
const LOOKED: (bool, bool) = (true, true);
const GONE: (bool, bool) = (false, true);

/// Runs a test where names are told of, or says that they are not.
fn with(name: &str, test: impl FnOnce(&Place, &PathFreshness, &[Name], &Arc<PathWatcher>)) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let place = Place::new(name);
    let names = place.names();
    let watcher = PathWatcher::new().expect("every kernel that this is tested on has inotify and mount ids");
    let freshness = PathFreshness::default();
    assert_eq!(ask(&freshness, &names, &watcher), LOOKED, "nothing is known yet");
    if freshness.0.lock().expect("as above").watches.is_none() {
        eprintln!("left out: {name}: a file system on the way to {} does not tell of its changes", place.0.display());
        return;
    }
    assert_eq!(ask(&freshness, &names, &watcher), KNOWN, "nothing has changed");
    test(&place, &freshness, &names, &watcher);
}

#[test]
fn whoever_is_removed_or_exchanged_is_missed() {
    with("exchanged", |place, freshness, names, watcher| {
        let (file, aside) = (place.0.join("a/b/3"), place.0.join("a/b/aside"));
        fs::rename(&file, &aside).expect("a file");
        assert_eq!(ask(freshness, names, watcher), GONE);
        assert_eq!(ask(freshness, names, watcher), GONE, "and is gone as long as it is gone");
        fs::write(&file, "another").expect("a file");
        assert_eq!(ask(freshness, names, watcher), GONE, "another of its name is not it");
        fs::rename(&aside, &file).expect("a file");
        assert_eq!(ask(freshness, names, watcher), LOOKED);
        assert_eq!(ask(freshness, names, watcher), KNOWN);
    });
}

#[test]
fn a_directory_on_the_way_may_be_another_where_the_file_is_the_same() {
    with("moved", |place, freshness, names, watcher| {
        let (way, other) = (place.0.join("a"), place.0.join("other"));
        // The same files under the same names, in other directories.
        fs::create_dir_all(other.join("b")).expect("a directory");
        for file in 0..MANY {
            let file = file.to_string();
            fs::hard_link(way.join("b").join(&file), other.join("b").join(&file)).expect("a link");
        }
        rustix::fs::renameat_with(CWD, &way, CWD, &other, rustix::fs::RenameFlags::EXCHANGE).expect("two directories");
        assert_eq!(ask(freshness, names, watcher), LOOKED);
        assert_eq!(ask(freshness, names, watcher), KNOWN);
        // What happens in the one that is on the way now is heard.
        fs::rename(way.join("b/0"), way.join("b/away")).expect("a file");
        assert_eq!(ask(freshness, names, watcher), GONE);
    });
}

#[test]
fn links_and_modes_are_told_of() {
    with("links", |place, _, _, watcher| {
        let link = place.0.join("link");
        std::os::unix::fs::symlink("a", &link).expect("a link");
        let names: Vec<Name> = (0..MANY).map(|file| name(&link.join("b").join(file.to_string()))).collect();
        let freshness = PathFreshness::default();
        assert_eq!(ask(&freshness, &names, watcher), LOOKED);
        assert_eq!(ask(&freshness, &names, watcher), KNOWN);
        fs::create_dir_all(place.0.join("c/b")).expect("a directory");
        fs::remove_file(&link).expect("a link");
        std::os::unix::fs::symlink("c", &link).expect("a link");
        assert_eq!(ask(&freshness, &names, watcher), GONE);
        fs::remove_file(&link).expect("a link");
        std::os::unix::fs::symlink("a", &link).expect("a link");
        assert_eq!(ask(&freshness, &names, watcher), LOOKED);
        assert_eq!(ask(&freshness, &names, watcher), KNOWN);
        let mode = fs::metadata(place.0.join("a")).expect("a directory").permissions();
        fs::set_permissions(place.0.join("a"), mode).expect("a directory");
        assert_eq!(ask(&freshness, &names, watcher), LOOKED, "whether it can be reached may have changed");
    });
}

#[test]
fn what_happens_elsewhere_is_no_matter() {
    with("elsewhere", |place, freshness, names, watcher| {
        // Contents, and directories that no path leads through.
        fs::write(place.0.join("a/b/0"), "contents").expect("a file");
        assert_eq!(ask(freshness, names, watcher), KNOWN);
        let other = Place::new("elsewhere-other");
        let others = other.names();
        let another = PathFreshness::default();
        assert_eq!(ask(&another, &others, watcher), LOOKED);
        drop(other);
        assert_eq!(ask(&another, &others, watcher), GONE);
        // Both lead through the same directory above; the freshness check that is left has it watched still.
        drop(another);
        assert_eq!(ask(freshness, names, watcher), LOOKED);
        assert_eq!(ask(freshness, names, watcher), KNOWN);
    });
}

#[test]
fn more_events_than_are_kept_are_a_change_too() {
    with("overflow", |place, freshness, names, watcher| {
        let most: u32 = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
            .ok()
            .and_then(|most| most.trim().parse().ok())
            .expect("a number");
        if most > 1 << 17 {
            eprintln!("left out: an overflow: {most} events are kept");
            return;
        }
        // Two names in turn, or the kernel would count two of the same as one.
        for _ in 0..=most {
            fs::write(place.0.join("a/b/x"), "").expect("a file");
            fs::remove_file(place.0.join("a/b/x")).expect("a file");
        }
        let heard = watcher.hear().expect("it hears");
        assert!(heard.general > 0, "{heard:?}");
        drop(heard);
        assert_eq!(ask(freshness, names, watcher), LOOKED);
    });
}

#[test]
fn nothing_is_left_watched() {
    with("left", |_, freshness, _, watcher| {
        let watched = || {
            let watches = format!("/proc/self/fdinfo/{}", watcher.inotify.as_raw_fd());
            fs::read_to_string(watches).expect("it is open").lines().filter(|line| line.starts_with("inotify")).count()
        };
        assert!(watched() >= 4, "the root, and what leads from there to the files");
        *freshness.0.lock().expect("as above") = Freshness::default();
        assert_eq!(watched(), 0);
        assert!(watcher.heard.lock().expect("as above").directories.is_empty());
    });
}

/// Files in so many directories of their own.
fn scattered(place: &Place, under: &str, count: usize) -> Vec<Name> {
    let file = |number: usize| {
        let directory = place.0.join(under).join(number.to_string());
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join("file"), "").expect("a file");
        name(&directory.join("file"))
    };
    (0..count).map(file).collect()
}

#[test]
fn no_more_is_watched_than_may_be() {
    with("most", |place, first, _, watcher| {
        let among = |names: &[Name]| {
            let freshness = PathFreshness::default();
            assert_eq!(ask(&freshness, names, watcher), LOOKED, "nothing is known yet");
            let known = ask(&freshness, names, watcher);
            (freshness, known)
        };
        assert_eq!(among(&scattered(place, "too-many", MOST_OF_ONE + 1)).1, LOOKED, "too many of one template's");
        *first.0.lock().expect("as above") = Freshness::default();
        // Each has some beside these that lead there, which all of them share.
        let several: Vec<Vec<Name>> =
            (0..5).map(|which| scattered(place, &which.to_string(), MOST_OF_ONE - 64)).collect();
        let mut kept: Vec<_> = several[..4].iter().map(|names| among(names)).collect();
        assert!(kept.iter().all(|(_, known)| *known == KNOWN), "so many may be");
        assert_eq!(among(&several[4]).1, LOOKED, "too many of all together");
        kept.pop();
        assert_eq!(among(&several[4]).1, KNOWN, "what is not watched any more does not count");
    });
}

#[test]
fn who_is_never_left_in_peace_rests() {
    with("busy", |place, freshness, names, watcher| {
        let mut rests = Vec::new();
        for round in 0..4 {
            fs::write(place.0.join("a/b").join(format!("new{round}")), "").expect("a file");
            assert!(freshness.holds(names, || Some(Arc::clone(watcher))));
            let mut kept = freshness.0.lock().expect("as above");
            let (again, rest) = kept.again.expect("it has watched");
            rests.push(rest);
            // The rest is over.
            kept.again = Some((again - rest, rest));
        }
        assert!(rests.windows(2).all(|pair| pair[1] == 2 * pair[0]), "{rests:?}");
        fs::write(place.0.join("a/b/last"), "").expect("a file");
        freshness.0.lock().expect("as above").again = Some((Instant::now() + REST[1], REST[1]));
        assert!(freshness.holds(names, || Some(Arc::clone(watcher))));
        assert!(freshness.0.lock().expect("as above").watches.is_none(), "it looks, and watches nothing");
    });
}

#[test]
fn networks_and_overlays_are_not_believed() {
    for magic in [0x6969, 0x6573_5546, 0x794c_7630, 0x9fa0, 0x0000_0000_0102_1997, 0xff53_4d42] {
        assert!(!is_changed_here_alone(magic), "{magic:#x}");
    }
    assert!(is_changed_here_alone(0xEF53));
}
