//! Rows 76, 78, 220–231, 240–247: calls that do a hundred things, by every one of the hundred.

use gaol::Layer::{Capabilities, Hygiene, Landlock, Limits, Namespaces, Seccomp};
use libc::{EACCES, EAFNOSUPPORT, EINVAL, ENOPROTOOPT, ENOSYS, EOPNOTSUPP, EPERM, ESRCH};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::profiles::Profile::{Nothing, Tcp, Wide};
use super::row::{Row, Tier, row};
use super::sweep::{Attempted, all_but, sweep};
use super::toolbox::{Refusal, Seen, call};

/// What is gone through.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    /// Every option of prctl(2) but those that name the process and its memory.
    Prctl,
    /// Those that need a privilege before anything else.
    PrctlPrivileged,
    ArchPrctl,
    /// Every command of fcntl(2) that is not about the descriptor itself or a lock, on a pipe.
    Fcntl,
    SetFlags,
    /// Every request of ioctl(2) of the families that there are, on a pipe.
    Ioctl,
    HostileAdvice,
    OtherAdvice,
    MapFlags,
    RemapFlags,
    SpreadingProtections,
    InheritingFutexes,
    OtherFutexes,
    Barriers,
    /// Clocks of other processes, and one that tells how the host keeps time.
    Clocks,
    Seccomp,
    /// What may be asked about other processes, or about everything.
    Questions,
    /// Ordinary calls with one flag that makes another interface of them.
    Flags,
    Families,
    /// All but TCP.
    FamiliesBesideTcp,
    Protocols,
    Pairs,
    /// What a kernel may be built without.
    SetOptions,
    GetOptions,
    /// What reaches beyond the socket.
    HostileOptions,
    /// Flags of messages that make another interface of a call, on a pair of sockets that the worker makes.
    MessageFlags,
    /// Requests of ioctl(2) that copy files, which a file system may not have.
    CopyRequests,
}

/// prctl(2) options that a worker may use: its threads' names, and whether it is dumpable (it is not).
const PRCTL_ALLOWED: [i32; 3] = [libc::PR_GET_DUMPABLE, libc::PR_SET_NAME, libc::PR_GET_NAME];

/// Options that need CAP_SYS_RESOURCE before anything else, which a container's root may lack: PR_SET_IO_FLUSHER, PR_GET_IO_FLUSHER.
const PRCTL_PRIVILEGED: [i32; 2] = [57, 58];

/// Requests of ioctl(2), as ranges: terminals and files, sockets, block and loop devices, virtual machines, page faults, and so on.
const REQUESTS: [(u32, u32); 17] = [
    (0x5400, 0x5480),           // terminals; FIONBIO and its like are among them
    (0x8900, 0x89FF),           // SIOC*: owners, interfaces, routes, bridges
    (0x1200, 0x1280),           // BLK*
    (0x4C00, 0x4C10),           // LOOP_*
    (0x4C80, 0x4C83),           // LOOP_CTL_*
    (0xAE00, 0xAE10),           // KVM_*
    (0x0001, 0x0003),           // FIBMAP, FIGETBSZ
    (0x4B00, 0x4B80),           // KD*: virtual consoles
    (0x5600, 0x5620),           // VT_*
    (0xAA00, 0xAA01),           // USERFAULTFD_IOC_NEW
    (0xB701, 0xB70B),           // NS_GET_*
    (0xFF01, 0xFF0C),           // PIDFD_GET_*_NAMESPACE
    (0x4004_6601, 0x4004_6603), // FS_IOC32_SETFLAGS
    (0x4008_6602, 0x4008_6603), // FS_IOC_SETFLAGS
    (0x8008_6601, 0x8008_6602), // FS_IOC_GETFLAGS
    (0xC004_5877, 0xC004_587A), // FIFREEZE, FITHAW
    (0x2400, 0x2420),           // PERF_EVENT_IOC_*
];

/// What reads, or sets what belongs to the descriptor alone.
const REQUESTS_ALLOWED: [u32; 7] = [0x5401, 0x802C_542A, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451];

/// fcntl(2) commands that a worker may use, about the descriptor itself and what a pipe or shared memory is; and locks, which row 254 has.
const COMMANDS_ALLOWED: [i32; 14] = [0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1034];

