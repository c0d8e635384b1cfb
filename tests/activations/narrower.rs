//! A second activation: it takes away what it does not list, and gives nothing.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;

use gaol::{Layer, Operation, PathProblem, ProfileError};
use libc::{EACCES, EAFNOSUPPORT, EPERM};

use super::listening::free_ports;
use super::stage::{
    activate, attempt, errno_of, is_refused, metadata, profile, read, refusal, untried, works, write, written,
};
use crate::support::alone::place;

alone_as_each_user! {
    files_are_taken_away: takes_files;
    what_lies_beneath_can_be_kept: keeps_what_lies_beneath;
    writing_is_taken_away: takes_writing;
    all_metadata_is_taken_away: takes_metadata;
    the_same_once_more_changes_nothing: repeats;
    links_are_followed: follows_links;
    a_link_to_elsewhere_is_refused: follows_no_link_out;
    ports_are_taken_away: takes_ports;
    listening_is_taken_away: takes_listening;
    threads_become_one_and_nothing_between: takes_threads;
    what_is_not_allowed_is_not_given: widens_nothing;
    a_third_takes_more: narrows_again;
    a_refusal_takes_nothing: changes_nothing_where_it_is_refused;
}

/// Two directories with a file and a directory each.
fn two() -> [PathBuf; 2] {
    let top = place().join(format!("two-{}", std::process::id()));
    ["one", "other"].map(|name| {
        let directory = top.join(name);
        fs::create_dir_all(directory.join("inner")).expect("a directory");
        fs::write(directory.join("file"), name).expect("a file");
        fs::write(directory.join("inner/file"), name).expect("a file");
        directory
    })
}

fn takes_files() {
    let [one, other] = two();
    activate(profile([read(&one), read(&other)]));
    let taken = [
        attempt("read a file", EACCES, || fs::read(other.join("file"))),
        attempt("look at a file", EACCES, || fs::metadata(other.join("file"))),
        attempt("list a directory", EACCES, || fs::read_dir(&other)),
    ];
    works(&taken);
    activate(untried(&[read(&one)]));
    is_refused(&taken);
    assert_eq!(fs::read(one.join("inner/file")).expect("what was kept"), b"one");
    assert_eq!(fs::metadata(one.join("file")).expect("its metadata").len(), 3);
}

fn keeps_what_lies_beneath() {
    let [one, _] = two();
    let literal: Operation = Operation::FileReadAll(gaol::PathPattern::literal(one.join("file")).expect("absolute"));
    activate(profile([read(&one)]));
    activate(untried(&[read(one.join("inner")), literal.clone()]));
    assert!(fs::read(one.join("inner/file")).is_ok());
    assert!(fs::read(one.join("file")).is_ok());
    assert_eq!(errno_of(fs::read_dir(&one)), Some(EACCES));
    activate(untried(&[literal]));
    assert!(fs::read(one.join("file")).is_ok());
    assert_eq!(errno_of(fs::read(one.join("inner/file"))), Some(EACCES));
}

fn takes_writing() {
    let [one, other] = two();
    activate(profile([read(&one), write(&one), write(&other), write(other.join("file"))]));
    let taken = [
        attempt("write a file", EACCES, || fs::write(one.join("new"), "x")),
        attempt("cut a file off", EACCES, || fs::write(one.join("file"), "x")),
        attempt("remove a file", EACCES, || {
            fs::remove_file(one.join("inner/file"))?;
            fs::write(one.join("inner/file"), "x")
        }),
    ];
    works(&taken);
    // A directory that may be written and not read, and a file of that kind, can be kept too.
    activate(untried(&[read(&one), write(other.join("file")), write(other.join("inner"))]));
    is_refused(&taken);
    assert!(fs::read(one.join("file")).is_ok());
    fs::write(other.join("file"), "kept").expect("what was kept");
    fs::write(other.join("inner/new"), "kept").expect("what was kept");
    assert_eq!(errno_of(fs::write(other.join("new"), "x")), Some(EACCES));
    assert_eq!(errno_of(fs::read(other.join("file"))), Some(EACCES));
    activate(untried(&[read(&one)]));
    assert_eq!(errno_of(fs::write(other.join("file"), "x")), Some(EACCES));
}

