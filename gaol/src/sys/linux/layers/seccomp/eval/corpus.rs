//! The calls that the filters are tried on: every number, with arguments on the edges and junk beside them.

use std::collections::BTreeMap;

use super::super::syscalls::name;
use super::PID;
use super::interpreter::Call;

/// What stands in the half of a register that the kernel does not read, or does.
const JUNK: u64 = 0xDEAD_BEEF_0000_0000;

/// Every number that the kernel could have, and more.
pub(super) const NUMBERS: u32 = 1024;

pub(super) struct Corpus(BTreeMap<u32, Vec<Call>>);

impl Corpus {
    pub(super) fn new() -> Self {
        Self((0..NUMBERS).map(|number| (number, calls(number))).collect())
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Call> {
        self.0.values().flatten()
    }

    pub(super) fn of(&self, number: u32) -> &[Call] {
        &self.0[&number]
    }
}

fn calls(number: u32) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut push = |arguments| calls.push(Call::new(number, arguments));
    // Any argument of any call, alone.
    for base in [0, u64::MAX] {
        push([base; 6]);
        for position in 0..6 {
            for value in ordinary() {
                let mut arguments = [base; 6];
                arguments[position] = value;
                push(arguments);
            }
        }
        if name(number.into()).is_none() {
            break;
        }
    }
    // The arguments that a call is judged by, in all combinations of what they can mean.
    for combination in product(&meaningful(name(number.into()).unwrap_or_default())) {
        let mut with = |others: u64, high: &dyn Fn(usize) -> u64| {
            let mut arguments = [others; 6];
            for (position, value) in &combination {
                arguments[*position] = value | high(*position);
            }
            push(arguments);
        };
        with(0, &|_| 0);
        with(u64::MAX, &|_| JUNK);
        // Junk above one of them alone.
        for (junk, _) in &combination {
            with(0, &|position| if position == *junk { 1 << 32 } else { 0 });
        }
    }
    calls.sort_unstable_by_key(|call| call.arguments);
    calls.dedup();
    calls
}

/// Values that mean something to one call or another.
fn ordinary() -> Vec<u64> {
    let mut values: Vec<u64> =
        [0, 3, 5, 6, 7, 9, 10, 17, 31, 0x180, 0xFFF, 1 << 32, u64::from(u32::MAX), u64::MAX].into();
    values.extend([u64::from(PID), u64::from(PID) + 1, u64::from(PID) | 1 << 32, 0x5401, 0x5412]);
    values
}

type Choices = Vec<(usize, Vec<u64>)>;

/// All combinations of one value for each position.
fn product(choices: &[(usize, Vec<u64>)]) -> Vec<Vec<(usize, u64)>> {
    let Some(((position, values), rest)) = choices.split_first() else { return Vec::new() };
    let rest = if rest.is_empty() { vec![Vec::new()] } else { product(rest) };
    values.iter().flat_map(|value| rest.iter().map(move |rest| [&[(*position, *value)], &rest[..]].concat())).collect()
}

