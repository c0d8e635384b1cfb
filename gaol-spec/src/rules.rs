//! The messages of the rules that hold between the values of one profile.

use std::fmt::Display;

/// What `write` names must not overlap with what `exec` names. Both are shown as they are written: `exec = "/bin/true"`.
#[must_use]
pub fn write_and_exec(write: impl Display, exec: impl Display) -> String {
    format!("`{write}` lets the function change what `{exec}` runs; write elsewhere or run elsewhere")
}

/// `exec` beside `process = "reused"`.
pub const EXEC_REUSED: &str = "with `process = \"reused\"`, what a program leaves behind would meet the next call; \
                               remove `process`: each call with `exec` has a process tree of its own";

/// `exec` beside `threads = 1`.
pub const EXEC_ONE_THREAD: &str = "`threads = 1` leaves no room for a program, which is another process, and `threads` \
                                   counts processes too; write at least `threads = 2`";

/// A Unix socket in `listen`, shown as it is written.
#[must_use]
pub fn listen_local_socket(socket: impl Display) -> String {
    format!(
        "`{socket}` is a Unix socket, which no sandboxed function may bind; bind the socket in the application, outside"
    )
}

/// A port of zero, shown as it is written.
#[must_use]
pub fn port_zero(address: impl Display) -> String {
    format!("`{address}` names no port; expected a port in 1..=65535")
}
