//! Rows 99–105, 107: more than a call may use up.
//!
//! # Safety
//!
//! Exhausting memory touches pages of mappings that these acts have just made, inside their bounds.
#![allow(unsafe_code)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use gaol::Layer::{Hygiene, Limits, Namespaces, Seccomp};
use libc::{EFBIG, EMFILE, EPERM, PROT_NONE, PROT_READ, PROT_WRITE, SIGABRT, SIGKILL, SIGSEGV, SIGXFSZ};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::profiles::Profile::{Cpu, FileSize, Files, Memory, Nothing, Threads, Time};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call, open};

/// What is used up, and how.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceAct {
    Heap,
    HeapPolite,
    MapAnonymous,
    MapShared,
    MapGrowsDown,
    MapNoneThenProtect,
    Brk,
    Remap,
    ThreadStacks,
    Recursion,
    Descriptors,
    Pipes,
    Sockets,
    Threads,
    FileBytes,
    Spin,
    SpinYield,
    SpinBlocked,
    SpinThreads,
    /// Until so much CPU time is used up, however long that takes.
    SpinCpu,
    SpinCpuThreads,
    Sleep,
    StopSelf,
    Abort,
    KillSelf,
    CoreSettings,
}

/// More than the profile of the memory rows allows.
const MUCH: usize = 80 << 20;
/// Longer than the time rows allow, and shorter than the profile that is their control.
const LONG: Duration = Duration::from_millis(1000);

pub(crate) fn perform(act: ResourceAct, place: &Place) -> Attempt {
    use ResourceAct as R;
    match act {
        R::Heap => {
            let mut blocks = Vec::new();
            for _ in 0..MUCH >> 20 {
                blocks.push(black_box(vec![1_u8; 1 << 20]));
            }
            Ok(format!("{} MiB", blocks.len()))
        }
        R::HeapPolite => {
            let filling = vec![1_u8; 1 << 20];
            let mut blocks = Vec::new();
            for _ in 0..MUCH >> 20 {
                let mut block = Vec::new();
                block.try_reserve_exact(1 << 20).map_err(|_| Refusal::Errno(libc::ENOMEM))?;
                block.extend_from_slice(&filling);
                blocks.push(black_box(block));
            }
            Ok(format!("{} MiB", blocks.len()))
        }
        R::MapAnonymous => map(MUCH, PROT_READ | PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS).and_then(touch),
        R::MapShared => map(MUCH, PROT_READ | PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS).and_then(touch),
        R::MapGrowsDown => {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_GROWSDOWN;
            map(MUCH, PROT_READ | PROT_WRITE, flags).and_then(touch)
        }
        R::MapNoneThenProtect => {
            let start = map(MUCH, PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)?;
            call!(libc::SYS_mprotect, start, MUCH, PROT_READ | PROT_WRITE)?;
            touch(start)
        }
        R::Brk => {
            let start = call!(libc::SYS_brk, 0)?;
            let end = call!(libc::SYS_brk, start + MUCH)?;
            if end == start { Err(Refusal::Errno(libc::ENOMEM)) } else { touch(start) }
        }
        R::Remap => {
            let start = map(1 << 20, PROT_READ | PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS)?;
            touch(call!(libc::SYS_mremap, start, 1 << 20, MUCH, libc::MREMAP_MAYMOVE)?)
        }
        R::ThreadStacks => threads(8, 32 << 20),
        R::Recursion => Ok(format!("{} deep", recurse(0))),
        R::Descriptors => fill(|| call!(libc::SYS_dup, 0).map(|_| ())),
        R::Pipes => fill(|| {
            let mut ends = [0_i32; 2];
            call!(libc::SYS_pipe2, ends.as_mut_ptr(), 0).map(|_| ())
        }),
        R::Sockets => fill(|| call!(libc::SYS_epoll_create1, 0).map(|_| ())),
        R::Threads => threads(32, 64 << 10),
        R::FileBytes => {
            let path = c_path(place.writable.join("made"));
            let fd = open(&path, libc::O_CREAT | libc::O_WRONLY)?;
            let block = vec![7_u8; 1 << 20];
            for _ in 0..2 {
                call!(libc::SYS_write, fd, block.as_ptr(), block.len())?;
            }
            Ok("2 MiB".into())
        }
        R::Spin => {
            spin();
            Ok("done".into())
        }
        R::SpinYield => {
            let start = Instant::now();
            while start.elapsed() < LONG {
                std::thread::yield_now();
            }
            Ok("done".into())
        }
        R::SpinBlocked => {
            let all = u64::MAX;
            let _ = call!(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, &raw const all, 0, 8);
            spin();
            Ok("done".into())
        }
        R::SpinThreads => four_times(spin),
        R::SpinCpu => {
            spin_cpu();
            Ok("done".into())
        }
        R::SpinCpuThreads => four_times(spin_cpu),
        R::Sleep => {
            std::thread::sleep(LONG);
            Ok("done".into())
        }
        R::StopSelf => {
            let pid = std::process::id();
            call!(libc::SYS_kill, pid, libc::SIGSTOP)?;
            // Another thread may be the first that stops.
            std::thread::sleep(LONG);
            Ok("ran on".into())
        }
        R::Abort => {
            let held = black_box(*b"secret in the memory of the child");
            black_box(&held);
            std::process::abort()
        }
        R::KillSelf => {
            let pid = std::process::id();
            call!(libc::SYS_kill, pid, SIGKILL).map(|_| "ran on".into())
        }
        R::CoreSettings => {
            let mut limit = [0_u64; 2];
            call!(libc::SYS_prlimit64, 0, libc::RLIMIT_CORE, 0, limit.as_mut_ptr())?;
            let dumpable = call!(libc::SYS_prctl, libc::PR_GET_DUMPABLE, 0, 0, 0, 0)?;
            if limit == [0, 0] && dumpable == 0 {
                Err(Refusal::Absent)
            } else {
                Ok(format!("core limit {limit:?}, dumpable {dumpable}"))
            }
        }
    }
}

