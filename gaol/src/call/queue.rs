//! How many calls run at once, and which call is next: first come, first served.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::sys;
use crate::sys::PROCESSORS;

/// What [`set_max_workers`] was told, or 0.
static CHOSEN: AtomicUsize = AtomicUsize::new(0);

/// No machine is too small for so many, unless its limits are.
const LEAST: usize = 128;
const PER_PROCESSOR: usize = 32;

/// How many descriptors of this process a call under way may have: its channel, pidfd, status, output and shared memory, and what came with a
/// reply.
const DESCRIPTORS_A_CALL: usize = 8;

/// How many sandboxed calls of this process run at once, at most. Further calls wait their turn.
///
/// The default is 128, or 32 for each processor where that is more, but no more than an eighth of the soft limit on open files
/// (`RLIMIT_NOFILE`), since the application holds several descriptors for each call.
#[must_use]
pub fn max_workers() -> NonZero<usize> {
    static DEFAULT: OnceLock<usize> = OnceLock::new();
    let chosen = CHOSEN.load(Ordering::Relaxed);
    let workers = if chosen > 0 {
        chosen
    } else {
        *DEFAULT.get_or_init(|| {
            let files = sys::layers::limits::open_files().unwrap_or(usize::MAX);
            LEAST.max(PER_PROCESSOR * *PROCESSORS).min(files / DESCRIPTORS_A_CALL)
        })
    };
    NonZero::new(workers).unwrap_or(NonZero::<usize>::MIN)
}

/// Changes how many sandboxed calls of this process run at once, at most.
///
/// A call that finds as many under way waits until one of them ends. Calls are served in the order in which they came. A call waits no longer than
/// its `time`; then it fails with [`Error::Busy`](crate::Error::Busy), and its function has not run. How long it waited is not part
/// of its `time`, which begins when it is sent to a worker.
///
/// Calls that are under way are not interrupted. Commands ([`Profile::command`](crate::Profile::command)) are processes that the application starts itself,
/// and are not counted. Calls that wait for each other, such as two ends of one pipe, need room for both.
///
/// ```
/// gaol::set_max_workers(std::num::NonZero::new(16).unwrap());
/// assert_eq!(gaol::max_workers().get(), 16);
/// ```
pub fn set_max_workers(workers: NonZero<usize>) {
    CHOSEN.store(workers.get(), Ordering::Relaxed);
    super::application::Application::current().queue.serve();
}

/// The calls that are under way, and those that wait.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Rings when a call has ended, for those that failed because another had what they needed.
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    waiting: VecDeque<Arc<Ticket>>,
    /// Threads that wait for any call to end.
    short: usize,
}

/// A call that waits.
#[derive(Debug, Default)]
struct Ticket {
    is_served: AtomicBool,
    rings: Condvar,
}

thread_local! {
    // Without a destructor, so that a thread that is ending has it too.
    /// How many places this thread has.
    static PLACES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Lets a call run. Dropping it lets the next one run.
#[derive(Debug)]
pub(crate) struct Place {
    /// `None`: another call of this thread has the place.
    queue: Option<&'static Queue>,
    /// It is counted for the thread that has it.
    _thread: PhantomData<*const ()>,
}

impl Place {
    fn new(queue: Option<&'static Queue>) -> Self {
        PLACES.set(PLACES.get() + 1);
        Self { queue, _thread: PhantomData }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        PLACES.set(PLACES.get() - 1);
        if let Some(queue) = self.queue {
            queue.leave();
        }
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place until the deadline. `None` if there was none by then.
    pub(crate) fn enter(&'static self, deadline: Option<Instant>) -> Option<Place> {
        if let Some(place) = self.try_enter() {
            return Some(place);
        }
        let mut state = self.state();
        let ticket = Arc::new(Ticket::default());
        state.waiting.push_back(Arc::clone(&ticket));
        state.serve();
        while !ticket.is_served.load(Ordering::Relaxed) {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            state = match left {
                None => ticket.rings.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => {
                    state.waiting.retain(|other| !Arc::ptr_eq(other, &ticket));
                    return None;
                }
                Some(left) => ticket.rings.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        Some(Place::new(Some(self)))
    }

    /// Takes a place if there is one and nobody waits for it.
    ///
    /// A thread that has a place already gets another: it makes a call while it writes the arguments of the first, which would wait
    /// for itself.
    pub(crate) fn try_enter(&'static self) -> Option<Place> {
        if PLACES.get() > 0 {
            return Some(Place::new(None));
        }
        let mut state = self.state();
        let has_place = state.waiting.is_empty() && state.running < max_workers().get();
        state.running += usize::from(has_place);
        has_place.then(|| Place::new(Some(self)))
    }

    /// Waits until a call has ended, no longer than to the deadline. False: no other is under way, or the deadline is past.
    pub(crate) fn wait_for_an_end(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state();
        // This one is counted, unless an outer call of the thread has its place.
        if state.running <= 1 || state.running <= state.short + 1 {
            return false;
        }
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return false;
        }
        state.short += 1;
        // Others of this user's may give back what is short as well, and nobody tells of that.
        let most = left.unwrap_or(AGAIN).min(AGAIN);
        let mut state = self.ended.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0;
        state.short -= 1;
        true
    }

    /// Lets those run that there are places for.
    fn serve(&self) {
        self.state().serve();
    }

    fn leave(&self) {
        let mut state = self.state();
        state.running -= 1;
        state.serve();
        if state.short > 0 {
            self.ended.notify_one();
        }
    }
}

/// How soon a call that failed for want of something is made again.
const AGAIN: std::time::Duration = std::time::Duration::from_millis(20);

impl State {
    fn serve(&mut self) {
        while self.running < max_workers().get()
            && let Some(ticket) = self.waiting.pop_front()
        {
            self.running += 1;
            ticket.is_served.store(true, Ordering::Relaxed);
            ticket.rings.notify_one();
        }
    }
}
