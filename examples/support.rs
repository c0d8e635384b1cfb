//! What this system can keep: each kind of operation with the layers that keep it, or why not and what to write instead; then the layers.
//!
//! `cargo run --example support`. It tries everything in children that are thrown away, as whoever runs it, and changes nothing.

use std::fmt;
use std::io;

use gaol::{AddressPattern, Operation, OperationSupport, PathPattern};

gaol::main! {
    fn main() -> Result<(), Box<dyn std::error::Error>> {
        print!("{}\n{}", Table::of(operations()?), gaol::support());
        Ok(())
    }
}

/// One operation of every kind. Support is asked for a kind, so the paths need not be there.
pub(crate) fn operations() -> Result<Vec<Operation>, Box<dyn std::error::Error>> {
    let file = || PathPattern::literal("/etc/hosts");
    let tree = || PathPattern::subpath("/usr/share");
    let program = || PathPattern::literal("/usr/bin/file");
    let socket = || AddressPattern::local_socket("/run/app.sock");
    Ok(vec![
        Operation::FileReadAll(file()?),
        Operation::FileReadAll(tree()?),
        Operation::FileReadMetadata(file()?),
        Operation::FileReadMetadata(tree()?),
        Operation::FileWriteAll(file()?),
        Operation::FileWriteAll(tree()?),
        Operation::ProcessExec(program()?),
        Operation::ProcessExec(tree()?),
        Operation::NetworkOutbound(AddressPattern::All),
        Operation::NetworkOutbound(AddressPattern::Tcp(443)),
        Operation::NetworkOutbound(AddressPattern::Udp(53)),
        Operation::NetworkOutbound(socket()?),
        Operation::NetworkInbound(AddressPattern::All),
        Operation::NetworkInbound(AddressPattern::Tcp(8080)),
        Operation::NetworkInbound(AddressPattern::Udp(5353)),
        Operation::NetworkInbound(socket()?),
        Operation::SystemInfoRead,
    ])
}

/// What this system makes of some operations.
pub(crate) struct Table(Vec<(Operation, OperationSupport)>);

impl Table {
    pub(crate) fn of(operations: Vec<Operation>) -> Self {
        Self(operations.into_iter().map(|operation| (operation.clone(), operation.support())).collect())
    }
}

/// A line for each operation, and below it what stands in its way.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widest = |texts: &mut dyn Iterator<Item = String>| texts.map(|text| text.len()).max().unwrap_or_default();
        let operations = widest(&mut self.0.iter().map(|(operation, _)| operation.to_string()));
        let levels = widest(&mut self.0.iter().map(|(_, support)| support.level().to_string()));
        writeln!(f, "{:<operations$}  {:<levels$}  kept by", "operation", "level")?;
        for (operation, support) in &self.0 {
            write!(f, "{:<operations$}  ", operation.to_string())?;
            if support.reason().is_none() {
                let layers: Vec<String> = support.enforced_by().iter().map(ToString::to_string).collect();
                writeln!(f, "{:<levels$}  {}", support.level(), layers.join(", "))?;
                continue;
            }
            writeln!(f, "{}", support.level())?;
            if let Some(unsupported) = support.unsupported() {
                write!(f, "    {}: {}", unsupported.layer, unsupported.step)?;
                if let Some(errno) = unsupported.errno {
                    write!(f, ": {}", io::Error::from_raw_os_error(errno))?;
                }
                writeln!(f, "\n    {}", unsupported.remedy)?;
            } else if let Some(reason) = support.reason() {
                writeln!(f, "    {reason}")?;
            }
        }
        Ok(())
    }
}
