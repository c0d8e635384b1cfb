//! The network: the ports of the profile, over the protocols that somebody judges.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixListener, UnixStream};

use gaol::{AddressPattern, Operation};
use libc::{EACCES, EAFNOSUPPORT, EPERM};
use rustix::net::{AddressFamily, SendFlags, SocketType};

use super::stage::{activate, attempt, profile, refused_after, works};
use crate::support::alone::place;

alone_as_each_user! {
    without_a_network_operation_there_is_no_socket: refuses_sockets;
    a_port_that_is_listed_is_reached_and_no_other: reaches_one_port;
    all_addresses_are_tcp_and_udp: reaches_all;
}

fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

fn socket(family: AddressFamily, kind: SocketType, protocol: u32) -> io::Result<()> {
    let protocol = std::num::NonZeroU32::new(protocol).map(rustix::net::Protocol::from_raw);
    Ok(rustix::net::socket(family, kind, protocol).map(drop)?)
}

/// The protocols that nobody judges, where this kernel has them.
fn refuses_other_protocols() {
    for (family, kind, protocol) in [
        (AddressFamily::INET, SocketType::STREAM, 262), // MPTCP
        (AddressFamily::INET, SocketType::STREAM, 132), // SCTP
        (AddressFamily::INET, SocketType::RAW, 1),
        (AddressFamily::UNIX, SocketType::STREAM, 0),
        (AddressFamily::UNIX, SocketType::DGRAM, 0),
        (AddressFamily::NETLINK, SocketType::RAW, 0),
        (AddressFamily::PACKET, SocketType::RAW, 0),
        (
            AddressFamily::from_raw(38), // AF_ALG
            SocketType::SEQPACKET,
            0,
        ),
        (AddressFamily::VSOCK, SocketType::STREAM, 0),
    ] {
        let answer = socket(family, kind, protocol).map_err(|error| error.raw_os_error());
        assert_eq!(answer, Err(Some(EAFNOSUPPORT)), "{family:?}, {kind:?}, {protocol}");
    }
}

fn refuses_sockets() {
    let (_listener, address) = listener();
    let path = place().join(format!("here-{}", std::process::id()));
    let _unix = UnixListener::bind(&path).expect("a listener");
    refused_after(
        &[
            attempt("connect", EAFNOSUPPORT, || TcpStream::connect(address)),
            attempt("listen", EAFNOSUPPORT, || TcpListener::bind("127.0.0.1:0")),
            attempt("send datagrams", EAFNOSUPPORT, || UdpSocket::bind("127.0.0.1:0")),
            attempt("connect to a Unix socket", EAFNOSUPPORT, || UnixStream::connect(&path)),
            attempt("connect to an abstract Unix socket", EAFNOSUPPORT, || {
                socket(AddressFamily::UNIX, SocketType::STREAM, 0)
            }),
        ],
        profile([]),
    );
    refuses_other_protocols();
    UnixStream::pair().expect("a pair knows nobody else");
}

fn reaches_one_port() {
    let (wanted, address) = listener();
    let (_other, elsewhere) = listener();
    let open = |address: SocketAddr| {
        let mut stream = TcpStream::connect(address)?;
        stream.write_all(b"x")
    };
    let fast = || {
        let SocketAddr::V4(elsewhere) = elsewhere else { unreachable!("an address of version four") };
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
        let fast_open = SendFlags::from_bits_retain(libc::MSG_FASTOPEN.cast_unsigned());
        Ok(rustix::net::sendto(&socket, b"x", fast_open, &elsewhere)?)
    };
    refused_after(
        &[
            attempt("connect to another port", EACCES, || open(elsewhere)),
            attempt("connect while sending", EPERM, fast),
            attempt("listen on a port", EPERM, || TcpListener::bind("127.0.0.1:0")),
            attempt("send datagrams", EAFNOSUPPORT, || UdpSocket::bind("127.0.0.1:0")),
        ],
        profile([Operation::NetworkOutbound(AddressPattern::Tcp(address.port()))]),
    );
    works(&[attempt("connect to the port that is listed", 0, || open(address))]);
    let mut byte = [0];
    // The control has made no connection there.
    wanted.accept().expect("a connection").0.read_exact(&mut byte).expect("it can be read");
    refuses_other_protocols();
}

fn reaches_all() {
    let (_listener, address) = listener();
    let receiver = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let to = receiver.local_addr().expect("its address");
    activate(profile([Operation::NetworkOutbound(AddressPattern::All)]));
    TcpStream::connect(address).expect("any port");
    let sender = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None).expect("a socket");
    let SocketAddr::V4(to) = to else { unreachable!("an address of version four") };
    rustix::net::sendto(&sender, b"x", SendFlags::empty(), &to).expect("any address");
    receiver.recv(&mut [0]).expect("what was sent");
    refuses_other_protocols();
    // Inbound is another operation.
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let bound = rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0));
    assert_eq!(bound, Err(rustix::io::Errno::ACCESS));
    assert_eq!(rustix::net::listen(&socket, 1), Err(rustix::io::Errno::PERM));
}