fn named(name: impl std::fmt::Debug, answer: Result<usize, Refusal>) -> Attempted {
    Attempted(format!("{name:?}").trim_matches('"').to_owned(), answer)
}

fn pipe() -> i32 {
    let mut ends = [-1_i32; 2];
    let _ = call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0);
    ends[1]
}

pub(crate) fn perform(act: Sweep, errno: i32, place: &Place) -> Seen {
    let mut buffer = [0_u64; 512];
    let buffer = buffer.as_mut_ptr();
    match act {
        Sweep::Prctl => {
            let usual =
                (1..=100).filter(|option| !PRCTL_ALLOWED.contains(option) && !PRCTL_PRIVILEGED.contains(option));
            // SET_VMA for another purpose than a name, SET_PTRACER, GET_AUXV.
            let unusual = [0x5356_4D41, 0x5961_6D61, 0x4155_5856];
            // Securebits that there are not would be refused by the kernel with the same errno, and a slack of -1 looks like an error.
            let harmless = [libc::PR_SET_SECUREBITS, libc::PR_SET_TIMERSLACK];
            let argument = |option| if harmless.contains(&option) { 0 } else { usize::MAX };
            sweep(
                errno,
                usual.chain(unusual).map(|option| {
                    named(option, call!(libc::SYS_prctl, option, argument(option), usize::MAX, usize::MAX, usize::MAX))
                }),
            )
        }
        Sweep::PrctlPrivileged => {
            sweep(errno, PRCTL_PRIVILEGED.map(|option| named(option, call!(libc::SYS_prctl, option, 0, 0, 0, 0))))
        }
        Sweep::ArchPrctl => sweep(errno, arch_prctl(buffer)),
        Sweep::Fcntl => {
            let fd = pipe();
            let commands = (0..=50).chain(1024..=1050).filter(|command| !COMMANDS_ALLOWED.contains(command));
            // A pipe larger than an unprivileged one may be would be refused by the kernel with the same errno.
            let argument = |command| if command == libc::F_SETPIPE_SZ { 4096 } else { buffer as usize };
            sweep(errno, commands.map(|command| named(command, call!(libc::SYS_fcntl, fd, command, argument(command)))))
        }
        Sweep::SetFlags => {
            let fd = pipe();
            let flags = [libc::O_ASYNC, libc::O_DIRECT, libc::O_ASYNC | libc::O_NONBLOCK];
            sweep(errno, flags.map(|flags| named(flags, call!(libc::SYS_fcntl, fd, libc::F_SETFL, flags))))
        }
        Sweep::Ioctl => sweep(errno, requests_on(pipe())),
        Sweep::HostileAdvice => {
            let page = call!(libc::SYS_mmap, 0, 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0).unwrap_or(0);
            let advice = [libc::MADV_MERGEABLE, 22, 23]; // MADV_POPULATE_READ, MADV_POPULATE_WRITE
            // Pages that are to be taken from the system are named, and are none: the control does no harm.
            let poison = [libc::MADV_HWPOISON, libc::MADV_SOFT_OFFLINE];
            let on_page = advice.map(|advice| named(advice, call!(libc::SYS_madvise, page, 4096, advice)));
            let on_nothing = poison.map(|advice| named(advice, call!(libc::SYS_madvise, page, 0, advice)));
            sweep(errno, on_page.into_iter().chain(on_nothing))
        }
        Sweep::OtherAdvice => {
            let page = call!(libc::SYS_mmap, 0, 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0).unwrap_or(0);
            // DOFORK, DODUMP, UNMERGEABLE, KEEPONFORK, COLD, PAGEOUT: what kernels know, and a worker has no use for.
            let advice = [11, 13, 17, 19, 20, 21];
            sweep(errno, advice.map(|advice| named(advice, call!(libc::SYS_madvise, page, 4096, advice))))
        }
        Sweep::MapFlags => {
            let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            let flags = [
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                private | libc::MAP_GROWSDOWN,
                private | libc::MAP_POPULATE,
                private | libc::MAP_LOCKED,
                private | libc::MAP_NONBLOCK,
                private | libc::MAP_HUGETLB,
                private | libc::MAP_EXECUTABLE,
                private | 0x40,          // MAP_32BIT
                libc::MAP_SHARED | 0x20, // a page that is nobody's
            ];
            sweep(errno, flags.map(|flags| named(flags, call!(libc::SYS_mmap, 0, 4096, 3, flags, -1, 0))))
        }
        Sweep::RemapFlags => {
            let page = call!(libc::SYS_mmap, 0, 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0).unwrap_or(0);
            let flags = [4 | libc::MREMAP_MAYMOVE, 8, 1 << 20]; // MREMAP_DONTUNMAP, and none
            sweep(errno, flags.map(|flags| named(flags, call!(libc::SYS_mremap, page, 4096, 4096, flags, 0))))
        }
        Sweep::SpreadingProtections => {
            let page = call!(libc::SYS_mmap, 0, 4096, 3, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0).unwrap_or(0);
            let protections = [3 | libc::PROT_GROWSDOWN, 3 | libc::PROT_GROWSUP];
            sweep(
                errno,
                protections.map(|protection| named(protection, call!(libc::SYS_mprotect, page, 4096, protection))),
            )
        }
        Sweep::InheritingFutexes => {
            // Each on a word of its own that is nobody's: none waits. 13 is FUTEX_LOCK_PI2.
            sweep(
                errno,
                [6, 7, 8, 11, 12, 13].map(|operation| {
                    let mut word = [0_u32; 2];
                    let (first, second) = (word.as_mut_ptr(), word.as_ptr().wrapping_add(1));
                    // A deadline that is past.
                    let time = [0_u64; 2];
                    named(operation, call!(libc::SYS_futex, first, operation, 1, time.as_ptr(), second, 0))
                }),
            )
        }
        Sweep::OtherFutexes => {
            let word = [0_u32; 2];
            sweep(
                errno,
                [2, 14, 15, 64].map(|operation| named(operation, call!(libc::SYS_futex, word.as_ptr(), operation, 1))),
            )
        }
        Sweep::Barriers => {
            // GLOBAL, and the registrations that let others interrupt this process.
            sweep(errno, [1, 2, 4, 128, 256].map(|command| named(command, call!(libc::SYS_membarrier, command, 0, 0))))
        }
        Sweep::Clocks => {
            let of_process = |pid: i32| (!pid << 3) | 2;
            let clocks = [of_process(place.parent), of_process(place.bystander), of_process(1), libc::CLOCK_TAI];
            sweep(errno, clocks.map(|clock| named(clock, call!(libc::SYS_clock_gettime, clock, buffer))))
        }
        Sweep::Seccomp => {
            let action = 0x7FC0_0000_u32; // SECCOMP_RET_USER_NOTIF
            let program = [0x0006_u64 | 0x7FFF_0000 << 32];
            let filter = [1_usize, program.as_ptr() as usize];
            let attempts = [
                ("GET_ACTION_AVAIL", call!(libc::SYS_seccomp, 2, 0, &raw const action)),
                ("GET_NOTIF_SIZES", call!(libc::SYS_seccomp, 3, 0, buffer)),
                ("NEW_LISTENER", {
                    let _ = call!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                    call!(libc::SYS_seccomp, 1, 8, filter.as_ptr())
                }),
                ("TSYNC", call!(libc::SYS_seccomp, 1, 1, filter.as_ptr())),
                // With an argument that strict mode does not take: the control goes on.
                ("SET_MODE_STRICT", call!(libc::SYS_seccomp, 0, 1, 0)),
            ];
            sweep(errno, attempts.map(|(name, answer)| named(name, answer)))
        }
        Sweep::Questions => {
            let parent = place.parent;
            let attempts = [
                ("getrusage(CHILDREN)", call!(libc::SYS_getrusage, libc::RUSAGE_CHILDREN, buffer)),
                ("getpgid(parent)", call!(libc::SYS_getpgid, parent)),
                ("getsid(parent)", call!(libc::SYS_getsid, parent)),
                ("getpriority(parent)", call!(libc::SYS_getpriority, libc::PRIO_PROCESS, parent)),
                ("sched_getscheduler(parent)", call!(libc::SYS_sched_getscheduler, parent)),
                ("sched_getattr(parent)", call!(libc::SYS_sched_getattr, parent, buffer, 56, 0)),
                ("ioprio_get(parent)", call!(libc::SYS_ioprio_get, 1, parent)),
                ("get_robust_list(parent)", call!(libc::SYS_get_robust_list, parent, buffer, buffer)),
                ("prlimit64(parent)", call!(libc::SYS_prlimit64, parent, libc::RLIMIT_NOFILE, 0, buffer)),
                ("sysinfo", call!(libc::SYS_sysinfo, buffer)),
                ("times", call!(libc::SYS_times, buffer)),
            ];
            sweep(errno, attempts.map(|(name, answer)| named(name, answer)))
        }
        Sweep::Flags => {
            let mut ends = [0_i32; 2];
            let ends = ends.as_mut_ptr();
            let attempts = [
                ("close_range(UNSHARE)", call!(libc::SYS_close_range, 900, 901, libc::CLOSE_RANGE_UNSHARE)),
                ("pipe2(O_NOTIFICATION_PIPE)", call!(libc::SYS_pipe2, ends, libc::O_EXCL)),
                ("pipe2(O_DIRECT)", call!(libc::SYS_pipe2, ends, libc::O_DIRECT)),
            ];
            sweep(errno, attempts.map(|(name, answer)| named(name, answer)))
        }
        Sweep::Families | Sweep::FamiliesBesideTcp => {
            let every = (0..=50).flat_map(|family| (0..=10).map(move |kind| (family, kind)));
            let tried = every.filter(|of| act == Sweep::Families || !matches!(of, (2 | 10, 1)));
            sweep(errno, tried.map(|(family, kind)| named((family, kind), call!(libc::SYS_socket, family, kind, 0))))
        }
        Sweep::Protocols => {
            // All but the two numbers of TCP as a stream.
            let stream = (0..=300).filter(|protocol| !matches!(protocol, 0 | 6)).map(|protocol| (1, protocol));
            let others = [2, 3, 5].into_iter().flat_map(|kind| (0..=300).map(move |protocol| (kind, protocol)));
            sweep(
                errno,
                stream.chain(others).map(|(kind, protocol)| {
                    named((kind, protocol), call!(libc::SYS_socket, libc::AF_INET, kind, protocol))
                }),
            )
        }
        Sweep::Pairs => {
            let pair = |family: i32, kind: i32, protocol: i32| {
                named((family, kind, protocol), call!(libc::SYS_socketpair, family, kind, protocol, buffer))
            };
            sweep(
                errno,
                [
                    pair(1, 2, 0),
                    pair(1, 3, 0),
                    pair(1, 1, 1),
                    pair(2, 1, 0),
                    pair(2, 2, 0),
                    pair(10, 1, 0),
                    pair(16, 3, 0),
                ],
            )
        }
        Sweep::SetOptions => {
            let fd = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).unwrap_or(0);
            let hostile = |option: &(i32, i32)| HOSTILE_OPTIONS.contains(option);
            // SO_SNDBUF and SO_RCVBUF: nothing is done, and nobody is told.
            let taken = |option: &(i32, i32)| is_own_option(*option) || matches!(option, (1, 7 | 8));
            let every = levels().filter(|option| !taken(option) && !hostile(option));
            sweep(
                errno,
                every.map(|(level, option)| {
                    // No address for the value: the control changes nothing.
                    named((level, option), call!(libc::SYS_setsockopt, fd, level, option, usize::MAX, 4))
                }),
            )
        }
        Sweep::GetOptions => {
            let fd = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).unwrap_or(0);
            let told = |option| {
                matches!(
                    option,
                    (1, 3 | 4 | 6 | 7 | 8 | 10 | 12 | 13 | 16 | 17 | 30 | 38 | 39)
                        | (6, 2 | 11)
                        | (0, 14 | 32..=36 | 49)
                        | (41, 17..=21 | 24)
                )
            };
            let every = levels().filter(|option| !told(*option) && !is_own_option(*option));
            let mut length = 64_u32;
            let length = &raw mut length;
            sweep(
                errno,
                every.map(|(level, option)| {
                    named((level, option), call!(libc::SYS_getsockopt, fd, level, option, buffer, length))
                }),
            )
        }
        Sweep::HostileOptions => {
            let fd = call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).unwrap_or(0);
            // No address for the value: the control changes nothing.
            let set =
                |(level, option)| named((level, option), call!(libc::SYS_setsockopt, fd, level, option, usize::MAX, 4));
            sweep(errno, HOSTILE_OPTIONS.map(set))
        }
        Sweep::MessageFlags => sweep(errno, message_flags()),
        Sweep::CopyRequests => {
            let fd = pipe();
            // Not FS_IOC_FIEMAP, of which a pipe says the same.
            let requests = [0x4004_9409_u32, 0x4020_940D];
            sweep(errno, requests.map(|request| named(request, call!(libc::SYS_ioctl, fd, request, usize::MAX))))
        }
    }
}

