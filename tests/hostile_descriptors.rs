//! Descriptors from a hostile child: those that its result does not name are closed, and the reply is not believed.

#[path = "escape"]
mod attacks {
    #![allow(dead_code, reason = "the matrix uses the rest")]
    pub(crate) mod forgery;
    pub(crate) mod toolbox;
}

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use gaol::{Error, Fd, Layer, ProtocolProblem, sandboxed};
use serde::{Deserialize, Serialize};

use attacks::forgery::{
    CHANNEL, Control, FAILED, FAILED_IN_WORDS, Forged, HEADER, PANICKED, RETURNED, UNABLE, frame, send, send_on,
    send_with,
};
use attacks::toolbox::{Refusal, call, exit_now};

/// What the child sends instead of returning.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Act {
    /// Nothing: it returns, and what it returns is how many descriptors it has.
    Honest,
    /// A true reply with as many descriptors, which its header does not announce.
    Unannounced(usize),
    /// The same, announced.
    Announced(usize),
    /// A descriptor with each of as many parts of the reply.
    Spread(usize),
    /// A descriptor with the payload, after the header.
    InTheMiddle,
    /// With a reply of another kind.
    With(u32),
    /// With one of another kind, announced.
    AnnouncedWith(u32),
    /// Two control messages of one message.
    TwoControls(usize),
    /// A descriptor with no byte of a reply, then the end.
    NothingElse,
    /// The same, and a signal.
    ThenKilled,
    /// So many messages of 64 as the channel takes, then the end.
    Flood,
    /// A control message that is none. What the kernel says to it is the result.
    Malformed(Malformed),
}

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Malformed {
    LengthOfZero,
    ShorterThanItsHead,
    LongerThanTheMessage,
    LengthOfAllOnes,
    HalfADescriptor,
    OtherLevel,
    UnknownType,
    NoSuchDescriptor,
    DescriptorOfMinusOne,
    MoreThanTheKernelTakes,
    Credentials,
    CredentialsOfAnother,
    SecurityLabel,
}

/// What would be a true reply of `hostile`.
const VALUE: u32 = 7;

/// The value, as it crosses.
static PAYLOAD: LazyLock<Vec<u8>> = LazyLock::new(|| gaol::as_sent(&VALUE));

fn rights(count: usize) -> Control {
    Control::rights(&vec![0; count])
}

fn perform(act: Act) -> Result<u32, Refusal> {
    let announced = |kind: u32, count: usize, payload: &[u8]| -> Result<Vec<u8>, Refusal> {
        let mut header = Forged::reply(kind, payload.len())?;
        header.descriptors = u32::try_from(count).unwrap_or(u32::MAX);
        Ok([header.to_bytes(), payload.to_vec()].concat())
    };
    match act {
        Act::Honest => return Ok(0),
        Act::Unannounced(count) => send_with(&frame(RETURNED, &PAYLOAD)?, &[rights(count)])?,
        Act::Announced(count) => send_with(&announced(RETURNED, count, &PAYLOAD)?, &[rights(count)])?,
        Act::Spread(count) => {
            let frame = frame(RETURNED, &PAYLOAD)?;
            for byte in &frame[..count] {
                send_with(&[*byte], &[rights(1)])?;
            }
            send(&frame[count..])?;
        }
        Act::InTheMiddle => {
            send(&announced(RETURNED, 0, &PAYLOAD)?[..HEADER])?;
            send_with(&PAYLOAD, &[rights(1)])?;
        }
        Act::With(kind) => send_with(&frame(kind, &payload_of(kind))?, &[rights(1)])?,
        Act::AnnouncedWith(kind) => send_with(&announced(kind, 1, &payload_of(kind))?, &[rights(1)])?,
        Act::TwoControls(count) => send_with(&frame(RETURNED, &PAYLOAD)?, &[rights(count), rights(count)])?,
        Act::NothingElse => send_with(&frame(RETURNED, &PAYLOAD)?[..1], &[rights(1)])?,
        Act::ThenKilled => {
            send_with(&frame(RETURNED, &PAYLOAD)?[..1], &[rights(1)])?;
            let _ = call!(libc::SYS_kill, std::process::id(), libc::SIGKILL);
        }
        Act::Flood => {
            call!(libc::SYS_fcntl, CHANNEL, libc::F_SETFL, libc::O_NONBLOCK)?;
            while send_with(&[0xa5], &[rights(64)]).is_ok() {}
        }
        Act::Malformed(malformed) => {
            let frame = frame(RETURNED, &PAYLOAD)?;
            return match send_with(&frame, &malformed.controls()) {
                // It was sent: a second reply would be one too many.
                Ok(()) => exit_now(0),
                Err(refusal) => Err(refusal),
            };
        }
    }
    exit_now(0)
}

