//! The table of the attacks: what each is called, what it must get under a profile, and what shows that it is one.

use libc::{EACCES, EAFNOSUPPORT, EMFILE, ENOMEM, ENOSYS, EPERM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM};

use super::acts::{Act, TYPE};
use super::facts::{Expected, Facts};
use super::report::{Answer, Category};
use crate::support::Layer;

/// A row of the table.
pub(super) struct Row {
    pub(super) category: Category,
    pub(super) name: &'static str,
    pub(super) act: Act,
    pub(super) expected: fn(&Facts<'_>) -> Expected,
    pub(super) control: Where,
}

/// Where the same act is made without the sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Where {
    /// In a worker inside no layer.
    Unconfined,
    /// In the application: it only looks at what the process has. The attack is made in a process that was started after it was planted.
    Application,
}

fn row(category: Category, name: &'static str, act: Act, expected: fn(&Facts<'_>) -> Expected) -> Row {
    Row { category, name, act, expected, control: Where::Unconfined }
}

/// Every row.
pub(super) fn rows() -> Vec<Row> {
    let mut rows = files();
    rows.extend(processes());
    rows.extend(programs());
    rows.extend(kernel());
    rows.extend(sockets());
    rows.extend(rest());
    rows
}

fn files() -> Vec<Row> {
    let row = |name, act, expected| row(Category::Files, name, act, expected);
    vec![
        row("openat(O_RDONLY) a file", Act::Read, |facts| facts.reads(&facts.place.secret())),
        row("openat2 a file", Act::Openat2, |facts| facts.opens_by_structure(&facts.place.secret())),
        row("openat(O_PATH) a file, fstat", Act::OpenPath, |facts| facts.names(&facts.place.secret())),
        row("openat(O_WRONLY) a file", Act::Write, |facts| facts.changes(&facts.place.secret())),
        row("openat(O_CREAT) beside a file", Act::Create, |facts| facts.changes(&facts.place.directory)),
        row("unlinkat a file", Act::Remove, |facts| facts.changes(&facts.place.doomed())),
        row("truncate a file", Act::Truncate, |facts| facts.changes(&facts.place.cut())),
        row("linkat a file", Act::Link, |facts| facts.changes(&facts.place.directory)),
        row("getdents64 of a directory", Act::List, |facts| facts.lists(&facts.place.directory)),
        row("newfstatat of a file", Act::Stat, |facts| facts.tells(&facts.place.secret())),
        row("readlinkat of a link", Act::ReadLink, |facts| facts.tells(&facts.place.link())),
        row("setxattr of a file", Act::SetAttribute, |facts| facts.attributes()),
        row("inotify_add_watch on a file", Act::Watch, |facts| facts.watches()),
        row("open to write what may be read", Act::WriteReadOnly, |facts| facts.writes_what_is_read()),
        row("openat /proc/PPID/environ", Act::ParentEnvironment, |facts| facts.parent_file("environ")),
        row("openat /proc/PPID/mem, pread64", Act::ParentMemoryFile, |facts| facts.parent_file("mem")),
    ]
}

fn processes() -> Vec<Row> {
    let row = |name, act, expected| row(Category::Processes, name, act, expected);
    vec![
        row("kill the parent", Act::Signal, |facts| facts.signals()),
        row("rt_sigqueueinfo to the parent", Act::QueueSignal, |facts| facts.refuse(EPERM)),
        row("ptrace(SEIZE) the parent", Act::Seize, |facts| facts.kill()),
        row("ptrace(TRACEME)", Act::TraceMe, |facts| facts.kill()),
        row("process_vm_readv of the parent", Act::ReadMemory, |facts| facts.answer(ENOSYS)),
        row("process_vm_writev to the parent", Act::WriteMemory, |facts| facts.refuse(EPERM)),
        row("pidfd_open the parent", Act::PidfdOpen, |facts| facts.answer(ENOSYS)),
        row("pidfd_getfd of the parent", Act::TakeDescriptor, |facts| facts.answer(ENOSYS)),
        row("prlimit64 of the parent", Act::AskLimits, |facts| facts.refuse(EPERM)),
        row("setpriority of the parent", Act::SetPriority, |facts| facts.refuse(EPERM)),
        row("kcmp of the parent", Act::Compare, |facts| facts.refuse(EPERM)),
        row("prctl(PR_SET_PDEATHSIG, 0)", Act::OutliveParent, |facts| facts.unless_programs(EPERM)),
    ]
}

