//! A hostile worker beside an honest one of the same template: neither it nor the template is within its reach.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use gaol::{Error, Layer, sandboxed};
use libc::{EACCES, ENOENT, ENOSYS, EPERM};
use serde::{Deserialize, Serialize};

use super::attacks::toolbox::{Refusal, c_path, call};
use super::support::alone::{Alone, User, place};
use super::support::processes;

/// What the honest call is told, and nobody else may know.
const SECRET: &[u8] = b"only this call is told of it";
/// Enough for shared memory, so that the worker has some.
const LONG: usize = 1 << 20;
/// Descriptors that a process is looked at for.
const NUMBERS: i32 = 32;
const PTRACE_SEIZE: i32 = 0x4206;
/// How often the honest call listens, and the hostile one attacks meanwhile.
const ROUNDS: u32 = 50;

/// What one of two calls is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Task {
    /// Says where its secret is, listens now and then, and gives back its argument once it is told to.
    Honest,
    /// Makes every attack on whom it names.
    Hostile(Victims),
    /// Traces the first of them.
    Trace(Victims),
}

/// Who is attacked.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Victims {
    /// The sibling, as it sees itself, and as `/proc` names it.
    own_pid: i32,
    pid: i32,
    /// Where its secret is.
    secret: u64,
    /// Their template, as `/proc` names it.
    template: i32,
    rounds: u32,
}

/// What came of an attack: 0, or the errno.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Came(String, i32);

/// Functions of one profile each: what there is of keys that show or open something.
macro_rules! siblings {
    ($($name:ident($($keys:tt)*);)*) => {$(
        #[sandboxed(time = "60s", $($keys)*)]
        fn $name(task: &Task, argument: &[u8], beside: UnixStream) -> gaol::Result<(Vec<Came>, Vec<u8>)> {
            perform(task, argument, beside)
        }
    )*};
}

siblings! {
    listening(read = "/proc", write = writable(), listen = listened_on());
    listening_for_long(read = "/proc", write = writable(), listen = listened_on(), process = "reused");
    silent(read = "/proc", write = writable());
    reading(read = "/proc", listen = listened_on());
    plain();
    again(process = "exec");
}

type Sibling = fn(&Task, &[u8], UnixStream) -> gaol::Result<(Vec<Came>, Vec<u8>)>;

fn writable() -> PathBuf {
    place()
}

fn port() -> u16 {
    static PORT: OnceLock<u16> = OnceLock::new();
    *PORT.get_or_init(|| {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.local_addr().expect("its address").port()
    })
}

fn listened_on() -> String {
    format!("tcp:{}", port())
}

fn perform(task: &Task, argument: &[u8], mut beside: UnixStream) -> gaol::Result<(Vec<Came>, Vec<u8>)> {
    match task {
        Task::Honest => {
            let port = u16::from_le_bytes([argument[LONG - 2], argument[LONG - 1]]);
            let hello = [u64::from(std::process::id()), argument.as_ptr() as u64];
            beside.write_all(&hello.map(u64::to_le_bytes).concat())?;
            beside.set_nonblocking(true)?;
            let mut word = [0];
            while beside.read(&mut word).is_err() {
                // Whoever is asked about it has to look at this process.
                let _ = port == 0 || TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
                std::thread::yield_now();
            }
            Ok((Vec::new(), argument.to_vec()))
        }
        Task::Hostile(victims) => {
            let mut came = attack(victims);
            for _ in 1..victims.rounds {
                came.extend(attack(victims));
            }
            came.sort();
            came.dedup();
            Ok((came, Vec::new()))
        }
        Task::Trace(victims) => {
            let seized = call!(libc::SYS_ptrace, PTRACE_SEIZE, victims.own_pid, 0, 0);
            Ok((vec![came("ptrace", seized)], Vec::new()))
        }
    }
}

fn came<T>(what: &str, result: Result<T, Refusal>) -> Came {
    Came(
        what.to_owned(),
        match result {
            Ok(_) => 0,
            Err(Refusal::Errno(errno)) => errno,
            Err(Refusal::Absent) => -1,
        },
    )
}

