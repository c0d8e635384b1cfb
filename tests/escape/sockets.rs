//! Rows 86–95, 97: out over any kind of socket, other than to the port that the profile lists.

use gaol::Layer::{Capabilities, Landlock, Namespaces, Seccomp};
use libc::{
    AF_INET, AF_INET6, AF_UNIX, EACCES, EAFNOSUPPORT, ENOPROTOOPT, EPERM, IPPROTO_TCP, MSG_FASTOPEN, SOCK_DGRAM,
    SOCK_RAW, SOCK_STREAM, SOL_SOCKET,
};
use serde::{Deserialize, Serialize};

use super::place::Place;
use super::profiles::Profile::{Nothing, Read, Tcp, Write};
use super::row::{Answer, Row, row};
use super::toolbox::{Attempt, Refusal, c_path, call};

/// How the network, or a socket of this host, is reached.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketAct {
    /// The control of all of these: the port that the profile lists.
    ConnectGranted,
    ConnectOther,
    ConnectOtherV6,
    /// The other port by an IPv4 address that is written as an IPv6 one.
    ConnectMapped,
    /// Connects to the granted port, dissolves, and connects to the other.
    ConnectAgain,
    /// Sends data in the first packet, to a socket that was never connected.
    FastOpen(Send),
    /// The same, by an option of the socket.
    FastOpenOption,
    Multipath,
    Sctp,
    Smc,
    UdpLite,
    Dccp,
    Udp,
    UdpConnected,
    UdpBind,
    Icmp,
    Raw,
    RawV6,
    Packet,
    Bind,
    ListenWithoutBind,
    ListenBound,
    /// Nothing but `socket(domain, type)`.
    Open(i32, i32),
    UnixPath,
    UnixPathInside,
    UnixDatagram,
    Abstract,
    /// `setsockopt`, on a TCP socket.
    Option(SocketOption),
    /// A socket of the host, through a packet socket of the neighbours' kind.
    IoctlInterface,
}

/// Which call sends.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Send {
    To,
    Message,
    Messages,
}

/// An option that changes more than the socket's own buffers.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOption {
    AttachFilter,
    AttachBpf,
    BindToDevice,
    Mark,
    UpperProtocol,
    Repair,
    Congestion,
    Transparent,
}

const MULTIPATH: i32 = 262;

