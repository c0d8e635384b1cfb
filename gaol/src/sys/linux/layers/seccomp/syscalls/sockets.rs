//! Sockets: which can be made, and what can be done with them. Which ports and paths they reach is not the filters' to say.

use libc::{EAFNOSUPPORT, EINVAL, ENOPROTOOPT, ENOSYS, EOPNOTSUPP, EPERM};

use super::bits;
use crate::sys::layers::seccomp::rule::Action::{Allow, Answer, Ask, Handle, Ignore, Refuse};
use crate::sys::layers::seccomp::rule::{Action, Rule, Table, argument, when};
use crate::sys::layers::seccomp::{Gate, Shape};

pub(super) fn list(table: &mut Table, shape: &Shape) {
    table.allow(&[libc::SYS_getsockname, libc::SYS_getpeername]);
    // SHUT_RD, SHUT_WR, SHUT_RDWR.
    table.choose(libc::SYS_shutdown, [when([argument(1).one_of(&[0, 1, 2])], Allow)], Answer(EINVAL));
    making(table, shape);
    connecting(table, shape);
    serving(table, shape);
    sending(table, shape);
    receiving(table);
    options(table, shape);
}

/// What the handler of SIGSYS puts where listen(2) has no argument. Whoever else does it asks as well, and cannot be looked at.
pub(crate) const BY_HANDLER: u32 = 0x6761_6F6C;

/// Whether the process may let others look at it, and be looked at no more. A filter that asks may lie beneath one that need not.
pub(crate) fn shows_itself(shape: &Shape) -> bool {
    !shape.exec && (shape.listen == Gate::ZygoteRequest || shape.narrows && shape.listen == Gate::Open)
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
    }
    // From a socket that listens already, if it was handed over, or is held by a process that puts itself under a profile.
    table.allow(&[libc::SYS_accept]);
    let flags = argument(3).only(bits(libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC));
    table.choose(libc::SYS_accept4, [when([flags], Allow)], Refuse(EPERM));
}

/// The flags of send(2). Not MSG_OOB, a queue beside the queue, also of Unix sockets; not MSG_ZEROCOPY, which pins memory; not MSG_CONFIRM, which
/// keeps a neighbour's entry alive; not MSG_DONTROUTE.
const SENDING: u32 = bits(libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_EOR | libc::MSG_MORE);

/// The flags of recv(2). MSG_NOSIGNAL means nothing there, and is given.
const RECEIVING: u32 = bits(
    libc::MSG_DONTWAIT
        | libc::MSG_NOSIGNAL
        | libc::MSG_PEEK
        | libc::MSG_TRUNC
        | libc::MSG_WAITALL
        | libc::MSG_ERRQUEUE
        | libc::MSG_CMSG_CLOEXEC,
);

fn sending(table: &mut Table, shape: &Shape) {
    // A TCP socket takes no notice of the address; others are judged by it. Where it is not: to the peer only, for it could name another.
    let to_peer = (!sends_to_addresses(shape)).then(|| argument(4).is_zero());
    let mut calls = vec![(libc::SYS_sendto, argument(3), to_peer), (libc::SYS_sendmsg, argument(2), None)];
    if sends_to_addresses(shape) {
        // Both at a time, as glibc's resolver does.
        calls.push((libc::SYS_sendmmsg, argument(3), None));
    } else {
        // Callers go on with sendmsg, one by one.
        let opens = argument(3).has(bits(libc::MSG_FASTOPEN));
        table.choose(libc::SYS_sendmmsg, [when([opens], Refuse(EPERM))], Answer(ENOSYS));
    }
    for (call, flags, to_peer) in calls {
        let mut rules = Vec::new();
        // TCP Fast Open connects while it sends, unseen by older Landlock.
        rules.push(when([flags.has(bits(libc::MSG_FASTOPEN))], Refuse(EPERM)));
        // As of a protocol that has no such flag.
        rules.push(when([flags.has(!SENDING & !bits(libc::MSG_FASTOPEN))], Answer(EOPNOTSUPP)));
        match to_peer {
            None => table.decide(call, rules, Allow),
            Some(to_peer) => {
                rules.push(when([to_peer], Allow));
                table.decide(call, rules, Refuse(EPERM));
            }
        }
    }
}

fn receiving(table: &mut Table) {
    for (call, flags) in [
        (libc::SYS_recvfrom, argument(3).only(RECEIVING)),
        (libc::SYS_recvmsg, argument(2).only(RECEIVING)),
        (libc::SYS_recvmmsg, argument(3).only(RECEIVING | bits(libc::MSG_WAITFORONE))),
    ] {
        table.choose(call, [when([flags], Allow)], Answer(EOPNOTSUPP));
    }
}