fn attack(victims: &Victims) -> Vec<Came> {
    let mut all = Vec::new();
    for (who, pid) in [("sibling", victims.pid), ("template", victims.template)] {
        for file in ["maps", "environ", "auxv", "mem", "root", "cwd"] {
            let opened = open(&format!("/proc/{pid}/{file}"), libc::O_RDONLY).map(close);
            all.push(came(&format!("{who}: {file}"), opened));
        }
        for (how, flags) in [("read", libc::O_RDONLY), ("written", libc::O_WRONLY)] {
            // Those that are there, and are no sockets.
            let mut opened: Vec<Came> = (0..NUMBERS)
                .map(|number| open(&format!("/proc/{pid}/fd/{number}"), flags | libc::O_NONBLOCK).map(close))
                .map(|opened| came(&format!("{who}: a descriptor is {how}"), opened))
                .collect();
            // Of a descriptor that is not there, of a socket, and of a pipe whose other end is not there (ENXIO), nothing comes in any case.
            opened.retain(|Came(_, errno)| ![ENOENT, libc::ENXIO].contains(errno));
            opened.sort();
            opened.dedup();
            if opened.iter().any(|Came(_, errno)| *errno == 0) {
                opened.retain(|Came(_, errno)| *errno == 0);
            }
            all.extend(opened);
        }
    }
    // Its memory, as soon as the file is open.
    let told = open(&format!("/proc/{}/mem", victims.pid), libc::O_RDONLY).and_then(|memory| {
        let mut secret = [0_u8; SECRET.len()];
        let read = call!(libc::SYS_pread64, memory, secret.as_mut_ptr(), secret.len(), victims.secret);
        close(memory);
        read.and_then(|_| if secret == SECRET { Ok(()) } else { Err(Refusal::Absent) })
    });
    all.push(came("sibling: its secret is read", told));
    let pid = victims.own_pid;
    let mut secret = [0_u8; SECRET.len()];
    let (local, remote) = ([secret.as_mut_ptr() as u64, secret.len() as u64], [victims.secret, secret.len() as u64]);
    let by_name = |what: &str, result: Result<usize, Refusal>| came(&format!("sibling: {what}"), result);
    all.push(by_name(
        "process_vm_readv",
        call!(libc::SYS_process_vm_readv, pid, local.as_ptr(), 1, remote.as_ptr(), 1, 0),
    ));
    all.push(by_name(
        "process_vm_writev",
        call!(libc::SYS_process_vm_writev, pid, local.as_ptr(), 0, remote.as_ptr(), 0, 0),
    ));
    for (what, signalled) in [
        ("kill", call!(libc::SYS_kill, pid, 0)),
        ("tgkill", call!(libc::SYS_tgkill, pid, pid, 0)),
        ("tkill", call!(libc::SYS_tkill, pid, 0)),
        ("kcmp", call!(libc::SYS_kcmp, pid, pid, 0, 0, 0)),
        ("prlimit64", call!(libc::SYS_prlimit64, pid, libc::RLIMIT_NOFILE, 0, [0_u64; 2].as_mut_ptr())),
    ] {
        all.push(by_name(what, signalled));
    }
    let pidfd = call!(libc::SYS_pidfd_open, pid, 0);
    let taken = pidfd.and_then(|pidfd| {
        let taken = call!(libc::SYS_pidfd_getfd, pidfd, 3, 0);
        close(i32::try_from(pidfd).unwrap_or(-1));
        taken.inspect(|channel| close(i32::try_from(*channel).unwrap_or(-1)))
    });
    all.push(by_name("its channel is taken", taken));
    all
}

fn open(path: &str, flags: i32) -> Result<i32, Refusal> {
    let path = c_path(path);
    let opened = call!(libc::SYS_openat, libc::AT_FDCWD, &path, flags | libc::O_CLOEXEC, 0)?;
    i32::try_from(opened).map_err(|_| Refusal::Absent)
}

fn close(descriptor: i32) {
    let _ = call!(libc::SYS_close, descriptor);
}

/// What the attacks get where nothing is left out.
fn expected() -> Vec<Came> {
    let mut all = Vec::new();
    for who in ["sibling", "template"] {
        for what in ["maps", "environ", "auxv", "mem", "root", "cwd", "a descriptor is read", "a descriptor is written"]
        {
            all.push(Came(format!("{who}: {what}"), EACCES));
        }
    }
    for (what, errno) in [
        ("its secret is read", EACCES),
        ("process_vm_readv", ENOSYS),
        ("process_vm_writev", EPERM),
        ("kill", EPERM),
        ("tgkill", EPERM),
        ("tkill", EPERM),
        ("kcmp", EPERM),
        ("prlimit64", EPERM),
        ("its channel is taken", ENOSYS),
    ] {
        all.push(Came(format!("sibling: {what}"), errno));
    }
    all.sort();
    all
}

