//! Rows 30, 34, 250–259: what a function does with descriptors that were handed to it, beyond what they are for.
//!
//! The empty profile, and one descriptor of each kind: what was handed over may be used, and nothing may be made of it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Mutex;

use gaol::Layer::{Capabilities, Hygiene, Landlock, Limits, Namespaces, Seccomp};
use gaol::{Fd, sandboxed};
use libc::{EACCES, ENOLCK, ENOPROTOOPT, ENOSYS, EOPNOTSUPP, EPERM};
use serde::{Deserialize, Serialize};

use super::files::Target;
use super::hands::{HANDS, Hand, hand_out};
use super::options::requests_on;
use super::place::Place;
use super::profiles::Profile;
use super::row::{Answer, Row, row};
use super::sweep::sweep;
use super::toolbox::{Attempt, Refusal, Seen, c_path, call, landlock_abi, open};
use super::way::Process;
use super::{Act, perform as perform_act};

/// Who is told of what happens to a descriptor, and how that is set.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    SetOwn,
    SetOwnGroup,
    SetOwnEx,
    Ioctl,
    IoctlOfSockets,
    SetSignal,
    Async,
    AsyncByIoctl,
}

/// What is done with it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandAct {
    Own(Hand, Owner),
    /// A request that takes a number or a buffer.
    Ioctl(Hand, u32),
    EveryIoctl(Hand),
    /// `fcntl` with a command and a number.
    Fcntl(Hand, i32, u64),
    Reopen,
    MapCode,
    MapShared,
    Chmod,
    Chown,
    SetAttribute,
    Touch,
    LockOut,
    /// A record lock, by this command.
    LockRecord(i32),
    PunchHole,
    ReservePastTheEnd,
    WriteWithFlags(i32),
    Execute,
    Publish,
    Handle,
    Watch,
    SyncAll,
    SpliceOut,
    Tee,
    OpenBeneath,
    OpenAbove,
    Enter,
    List,
    StatBeneath,
    RemoveBeneath,
    MakeBeneath,
    ConnectOther(Hand),
    Dissolve(Hand),
    SendTo(Hand),
    SendMessage(Hand),
    SendMessages(Hand),
    BindUdp,
    ListenOnTcp,
    Accept,
    PeerCredentials,
    PeerPidfd,
    PassCredentials,
    ForgeCredentials,
    Linger,
    SignalThrough,
    WaitThrough,
    JoinThrough(Hand),
    TakeThrough,
    MemoryThrough,
}

static HELD: Mutex<Vec<(Hand, i32)>> = Mutex::new(Vec::new());

pub(crate) type Descriptors = Vec<(Hand, Fd<OwnedFd>)>;

/// Performs an act with one descriptor of each kind at hand.
pub(crate) fn attempt(process: Process, act: Act, place: &Place) -> gaol::Result<Seen> {
    let seen = match process {
        Process::Fresh => fresh(vec![act], place, hand_out(place)),
        Process::Reused => reused(vec![act], place, hand_out(place)),
        Process::Exec => exec(vec![act], place, hand_out(place)),
    };
    seen.map(|mut seen| seen.remove(0))
}

/// Performs acts one after the other in one process, with the same descriptors.
pub(crate) fn attempt_all(acts: Vec<Act>, place: &Place) -> gaol::Result<Vec<Seen>> {
    exec(acts, place, hand_out(place))
}

#[sandboxed(time = "20s")]
fn fresh(acts: Vec<Act>, place: &Place, handed: Descriptors) -> gaol::Result<Vec<Seen>> {
    Ok(perform_with(acts, place, &handed))
}

#[sandboxed(time = "20s", process = "reused")]
fn reused(acts: Vec<Act>, place: &Place, handed: Descriptors) -> gaol::Result<Vec<Seen>> {
    Ok(perform_with(acts, place, &handed))
}

#[sandboxed(time = "20s", process = "exec")]
fn exec(acts: Vec<Act>, place: &Place, handed: Descriptors) -> gaol::Result<Vec<Seen>> {
    Ok(perform_with(acts, place, &handed))
}