pub(crate) fn perform(act: SocketAct, place: &Place) -> Attempt {
    use SocketAct as S;
    let other = v4(place.other_port);
    let done = |word: &'static str| move |_| word.to_owned();
    match act {
        S::ConnectGranted => connect(socket(AF_INET, SOCK_STREAM, 0)?, &v4(place.granted_port)),
        S::ConnectOther => connect(socket(AF_INET, SOCK_STREAM, 0)?, &other),
        S::ConnectOtherV6 => {
            let fd = socket(AF_INET6, SOCK_STREAM, 0)?;
            let loopback = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
            connect(fd, &v6(place.other_port_v6.unwrap_or(place.other_port), loopback))
        }
        S::ConnectMapped => {
            let fd = socket(AF_INET6, SOCK_STREAM, 0)?;
            let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1];
            connect(fd, &v6(place.other_port, mapped))
        }
        S::ConnectAgain => {
            let fd = socket(AF_INET, SOCK_STREAM, 0)?;
            let _ = connect(fd, &v4(place.granted_port));
            let unspecified = [0_u8; 16];
            let _ = call!(libc::SYS_connect, fd, unspecified.as_ptr(), 16);
            connect(fd, &other)
        }
        S::FastOpen(send) => send_to(socket(AF_INET, SOCK_STREAM, 0)?, &other, MSG_FASTOPEN, send),
        S::FastOpenOption => {
            let (fd, on) = (socket(AF_INET, SOCK_STREAM, 0)?, 1_i32);
            call!(libc::SYS_setsockopt, fd, IPPROTO_TCP, 30, &raw const on, 4)?;
            let _ = call!(libc::SYS_connect, fd, other.as_ptr(), other.len())?;
            call!(libc::SYS_write, fd, c"out".as_ptr(), 3).map(done("sent"))
        }
        S::Multipath => connect(socket(AF_INET, SOCK_STREAM, MULTIPATH)?, &other),
        S::Sctp => socket(AF_INET, SOCK_STREAM, 132).map(|_| "a socket".into()),
        S::Smc => socket(43, SOCK_STREAM, 0).map(|_| "a socket".into()),
        S::UdpLite => send_to(socket(AF_INET, SOCK_DGRAM, 136)?, &v4(place.udp_port), 0, Send::To),
        S::Dccp => socket(AF_INET, 6, 33).map(|_| "a socket".into()),
        S::Udp => send_to(socket(AF_INET, SOCK_DGRAM, 0)?, &v4(place.udp_port), 0, Send::To),
        S::UdpConnected => {
            let fd = socket(AF_INET, SOCK_DGRAM, 0)?;
            connect(fd, &v4(place.udp_port))?;
            call!(libc::SYS_write, fd, c"out".as_ptr(), 3).map(done("sent"))
        }
        S::UdpBind => bind(socket(AF_INET, SOCK_DGRAM, 0)?),
        S::Icmp => socket(AF_INET, SOCK_DGRAM, libc::IPPROTO_ICMP).map(|_| "a socket".into()),
        S::Raw => socket(AF_INET, SOCK_RAW, libc::IPPROTO_RAW).map(|_| "a socket".into()),
        S::RawV6 => socket(AF_INET6, SOCK_RAW, libc::IPPROTO_ICMPV6).map(|_| "a socket".into()),
        S::Packet => socket(libc::AF_PACKET, SOCK_RAW, 0x0300).map(|_| "a socket".into()),
        S::Bind => bind(socket(AF_INET, SOCK_STREAM, 0)?),
        S::ListenWithoutBind => call!(libc::SYS_listen, socket(AF_INET, SOCK_STREAM, 0)?, 1).map(done("listening")),
        S::ListenBound => {
            let fd = socket(AF_INET, SOCK_STREAM, 0)?;
            bind(fd)?;
            call!(libc::SYS_listen, fd, 1).map(done("listening"))
        }
        S::Open(domain, kind) => socket(domain, kind, 0).map(|_| "a socket".into()),
        S::UnixPath => connect(socket(AF_UNIX, SOCK_STREAM, 0)?, &unix(c_path(&place.unix_stream).as_bytes())),
        S::UnixPathInside => {
            connect(socket(AF_UNIX, SOCK_STREAM, 0)?, &unix(c_path(&place.unix_stream_inside).as_bytes()))
        }
        S::UnixDatagram => {
            let address = unix(c_path(&place.unix_datagram).as_bytes());
            send_to(socket(AF_UNIX, SOCK_DGRAM, 0)?, &address, 0, Send::To)
        }
        S::Abstract => {
            let name = [b"\0", place.abstract_name.as_bytes()].concat();
            connect(socket(AF_UNIX, SOCK_STREAM, 0)?, &unix(&name))
        }
        S::Option(option) => set(socket(AF_INET, SOCK_STREAM, 0)?, option),
        S::IoctlInterface => {
            let fd = socket(AF_INET, SOCK_STREAM, 0)?;
            let mut request = [0_u8; 40];
            request[..2].copy_from_slice(b"lo");
            call!(libc::SYS_ioctl, fd, libc::SIOCGIFFLAGS, request.as_mut_ptr()).map(done("an interface"))
        }
    }
}

fn socket(domain: i32, kind: i32, protocol: i32) -> Result<i32, Refusal> {
    call!(libc::SYS_socket, domain, kind, protocol).map(|fd| fd as i32)
}

fn connect(fd: i32, address: &[u8]) -> Attempt {
    call!(libc::SYS_connect, fd, address.as_ptr(), address.len()).map(|_| "connected".into())
}

fn bind(fd: i32) -> Attempt {
    let any = v4(0);
    call!(libc::SYS_bind, fd, any.as_ptr(), any.len()).map(|_| "bound".into())
}

