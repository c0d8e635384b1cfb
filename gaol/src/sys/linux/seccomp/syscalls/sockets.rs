//! Sockets: which can be made, and what can be done with them. Which ports and paths they reach is not the filters' to say.

use libc::{EAFNOSUPPORT, ENOPROTOOPT, EPERM};

use super::bits;
use crate::sys::linux::seccomp::rule::Action::{Allow, Answer, Ask, Handle, Refuse};
use crate::sys::linux::seccomp::rule::{Argument, Rule, Table, argument, when};
use crate::sys::linux::seccomp::{Gate, Shape};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    table.allow(&[
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_shutdown,
        libc::SYS_getsockname,
        libc::SYS_getpeername,
    ]);
    making(table, shape);
    connecting(table, shape);
    serving(table, shape);
    sending(table, shape);
    options(table, shape);
}

/// What the handler of SIGSYS puts where listen(2) has no argument. Whoever else does it asks as well, and cannot be looked at.
pub(in crate::sys::linux) const BY_HANDLER: u32 = 0x6761_6F6C;

/// Whether the process may let others look at it, and be looked at no more. A filter that asks may lie beneath one that need not.
pub(in crate::sys::linux) fn shows_itself(shape: &Shape) -> bool {
    !shape.exec && (shape.listen == Gate::Asked || shape.narrows && shape.listen == Gate::Open)
}

/// Whether a message may say whom it is for.
pub(super) fn sends_to_addresses(shape: &Shape) -> bool {
    shape.udp || shape.bind_udp || shape.unix
}

fn making(table: &mut Table, shape: &Shape) {
    let kinds = |kinds: &[i32]| -> Vec<u32> {
        let modes = [0, libc::SOCK_NONBLOCK, libc::SOCK_CLOEXEC, libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC];
        kinds.iter().flat_map(|kind| modes.map(|mode| bits(kind | mode))).collect()
    };
    let (domain, kind, protocol) = (argument(0), argument(1), argument(2));
    let internet = |kind_of_socket: i32, its_protocol: i32| {
        let domain = domain.one_of(&[libc::AF_INET, libc::AF_INET6].map(bits));
        let protocol = protocol.one_of(&[0, its_protocol].map(bits));
        when([domain, kind.one_of(&kinds(&[kind_of_socket])), protocol], Allow)
    };
    let local = |kinds_of_socket: &[i32]| {
        when([domain.is(bits(libc::AF_UNIX)), kind.one_of(&kinds(kinds_of_socket)), protocol.is(0)], Allow)
    };
    let mut rules = Vec::new();
    // Landlock judges TCP, UDP and paths, and nothing else: not MPTCP, SCTP, UDP-Lite, raw sockets or other families.
    if shape.tcp || shape.listen != Gate::Closed {
        rules.push(internet(libc::SOCK_STREAM, libc::IPPROTO_TCP));
    }
    if shape.udp || shape.bind_udp {
        rules.push(internet(libc::SOCK_DGRAM, libc::IPPROTO_UDP));
    }
    if shape.unix {
        rules.push(local(&[libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET]));
    }
    table.decide(libc::SYS_socket, rules, Answer(EAFNOSUPPORT));
    // Two ends that know each other. A datagram socket could send to any bound path as well.
    let pair = local(&[libc::SOCK_STREAM, libc::SOCK_SEQPACKET]);
    table.choose(libc::SYS_socketpair, [pair], Answer(EAFNOSUPPORT));
}

fn connecting(table: &mut Table, shape: &Shape) {
    if shape.tcp || shape.udp || shape.unix {
        table.allow(&[libc::SYS_connect]);
    }
}

fn serving(table: &mut Table, shape: &Shape) {
    if shape.listen != Gate::Closed || shape.bind_udp {
        // The address is in memory: Landlock reads it.
        table.allow(&[libc::SYS_bind]);
    }
    if shape.listen != Gate::Closed {
        // A socket that was never bound gets a port of the kernel's choice, which Landlock does not see.
        match shape.listen {
            Gate::Open => table.always(libc::SYS_listen, Allow),
            // No handler outlives an exec.
            _ if shape.exec => table.always(libc::SYS_listen, Ask),
            // The handler asks, and lets the process be looked at for as long as that takes.
            _ => {
                let by_handler = argument(2).is(BY_HANDLER);
                table.choose(libc::SYS_listen, [when([by_handler], Ask)], Handle);
            }
        }
    } else if !shape.narrows {
        // A process that puts itself under a profile may have sockets that listen already.
        return;
    }
    table.allow(&[libc::SYS_accept]);
    let flags = argument(3).lacks(!bits(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC));
    table.choose(libc::SYS_accept4, [when([flags], Allow)], Refuse(EPERM));
}

