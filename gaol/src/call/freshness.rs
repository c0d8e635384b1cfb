//! Whether the paths of a profile with many still mean what they meant, without looking at each of them before every call.
//!
//! The kernel tells whoever watches a directory (inotify(7)) of every name that is made, removed, renamed or changes its mode there, before the
//! call that did so returns. So while no directory on the way to a path has told of anything, and nothing was mounted, the path means what it
//! meant when it was last looked at: what has not been told has not been done, and what is done at the same time as the call may as well
//! have been done after it.
//!
//! That holds for file systems whose names change through this kernel alone. Where another one is on the way (a network's, FUSE, an overlay),
//! where there are too many directories, or where the system gives nothing to watch by, each path is looked at before every call.
//!
//! # References
//!
//! inotify(7); `/proc/pid/mountinfo` in proc_pid_mountinfo(5), whose poll(2) tells of mounts; `fs/notify` in the kernel's source.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use crate::sys::paths::{Name, walk};

/// With fewer paths than that it costs as much to ask what was told.
const MANY: usize = 8;

/// How many directories are watched for one template.
const MOST_OF_ONE: usize = 512;

/// How many are for all together: every user has only so many watches, and the application may want some itself.
const MOST_OF_ALL: usize = 2048;

/// How long a template whose directories are never quiet goes without watches, at first and at most.
const REST: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(60)];

/// Whatever may change what a name in a directory means, or whether it can be reached.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// Hears of changes for one process.
#[derive(Debug)]
pub(crate) struct PathWatcher {
    inotify: OwnedFd,
    /// Tells of mounts in the mount namespace that it was opened in, which it keeps: no mount of another has an id of one in there.
    mounts: OwnedFd,
    /// Where paths began then. Of those that begin elsewhere it knows nothing.
    root: Root,
    heard: Mutex<Events>,
}

/// What was heard so far. Everything is numbered, in order.
#[derive(Debug)]
struct Events {
    last: u64,
    /// The last that may concern any path.
    general: u64,
    directories: BTreeMap<i32, Directory>,
}

/// A directory that is watched.
#[derive(Debug, Default)]
struct Directory {
    /// For how many templates.
    templates: usize,
    /// The last that was heard of it.
    last: u64,
}

/// Where a path begins: elsewhere after chroot(2), or in another mount namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Root {
    mount: u64,
    inode: u64,
}

impl Root {
    fn current() -> Option<Self> {
        let stat = rustix::fs::statx(CWD, c"/", AtFlags::empty(), StatxFlags::MNT_ID | StatxFlags::INO).ok()?;
        let told = StatxFlags::from_bits_retain(stat.stx_mask).contains(StatxFlags::MNT_ID);
        told.then_some(Self { mount: stat.stx_mnt_id, inode: stat.stx_ino })
    }
}

impl PathWatcher {
    /// `None`: the system gives nothing to watch by, or no more of it to this user.
    pub(crate) fn new() -> Option<Arc<Self>> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let mounts = rustix::fs::open(c"/proc/thread-self/mountinfo", flags, Mode::empty()).ok()?;
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).ok()?;
        let heard = Mutex::new(Events { last: 0, general: 0, directories: BTreeMap::new() });
        Some(Arc::new(Self { inotify, mounts, root: Root::current()?, heard }))
    }

    /// Hears what there is. `None`: that says nothing of the paths of this thread.
    ///
    /// Events are taken and noted under one lock: nobody believes what another has heard and not noted.
    fn hear(&self) -> Option<MutexGuard<'_, Events>> {
        if Root::current()? != self.root {
            return None;
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let mut fds = [PollFd::new(&self.mounts, PollFlags::PRI)];
        if rustix::event::poll(&mut fds, Some(&Timespec::default())).ok()? > 0 {
            heard.note_general();
        }
        let mut space = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.inotify, &mut space);
        loop {
            match events.next() {
                Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => heard.note_general(),
                Ok(event) => heard.note(event.wd()),
                Err(Errno::AGAIN) => return Some(heard),
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    /// Watches every directory that `paths` lead through. `None`: one of them tells nothing, or not all.
    fn watch<'a>(self: &Arc<Self>, paths: impl Iterator<Item = &'a Path>) -> Option<Watches> {
        let mut watches = Watches { watcher: Arc::clone(self), directories: Vec::new() };
        let mut visited = BTreeSet::new();
        let mut all = true;
        for path in paths {
            // Before a name is looked up in it: what becomes of the name from then on is told.
            let walked = walk(path, &mut |path, directory| {
                if all && !visited.contains(path) {
                    visited.insert(path.to_path_buf());
                    all = visited.len() <= MOST_OF_ONE && watches.add(directory);
                }
            });
            if walked.is_err() || !all {
                return None;
            }
        }
        Some(watches)
    }
}