fn send_to(fd: i32, address: &[u8], flags: i32, send: Send) -> Attempt {
    let text = b"out";
    let vector = [text.as_ptr() as usize, text.len()];
    let message = [address.as_ptr() as usize, address.len(), vector.as_ptr() as usize, 1, 0, 0, 0, 0];
    let sent = match send {
        Send::To => call!(libc::SYS_sendto, fd, text.as_ptr(), 3, flags, address.as_ptr(), address.len()),
        Send::Message => call!(libc::SYS_sendmsg, fd, message.as_ptr(), flags),
        Send::Messages => call!(libc::SYS_sendmmsg, fd, message.as_ptr(), 1, flags),
    };
    sent.map(|_| "sent".into())
}

fn set(fd: i32, option: SocketOption) -> Attempt {
    let number = |level: i32, name: i32, value: i32| call!(libc::SYS_setsockopt, fd, level, name, &raw const value, 4);
    let text = |level: i32, name: i32, value: &std::ffi::CStr| {
        call!(libc::SYS_setsockopt, fd, level, name, value, value.count_bytes())
    };
    let set = match option {
        SocketOption::AttachFilter => {
            // `ret 0`: a filter that takes nothing.
            let program = [0x06_u64];
            let filter = [1_usize, program.as_ptr() as usize];
            call!(libc::SYS_setsockopt, fd, SOL_SOCKET, libc::SO_ATTACH_FILTER, filter.as_ptr(), 16)
        }
        SocketOption::AttachBpf => {
            let program = [0xb7_u64, 0x95];
            let attributes = [1 | 2 << 32, program.as_ptr() as u64, c"GPL".as_ptr() as u64, 0, 0, 0];
            let loaded = call!(libc::SYS_bpf, 5, attributes.as_ptr(), size_of_val(&attributes));
            number(SOL_SOCKET, libc::SO_ATTACH_BPF, loaded.map_or(-1, |fd| fd as i32))
        }
        SocketOption::BindToDevice => text(SOL_SOCKET, libc::SO_BINDTODEVICE, c"lo"),
        SocketOption::Mark => number(SOL_SOCKET, libc::SO_MARK, 7),
        SocketOption::UpperProtocol => text(IPPROTO_TCP, 31, c"tls"),
        SocketOption::Repair => number(IPPROTO_TCP, 19, 1),
        SocketOption::Congestion => text(IPPROTO_TCP, libc::TCP_CONGESTION, c"reno"),
        SocketOption::Transparent => number(libc::SOL_IP, libc::IP_TRANSPARENT, 1),
    };
    set.map(|_| "set".into())
}