fn sending(table: &mut Table, shape: &Shape) {
    // TCP Fast Open connects while it sends, unseen by older Landlock.
    let plain = |flags: Argument| flags.lacks(bits(libc::MSG_FASTOPEN));
    let sendto = if sends_to_addresses(shape) {
        // A TCP socket takes no notice of the address; others are judged by it.
        when([plain(argument(3))], Allow)
    } else {
        // To the peer only: an address could name another.
        when([plain(argument(3)), argument(4).is_zero()], Allow)
    };
    table.choose(libc::SYS_sendto, [sendto], Refuse(EPERM));
    table.choose(libc::SYS_sendmsg, [when([plain(argument(2))], Allow)], Refuse(EPERM));
    if sends_to_addresses(shape) {
        // Both at a time, as glibc's resolver does.
        table.choose(libc::SYS_sendmmsg, [when([plain(argument(3))], Allow)], Refuse(EPERM));
        table.allow(&[libc::SYS_recvmmsg]);
    }
}

fn options(table: &mut Table, shape: &Shape) {
    let tcp = [
        libc::TCP_NODELAY,
        libc::TCP_CORK,
        libc::TCP_KEEPIDLE,
        libc::TCP_KEEPINTVL,
        libc::TCP_KEEPCNT,
        libc::TCP_QUICKACK,
        libc::TCP_USER_TIMEOUT,
    ];
    let ip = [libc::IP_TOS, libc::IP_TTL, libc::IP_RECVERR];
    let ipv6 = [libc::IPV6_UNICAST_HOPS, libc::IPV6_RECVERR, libc::IPV6_V6ONLY];
    // Not SO_LINGER: whoever closes the socket last waits for as long as it says, and that may be the application, to which a child can
    // send it, or from which it has it.
    let socket = [
        libc::SO_REUSEADDR,
        libc::SO_SNDBUF,
        libc::SO_RCVBUF,
        libc::SO_KEEPALIVE,
        libc::SO_REUSEPORT,
        libc::SO_RCVTIMEO,
        libc::SO_SNDTIMEO,
    ];
    let mut rules = vec![
        option(libc::SOL_SOCKET, &socket),
        option(libc::IPPROTO_TCP, &tcp),
        option(libc::IPPROTO_IP, &ip),
        option(libc::IPPROTO_IPV6, &ipv6),
    ];
    if shape.udp {
        // musl's resolver tries it when an answer was cut short, and connects after an error.
        let fast_open = [argument(1).is(bits(libc::IPPROTO_TCP)), argument(2).is(bits(libc::TCP_FASTOPEN_CONNECT))];
        rules.push(when(fast_open, Answer(ENOPROTOOPT)));
    }
    // Not filters, marks, devices, Fast Open, segmentation, protocols on top, congestion control, repair.
    table.decide(libc::SYS_setsockopt, rules, Refuse(EPERM));
    // To read: the same and what a socket is. Not who the peer is, nor a descriptor of it (SO_PEERPIDFD).
    let mut about =
        vec![libc::SO_LINGER, libc::SO_TYPE, libc::SO_ERROR, libc::SO_ACCEPTCONN, libc::SO_PROTOCOL, libc::SO_DOMAIN];
    if shape.unix {
        // Whether it is the service that was meant: D-Bus and PostgreSQL.
        about.push(libc::SO_PEERCRED);
    }
    table.choose(
        libc::SYS_getsockopt,
        [
            option(libc::SOL_SOCKET, &[&socket[..], &about].concat()),
            option(libc::IPPROTO_TCP, &[&tcp[..], &[libc::TCP_MAXSEG, libc::TCP_INFO]].concat()),
            option(libc::IPPROTO_IP, &ip),
            option(libc::IPPROTO_IPV6, &ipv6),
        ],
        Refuse(EPERM),
    );
}

/// Some options of one level.
fn option(level: i32, options: &[i32]) -> Rule {
    let options: Vec<u32> = options.iter().map(|option| bits(*option)).collect();
    when([argument(1).is(bits(level)), argument(2).one_of(&options)], Allow)
}
