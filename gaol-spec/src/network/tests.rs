//! What `net` and `listen` take, and what each mistake is told.

use super::*;

#[test]
fn accepts_ports_sockets_and_all() {
    for port in [1, 80, 443, 65535] {
        for parse in [parse_network, parse_listen] {
            assert_eq!(parse(&format!("tcp:{port}")), Ok(Network::Tcp(port)));
            assert_eq!(parse(&format!("udp:{port}")), Ok(Network::Udp(port)));
        }
    }
    assert_eq!(parse_network("all"), Ok(Network::All));
    assert_eq!(parse_listen("all"), Ok(Network::All));
    for path in ["/run/x.sock", "/", "/a b", "/run/a:b"] {
        assert_eq!(parse_network(&format!("unix:{path}")), Ok(Network::Unix(path.to_owned())));
    }
}

#[test]
fn each_mistake_in_net_has_its_message() {
    for (text, message) in [
        ("", "the network operation is empty; expected `tcp:PORT`, `udp:PORT`, `unix:PATH` or `all`"),
        ("tcp", "`tcp` names no port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:", "`tcp:` names no port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:0", "`tcp:0` names no port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:65536", "`tcp:65536` names a port past the last; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:abc", "`tcp:abc` names a port that is not a number; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:1-1024", "`tcp:1-1024` names more than one port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:*", "`tcp:*` names more than one port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:0443", "`tcp:0443` writes the port with a leading zero; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:+443", "`tcp:+443` writes the port with a sign; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp:-1", "`tcp:-1` writes the port with a sign; expected `tcp:PORT` with PORT in 1..=65535"),
        ("tcp: 443", "`tcp: 443` contains a space; write `tcp:443`"),
        (" tcp:443", "` tcp:443` contains a space; write `tcp:443`"),
        ("udp", "`udp` names no port; expected `udp:PORT` with PORT in 1..=65535"),
        ("udp:0", "`udp:0` names no port; expected `udp:PORT` with PORT in 1..=65535"),
        ("udp:dns", "`udp:dns` names a port that is not a number; expected `udp:PORT` with PORT in 1..=65535"),
        (
            "tcp:[::1]:443",
            "`tcp:[::1]:443` names an IPv6 address, and `tcp:PORT` allows every host; expected `tcp:PORT` with PORT in 1..=65535",
        ),
        (
            "[::1]:443",
            "`[::1]:443` names an IPv6 address, and `tcp:PORT` allows every host; expected `tcp:PORT`, `udp:PORT`, \
             `unix:PATH` or `all`",
        ),
        (
            "tcp:::1",
            "`tcp:::1` names an IPv6 address, and `tcp:PORT` allows every host; expected `tcp:PORT` with PORT in 1..=65535",
        ),
        (
            "tcp:example.com:443",
            "`tcp:example.com:443`: naming a host is not built yet; resolve it in the application, pass the addresses, and \
             write `tcp:443`",
        ),
        (
            "udp:1.1.1.1:53",
            "`udp:1.1.1.1:53`: naming a host is not built yet; resolve it in the application, pass the addresses, and \
             write `udp:53`",
        ),
        (
            "tcp:example.com:",
            "`tcp:example.com:`: naming a host is not built yet; resolve it in the application, pass the addresses, and \
             write `tcp:PORT`",
        ),
        (
            "dns",
            "`dns`: name resolution is not built yet; resolve in the application and pass the addresses, or write what a \
             resolver needs: `net = \"udp:53\"` and files, such as `read = [\"/etc/hosts\", \"/etc/resolv.conf\"]`",
        ),
        ("unix", "`unix:` names no path; expected an absolute path after it"),
        ("unix:", "`unix:` names no path; expected an absolute path after it"),
        ("unix:x", "the path in `unix:x` is relative; expected an absolute path, which starts with `/`"),
        ("unix:/a/", "the path in `unix:/a/` ends with `/`; write `unix:/a`"),
        ("unix://run/x", "the path in `unix://run/x` has a doubled `/`; write `unix:/run/x`"),
        ("unix:literal:/x", "`unix:literal:/x`: a socket is one file in any case; write `unix:/x`"),
        (
            "unix:@bus",
            "`unix:@bus` names an abstract socket, which has no path to allow; expected the path of a socket, such as \
             `unix:/run/x.sock`",
        ),
        ("/run/x.sock", "`/run/x.sock` names no protocol; write `unix:/run/x.sock`"),
        ("all:443", "`all:443`: `all` is every port; write `all`, or one port as in `tcp:443`"),
        ("ALL", "`ALL` is not a protocol; did you mean `all`?"),
        ("https://a.b", "`https://a.b` names a protocol above TCP; write `tcp:443`"),
        ("443", "`443` names no protocol; write `tcp:443`"),
        ("TCP:443", "`TCP` is not a protocol; did you mean `tcp:443`?"),
        ("tpc:443", "`tpc` is not a protocol; did you mean `tcp:443`?"),
        ("sctp:1", "`sctp` is not a protocol; did you mean `tcp:1`?"),
        ("udp4:53", "`udp4` is not a protocol; did you mean `udp:53`?"),
        ("unx:/a b", "`unx` is not a protocol; did you mean `unix:/a b`?"),
        ("example.com", "`example.com` is not a protocol; expected `tcp:PORT`, `udp:PORT`, `unix:PATH` or `all`"),
        ("*", "`*` is not a protocol; expected `tcp:PORT`, `udp:PORT`, `unix:PATH` or `all`"),
    ] {
        assert_eq!(parse_network(text).unwrap_err().to_string(), message, "{text:?}");
    }
}

#[test]
fn each_mistake_in_listen_has_its_message() {
    for (text, message) in [
        ("", "the network operation is empty; expected `tcp:PORT`, `udp:PORT` or `all`"),
        ("tcp:0", "`tcp:0` names no port; expected `tcp:PORT` with PORT in 1..=65535"),
        ("8080", "`8080` names no protocol; write `tcp:8080`"),
        (
            "tcp:127.0.0.1:8080",
            "`tcp:127.0.0.1:8080`: naming an address is not built yet; write `tcp:8080`, which listens on every address",
        ),
        (
            "udp:[::]:53",
            "`udp:[::]:53` names an IPv6 address, and `udp:PORT` listens on every address; expected `udp:PORT` with PORT in \
             1..=65535",
        ),
        (
            "unix:/run/x.sock",
            "`unix:/run/x.sock` is a Unix socket, which no sandboxed function may bind; bind the socket in the application, \
             outside",
        ),
        (
            "/run/x.sock",
            "`/run/x.sock` is a Unix socket, which no sandboxed function may bind; bind the socket in the application, outside",
        ),
        ("dns", "`dns` is not a protocol; expected `tcp:PORT`, `udp:PORT` or `all`"),
        ("unx:/x", "`unx` is not a protocol; expected `tcp:PORT`, `udp:PORT` or `all`"),
        ("al", "`al` is not a protocol; did you mean `all`?"),
    ] {
        assert_eq!(parse_listen(text).unwrap_err().to_string(), message, "{text:?}");
    }
}
