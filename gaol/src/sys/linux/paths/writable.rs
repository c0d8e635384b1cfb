//! The trees that children may write: a symbolic link there may be a child's own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, PoisonError, RwLock, RwLockReadGuard};

use crate::profile::{Operation, Profile};

/// What a launcher is told of them, in bytes. An argument has 128 KiB, of which each byte takes two.
const MOST_TOLD: usize = 16 << 10;

/// How many there are before those are looked for that are gone.
const MANY: usize = 1024;

/// Those of this process.
static KNOWN: LazyLock<Writable> = LazyLock::new(Writable::of_entries);

/// The trees that children may write, by their real paths. One is forgotten only when it is gone, and what was planted in it too.
#[derive(Debug, Default)]
pub(crate) struct Writable(RwLock<Trees>);

#[derive(Debug, Default)]
struct Trees {
    /// Those of every profile in the binary.
    of_entries: BTreeSet<PathBuf>,
    /// Those of profiles that came about later, each with the device that it was on.
    others: BTreeMap<PathBuf, Option<u64>>,
    /// With so many of the others, those that are gone are forgotten.
    many: usize,
}

impl Writable {
    /// Those that any profile has named in this process so far.
    pub(crate) fn known() -> &'static Self {
        &KNOWN
    }

    /// Those of every profile in the binary.
    pub(crate) fn of_entries() -> Self {
        let of_entries = crate::function::entry::entries().flat_map(|entry| trees(entry.profile())).collect();
        Self(RwLock::new(Trees { of_entries, others: BTreeMap::new(), many: MANY }))
    }

    /// Adds those of one profile.
    pub(crate) fn extend(&self, profile: &Profile) {
        self.include(trees(profile));
    }

    /// Adds trees, which are named by their real paths.
    pub(crate) fn include(&self, trees: impl IntoIterator<Item = PathBuf>) {
        for tree in trees {
            if !self.read().covers(&tree) {
                self.0.write().unwrap_or_else(PoisonError::into_inner).insert(tree);
            }
        }
    }

    /// Whether something at `path` may be a child's doing.
    pub(super) fn contains(&self, path: &Path) -> bool {
        // The tree itself is named by its parent, which its child cannot write.
        path.parent().is_some_and(|parent| self.read().covers(parent))
    }

    /// What another process of this binary does not know of by itself. Where that is too much to be told, larger trees with all of it.
    pub(crate) fn to_tell(&self) -> Vec<PathBuf> {
        let mut told: BTreeSet<PathBuf> = self.read().others.keys().cloned().collect();
        while told.iter().map(|tree| tree.as_os_str().len()).sum::<usize>() > MOST_TOLD {
            let depth = |tree: &Path| tree.components().count();
            let deepest = told.iter().map(|tree| depth(tree)).max();
            let wider = |tree: PathBuf| match tree.parent() {
                Some(parent) if Some(depth(&tree)) == deepest => parent.to_path_buf(),
                _ => tree,
            };
            told = told.into_iter().map(wider).collect();
        }
        told.into_iter().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Trees> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trees {
    /// Whether `path` is one of them or in one.
    fn covers(&self, path: &Path) -> bool {
        path.ancestors().any(|tree| self.of_entries.contains(tree) || self.others.contains_key(tree))
    }

    fn insert(&mut self, tree: PathBuf) {
        if self.others.len() >= self.many {
            self.others.retain(|tree, device| !is_gone(tree, *device));
            self.many = MANY.max(2 * self.others.len());
        }
        let device = device(&tree);
        self.others.insert(tree, device);
    }
}

/// Whether a tree that was on `device` is no more. One that is not there because its file system is not may come again, with all that was
/// planted in it.
fn is_gone(tree: &Path, was_on: Option<u64>) -> bool {
    let missing = std::fs::symlink_metadata(tree).is_err_and(|error| error.kind() == ErrorKind::NotFound);
    missing && device(tree) == was_on
}

/// The device of a path, or else of what there is above it.
fn device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(|path| std::fs::symlink_metadata(path).ok()).map(|metadata| metadata.dev())
}

/// The trees that a profile lets its children write.
fn trees(profile: &Profile) -> Vec<PathBuf> {
    let real = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let tree = |operation: &Operation| match operation {
        Operation::FileWriteAll(pattern) => Some(real(pattern.path())),
        _ => None,
    };
    profile.allowed_operations().iter().filter_map(tree).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(trees: impl IntoIterator<Item = PathBuf>) -> Writable {
        let writable = Writable::default();
        writable.include(trees);
        writable
    }

    #[test]
    fn what_is_beneath_a_tree_may_be_a_childs_doing() {
        let writable = of(["/a/b".into()]);
        for (path, expected) in [("/a/b/c", true), ("/a/b/c/d", true), ("/a/b", false), ("/a/bc", false), ("/", false)]
        {
            assert_eq!(writable.contains(Path::new(path)), expected, "{path}");
        }
        assert!(of(["/".into()]).contains(Path::new("/a")));
    }

    #[test]
    fn a_tree_in_a_tree_is_not_kept() {
        assert_eq!(of(["/a".into(), "/a/b".into(), "/a".into()]).to_tell(), [PathBuf::from("/a")]);
    }

    #[test]
    fn what_is_too_much_to_be_told_is_told_as_larger_trees() {
        let name = "x".repeat(100);
        let few: Vec<PathBuf> = (0..100).map(|number| format!("/jobs/{number}-{name}").into()).collect();
        let mut told = of(few.clone()).to_tell();
        told.sort_by_key(|tree| few.iter().position(|one| one == tree));
        assert_eq!(told, few);
        let many = (0..1000).map(|number| format!("/jobs/{number}-{name}").into());
        assert_eq!(of(many.chain(["/kept".into()])).to_tell(), ["/jobs", "/kept"].map(PathBuf::from));
        // At the root there is nothing larger.
        let all = (0..1000).map(|number| format!("/{number}-{name}").into());
        assert_eq!(of(all).to_tell(), [PathBuf::from("/")]);
    }

    #[test]
    fn trees_that_are_gone_are_forgotten_and_others_are_not() {
        let here = std::env::current_dir().expect("there is one");
        let gone = (0..20 * MANY).map(|number| PathBuf::from(format!("/nowhere/{number}")));
        let writable = of(std::iter::once(here.clone()).chain(gone));
        assert!(writable.read().others.len() <= 2 * MANY, "{}", writable.read().others.len());
        assert!(writable.contains(&here.join("Cargo.toml")));
    }

    #[test]
    fn a_tree_that_went_with_its_file_system_is_not_gone() {
        let (here, nowhere) = (device(Path::new("/")), Path::new("/nowhere/tree"));
        assert!(here.is_some() && is_gone(nowhere, here));
        assert!(!is_gone(nowhere, here.map(|device| device + 1)));
        assert!(!is_gone(Path::new("/"), here));
    }
}
