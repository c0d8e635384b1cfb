//! Rows 128, 131, 132, 134, 135: whoever answers for a function from outside of it, and who waits for it.
//!
//! # Safety
//!
//! Descriptors are duplicated over each other by number while another thread uses the number: that is the attack.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use gaol::Layer::{Capabilities, Hygiene, Landlock, Limits, Namespaces, Seccomp};
use gaol::sandboxed;
use serde::{Deserialize, Serialize};

use super::expect::not_applicable;
use super::forgery::{CHANNEL, RETURNED, frame, send};
use super::place::{Place, place};
use super::profiles::Profile::{Again, AnotherThread, Beside, FewThreads, Listen};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, Seen, call, exit_now};
use super::way::{Process, Way};
use super::{Act, perform as perform_act};

/// What is done to whoever answers.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SupervisorAct {
    /// The control of the rest: a socket on the granted port listens.
    ListenGranted,
    ListenUnbound,
    /// Puts another socket in the place of the one that is being looked at.
    SwapSockets,
    /// Has the socket itself change while it is being looked at.
    ChangeSocket,
    /// Four threads ask for more of them at once.
    ThreadsAtOnce,
    /// Ends while its threads wait for answers.
    EndWhilePending,
    OneThread,
    /// Answers for the call, and never reads another.
    NeverReadAgain,
    /// Answers for the call, and hangs up.
    HangUp,
    Nothing,
}

/// How often a race is run: some five seconds a row, for all of its ways. tests/races.rs has half a million.
const ROUNDS: usize = 4_000;
/// What the profile of these rows allows.
const THREADS: usize = 8;

/// The port that functions, commands and activations may listen on.
pub(crate) fn listened_on() -> String {
    format!("tcp:{}", place().listened_port)
}

/// The functions of one kind of process.
macro_rules! functions {
    ($($process:ident $kind:tt;)*) => { $(mod $process {
        use super::*;

        #[sandboxed(listen = listened_on(), threads = 8, time = "60s", process = $kind)]
        pub(super) fn listens(act: Act, place: &Place) -> gaol::Result<Seen> {
            Ok(perform_act(act, place))
        }

        #[sandboxed(threads = 8, time = "60s", process = $kind)]
        pub(super) fn starts_threads(act: Act, place: &Place) -> gaol::Result<Seen> {
            Ok(perform_act(act, place))
        }

        #[sandboxed(time = "20s", stderr = "null", process = $kind)]
        pub(super) fn is_called_by_two_threads(act: Act, place: &Place) -> gaol::Result<Seen> {
            Ok(perform_act(act, place))
        }
    })* };
}
functions! { fresh "fresh"; reused "reused"; exec "exec"; }

#[sandboxed(process = "reused", time = "1s")]
fn is_called_again(act: Act, place: &Place, padding: Vec<u8>) -> gaol::Result<Seen> {
    drop(padding);
    Ok(perform_act(act, place))
}

pub(crate) fn listen(process: Process, act: Act, place: &Place) -> gaol::Result<Seen> {
    match process {
        Process::Fresh => fresh::listens(act, place),
        Process::Reused => reused::listens(act, place),
        Process::Exec => exec::listens(act, place),
    }
}

pub(crate) fn few_threads(process: Process, act: Act, place: &Place) -> gaol::Result<Seen> {
    match process {
        Process::Fresh => fresh::starts_threads(act, place),
        Process::Reused => reused::starts_threads(act, place),
        Process::Exec => exec::starts_threads(act, place),
    }
}

/// An honest call, while others end with their questions unanswered, one after the other.
pub(crate) fn beside(process: Process, act: Act, place: &Place) -> gaol::Result<Seen> {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let hostile = scope.spawn(|| {
            let mut ends = 0;
            while !over.load(Ordering::Relaxed) || ends == 0 {
                let end = Answer::of(listen(process, SupervisorAct::EndWhilePending.into(), place));
                assert_eq!(end, Answer::Exited(7), "what ends its process ends it");
                ends += 1;
            }
        });
        let mut honest = few_threads(process, act, place);
        for _ in 0..20 {
            honest = honest.and_then(|_| few_threads(process, act, place));
        }
        over.store(true, Ordering::Relaxed);
        hostile.join().expect("the other calls end as they should");
        honest
    })
}

/// A second call of a function whose worker is kept, with more arguments than a socket holds.
pub(crate) fn again(act: Act, place: &Place) -> gaol::Result<Seen> {
    is_called_again(act, place, Vec::new())?;
    is_called_again(SupervisorAct::Nothing.into(), place, vec![7; 4 << 20])
}