/// What the judged arguments of a call can be: everything that is allowed, its neighbours, and every bit beside.
fn meaningful(name: &str) -> Choices {
    let pids = || vec![0, 1, u64::from(PID) - 1, u64::from(PID), u64::from(PID) + 1, 0x7FFF_FFFE, 0xFFFF_FFFF];
    let pointers = || vec![0, 1, 1 << 31, 1 << 32, 1 << 63, 0x7FFF_0000_0000];
    match name {
        "kill" | "tkill" | "tgkill" | "sched_getaffinity" | "getpgid" | "getsid" | "getrusage" | "sched_getparam"
        | "sched_getscheduler" => vec![(0, pids())],
        "getpriority" | "setpriority" => vec![(0, bits_upon(&[0])), (1, pids())],
        "prlimit64" => vec![(0, pids()), (1, (0..=17).collect()), (2, pointers())],
        "utimensat" => vec![(1, pointers())],
        "personality" => vec![(0, bits_upon(&[0, 0xFFFF_FFFF]))],
        "close_range" => vec![(2, bits_upon(&[0, 4]))],
        "preadv2" | "pwritev2" => vec![(5, bits_upon(&[0, 0x1E]))],
        "copy_file_range" => vec![(5, bits_upon(&[0]))],
        "fadvise64" => vec![(3, bits_upon(&[0, 1, 2, 3, 4, 5]))],
        "dup3" => vec![(2, bits_upon(&[0, 0o2_000_000]))],
        "epoll_create1" => vec![(0, bits_upon(&[0, 0o2_000_000]))],
        "eventfd2" => vec![(1, bits_upon(&[0, 0o2_004_001]))],
        "fallocate" => vec![(1, bits_upon(&[0]))],
        "sync_file_range" => vec![(3, bits_upon(&[0, 7]))],
        "msync" => vec![(2, bits_upon(&[0, 7]))],
        "rseq" => vec![(2, bits_upon(&[0, 1]))],
        "shutdown" => vec![(1, bits_upon(&[0, 1, 2]))],
        "waitid" => vec![(3, bits_upon(&[0, 0xE100_000F]))],
        "wait4" => vec![(2, bits_upon(&[0, 0xE000_000B]))],
        "pidfd_open" => vec![(1, bits_upon(&[0]))],
        "pidfd_send_signal" => vec![(3, bits_upon(&[0]))],
        "timer_settime" | "timerfd_settime" => vec![(1, bits_upon(&[0, 1]))],
        "signalfd4" => vec![(3, bits_upon(&[0, 0o2_004_000]))],
        "unlinkat" => vec![(2, bits_upon(&[0, 0x200]))],
        "newfstatat" => vec![(3, bits_upon(&[0, 0x1900]))],
        "statx" => vec![(2, bits_upon(&[0, 0x7900])), (3, bits_upon(&[0, 0x3_FFFF]))],
        "faccessat2" => vec![(3, bits_upon(&[0, 0x1300]))],
        "pipe2" => vec![(1, bits_upon(&[0, 0o4000, 0o2_000_000, 0o2_004_000]))],
        "fcntl" => vec![(1, (0..=45).chain(1022..=1036).collect()), (2, bits_upon(&[2 | 0o2000 | 0o4000 | 0o100_000]))],
        "ioctl" => {
            let mut commands: Vec<u64> = (0x5400..0x5480).chain(0x540C..0x5414).collect();
            commands.extend([0x802C_542A, 0x402C_542B, 0x802C_542A ^ 1, 0x4004_667F, 0x4020_940D, 0x4004_9409]);
            commands.extend([0, 0x5412 | 1 << 32, 0x1_5401_5401, 0x4004_9408, 0x4020_940C, 0xC020_660A]);
            commands.extend(bits_upon(&[0x4004_9409, 0x4020_940D, 0xC020_660B]));
            vec![(1, commands)]
        }
        "mmap" => {
            // Every bit upon what is allowed, and every type with and without what changes its meaning.
            let kinds = (0..16).flat_map(|kind| [kind, kind | 0x20, kind | 0x30]);
            let flags = bits_upon(&[1, 0x28, 0x12_4832]).into_iter().chain(kinds).collect();
            let mut protections = bits_upon(&[3]);
            protections.extend([5, 6, 0xD, 0x1000_0005, 0x1000_0004, 0x100_0005, 0x200_0005]);
            vec![(2, protections), (3, flags)]
        }
        "mprotect" | "pkey_mprotect" => vec![(2, protections())],
        "mremap" => vec![(3, bits_upon(&[0, 1, 2, 3]))],
        "madvise" => vec![(2, (0..=130).collect())],
        "membarrier" => vec![(0, bits_upon(&[0])), (1, bits_upon(&[0]))],
        "clone" => {
            vec![(0, bits_upon(&[0, 17, 0x120_0011, 0x3D_0F00, 0x7D_0F00, 0x5_0F00, 0x100 | 0x4000 | 17, 0x1000_0011]))]
        }
        "futex" => vec![(1, (0..=0x240).chain(bits_upon(&[0, 6])).collect())],
        "arch_prctl" => {
            vec![(0, (0x1000..=0x1030).chain(0x3000..=0x3006).chain(0x4000..=0x4004).chain(0x5000..=0x5006).collect())]
        }
        "rt_sigaction" => vec![(0, (0..=65).collect()), (1, pointers())],
        "clock_gettime" | "clock_getres" | "timer_create" => vec![(0, clocks())],
        "clock_nanosleep" => vec![(0, clocks()), (1, bits_upon(&[0, 1]))],
        "timerfd_create" => vec![(0, clocks()), (1, bits_upon(&[0, 0o2_004_000]))],
        "getrandom" => vec![(2, bits_upon(&[0, 1, 4, 5]))],
        "prctl" => vec![
            (0, (0..=80).chain([0x5356_4D40, 0x5356_4D41, 0x5961_6D61, 0x4155_5856]).collect()),
            (1, vec![0, 1, 2, 3, 4, 1 << 32]),
        ],
        "landlock_create_ruleset" => vec![(2, bits_upon(&[0, 1, 2, 3]))],
        "landlock_add_rule" => vec![(3, bits_upon(&[0]))],
        "landlock_restrict_self" => vec![(1, bits_upon(&[0, 7]))],
        "listen" => vec![(2, bits_upon(&[0, 0x6761_6F6C]))],
        "seccomp" => vec![(0, (0..=4).collect()), (1, bits_upon(&[0, 7]))],
        "shmat" => vec![(2, bits_upon(&[0]))],
        "openat" => vec![(2, opening()), (3, modes())],
        "open" => vec![(1, opening()), (2, modes())],
        "creat" | "mkdir" | "fchmod" | "chmod" => vec![(1, bits_upon(&modes()))],
        "mkdirat" | "fchmodat" => vec![(2, bits_upon(&modes()))],
        "fchmodat2" => vec![(2, bits_upon(&modes())), (3, bits_upon(&[0, 0x100]))],
        "renameat2" | "linkat" => vec![(4, bits_upon(&[0, 1, 2, 3, 0x400]))],
        "flock" => vec![(1, bits_upon(&[1, 2, 5, 6, 8, 12]))],
        "socket" | "socketpair" => vec![
            (0, vec![0, 1, 2, 10, 16, 17, 38, 40]),
            (
                1,
                bits_upon(&[0o2_004_001, 0o2_004_002, 0o2_004_005])
                    .into_iter()
                    .chain([1, 2, 3, 4, 5, 6, 10, 0o4001, 0o4002, 0o4005, 0o2_000_002, 0o2_000_005])
                    .collect(),
            ),
            (2, vec![0, 1, 6, 17, 132, 136, 262]),
        ],
        "sendto" => vec![(3, bits_upon(&[0, 0xC0C0])), (4, pointers())],
        "sendmsg" => vec![(2, bits_upon(&[0, 0xC0C0]))],
        "sendmmsg" => vec![(3, bits_upon(&[0, 0xC0C0]))],
        "recvfrom" | "recvmmsg" => vec![(3, bits_upon(&[0, 0x4000_6162]))],
        "recvmsg" => vec![(2, bits_upon(&[0, 0x4000_6162]))],
        "accept4" => vec![(3, bits_upon(&[0, 0o4000, 0o2_000_000, 0o2_004_000]))],
        "setsockopt" | "getsockopt" => {
            vec![(1, vec![0, 1, 2, 6, 17, 41, 255, 262, 270]), (2, (0..=80).collect())]
        }
        _ => Vec::new(),
    }
}

/// The values, and each of them with every single bit turned.
fn bits_upon(values: &[u64]) -> Vec<u64> {
    values.iter().flat_map(|value| (0..32).map(move |bit| value ^ 1 << bit).chain([*value])).collect()
}

fn clocks() -> Vec<u64> {
    (0..=16).chain([0xFFFF_FFFF, 0xFFFF_FFFA, 0x8000_0000, 0x7FFF_FFFF]).collect()
}

fn protections() -> Vec<u64> {
    bits_upon(&[0, 1, 3, 5, 7])
}

fn modes() -> Vec<u64> {
    vec![0, 0o666, 0o777, 0o1000, 0o2000, 0o4000, 0o7777, 0o10_644]
}

fn opening() -> Vec<u64> {
    bits_upon(&[0, 2, 0o101, 0o1000, 0o20_200_002, 0o10_200_000])
}
