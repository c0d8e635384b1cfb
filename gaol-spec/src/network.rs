//! The grammars of `net` and `listen`.

use crate::SpecError;
use crate::nearest::nearest;
use crate::path::check_path_after;
use crate::rules;

/// The addresses that one value of `net` or `listen` names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Network {
    /// Every TCP and UDP address.
    All,
    /// This TCP port.
    Tcp(u16),
    /// This UDP port.
    Udp(u16),
    /// The Unix socket at this path.
    Unix(String),
}

/// What differs between the two keys.
struct Direction {
    /// The words that a value may start with.
    words: &'static [&'static str],
    expected: &'static str,
    /// What a port without an address means.
    every: &'static str,
    outbound: bool,
}

const OUTBOUND: Direction = Direction {
    words: &["tcp", "udp", "unix", "all"],
    expected: "expected `tcp:PORT`, `udp:PORT`, `unix:PATH` or `all`",
    every: "allows every host",
    outbound: true,
};

const INBOUND: Direction = Direction {
    words: &["tcp", "udp", "all"],
    expected: "expected `tcp:PORT`, `udp:PORT` or `all`",
    every: "listens on every address",
    outbound: false,
};

/// Reads a value of `net`: `tcp:PORT`, `udp:PORT`, `unix:PATH` or `all`.
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_network(text: &str) -> Result<Network, SpecError> {
    parse(text, &OUTBOUND)
}

/// Reads a value of `listen`: `tcp:PORT`, `udp:PORT` or `all`. It is never [`Network::Unix`].
///
/// # Errors
///
/// The message says what is wrong and what belongs there.
pub fn parse_listen(text: &str) -> Result<Network, SpecError> {
    parse(text, &INBOUND)
}

fn parse(text: &str, direction: &Direction) -> Result<Network, SpecError> {
    let error = |message: String| Err(SpecError::new(message));
    let expected = direction.expected;
    if text.is_empty() {
        return error(format!("the network operation is empty; {expected}"));
    }
    // A path may hold one.
    if text.contains(char::is_whitespace) && !text.contains('/') {
        let joined: String = text.split_whitespace().collect();
        return error(format!("`{text}` contains a space; write `{joined}`"));
    }
    let (word, rest) = match text.split_once(':') {
        Some((word, rest)) => (word, Some(rest)),
        None => (text, None),
    };
    match (word, rest) {
        ("all", None) => Ok(Network::All),
        ("all", Some(_)) => error(format!("`{text}`: `all` is every port; write `all`, or one port as in `tcp:443`")),
        ("tcp", rest) => parse_port(text, "tcp", rest.unwrap_or_default(), direction).map(Network::Tcp),
        ("udp", rest) => parse_port(text, "udp", rest.unwrap_or_default(), direction).map(Network::Udp),
        ("unix", _) if !direction.outbound => Err(SpecError::new(rules::listen_local_socket(text))),
        ("unix", path) => parse_socket(text, path.unwrap_or_default()),
        ("dns", _) if direction.outbound => error(format!(
            "`{text}`: name resolution is not built yet; resolve in the application and pass the addresses, or write what a \
             resolver needs: `net = \"udp:53\"` and files, such as `read = [\"/etc/hosts\", \"/etc/resolv.conf\"]`"
        )),
        ("http", _) => error(format!("`{text}` names a protocol above TCP; write `tcp:80`")),
        ("https", _) => error(format!("`{text}` names a protocol above TCP; write `tcp:443`")),
        (word, _) if word.starts_with('[') || text.starts_with("::") => {
            error(format!("`{text}` names an IPv6 address, and `tcp:PORT` {}; {expected}", direction.every))
        }
        (word, _) if word.starts_with('/') && direction.outbound => {
            error(format!("`{text}` names no protocol; write `unix:{text}`"))
        }
        (word, _) if word.starts_with('/') => Err(SpecError::new(rules::listen_local_socket(text))),
        (port, None) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            error(format!("`{text}` names no protocol; write `tcp:{text}`"))
        }
        (word, rest) => match (nearest(word, direction.words), rest) {
            (Some("all"), _) => error(format!("`{text}` is not a protocol; did you mean `all`?")),
            (Some(near), Some(rest)) => error(format!("`{word}` is not a protocol; did you mean `{near}:{rest}`?")),
            _ => error(format!("`{word}` is not a protocol; {expected}")),
        },
    }
}

/// What follows `tcp:` or `udp:`.
fn parse_port(text: &str, word: &str, port: &str, direction: &Direction) -> Result<u16, SpecError> {
    let wrong =
        |what: &str| Err(SpecError::new(format!("`{text}` {what}; expected `{word}:PORT` with PORT in 1..=65535")));
    if port.starts_with('[') || port.matches(':').count() > 1 {
        return wrong(&format!("names an IPv6 address, and `{word}:PORT` {}", direction.every));
    }
    if let Some((_, port)) = port.split_once(':') {
        let whole = parse_port(port, word, port, direction).map_or("PORT".to_owned(), |port| port.to_string());
        return Err(SpecError::new(if direction.outbound {
            format!(
                "`{text}`: naming a host is not built yet; resolve it in the application, pass the addresses, and write \
                 `{word}:{whole}`"
            )
        } else {
            format!("`{text}`: naming an address is not built yet; write `{word}:{whole}`, which {}", direction.every)
        }));
    }
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

/// What follows `unix:`.
fn parse_socket(text: &str, path: &str) -> Result<Network, SpecError> {
    if path.starts_with('@') {
        return Err(SpecError::new(format!(
            "`{text}` names an abstract socket, which has no path to allow; expected the path of a socket, such as \
             `unix:/run/x.sock`"
        )));
    }
    if let Some(path) = path.strip_prefix("literal:") {
        return Err(SpecError::new(format!("`{text}`: a socket is one file in any case; write `unix:{path}`")));
    }
    check_path_after("unix:", path.as_bytes())?;
    Ok(Network::Unix(path.to_owned()))
}

#[cfg(test)]
mod tests;
