//! The grammar of `net`.

use crate::SpecError;
use crate::nearest::nearest;

/// One outbound network operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Network {
    /// TCP connections to this port of any host.
    Tcp(u16),
}

const EXPECTED: &str = "expected `tcp:PORT` with PORT in 1..=65535";

/// Reads `tcp:PORT`.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_network(text: &str) -> Result<Network, SpecError> {
    let wrong = |what: &str| Err(SpecError::new(format!("`{text}` {what}; {EXPECTED}")));
    let not_built = |what: &str| Err(SpecError::new(format!("`{text}`: {what} not built yet; {EXPECTED}")));

    if text.is_empty() {
        return Err(SpecError::new(format!("the network operation is empty; {EXPECTED}")));
    }
    if text.contains(char::is_whitespace) {
        let joined: String = text.split_whitespace().collect();
        return Err(SpecError::new(format!("`{text}` contains a space; write `{joined}`")));
    }
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) => (scheme, Some(rest)),
        None => (text, None),
    };
    match (scheme, rest) {
        ("tcp", None | Some("")) => wrong("names no port"),
        ("tcp", Some(rest)) if rest.starts_with('[') || rest.matches(':').count() > 1 => {
            wrong("names an IPv6 address, and `tcp:PORT` allows every host")
        }
        ("tcp", Some(rest)) if rest.contains(':') => not_built("naming a host is"),
        ("tcp", Some(port)) => parse_port(text, port).map(Network::Tcp),
        ("udp", _) => not_built("UDP is"),
        ("dns", _) => not_built("name resolution is"),
        ("unix", _) => not_built("Unix sockets are"),
        ("http", _) => Err(SpecError::new(format!("`{text}` names a protocol above TCP; write `tcp:80`"))),
        ("https", _) => Err(SpecError::new(format!("`{text}` names a protocol above TCP; write `tcp:443`"))),
        (scheme, _) if scheme.starts_with('[') || text.starts_with("::") => {
            wrong("names an IPv6 address, and `tcp:PORT` allows every host")
        }
        (port, None) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(SpecError::new(format!("`{text}` names no protocol; write `tcp:{text}`")))
        }
        (scheme, rest) => match (nearest(scheme, &["tcp"]), rest) {
            (Some(near), Some(rest)) => {
                Err(SpecError::new(format!("`{scheme}` is not a protocol; did you mean `{near}:{rest}`?")))
            }
            _ => Err(SpecError::new(format!("`{scheme}` is not a protocol; {EXPECTED}"))),
        },
    }
}

fn parse_port(text: &str, port: &str) -> Result<u16, SpecError> {
    let wrong = |what: &str| Err(SpecError::new(format!("`{text}` {what}; {EXPECTED}")));
    if port.starts_with(['+', '-']) {
        return wrong("writes the port with a sign");
    }
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        let range = port.contains(['-', ',', '*']);
        return wrong(if range { "names more than one port" } else { "names a port that is not a number" });
    }
    if port.bytes().all(|byte| byte == b'0') {
        return wrong("names no port");
    }
    if port.starts_with('0') {
        return wrong("writes the port with a leading zero");
    }
    port.parse().or_else(|_| wrong("names a port past the last"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_port_of_any_host() {
        for port in [1, 80, 443, 65535] {
            assert_eq!(parse_network(&format!("tcp:{port}")), Ok(Network::Tcp(port)));
        }
    }

    #[test]
    fn each_mistake_has_its_message() {
        for (text, message) in [
            ("", "the network operation is empty; expected `tcp:PORT` with PORT in 1..=65535"),
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
            (
                "tcp:[::1]:443",
                "`tcp:[::1]:443` names an IPv6 address, and `tcp:PORT` allows every host; expected `tcp:PORT` with PORT in 1..=65535",
            ),
            (
                "[::1]:443",
                "`[::1]:443` names an IPv6 address, and `tcp:PORT` allows every host; expected `tcp:PORT` with PORT in 1..=65535",
            ),
            (
                "tcp:::1",
                "`tcp:::1` names an IPv6 address, and `tcp:PORT` allows every host; expected `tcp:PORT` with PORT in 1..=65535",
            ),
            (
                "tcp:example.com:443",
                "`tcp:example.com:443`: naming a host is not built yet; expected `tcp:PORT` with PORT in 1..=65535",
            ),
            ("udp:53", "`udp:53`: UDP is not built yet; expected `tcp:PORT` with PORT in 1..=65535"),
            ("dns", "`dns`: name resolution is not built yet; expected `tcp:PORT` with PORT in 1..=65535"),
            ("unix:/x", "`unix:/x`: Unix sockets are not built yet; expected `tcp:PORT` with PORT in 1..=65535"),
            ("https://a.b", "`https://a.b` names a protocol above TCP; write `tcp:443`"),
            ("443", "`443` names no protocol; write `tcp:443`"),
            ("TCP:443", "`TCP` is not a protocol; did you mean `tcp:443`?"),
            ("tpc:443", "`tpc` is not a protocol; did you mean `tcp:443`?"),
            ("sctp:1", "`sctp` is not a protocol; did you mean `tcp:1`?"),
            ("example.com", "`example.com` is not a protocol; expected `tcp:PORT` with PORT in 1..=65535"),
        ] {
            assert_eq!(parse_network(text).unwrap_err().to_string(), message, "{text:?}");
        }
    }
}