/// A call by a thread, after the thread that made the template and its worker has ended.
pub(crate) fn another_thread(process: Process, act: Act, place: &Place) -> gaol::Result<Seen> {
    let call = || match process {
        Process::Fresh => fresh::is_called_by_two_threads(act, place),
        Process::Reused => reused::is_called_by_two_threads(act, place),
        Process::Exec => exec::is_called_by_two_threads(act, place),
    };
    std::thread::scope(|scope| scope.spawn(call).join().expect("no panic"))?;
    std::thread::scope(|scope| scope.spawn(call).join().expect("no panic"))
}

pub(crate) fn perform(act: SupervisorAct, place: &Place) -> Attempt {
    use SupervisorAct as S;
    let done = |word: &'static str| move |_| word.to_owned();
    match act {
        S::ListenGranted => call!(libc::SYS_listen, bound(place)?, 1).map(done("listening")),
        S::ListenUnbound => call!(libc::SYS_listen, socket()?, 1).map(done("listening")),
        S::SwapSockets => swap_sockets(place),
        S::ChangeSocket => change_socket(place),
        S::ThreadsAtOnce => threads_at_once(),
        S::EndWhilePending => end_while_pending(),
        S::OneThread => match std::thread::Builder::new().spawn(|| ()) {
            Ok(thread) => thread.join().map(|()| "a thread".into()).map_err(|_| Refusal::Absent),
            Err(error) => Err(error.into()),
        },
        S::NeverReadAgain | S::HangUp => {
            if act == S::HangUp {
                call!(libc::SYS_shutdown, CHANNEL, libc::SHUT_RD)?;
            }
            send(&frame(RETURNED, &gaol::as_sent(&Seen::Absent))?)?;
            loop {
                std::thread::sleep(Duration::from_secs(3600));
            }
        }
        S::Nothing => Ok("a second call".into()),
    }
}

fn socket() -> Result<i32, Refusal> {
    call!(libc::SYS_socket, libc::AF_INET, libc::SOCK_STREAM, 0).map(|fd| fd as i32)
}

/// A socket on the granted port.
fn bound(place: &Place) -> Result<i32, Refusal> {
    let (fd, on) = (socket()?, 1_i32);
    call!(libc::SYS_setsockopt, fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, &raw const on, 4)?;
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&place.listened_port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    loop {
        match call!(libc::SYS_bind, fd, address.as_ptr(), address.len()) {
            Ok(_) => return Ok(fd),
            // The last attempt's process has answered, and not ended yet.
            Err(Refusal::Errno(libc::EADDRINUSE)) => std::thread::yield_now(),
            Err(refusal) => return Err(refusal),
        }
    }
}

fn is_listening(fd: i32) -> Result<bool, Refusal> {
    let (mut value, mut length) = (0_i32, 4_u32);
    call!(libc::SYS_getsockopt, fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN, &raw mut value, &raw mut length)?;
    Ok(value != 0)
}

/// Gives the port up, which the next act in a kept process asks for.
fn close<const COUNT: usize>(descriptors: [i32; COUNT]) {
    for fd in descriptors {
        let _ = call!(libc::SYS_close, fd);
    }
}

/// One thread has the number mean now the one socket, now the other; another has it listen.
fn swap_sockets(place: &Place) -> Attempt {
    const NUMBER: i32 = 50;
    let (granted, other) = (bound(place)?, socket()?);
    call!(libc::SYS_dup3, granted, NUMBER, 0)?;
    race(
        || {
            for fd in [other, granted] {
                let _ = call!(libc::SYS_dup3, fd, NUMBER, 0);
            }
        },
        || call!(libc::SYS_listen, NUMBER, 1),
    )?;
    let won = is_listening(other)?;
    close([granted, other, NUMBER]);
    if won { Ok("a socket that was not bound listens".into()) } else { Err(Refusal::Absent) }
}

/// One thread dissolves the socket, by which its port is given up; another has it listen.
fn change_socket(place: &Place) -> Attempt {
    let mut unspecified = [0_u8; 16];
    let unspecified = unspecified.as_mut_ptr() as usize;
    let fd = bound(place)?;
    race(
        || {
            let _ = call!(libc::SYS_connect, fd, unspecified, 16);
            let _ = call!(libc::SYS_shutdown, fd, libc::SHUT_RDWR);
        },
        || call!(libc::SYS_listen, fd, 1),
    )?;
    let mut address = [0_u8; 16];
    let mut length = 16_u32;
    call!(libc::SYS_getsockname, fd, address.as_mut_ptr(), &raw mut length)?;
    let port = u16::from_be_bytes([address[2], address[3]]);
    let listens = is_listening(fd)?;
    close([fd]);
    if listens && port != place.listened_port { Ok(format!("it listens on port {port}")) } else { Err(Refusal::Absent) }
}