fn payload_of(kind: u32) -> Vec<u8> {
    match kind {
        PANICKED => vec![4, b'f', b'a', b'k', b'e', 0],
        FAILED_IN_WORDS => vec![1, 1, b'x'],
        UNABLE => b"trust me".to_vec(),
        _ => PAYLOAD.to_vec(),
    }
}

impl Malformed {
    fn controls(self) -> Vec<Control> {
        let one = rights(1);
        let credentials = |pid: u32| {
            let mut content = pid.to_le_bytes().to_vec();
            for id in [libc::SYS_geteuid, libc::SYS_getegid] {
                content.extend((call!(id).unwrap_or(0) as u32).to_le_bytes());
            }
            Control { kind: libc::SCM_CREDENTIALS, content, ..rights(1) }
        };
        vec![match self {
            Self::LengthOfZero => Control { length: Some(0), ..one },
            Self::ShorterThanItsHead => Control { length: Some(15), ..one },
            Self::LongerThanTheMessage => Control { length: Some(4096), ..one },
            Self::LengthOfAllOnes => Control { length: Some(u64::MAX), ..one },
            Self::HalfADescriptor => Control { length: Some(18), ..one },
            Self::OtherLevel => Control { level: libc::SOL_IP, ..one },
            Self::UnknownType => Control { kind: 99, ..one },
            Self::NoSuchDescriptor => Control::rights(&[0, 200]),
            Self::DescriptorOfMinusOne => Control::rights(&[-1]),
            Self::MoreThanTheKernelTakes => rights(254),
            Self::Credentials => credentials(std::process::id()),
            Self::CredentialsOfAnother => credentials(1),
            Self::SecurityLabel => Control { kind: 3, ..one },
        }]
    }
}

#[sandboxed(time = "10s")]
fn hostile(act: Act) -> gaol::Result<u32> {
    Ok(perform(act).unwrap_or_else(errno))
}

/// One that was believed and then ended is found to be gone, once it is.
fn kept(act: Act) -> gaol::Result<u32> {
    let result = kept_at_once(act);
    if act != Act::Honest && result.is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    result
}

#[sandboxed(time = "10s", process = "reused")]
fn kept_at_once(act: Act) -> gaol::Result<u32> {
    Ok(perform(act).unwrap_or_else(errno))
}

fn errno(refusal: Refusal) -> u32 {
    match refusal {
        Refusal::Errno(errno) => errno as u32,
        Refusal::Absent => u32::MAX,
    }
}

/// The count is this process's: one test at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> impl Drop {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the child has to send: its standard input. This process has its own, and no other.
fn descriptors() -> usize {
    let targets = std::fs::read_dir("/proc/self/fd").expect("own descriptors").flatten();
    targets
        .filter(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == Path::new("/dev/null")))
        .count()
}

/// Checks that `test` leaves no descriptor behind, and breaks no later call.
#[track_caller]
fn leaves_nothing(what: impl std::fmt::Debug, test: impl FnOnce()) {
    assert_eq!(hostile(Act::Honest).expect("before"), 0);
    assert_eq!(kept(Act::Honest).expect("before"), 0);
    let before = descriptors();
    test();
    assert_eq!(descriptors(), before, "{what:?}");
    assert_eq!(hostile(Act::Honest).expect("after"), 0, "{what:?}");
    assert_eq!(kept(Act::Honest).expect("after"), 0, "{what:?}");
}

