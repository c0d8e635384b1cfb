//! Looking a path up while names on it are exchanged.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{RenameFlags, renameat_with};

use super::*;

/// How often the names are exchanged, at the least.
const FLIPS: u64 = 200_000;
/// How often the path is looked up meanwhile, at the least.
const LOOKS: u64 = 20_000;

/// A directory of this test's own, removed with this.
struct Stage(PathBuf);

impl Stage {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("gaol-resolve-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let stage = Self(std::fs::canonicalize(std::env::temp_dir()).expect("a directory").join(name));
        for directory in ["tree/middle", "secret"] {
            std::fs::create_dir_all(stage.0.join(directory)).expect("a directory");
            std::fs::write(stage.0.join(directory).join("file"), "").expect("a file");
        }
        std::os::unix::fs::symlink(stage.0.join("secret"), stage.0.join("tree/link")).expect("a link");
        stage
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Looks the path up while its directory is exchanged with a link. Gives how often what was found was as it should be, and how often it
/// was the secret with no link on the way.
fn race(
    look_up: impl Fn(&Path) -> Result<Target, (PathBuf, PathProblem)>,
    is_enough: impl Fn(u64, u64) -> bool,
) -> [u64; 2] {
    let stage = Stage::new();
    let tree = stage.0.join("tree");
    let path = tree.join("middle/file");
    let secret = follow(&stage.0.join("secret/file")).map_err(|(_, problem)| problem).expect("it is there").identity;
    let (looks, flips) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let flipping = scope.spawn(|| {
            while flips.load(Ordering::Relaxed) < FLIPS || looks.load(Ordering::Relaxed) < LOOKS {
                renameat_with(CWD, tree.join("middle"), CWD, tree.join("link"), RenameFlags::EXCHANGE)
                    .expect("both are there");
                flips.fetch_add(1, Ordering::Relaxed);
            }
        });
        let (mut well, mut wins) = (0, 0);
        while !flipping.is_finished() && !is_enough(well, wins) {
            match look_up(&path) {
                Ok(target) if target.identity == secret && target.links.is_empty() => wins += 1,
                Ok(target) => {
                    assert_eq!(target.identity == secret, target.links.len() == 1, "a link was followed, or none");
                    well += 1;
                }
                Err((path, problem)) => panic!("{}: {problem}", path.display()),
            }
            looks.fetch_add(1, Ordering::Relaxed);
        }
        looks.store(LOOKS, Ordering::Relaxed);
        flips.store(FLIPS, Ordering::Relaxed);
        [well, wins]
    })
}

#[test]
fn a_directory_that_a_link_takes_the_place_of_is_not_followed_into_unseen() {
    let [well, wins] = race(follow, |_, _| false);
    assert_eq!(wins, 0, "of {well}");
    eprintln!("{well} looks, {FLIPS} flips or more");
}

/// The control: who looks each name up from the root again is led to what the link names, and sees no link.
#[test]
fn who_looks_each_name_up_from_the_root_is_beaten() {
    let careless = |path: &Path| {
        let mut links = Vec::new();
        for ancestor in path.ancestors().collect::<Vec<_>>().into_iter().rev() {
            if let Ok(target) = std::fs::read_link(ancestor) {
                links.push(Link { at: ancestor.to_path_buf(), target });
            }
        }
        // What was looked at, by its name.
        as_it_is(path).map(|target| Target { links, ..target })
    };
    let look = |path: &Path| match careless(path) {
        // A link that was there when it was looked for, and has gone: no win, and not what is asked here.
        Ok(target) if target.links.len() == 1 => follow(path),
        other => other,
    };
    let [_, wins] = race(look, |_, wins| wins > 0);
    assert!(wins > 0, "the careless look is beaten in the same place");
}
