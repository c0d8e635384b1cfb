//! The values of the attribute's keys as text: what is accepted prints and reads back as the same, and advice is good.
#![no_main]

use std::time::Duration;

use gaol_spec::{Network, Output, PatternKind, Process, SpecError, System, Violation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok((kind, path)) = checked(gaol_spec::parse_path_pattern(data)) {
        let prefix: &[u8] = if kind == PatternKind::Literal { b"literal:" } else { b"" };
        assert_eq!([prefix, path].concat(), data);
        assert_eq!(gaol_spec::check_path(path), Ok(()));
        assert!(path.starts_with(b"/") && path.len() <= gaol_spec::PATH_MAX && !path.contains(&0));
        assert!(gaol_spec::covers(path, path) && gaol_spec::covers(b"/", path));
        for (at, _) in path.iter().enumerate().filter(|(at, byte)| *at > 0 && **byte == b'/') {
            assert!(gaol_spec::covers(&path[..at], path) && !gaol_spec::covers(path, &path[..at]));
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    network(text);
    duration(text);
    size(text);
    if let Ok(Some(count)) = checked(gaol_spec::parse_count(text)) {
        assert_eq!(gaol_spec::parse_count(&count.to_string()), Ok(Some(count)));
        assert_eq!(gaol_spec::check_count(count), Ok(count));
    }
    if checked(gaol_spec::check_env_name(text)).is_ok() {
        assert!(!text.is_empty() && !text.contains(['=', '\0']), "the standard library takes it");
    }
    for printed in [
        checked(Output::parse(text)).map(|value| value.to_string()),
        checked(Process::parse(text)).map(|value| value.to_string()),
        checked(Violation::parse(text)).map(|value| value.to_string()),
        checked(System::parse(text)).map(|value| value.to_string()),
    ] {
        assert!(printed.is_err() || printed.as_deref() == Ok(text), "it prints as it is written");
    }
    operations(text);
    assert!(gaol_spec::nearest(text, &["read", "write"]).is_none_or(|near| near == "read" || near == "write"));
});

/// What was said, if it is fit to be said: something, of a length that somebody reads.
fn checked<T>(result: Result<T, SpecError>) -> Result<T, SpecError> {
    result.inspect_err(|error| assert!(!error.to_string().is_empty()))
}

/// What a message says to write instead: the text between backquotes after `write`.
fn advice(error: &SpecError) -> Option<String> {
    let message = error.to_string();
    let (_, after) = message.rsplit_once("; write `")?;
    after.strip_suffix('`').map(str::to_owned)
}

fn network(text: &str) {
    let printed = |network: &Network| match network {
        Network::All => "all".to_owned(),
        Network::Tcp(port) => format!("tcp:{port}"),
        Network::Udp(port) => format!("udp:{port}"),
        Network::Unix(path) => format!("unix:{path}"),
        other => panic!("{other:?} is new"),
    };
    let outbound = checked(gaol_spec::parse_network(text));
    let inbound = checked(gaol_spec::parse_listen(text));
    for network in [&outbound, &inbound].into_iter().flatten() {
        assert_eq!(printed(network), text, "there is one way to write an address");
        assert!(!matches!(network, Network::Tcp(0) | Network::Udp(0)));
    }
    assert!(!matches!(inbound, Ok(Network::Unix(_))));
    if let (Ok(outbound), false) = (&outbound, text.starts_with("unix:")) {
        assert_eq!(inbound.as_ref(), Ok(outbound));
    }
}

fn duration(text: &str) {
    match checked(gaol_spec::parse_duration(text)) {
        Ok(Some(duration)) => {
            assert_eq!(gaol_spec::check_duration(duration), Ok(duration));
            let printed = gaol::fuzz::duration_text(duration).expect("it is whole milliseconds");
            assert_eq!(gaol_spec::parse_duration(&printed), Ok(Some(duration)), "{printed}");
        }
        Ok(None) => assert_eq!(text, "none"),
        Err(error) => {
            if let Some(advice) = advice(&error).filter(|_| error.to_string().contains("is a fraction")) {
                let advised = gaol_spec::parse_duration(&advice);
                assert!(matches!(advised, Ok(Some(duration)) if close(text, duration)), "{error}");
            }
        }
    }
}

/// Whether a duration is what a fraction of seconds, minutes or hours says.
fn close(text: &str, duration: Duration) -> bool {
    let Some(end) = text.find(|letter: char| letter.is_ascii_alphabetic()) else { return false };
    let Ok(number) = text[..end].replace(',', ".").parse::<f64>() else { return false };
    let seconds = match &text[end..] {
        "ms" => number / 1e3,
        "s" => number,
        "min" => number * 60.0,
        _ => number * 3600.0,
    };
    (duration.as_secs_f64() - seconds).abs() <= seconds * 1e-9
}

fn size(text: &str) {
    match checked(gaol_spec::parse_size(text)) {
        Ok(Some(size)) => {
            assert_eq!(gaol_spec::check_size(size), Ok(size));
            let printed = gaol::fuzz::size_text(size);
            assert_eq!(gaol_spec::parse_size(&printed), Ok(Some(size)), "{printed}");
        }
        Ok(None) => assert_eq!(text, "none"),
        Err(error) => {
            if let Some(advice) = advice(&error).filter(|_| error.to_string().contains("is a fraction")) {
                assert!(matches!(gaol_spec::parse_size(&advice), Ok(Some(_))), "{error}");
            }
        }
    }
}

/// What the library makes of the same text is what the grammar does.
fn operations(text: &str) {
    for key in ["read", "write", "metadata", "exec", "net", "listen", "system"] {
        let operation = gaol::fuzz::operation(key, text);
        let accepted = match key {
            "net" => gaol_spec::parse_network(text).is_ok(),
            "listen" => gaol_spec::parse_listen(text).is_ok(),
            "system" => System::parse(text).is_ok(),
            _ => gaol_spec::parse_path_pattern(text.as_bytes()).is_ok(),
        };
        assert_eq!(operation.is_ok(), accepted, "{key} = {text:?}");
        if let Ok(operation) = operation {
            // As an attribute would be written: Rust's own string.
            assert_eq!(operation.to_string(), format!("{key} = {text:?}"));
        }
    }
}