fn takes_metadata() {
    let [one, other] = two();
    activate(profile([metadata("/"), read(&one)]));
    assert!(fs::metadata(other.join("file")).is_ok());
    assert!(fs::metadata("/etc/passwd").is_ok());
    activate(untried(&[read(&one)]));
    for path in [other.join("file"), "/etc/passwd".into()] {
        assert_eq!(errno_of(fs::metadata(&path)), Some(EACCES), "{}", path.display());
    }
    assert!(fs::metadata(one.join("file")).is_ok());
    assert_eq!(errno_of(fs::read_dir("/")), Some(EACCES));
}

fn repeats() {
    let [one, other] = two();
    let same = || written(&format!("read = {one:?}\nwrite = {other:?}\nsystem = \"info\"\nthreads = 8"));
    let first = activate(same());
    for _ in 0..3 {
        assert_eq!(activate(same()), first);
        assert!(fs::read(one.join("file")).is_ok());
        fs::write(other.join("new"), "x").expect("what was kept");
        assert!(fs::read("/proc/sys/kernel/ostype").is_ok());
        std::thread::spawn(|| ()).join().expect("a thread");
    }
}

fn follows_links() {
    let [one, other] = two();
    let link = one.with_file_name("link");
    std::os::unix::fs::symlink(&one, &link).expect("a link");
    std::os::unix::fs::symlink("inner", one.join("relative")).expect("a link");
    std::os::unix::fs::symlink(&other, one.join("absolute")).expect("a link");
    activate(profile([read(&link), read(&other)]));
    // By the name that was written first, which is a link.
    activate(untried(&[read(link.join("inner")), read(link.join("absolute")), read(link.join("relative"))]));
    assert!(fs::read(one.join("inner/file")).is_ok());
    assert!(fs::read(link.join("inner/file")).is_ok());
    assert!(fs::read(other.join("file")).is_ok());
    assert_eq!(errno_of(fs::read(one.join("file"))), Some(EACCES));
    // And once more beneath a link within.
    activate(untried(&[read(link.join("absolute/inner"))]));
    assert!(fs::read(other.join("inner/file")).is_ok());
    assert_eq!(errno_of(fs::read(other.join("file"))), Some(EACCES));
}

fn follows_no_link_out() {
    let [one, other] = two();
    activate(profile([read(&one), write(&one)]));
    // Planted by whoever has taken the process over: a second profile that is none the wiser names it.
    std::os::unix::fs::symlink(&other, one.join("out")).expect("a link");
    match refusal(untried(&[read(one.join("out"))])) {
        ProfileError::Path { operation, path, problem: PathProblem::Io(error) } => {
            assert_eq!(operation, format!("read = {:?}", one.join("out")));
            assert_eq!((path, error.raw_os_error()), (one.join("out"), Some(EACCES)));
        }
        error => panic!("{error}"),
    }
    assert_eq!(errno_of(fs::read(one.join("out/file"))), Some(EACCES));
    assert!(fs::read(one.join("file")).is_ok(), "nothing was taken away");
}

fn takes_ports() {
    let [(_kept, kept), (_taken, taken), (_never, never)] = [(); 3].map(|()| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
        let address = listener.local_addr().expect("its address");
        (listener, address)
    });
    let tcp = |address: SocketAddr| format!("tcp:{}", address.port());
    activate(written("net = \"all\""));
    for address in [kept, taken, never] {
        assert!(TcpStream::connect(address).is_ok());
    }
    activate(written(&format!("net = [{:?}, {:?}]", tcp(kept), tcp(taken))));
    assert!(TcpStream::connect(kept).is_ok() && TcpStream::connect(taken).is_ok());
    assert_eq!(errno_of(TcpStream::connect(never)), Some(EACCES));
    assert_eq!(errno_of(std::net::UdpSocket::bind("127.0.0.1:0")), Some(EAFNOSUPPORT));
    activate(written(&format!("net = {:?}", tcp(kept))));
    assert!(TcpStream::connect(kept).is_ok());
    assert_eq!(errno_of(TcpStream::connect(taken)), Some(EACCES));
    activate(written(""));
    assert_eq!(errno_of(TcpStream::connect(kept)), Some(EAFNOSUPPORT));
}

fn takes_listening() {
    let [kept, taken] = free_ports();
    activate(written(&format!("listen = [\"tcp:{kept}\", \"tcp:{taken}\"]")));
    let held = TcpListener::bind(("127.0.0.1", taken)).expect("a port that is listed");
    activate(written(&format!("listen = \"tcp:{kept}\"")));
    TcpListener::bind(("127.0.0.1", kept)).expect("what was kept");
    drop(held);
    assert_eq!(errno_of(TcpListener::bind(("127.0.0.1", taken))), Some(EACCES));
    activate(written(""));
    assert_eq!(errno_of(TcpListener::bind(("127.0.0.1", kept))), Some(EAFNOSUPPORT));
}