impl Events {
    fn note_general(&mut self) {
        self.last += 1;
        self.general = self.last;
    }

    /// Notes an event, unless it is the last of a watch that was given up.
    fn note(&mut self, watch: i32) {
        self.last += 1;
        if let Some(directory) = self.directories.get_mut(&watch) {
            directory.last = self.last;
        }
    }

    /// Whether nothing was heard after `seen` that concerns one of these.
    fn is_quiet_since(&self, seen: u64, watches: &Watches) -> bool {
        let quiet = |watch| self.directories.get(watch).is_some_and(|directory| directory.last <= seen);
        self.last == seen || (self.general <= seen && watches.directories.iter().all(quiet))
    }
}

/// The directories that one template has watched.
#[derive(Debug)]
struct Watches {
    watcher: Arc<PathWatcher>,
    directories: Vec<i32>,
}

impl Watches {
    /// Watches one more, if everything that happens in it is told.
    fn add(&mut self, directory: BorrowedFd<'_>) -> bool {
        if !rustix::fs::fstatfs(directory).is_ok_and(|system| is_changed_here_alone(system.f_type as u64)) {
            return false;
        }
        let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()));
        // Under the lock, for an event may be read at once that is of this watch.
        let mut heard = self.watcher.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if heard.directories.len() >= MOST_OF_ALL {
            return false;
        }
        let Ok(watch) = inotify::add_watch(&self.watcher.inotify, &path, CHANGES) else { return false };
        if !self.directories.contains(&watch) {
            heard.directories.entry(watch).or_default().templates += 1;
            self.directories.push(watch);
        }
        true
    }
}

impl Drop for Watches {
    fn drop(&mut self) {
        let mut heard = self.watcher.heard.lock().unwrap_or_else(PoisonError::into_inner);
        for watch in &self.directories {
            let Some(directory) = heard.directories.get_mut(watch) else { continue };
            directory.templates -= 1;
            if directory.templates == 0 {
                heard.directories.remove(watch);
                // It may be gone together with its directory.
                let _ = inotify::remove_watch(&self.watcher.inotify, *watch);
            }
        }
    }
}

/// Whether names in a file system of this kind change by what is called on this kernel, through a mount of it, and in no other way.
fn is_changed_here_alone(magic: u64) -> bool {
    const EXT: u64 = 0xEF53;
    const XFS: u64 = 0x5846_5342;
    const BTRFS: u64 = 0x9123_683E;
    const F2FS: u64 = 0xF2F5_2010;
    const TMPFS: u64 = 0x0102_1994;
    matches!(magic, EXT | XFS | BTRFS | F2FS | TMPFS)
}

/// What one template knows of its paths.
#[derive(Debug, Default)]
pub(crate) struct PathFreshness(Mutex<Freshness>);

#[derive(Debug, Default)]
struct Freshness {
    watches: Option<Watches>,
    /// Everything up to this has been heard, and all paths meant then what they are to mean.
    seen: Option<u64>,
    /// When to begin to watch again, and how long to wait after that.
    again: Option<(Instant, Duration)>,
}

impl PathFreshness {
    /// Whether every path still means what it meant.
    pub(crate) fn holds(&self, names: &[Name], watcher: impl FnOnce() -> Option<Arc<PathWatcher>>) -> bool {
        let look = || names.iter().all(Name::still_holds);
        if names.len() < MANY {
            return look();
        }
        let Some(watcher) = watcher() else { return look() };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = match watcher.hear() {
            Some(heard) => {
                if let (Some(seen), Some(watches)) = (kept.seen, &kept.watches)
                    && heard.is_quiet_since(seen, watches)
                {
                    kept.seen = Some(heard.last);
                    return true;
                }
                Some(heard.last)
            }
            None => None,
        };
        kept.seen = None;
        // The directories on the way may be others now.
        kept.watches = None;
        let begun = Instant::now();
        let Some(now) = now.filter(|_| kept.again.is_none_or(|(again, _)| again <= begun)) else {
            drop(kept);
            return look();
        };
        kept.watches = watcher.watch(names.iter().map(Name::path));
        let rested = kept.again.filter(|(again, rest)| begun < *again + 8 * *rest);
        let rest = rested.map_or(REST[0], |(_, rest)| (2 * rest).min(REST[1]));
        kept.again = Some((begun + rest, rest));
        // Looked at after they were watched: what came before is seen, what comes later is told.
        let holds = look();
        kept.seen = Some(now).filter(|_| holds && kept.watches.is_some());
        holds
    }
}

#[cfg(test)]
pub(crate) mod tests;