/// Filters, devices, marks, buffers beyond what the system allows, the inside of a connection, others' addresses.
const HOSTILE_OPTIONS: [(i32, i32); 12] =
    [(1, 25), (1, 26), (1, 27), (1, 32), (1, 33), (1, 36), (1, 44), (1, 50), (1, 51), (1, 52), (6, 19), (0, 19)];

/// Options that are about a socket and its own packets.
fn is_own_option(option: (i32, i32)) -> bool {
    matches!(
        option,
        (1, 2 | 9 | 15 | 20 | 21)
            | (6, 1 | 3..=6 | 12 | 18)
            | (0, 1 | 2 | 8 | 10 | 11 | 13)
            | (41, 16 | 23 | 25 | 26 | 49 | 66 | 67)
    )
}

fn message_flags() -> Vec<Attempted> {
    let mut ends = [-1_i32; 2];
    let _ = call!(libc::SYS_socketpair, libc::AF_UNIX, libc::SOCK_STREAM, 0, ends.as_mut_ptr());
    let [one, other] = ends;
    let mut byte = [b'x'; 2];
    let vector = [byte.as_mut_ptr() as usize, 1];
    let mut message = [0_usize, 0, vector.as_ptr() as usize, 1, 0, 0, 0];
    let message = message.as_mut_ptr();
    let send = |flags| call!(libc::SYS_sendto, one, c"x".as_ptr(), 1, flags, 0, 0);
    vec![
        named("sendto(MSG_OOB)", send(libc::MSG_OOB)),
        named("recvfrom(MSG_OOB)", call!(libc::SYS_recvfrom, other, byte.as_mut_ptr(), 1, libc::MSG_OOB, 0, 0)),
        named("sendmsg(MSG_OOB)", call!(libc::SYS_sendmsg, one, message, libc::MSG_OOB)),
        named("recvmsg(MSG_OOB)", call!(libc::SYS_recvmsg, other, message, libc::MSG_OOB)),
        named("sendto(MSG_DONTROUTE)", send(libc::MSG_DONTROUTE)),
        named("sendto(MSG_CONFIRM)", send(libc::MSG_CONFIRM)),
        named("sendto(MSG_ZEROCOPY)", send(0x400_0000)),
        named("sendto(MSG_PROBE)", send(0x10)),
        // Of memory that is a device's.
        named("recvmsg(MSG_SOCK_DEVMEM)", call!(libc::SYS_recvmsg, other, message, 0x200_0000 | libc::MSG_DONTWAIT)),
    ]
}