/// Makes both calls at once, and gives what came of the attacks.
fn beside(
    sibling: Sibling,
    listens: bool,
    layers_out: &[Layer],
    task: impl FnOnce(Victims) -> Task,
) -> gaol::Result<Vec<Came>> {
    let mut argument = vec![7; LONG];
    argument[..SECRET.len()].copy_from_slice(SECRET);
    argument[LONG - 2..].copy_from_slice(&if listens { port() } else { 0 }.to_le_bytes());
    std::thread::scope(|scope| {
        let (mut here, there) = UnixStream::pair().expect("two sockets");
        rustix::net::sockopt::set_socket_passcred(&here, true).expect("whose message it is");
        let honest = scope.spawn(|| {
            let _guard = gaol::controls::without(layers_out);
            sibling(&Task::Honest, &argument, there)
        });
        let (pid, own_pid, secret) = hear(&here);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the status of a worker");
        let template = status.lines().find_map(|line| line.strip_prefix("PPid:\t")?.parse().ok()).expect("its parent");
        let victims = Victims { own_pid, pid, secret, template, rounds: if listens { ROUNDS } else { 1 } };
        let _guard = gaol::controls::without(layers_out);
        let (_, unused) = UnixStream::pair().expect("two sockets");
        let came = sibling(&task(victims), &[], unused);
        here.write_all(b"g").expect("the honest call is told to end");
        let (_, answer) = honest.join().expect("no panic").expect("an honest call beside a hostile one");
        assert!(answer == argument, "the honest call's reply is its own");
        came.map(|(came, _)| came)
    })
}

/// What the honest call says, and its process id as this process sees it.
fn hear(socket: &UnixStream) -> (i32, i32, u64) {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut hello = [0; 16];
    let mut parts = [std::io::IoSliceMut::new(&mut hello)];
    rustix::net::recvmsg(socket.as_fd(), &mut parts, &mut control, RecvFlags::WAITALL)
        .expect("the honest call's hello");
    let sender = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmCredentials(sender) => Some(sender.pid.as_raw_nonzero().get()),
        _ => None,
    });
    let numbers: [u64; 2] =
        std::array::from_fn(|at| u64::from_le_bytes(hello[at * 8..][..8].try_into().expect("eight")));
    (sender.expect("who said it"), i32::try_from(numbers[0]).expect("a process id"), numbers[1])
}

const FUNCTIONS: [(&str, Sibling, bool); 4] = [
    ("listening", listening, true),
    ("listening_for_long", listening_for_long, true),
    ("silent", silent, false),
    ("reading", reading, true),
];

fn out_of_reach() {
    for tier in [&[][..], &[Layer::Namespaces]] {
        if tier.is_empty() && !gaol::support().has(Layer::Namespaces) {
            eprintln!("tier A is left out: there are no namespaces here");
            continue;
        }
        for (name, sibling, listens) in FUNCTIONS {
            // A first call shows that there is use for shared memory, so that the others have some.
            let came = beside(sibling, listens, tier, Task::Hostile).expect("a hostile call");
            assert_eq!(came, expected(), "{name} without {tier:?}");
            let came = beside(sibling, listens, tier, Task::Hostile).expect("a hostile call");
            assert_eq!(came, expected(), "{name} without {tier:?}, again");
            // Who traces is ended.
            let came = beside(sibling, listens, tier, Task::Trace);
            assert!(matches!(came, Err(Error::Violation { .. })), "{name} without {tier:?}: {came:?}");
        }
        // The control: where nothing keeps them apart, all of it is done.
        let out: Vec<Layer> = [Layer::Landlock, Layer::Seccomp, Layer::Hygiene].iter().chain(tier).copied().collect();
        for (name, sibling, listens) in FUNCTIONS {
            let came = beside(sibling, false, &out, Task::Hostile).expect("a hostile call");
            let done: Vec<Came> = expected().into_iter().map(|Came(what, _)| Came(what, 0)).collect();
            assert_eq!(came, done, "{name}, {listens}, without {out:?}");
            let came = beside(sibling, false, &out, Task::Trace).expect("a hostile call");
            assert_eq!(came, [Came("ptrace".to_owned(), 0)], "{name} without {out:?}");
        }
    }
    processes::eventually("the workers to be gone", || {
        processes::of(std::process::id())
            .iter()
            .filter(|process| process.name == "gaol-worker")
            .all(|worker| worker.state == 'S')
    });
}

