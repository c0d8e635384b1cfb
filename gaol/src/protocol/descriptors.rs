//! Descriptors beside the bytes of a message: collected while it is written, handed out while it is read.
//!
//! A value that holds one is serde's, and serde has no room for descriptors. So they wait in a place of the thread that writes or reads a
//! message, and the bytes hold their numbers in it.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::fcntl_dupfd_cloexec;

/// The most descriptors that a call takes with it, or brings back.
pub(crate) const MOST: usize = 64;

// Nothing is left in them between messages, so that they need no destructor, and a thread that is ending has them too: a call can be made
// in the destructor of another value of the thread's.
thread_local! {
    /// What the message that this thread writes takes with it.
    static GOING: ManuallyDrop<RefCell<Option<Vec<OwnedFd>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
    /// What came with the message that this thread reads, as far as nobody took it.
    static COME: ManuallyDrop<RefCell<Option<Vec<Option<OwnedFd>>>>> = const { ManuallyDrop::new(RefCell::new(None)) };
}

/// While it is there, this thread collects the descriptors that are put. What it collected before, if anything, it goes on to collect
/// afterwards, also when what is done meanwhile panics.
#[must_use]
pub(crate) struct Collecting {
    before: Option<Vec<OwnedFd>>,
}

/// Begins to collect.
pub(crate) fn collect() -> Collecting {
    Collecting { before: GOING.with(|going| going.replace(Some(Vec::new()))) }
}

impl Collecting {
    /// Ends it, and gives what was put.
    pub(crate) fn end(self) -> Vec<OwnedFd> {
        GOING.with(|going| going.take()).unwrap_or_default()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        drop(GOING.with(|going| going.replace(self.before.take())));
    }
}

/// While it is there, this thread hands out the descriptors of a message; those that nobody took are closed with it. So it is with those of
/// another message before and afterwards, also when what is done meanwhile panics.
#[must_use]
pub(crate) struct HandingOut {
    before: Option<Vec<Option<OwnedFd>>>,
}

/// Begins to hand out descriptors.
pub(crate) fn hand_out(descriptors: Vec<OwnedFd>) -> HandingOut {
    HandingOut { before: COME.with(|come| come.replace(Some(descriptors.into_iter().map(Some).collect()))) }
}

impl Drop for HandingOut {
    fn drop(&mut self) {
        drop(COME.with(|come| come.replace(self.before.take())));
    }
}

/// Takes a copy of a descriptor along with the message that this thread writes, and gives its number in it.
pub(crate) fn put(descriptor: BorrowedFd<'_>) -> Result<u32, String> {
    GOING.with(|going| {
        let mut going = going.borrow_mut();
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
    COME.with(|come| {
        let mut come = come.borrow_mut();
        let come =
            come.as_mut().ok_or("a descriptor crosses between an application and its sandbox, and nowhere else")?;
        let place = usize::try_from(number).ok().and_then(|number| come.get_mut(number));
        place.and_then(Option::take).ok_or_else(|| "it names a descriptor that did not come with it".to_owned())
    })
}

/// How many came with the message that this thread reads, and were not taken.
pub(crate) fn left() -> usize {
    COME.with(|come| come.borrow().as_ref().map_or(0, |come| come.iter().flatten().count()))
}
