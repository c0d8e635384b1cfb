//! The same zygote inside of namespaces, Landlock and seccomp, whose children do what gaol's promises cannot be kept without: what a confined
//! call costs at least, whoever makes it.
//!
//! A child's output is captured, and how it ended is read from the kernel and passed on: two pipes and a handle beside its socket, which the
//! application is given. The child lets go of everything else, is to die with the zygote, lowers its limits, and takes a filter of its own.
//! There is no deadline, no panic to catch, nothing to encode and nothing to check.
//!
//! # Safety
//!
//! Namespaces are entered by a process that has one thread and nothing of anybody's in it.
#![allow(unsafe_code)]

use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use landlock::{ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr};
use rustix::event::{PollFd, PollFlags};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::pipe::PipeFlags;
use rustix::process::{PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions};
use seccompiler::{BpfProgram, sock_filter};

use super::fork::{Side, exit_now, fork};

/// How many instructions gaol's filters have, for a function without operations.
const TEMPLATE_FILTER: usize = 600;
const WORKER_FILTER: usize = 74;

/// Where a child has its socket: behind the standard streams.
const CHANNEL: i32 = 3;

/// The zygote's own side. Ends with code 1 where a layer is not to be had.
pub(crate) fn serve() -> ! {
    let _ = confine().and_then(|()| fork_for_ever());
    exit_now(1)
}

/// Enters what gaol enters once for each profile.
fn confine() -> io::Result<()> {
    let namespaces = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    // SAFETY: takes flags. The process has one thread.
    if unsafe { libc::unshare(namespaces) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // The first child is the first process of the new namespace. This one waits for its end, and ends with it.
    if let Side::Parent(first) = fork()? {
        let _ = rustix::process::waitid(WaitId::Pid(first), WaitIdOptions::EXITED);
        exit_now(0);
    }
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_no_new_privs(true)?;
    let ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(Ruleset::create)
        .and_then(|ruleset| ruleset.restrict_self());
    ruleset.map_err(io::Error::other)?;
    seccompiler::apply_filter(&filter(TEMPLATE_FILTER)).map_err(io::Error::other)
}

/// A filter that allows everything, and is as long and as deep as a binary search over so many instructions.
fn filter(length: usize) -> BpfProgram {
    const LOAD_NUMBER: sock_filter = sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 };
    const ALLOW: sock_filter = sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };
    const LEAF: usize = 3;
    fn search(numbers: std::ops::Range<u32>, length: usize, program: &mut BpfProgram) {
        if length <= 2 * LEAF || numbers.len() < 2 {
            program.extend(std::iter::repeat_n(ALLOW, length.max(1)));
            return;
        }
        let middle = numbers.start + numbers.len() as u32 / 2;
        // A jump further than 255 instructions takes two.
        let far = length / 2 > 250;
        let below = (length - 1 - usize::from(far)) / 2;
        let above = length - 1 - usize::from(far) - below;
        let jump = |jt, jf| sock_filter { code: 0x35, jt, jf, k: middle };
        if far {
            program.extend([jump(0, 1), sock_filter { code: 0x05, jt: 0, jf: 0, k: below as u32 }]);
        } else {
            program.push(jump(below as u8, 0));
        }
        search(numbers.start..middle, below, program);
        search(middle..numbers.end, above, program);
    }
    let mut program = vec![LOAD_NUMBER];
    search(0..512, length - 1, &mut program);
    program
}

/// A child that has not been reaped.
struct Live {
    pidfd: OwnedFd,
    status: OwnedFd,
}

fn fork_for_ever() -> io::Result<()> {
    let control = rustix::stdio::stdin();
    let own = filter(WORKER_FILTER);
    let mut children: Vec<Live> = Vec::new();
    loop {
        let ready: Vec<bool> = {
            let fds = children.iter().map(|child| child.pidfd.as_fd());
            let mut fds: Vec<_> =
                std::iter::once(control).chain(fds).map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
            rustix::event::poll(&mut fds, None)?;
            fds.iter().map(|fd| !fd.revents().is_empty()).collect()
        };
        let mut ended = ready[1..].iter();
        children.retain(|child| {
            let ended = ended.next() == Some(&true);
            if ended {
                let status = rustix::process::waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED);
                let code = status.ok().flatten().and_then(|status| status.exit_status()).unwrap_or(-1);
                // The application may have closed its end.
                let _ = rustix::io::write(&child.status, &code.to_le_bytes());
            }
            !ended
        });
        if ready[0] {
            match rustix::net::recv(control, &mut [0], RecvFlags::empty()) {
                Ok((1.., _)) => children.push(fork_child(control, &own)?),
                _ => exit_now(0),
            }
        }
    }
}

fn fork_child(control: BorrowedFd<'_>, filter: &BpfProgram) -> io::Result<Live> {
    let (ours, theirs) = UnixStream::pair()?;
    let (status_of_application, status) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (output_of_application, output) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    match fork()? {
        Side::Child => exit_now(i32::from(answer(theirs.into(), output.as_fd(), filter).is_err())),
        Side::Parent(pid) => {
            let pidfd = rustix::process::pidfd_open(pid, PidfdFlags::empty())?;
            let fds = [ours.as_fd(), pidfd.as_fd(), status_of_application.as_fd(), output_of_application.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            ancillary.push(SendAncillaryMessage::ScmRights(&fds));
            rustix::net::sendmsg(control, &[IoSlice::new(&[1])], &mut ancillary, SendFlags::NOSIGNAL)?;
            Ok(Live { pidfd, status })
        }
    }
}

/// The child's one call.
fn answer(channel: OwnedFd, output: BorrowedFd<'_>, filter: &BpfProgram) -> io::Result<()> {
    rustix::stdio::dup2_stdout(output)?;
    rustix::stdio::dup2_stderr(output)?;
    // SAFETY: what has that number is a copy of the zygote's, and nothing of this process uses it.
    let mut place = std::mem::ManuallyDrop::new(unsafe { std::os::fd::FromRawFd::from_raw_fd(CHANNEL) });
    rustix::io::dup2(&channel, &mut place)?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    rustix::thread::set_name(c"confined-child")?;
    // SAFETY: everything behind the socket is a copy of the zygote's that nothing uses any more; `channel` is not dropped.
    unsafe { libc::syscall(libc::SYS_close_range, CHANNEL + 1, u32::MAX, 0) };
    std::mem::forget(channel);
    let files = Rlimit { current: Some(256), maximum: Some(256) };
    rustix::process::setrlimit(Resource::Nofile, files)?;
    seccompiler::apply_filter(filter).map_err(io::Error::other)?;
    // SAFETY: it was put there, and has no other owner.
    let mut channel: UnixStream = unsafe { std::os::fd::FromRawFd::from_raw_fd(CHANNEL) };
    let mut number = [0; 8];
    channel.read_exact(&mut number)?;
    channel.write_all(&(u64::from_le_bytes(number) + 1).to_le_bytes())
}