/// Levels and options of sockets.
fn levels() -> impl Iterator<Item = (i32, i32)> {
    [0, 1, 2, 6, 17, 41, 58, 132, 136, 255, 262, 263, 268, 270, 271, 278, 280, 282, 283, 284]
        .into_iter()
        .flat_map(|level| (0..=100).map(move |option| (level, option)))
}

/// Every request, on one descriptor, without an address to write to.
pub(crate) fn requests_on(fd: i32) -> impl Iterator<Item = Attempted> {
    let requests = REQUESTS.into_iter().flat_map(|(first, end)| first..end);
    let tried = requests.filter(|request| !REQUESTS_ALLOWED.contains(request));
    tried.map(move |request| named(format_args!("{request:#x}"), call!(libc::SYS_ioctl, fd, request, 0)))
}

#[cfg(target_arch = "x86_64")]
fn arch_prctl(buffer: *mut u64) -> Vec<Attempted> {
    // The base of thread-local storage is set to what it is.
    let mut base = 0_usize;
    let _ = call!(libc::SYS_arch_prctl, 0x1003, &raw mut base);
    let attempts = [
        ("SET_FS", 0x1002, base),
        ("SET_GS", 0x1001, 0),
        ("GET_GS", 0x1004, buffer as usize),
        ("GET_CPUID", 0x1011, 0),
        ("SET_CPUID", 0x1012, 1),
        ("GET_XCOMP_SUPP", 0x1021, buffer as usize),
        ("GET_XCOMP_PERM", 0x1022, buffer as usize),
        ("REQ_XCOMP_PERM", 0x1023, 99),
        ("GET_XCOMP_GUEST_PERM", 0x1024, buffer as usize),
        ("REQ_XCOMP_GUEST_PERM", 0x1025, 99),
        ("MAP_VDSO_X32", 0x2001, 1),
        ("MAP_VDSO_32", 0x2002, 1),
        ("MAP_VDSO_64", 0x2003, 1),
        ("GET_UNTAG_MASK", 0x4001, buffer as usize),
        ("ENABLE_TAGGED_ADDR", 0x4002, 99),
        ("GET_MAX_TAG_BITS", 0x4003, buffer as usize),
        ("SHSTK_ENABLE", 0x5001, 1 << 40),
        ("SHSTK_DISABLE", 0x5002, 1 << 40),
        ("SHSTK_UNLOCK", 0x5004, 1 << 40),
        ("SHSTK_STATUS", 0x5005, buffer as usize),
    ];
    attempts.map(|(name, option, value)| named(name, call!(libc::SYS_arch_prctl, option, value))).into()
}