#[track_caller]
fn assert_descriptors<T: std::fmt::Debug>(what: impl std::fmt::Debug, result: &gaol::Result<T>) {
    let problem = match result {
        Err(Error::Protocol { problem, .. }) => problem,
        other => panic!("{what:?} gave {other:?}"),
    };
    assert_eq!(*problem, ProtocolProblem::Descriptors, "{what:?}");
}

/// All that end in the same words.
const NOT_NAMED: [Act; 14] = [
    Act::Unannounced(1),
    Act::Unannounced(64),
    Act::Unannounced(65),
    Act::Unannounced(253),
    Act::Announced(65),
    Act::Announced(253),
    Act::Spread(2),
    Act::Spread(64),
    Act::TwoControls(1),
    Act::TwoControls(126),
    Act::With(FAILED_IN_WORDS),
    Act::With(FAILED),
    Act::InTheMiddle,
    Act::Flood,
];

#[test]
fn descriptors_that_no_result_names_are_closed() {
    let _alone = alone();
    for tier_b in [false, true] {
        let _without = tier_b.then(|| gaol::controls::without(&[Layer::Namespaces]));
        for act in NOT_NAMED {
            leaves_nothing(act, || {
                assert_descriptors(act, &hostile(act));
                assert_descriptors(act, &kept(act));
            });
        }
    }
}

/// Announced, they came; but the value says nothing of them.
#[test]
fn descriptors_that_the_header_names_and_the_value_does_not_are_closed() {
    let _alone = alone();
    for count in [1, 2, 64] {
        let act = Act::Announced(count);
        leaves_nothing(act, || {
            for result in [hostile(act), kept(act)] {
                let expected = "descriptors came with it that it does not name".to_owned();
                let Err(Error::Protocol { problem: ProtocolProblem::Decode(problem), .. }) = result else {
                    panic!("{act:?} gave {result:?}");
                };
                assert_eq!(problem, format!("invalid value: {expected}"));
            }
        });
    }
}

/// A report of the worker's own end is advice, with or without descriptors; they are closed.
#[test]
fn descriptors_with_a_report_are_closed() {
    let _alone = alone();
    leaves_nothing("a panic", || {
        let result = hostile(Act::With(PANICKED));
        assert!(matches!(&result, Err(Error::Panicked { message, .. }) if message == "fake"), "{result:?}");
        assert_descriptors("a panic of a kept worker", &kept(Act::With(PANICKED)));
    });
    leaves_nothing("unable", || {
        let result = hostile(Act::With(UNABLE));
        let unable = ProtocolProblem::Unable("trust me".to_owned());
        assert!(matches!(&result, Err(Error::Protocol { problem, .. }) if *problem == unable), "{result:?}");
        assert_descriptors("a kept worker that is unable", &kept(Act::With(UNABLE)));
    });
    for kind in [FAILED, FAILED_IN_WORDS, PANICKED, UNABLE] {
        let act = Act::AnnouncedWith(kind);
        leaves_nothing(act, || {
            let expected = ProtocolProblem::Header("the frame is of a kind that has nothing beside it");
            for result in [hostile(act), kept(act)] {
                assert!(matches!(&result, Err(Error::Protocol { problem, .. }) if *problem == expected), "{result:?}");
            }
        });
    }
}

#[test]
fn descriptors_with_a_part_of_a_reply_are_closed() {
    let _alone = alone();
    leaves_nothing("a part", || {
        for result in [hostile(Act::NothingElse), kept(Act::NothingElse)] {
            let expected = ProtocolProblem::Truncated { received: 1, announced: HEADER as u64 };
            assert!(matches!(&result, Err(Error::Protocol { problem, .. }) if *problem == expected), "{result:?}");
        }
        for result in [hostile(Act::ThenKilled), kept(Act::ThenKilled)] {
            assert!(matches!(result, Err(Error::Killed { signal: libc::SIGKILL, .. })), "{result:?}");
        }
    });
}

