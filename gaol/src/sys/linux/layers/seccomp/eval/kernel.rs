//! Has the kernel run the programs, in children that may be lost: on every call, to compare it with the interpreter, and on a shell.
//!
//! # Safety
//!
//! A child is forked from a test's thread and touches nothing but memory that was made before. It never returns: either every system
//! call that it makes is answered by a filter and not carried out, or it makes a few and becomes another program.

#![allow(unsafe_code)]

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::mm::{MapFlags, ProtFlags};
use seccompiler::BpfProgram;

use super::super::{Gate, Paths, Shape, install, name, template_filter, worker_filter};
use super::corpus::Corpus;
use super::interpreter::{Answer, Call, judge};
use super::{PID, few_shapes};
use crate::profile::Violation;

/// Errnos that no filter gives, for answers that a child would not survive or must not be given.
const ALLOWED: u32 = 4001;
const TRAPPED: u32 = 4002;
const KILLED: u32 = 4003;
const ASKED: u32 = 4004;
const IGNORED: u32 = 4005;

/// What probes of uprobes call from pages that the kernel maps. It lets them pass every filter, and answers anybody
/// else with SIGILL.
const UNFILTERED: [&str; 2] = ["uretprobe", "uprobe"];

/// The same program, with every answer an errno.
fn defused(program: &BpfProgram) -> BpfProgram {
    const RETURN: u16 = 0x06;
    let mut program = program.clone();
    for instruction in program.iter_mut().filter(|instruction| instruction.code == RETURN) {
        let errno = match Answer::of(instruction.k) {
            Answer::Allow => ALLOWED,
            Answer::Ignored => IGNORED,
            Answer::Errno(_) => continue,
            Answer::Ask => ASKED,
            Answer::Trap => TRAPPED,
            Answer::Kill => KILLED,
        };
        instruction.k = libc::SECCOMP_RET_ERRNO | errno;
    }
    program
}

/// Memory that a child and its parent share.
struct Shared {
    words: *mut AtomicU32,
    length: usize,
}

impl Shared {
    fn new(length: usize) -> Self {
        let (protection, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: a new mapping, which nothing else knows.
        let memory = unsafe { rustix::mm::mmap_anonymous(std::ptr::null_mut(), length * 4, protection, flags) };
        Self { words: memory.unwrap().cast(), length }
    }

    fn words(&self) -> &[AtomicU32] {
        // SAFETY: the mapping has this many words, is zeroed, and is never unmapped.
        unsafe { std::slice::from_raw_parts(self.words, self.length) }
    }
}

/// What the kernel answers to each call under one program.
fn ask_kernel(program: &BpfProgram, calls: &[Call]) -> Vec<Answer> {
    let program = defused(program);
    let shared = Shared::new(calls.len() + 1);
    let (answers, done) = shared.words().split_at(calls.len());
    // SAFETY: see the module's paragraph.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork: {}", std::io::Error::last_os_error());
    if child == 0 {
        // It spins until it is killed: not for longer than there is a test.
        let bounded = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
        if bounded.is_ok() && install(&program).is_ok() {
            for (call, answer) in calls.iter().zip(answers) {
                let [a, b, c, d, e, f] = call.arguments;
                // SAFETY: the filter answers every call with an errno: the kernel does nothing.
                unsafe { libc::syscall(i64::from(call.number.cast_signed()), a, b, c, d, e, f) };
                // SAFETY: the address of this thread's `errno`.
                let location = unsafe { libc::__errno_location() };
                // SAFETY: as above.
                answer.store(unsafe { location.read() }.cast_unsigned(), Ordering::Relaxed);
            }
        }
        done[0].store(1, Ordering::Release);
        loop {
            // Not even its own end is a call that is carried out.
            std::hint::spin_loop();
        }
    }
    let start = Instant::now();
    while done[0].load(Ordering::Acquire) == 0 && start.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_micros(200));
    }
    let finished = done[0].load(Ordering::Acquire) == 1;
    // SAFETY: `child` is this process's own and has not been waited for.
    unsafe { libc::kill(child, libc::SIGKILL) };
    // SAFETY: as above; the status is not asked for.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    assert!(finished, "the child did not finish");
    let answer = |errno: &AtomicU32| match errno.load(Ordering::Relaxed) {
        0 => panic!("the filter was not installed"),
        ALLOWED => Answer::Allow,
        TRAPPED => Answer::Trap,
        KILLED => Answer::Kill,
        ASKED => Answer::Ask,
        IGNORED => Answer::Ignored,
        errno => Answer::Errno(errno.cast_signed()),
    };
    answers.iter().map(answer).collect()
}

