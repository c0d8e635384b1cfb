//! Addresses of a profile: ports to connect to and to listen on, Unix sockets, and everything at once.
//!
//! # Safety
//!
//! Some sockets are made by number, in ways that the standard library does not: the calls take numbers and structures that live through
//! them.
#![allow(unsafe_code)]

mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod tiers;
}

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use gaol::{Error, Layer, Outcome, PathProblem, sandboxed};
use serde::{Deserialize, Serialize};

use support::place::Place;
use support::tiers::{as_each_user, in_each_tier};

/// What an attempt came to: nothing wrong, or the kernel's answer.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Came(i32);

const WELL: Came = Came(0);

fn came<T>(result: io::Result<T>) -> Came {
    match result {
        Ok(_) => WELL,
        Err(error) => Came(error.raw_os_error().unwrap_or(-1)),
    }
}

/// Everything that has to do with an address, tried one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Try {
    ConnectTcp(u16),
    /// Binds and listens.
    ListenTcp(u16),
    BindTcp(u16),
    /// Listens on a socket that was never bound.
    ListenUnbound,
    /// Listens on a socket that the kernel bound when it was connected, and that was disconnected since.
    ListenAfterConnect(u16),
    /// Listens on a descriptor that is no socket.
    ListenOnFile,
    BindUdp(u16),
    SendUdp(u16),
    ConnectUnix(String),
    ConnectAbstract(String),
    SendUnix(String),
    BindUnix(String),
    /// Domain, type, protocol.
    Socket(i32, i32, i32),
}

fn attempt(what: &Try) -> Came {
    let here = |port: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    match what {
        Try::ConnectTcp(port) => came(TcpStream::connect(here(*port))),
        Try::ListenTcp(port) => came(TcpListener::bind(here(*port))),
        Try::BindTcp(port) => came(socket(libc::AF_INET, libc::SOCK_STREAM, 0).and_then(|socket| bind(&socket, *port))),
        Try::ListenUnbound => came(socket(libc::AF_INET, libc::SOCK_STREAM, 0).and_then(|socket| listen(&socket))),
        Try::ListenAfterConnect(port) => came(TcpStream::connect(here(*port)).and_then(|socket| {
            let nowhere: libc::sockaddr_in = libc::sockaddr_in {
                sin_family: libc::AF_UNSPEC as u16,
                sin_port: 0,
                sin_addr: libc::in_addr { s_addr: 0 },
                sin_zero: [0; 8],
            };
            connect(&socket, &nowhere)?;
            listen(&socket)
        })),
        Try::ListenOnFile => came(io::pipe().and_then(|(reader, _)| listen(&reader))),
        Try::BindUdp(port) => came(UdpSocket::bind(here(*port))),
        Try::SendUdp(port) => came(UdpSocket::bind(here(0)).and_then(|socket| socket.send_to(b"x", here(*port)))),
        Try::ConnectAbstract(name) => came(UnixStream::connect_addr(&unix_address(name))),
        Try::ConnectUnix(path) => came(UnixStream::connect(path).and_then(|mut stream| stream.write_all(b"x"))),
        Try::SendUnix(path) => came(UnixDatagram::unbound().and_then(|socket| socket.send_to(b"x", path))),
        Try::BindUnix(path) => came(UnixListener::bind(path)),
        Try::Socket(domain, kind, protocol) => came(socket(*domain, *kind, *protocol)),
    }
}

/// An address in the abstract namespace.
fn unix_address(name: &str) -> std::os::unix::net::SocketAddr {
    <std::os::unix::net::SocketAddr as SocketAddrExt>::from_abstract_name(name).expect("a short name")
}

fn socket(domain: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    match unsafe { libc::socket(domain, kind | libc::SOCK_CLOEXEC, protocol) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just made it.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
    }
}