fn programs() -> Vec<Row> {
    let row = |name, act, expected| row(Category::Programs, name, act, expected);
    vec![
        row("clone(SIGCHLD): fork", Act::Fork, |facts| facts.unless_programs(EPERM)),
        row("execve a program", Act::Execute, |facts| facts.runs(&facts.place.program())),
        row("memfd_create, execveat", Act::ExecuteMemory, |facts| facts.answer(ENOSYS)),
        row("mmap(PROT_WRITE|PROT_EXEC)", Act::MapCode, |facts| facts.answered_to_programs(EACCES, EACCES)),
        row("mprotect(PROT_EXEC)", Act::MakeCode, |facts| facts.unless_programs(EACCES)),
    ]
}

fn kernel() -> Vec<Row> {
    let row = |name, act, expected| row(Category::Kernel, name, act, expected);
    let mut rows = vec![
        row("io_uring_setup", Act::IoUring, |facts| facts.answer(ENOSYS)),
        row("bpf(BPF_MAP_CREATE)", Act::Bpf, |facts| facts.kill()),
        row("perf_event_open", Act::PerfEvent, |facts| facts.refuse(EPERM)),
        row("userfaultfd", Act::Userfaultfd, |facts| facts.kill()),
        row("keyctl(GET_KEYRING_ID)", Act::Keyctl, |facts| facts.refuse(EPERM)),
        row("add_key", Act::AddKey, |facts| facts.refuse(EPERM)),
        row("unshare(CLONE_NEWUSER)", Act::Unshare(libc::CLONE_NEWUSER), |facts| facts.refuse(EPERM)),
        row("unshare(CLONE_NEWNS)", Act::Unshare(libc::CLONE_NEWNS), |facts| facts.refuse(EPERM)),
        row("unshare(CLONE_NEWNET)", Act::Unshare(libc::CLONE_NEWNET), |facts| facts.refuse(EPERM)),
        row("unshare(CLONE_NEWPID)", Act::Unshare(libc::CLONE_NEWPID), |facts| facts.refuse(EPERM)),
        row("clone(CLONE_NEWUSER)", Act::CloneUser, |facts| facts.refuse(EPERM)),
        row("clone3(CLONE_NEWUSER)", Act::Clone3User, |facts| facts.answer(ENOSYS)),
        row("mount(MS_BIND)", Act::Mount, |facts| facts.refuse(EPERM)),
        row("fsopen", Act::FsOpen, |facts| facts.refuse(EPERM)),
        row("open_tree(OPEN_TREE_CLONE)", Act::OpenTree, |facts| facts.refuse(EPERM)),
        row("chroot", Act::ChangeRoot, |facts| facts.refuse(EPERM)),
        row("personality(READ_IMPLIES_EXEC)", Act::Personality, |facts| facts.refuse(EPERM)),
        row("prctl(PR_SET_DUMPABLE, 1)", Act::Dumpable, |facts| facts.refuse(EPERM)),
        row("prctl(PR_SET_CHILD_SUBREAPER)", Act::Subreaper, |facts| facts.refuse(EPERM)),
        row("prctl(PR_SET_SYSCALL_USER_DISPATCH)", Act::Dispatch, |facts| facts.refuse(EPERM)),
        row("shmget", Act::SharedMemory, |facts| facts.refuse(EPERM)),
        row("memfd_secret", Act::SecretMemory, |facts| facts.refuse(EPERM)),
    ];
    if cfg!(target_arch = "x86_64") {
        rows.push(row("x32 getpid", Act::X32, |facts| facts.kill()));
    }
    rows
}