fn v4(port: u16) -> [u8; 16] {
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&(AF_INET as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[4..8].copy_from_slice(&[127, 0, 0, 1]);
    address
}

fn v6(port: u16, host: [u8; 16]) -> [u8; 28] {
    let mut address = [0_u8; 28];
    address[..2].copy_from_slice(&(AF_INET6 as u16).to_ne_bytes());
    address[2..4].copy_from_slice(&port.to_be_bytes());
    address[8..24].copy_from_slice(&host);
    address
}

fn unix(name: &[u8]) -> Vec<u8> {
    let mut address = (AF_UNIX as u16).to_ne_bytes().to_vec();
    address.extend_from_slice(name);
    address
}

pub(crate) fn rows() -> Vec<Row> {
    use SocketAct as S;
    const EVERY: &[gaol::Layer] = &[Namespaces, Capabilities, Landlock, Seccomp];
    const ABSENT: &str = "this kernel is built without the protocol";
    let mut rows = Vec::new();

    // The grant itself works, so what follows is not refused for another reason.
    rows.push(
        row(86, "connect(granted port) under Tcp", S::ConnectGranted)
            .under(Tcp)
            .always(Answer::done())
            .no_control("this row is the control of the next"),
    );
    let connects = [
        (86, "connect(other port)", S::ConnectOther, EACCES),
        (86, "connect([::1]:other port)", S::ConnectOtherV6, EACCES),
        (89, "connect([::ffff:127.0.0.1]:other port)", S::ConnectMapped, EACCES),
        (89, "connect(granted), connect(AF_UNSPEC), connect(other)", S::ConnectAgain, EACCES),
    ];
    for (number, name, act, errno) in connects {
        rows.push(row(number, format!("{name} under Tcp"), act).under(Tcp).always(errno).open_without(&[Landlock]));
    }

    // Without a grant there are no sockets at all.
    let none = [
        (86, "connect(any port)", S::ConnectOther),
        (86, "connect([::1]:any port)", S::ConnectOtherV6),
        (87, "sendto(MSG_FASTOPEN)", S::FastOpen(Send::To)),
        (88, "socket(IPPROTO_MPTCP)", S::Multipath),
        (91, "sendto(UDP)", S::Udp),
        (94, "connect(AF_UNIX path)", S::UnixPath),
        (95, "connect(AF_UNIX abstract)", S::Abstract),
    ];
    for (number, name, act) in none {
        for profile in [Nothing, Read, Write] {
            rows.push(
                row(number, format!("{name} under {profile:?}"), act)
                    .under(profile)
                    .always(EAFNOSUPPORT)
                    .open_without(EVERY),
            );
        }
    }

    // Beside a grant there is TCP, and nothing else.
    let refused = [
        (87, "sendto(MSG_FASTOPEN, other port)", S::FastOpen(Send::To), EPERM),
        (87, "sendmsg(MSG_FASTOPEN, other port)", S::FastOpen(Send::Message), EPERM),
        (87, "sendmmsg(MSG_FASTOPEN, other port)", S::FastOpen(Send::Messages), EPERM),
        (87, "setsockopt(TCP_FASTOPEN_CONNECT), connect(other port)", S::FastOpenOption, ENOPROTOOPT),
        (88, "connect(IPPROTO_MPTCP, other port)", S::Multipath, EAFNOSUPPORT),
        (88, "socket(IPPROTO_SCTP)", S::Sctp, EAFNOSUPPORT),
        (88, "socket(AF_SMC)", S::Smc, EAFNOSUPPORT),
        (88, "sendto(UDP-Lite)", S::UdpLite, EAFNOSUPPORT),
        (88, "socket(DCCP)", S::Dccp, EAFNOSUPPORT),
        (91, "sendto(UDP)", S::Udp, EAFNOSUPPORT),
        (91, "connect(UDP), write", S::UdpConnected, EAFNOSUPPORT),
        (91, "bind(UDP)", S::UdpBind, EAFNOSUPPORT),
        (86, "bind(TCP)", S::Bind, EPERM),
        (86, "listen without bind", S::ListenWithoutBind, EPERM),
        (86, "bind, listen", S::ListenBound, EPERM),
        (93, "socket(AF_NETLINK)", S::Open(libc::AF_NETLINK, SOCK_RAW), EAFNOSUPPORT),
        (93, "socket(AF_VSOCK)", S::Open(libc::AF_VSOCK, SOCK_STREAM), EAFNOSUPPORT),
        (93, "socket(AF_ALG)", S::Open(libc::AF_ALG, libc::SOCK_SEQPACKET), EAFNOSUPPORT),
        (93, "socket(AF_XDP)", S::Open(44, SOCK_RAW), EAFNOSUPPORT),
        (93, "socket(AF_TIPC)", S::Open(30, SOCK_STREAM), EAFNOSUPPORT),
        (93, "socket(AF_BLUETOOTH)", S::Open(libc::AF_BLUETOOTH, SOCK_STREAM), EAFNOSUPPORT),
        (93, "socket(AF_QIPCRTR)", S::Open(42, SOCK_DGRAM), EAFNOSUPPORT),
        (94, "connect(AF_UNIX path)", S::UnixPath, EAFNOSUPPORT),
        (94, "sendto(AF_UNIX datagram)", S::UnixDatagram, EAFNOSUPPORT),
        (95, "connect(AF_UNIX abstract)", S::Abstract, EAFNOSUPPORT),
        (97, "ioctl(SIOCGIFFLAGS)", S::IoctlInterface, EPERM),
    ];
    for (number, name, act, errno) in refused {
        rows.push(
            row(number, format!("{name} under Tcp"), act).under(Tcp).always(errno).open_without(EVERY).may_lack(ABSENT),
        );
    }
    // The hole that only the filter closes, shown with Landlock in place.
    rows.push(
        row(88, "connect(IPPROTO_MPTCP, other port), Landlock in place", S::Multipath)
            .under(Tcp)
            .always(EAFNOSUPPORT)
            .open_without(&[Seccomp])
            .may_lack("this kernel has no multipath TCP, or judges it"),
    );
    rows.push(
        row(87, "sendto(MSG_FASTOPEN, other port), Landlock in place", S::FastOpen(Send::To))
            .under(Tcp)
            .always(EPERM)
            .open_without(&[Seccomp])
            .may_lack("this kernel judges TCP Fast Open"),
    );
    rows.push(
        row(94, "connect(AF_UNIX path in the read grant)", S::UnixPathInside)
            .under(Read)
            .always(EAFNOSUPPORT)
            .open_without(EVERY),
    );
    const PINGS: &str = "this system lets nobody ping (net.ipv4.ping_group_range)";
    rows.push(
        row(92, "socket(ICMP datagram) under Tcp", S::Icmp)
            .under(Tcp)
            .always(EAFNOSUPPORT)
            .open_without(EVERY)
            .may_lack(PINGS),
    );
    rows.push(
        row(92, "socket(ICMP datagram) under Nothing", S::Icmp)
            .always(EAFNOSUPPORT)
            .open_without(EVERY)
            .may_lack(PINGS),
    );
    let root = [
        ("socket(RAW)", S::Raw, EAFNOSUPPORT),
        ("socket(RAW, IPv6)", S::RawV6, EAFNOSUPPORT),
        ("socket(AF_PACKET)", S::Packet, EAFNOSUPPORT),
    ];
    for (name, act, errno) in root {
        rows.push(
            row(92, format!("{name} under Tcp"), act)
                .under(Tcp)
                .always(errno)
                .open_without(EVERY)
                .root_only("raw sockets need CAP_NET_RAW")
                .may_lack(ABSENT),
        );
        rows.push(
            row(92, format!("{name} under Nothing"), act)
                .always(EAFNOSUPPORT)
                .open_without(EVERY)
                .root_only("raw sockets need CAP_NET_RAW")
                .may_lack(ABSENT),
        );
    }
    let options = [
        ("SO_ATTACH_FILTER", SocketOption::AttachFilter, "some kernels want CAP_NET_ADMIN for a socket filter"),
        ("SO_ATTACH_BPF", SocketOption::AttachBpf, "loading a program needs CAP_BPF"),
        ("SO_BINDTODEVICE", SocketOption::BindToDevice, "binding to a device may need CAP_NET_RAW"),
        ("SO_MARK", SocketOption::Mark, "marks need CAP_NET_ADMIN"),
        ("TCP_ULP", SocketOption::UpperProtocol, "an upper protocol needs a connection first"),
        ("TCP_REPAIR", SocketOption::Repair, "repair needs CAP_NET_ADMIN"),
        ("TCP_CONGESTION", SocketOption::Congestion, ""),
        ("IP_TRANSPARENT", SocketOption::Transparent, "it needs CAP_NET_ADMIN"),
    ];
    for (name, option, privilege) in options {
        // Loading the program is what is refused first.
        let expected = match option {
            SocketOption::AttachBpf => Answer::Violation,
            // As of a kernel without: whoever asks goes on.
            SocketOption::UpperProtocol | SocketOption::Congestion => ENOPROTOOPT.into(),
            _ => EPERM.into(),
        };
        let mut one = row(97, format!("setsockopt({name}) under Tcp"), S::Option(option))
            .under(Tcp)
            .always(expected)
            .open_without(EVERY);
        if !privilege.is_empty() {
            one = one.root_only(privilege);
        }
        if option == SocketOption::UpperProtocol {
            one = one.may_lack(privilege);
        }
        rows.push(one);
    }
    rows
}