fn listen(socket: &impl AsRawFd) -> io::Result<()> {
    // SAFETY: takes numbers only.
    if unsafe { libc::listen(socket.as_raw_fd(), 1) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn bind(socket: &impl AsRawFd, port: u16) -> io::Result<()> {
    let address = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: port.to_be(),
        sin_addr: libc::in_addr { s_addr: 0 },
        sin_zero: [0; 8],
    };
    // SAFETY: the kernel reads one `sockaddr_in`, which lives through the call.
    let answer = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size_of_val(&address) as u32) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn connect(socket: &impl AsRawFd, address: &libc::sockaddr_in) -> io::Result<()> {
    // SAFETY: the kernel reads one `sockaddr_in`, which lives through the call.
    let answer = unsafe { libc::connect(socket.as_raw_fd(), std::ptr::from_ref(address).cast(), 16) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A port that nobody listens on, and that the kernel will not give to anybody soon.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("its address").port()
}

const REFUSED: Came = Came(libc::EACCES);
const FORBIDDEN: Came = Came(libc::EPERM);
const NO_FAMILY: Came = Came(libc::EAFNOSUPPORT);

fn tcp(port: u16) -> String {
    format!("tcp:{port}")
}

#[sandboxed(listen = tcp(port))]
fn listening(port: u16, attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    let _ = port;
    Ok(attempts.iter().map(attempt).collect())
}

#[sandboxed(listen = tcp(port), net = tcp(peer))]
fn listening_and_connecting(port: u16, peer: u16, attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    let _ = (port, peer);
    Ok(attempts.iter().map(attempt).collect())
}

#[sandboxed(listen = tcp(port))]
fn accepts_one(port: u16) -> gaol::Result<String> {
    let (mut stream, _) = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?.accept()?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

/// Whether a call is made at all: where this kernel cannot tell ports apart, it must be refused by name.
fn refuses_by_name<T: std::fmt::Debug>(result: &Result<T, Error>) -> bool {
    let abi = gaol::support().landlock_abi();
    if abi >= 4 {
        return false;
    }
    let Err(Error::Unsupported { unsupported, .. }) = result else { panic!("{result:?}") };
    assert_eq!(unsupported.layer, Layer::Landlock);
    assert!(unsupported.step.starts_with("telling TCP ports apart needs Landlock ABI 4"), "{unsupported}");
    eprintln!("Landlock ABI {abi}: a single port is refused by name, and nothing more is tried");
    true
}

#[test]
fn a_granted_port_is_listened_on_and_accepts() {
    as_each_user("a_granted_port_is_listened_on_and_accepts", || {
        in_each_tier(|_| {
            let port = free_port();
            if refuses_by_name(&listening(port, &[])) {
                return;
            }
            let client = std::thread::spawn(move || {
                for _ in 0..400 {
                    if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                        return stream.write_all(b"hello from outside");
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(io::ErrorKind::TimedOut.into())
            });
            assert_eq!(accepts_one(port).expect("a call that accepts"), "hello from outside");
            client.join().expect("no panic").expect("it is let in");
        });
    });
}

#[test]
fn no_other_port_is_listened_on() {
    as_each_user("no_other_port_is_listened_on", || {
        in_each_tier(|_| {
            let (port, other) = (free_port(), free_port());
            if refuses_by_name(&listening(port, &[])) {
                return;
            }
            let attempts = [
                Try::ListenTcp(port),
                Try::BindTcp(port),
                Try::ListenTcp(other),
                Try::BindTcp(other),
                Try::BindTcp(0),
                Try::ListenUnbound,
                Try::ListenOnFile,
                Try::ConnectTcp(port),
                Try::BindUdp(port),
                Try::BindUnix("/tmp/gaol-no-such-socket".to_owned()),
                Try::Socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
                Try::Socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_TCP),
                Try::Socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
            ];
            // Without the sandbox: all but the raw socket, which takes a privilege, and the pipe.
            for what in &attempts {
                let control = attempt(what);
                match what {
                    Try::ListenOnFile => assert_eq!(control, Came(libc::ENOTSOCK)),
                    Try::ConnectTcp(_) => assert_eq!(control, Came(libc::ECONNREFUSED)),
                    Try::Socket(_, libc::SOCK_RAW, libc::IPPROTO_TCP) if !rustix::process::geteuid().is_root() => {
                        assert_eq!(control, FORBIDDEN);
                    }
                    _ => assert_eq!(control, WELL, "{what:?} without the sandbox"),
                }
            }
            let _ = std::fs::remove_file("/tmp/gaol-no-such-socket");
            assert_eq!(
                listening(port, &attempts).expect("a call"),
                [
                    WELL,
                    WELL,
                    REFUSED,
                    REFUSED,
                    REFUSED,
                    REFUSED,
                    Came(libc::ENOTSOCK),
                    FORBIDDEN,
                    NO_FAMILY,
                    NO_FAMILY,
                    NO_FAMILY,
                    NO_FAMILY,
                    NO_FAMILY,
                ]
            );
        });
    });
}

#[test]
fn a_port_that_the_kernel_chose_is_not_listened_on() {
    as_each_user("a_port_that_the_kernel_chose_is_not_listened_on", || {
        in_each_tier(|_| {
            let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let peer_port = peer.local_addr().expect("its address").port();
            if refuses_by_name(&listening_and_connecting(free_port(), peer_port, &[])) {
                return;
            }
            let attempts = [Try::ConnectTcp(peer_port), Try::ListenAfterConnect(peer_port), Try::ListenUnbound];
            for what in &attempts {
                assert_eq!(attempt(what), WELL, "{what:?} without the sandbox");
            }
            let came = listening_and_connecting(free_port(), peer_port, &attempts).expect("a call");
            assert_eq!(came, [WELL, REFUSED, REFUSED]);
        });
    });
}

#[test]
fn without_the_filter_a_socket_that_was_not_bound_listens() {
    // What Landlock does not see: the layer that stops it is the filter.
    if refuses_by_name(&listening(free_port(), &[])) {
        return;
    }
    let _guard = gaol::controls::without(&[Layer::Seccomp]);
    let came = listening(free_port(), &[Try::ListenUnbound]).expect("a call");
    assert_eq!(came, [WELL]);
}

#[sandboxed(net = "all")]
fn everywhere(attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    Ok(attempts.iter().map(attempt).collect())
}

#[sandboxed(listen = "all")]
fn everyone(attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    Ok(attempts.iter().map(attempt).collect())
}

#[test]
fn all_addresses_are_tcp_and_udp_and_nothing_else() {
    as_each_user("all_addresses_are_tcp_and_udp_and_nothing_else", || {
        in_each_tier(|_| {
            let peer = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let port = peer.local_addr().expect("its address").port();
            let datagrams = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
            let udp = datagrams.local_addr().expect("its address").port();
            let attempts = [
                Try::ConnectTcp(port),
                Try::SendUdp(udp),
                Try::ListenTcp(free_port()),
                Try::ListenUnbound,
                Try::ConnectUnix("/run/nobody".to_owned()),
                Try::Socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
                Try::Socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE),
                Try::Socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
                Try::Socket(libc::AF_UNIX, libc::SOCK_STREAM, 0),
                Try::Socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0),
                Try::Socket(libc::AF_PACKET, libc::SOCK_RAW, 0),
            ];
            let outbound = everywhere(&attempts).expect("a call");
            assert_eq!(outbound[..2], [WELL, WELL]);
            // Listening is inbound: bind is refused by Landlock where it knows ports, listen by the filter.
            let bound = if gaol::support().landlock_abi() >= 4 { REFUSED } else { FORBIDDEN };
            assert_eq!(outbound[2..4], [bound, FORBIDDEN]);
            assert!(outbound[4..].iter().all(|came| *came == NO_FAMILY), "{outbound:?}");
            let mut buffer = [0; 4];
            datagrams.set_read_timeout(Some(Duration::from_secs(5))).expect("a time limit");
            assert_eq!(datagrams.recv(&mut buffer).expect("what was sent"), 1);

            let inbound = everyone(&attempts).expect("a call");
            assert_eq!(inbound[0], FORBIDDEN, "connecting is outbound");
            assert_eq!(inbound[2..4], [WELL, WELL]);
            assert!(inbound[4..].iter().all(|came| *came == NO_FAMILY), "{inbound:?}");
        });
    });
}

fn unix(path: &str) -> String {
    format!("unix:{path}")
}

#[sandboxed(net = unix(path))]
fn local(path: &str, attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    let _ = path;
    Ok(attempts.iter().map(attempt).collect())
}

#[sandboxed(net = unix(path), read = directory)]
fn local_beside(path: &str, directory: &Path, attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    let _ = (path, directory);
    Ok(attempts.iter().map(attempt).collect())
}

/// A path on a kernel without Landlock.
fn assert_no_landlock<T: std::fmt::Debug>(result: &Result<T, Error>) {
    let Err(Error::Unsupported { unsupported, .. }) = result else { panic!("{result:?}") };
    assert_eq!(unsupported.layer, Layer::Landlock);
    assert_eq!(unsupported.step, "file operations need Landlock");
}

#[test]
fn one_unix_socket_is_connected_to_and_no_other() {
    as_each_user("one_unix_socket_is_connected_to_and_no_other", || {
        let place = Place::new("networks");
        let path = |name: &str| place.path().join(name).display().to_string();
        let granted = UnixListener::bind(path("granted")).expect("a socket");
        let _other = UnixListener::bind(path("other")).expect("a socket");
        let _datagrams = UnixDatagram::bind(path("datagrams")).expect("a socket");
        let abstract_name = format!("gaol-networks-{}", std::process::id());
        let address = unix_address(&abstract_name);
        let _abstract = UnixListener::bind_addr(&address).expect("a socket");
        let attempts = [
            Try::ConnectUnix(path("granted")),
            Try::ConnectUnix(path("other")),
            Try::SendUnix(path("datagrams")),
            Try::ConnectAbstract(abstract_name),
            Try::BindUnix(path("own")),
            Try::ConnectTcp(free_port()),
        ];
        for what in &attempts[..5] {
            assert_eq!(attempt(what), WELL, "{what:?} without the sandbox");
        }
        let _ = std::fs::remove_file(path("own"));
        let _ = granted.accept().expect("the one without the sandbox");
        in_each_tier(|namespaces| {
            let abi = gaol::support().landlock_abi();
            let result = local(&path("granted"), &attempts);
            if abi == 0 {
                assert_no_landlock(&result);
                return;
            }
            if !namespaces && abi < 9 {
                // Nothing tells one socket from another here.
                let Err(Error::Unsupported { unsupported, .. }) = result else { panic!("{result:?}") };
                assert_eq!(unsupported.operation, format!("net = \"unix:{}\"", path("granted")));
                assert_eq!(unsupported.layer, Layer::Landlock);
                assert!(unsupported.step.starts_with("telling Unix sockets apart needs"), "{unsupported}");
                return;
            }
            let hidden = if namespaces { Came(libc::ENOENT) } else { REFUSED };
            let came = result.expect("a call");
            assert_eq!(came[..3], [WELL, Came(hidden.0), hidden]);
            // In a network namespace of its own nobody has that name.
            assert_eq!(came[3], if namespaces { Came(libc::ECONNREFUSED) } else { FORBIDDEN });
            assert_eq!(came[4..], [FORBIDDEN, NO_FAMILY]);
            let (mut stream, _) = granted.accept().expect("the child");
            let mut text = String::new();
            stream.read_to_string(&mut text).expect("what it wrote");
            assert_eq!(text, "x");
        });
    });
}

#[test]
fn a_directory_beside_a_unix_socket_is_refused_where_it_may_hold_others() {
    let place = Place::new("networks");
    let path = place.path().join("socket").display().to_string();
    let _listener = UnixListener::bind(&path).expect("a socket");
    let result = local_beside(&path, place.path(), &[Try::ConnectUnix(path.clone())]);
    if gaol::support().landlock_abi() >= 9 {
        assert_eq!(result.expect("a call"), [WELL]);
        return;
    }
    if gaol::support().landlock_abi() == 0 {
        assert_no_landlock(&result);
        return;
    }
    let Err(error @ Error::Unsupported { .. }) = result else { panic!("{result:?}") };
    assert_eq!(error.outcome(), Outcome::NotRun);
    assert!(error.to_string().contains("name single files instead of the directory"), "{error}");
}

#[test]
fn what_is_no_socket_is_not_connected_to() {
    let place = Place::new("networks");
    let file = place.path().join("file").display().to_string();
    std::fs::write(&file, "").expect("a file");
    match local(&file, &[]) {
        Err(Error::Path { problem: PathProblem::NotASocket, operation, .. }) => {
            assert_eq!(operation, format!("net = \"unix:{file}\""));
        }
        other => panic!("{other:?}"),
    }
    let missing = place.path().join("missing").display().to_string();
    assert!(matches!(local(&missing, &[]), Err(Error::Path { problem: PathProblem::Io(_), .. })));
}

#[sandboxed(net = "udp:53")]
fn resolver(attempts: &[Try]) -> gaol::Result<Vec<Came>> {
    Ok(attempts.iter().map(attempt).collect())
}

#[test]
fn single_udp_ports_are_kept_apart_or_refused() {
    in_each_tier(|_| {
        let result = resolver(&[Try::SendUdp(53), Try::SendUdp(54), Try::BindUdp(5353), Try::ConnectTcp(53)]);
        if gaol::support().landlock_abi() >= 10 {
            assert_eq!(result.expect("a call"), [WELL, REFUSED, REFUSED, NO_FAMILY]);
            return;
        }
        let Err(error @ Error::Unsupported { .. }) = result else { panic!("{result:?}") };
        assert_eq!(error.outcome(), Outcome::NotRun);
        let text = error.to_string();
        assert!(
            text.contains(
                "`net = \"udp:53\"` cannot be kept precisely: Landlock: telling UDP ports apart needs Landlock ABI 10"
            ),
            "{text}"
        );
        assert!(text.contains("write `\"all\"`"), "{text}");
    });
}

/// What quinn-udp sets on a socket before it is of use, by level and number, and how it takes an answer that is no success.
const OF_QUIC: [(bool, i32, i32, Takes); 11] = [
    (false, libc::IPPROTO_IP, libc::IP_RECVTOS, Takes::Anything),
    (false, libc::SOL_UDP, libc::UDP_GRO, Takes::Anything),
    (false, libc::SOL_UDP, libc::UDP_SEGMENT, Takes::Anything),
    (false, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, Takes::Nothing),
    (false, libc::IPPROTO_IP, libc::IP_PKTINFO, Takes::Nothing),
    (true, libc::SOL_UDP, libc::UDP_GRO, Takes::Anything),
    (true, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, Takes::OptionMissing),
    (true, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, Takes::OptionMissing),
    (true, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, Takes::Nothing),
    (true, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, Takes::Nothing),
    // What other implementations ask for, and go on without.
    (false, libc::SOL_SOCKET, libc::SO_RXQ_OVFL, Takes::OptionMissing),
];

/// Which refusals do not end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    Nothing,
    OptionMissing,
    Anything,
}