#[test]
fn the_kernel_judges_what_is_no_control_message() {
    let _alone = alone();
    let refused = [
        (Malformed::LengthOfZero, libc::EINVAL),
        (Malformed::ShorterThanItsHead, libc::EINVAL),
        (Malformed::LongerThanTheMessage, libc::EINVAL),
        (Malformed::LengthOfAllOnes, libc::EINVAL),
        (Malformed::UnknownType, libc::EINVAL),
        (Malformed::SecurityLabel, libc::EINVAL),
        (Malformed::NoSuchDescriptor, libc::EBADF),
        (Malformed::DescriptorOfMinusOne, libc::EBADF),
        (Malformed::MoreThanTheKernelTakes, libc::EINVAL),
    ];
    for (malformed, errno) in refused {
        let act = Act::Malformed(malformed);
        leaves_nothing(act, || {
            for result in [hostile(act), kept(act)] {
                assert_eq!(result.expect("its own answer"), errno as u32, "{act:?}");
            }
        });
    }
    // These go through without a descriptor: nobody asked for credentials, and they are not delivered.
    for malformed in [Malformed::HalfADescriptor, Malformed::OtherLevel, Malformed::Credentials] {
        let act = Act::Malformed(malformed);
        leaves_nothing(act, || {
            for result in [hostile(act), kept(act)] {
                assert_eq!(result.expect("the reply that it forged"), VALUE, "{act:?}");
            }
        });
    }
}

#[test]
fn nobody_else_can_be_claimed_to_have_sent_it() {
    let _alone = alone();
    for tier_b in [false, true] {
        let _without = tier_b.then(|| gaol::controls::without(&[Layer::Namespaces]));
        let answer = hostile(Act::Malformed(Malformed::CredentialsOfAnother)).expect("its own answer");
        // Whom a worker does not see it cannot name at all.
        assert!([libc::EPERM, libc::ESRCH].contains(&(answer as i32)), "{answer}");
    }
}

/// A result that names descriptors by these bytes, with a header that announces some, and some that come.
#[derive(Serialize, Deserialize, Clone, Debug)]
struct Claim {
    payload: Vec<u8>,
    announced: u32,
    sent: usize,
}

/// A vector that names these descriptors, with the seal of one.
fn named(bytes: &[u8]) -> Vec<u8> {
    let like = gaol::as_sent(&vec![0_u32; usize::from(bytes[0])]);
    [bytes, &like[like.len() - 4..]].concat()
}

fn claim(claim: &Claim) -> ! {
    let _ = Forged::reply(RETURNED, claim.payload.len()).and_then(|mut header| {
        header.descriptors = claim.announced;
        let frame = [header.to_bytes(), claim.payload.clone()].concat();
        if claim.sent == 0 { send(&frame) } else { send_with(&frame, &[rights(claim.sent)]) }
    });
    exit_now(0)
}

#[sandboxed(time = "10s")]
fn claims(it: Claim) -> gaol::Result<Vec<Fd<File>>> {
    claim(&it)
}

#[sandboxed(time = "10s", process = "reused")]
fn kept_claims(it: Claim) -> gaol::Result<Vec<Fd<File>>> {
    claim(&it)
}

#[sandboxed(time = "10s")]
fn claims_two(it: Claim) -> gaol::Result<(File, Option<File>)> {
    claim(&it)
}

