//! What a process has before stays with it: that is what it opened it for.
//!
//! # Safety
//!
//! One variable of the environment is set while the process has one thread, and the process is asked for its own ids.
#![allow(unsafe_code)]

use std::fs;
use std::io::{Read, Seek, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Command, Stdio};

use gaol::{AddressPattern, Operation, Profile};
use libc::{EAFNOSUPPORT, EPERM};

use super::stage::{activate, attempt, errno_of, limited, profile, refused_after};
use crate::support::alone::place;

alone_as_each_user! {
    files_that_are_open_are_read_and_written: uses_files;
    connected_sockets_go_on: uses_sockets;
    a_listener_goes_on_accepting: accepts;
    a_socket_that_is_not_connected_cannot_be: refuses_connecting;
    an_open_datagram_socket_connects_where_anything_may: connects_what_is_open;
    pipes_to_a_child_go_on: speaks_to_a_child;
    memory_and_environment_are_untouched: keeps_memory;
    its_standard_streams_and_signals_are_its_own: keeps_itself;
}

fn uses_files() {
    let path = place().join(format!("held-{}", std::process::id()));
    let mut file = fs::File::options().create_new(true).read(true).write(true).open(&path).expect("a new file");
    file.write_all(b"before").expect("it can be written");
    let read_only = fs::File::open(&path).expect("a file");
    activate(profile([]));
    file.write_all(b" and after").expect("it can be written");
    file.rewind().expect("it can be read from the start");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("it can be read");
    assert_eq!(text, "before and after");
    file.set_len(3).expect("it can be cut off");
    assert_eq!(file.metadata().expect("its metadata").len(), 3);
    // It allows what it allowed, and no more.
    assert_eq!(errno_of((&read_only).write(b"x")), Some(libc::EBADF));
    assert_eq!(errno_of(fs::File::open(&path)), Some(EPERM));
}

fn uses_sockets() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let mut client = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let (mut server, _) = listener.accept().expect("a connection");
    let (mut left, mut right) = UnixStream::pair().expect("a pair");
    activate(profile([]));
    client.write_all(b"to the server").expect("it can be written");
    let mut buffer = [0; 13];
    server.read_exact(&mut buffer).expect("it can be read");
    assert_eq!(&buffer, b"to the server");
    server.set_nodelay(true).expect("an option");
    server.set_nonblocking(true).expect("a mode");
    assert_eq!(errno_of(server.read(&mut buffer)), Some(libc::EAGAIN));
    left.write_all(b"x").expect("it can be written");
    right.read_exact(&mut buffer[..1]).expect("it can be read");
    client.shutdown(std::net::Shutdown::Both).expect("its end");
}

fn accepts() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let unix_path = place().join(format!("socket-{}", std::process::id()));
    let unix = std::os::unix::net::UnixListener::bind(&unix_path).expect("a listener");
    let mut waiting = TcpStream::connect(address).expect("a connection");
    let mut waiting_locally = UnixStream::connect(&unix_path).expect("a connection");
    activate(profile([]));
    let (mut accepted, _) = listener.accept().expect("a connection that waited");
    accepted.write_all(b"hello").expect("it can be written");
    waiting.read_exact(&mut [0; 5]).expect("it can be read");
    let (mut accepted, _) = unix.accept().expect("a connection that waited");
    accepted.write_all(b"hello").expect("it can be written");
    waiting_locally.read_exact(&mut [0; 5]).expect("it can be read");
    assert_eq!(errno_of(TcpStream::connect(address)), Some(EAFNOSUPPORT));
    assert_eq!(errno_of(TcpListener::bind("127.0.0.1:0")), Some(EAFNOSUPPORT));
}

