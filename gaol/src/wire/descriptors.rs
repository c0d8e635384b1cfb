//! Descriptors beside the bytes of a message: collected while it is written, handed out while it is read.
//!
//! A value that holds one is serde's, and serde has no room for descriptors. So they wait in a place of the thread that writes or reads a
//! message, and the bytes hold their numbers in it.

use std::cell::RefCell;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;

/// The most descriptors that a call takes with it, or brings back.
pub(crate) const MOST: usize = 64;

thread_local! {
    /// What the message that this thread writes takes with it.
    static GOING: RefCell<Option<Vec<OwnedFd>>> = const { RefCell::new(None) };
    /// What came with the message that this thread reads, as far as nobody took it.
    static COME: RefCell<Option<Vec<Option<OwnedFd>>>> = const { RefCell::new(None) };
}

/// Runs `write`, and gives the descriptors that it put.
pub(crate) fn collect(write: &mut dyn FnMut()) -> Vec<OwnedFd> {
    let previous = GOING.replace(Some(Vec::new()));
    let restore = OnDrop(Some(|| GOING.replace(previous).unwrap_or_default()));
    write();
    restore.now()
}

/// Runs `read` with the descriptors of a message. Those that it does not take are closed.
pub(crate) fn hand_out(descriptors: Vec<OwnedFd>, read: &mut dyn FnMut()) {
    let previous = COME.replace(Some(descriptors.into_iter().map(Some).collect()));
    let restore = OnDrop(Some(|| drop(COME.replace(previous))));
    read();
    restore.now();
}

/// Puts things back, also when what it waits for panics.
struct OnDrop<T, F: FnOnce() -> T>(Option<F>);

impl<T, F: FnOnce() -> T> OnDrop<T, F> {
    fn now(mut self) -> T {
        match self.0.take() {
            Some(restore) => restore(),
            None => unreachable!("it is taken here alone, or on a drop"),
        }
    }
}

impl<T, F: FnOnce() -> T> Drop for OnDrop<T, F> {
    fn drop(&mut self) {
        if let Some(restore) = self.0.take() {
            restore();
        }
    }
}

/// Takes a copy of a descriptor along with the message that this thread writes, and gives its number in it.
pub(crate) fn put(descriptor: BorrowedFd<'_>) -> Result<u32, String> {
    GOING.with_borrow_mut(|going| {
        let going =
            going.as_mut().ok_or("a descriptor crosses between an application and its sandbox, and nowhere else")?;
        if going.len() == MOST {
            return Err(format!("a call takes no more than {MOST} descriptors with it"));
        }
        let copy =
            fcntl_dupfd_cloexec(descriptor, 3).map_err(|errno| format!("a descriptor cannot be copied: {errno}"))?;
        going.push(copy);
        u32::try_from(going.len() - 1).map_err(|error| error.to_string())
    })
}

/// Takes a descriptor that came with the message that this thread reads.
pub(crate) fn take(number: u32) -> Result<OwnedFd, String> {
    COME.with_borrow_mut(|come| {
        let come =
            come.as_mut().ok_or("a descriptor crosses between an application and its sandbox, and nowhere else")?;
        let place = usize::try_from(number).ok().and_then(|number| come.get_mut(number));
        place.and_then(Option::take).ok_or_else(|| "it names a descriptor that did not come with it".to_owned())
    })
}

/// How many came with the message that this thread reads, and were not taken.
pub(crate) fn left() -> usize {
    COME.with_borrow(|come| come.as_ref().map_or(0, |come| come.iter().flatten().count()))
}