fn map(length: usize, protection: i32, flags: i32) -> Result<usize, Refusal> {
    call!(libc::SYS_mmap, 0, length, protection, flags, -1, 0)
}

/// Writes to every page of [`MUCH`] bytes.
fn touch(start: usize) -> Attempt {
    for page in (start..start + MUCH).step_by(4096) {
        // SAFETY: the caller has a writable mapping of `MUCH` bytes from `start`.
        unsafe { std::ptr::write_volatile(page as *mut u8, 1) };
    }
    Ok(format!("{} MiB", MUCH >> 20))
}

/// Opens until the limit stops it, or far past any that these rows set.
fn fill(mut one: impl FnMut() -> Result<(), Refusal>) -> Attempt {
    for _ in 0..100 {
        one()?;
    }
    Ok("100 of them".into())
}

/// Has `count` threads alive at once.
fn threads(count: usize, stack: usize) -> Attempt {
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let mut refused = None;
        let mut alive = 1;
        for _ in 1..count {
            let waits = || {
                while !done.load(std::sync::atomic::Ordering::Relaxed) {
                    std::thread::sleep(Duration::from_millis(1));
                }
            };
            match std::thread::Builder::new().stack_size(stack).spawn_scoped(scope, waits) {
                Ok(_) => alive += 1,
                Err(error) => {
                    refused = Some(Refusal::from(error));
                    break;
                }
            }
        }
        if refused.is_none() {
            // Whoever looks from time to time is given some.
            std::thread::sleep(LONG);
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        refused.map_or(Ok(format!("{alive} threads")), Err)
    })
}

fn four_times(body: fn()) -> Attempt {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let _ = std::thread::Builder::new().spawn_scoped(scope, body);
        }
    });
    Ok("done".into())
}

/// More CPU time than the profiles of these rows allow.
fn spin_cpu() {
    loop {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        if (used.tv_sec, used.tv_nsec) >= (1, 150_000_000) {
            return;
        }
        black_box(0_u64);
    }
}

fn spin() {
    let start = Instant::now();
    while start.elapsed() < LONG {
        black_box(0_u64);
    }
}

#[allow(unconditional_recursion, reason = "that is the attack")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 128]);
    recurse(depth + 1) + black_box(frame[7])
}

