//! What a hostile function tries first, and no profile of the tests that use it allows.

use std::io;
use std::path::Path;

/// Something that was tried, with what the system answered. `None`: it worked.
pub(crate) type Attempt = (String, Option<i32>);

/// What was reached of it.
#[allow(dead_code, reason = "each test uses what it needs")]
pub(crate) fn reached(attempts: Vec<Attempt>) -> Vec<String> {
    attempts.into_iter().filter(|(_, errno)| errno.is_none()).map(|(name, _)| name).collect()
}

/// Tries everything. `secret` is a file that nothing grants, in a directory that everybody may write to.
pub(crate) fn attack(secret: &Path) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    let mut attempt = |name: &str, answer: io::Result<()>| attempts.push((name.to_owned(), errno(answer)));
    attempt("read the secret", std::fs::read(secret).map(drop));
    attempt("stat the secret", std::fs::metadata(secret).map(drop));
    attempt("write beside the secret", std::fs::write(secret.with_extension("new"), "x"));
    attempt("read /etc/passwd", std::fs::read("/etc/passwd").map(drop));
    attempt("a datagram socket", std::net::UdpSocket::bind("127.0.0.1:0").map(drop));
    attempt("a listener", std::net::TcpListener::bind("127.0.0.1:0").map(drop));
    attempt("connect to port 1", connect());
    attempt("a program", std::process::Command::new("/bin/true").status().map(drop));
    // What is left to a template that expected its call, until it has its plan.
    attempt("look at its capabilities", rustix::thread::capabilities(None).map(drop).map_err(Into::into));
    let parent = rustix::process::getppid();
    let signalled = parent.map_or(Err(rustix::io::Errno::SRCH), rustix::process::test_kill_process);
    attempt("signal the parent", signalled.map_err(Into::into));
    attempts
}

/// To be refused by the empty port is to have got there.
fn connect() -> io::Result<()> {
    match std::net::TcpStream::connect("127.0.0.1:1") {
        Err(error) if error.raw_os_error() == Some(libc::ECONNREFUSED) => Ok(()),
        other => other.map(drop),
    }
}

/// An error that is no answer of the kernel's is none of a layer's either.
fn errno(answer: io::Result<()>) -> Option<i32> {
    answer.err().map(|error| error.raw_os_error().unwrap_or(-1))
}
