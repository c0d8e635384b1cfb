//! From a profile to a plan: every path resolved once, to what it is now.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::PathProblem;
use crate::plan::{Grant, Identity, Kind, Link, Plan, Rights, Stream};
use crate::profile::{Operation, Output, Process, Profile, Violation};
use crate::support::Layers;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// A plan, and what to look at to know that it still holds.
pub(super) struct Resolved {
    pub(super) plan: Plan,
    pub(super) names: Vec<Name>,
}

/// A written path, and what it meant when it was resolved.
pub(super) struct Name {
    path: PathBuf,
    identity: Identity,
}

impl Name {
    /// Whether the path still means the same file.
    pub(super) fn still_holds(&self) -> bool {
        rustix::fs::stat(&self.path).is_ok_and(|stat| identity(&stat) == self.identity)
    }
}

/// A path that cannot be granted.
pub(super) struct Unresolved {
    pub(super) operation: String,
    pub(super) path: PathBuf,
    pub(super) problem: PathProblem,
}

/// Resolves every path of `profile`.
///
/// `writable` are the trees that some profile of this process lets a child write: a symbolic link there may be a child's own.
pub(super) fn resolve(profile: &Profile, layers: Layers, writable: &Writable) -> Result<Resolved, Unresolved> {
    let mut grants: BTreeMap<PathBuf, Grant> = BTreeMap::new();
    let mut links: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    let mut names = Vec::new();
    for operation in profile.file_operations() {
        let Some(path) = operation.path() else { continue };
        let unresolved = |(path, problem)| Unresolved { operation: operation.to_string(), path, problem };
        let target = follow(path).map_err(unresolved)?;
        if let Some(link) = target.links.iter().find(|link| writable.contains(&link.at)) {
            return Err(unresolved((link.at.clone(), PathProblem::WritableLink)));
        }
        let rights = match operation {
            Operation::FileReadAll(_) => Rights { read: true, write: false },
            Operation::FileWriteAll(_) => Rights { read: false, write: true },
            _ => Rights::default(),
        };
        names.push(Name { path: path.to_path_buf(), identity: target.identity });
        links.extend(target.links.into_iter().map(|link| (link.at, link.target)));
        let grant = grants.entry(target.path.clone()).or_insert(Grant {
            path: target.path,
            identity: target.identity,
            kind: target.kind,
            rights: Rights::default(),
        });
        grant.rights.read |= rights.read;
        grant.rights.write |= rights.write;
    }
    // A path sorts before what is beneath it, so that outer mounts are made first. Landlock adds rights downward by itself; a mount
    // over a mount does not, so an inner grant takes on what the outer ones allow.
    let mut grants: Vec<Grant> = grants.into_values().collect();
    for inner in 1..grants.len() {
        for outer in 0..inner {
            if grants[inner].path.starts_with(&grants[outer].path) {
                let rights = grants[outer].rights;
                grants[inner].rights.read |= rights.read;
                grants[inner].rights.write |= rights.write;
            }
        }
    }
    let limits = profile.limits();
    let plan = Plan {
        layers,
        grants,
        links: links.into_iter().map(|(at, target)| Link { at, target }).collect(),
        tcp_ports: profile.tcp_ports().collect(),
        cpu_seconds: limits.cpu.filter(|_| profile.process() != Process::Reused).map(whole_seconds),
        memory: limits.memory,
        files: limits.files,
        threads: limits.threads,
        file_size: limits.file_size,
        kill_on_violation: profile.violation() == Violation::Kill,
        reply: limits.reply,
        reused: profile.process() == Process::Reused,
        stdout: stream(profile.stdout()),
        stderr: stream(profile.stderr()),
    };
    Ok(Resolved { plan, names })
}

/// The trees that children may write, by their real paths. It only grows: a link that was planted stays.
#[derive(Debug, Default)]
pub(super) struct Writable(RwLock<BTreeSet<PathBuf>>);

impl Writable {
    /// Those of every profile in the binary.
    pub(super) fn of_entries() -> Self {
        let writable = Self::default();
        for entry in crate::entry::entries() {
            writable.extend(entry.profile());
        }
        writable
    }

    /// Adds those of one profile.
    pub(super) fn extend(&self, profile: &Profile) {
        for operation in profile.file_operations() {
            if let Operation::FileWriteAll(pattern) = operation {
                let path = std::fs::canonicalize(pattern.path()).unwrap_or_else(|_| pattern.path().to_path_buf());
                if !self.paths().contains(&path) {
                    self.0.write().unwrap_or_else(PoisonError::into_inner).insert(path);
                }
            }
        }
    }

    /// Whether something at `path` may be a child's doing.
    fn contains(&self, path: &Path) -> bool {
        let paths = self.paths();
        // The tree itself is named by its parent, which its child cannot write.
        path.ancestors().skip(1).any(|ancestor| paths.contains(ancestor))
    }

    fn paths(&self) -> RwLockReadGuard<'_, BTreeSet<PathBuf>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a path leads.
struct Target {
    path: PathBuf,
    links: Vec<Link>,
    identity: Identity,
    kind: Kind,
}

/// Follows a path link by link, keeping each, so that the names that were written can be made to work in a private root.
fn follow(written: &Path) -> Result<Target, (PathBuf, PathProblem)> {
    let mut rest: VecDeque<OsString> = components(written);
    let mut path = PathBuf::from("/");
    let mut links = Vec::new();
    while let Some(component) = rest.pop_front() {
        if component == ".." {
            path.pop();
            continue;
        }
        path.push(&component);
        let stat = rustix::fs::statat(CWD, &path, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| at(&path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            continue;
        }
        if links.len() == MOST_LINKS {
            return Err((written.to_path_buf(), PathProblem::TooManyLinks));
        }
        let target = rustix::fs::readlink(&path, Vec::new()).map_err(|errno| at(&path, errno))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        links.push(Link { at: path.clone(), target: target.clone() });
        path.pop();
        if target.is_absolute() {
            path = PathBuf::from("/");
        }
        for component in components(&target).into_iter().rev() {
            rest.push_front(component);
        }
    }
    // O_PATH: neither a device nor a pipe notices.
    let fd = rustix::fs::open(&path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| at(&path, errno))?;
    let stat = rustix::fs::fstat(&fd).map_err(|errno| at(&path, errno))?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Kind::Directory,
        FileType::RegularFile => Kind::Regular,
        FileType::CharacterDevice | FileType::BlockDevice => Kind::Device,
        FileType::Fifo => return Err((path, PathProblem::Pipe)),
        FileType::Socket => return Err((path, PathProblem::Socket)),
        _ => return Err((path, PathProblem::Changed)),
    };
    Ok(Target { path, links, identity: identity(&stat), kind })
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_os_string()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

fn at(path: &Path, errno: Errno) -> (PathBuf, PathProblem) {
    (path.to_path_buf(), PathProblem::Io(io::Error::from(errno)))
}

fn identity(stat: &Stat) -> Identity {
    Identity { device: stat.st_dev, inode: stat.st_ino }
}

fn stream(output: Output) -> Stream {
    match output {
        Output::Capture => Stream::Capture,
        Output::Null => Stream::Null,
        Output::Inherit => Stream::Inherit,
    }
}

fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}