pub(crate) fn rows() -> Vec<Row> {
    use ResourceAct as R;
    let mut rows = Vec::new();
    let bombs = [
        ("a heap that grows", R::Heap, Answer::OutOfMemory),
        ("a heap that grows, and asks first", R::HeapPolite, libc::ENOMEM.into()),
        ("mmap", R::MapAnonymous, libc::ENOMEM.into()),
        ("mmap(PROT_NONE), mprotect", R::MapNoneThenProtect, libc::ENOMEM.into()),
        ("brk", R::Brk, libc::ENOMEM.into()),
        ("mremap", R::Remap, libc::ENOMEM.into()),
        ("the stacks of threads", R::ThreadStacks, libc::EAGAIN.into()),
    ];
    for (name, act, answer) in bombs {
        rows.push(row(101, name, act).under(Memory).always(answer).open_without(&[Limits]));
    }
    // What RLIMIT_DATA does not count.
    rows.push(row(101, "mmap(MAP_SHARED)", R::MapShared).under(Memory).always(EPERM).open_without(&[Seccomp]));
    rows.push(row(101, "mmap(MAP_GROWSDOWN)", R::MapGrowsDown).under(Memory).always(EPERM).open_without(&[Seccomp]));

    rows.push(
        row(103, "recursion without end", R::Recursion)
            .always(Answer::Killed(SIGSEGV))
            // The standard library's own handler tells what has happened, and aborts.
            .by_command(Answer::Killed(SIGABRT), Answer::Killed(SIGABRT))
            .by_activation(Answer::Killed(SIGABRT))
            .no_control("a stack ends everywhere"),
    );
    for (name, act) in [("dup", R::Descriptors), ("pipe2", R::Pipes), ("epoll_create1", R::Sockets)] {
        rows.push(row(104, name, act).under(Files).always(EMFILE).open_without(&[Limits]));
    }
    // What programs start is counted by the kernel where it is not root's, in its own namespace. Elsewhere gaol looks from time to time.
    let counted =
        if rustix::process::geteuid().is_root() { Answer::Killed(SIGKILL) } else { Answer::Errno(libc::EAGAIN) };
    rows.push(
        row(100, "threads", R::Threads)
            .under(Threads)
            .always(libc::EAGAIN)
            .by_command(counted, Answer::Killed(SIGKILL))
            .open_without(&[Limits, Namespaces, Seccomp]),
    );
    rows.push(
        row(35, "write past file_size", R::FileBytes)
            .under(FileSize)
            .always(EFBIG)
            // Where nobody ignores the signal.
            .by_command(Answer::Killed(SIGXFSZ), Answer::Killed(SIGXFSZ))
            .by_activation(Answer::Killed(SIGXFSZ))
            .open_without(&[Limits]),
    );

    let spins = [
        ("a spin", R::Spin),
        ("a spin of sched_yield", R::SpinYield),
        ("a spin with every signal blocked", R::SpinBlocked),
        ("a spin of four threads", R::SpinThreads),
        ("a sleep", R::Sleep),
    ];
    for (name, act) in spins {
        rows.push(
            row(105, format!("{name}, past the deadline"), act)
                .under(Time)
                .always(Answer::TimedOut)
                .open_under(Nothing),
        );
    }
    rows.push(
        row(105, "a spin, past the CPU time", R::SpinCpu).under(Cpu).always(Answer::CpuExceeded).open_under(Nothing),
    );
    rows.push(
        row(105, "a spin of four threads, past the CPU time", R::SpinCpuThreads)
            .under(Cpu)
            .always(Answer::CpuExceeded)
            .open_under(Nothing),
    );
    rows.push(
        row(105, "kill(self, SIGSTOP)", R::StopSelf)
            .under(Time)
            .always(Answer::TimedOut)
            .no_control("a process that is stopped is stopped everywhere"),
    );
    rows.push(
        row(107, "abort, with a core dump to be had", R::Abort)
            .always(Answer::Killed(SIGABRT))
            .open_without(&[Hygiene, Limits])
            .opens_as(Answer::done())
            .may_lack("this system writes cores elsewhere"),
    );
    rows.push(
        row(107, "PR_GET_DUMPABLE, RLIMIT_CORE", R::CoreSettings)
            .always(Answer::Absent)
            // An exec makes a process dumpable again. One byte is the limit at which no program is started to take the dump either.
            .by_command(Answer::done(), Answer::done())
            .open_without(&[Hygiene, Limits]),
    );
    rows.push(
        row(107, "kill(self, SIGKILL)", R::KillSelf)
            .always(Answer::Killed(SIGKILL))
            .no_control("a process may end itself everywhere"),
    );
    rows
}