/// Takes one descriptor of each kind into this process for good, for the acts to come.
pub(crate) fn take(place: &Place) {
    let handed = hand_out(place);
    hold(&handed);
    std::mem::forget(handed);
}

fn hold(handed: &Descriptors) {
    *HELD.lock().expect("one thread") = handed.iter().map(|(hand, fd)| (*hand, fd.as_raw_fd())).collect();
}

pub(crate) fn perform_with(acts: Vec<Act>, place: &Place, handed: &Descriptors) -> Vec<Seen> {
    hold(handed);
    acts.into_iter().map(|act| perform_act(act, place)).collect()
}

/// The number of a descriptor here, or one that nothing has.
fn held(hand: Hand) -> i32 {
    HELD.lock().expect("one thread").iter().find(|(held, _)| *held == hand).map_or(-1, |(_, fd)| *fd)
}

/// The first of what was handed over.
pub(crate) fn first_held() -> Option<(Hand, i32)> {
    HELD.lock().expect("one thread").first().copied()
}

pub(crate) fn perform(act: HandAct, place: &Place) -> Seen {
    match act {
        HandAct::EveryIoctl(hand) => sweep(EPERM, requests_on(held(hand))),
        other => Seen::from(one_act(other, place)),
    }
}

fn one_act(act: HandAct, place: &Place) -> Attempt {
    use HandAct as H;
    let done = |word: &'static str| move |_| word.to_owned();
    let file = held(Hand::ReadFile);
    let directory = held(Hand::Directory);
    let pidfd = held(Hand::Pidfd);
    let mut buffer = [0_u64; 64];
    let buffer = buffer.as_mut_ptr();
    match act {
        H::Own(hand, owner) => own(held(hand), owner, place.parent),
        H::Ioctl(hand, request) => {
            let fd = held(hand);
            // Settings are set to what they are; the rest takes nothing, or the descriptor that is to be copied.
            let _ = call!(libc::SYS_ioctl, fd, u64::from(request) - 1, buffer);
            let argument = match request {
                0xFF00..=0xFFFF | 0xAE00..=0xAEFF | 0x540B => 0,
                0x5441 => (libc::O_RDWR | libc::O_NOCTTY) as usize,
                0x4004_9409 => file as usize,
                _ => buffer as usize,
            };
            call!(libc::SYS_ioctl, fd, request, argument).map(done("done"))
        }
        H::EveryIoctl(_) => Err(Refusal::Absent),
        H::Fcntl(hand, command, value) => call!(libc::SYS_fcntl, held(hand), command, value).map(done("set")),
        H::Reopen => open(&c_path(format!("/proc/self/fd/{file}")), libc::O_RDWR).map(|_| "open for writing".into()),
        H::MapCode => {
            call!(libc::SYS_mmap, 0, 4096, libc::PROT_READ | libc::PROT_EXEC, libc::MAP_PRIVATE, held(Hand::Program), 0)
                .map(done("mapped"))
        }
        H::MapShared => {
            call!(libc::SYS_mmap, 0, 4096, 3, libc::MAP_SHARED, held(Hand::WriteFile), 0).map(done("mapped"))
        }
        H::Chmod => call!(libc::SYS_fchmod, file, 0o600).map(done("changed")),
        H::Chown => call!(libc::SYS_fchown, file, -1, -1).map(done("changed")),
        H::SetAttribute => call!(libc::SYS_fsetxattr, file, c"user.gaol", c"x".as_ptr(), 1, 0).map(done("set")),
        H::Touch => call!(libc::SYS_utimensat, file, 0, 0, 0).map(done("touched")),
        H::LockOut => call!(libc::SYS_flock, file, libc::LOCK_EX | libc::LOCK_NB).map(done("locked")),
        H::PunchHole => {
            let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
            call!(libc::SYS_fallocate, held(Hand::WriteFile), mode, 0, 4096).map(done("punched"))
        }
        H::LockRecord(command) => {
            let lock = libc::flock {
                l_type: libc::F_RDLCK as libc::c_short,
                l_whence: libc::SEEK_SET as libc::c_short,
                l_start: 0,
                l_len: 1,
                l_pid: 0,
            };
            call!(libc::SYS_fcntl, file, command, &raw const lock).map(done("locked"))
        }
        H::ReservePastTheEnd => {
            call!(libc::SYS_fallocate, held(Hand::WriteFile), libc::FALLOC_FL_KEEP_SIZE, 0, 1 << 20)
                .map(done("reserved"))
        }
        H::WriteWithFlags(flags) => {
            let vector = [c"x".as_ptr() as usize, 1];
            call!(libc::SYS_pwritev2, held(Hand::WriteFile), vector.as_ptr(), 1, 0, 0, flags).map(done("written"))
        }
        H::Execute => {
            let arguments = [c"program".as_ptr() as usize, 0];
            let none = [0_usize];
            let (fd, flags) = (held(Hand::Program), libc::AT_EMPTY_PATH);
            call!(libc::SYS_execveat, fd, c"", arguments.as_ptr(), none.as_ptr(), flags).map(done("returned"))
        }
        H::Publish => {
            let name = Target::WritableNew.path(place);
            call!(libc::SYS_linkat, file, c"", libc::AT_FDCWD, &name, libc::AT_EMPTY_PATH).map(done("linked"))
        }
        H::Handle => {
            let mut handle = [0_u32; 34];
            handle[0] = 128;
            let flags = libc::AT_EMPTY_PATH;
            call!(libc::SYS_name_to_handle_at, file, c"", handle.as_mut_ptr(), buffer, flags).map(done("a handle"))
        }
        H::Watch => {
            let fd = call!(libc::SYS_inotify_init1, 0)?;
            let path = c_path(format!("/proc/self/fd/{directory}"));
            call!(libc::SYS_inotify_add_watch, fd, &path, libc::IN_ALL_EVENTS).map(done("watched"))
        }
        H::SyncAll => call!(libc::SYS_syncfs, file).map(done("synced")),
        H::SpliceOut => {
            call!(libc::SYS_splice, file, 0, held(Hand::PipeWriter), 0, 4, libc::SPLICE_F_NONBLOCK).map(done("moved"))
        }
        H::Tee => {
            let (from, into) = (held(Hand::PipeReader), held(Hand::PipeWriter));
            reaches(call!(libc::SYS_tee, from, into, 4, libc::SPLICE_F_NONBLOCK), libc::EAGAIN)
        }
        H::OpenBeneath => call!(libc::SYS_openat, directory, c"secret.txt", libc::O_RDONLY).map(done("opened")),
        H::OpenAbove => call!(libc::SYS_openat, directory, c"..", libc::O_RDONLY).map(done("opened")),
        H::Enter => call!(libc::SYS_fchdir, directory).map(done("entered")),
        H::List => call!(libc::SYS_getdents64, directory, buffer, 512).map(done("listed")),
        H::StatBeneath => call!(libc::SYS_newfstatat, directory, c"secret.txt", buffer, 0).map(done("stat")),
        H::RemoveBeneath => call!(libc::SYS_unlinkat, directory, c"secret.txt", 0).map(done("removed")),
        H::MakeBeneath => call!(libc::SYS_mkdirat, directory, c"made", 0o700).map(done("made")),
        H::ConnectOther(hand) => {
            let address = other_address(hand, place);
            reaches(call!(libc::SYS_connect, held(hand), address.as_ptr(), address.len()), libc::EISCONN)
        }
        H::Dissolve(hand) => {
            let unspecified = [0_u8; 16];
            call!(libc::SYS_connect, held(hand), unspecified.as_ptr(), 16).map(done("dissolved"))
        }
        H::SendTo(hand) => {
            let address = other_address(hand, place);
            call!(libc::SYS_sendto, held(hand), c"out".as_ptr(), 3, 0, address.as_ptr(), address.len())
                .map(done("sent"))
        }
        H::SendMessage(hand) | H::SendMessages(hand) => {
            let address = other_address(hand, place);
            let vector = [c"out".as_ptr() as usize, 3];
            let message = [address.as_ptr() as usize, address.len(), vector.as_ptr() as usize, 1, 0, 0, 0, 0];
            let sent = match act {
                H::SendMessage(_) => call!(libc::SYS_sendmsg, held(hand), message.as_ptr(), 0),
                _ => call!(libc::SYS_sendmmsg, held(hand), message.as_ptr(), 1, 0),
            };
            sent.map(done("sent to another"))
        }
        H::BindUdp => {
            let address = other_address(Hand::Udp, place);
            reaches(call!(libc::SYS_bind, held(Hand::Udp), address.as_ptr(), address.len()), libc::EINVAL)
        }
        H::ListenOnTcp => reaches(call!(libc::SYS_listen, held(Hand::Tcp), 1), libc::EINVAL),
        H::Accept => reaches(call!(libc::SYS_accept4, held(Hand::Listener), 0, 0, 0), libc::EAGAIN),
        H::PeerCredentials => socket_option(libc::SO_PEERCRED, buffer),
        H::PeerPidfd => socket_option(77, buffer), // SO_PEERPIDFD
        H::PassCredentials => {
            let on = 1_i32;
            let fd = held(Hand::UnixStream);
            call!(libc::SYS_setsockopt, fd, libc::SOL_SOCKET, libc::SO_PASSCRED, &raw const on, 4).map(done("set"))
        }
        H::ForgeCredentials => forge(place),
        H::Linger => {
            let hour = [1_i32, 3600];
            let fd = held(Hand::Tcp);
            call!(libc::SYS_setsockopt, fd, libc::SOL_SOCKET, libc::SO_LINGER, hour.as_ptr(), 8).map(done("set"))
        }
        H::SignalThrough => call!(libc::SYS_pidfd_send_signal, pidfd, libc::SIGURG, 0, 0).map(done("sent")),
        // A process that is no child of the caller's.
        H::WaitThrough => {
            call!(libc::SYS_waitid, 3, pidfd, buffer, libc::WEXITED | libc::WNOHANG, 0).map(done("waited"))
        }
        H::JoinThrough(hand) => {
            let flags = if hand == Hand::Pidfd { libc::CLONE_NEWUTS } else { libc::CLONE_NEWUSER };
            reaches(call!(libc::SYS_setns, held(hand), flags), libc::EINVAL)
        }
        H::TakeThrough => call!(libc::SYS_pidfd_getfd, pidfd, 0, 0).map(done("taken")),
        H::MemoryThrough => {
            let vector = [place.parent_scratch_address & !4095, 4096];
            reaches(call!(libc::SYS_process_madvise, pidfd, vector.as_ptr(), 1, 20, 0), libc::ENOMEM)
        }
    }
}

