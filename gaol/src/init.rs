//! The entry point: where a process that gaol started stops being the application.

use crate::message::ZYGOTE_ARGUMENT;
use crate::sys::descriptors::{is_control_socket, is_secure_execution};
use crate::{child, role};

/// Makes this process able to make sandboxed calls. For those who write `main` by hand; [`main!`](crate::main!) does it for others.
///
/// To be called first thing in `main`: in a process that gaol started it does not return, and whatever came before it ran there too.
/// Calling it again does nothing.
///
/// A process counts as started by gaol if its one argument says so *and* its standard input is the socket that gaol gave it; what then
/// serves is bound to its starter by a handshake on that socket. A set-user-ID program never counts as started by gaol.
///
/// ```
/// gaol::init();
/// // the application
/// ```
pub fn init() {
    if is_started_by_gaol() {
        child::main();
    }
    role::pass_entry_point();
}

fn is_started_by_gaol() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    arguments.next().is_some_and(|argument| argument == ZYGOTE_ARGUMENT)
        && arguments.next().is_none()
        && !is_secure_execution()
        && is_control_socket(rustix::stdio::stdin())
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
