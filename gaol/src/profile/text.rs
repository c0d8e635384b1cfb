//! Operations and patterns from the text that the attribute's keys take, and that they are printed as.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use gaol_spec::{Network, PatternKind, SpecError, System};

use super::{AddressPattern, Operation, PathPattern, ProfilePath};

impl PathPattern {
    /// What `/data` or `literal:/etc/hosts` stands for.
    pub(crate) fn from_text(text: &OsStr) -> Result<Self, SpecError> {
        let (kind, path) = gaol_spec::parse_path_pattern(text.as_bytes())?;
        let path = ProfilePath::new(OsStr::from_bytes(path))?;
        Ok(match kind {
            PatternKind::Literal => Self::Literal(path),
            PatternKind::Subpath => Self::Subpath(path),
        })
    }
}

impl Operation {
    /// What the attribute allows with this text at this key.
    pub(crate) fn from_text(key: &str, text: &str) -> Result<Self, SpecError> {
        let pattern = || PathPattern::from_text(OsStr::new(text));
        match key {
            "read" => pattern().map(Self::FileReadAll),
            "write" => pattern().map(Self::FileWriteAll),
            "metadata" => pattern().map(Self::FileReadMetadata),
            "exec" => pattern().map(Self::ProcessExec),
            "net" => address(gaol_spec::parse_network(text)?).map(Self::NetworkOutbound),
            "listen" => address(gaol_spec::parse_listen(text)?).map(Self::NetworkInbound),
            "system" => System::parse(text).map(Self::of_system),
            _ => Err(SpecError::new(format!(
                "`{key}` is no key of an operation; expected one of `read`, `write`, `metadata`, `exec`, `net`, `listen`, \
                 `system`"
            ))),
        }
    }

    pub(crate) fn of_system(system: System) -> Self {
        match system {
            System::Info => Self::SystemInfoRead,
        }
    }
}

fn address(network: Network) -> Result<AddressPattern, SpecError> {
    match network {
        Network::All => Ok(AddressPattern::All),
        Network::Tcp(port) => Ok(AddressPattern::Tcp(port)),
        Network::Udp(port) => Ok(AddressPattern::Udp(port)),
        Network::Unix(path) => AddressPattern::local_socket(path),
        // A newer grammar than this crate; both are released together.
        other => Err(SpecError::new(format!("`{other:?}` is not built yet; leave it out"))),
    }
}