/// Runs `attempt` again and again while another thread runs `disturb`, each so often at least.
fn race(disturb: impl Fn() + Sync, attempt: impl Fn() -> Result<usize, Refusal>) -> Result<(), Refusal> {
    let (over, disturbed) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        std::thread::Builder::new().spawn_scoped(scope, || {
            while !over.load(Ordering::Relaxed) {
                disturb();
                disturbed.fetch_add(1, Ordering::Relaxed);
            }
        })?;
        let mut rounds = 0;
        while rounds < ROUNDS || disturbed.load(Ordering::Relaxed) < ROUNDS {
            let _ = attempt();
            rounds += 1;
        }
        over.store(true, Ordering::Relaxed);
        Ok(())
    })
}

/// Four threads start threads at once, each of which counts who is alive.
fn threads_at_once() -> Attempt {
    let (alive, most) = (AtomicUsize::new(1), AtomicUsize::new(1));
    let lives = |doing: &dyn Fn()| {
        most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        doing();
        alive.fetch_sub(1, Ordering::SeqCst);
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let _ = std::thread::Builder::new().spawn_scoped(scope, || {
                lives(&|| {
                    for _ in 0..40 {
                        std::thread::scope(|within| {
                            for _ in 0..4 {
                                let waits = || lives(&|| std::thread::sleep(Duration::from_millis(1)));
                                let _ = std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(within, waits);
                            }
                        });
                    }
                });
            });
        }
    });
    let most = most.load(Ordering::SeqCst);
    if most > THREADS { Ok(format!("{most} threads at once")) } else { Err(Refusal::Absent) }
}

/// Threads that ask without end, and an end that does not wait for the answers.
fn end_while_pending() -> Attempt {
    let asked = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            let _ = std::thread::Builder::new().stack_size(64 << 10).spawn_scoped(scope, || {
                loop {
                    let fd = socket().unwrap_or(-1);
                    let _ = call!(libc::SYS_listen, fd, 1);
                    let _ = call!(libc::SYS_close, fd);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while asked.load(Ordering::Relaxed) < 50 {
            std::hint::spin_loop();
        }
        exit_now(7)
    })
}

pub(crate) fn rows() -> Vec<Row> {
    use SupervisorAct as S;
    const EVERY: &[gaol::Layer] = &[Hygiene, Namespaces, Capabilities, Limits, Landlock, Seccomp];
    const PARENT: &str = "no layer: it is whoever answers that must go on";
    const NOT_ASKED: &str = "nobody is asked for a program's threads: row 100 has them";
    const ONE_CALL: &str = "no such process reads another request";
    vec![
        row(131, "listen on the granted port", S::ListenGranted)
            .under(Listen)
            .always(Answer::done())
            .no_control("this row is the control of the next"),
        row(131, "listen on no port", S::ListenUnbound).under(Listen).always(libc::EACCES).open_without(EVERY),
        row(131, "listen, again and again, while the sockets are swapped", S::SwapSockets)
            .under(Listen)
            .always(Answer::Absent)
            .no_control("without whoever answers there is nobody to race with: the row before is the control"),
        row(131, "listen, again and again, while the socket gives up its port", S::ChangeSocket)
            .under(Listen)
            .always(Answer::Absent)
            .no_control("whether the kernel is caught in between is a matter of luck without the supervisor too"),
        row(131, "threads of four threads at once", S::ThreadsAtOnce)
            .under(FewThreads)
            .always(Answer::Absent)
            .by_command(not_applicable(NOT_ASKED), not_applicable(NOT_ASKED))
            .open_without(EVERY),
        row(132, "an end with questions pending, whose ids are free again", S::EndWhilePending)
            .under(Listen)
            .always(Answer::Exited(7))
            .no_control(PARENT),
        row(134, "a thread, while others end with questions pending", S::OneThread)
            .under(Beside)
            .always(Answer::done())
            .no_control(PARENT),
        row(128, "an answer, and no other request is read", S::NeverReadAgain)
            .under(Again)
            .always(Answer::TimedOut)
            .by(Way::FRESH, not_applicable(ONE_CALL), not_applicable(ONE_CALL))
            .by(Way::EXEC, not_applicable(ONE_CALL), not_applicable(ONE_CALL))
            .no_control(PARENT),
        row(128, "an answer, and an end of the channel that takes no more", S::HangUp)
            .under(Again)
            .always(Answer::done())
            .by(Way::FRESH, not_applicable(ONE_CALL), not_applicable(ONE_CALL))
            .by(Way::EXEC, not_applicable(ONE_CALL), not_applicable(ONE_CALL))
            .no_control(PARENT),
        row(135, "a call, after the thread that made the template has ended", S::OneThread)
            .under(AnotherThread)
            .always(Answer::done())
            .no_control(PARENT),
    ]
}
