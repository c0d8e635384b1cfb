//! The subreaper: stands between the zygote and a template whose workers may start programs, where no pid namespace ends these with it.
//!
//! It adopts what loses its parent, and when the template ends, or the zygote, it ends all that descends from it at once: it stands behind
//! a [`SignalScope`] of its own, inside of which everybody is its descendant. Runs in the *setup* window throughout.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, PidfdFlags};

use crate::process::orphans;
use crate::process::orphans::SignalScope;
use crate::process::template::main;
use crate::sys::layers::namespaces::Ids;
use crate::sys::os::descriptors::{close_from, place};
use crate::sys::os::spawn::{Side, exit_now};
use crate::sys::os::{signals, spawn};

/// From the fork to the end of the process. `zygote_lives` ends with the zygote, or when it lets go of the template.
pub(crate) fn main(
    socket: OwnedFd,
    asking: Option<OwnedFd>,
    ids: Ids,
    zygote: Pid,
    zygote_lives: OwnedFd,
    careful: bool,
) -> ! {
    let _ = rustix::thread::set_name(c"gaol-subreaper");
    orphans::adopt();
    let fence = SignalScope::enter(zygote);
    let own = rustix::process::getpid();
    let template = match spawn::fork() {
        Ok(Side::Child) => {
            let _ = std::panic::catch_unwind(|| main::main(socket, asking, ids, own, careful));
            exit_now(super::EXIT_BROKEN)
        }
        Ok(Side::Parent(template)) => template,
        // The application sees the end of its socket.
        Err(_) => exit_now(super::EXIT_BROKEN),
    };
    // Whoever ends many must not wait for them.
    signals::come_first();
    if let Ok((zygote_lives, template)) = settle(&zygote_lives, template) {
        // The one ends with the other; either is enough.
        let mut fds = [PollFd::new(&zygote_lives, PollFlags::IN), PollFd::new(&template, PollFlags::IN)];
        while rustix::event::poll(&mut fds, None).is_err_and(|errno| errno == rustix::io::Errno::INTR) {}
    }
    fence.kill_all();
    orphans::kill(|_| false);
    exit_now(0)
}

/// Keeps what there is to wait for, and nothing else that the zygote had: the application waits for the end of the template's socket.
fn settle(zygote_lives: &OwnedFd, template: Pid) -> io::Result<(OwnedFd, OwnedFd)> {
    const FIRST: i32 = 3;
    let template = rustix::process::pidfd_open(template, PidfdFlags::empty())?;
    // Lifted out of the way first, for each may have the other's number. What had these numbers has owners in this copy of the zygote's
    // memory, none of which is dropped.
    let lifted = [zygote_lives.as_fd(), template.as_fd()].map(|fd| rustix::io::fcntl_dupfd_cloexec(fd, FIRST + 2));
    let [zygote_lives, kept] = lifted;
    let (zygote_lives, kept) = (place(zygote_lives?.as_fd(), FIRST)?, place(kept?.as_fd(), FIRST + 1)?);
    std::mem::forget(template);
    close_from(FIRST + 2)?;
    Ok((zygote_lives, kept))
}