/// The options of one level.
type Options = (i32, &'static [i32]);

/// What a socket is asked and told about itself, both ways.
const OWN: [Options; 4] = [
    (
        libc::SOL_SOCKET,
        &[libc::SO_REUSEADDR, libc::SO_KEEPALIVE, libc::SO_REUSEPORT, libc::SO_RCVTIMEO, libc::SO_SNDTIMEO],
    ),
    (
        libc::IPPROTO_TCP,
        &[
            libc::TCP_NODELAY,
            libc::TCP_CORK,
            libc::TCP_KEEPIDLE,
            libc::TCP_KEEPINTVL,
            libc::TCP_KEEPCNT,
            libc::TCP_QUICKACK,
            libc::TCP_USER_TIMEOUT,
        ],
    ),
    (
        libc::IPPROTO_IP,
        // How its packets are marked and cut, and what comes beside those that arrive: QUIC does not begin without the last three.
        &[libc::IP_TOS, libc::IP_TTL, libc::IP_RECVERR, libc::IP_MTU_DISCOVER, libc::IP_PKTINFO, libc::IP_RECVTOS],
    ),
    (
        libc::IPPROTO_IPV6,
        &[
            libc::IPV6_UNICAST_HOPS,
            libc::IPV6_RECVERR,
            libc::IPV6_V6ONLY,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_RECVPKTINFO,
            libc::IPV6_RECVTCLASS,
            libc::IPV6_TCLASS,
        ],
    ),
];

/// What a socket of UDP is told beside: whom it may send to at once, and which groups it hears on the port that Landlock has let it be bound to.
const GROUPS: [Options; 3] = [
    (libc::SOL_SOCKET, &[libc::SO_BROADCAST]),
    (
        libc::IPPROTO_IP,
        &[
            libc::IP_MULTICAST_IF,
            libc::IP_MULTICAST_TTL,
            libc::IP_MULTICAST_LOOP,
            libc::IP_ADD_MEMBERSHIP,
            libc::IP_DROP_MEMBERSHIP,
            libc::IP_MULTICAST_ALL,
        ],
    ),
    (
        libc::IPPROTO_IPV6,
        &[
            libc::IPV6_MULTICAST_IF,
            libc::IPV6_MULTICAST_HOPS,
            libc::IPV6_MULTICAST_LOOP,
            libc::IPV6_ADD_MEMBERSHIP,
            libc::IPV6_DROP_MEMBERSHIP,
        ],
    ),
];

/// What is only asked: what a socket is, how a connection fares, who is at the other end of a Unix socket (whether it is the service that was
/// meant: D-Bus, PostgreSQL). Not a descriptor of that process (SO_PEERPIDFD).
const ASKED: [Options; 4] = [
    (
        libc::SOL_SOCKET,
        &[
            libc::SO_SNDBUF,
            libc::SO_RCVBUF,
            libc::SO_LINGER,
            libc::SO_OOBINLINE,
            libc::SO_PRIORITY,
            libc::SO_PASSCRED,
            libc::SO_TYPE,
            libc::SO_ERROR,
            libc::SO_ACCEPTCONN,
            libc::SO_PROTOCOL,
            libc::SO_DOMAIN,
            libc::SO_PEERCRED,
        ],
    ),
    (libc::IPPROTO_TCP, &[libc::TCP_MAXSEG, libc::TCP_INFO]),
    (libc::IPPROTO_IP, &[libc::IP_MTU]),
    (libc::IPPROTO_IPV6, &[libc::IPV6_MTU]),
];

/// What reaches beyond the socket: filters, which an application may have put there; devices, marks and addresses that are not its own; memory
/// beyond what the system allows; a connection's inside.
const HOSTILE: [Options; 3] = [
    (
        libc::SOL_SOCKET,
        &[
            libc::SO_BINDTODEVICE,
            libc::SO_ATTACH_FILTER,
            libc::SO_DETACH_FILTER,
            libc::SO_LOCK_FILTER,
            libc::SO_ATTACH_BPF,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            libc::SO_ATTACH_REUSEPORT_EBPF,
            libc::SO_MARK,
            libc::SO_SNDBUFFORCE,
            libc::SO_RCVBUFFORCE,
        ],
    ),
    (libc::IPPROTO_TCP, &[libc::TCP_REPAIR]),
    (libc::IPPROTO_IP, &[libc::IP_TRANSPARENT]),
];

fn options(table: &mut Table, shape: &Shape) {
    let has_udp = shape.udp || shape.bind_udp;
    let set = OWN.into_iter().chain(GROUPS.into_iter().filter(|_| has_udp));
    let mut rules: Vec<Rule> = set.map(|options| option(options, Allow)).collect();
    // What a socket holds in the kernel is nobody's memory. The kernel takes any size too, and gives as much as the system allows; here that
    // is what a socket begins with, and programs go on.
    rules.push(option((libc::SOL_SOCKET, &[libc::SO_SNDBUF, libc::SO_RCVBUF]), Ignore));
    rules.extend(HOSTILE.map(|options| option(options, Refuse(EPERM))));
    // Fast Open, protocols on top, segmentation, congestion control, credentials of messages; SO_LINGER: whoever closes the socket last waits
    // for as long as it says, and that may be the application, to which a child can send it, or from which it has it. As of a kernel that is
    // built without: who asks for these goes on.
    table.decide(libc::SYS_setsockopt, rules, Answer(ENOPROTOOPT));
    let rules = OWN.into_iter().chain(GROUPS).chain(ASKED).map(|options| option(options, Allow)).collect();
    table.decide(libc::SYS_getsockopt, rules, Answer(ENOPROTOOPT));
}

fn option((level, options): Options, action: Action) -> Rule {
    let options: Vec<u32> = options.iter().map(|option| bits(*option)).collect();
    when([argument(1).is(bits(level)), argument(2).one_of(&options)], action)
}
