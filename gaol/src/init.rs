//! The entry point: where a process that gaol started stops being the application.

#[cfg(feature = "escape-suite")]
use crate::escape_suite;
use crate::message::ZYGOTE_ARGUMENT;
use crate::sys::descriptors::{is_control_socket, is_secure_execution};
use crate::{child, launch, role};

/// Makes this process able to make sandboxed calls. For those who write `main` by hand; [`main!`](crate::main!) does it for others.
///
/// To be called first thing in `main`: in a process that gaol started it does not return, and whatever came before it ran there too.
/// Calling it again does nothing.
///
/// A process counts as started by gaol if its one argument says so *and* its standard input is the socket that gaol gave it; what then
/// serves is bound to its starter by a handshake on that socket. For [`Profile::command`](crate::Profile::command), an argument and a
/// variable of the environment say so. A set-user-ID program never counts as started by gaol.
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
            child::main()
        }
        Some(Child::Launcher) => child::launch(),
        Some(Child::Doubtful) => child::refuse(
            "the environment of a command was cleared, and nothing tells that the application has started it; leave the variable \
             GAOL_PROGRAM in it",
        ),
        None => role::pass_entry_point(),
    }
}

/// What gaol starts this binary as.
enum Child {
    Zygote,
    Launcher,
    /// A launcher, or the application with an argument that somebody has slipped to it.
    Doubtful,
}

fn started_as() -> Option<Child> {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next()?;
    if first == ZYGOTE_ARGUMENT {
        let is_zygote =
            arguments.next().is_none() && !is_secure_execution() && is_control_socket(rustix::stdio::stdin());
        return is_zygote.then_some(Child::Zygote);
    }
    if first != launch::ARGUMENT || is_secure_execution() {
        return None;
    }
    // An argument alone could have been slipped to the application by whoever writes its command line.
    if std::env::var_os(launch::VARIABLE).is_some() {
        return Some(Child::Launcher);
    }
    match is_child_of_this_binary() {
        Some(true) => Some(Child::Launcher),
        Some(false) => None,
        // To run the application in place of a launcher would have it start itself without end.
        None => Some(Child::Doubtful),
    }
}

/// Whether the parent runs the same binary: for a command whose environment was cleared once more. `None` where that cannot be seen.
fn is_child_of_this_binary() -> Option<bool> {
    let binary =
        |process: &str| rustix::fs::stat(format!("/proc/{process}/exe")).map(|stat| (stat.st_dev, stat.st_ino));
    let parent = rustix::process::getppid()?.as_raw_nonzero().to_string();
    Some(binary(&parent).ok()? == binary("self").ok()?)
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
