//! The entry point: where a process that gaol started stops being the application.

use crate::process::launcher::messages;
use crate::process::messages::ZYGOTE_ARGUMENT;
use crate::sys::os::descriptors::{is_control_socket, is_secure_execution};
#[cfg(feature = "escape-suite")]
use crate::testing::escape_suite;
use crate::{process, role};

/// Makes this process able to make sandboxed calls. For those who write `main` by hand; [`main!`](crate::main!) does it for others.
///
/// To be called first thing in `main`: in a process that gaol started it does not return, and whatever came before it ran there too.
/// Calling it again does nothing.
///
/// A process counts as started by gaol if its one argument says so *and* its standard input is a socket such as gaol gives it; what then
/// serves does so only if the process that has started it has made that socket, which the kernel tells. For
/// [`Profile::command`](crate::Profile::command) the first argument says so, and what follows it is believed only under a mark of the
/// process that has started this one: anything else ends here, with a word on standard error. A set-user-ID program never counts as started
/// by gaol.
///
/// ```
/// gaol::init();
/// // the application
/// ```
pub fn init() {
    match started_as() {
        Some(Child::Zygote) => {
            #[cfg(feature = "escape-suite")]
            escape_suite::register();
            process::main()
        }
        Some(Child::Launcher) => process::launch(),
        None => role::pass_entry_point(),
    }
}

/// What gaol starts this binary as.
enum Child {
    Zygote,
    /// What has its argument. Whether the application wrote it, the launcher finds out before it believes a word of it: to run the
    /// application in place of a launcher would have it start itself without end.
    Launcher,
}

fn started_as() -> Option<Child> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    if first == ZYGOTE_ARGUMENT {
        let is_zygote =
            arguments.next().is_none() && !is_secure_execution() && is_control_socket(rustix::stdio::stdin());
        return is_zygote.then_some(Child::Zygote);
    }
    (first == messages::ARGUMENT && !is_secure_execution()).then_some(Child::Launcher)
}

/// Wraps the application's `main`, with whatever attributes it has, so that a process that gaol starts never runs it.
///
/// ```
/// gaol::main! {
///     fn main() -> Result<(), Box<dyn std::error::Error>> {
///         Ok(())
///     }
/// }
/// ```
///
/// An attribute such as `#[tokio::main]` stands inside: `gaol::main! { #[tokio::main] async fn main() { … } }`.
#[macro_export]
macro_rules! main {
    ($($main:tt)*) => {
        fn main() -> impl ::std::process::Termination {
            $crate::init();
            $($main)*
            main()
        }
    };
}