fn refuses_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    let tcp = || {
        rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::STREAM, None).expect("a socket")
    };
    let sockets = [tcp(), tcp()];
    let next = std::cell::Cell::new(0);
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let other = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let other = other.local_addr().expect("its address");
    let bound = place().join(format!("datagrams-{}", std::process::id()));
    let _receiver = UnixDatagram::bind(&bound).expect("a socket");
    let datagrams = UnixDatagram::unbound().expect("a socket");
    let unbound = tcp();
    refused_after(
        &[
            attempt("connect a socket that was not", EPERM, || {
                Ok(rustix::net::connect(&sockets[next.replace(1)], &address)?)
            }),
            attempt("send a datagram to an address", EPERM, || udp.send_to(b"x", other)),
            attempt("connect a datagram socket", EPERM, || udp.connect(other)),
            attempt("send a datagram to a path", EPERM, || datagrams.send_to(b"x", &bound)),
            attempt("send a message with an address in it", EPERM, || {
                let mut control = rustix::net::SendAncillaryBuffer::default();
                let data = [std::io::IoSlice::new(b"x")];
                Ok(rustix::net::sendmsg_addr(&udp, &other, &data, &mut control, rustix::net::SendFlags::empty())?)
            }),
            attempt("listen", EPERM, || Ok(rustix::net::listen(&unbound, 1)?)),
        ],
        profile([]),
    );
}

fn connects_what_is_open() {
    let other = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let address = other.local_addr().expect("its address");
    let open = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    activate(profile([Operation::NetworkOutbound(AddressPattern::Tcp(443))]));
    // What it is, it was before: `net = "tcp:443"` makes no new one.
    assert_eq!(errno_of(UdpSocket::bind("127.0.0.1:0")), Some(EAFNOSUPPORT));
    open.connect(address).expect("below ABI 10 of Landlock nobody judges where a datagram socket is connected to");
    assert_eq!(errno_of(open.send_to(b"x", address)), Some(EPERM));
    open.send(b"x").expect("it can send");
}

fn speaks_to_a_child() {
    let mut child = Command::new("/bin/cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a program that was started");
    activate(profile([]));
    let (mut input, mut output) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
    input.write_all(b"there and back").expect("it can be written");
    drop(input);
    let mut text = String::new();
    output.read_to_string(&mut text).expect("it can be read");
    assert_eq!(text, "there and back");
    assert_eq!(errno_of(child.kill()), Some(EPERM), "it is another process");
    assert!(child.wait().expect("its end").success());
}

fn keeps_memory() {
    // SAFETY: this process has one thread.
    unsafe { std::env::set_var("GAOL_TEST_KEPT", "kept") };
    let hoard: Vec<u64> = (0..1 << 20).collect();
    let arguments = std::env::args_os().count();
    let variables = std::env::vars_os().count();
    let enough = limited(Profile::NOTHING, |limits| limits.threads = Some(1));
    activate(enough);
    assert!(hoard.iter().enumerate().all(|(index, value)| index as u64 == *value));
    assert_eq!(std::env::var("GAOL_TEST_KEPT").as_deref(), Ok("kept"));
    assert_eq!((std::env::args_os().count(), std::env::vars_os().count()), (arguments, variables));
    let more = std::hint::black_box(vec![7_u8; 64 << 20]);
    assert_eq!(more[1 << 20], 7);
}

fn keeps_itself() {
    // As the kernel says them: 0 is an answer, of a leader outside of this process's pid namespace.
    let ids = || {
        // SAFETY: takes nothing and changes nothing, as the next; the last takes a number.
        let (parent, group) = (unsafe { libc::getppid() }, unsafe { libc::getpgrp() });
        // SAFETY: as above.
        (std::process::id(), parent, group, unsafe { libc::getsid(0) })
    };
    let before = ids();
    let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o27));
    rustix::process::umask(umask);
    activate(profile([]));
    assert_eq!(ids(), before, "it stays in its session, and whoever interrupts it at its terminal interrupts it");
    println!("out");
    eprintln!("err");
    // To itself it may send what it likes.
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::CHILD)
        .expect("a signal to itself");
}