#[test]
fn kernel_and_interpreter_agree() {
    let corpus = Corpus::new();
    // Beside the corpus, numbers from outside of the tables.
    let outside = [471, 512, 1024, 0x3FFF_FFFF, 0x4000_0000, 0x4000_003B, 0x7FFF_FFFF, 0x8000_0000, u32::MAX];
    let outside = outside.into_iter().map(|number| Call::new(number, [0; 6]));
    let filtered = |call: &Call| !UNFILTERED.contains(&name(call.number.into()).unwrap_or_default());
    let calls: Vec<Call> = corpus.all().copied().filter(filtered).chain(outside).collect();
    let mut compared = 0;
    for shape in few_shapes() {
        for program in [template_filter(&shape), worker_filter(&shape, PID)] {
            let answers = ask_kernel(&program, &calls);
            for (call, kernel) in calls.iter().zip(answers) {
                let interpreted = judge(std::slice::from_ref(&program), call);
                assert_eq!(kernel, interpreted, "{call} under {shape:?}");
                compared += 1;
            }
        }
    }
    println!("{} shapes, {compared} answers of the kernel compared", few_shapes().len());
}

/// Programs may be run, and nothing else is allowed but to see files.
fn running(threads: Gate, violation: Violation) -> Shape {
    let shape = few_shapes()[0];
    Shape { paths: Paths::Visible, exec: true, threads, violation, ..shape }
}

/// What becomes of `script` under the filters of a shape. `first` is called before the shell takes the process over.
fn shell(shape: &Shape, script: &str, first: fn()) -> Output {
    let filters = [template_filter(shape), worker_filter(shape, PID)];
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(script);
    let confine = move || -> io::Result<()> {
        filters.iter().try_for_each(install)?;
        first();
        Ok(())
    };
    // SAFETY: between fork and exec there are system calls only; the filters were assembled before.
    unsafe { command.pre_exec(confine) };
    command.output().unwrap()
}

#[test]
fn a_shell_runs_where_programs_may_be_run() {
    let script = "echo one | cat; (exit 3) & wait $!; echo $?; cat <<END\n$(echo two)\nEND\n";
    for violation in [Violation::Deny, Violation::Kill] {
        let output = shell(&running(Gate::Open, violation), script, || {});
        assert_eq!(String::from_utf8_lossy(&output.stdout), "one\n3\ntwo\n", "{output:?}");
        assert!(output.status.success(), "{output:?}");
    }
}

#[test]
fn a_program_that_may_start_nothing_may_become_another() {
    let alone = running(Gate::Closed, Violation::Kill);
    let output = shell(&alone, "echo $(echo started)", || {});
    // It has an answer, EAGAIN, and says so itself.
    assert_eq!((output.status.signal(), output.status.success()), (None, false), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let output = shell(&alone, "exec /bin/sh -c 'echo another'", || {});
    assert_eq!(String::from_utf8_lossy(&output.stdout), "another\n", "{output:?}");
}

#[test]
fn a_violation_is_lethal_whatever_handler_a_program_wants() {
    extern "C" fn survive(_signal: libc::c_int) {}
    /// Wants to handle SIGSYS, and violates.
    fn handle_and_violate() {
        // SAFETY: all-zero bytes are a `sigaction`: no flags, an empty mask, the default action.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = survive as *const () as usize;
        // SAFETY: `action` lives through the call; without SA_SIGINFO a handler takes a number.
        let answer = unsafe { libc::sigaction(libc::SIGSYS, &raw const action, std::ptr::null_mut()) };
        assert_eq!(answer, 0, "to fail would end programs in Go");
        // SAFETY: the path is a C string; a filter refuses the call.
        unsafe { libc::chroot(c"/".as_ptr()) };
    }
    let output = shell(&running(Gate::Open, Violation::Kill), "echo survived", handle_and_violate);
    assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{output:?}");
    let output = shell(&running(Gate::Open, Violation::Deny), "echo refused", handle_and_violate);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "refused\n", "{output:?}");
}