fn takes_threads() {
    activate(written("threads = 4"));
    let start = || std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().expect("no panic"));
    for (text, is_possible) in [("threads = 3", false), ("threads = 4", true), ("", true), ("threads = \"none\"", true)]
    {
        match (gaol::ChildSandbox::new(written(text)).activate(), is_possible) {
            (Ok(_), true) => {}
            (Err(ProfileError::Unsupported(unsupported)), false) => {
                assert_eq!((unsupported.operation.as_str(), unsupported.layer), (text, Layer::Limits));
            }
            (other, _) => panic!("{text}: {other:?}"),
        }
        start().expect("a thread");
    }
    activate(written("threads = 1"));
    assert_eq!(errno_of(start()), Some(libc::EAGAIN));
    activate(written("threads = 8"));
    assert_eq!(errno_of(start()), Some(libc::EAGAIN));
}

fn widens_nothing() {
    let [one, other] = two();
    activate(profile([read(&one), write(other.join("inner"))]));
    for operation in [
        read(&other),
        read(one.parent().expect("one above")),
        read("/"),
        metadata("/"),
        write(&one),
        write(&other),
        read(other.join("inner")),
        super::stage::exec("/bin/true"),
        Operation::NetworkOutbound(gaol::AddressPattern::Tcp(443)),
        Operation::NetworkOutbound(gaol::AddressPattern::All),
        Operation::NetworkInbound(gaol::AddressPattern::Tcp(443)),
        Operation::SystemInfoRead,
    ] {
        let mut narrower = vec![read(one.join("inner"))];
        narrower.push(operation.clone());
        let wider = gaol::ChildSandbox::new(match operation {
            // Of which there is no list.
            Operation::SystemInfoRead => written("system = \"info\""),
            _ => untried(&narrower),
        });
        match wider.activate() {
            Err(ProfileError::Widens { operation: named }) => assert_eq!(named, operation.to_string()),
            other => panic!("{operation}: {other:?}"),
        }
        assert!(fs::read(one.join("file")).is_ok(), "{operation}: nothing was taken away");
    }
    let error = refusal(untried(&[read("/")])).to_string();
    assert_eq!(
        error,
        "`read = \"/\"` is not in the profile that this process is under, and a second one can only take away"
    );
}

fn narrows_again() {
    let [one, other] = two();
    activate(profile([read(&one), read(&other)]));
    activate(untried(&[read(&one)]));
    // What the second took away, a third does not bring back.
    assert!(matches!(refusal(untried(&[read(&other)])), ProfileError::Widens { .. }));
    activate(untried(&[read(one.join("inner"))]));
    assert!(fs::read(one.join("inner/file")).is_ok());
    assert_eq!(errno_of(fs::read(one.join("file"))), Some(EACCES));
    activate(written(""));
    assert_eq!(errno_of(fs::read(one.join("inner/file"))), Some(EPERM));
    activate(written(""));
}

fn changes_nothing_where_it_is_refused() {
    let [one, _] = two();
    activate(written(&format!("read = {one:?}\nlisten = \"all\"\nmemory = \"256MiB\"")));
    for (text, check) in [
        (format!("read = {:?}", one.join("missing")), ProfileCheck(|error| matches!(error, ProfileError::Path { .. }))),
        (
            "listen = \"tcp:8080\"".to_owned(),
            ProfileCheck(|error| match error {
                ProfileError::Unsupported(unsupported) => unsupported.operation == "listen = \"tcp:8080\"",
                _ => false,
            }),
        ),
        ("memory = 4096".to_owned(), ProfileCheck(|error| matches!(error, ProfileError::Unsupported(_)))),
        ("metadata = \"/usr\"".to_owned(), ProfileCheck(|error| matches!(error, ProfileError::Widens { .. }))),
    ] {
        let error = refusal(written(&text));
        assert!(check.0(&error), "{text}: {error}");
        assert!(fs::read(one.join("file")).is_ok(), "{text}");
        assert!(TcpListener::bind("127.0.0.1:0").is_ok(), "{text}");
        std::thread::spawn(|| ()).join().expect("a thread");
    }
    activate(written("listen = \"all\""));
    assert!(TcpListener::bind("127.0.0.1:0").is_ok());
    assert_eq!(errno_of(fs::read(one.join("file"))), Some(EPERM));
}

/// What an error must be.
struct ProfileCheck(fn(&ProfileError) -> bool);