fn sockets() -> Vec<Row> {
    let row = |name, act, expected| row(Category::Sockets, name, act, expected);
    let mut rows = vec![
        row("connect(TCP, a port)", Act::Connect, |facts| facts.connects(facts.place.tcp)),
        row("sendto(TCP, MSG_FASTOPEN, a port)", Act::FastOpen, |facts| facts.connects_fast()),
        row("connect(MPTCP, a port)", Act::Multipath, |facts| facts.answer(EAFNOSUPPORT)),
        row("bind(TCP), listen", Act::Listen, |facts| facts.listens()),
        row("sendto(UDP, a port)", Act::Datagram, |facts| facts.sends(facts.place.udp)),
        row("connect(AF_UNIX, a path)", Act::ConnectLocal, |facts| facts.connects_locally(&facts.place.socket())),
        row("connect(AF_UNIX, an abstract name)", Act::ConnectAbstract, |facts| facts.connects_by_name()),
    ];
    // No profile has these.
    let families = [
        ("socket(AF_NETLINK)", libc::AF_NETLINK, SOCK_RAW, 0),
        ("socket(AF_PACKET)", libc::AF_PACKET, SOCK_RAW, 0),
        ("socket(AF_INET, SOCK_RAW)", libc::AF_INET, SOCK_RAW, libc::IPPROTO_RAW),
        ("socket(AF_INET6, SOCK_RAW)", libc::AF_INET6, SOCK_RAW, libc::IPPROTO_ICMPV6),
        ("socket(AF_INET, ICMP datagrams)", libc::AF_INET, SOCK_DGRAM, libc::IPPROTO_ICMP),
        ("socket(AF_INET, UDP-Lite)", libc::AF_INET, SOCK_DGRAM, 136),
        ("socket(AF_INET, SCTP)", libc::AF_INET, SOCK_STREAM, 132),
        ("socket(AF_VSOCK)", libc::AF_VSOCK, SOCK_STREAM, 0),
        ("socket(AF_ALG)", libc::AF_ALG, SOCK_SEQPACKET, 0),
        ("socket(AF_XDP)", 44, SOCK_RAW, 0),
        ("socket(AF_TIPC)", libc::AF_TIPC, SOCK_STREAM, 0),
        ("socket(AF_SMC)", 43, SOCK_STREAM, 0),
        ("socket(AF_BLUETOOTH)", libc::AF_BLUETOOTH, SOCK_STREAM, 3),
        ("socket(AF_QIPCRTR)", 42, SOCK_DGRAM, 0),
    ];
    for (name, domain, kind, protocol) in families {
        rows.push(row(name, Act::Socket(domain, kind, protocol), |facts| facts.answer(EAFNOSUPPORT)));
    }
    rows
}

fn rest() -> Vec<Row> {
    let absent = |_: &Facts<'_>| Expected::Refused(Layer::Hygiene, vec![Answer::Absent]);
    let looks =
        |category, name, act, expected| Row { control: Where::Application, ..row(category, name, act, expected) };
    vec![
        row(Category::Resources, "prlimit64(RLIMIT_NOFILE), higher", Act::RaiseFiles, |facts| facts.raises()),
        row(Category::Resources, "mmap more than `memory`", Act::MuchMemory, |facts| match facts.place.limits.memory {
            None => Expected::Allowed("the profile sets no limit to it".to_owned()),
            Some(_) => Expected::Refused(Layer::Limits, vec![Answer::Errno(ENOMEM)]),
        }),
        row(Category::Resources, "dup more than `files`", Act::ManyFiles, |facts| match facts.place.limits.files {
            None => Expected::Allowed("the profile sets no limit to it".to_owned()),
            Some(_) => Expected::Refused(Layer::Limits, vec![Answer::Errno(EMFILE)]),
        }),
        looks(Category::Resources, "a core dump", Act::CoreDump, absent),
        looks(Category::Inheritance, "read an inheritable descriptor", Act::Descriptor, |_| {
            Expected::Refused(Layer::Hygiene, vec![Answer::Errno(libc::EBADF)])
        }),
        looks(Category::Inheritance, "a variable that is not listed", Act::Environment, absent),
        row(Category::Terminal, "ioctl(TIOCSTI)", Act::Type(TYPE), |facts| facts.refuse(EPERM)),
        row(Category::Terminal, "ioctl(TIOCSTI | 1<<32)", Act::Type(TYPE | 1 << 32), |facts| facts.refuse(EPERM)),
    ]
}