#[sandboxed(read = place(), write = [place().join("tree"), place().join("beside")], time = "60s")]
fn moves(from: &Path, to: &Path) -> gaol::Result<String> {
    std::fs::rename(from.join("file"), to.join("moved"))?;
    std::fs::hard_link(to.join("moved"), from.join("file"))?;
    Ok(std::fs::read_to_string(from.join("file"))?)
}

/// A ruleset without a word about files would refuse to move them from one directory to another.
fn moves_files() {
    for tier in [&[][..], &[Layer::Namespaces]] {
        let [tree, beside] = ["tree", "beside"].map(|name| place().join(name));
        let [one, other] = ["one", "other"].map(|name| tree.join(name));
        let _ = (std::fs::remove_dir_all(&tree), std::fs::remove_dir_all(&beside));
        for directory in [&one, &other, &beside] {
            std::fs::create_dir_all(directory).expect("a directory");
        }
        std::fs::write(one.join("file"), "as it was").expect("a file");
        let _guard = gaol::controls::without(tier);
        assert_eq!(moves(&one, &other).expect("a call"), "as it was", "without {tier:?}");
        // In a root of its own, each granted tree is a mount.
        let apart = moves(&one, &beside).map_err(|error| error.to_string());
        if tier.is_empty() && gaol::support().has(Layer::Namespaces) {
            assert!(apart.as_ref().is_err_and(|error| error.contains("cross-device")), "{apart:?}");
        } else {
            assert_eq!(apart.as_deref(), Ok("as it was"), "without {tier:?}");
        }
    }
}

#[test]
fn what_a_profile_lets_be_moved_is_moved() {
    Alone::new("siblings::what_a_profile_lets_be_moved_is_moved").run(moves_files);
}

#[test]
fn what_a_profile_lets_an_unprivileged_user_move_is_moved() {
    let name = "siblings::what_a_profile_lets_an_unprivileged_user_move_is_moved";
    if let Some(alone) = Alone::new(name).user(User::Nobody) {
        alone.run(moves_files);
    }
}

/// Calls from within as many of somebody's rulesets as leave room for a template, or for a worker as well.
fn is_told() {
    const MOST: usize = 16;
    // One is the template's, and one the worker's.
    for _ in 0..MOST - 2 {
        restrict();
    }
    let (_, unused) = UnixStream::pair().expect("two sockets");
    plain(&Task::Hostile(Victims { own_pid: 1, pid: 1, secret: 0, template: 1, rounds: 1 }), &[], unused)
        .expect("room for both");
    restrict();
    // A zygote of before would have more room.
    let (_, unused) = UnixStream::pair().expect("two sockets");
    let refused = again(&Task::Honest, &[], unused).expect_err("no room for a worker's own");
    assert_eq!(refused.outcome(), gaol::Outcome::NotRun);
    let Error::Unsupported { unsupported, .. } = refused else { panic!("{refused:?}") };
    assert_eq!((unsupported.layer, unsupported.errno), (Layer::Landlock, Some(libc::E2BIG)), "{unsupported}");
    assert!(unsupported.to_string().contains("a process can be under 16 Landlock rulesets"), "{unsupported}");
}

/// One more ruleset, by hand: character devices may not be made.
fn restrict() {
    let rights = [1_u64 << 6];
    call!(libc::SYS_prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0).expect("a promise");
    let ruleset = call!(libc::SYS_landlock_create_ruleset, rights.as_ptr(), 8, 0).expect("a ruleset");
    call!(libc::SYS_landlock_restrict_self, ruleset, 0).expect("one more");
    close(i32::try_from(ruleset).expect("a descriptor"));
}

#[test]
fn where_there_is_no_room_for_a_workers_own_domain_it_is_told() {
    Alone::new("siblings::where_there_is_no_room_for_a_workers_own_domain_it_is_told").run(is_told);
}

#[test]
fn a_sibling_and_the_template_are_out_of_reach() {
    Alone::new("siblings::a_sibling_and_the_template_are_out_of_reach").run(out_of_reach);
}

#[test]
fn an_unprivileged_users_sibling_and_template_are_out_of_reach() {
    let name = "siblings::an_unprivileged_users_sibling_and_template_are_out_of_reach";
    if let Some(alone) = Alone::new(name).user(User::Lonely) {
        alone.run(out_of_reach);
    }
}
