//! The child's side: zygote, template and worker. None of these ever returns to the application's code.

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
pub(crate) mod judge;
pub(crate) mod launcher;
pub(crate) mod messages;
pub(crate) mod orphans;
pub(crate) mod subreaper;
pub(crate) mod template;
pub(crate) mod worker;
pub(crate) mod zygote;

use crate::role;

/// Serves as a zygote until the application is gone.
pub(crate) fn main() -> ! {
    role::become_child();
    // A panic of gaol's own must not unwind into what called `init`: the application.
    let _ = std::panic::catch_unwind(zygote::main::main);
    crate::sys::os::spawn::exit_now(EXIT_BROKEN)
}

/// Runs another program in a sandbox, and ends as it ends.
pub(crate) fn launch() -> ! {
    role::become_child();
    let _ = std::panic::catch_unwind(launcher::main::main);
    crate::sys::os::spawn::exit_now(EXIT_BROKEN)
}

/// The exit code of a process of gaol's that could not go on.
const EXIT_BROKEN: i32 = 125;