#[test]
fn a_result_names_what_came_and_each_once() {
    let _alone = alone();
    let absent = "invalid value: it names a descriptor that did not come with it";
    let unnamed = "invalid value: descriptors came with it that it does not name";
    let decode = |problem: &str| ProtocolProblem::Decode(problem.to_owned());
    let cases = [
        // The same one twice.
        (named(&[2, 0, 0]), 1, 1, decode(absent)),
        (named(&[2, 0, 0]), 2, 2, decode(absent)),
        (named(&[3, 0, 1, 0]), 2, 2, decode(absent)),
        // One that did not come.
        (named(&[1, 0]), 0, 0, decode(absent)),
        (named(&[1, 1]), 1, 1, decode(absent)),
        (named(&[1, 64]), 64, 64, decode(absent)),
        (named(&[1, 0xff, 0xff, 0xff, 0xff, 0x0f]), 1, 1, decode(absent)),
        // One that it does not name.
        (named(&[1, 0]), 2, 2, decode(unnamed)),
        (named(&[1, 63]), 64, 64, decode(unnamed)),
        (named(&[0]), 1, 1, decode(unnamed)),
        // Fewer or more than were announced.
        (named(&[2, 0, 1]), 2, 1, ProtocolProblem::Descriptors),
        (named(&[2, 0, 1]), 2, 0, ProtocolProblem::Descriptors),
        (named(&[2, 0, 1]), 2, 3, ProtocolProblem::Descriptors),
        (named(&[2, 0, 1]), u32::MAX, 2, ProtocolProblem::Descriptors),
        // After a value that is none.
        (vec![2, 0], 2, 2, ProtocolProblem::Decode("the bytes end before the value does".to_owned())),
        (
            [named(&[1, 0]), vec![0]].concat(),
            1,
            1,
            ProtocolProblem::Decode("bytes are left over after the value".to_owned()),
        ),
    ];
    for (payload, announced, sent, expected) in cases {
        let it = Claim { payload, announced, sent };
        leaves_nothing(it.clone(), || {
            for result in [claims(it.clone()), kept_claims(it.clone())] {
                match result {
                    Err(Error::Protocol { problem, .. }) => assert_eq!(problem, expected, "{it:?}"),
                    other => panic!("{it:?} gave {other:?}"),
                }
            }
        });
    }
    // The control: what is true is believed, in any order.
    leaves_nothing("the truth", || {
        let truth = Claim { payload: named(&[3, 2, 0, 1]), announced: 3, sent: 3 };
        for result in [claims(truth.clone()), kept_claims(truth)] {
            assert_eq!(result.expect("descriptors").len(), 3);
        }
    });
}

#[test]
fn the_same_holds_for_results_that_are_descriptors() {
    let _alone = alone();
    let absent = "invalid value: it names a descriptor that did not come with it";
    let unnamed = "invalid value: descriptors came with it that it does not name";
    for (payload, sent, expected) in [
        (vec![0, 1, 0], 1, Some(absent)),
        (vec![0, 1, 0], 2, Some(absent)),
        (vec![7, 0], 1, Some(absent)),
        (vec![0, 0], 2, Some(unnamed)),
        (vec![0, 0], 1, None),
        (vec![1, 1, 0], 2, None),
    ] {
        let it = Claim { payload, announced: sent as u32, sent };
        leaves_nothing(it.clone(), || match (claims_two(it.clone()), expected) {
            (Ok((_, second)), None) => assert_eq!(second.is_some(), sent == 2),
            (Err(Error::Protocol { problem: ProtocolProblem::Decode(problem), .. }), Some(expected)) => {
                assert_eq!(problem, expected, "{it:?}");
            }
            (other, _) => panic!("{it:?} gave {other:?}"),
        });
    }
}

#[test]
fn a_thousand_of_each_leave_no_descriptor() {
    let _alone = alone();
    let all = || std::fs::read_dir("/proc/self/fd").expect("own descriptors").count();
    let before = all();
    for act in [Act::Unannounced(64), Act::Unannounced(253), Act::Announced(64), Act::With(FAILED), Act::NothingElse] {
        leaves_nothing(act, || {
            for _ in 0..1000 {
                let result = hostile(act);
                assert!(matches!(result, Err(Error::Protocol { .. })), "{act:?} gave {result:?}");
            }
        });
    }
    let twice = Claim { payload: vec![2, 0, 0], announced: 2, sent: 2 };
    leaves_nothing("named twice", || {
        for _ in 0..1000 {
            let result = kept_claims(twice.clone());
            assert!(matches!(result, Err(Error::Protocol { .. })), "{result:?}");
        }
    });
    // Templates and workers that stand ready come and go.
    assert!(all() < before + 64, "{} of {before} descriptors", all());
}

