//! Asks the judge for a mode or for times, when a worker calls for them.
//!
//! # Safety
//!
//! As in the module above: what a trapped call points to is read where the kernel has just found that it can be read, and its descriptors
//! are passed to the kernel by number, which knows whether they are open.

use std::ffi::{CStr, c_char, c_int, c_long};
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use rustix::fs::{Timespec, UTIME_NOW};
use rustix::net::{AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType};

use super::stat::{self, Path, Place};
use super::{Call, Mode, Refusal};
use crate::sys::supervise::inodes::{Answer, Change, LONGEST, Named, Request};

/// Not in libc for every target.
const SYS_FCHMODAT2: c_long = 452;

/// What a call asks to be changed, and of which file. `None`: it asks for something else.
pub(super) fn asked(call: &Call) -> Result<Option<(Place, Change)>, Refusal> {
    let arguments = &call.arguments;
    let at = |follow: bool, empty: bool| Place {
        directory: stat::int(arguments[0]),
        path: arguments[1] as *const c_char,
        follow,
        empty,
    };
    let by_flags = |flags: c_int| match flags & !(libc::AT_SYMLINK_NOFOLLOW | libc::AT_EMPTY_PATH) {
        0 => Ok(at(flags & libc::AT_SYMLINK_NOFOLLOW == 0, flags & libc::AT_EMPTY_PATH != 0)),
        _ => Err(libc::EINVAL),
    };
    let itself = || Place { directory: stat::int(arguments[0]), path: ptr::null(), follow: true, empty: true };
    #[cfg(target_arch = "x86_64")]
    let here = || Place { directory: libc::AT_FDCWD, path: arguments[0] as *const c_char, follow: true, empty: false };
    let mode = |position: usize| Change::Mode(stat::int(arguments[position]).cast_unsigned());
    Ok(Some(match c_long::from(call.number) {
        libc::SYS_fchmod => (itself(), mode(1)),
        libc::SYS_fchmodat => (at(true, false), mode(2)),
        SYS_FCHMODAT2 => (by_flags(stat::int(arguments[3]))?, mode(2)),
        libc::SYS_utimensat => {
            let flags = stat::int(arguments[3]);
            let place = match (arguments[1], flags) {
                (0, 0) => itself(),
                (0, _) => return Err(libc::EINVAL.into()),
                _ => by_flags(flags)?,
            };
            (place, Change::Times(times(arguments[2], |part| part)?))
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_chmod => (here(), mode(1)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_utimes => (here(), Change::Times(times(arguments[1], microseconds)?)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_futimesat if arguments[1] == 0 => (itself(), Change::Times(times(arguments[2], microseconds)?)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_futimesat => (at(true, false), Change::Times(times(arguments[2], microseconds)?)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_utime => (here(), Change::Times(seconds(arguments[1])?)),
        _ => return Ok(None),
    }))
}

/// Whoever asks for the mode that a file has already, as `std::fs::copy` does of each file that it has made, has what it asks for. All else
/// the judge says.
pub(super) fn answer(place: &Place, change: Change, mode: Mode, judge: Option<BorrowedFd<'_>>) -> Result<(), Refusal> {
    if !mode.write {
        return Err(Refusal::Violation);
    }
    if let Change::Mode(wanted) = change
        && stat::has_mode(place, wanted)?
    {
        return Ok(());
    }
    match ask(place, change, mode, judge.ok_or(Refusal::Violation)?)? {
        Answer::Changed => Ok(()),
        Answer::Errno(errno) => Err(errno.into()),
        Answer::Refused => Err(Refusal::Violation),
    }
}

/// Sends a request with a socket for its answer, so that threads need not wait for each other.
fn ask(place: &Place, change: Change, mode: Mode, judge: BorrowedFd<'_>) -> Result<Answer, Refusal> {
    let mut copy = Path::empty();
    // The directory of a relative path, or the file itself.
    let mut opened: Option<OwnedFd> = None;
    let mut descriptor = None;
    let mut start_there = || match place.directory {
        libc::AT_FDCWD => {
            let names = if mode.judged { libc::O_RDONLY } else { libc::O_PATH };
            opened = Some(stat::open(libc::AT_FDCWD, c".".as_ptr(), names | libc::O_DIRECTORY)?);
            Ok(())
        }
        number @ 0.. => {
            descriptor = Some(number);
            Ok(())
        }
        _ => Err(libc::EBADF),
    };
    let named = if place.path.is_null() && place.empty {
        start_there()?;
        Named::Descriptor
    } else {
        copy.fill(place.path)?;
        let path = CStr::from_bytes_until_nul(copy.bytes()).map_err(|_| libc::ENAMETOOLONG)?;
        match path.to_bytes() {
            [] if !place.empty => return Err(libc::ENOENT.into()),
            [] => {
                start_there()?;
                Named::Descriptor
            }
            [b'/', ..] => Named::Path { path, follow: place.follow },
            _ => {
                start_there()?;
                Named::Path { path, follow: place.follow }
            }
        }
    };
    let mut bytes = [0; LONGEST];
    let length = Request { change, named }.write(&mut bytes);
    let pair = rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.map_err(|errno| errno.raw_os_error())?;
    let number = opened.as_ref().map(AsRawFd::as_raw_fd).or(descriptor);
    // SAFETY: what the caller names may not be open: then sending it fails with EBADF, as the call itself would.
    let beside = number.map(|number| unsafe { BorrowedFd::borrow_raw(number) });
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let list = [theirs.as_fd(), beside.unwrap_or(theirs.as_fd())];
    control.push(SendAncillaryMessage::ScmRights(&list[..1 + usize::from(beside.is_some())]));
    let sent = rustix::io::retry_on_intr(|| {
        rustix::net::sendmsg(judge, &[IoSlice::new(&bytes[..length])], &mut control, SendFlags::NOSIGNAL)
    });
    drop(theirs);
    match sent.map_err(|errno| errno.raw_os_error()) {
        Ok(_) => {}
        // There is no judge any more, or none could be had.
        Err(libc::EPIPE | libc::ECONNRESET) => return Err(libc::EAGAIN.into()),
        Err(errno) => return Err(errno.into()),
    }
    let mut answer = [0; Answer::BYTES];
    match rustix::io::retry_on_intr(|| rustix::io::read(&ours, &mut answer)) {
        Ok(Answer::BYTES) => Ok(Answer::from_bytes(answer)),
        _ => Err(libc::EAGAIN.into()),
    }
}

/// The two times at an address; none there are the time of now.
fn times(address: u64, nanoseconds: impl Fn(i64) -> i64) -> Result<[Timespec; 2], c_int> {
    let [a, b, c, d] = match address {
        0 => return Ok(NOW),
        _ => numbers(address)?,
    };
    let time = |tv_sec, part| Timespec { tv_sec, tv_nsec: nanoseconds(part) };
    Ok([time(a, b), time(c, d)])
}

/// The nanoseconds of microseconds, in the calls that know no others: what is none stays none.
#[cfg(target_arch = "x86_64")]
fn microseconds(part: i64) -> i64 {
    if (0..1_000_000).contains(&part) { part * 1000 } else { -1 }
}

/// `struct utimbuf`.
#[cfg(target_arch = "x86_64")]
fn seconds(address: u64) -> Result<[Timespec; 2], c_int> {
    let [a, b] = match address {
        0 => return Ok(NOW),
        _ => numbers(address)?,
    };
    let time = |tv_sec| Timespec { tv_sec, tv_nsec: 0 };
    Ok([time(a), time(b)])
}

const NOW: [Timespec; 2] = [Timespec { tv_sec: 0, tv_nsec: UTIME_NOW }; 2];

/// Numbers of the caller's, read once.
fn numbers<const N: usize>(address: u64) -> Result<[i64; N], c_int> {
    let last = address.checked_add(N as u64 * 8 - 1).ok_or(libc::EFAULT)?;
    // They lie in two pages at most.
    stat::check_readable(address)?;
    stat::check_readable(last)?;
    // SAFETY: the kernel has just read both ends; `[i64; N]` is any bytes.
    Ok(unsafe { (address as *const [i64; N]).read_unaligned() })
}