#[cfg(not(target_arch = "x86_64"))]
fn arch_prctl(_buffer: *mut u64) -> Vec<Attempted> {
    vec![named("arch_prctl", Err(Refusal::Errno(EPERM)))]
}

/// What a program gets otherwise than a function: what it may do, which the kernel answers, and what the filter answers in other words.
pub(crate) fn of_programs(act: Sweep, tier: Tier) -> Vec<(&'static str, Option<i32>)> {
    // Nobody else has a number in its pid namespace. Without one the kernel tells whose group and session somebody is of.
    let of_parent = if tier == Tier::A { Some(ESRCH) } else { None };
    match act {
        // PDEATHSIG, both ways, SECCOMP, CAPBSET_READ, SECUREBITS and NO_NEW_PRIVS, both ways.
        Sweep::Prctl => ["1", "2", "21", "23", "27", "38", "39"].map(|option| (option, None)).into(),
        // The loader says where thread-local storage begins, and does without shadow stacks.
        Sweep::ArchPrctl if cfg!(target_arch = "x86_64") => vec![
            ("SET_FS", None),
            ("SHSTK_ENABLE", Some(EINVAL)),
            ("SHSTK_DISABLE", Some(EINVAL)),
            ("SHSTK_STATUS", Some(EINVAL)),
        ],
        // TIOCGPGRP.
        Sweep::Ioctl => vec![("0x540f", None)],
        // Another filter takes away; one that asks is no filter.
        Sweep::Seccomp => vec![
            ("GET_ACTION_AVAIL", None),
            ("TSYNC", None),
            ("GET_NOTIF_SIZES", Some(EINVAL)),
            ("NEW_LISTENER", Some(EINVAL)),
        ],
        Sweep::Questions => vec![
            ("getrusage(CHILDREN)", None),
            ("times", None),
            ("getpgid(parent)", of_parent),
            ("getsid(parent)", of_parent),
        ],
        _ => Vec::new(),
    }
}