/// Puts as many descriptors on their way as the kernel lets it, and leaves them there until `until` closes.
#[sandboxed(time = "20s")]
fn holds_on_their_way(mut says: PipeWriter, mut until: PipeReader) -> gaol::Result<(u32, u32)> {
    let mut pairs = Vec::new();
    let mut count = 0;
    let refused = 'sending: loop {
        let mut pair = [0_i32; 2];
        let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
        if let Err(refusal) = call!(libc::SYS_socketpair, libc::AF_UNIX, kind, 0, pair.as_mut_ptr()) {
            break refusal;
        }
        pairs.push(pair);
        loop {
            match send_on(pair[0], b"x", &[rights(16)]) {
                Ok(_) => count += 16,
                Err(Refusal::Errno(libc::EAGAIN)) => break,
                Err(refusal) => break 'sending refusal,
            }
        }
    };
    says.write_all(b"!")?;
    let _ = until.read(&mut [0]);
    Ok((count, errno(refused)))
}

#[sandboxed]
fn takes_files(files: Vec<Fd<File>>) -> gaol::Result<usize> {
    Ok(files.len())
}

#[sandboxed]
fn gives_file(file: File) -> gaol::Result<File> {
    Ok(file)
}

/// The kernel compares all of a user's descriptors on their way with the limit of who sends: a worker's is `files`, which is less than
/// that of its template and of the application. So calls go on, and take descriptors with them; only other workers have to wait with theirs.
#[test]
fn descriptors_on_their_way_hold_up_no_other_call() {
    const FILES: u32 = 256;
    const AT_ONCE: u32 = 16;
    let _alone = alone();
    for tier_b in [false, true] {
        let _without = tier_b.then(|| gaol::controls::without(&[Layer::Namespaces]));
        std::thread::scope(|scope| {
            let (workers, lets_go): (Vec<_>, Vec<_>) = (0..4)
                .map(|_| {
                    let (mut said, says) = std::io::pipe().expect("a pipe");
                    let (until, lets_go) = std::io::pipe().expect("a pipe");
                    let worker = scope.spawn(move || holds_on_their_way(says, until));
                    said.read_exact(&mut [0]).expect("its word");
                    (worker, lets_go)
                })
                .unzip();
            for _ in 0..20 {
                let files = (0..64).map(|_| Fd::new(File::open("/dev/null").expect("it is there"))).collect();
                assert_eq!(takes_files(files).expect("a call among them"), 64);
            }
            let unable = "the descriptors of its result cannot be sent: too many of this user's are on their way; \
                          allow more with `files = …`";
            match gives_file(File::open("/dev/null").expect("it is there")) {
                Err(Error::Protocol { problem: ProtocolProblem::Unable(reason), .. }) => assert_eq!(reason, unable),
                other => panic!("{other:?}"),
            }
            drop(lets_go);
            let mut all = 0;
            for worker in workers {
                let (count, errno) = worker.join().expect("no panic").expect("its own answer");
                assert_eq!(errno, libc::ETOOMANYREFS as u32);
                all += count;
            }
            assert!(all <= FILES + AT_ONCE, "{all} on their way at once");
            assert!(gives_file(File::open("/dev/null").expect("it is there")).is_ok());
        });
    }
}

/// A connection with data that nobody takes, which its last owner would wait for at its end.
#[sandboxed(net = format!("tcp:{port}"), time = "10s")]
fn leaves_a_socket_to_wait_for(port: u16) -> gaol::Result<u32> {
    use std::os::fd::AsRawFd;
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    let linger = [1_i32, 3600];
    let (level, option) = (libc::SOL_SOCKET, libc::SO_LINGER);
    let answer = call!(libc::SYS_setsockopt, stream.as_raw_fd(), level, option, linger.as_ptr(), 8);
    stream.set_nonblocking(true)?;
    while stream.write(&[0; 65_536]).is_ok() {}
    assert_eq!(answer, Err(Refusal::Errno(libc::ENOPROTOOPT)));
    let _ = frame(RETURNED, &PAYLOAD).and_then(|frame| send_with(&frame, &[Control::rights(&[stream.as_raw_fd()])]));
    exit_now(0)
}

#[test]
fn closing_what_a_child_sent_takes_no_time() {
    let _alone = alone();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let begun = Instant::now();
    assert_descriptors("a socket", &leaves_a_socket_to_wait_for(port));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