fn own(fd: i32, owner: Owner, parent: i32) -> Attempt {
    // F_OWNER_PID, and who.
    let extended = [1_i32, parent];
    match owner {
        Owner::SetOwn => call!(libc::SYS_fcntl, fd, libc::F_SETOWN, parent),
        Owner::SetOwnGroup => call!(libc::SYS_fcntl, fd, libc::F_SETOWN, -parent),
        Owner::SetOwnEx => call!(libc::SYS_fcntl, fd, 15, extended.as_ptr()),
        Owner::Ioctl => call!(libc::SYS_ioctl, fd, 0x8901, &raw const parent),
        Owner::IoctlOfSockets => call!(libc::SYS_ioctl, fd, 0x8902, &raw const parent),
        Owner::SetSignal => call!(libc::SYS_fcntl, fd, 10, libc::SIGURG),
        Owner::Async => call!(libc::SYS_fcntl, fd, libc::F_SETFL, libc::O_ASYNC),
        Owner::AsyncByIoctl => {
            let on = 1_i32;
            call!(libc::SYS_ioctl, fd, 0x5452, &raw const on)
        }
    }
    .map(|_| "the parent would be told".into())
}

/// Somebody whom the socket was not connected to.
fn other_address(hand: Hand, place: &Place) -> Vec<u8> {
    if hand == Hand::UnixDatagram {
        let mut address = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
        address.extend_from_slice(c_path(&place.unix_datagram).as_bytes_with_nul());
        return address;
    }
    let port = if hand == Hand::Udp { place.udp_port } else { place.other_port };
    let mut address = vec![0_u8; 16];
    address[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    address
}

fn socket_option(option: i32, buffer: *mut u64) -> Attempt {
    let mut length = 64_u32;
    let fd = held(Hand::UnixStream);
    call!(libc::SYS_getsockopt, fd, libc::SOL_SOCKET, option, buffer, &raw mut length).map(|_| "told".into())
}

/// A message that says it is the bystander's.
fn forge(place: &Place) -> Attempt {
    let identity = |call| call!(call).unwrap_or(0) as u32;
    let credentials = [place.bystander as u32, identity(libc::SYS_getuid), identity(libc::SYS_getgid)];
    // `cmsghdr`: its length, level and type, and what it carries.
    let control = [
        28_u64,
        u64::from(libc::SOL_SOCKET as u32) | (libc::SCM_CREDENTIALS as u64) << 32,
        u64::from(credentials[0]) | u64::from(credentials[1]) << 32,
        u64::from(credentials[2]),
    ];
    let vector = [c"out".as_ptr() as usize, 3];
    let message = [0, 0, vector.as_ptr() as usize, 1, control.as_ptr() as usize, 32, 0];
    call!(libc::SYS_sendmsg, held(Hand::UnixStream), message.as_ptr(), 0).map(|_| "believed".into())
}

/// Done where the kernel's own answer came back, which arguments that do no harm get.
fn reaches(answer: Result<usize, Refusal>, own: i32) -> Attempt {
    match answer {
        Ok(_) => Ok("done".into()),
        Err(Refusal::Errno(errno)) if errno == own => Ok("the kernel's own answer".into()),
        Err(refusal) => Err(refusal),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    use HandAct as H;
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Limits, Landlock, Seccomp];
    const ABSENT: &str = "this machine or its file system has no such thing";
    const PRIVILEGE: &str = "the kernel asks for a privilege";
    let mut rows = Vec::new();
    let handed = |number: u16, name: String, act: HandAct, answer: Answer| {
        row(number, format!("{name}, handed over"), act).under(Profile::Handed).always(answer).open_without(EVERY)
    };

    let owners = [Owner::SetOwn, Owner::SetOwnGroup, Owner::SetOwnEx, Owner::SetSignal];
    for hand in [Hand::PipeReader, Hand::Terminal, Hand::Tcp, Hand::UnixStream, Hand::ReadFile] {
        for owner in owners {
            rows.push(handed(250, format!("{owner:?} of {hand:?}"), H::Own(hand, owner), EPERM.into()));
        }
    }
    for hand in [Hand::Tcp, Hand::Udp, Hand::UnixStream] {
        for owner in [Owner::Ioctl, Owner::IoctlOfSockets] {
            rows.push(handed(250, format!("{owner:?} of {hand:?}"), H::Own(hand, owner), EPERM.into()));
        }
    }
    for hand in [Hand::PipeReader, Hand::Terminal, Hand::Tcp, Hand::UnixStream] {
        for owner in [Owner::Async, Owner::AsyncByIoctl] {
            rows.push(handed(250, format!("{owner:?} of {hand:?}"), H::Own(hand, owner), EPERM.into()));
        }
    }
    for hand in HANDS {
        rows.push(handed(251, format!("every ioctl on {hand:?}"), H::EveryIoctl(hand), EPERM.into()).no_control(
            "a request that is answered changes the device; row 223 has the control, and the next rows single ones",
        ));
    }
    let commands = [
        (30, "fcntl(F_SETLEASE) on a file", H::Fcntl(Hand::ReadFile, libc::F_SETLEASE, libc::F_RDLCK as u64)),
        (30, "fcntl(F_NOTIFY) on a directory", H::Fcntl(Hand::Directory, libc::F_NOTIFY, 1 << 31 | 2)),
        (252, "fcntl(F_ADD_SEALS) on memory", H::Fcntl(Hand::MemoryFile, libc::F_ADD_SEALS, libc::F_SEAL_WRITE as u64)),
        (252, "fcntl(F_SETPIPE_SZ) on a pipe", H::Fcntl(Hand::PipeWriter, libc::F_SETPIPE_SZ, 4096)),
        (252, "fcntl(F_GETOWN) on a pipe", H::Fcntl(Hand::PipeReader, libc::F_GETOWN, 0)),
        (252, "fcntl(F_GETSIG) on a pipe", H::Fcntl(Hand::PipeReader, 11, 0)),
        (252, "fcntl(F_SETFL, O_DIRECT) on a pipe", H::Fcntl(Hand::PipeWriter, libc::F_SETFL, libc::O_DIRECT as u64)),
        (252, "fcntl(F_SETFL, O_NOATIME) on a file", H::Fcntl(Hand::WriteFile, libc::F_SETFL, libc::O_NOATIME as u64)),
        (252, "fcntl(F_DUPFD_QUERY) on a pipe", H::Fcntl(Hand::PipeReader, 1027, 0)),
    ];
    for (number, name, act) in commands {
        rows.push(handed(number, name.into(), act, EPERM.into()).may_lack(ABSENT));
    }
    let requests = [
        (34, "ioctl(FS_IOC_GETFLAGS) on a file", Hand::ReadFile, 0x8008_6601),
        (34, "ioctl(FS_IOC_SETFLAGS) on a file", Hand::WriteFile, 0x4008_6602),
        (34, "ioctl(FS_IOC_FSGETXATTR) on a file", Hand::ReadFile, 0x801C_581F),
        (34, "ioctl(BLKGETSIZE64) on a device", Hand::LoopDevice, 0x8008_1272),
        (34, "ioctl(BLKFLSBUF) on a device", Hand::LoopDevice, 0x1261),
        (34, "ioctl(LOOP_CTL_GET_FREE) on a device", Hand::LoopControl, 0x4C82),
        (34, "ioctl(KVM_GET_API_VERSION) on a device", Hand::Kvm, 0xAE00),
        (34, "ioctl(KVM_CREATE_VM) on a device", Hand::Kvm, 0xAE01),
        (253, "ioctl(TCSETS) on a terminal", Hand::Terminal, 0x5402),
        (253, "ioctl(TCSETSF) on a terminal", Hand::Terminal, 0x5404),
        (253, "ioctl(TCSETS2) on a terminal", Hand::Terminal, 0x402C_542B),
        (253, "ioctl(TIOCSWINSZ) on a terminal", Hand::Terminal, 0x5414),
        (253, "ioctl(TIOCEXCL) on a terminal", Hand::Terminal, 0x540C),
        (253, "ioctl(TIOCSETD) on a terminal", Hand::Terminal, 0x5423),
        (253, "ioctl(TCFLSH) on a terminal", Hand::Terminal, 0x540B),
        (253, "ioctl(TIOCSTI) on a terminal", Hand::Terminal, 0x5412),
        (253, "ioctl(TIOCVHANGUP) on a terminal", Hand::Terminal, 0x5437),
        (253, "ioctl(TIOCPKT) on a terminal's other side", Hand::TerminalMaster, 0x5420),
        (253, "ioctl(TIOCGPTPEER) on a terminal's other side", Hand::TerminalMaster, 0x5441),
        (253, "ioctl(TIOCSPTLCK) on a terminal's other side", Hand::TerminalMaster, 0x4004_5431),
        (258, "ioctl(PIDFD_GET_UTS_NAMESPACE)", Hand::Pidfd, 0xFF0A),
        (258, "ioctl(PIDFD_GET_USER_NAMESPACE)", Hand::Pidfd, 0xFF09),
        (258, "ioctl(NS_GET_NSTYPE)", Hand::UserNamespace, 0xB703),
        (258, "ioctl(NS_GET_OWNER_UID)", Hand::UserNamespace, 0xB704),
    ];
    for (number, name, hand, request) in requests {
        let one = handed(number, name.into(), H::Ioctl(hand, request), EPERM.into());
        rows.push(one.root_only(PRIVILEGE).may_lack(ABSENT));
    }
    let (plain, privileged) = (false, true);
    let acts = [
        (254, "openat(/proc/self/fd/N) for writing", H::Reopen, EPERM, plain),
        (254, "mmap(PROT_EXEC) of a program", H::MapCode, EACCES, plain),
        (254, "fchmod of a file", H::Chmod, EPERM, plain),
        (254, "fchown of a file", H::Chown, EPERM, plain),
        (254, "fsetxattr of a file", H::SetAttribute, EPERM, privileged),
        (254, "futimens of a file", H::Touch, EPERM, plain),
        (254, "flock(LOCK_EX) of a file that may be read", H::LockOut, EPERM, plain),
        (254, "fallocate(PUNCH_HOLE) of a file", H::PunchHole, EOPNOTSUPP, plain),
        (254, "fallocate(KEEP_SIZE) of a file", H::ReservePastTheEnd, EOPNOTSUPP, plain),
        (254, "linkat(AT_EMPTY_PATH) of a file", H::Publish, EPERM, privileged),
        (254, "name_to_handle_at(AT_EMPTY_PATH) of a file", H::Handle, EPERM, plain),
        (254, "inotify_add_watch(/proc/self/fd/N)", H::Watch, EPERM, plain),
        (33, "syncfs of a file", H::SyncAll, EPERM, plain),
        (28, "splice of a file", H::SpliceOut, EPERM, plain),
        (254, "tee of pipes", H::Tee, EPERM, plain),
        (255, "openat beneath a directory", H::OpenBeneath, EPERM, plain),
        (255, "openat above a directory", H::OpenAbove, EPERM, plain),
        (255, "fchdir into a directory", H::Enter, EPERM, plain),
        (255, "newfstatat beneath a directory", H::StatBeneath, EPERM, plain),
        (255, "unlinkat beneath a directory", H::RemoveBeneath, EPERM, plain),
        (255, "mkdirat beneath a directory", H::MakeBeneath, EPERM, plain),
        (256, "connect(other) of TCP", H::ConnectOther(Hand::Tcp), EPERM, plain),
        (256, "connect(AF_UNSPEC) of TCP", H::Dissolve(Hand::Tcp), EPERM, plain),
        (256, "listen on TCP", H::ListenOnTcp, EPERM, plain),
        (256, "setsockopt(SO_LINGER) of TCP", H::Linger, ENOPROTOOPT, plain),
        (256, "connect(other) of UDP", H::ConnectOther(Hand::Udp), EPERM, plain),
        (256, "connect(AF_UNSPEC) of UDP", H::Dissolve(Hand::Udp), EPERM, plain),
        (256, "bind of UDP", H::BindUdp, EPERM, plain),
        (256, "sendto(other) of UDP", H::SendTo(Hand::Udp), EPERM, plain),
        (256, "sendmmsg(other) of UDP", H::SendMessages(Hand::Udp), ENOSYS, plain),
        (256, "sendto(other) of Unix datagrams", H::SendTo(Hand::UnixDatagram), EPERM, plain),
        (256, "sendmmsg(other) of Unix datagrams", H::SendMessages(Hand::UnixDatagram), ENOSYS, plain),
        (257, "getsockopt(SO_PEERPIDFD)", H::PeerPidfd, ENOPROTOOPT, plain),
        (257, "setsockopt(SO_PASSCRED)", H::PassCredentials, ENOPROTOOPT, plain),
        (257, "sendmsg(SCM_CREDENTIALS of another)", H::ForgeCredentials, EPERM, privileged),
        (258, "pidfd_send_signal", H::SignalThrough, EPERM, plain),
        (258, "setns(a process)", H::JoinThrough(Hand::Pidfd), EPERM, privileged),
        (258, "setns(a user namespace)", H::JoinThrough(Hand::UserNamespace), EPERM, plain),
        (258, "pidfd_getfd", H::TakeThrough, ENOSYS, plain),
        (258, "process_madvise", H::MemoryThrough, EPERM, privileged),
    ];
    for (number, name, act, errno, asks) in acts {
        let one = handed(number, name.into(), act, errno.into());
        rows.push(if asks { one.root_only(PRIVILEGE) } else { one });
    }
    rows.push(
        handed(254, "execveat(AT_EMPTY_PATH) of a program".into(), H::Execute, EPERM.into())
            .opens_as(Answer::Exited(super::place::EXIT_CODE)),
    );
    // What was handed over is used for what it is.
    let uses = [
        (252, "fcntl(F_GET_SEALS) on memory", H::Fcntl(Hand::MemoryFile, libc::F_GET_SEALS, 0)),
        (252, "fcntl(F_GETPIPE_SZ) on a pipe", H::Fcntl(Hand::PipeWriter, libc::F_GETPIPE_SZ, 0)),
        (254, "mmap(MAP_SHARED) of a file", H::MapShared),
        (255, "getdents64 of a directory", H::List),
        (256, "accept from a listener", H::Accept),
        (257, "getsockopt(SO_PEERCRED)", H::PeerCredentials),
    ];
    for (number, name, act) in uses {
        rows.push(
            handed(number, name.into(), act, Answer::done()).no_control("docs/descriptors.md says that it works"),
        );
    }
    for (name, command) in [
        ("F_SETLK", libc::F_SETLK),
        ("F_SETLKW", libc::F_SETLKW),
        ("F_OFD_SETLK", libc::F_OFD_SETLK),
        ("F_OFD_SETLKW", libc::F_OFD_SETLKW),
    ] {
        rows.push(
            handed(254, format!("fcntl({name}) on a file"), H::LockRecord(command), ENOLCK.into())
                // It may have locks from before.
                .by_activation(Answer::done()),
        );
    }
    rows.push(
        handed(34, "ioctl(FICLONE) on a file".into(), H::Ioctl(Hand::WriteFile, 0x4004_9409), EOPNOTSUPP.into())
            .may_lack(ABSENT),
    );
    // It would write elsewhere than at the end of what was opened to append to.
    const RWF_NOAPPEND: i32 = 0x20;
    rows.push(
        handed(254, "pwritev2(RWF_NOAPPEND)".into(), H::WriteWithFlags(RWF_NOAPPEND), EOPNOTSUPP.into())
            .may_lack("kernels before 6.9 do not have the flag"),
    );
    rows.push(
        handed(258, "waitid(a process)".into(), H::WaitThrough, libc::ECHILD.into())
            .no_control("nobody may wait for a process that is not its child"),
    );
    // The address of a message is in memory, where no filter looks: the threat model says so.
    rows.push(
        handed(259, "sendmsg(other) of UDP".into(), H::SendMessage(Hand::Udp), Answer::done())
            // The message could name anybody, and nothing needs it there.
            .by_activation(EPERM)
            .no_control("this row shows what is possible, and SECURITY.md says so"),
    );
    // Landlock judges the name of a Unix socket from ABI 9 on.
    let tier_b = if landlock_abi() < 9 { Answer::done() } else { EACCES.into() };
    let name = "sendmsg(other) of Unix datagrams";
    rows.push(
        handed(259, name.into(), H::SendMessage(Hand::UnixDatagram), EACCES.into())
            .refused(libc::ENOENT, tier_b)
            .by_activation(EPERM),
    );
    rows
}
