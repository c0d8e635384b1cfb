//! Which pipes are streams of this application, and whether calls got an end of them.
//!
//! A child can keep its end of a stream for longer than its call lasts: by staying where it is kept for the next one, or in the queue of a socket.
//! A stream that a call had is over once no call has it any more, and a call has it only as long as this process holds the end that it was
//! given.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::{FileType, Stat};

use crate::call::leaked::LeakedCell;

/// The streams of this process.
#[derive(Debug)]
struct Streams {
    /// A fork of the process has none, for the threads that move them are not there.
    owner: u32,
    /// By device and inode.
    pipes: Mutex<HashMap<(u64, u64), Arc<AtomicBool>>>,
}

static CURRENT: LeakedCell<Streams> = LeakedCell::empty();

impl Streams {
    fn current() -> Option<&'static Self> {
        CURRENT.get().filter(|current| current.owner == std::process::id())
    }

    fn current_or_new() -> &'static Self {
        let owner = std::process::id();
        loop {
            match CURRENT.get() {
                Some(current) if current.owner == owner => return current,
                other => CURRENT.replace(other, Self { owner, pipes: Mutex::default() }),
            };
        }
    }

    fn pipes(&self) -> MutexGuard<'_, HashMap<(u64, u64), Arc<AtomicBool>>> {
        self.pipes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which end of a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Reader,
    Writer,
}

/// A pipe that is a stream, for as long as this is there.
#[derive(Debug)]
pub(crate) struct Stream {
    key: (u64, u64),
    /// The end that calls get.
    given: End,
    was_called: Arc<AtomicBool>,
}

impl Stream {
    /// Makes a pipe, by one of its ends, known as a stream whose `given` end is for calls.
    ///
    /// # Errors
    ///
    /// The kernel's.
    pub(crate) fn new(pipe: impl AsFd, given: End) -> std::io::Result<Self> {
        let stat = rustix::fs::fstat(pipe)?;
        let (key, was_called) = (key(&stat), Arc::new(AtomicBool::new(false)));
        Streams::current_or_new().pipes().insert(key, Arc::clone(&was_called));
        Ok(Self { key, given, was_called })
    }

    /// Whether every call that it was for is over, though somebody still holds the end that they had.
    pub(crate) fn is_over(&self) -> bool {
        self.was_called.load(Ordering::Acquire) && !self.is_held_here()
    }

    /// Whether this process has the end that calls get. Where it cannot be seen, it may.
    fn is_held_here(&self) -> bool {
        let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") else { return true };
        let target = format!("pipe:[{}]", self.key.1);
        descriptors.flatten().any(|entry| {
            let leads_there = std::fs::read_link(entry.path()).is_ok_and(|link| link.as_os_str() == target.as_str());
            leads_there && self.may_be_given(&entry.file_name())
        })
    }

    /// Whether a descriptor of the pipe is of the end that calls get.
    fn may_be_given(&self, number: &std::ffi::OsStr) -> bool {
        let Ok(info) = std::fs::read_to_string(std::path::Path::new("/proc/self/fdinfo").join(number)) else {
            return false;
        };
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok()).unwrap_or(libc::O_RDWR);
        let other = if self.given == End::Reader { libc::O_WRONLY } else { libc::O_RDONLY };
        flags & libc::O_ACCMODE != other
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(streams) = Streams::current() {
            streams.pipes().remove(&self.key);
        }
    }
}

fn key(stat: &Stat) -> (u64, u64) {
    (stat.st_dev, stat.st_ino)
}

/// A call takes these descriptors along.
pub(crate) fn record_sent(descriptors: &[OwnedFd]) {
    if descriptors.is_empty() {
        return;
    }
    let Some(streams) = Streams::current() else { return };
    for descriptor in descriptors {
        if let Ok(stat) = rustix::fs::fstat(descriptor)
            && FileType::from_raw_mode(stat.st_mode) == FileType::Fifo
            && let Some(was_called) = streams.pipes().get(&key(&stat))
        {
            was_called.store(true, Ordering::Release);
        }
    }
}

/// Whether a pipe is a stream.
pub(crate) fn is_of_a_stream(stat: &Stat) -> bool {
    Streams::current().is_some_and(|streams| streams.pipes().contains_key(&key(stat)))
}