#[sandboxed(net = "all")]
fn sets_options_of_quic() -> gaol::Result<Vec<Came>> {
    let four = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let six = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?;
    let set = |(is_six, level, option, _): (bool, i32, i32, Takes)| {
        let fd = if is_six { six.as_raw_fd() } else { four.as_raw_fd() };
        // IP_PMTUDISC_PROBE, a size of segments, or on.
        let value: i32 = match (level, option) {
            (_, libc::IP_MTU_DISCOVER | libc::IPV6_MTU_DISCOVER) => 3,
            (libc::SOL_UDP, libc::UDP_SEGMENT) => 1500,
            _ => 1,
        };
        // SAFETY: the kernel reads four bytes of `value`, which lives through the call.
        let answer = unsafe { libc::setsockopt(fd, level, option, (&raw const value).cast(), 4) };
        came(if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) })
    };
    Ok(OF_QUIC.map(set).into())
}

#[sandboxed(net = "all")]
fn joins_a_group() -> gaol::Result<Vec<Came>> {
    let (group, here) = (Ipv4Addr::new(224, 0, 0, 251), Ipv4Addr::LOCALHOST);
    let four = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    Ok(vec![
        came(four.set_broadcast(true)),
        came(four.set_multicast_loop_v4(true)),
        came(four.set_multicast_ttl_v4(2)),
        came(four.join_multicast_v4(&group, &here)),
        came(four.leave_multicast_v4(&group, &here)),
    ])
}

#[test]
fn quic_and_multicast_find_what_they_begin_with() {
    in_each_tier(|_| {
        let goes_on = |answers: &[Came]| {
            OF_QUIC.iter().zip(answers).all(|((.., takes), came)| match takes {
                Takes::Nothing => *came == WELL,
                Takes::OptionMissing => [WELL, Came(libc::ENOPROTOOPT)].contains(came),
                Takes::Anything => true,
            })
        };
        let answers = sets_options_of_quic().expect("a call");
        assert!(goes_on(&answers), "{answers:?}");
        // What is not needed is not there.
        assert_eq!(answers[1..3], [Came(libc::ENOPROTOOPT), Came(libc::ENOPROTOOPT)]);
        assert!(!goes_on(&answers.iter().map(|_| FORBIDDEN).collect::<Vec<_>>()), "the control: EPERM ends it");
        assert_eq!(joins_a_group().expect("a call"), [WELL, WELL, WELL, WELL, WELL]);
    });
}