/// The same of a process that has put itself under a profile, and may enter a narrower one.
fn of_activations(act: Sweep) -> Vec<(&'static str, Option<i32>)> {
    match act {
        // NO_NEW_PRIVS.
        Sweep::Prctl => vec![("38", None)],
        // Where no profile sends to addresses, no message is sent that could name one.
        Sweep::MessageFlags => vec![("sendmsg(MSG_OOB)", Some(EPERM))],
        _ => Vec::new(),
    }
}

pub(crate) fn rows() -> Vec<Row> {
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Limits, Landlock, Seccomp];
    const PRIVILEGE: &str = "an unprivileged user is refused some of them by the kernel itself";
    const RESOURCES: &str = "the option needs CAP_SYS_RESOURCE";
    let mut rows = Vec::new();
    let sweeps = [
        // A container's root may lack the privilege too.
        (220, "prctl(SET_IO_FLUSHER)", Sweep::PrctlPrivileged, EPERM),
        (220, "every option of prctl", Sweep::Prctl, EPERM),
        (78, "every option of arch_prctl", Sweep::ArchPrctl, EPERM),
        (222, "every command of fcntl", Sweep::Fcntl, EPERM),
        (222, "fcntl(F_SETFL, O_ASYNC and others)", Sweep::SetFlags, EPERM),
        (223, "every request of ioctl", Sweep::Ioctl, EPERM),
        (76, "madvise(HWPOISON, SOFT_OFFLINE, MERGEABLE, POPULATE)", Sweep::HostileAdvice, EPERM),
        (224, "madvise(what nobody needs)", Sweep::OtherAdvice, EINVAL),
        (225, "mmap, every flag", Sweep::MapFlags, EPERM),
        (225, "mremap, every flag", Sweep::RemapFlags, EPERM),
        (225, "mprotect(GROWSDOWN, GROWSUP)", Sweep::SpreadingProtections, EACCES),
        (226, "futex, with inheritance", Sweep::InheritingFutexes, ENOSYS),
        (226, "futex, what there is not", Sweep::OtherFutexes, EINVAL),
        (227, "membarrier of everybody", Sweep::Barriers, EINVAL),
        (228, "clock_gettime of others", Sweep::Clocks, EINVAL),
        (229, "seccomp, every operation", Sweep::Seccomp, EPERM),
        (230, "questions about others", Sweep::Questions, EPERM),
        (231, "flags that change what a call is", Sweep::Flags, EPERM),
        (245, "flags of messages", Sweep::MessageFlags, EOPNOTSUPP),
        (246, "ioctl(FICLONE, FICLONERANGE)", Sweep::CopyRequests, EOPNOTSUPP),
    ];
    for (number, name, act, errno) in sweeps {
        for profile in [Nothing, Wide] {
            let name = format!("{name} under {profile:?}");
            let but = |others: Vec<(&str, Option<i32>)>| {
                all_but(errno, usize::MAX, others.into_iter().map(|(name, errno)| (name.to_owned(), errno)))
            };
            let one = row(number, name, (act, errno))
                .under(profile)
                .always(errno)
                .by_command(but(of_programs(act, Tier::A)), but(of_programs(act, Tier::B)))
                .by_activation(but(of_activations(act)))
                .open_without(EVERY);
            rows.push(match act {
                Sweep::PrctlPrivileged => one.root_only(RESOURCES).may_lack(RESOURCES),
                Sweep::Prctl | Sweep::Ioctl => one.root_only(PRIVILEGE),
                _ => one,
            });
        }
    }
    // Which families there are is the kernel's to say, and it says of others what the filter says: rows 86 to 95 have those of this one.
    for (profile, act) in [(Nothing, Sweep::Families), (Tcp, Sweep::FamiliesBesideTcp)] {
        rows.push(
            row(240, format!("every family and type of socket under {profile:?}"), (act, EAFNOSUPPORT))
                .under(profile)
                .always(EAFNOSUPPORT)
                .no_control("a kernel says the same of a family that it does not have; rows 86 to 95 have controls"),
        );
    }
    rows.push(
        row(241, "every protocol of IPv4", (Sweep::Protocols, EAFNOSUPPORT))
            .under(Tcp)
            .always(EAFNOSUPPORT)
            .open_without(EVERY),
    );
    rows.push(
        row(242, "socketpair of anything but two ends that know each other", (Sweep::Pairs, EAFNOSUPPORT))
            .under(Tcp)
            .always(EAFNOSUPPORT)
            .open_without(EVERY),
    );
    rows.push(
        row(243, "every option of setsockopt that reaches beyond the socket", (Sweep::HostileOptions, EPERM))
            .under(Tcp)
            .always(EPERM)
            .open_without(EVERY)
            .root_only(PRIVILEGE),
    );
    // As a kernel says that was built without, and of what there is not: only some of them can be shown to be there.
    const HAS_NOT: &str = "a kernel says the same of an option that it does not have; row 97 has single ones";
    for (number, name, act) in [
        (244, "every option of getsockopt", Sweep::GetOptions),
        (247, "every other option of setsockopt", Sweep::SetOptions),
    ] {
        rows.push(row(number, name, (act, ENOPROTOOPT)).under(Tcp).always(ENOPROTOOPT).no_control(HAS_NOT));
    }
    rows
}
