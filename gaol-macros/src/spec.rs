//! The literals, read through the grammar that the library uses at run time.

use std::time::Duration;

use gaol_spec::{Network, Output, PatternKind, Process, SpecError, System, Violation, defaults};
use syn::{Expr, LitStr};

use crate::ast::{Arguments, Entry, Key, Value};
use crate::report::Report;
use crate::text::text;

/// What the attribute's literals say, and which keys are left to the call.
pub(crate) struct Profile {
    /// The operations, in the order of the text.
    pub(crate) operations: Vec<Operation>,
    /// The variables that are copied.
    pub(crate) environment: Vec<LitStr>,
    pub(crate) time: Limit<Duration>,
    pub(crate) cpu: Limit<Duration>,
    pub(crate) memory: Limit<u64>,
    pub(crate) files: Limit<u64>,
    pub(crate) threads: Limit<u64>,
    pub(crate) file_size: Limit<u64>,
    pub(crate) reply: Limit<u64>,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    pub(crate) process: Process,
    /// The literal that says so.
    pub(crate) process_literal: Option<LitStr>,
    pub(crate) violation: Violation,
    /// The values that are expressions, in the order of the text.
    pub(crate) dynamic: Vec<(Key, Expr)>,
}

/// One operation that a literal allows.
pub(crate) struct Operation {
    pub(crate) key: Key,
    /// The literal as it was written.
    pub(crate) literal: LitStr,
    pub(crate) object: Object,
}

/// What an operation works on.
pub(crate) enum Object {
    Path(PatternKind, String),
    AllAddresses,
    TcpPort(u16),
    UdpPort(u16),
    LocalSocket(String),
    SystemInfo,
}

/// One limit.
pub(crate) enum Limit<T> {
    /// Not written.
    Default(Option<T>),
    /// A literal; the tokens are there for their span.
    Written(Option<T>, proc_macro2::TokenStream),
    /// An expression, so not known before the call.
    Dynamic(Option<T>),
}

impl<T: Copy> Limit<T> {
    /// The value for the static profile.
    pub(crate) fn value(&self) -> Option<T> {
        match self {
            Self::Default(value) | Self::Written(value, _) | Self::Dynamic(value) => *value,
        }
    }
}

/// Reads every value; each mistake is reported on its literal.
pub(crate) fn read(arguments: &Arguments, report: &mut Report) -> Profile {
    let mut profile = Profile {
        operations: Vec::new(),
        environment: Vec::new(),
        time: Limit::Default(defaults::TIME),
        cpu: Limit::Default(defaults::CPU),
        memory: Limit::Default(defaults::MEMORY),
        files: Limit::Default(defaults::FILES),
        threads: Limit::Default(defaults::THREADS),
        file_size: Limit::Default(defaults::FILE_SIZE),
        reply: Limit::Default(defaults::REPLY),
        stdout: Output::Capture,
        stderr: Output::Capture,
        process: Process::Fresh,
        process_literal: None,
        violation: Violation::Deny,
        dynamic: Vec::new(),
    };
    for entry in &arguments.entries {
        if let Some(list) = entry.list.as_ref().filter(|_| !entry.key.takes_list()) {
            let (key, example) = (entry.key, entry.key.example());
            report.error(list, format!("`{key}` takes one value, not a list; write `{key} = {example}`"));
            continue;
        }
        for value in &entry.values {
            if let Err(error) = profile.read_value(entry, value) {
                report.error(value, error);
            }
        }
    }
    profile
}

impl Profile {
    fn read_value(&mut self, entry: &Entry, value: &Value) -> Result<(), SpecError> {
        let key = entry.key;
        if let Value::Expression(expression) = value {
            return self.read_expression(key, expression);
        }
        match key {
            Key::Read | Key::Write | Key::Metadata | Key::Exec => self.read_operation(key, value, path)?,
            Key::Net => self.read_operation(key, value, |text| address(text, gaol_spec::parse_network))?,
            Key::Listen => self.read_operation(key, value, |text| address(text, gaol_spec::parse_listen))?,
            Key::System => self.read_operation(key, value, |text| match System::parse(text)? {
                System::Info => Ok(Object::SystemInfo),
            })?,
            Key::Env => {
                let literal = expect_text(key, value)?;
                gaol_spec::check_env_name(&literal.value())?;
                self.environment.push(literal.clone());
            }
            Key::Time => self.time = read_limit(key, value, gaol_spec::parse_duration)?,
            Key::Cpu => self.cpu = read_limit(key, value, gaol_spec::parse_duration)?,
            Key::Memory => self.memory = read_limit(key, value, gaol_spec::parse_size)?,
            Key::FileSize => self.file_size = read_limit(key, value, gaol_spec::parse_size)?,
            Key::Reply => self.reply = read_limit(key, value, gaol_spec::parse_size)?,
            Key::Files => self.files = read_count(key, value)?,
            Key::Threads => self.threads = read_count(key, value)?,
            Key::Stdout => self.stdout = Output::parse(&expect_text(key, value)?.value())?,
            Key::Stderr => self.stderr = Output::parse(&expect_text(key, value)?.value())?,
            Key::Process => {
                let literal = expect_text(key, value)?;
                self.process = Process::parse(&literal.value())?;
                self.process_literal = Some(literal.clone());
            }
            Key::Violation => self.violation = Violation::parse(&expect_text(key, value)?.value())?,
        }
        Ok(())
    }

