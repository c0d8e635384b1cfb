//! Workers that are kept between calls are looked at, by a thread of its own, and end if they use processor time that no call has asked for.
//!
//! Nothing is asked when a worker is put back, nor when it is taken soon after: calls that follow one another pay nothing. A worker that was not
//! taken for a [`LOOK`] has its clock read, and from then on may use no more than its [`Allowance`].

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::application::Application;
use crate::sys::os::clock::CpuClock;
use crate::sys::os::signals;

/// How often workers are looked at, and how long one is kept before it is.
const LOOK: Duration = Duration::from_millis(100);

/// How often they are looked at where nothing happens.
const SELDOM: Duration = Duration::from_secs(1);

/// For how long nothing happens until then.
const CALM: Duration = Duration::from_secs(10);

/// The stack of the thread.
const STACK: usize = 64 << 10;

/// The processor time of a worker since it was looked at first.
#[derive(Debug)]
pub(crate) struct Watched {
    clock: CpuClock,
    used: Duration,
    since: Instant,
}

impl Watched {
    /// Begins to watch. An error means that the worker is gone.
    pub(crate) fn begin(clock: CpuClock) -> std::io::Result<Self> {
        let used = clock.now()?;
        Ok(Self { clock, used, since: Instant::now() })
    }

    /// Whether it only waits. Timers and the like may need a little, since a library that sets them has done nothing wrong.
    pub(crate) fn is_idle(&self) -> bool {
        const AT_ONCE: Duration = Duration::from_millis(20);
        let allowance = AT_ONCE + self.since.elapsed() / 100;
        self.clock.now().is_ok_and(|now| now.saturating_sub(self.used) <= allowance)
    }

    /// How long it has been watched.
    pub(crate) fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

/// Looks after the workers that an application keeps.
#[derive(Debug, Default)]
pub(crate) struct Attendant {
    /// There is a thread, or there is one about to be.
    attends: AtomicBool,
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Debug, Default)]
struct State {
    thread: Option<JoinHandle<()>>,
    ends: bool,
}

impl Attendant {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker is kept. False: nobody can look after it.
    pub(crate) fn supervise(&self, application: &'static Application) -> bool {
        if self.attends.load(Ordering::Relaxed) {
            return true;
        }
        let mut state = self.state();
        if self.attends.swap(true, Ordering::Relaxed) {
            return true;
        }
        state.ends = false;
        let thread = std::thread::Builder::new().name("gaol-idleness".to_owned()).stack_size(STACK);
        match thread.spawn(|| application.attendant.run(application)) {
            Ok(thread) => state.thread = Some(thread),
            Err(_) => self.attends.store(false, Ordering::Relaxed),
        }
        self.attends.load(Ordering::Relaxed)
    }

    fn run(&self, application: &Application) {
        signals::block_all();
        let mut pause = LOOK;
        let mut state = self.state();
        loop {
            if state.ends {
                self.attends.store(false, Ordering::Relaxed);
                return;
            }
            state = self.bell.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0;
            drop(state);
            let kept = application.look_after();
            state = self.state();
            pause = if kept.newest.is_some_and(|age| age > CALM) { SELDOM } else { LOOK };
            if kept.count == 0 {
                // Whoever keeps one from here on starts another thread; one that was kept just before is looked for.
                self.attends.store(false, Ordering::SeqCst);
                let nobody_since = application.look_after().count == 0;
                if nobody_since || self.attends.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        }
    }

    /// Ends the thread, where the application wants no thread beside its own, and keeps none of the workers.
    pub(crate) fn rest(&self) {
        let mut state = self.state();
        state.ends = true;
        let thread = state.thread.take();
        drop(state);
        self.bell.notify_all();
        // It does not panic.
        thread.map(JoinHandle::join);
    }
}

/// What was found.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// How many workers are kept.
    pub(crate) count: usize,
    /// For how long the one that was put back last has been watched.
    pub(crate) newest: Option<Duration>,
}

impl Found {
    pub(crate) fn and(self, other: Self) -> Self {
        let newest = self.newest.into_iter().chain(other.newest).min();
        Self { count: self.count + other.count, newest }
    }
}

/// Whether a worker that is kept stays: it was put back a moment ago, or it only waits.
pub(crate) fn stays(pidfd: BorrowedFd<'_>, since: Instant, watched: &mut Option<Watched>) -> bool {
    match watched {
        Some(watched) => watched.is_idle(),
        None if since.elapsed() < LOOK => true,
        None => {
            *watched = CpuClock::of(pidfd).and_then(Watched::begin).ok();
            watched.is_some()
        }
    }
}
