//! Listening: on the ports of the profile, and on a socket that was bound to one of them.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use gaol::{AddressPattern, Operation, Profile};
use libc::{EACCES, EAFNOSUPPORT, EPERM};
use rustix::net::{AddressFamily, SocketType};
use rustix::process::DumpableBehavior;

use super::stage::{activate, attempt, begin, errno_of, limited, profile, refused_after};

alone_as_each_user! {
    a_port_that_is_listed_is_listened_on_and_no_other: listens_on_one_port;
    a_listener_serves: serves;
    with_every_port_any_is_listened_on: listens_on_any_port;
    a_socket_that_was_bound_before_listens_on_a_listed_port_only: judges_what_was_bound;
    who_looks_at_sockets_may_look_only_while_they_are_asked: is_looked_at_for_a_question;
}

/// Different ports that nobody listens on.
pub(super) fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let listeners = [(); COUNT].map(|()| TcpListener::bind("127.0.0.1:0").expect("a listener"));
    listeners.map(|listener| listener.local_addr().expect("its address").port())
}

fn listen_on(port: u16) -> Operation {
    Operation::NetworkInbound(AddressPattern::Tcp(port))
}

fn socket() -> io::Result<OwnedFd> {
    Ok(rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?)
}

fn bind(port: u16) -> io::Result<OwnedFd> {
    let socket = socket()?;
    rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket)
}

fn listens_on_one_port() {
    let [port, other] = free_ports();
    refused_after(
        &[
            attempt("bind another port", EACCES, || bind(other)),
            attempt("bind a port of the kernel's choice", EACCES, || bind(0)),
            attempt("listen without a port", EACCES, || Ok(rustix::net::listen(&socket()?, 1)?)),
            attempt("listen on every address", EACCES, || TcpListener::bind(("0.0.0.0", other))),
            attempt("listen over version six", EACCES, || TcpListener::bind(("::", other))),
        ],
        profile([listen_on(port)]),
    );
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port that is listed");
    assert_eq!(listener.local_addr().expect("its address").port(), port);
    let connected =
        socket().and_then(|socket| Ok(rustix::net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?));
    assert_eq!(errno_of(connected), Some(EPERM), "outbound is another operation");
    assert_eq!(errno_of(std::net::UdpSocket::bind("127.0.0.1:0")), Some(EAFNOSUPPORT));
}

fn serves() {
    let [port] = free_ports();
    let mut server = begin(|line| {
        activate(limited(profile([listen_on(port)]), |limits| limits.threads = Some(4)));
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port that is listed");
        line.ready();
        for _ in 0..3 {
            let (mut stream, _) = listener.accept().expect("a connection");
            let serving = std::thread::spawn(move || {
                let mut bytes = [0; 4];
                stream.read_exact(&mut bytes).and_then(|()| stream.write_all(&bytes))
            });
            serving.join().expect("no panic").expect("a connection that is served");
        }
    });
    server.when_ready();
    server.go_on();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).expect("a connection");
        stream.write_all(b"ping").expect("it can be written");
        stream.read_exact(&mut [0; 4]).expect("what was sent");
    }
    server.succeeds();
}

fn listens_on_any_port() {
    activate(limited(profile([Operation::NetworkInbound(AddressPattern::All)]), |limits| limits.threads = Some(1)));
    TcpListener::bind("127.0.0.1:0").expect("any port");
    rustix::net::listen(socket().expect("a socket"), 1).expect("a port of the kernel's choice");
    std::net::UdpSocket::bind("127.0.0.1:0").expect("datagrams as well");
}

fn judges_what_was_bound() {
    let [port, other] = free_ports();
    let (on_port, on_other) = (bind(port).expect("a port"), bind(other).expect("a port"));
    activate(profile([listen_on(port)]));
    rustix::net::listen(&on_port, 1).expect("the port that is listed");
    assert_eq!(rustix::net::listen(&on_other, 1), Err(rustix::io::Errno::ACCESS));
    // Where nothing may listen, neither may what is bound.
    let narrower = limited(Profile::NOTHING, |limits| limits.threads = Some(1));
    activate(narrower);
    assert_eq!(rustix::net::listen(&on_port, 2), Err(rustix::io::Errno::PERM));
}

/// The watcher takes a copy of the socket, for which the kernel asks that the process could be dumped. It can for as long as that takes, in
/// whatever threads, and the limit says that it is not.
fn is_looked_at_for_a_question() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 200;
    let ports: [u16; THREADS] = free_ports();
    let is_dumpable = || rustix::process::dumpable_behavior().expect("what it is") != DumpableBehavior::NotDumpable;
    let sockets = ports.map(|port| bind(port).expect("a port"));
    activate(profile(ports.map(listen_on)));
    assert!(!is_dumpable());
    std::thread::scope(|scope| {
        for socket in &sockets {
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    rustix::net::listen(socket, 1).expect("a port that is listed");
                }
            });
        }
    });
    assert!(!is_dumpable(), "all of them have their answers");
    assert_eq!(errno_of(rustix::net::listen(socket().expect("a socket"), 1).map_err(Into::into)), Some(EACCES));
    assert!(!is_dumpable(), "nor after a refusal");
    // At one byte the kernel neither writes a dump nor starts a program to pipe one to.
    let core = rustix::process::getrlimit(rustix::process::Resource::Core);
    assert_eq!((core.current, core.maximum), (Some(1), Some(1)));
}