    fn read_operation(
        &mut self,
        key: Key,
        value: &Value,
        parse: impl Fn(&str) -> Result<Object, SpecError>,
    ) -> Result<(), SpecError> {
        let literal = expect_text(key, value)?;
        let object = parse(&literal.value())?;
        self.operations.push(Operation { key, literal: literal.clone(), object });
        Ok(())
    }

    fn read_expression(&mut self, key: Key, expression: &Expr) -> Result<(), SpecError> {
        match key {
            // The kind of process decides what stands ready before the call.
            Key::Process => {
                let message =
                    "`process` is fixed when the program is compiled; write `\"fresh\"`, `\"exec\"` or `\"reused\"`";
                return Err(SpecError::new(message));
            }
            Key::Time => self.time = Limit::Dynamic(defaults::TIME),
            Key::Cpu => self.cpu = Limit::Dynamic(defaults::CPU),
            Key::Threads => self.threads = Limit::Dynamic(defaults::THREADS),
            // The builder sets them over the default, and no check looks at them.
            _ => {}
        }
        self.dynamic.push((key, expression.clone()));
        Ok(())
    }
}

fn path(text: &str) -> Result<Object, SpecError> {
    let (kind, path) = gaol_spec::parse_path_pattern(text.as_bytes())?;
    // A part of the text, so nothing is lost.
    Ok(Object::Path(kind, String::from_utf8_lossy(path).into_owned()))
}

fn address(text: &str, parse: fn(&str) -> Result<Network, SpecError>) -> Result<Object, SpecError> {
    match parse(text)? {
        Network::All => Ok(Object::AllAddresses),
        Network::Tcp(port) => Ok(Object::TcpPort(port)),
        Network::Udp(port) => Ok(Object::UdpPort(port)),
        Network::Unix(path) => Ok(Object::LocalSocket(path)),
        // A newer grammar than this crate; both are released together.
        _ => Err(SpecError::new(format!("`{text}` is not built yet"))),
    }
}

fn read_limit<T>(
    key: Key,
    value: &Value,
    parse: impl Fn(&str) -> Result<Option<T>, SpecError>,
) -> Result<Limit<T>, SpecError> {
    let literal = expect_text(key, value)?;
    Ok(Limit::Written(parse(&literal.value())?, quote::quote!(#literal)))
}

fn read_count(key: Key, value: &Value) -> Result<Limit<u64>, SpecError> {
    let expected = "expected a whole number such as `64`, or `\"none\"`";
    let count = match value {
        Value::Number(number) if !number.suffix().is_empty() => {
            let message = format!("`{number}` has a suffix; write `{}`", number.base10_digits());
            return Err(SpecError::new(message));
        }
        // More digits than a `u64` has are too many either way.
        Value::Number(number) => Some(gaol_spec::check_count(number.base10_parse().unwrap_or(u64::MAX))?),
        Value::Text(literal) if literal.value() == "none" => None,
        Value::Text(literal) if gaol_spec::parse_count(&literal.value()).is_ok() => {
            let message = format!("`{}` is a string; write `{key} = {}`", text(literal), literal.value());
            return Err(SpecError::new(message));
        }
        other => return Err(SpecError::new(format!("`{}` is not a count; {expected}", text(other)))),
    };
    Ok(Limit::Written(count, quote::quote!(#value)))
}

/// The string literal that the key takes, or what to write instead of another literal.
fn expect_text(key: Key, value: &Value) -> Result<&LitStr, SpecError> {
    let number = match value {
        Value::Text(literal) => return Ok(literal),
        Value::Number(number) => number.base10_digits(),
        Value::OtherLiteral(_) | Value::Expression(_) => "",
    };
    let proposal = match key {
        Key::Memory | Key::FileSize | Key::Reply => size(number),
        Key::Time | Key::Cpu if !number.is_empty() => format!("\"{number}s\""),
        Key::Net | Key::Listen if !number.is_empty() => format!("\"tcp:{number}\""),
        key => key.example().to_owned(),
    };
    let shown = text(value);
    Err(SpecError::new(format!("`{shown}` is not what `{key}` takes, which is a string; write `{key} = {proposal}`")))
}

/// A number of bytes in the largest unit that it is a whole number of.
fn size(number: &str) -> String {
    let Some(bytes) = number.parse::<u64>().ok().filter(|bytes| *bytes > 0) else {
        return "\"256MiB\"".to_owned();
    };
    let units = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];
    let whole = units.into_iter().find(|(_, shift)| bytes.is_multiple_of(1 << shift));
    let (unit, shift) = whole.unwrap_or(("B", 0));
    format!("\"{}{unit}\"", bytes >> shift)
}
