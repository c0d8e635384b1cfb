//! Acts that only a combination makes an attack: no row of the matrix has them, for no profile of the matrix has what they use.

use serde::{Deserialize, Serialize};

use super::super::Act;
use super::super::handed::first_held;
use super::super::place::Place;
use super::super::toolbox::{Attempt, Refusal, c_path, call, open};

/// A descriptor that every worker has, or that was handed to it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    Stream(i32),
    Handed,
}

/// What is tried.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CombinedAct {
    /// To a mode that none of them has.
    Chmod(On),
    Touch(On),
    LockOut(On),
    /// By its name beneath `/proc/self/fd`: to read, or to write.
    ReopenToRead(On),
    ReopenToWrite(On),
    /// Where a handed directory is.
    Cwd,
    /// What lies beside a handed directory.
    StatAbove,
    /// Each descriptor of another process, by its name beneath `/proc`.
    DescriptorsToRead,
    DescriptorsToWrite,
    /// A name that no directory holds, for a Unix socket.
    BindName,
    /// The same, chosen by the kernel.
    BindSomeName,
}

const ON: [On; 4] = [On::Stream(0), On::Stream(1), On::Stream(2), On::Handed];

/// Every one of them.
pub(crate) fn acts() -> Vec<Act> {
    use CombinedAct as C;
    let on = ON
        .into_iter()
        .flat_map(|on| [C::Chmod(on), C::Touch(on), C::LockOut(on), C::ReopenToRead(on), C::ReopenToWrite(on)]);
    let others = [C::Cwd, C::StatAbove, C::DescriptorsToRead, C::DescriptorsToWrite, C::BindName, C::BindSomeName];
    on.chain(others).map(Act::Combined).collect()
}

fn descriptor(on: On) -> i32 {
    match on {
        On::Stream(number) => number,
        On::Handed => first_held().map_or(-1, |(_, fd)| fd),
    }
}

pub(crate) fn perform(act: CombinedAct, place: &Place) -> Attempt {
    use CombinedAct as C;
    let done = |word: &'static str| move |_| word.to_owned();
    let by_name = |fd: i32, flags: i32| {
        let flags = flags | libc::O_NONBLOCK | libc::O_NOCTTY;
        open(&c_path(format!("/proc/self/fd/{fd}")), flags).map(|_| "open".to_owned())
    };
    match act {
        C::Chmod(on) => call!(libc::SYS_fchmod, descriptor(on), 0o611).map(done("changed")),
        C::Touch(on) => call!(libc::SYS_utimensat, descriptor(on), 0, 0, 0).map(done("touched")),
        C::LockOut(on) => {
            let fd = descriptor(on);
            call!(libc::SYS_flock, fd, libc::LOCK_EX | libc::LOCK_NB)?;
            call!(libc::SYS_flock, fd, libc::LOCK_UN).map(done("locked"))
        }
        C::ReopenToRead(on) => by_name(descriptor(on), libc::O_RDONLY),
        C::ReopenToWrite(on) => by_name(descriptor(on), libc::O_WRONLY),
        C::Cwd => {
            let mut buffer = [0_u8; 4096];
            call!(libc::SYS_fchdir, descriptor(On::Handed))?;
            let length = call!(libc::SYS_getcwd, buffer.as_mut_ptr(), buffer.len())?;
            let name = String::from_utf8_lossy(&buffer[..length.saturating_sub(1)]).into_owned();
            if name.contains("secret") { Ok(name) } else { Err(Refusal::Absent) }
        }
        C::StatAbove => {
            let mut buffer = [0_u64; 64];
            let name = c"../cwd";
            call!(libc::SYS_newfstatat, descriptor(On::Handed), name, buffer.as_mut_ptr(), 0).map(done("stat"))
        }
        C::DescriptorsToRead => descriptors(place, libc::O_RDONLY),
        C::DescriptorsToWrite => descriptors(place, libc::O_WRONLY),
        C::BindName | C::BindSomeName => {
            let fd = call!(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_DGRAM, 0)?;
            let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
            if act == C::BindName {
                let name = format!("\0gaol-crossing-{}-{}", std::process::id(), place.parent);
                address.extend_from_slice(name.as_bytes());
            }
            call!(libc::SYS_bind, fd, address.as_ptr(), address.len()).map(done("bound"))
        }
    }
}

/// What opening each of them gets: the descriptors that could be opened, or the refusal of the first that is there.
fn descriptors(place: &Place, flags: i32) -> Attempt {
    let mut refusal = Refusal::Absent;
    for fd in 0..40 {
        let path = c_path(format!("/proc/{}/fd/{fd}", place.parent));
        match open(&path, flags | libc::O_NONBLOCK | libc::O_NOCTTY) {
            Ok(_) => return Ok(format!("descriptor {fd}")),
            Err(found) if refusal == Refusal::Absent || refusal == Refusal::Errno(libc::ENOENT) => refusal = found,
            Err(_) => {}
        }
    }
    Err(refusal)
}
