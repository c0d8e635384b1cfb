//! What a launcher is told, as one argument of its command line: the program, and the profile to run it under.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::profile::{
    AddressPattern, Limits, Operation, Output, PathPattern, Process, Profile, ProfilePath, Violation,
};
use crate::protocol::codec;
use crate::support::Layers;
use crate::testing::controls;

/// The argument that makes a process of this binary a launcher. The [`Launch`] follows it under its [mark](mark), then the program's own
/// arguments.
pub(crate) const ARGUMENT: &str = "--gaol-program";

/// The signal by which a launcher ends when it could not start its program. A program that ends by it is reported as killed by SIGKILL,
/// so nothing else looks like that. The C library keeps it for itself, and no program uses it.
pub(crate) const SET_UP_FAILURE: i32 = 33;

/// A program and its profile.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) profile: Profile,
    /// All of them, but in gaol's own tests.
    pub(crate) layers: Layers,
    /// The trees that children of the application may have written.
    pub(crate) writable: Vec<PathBuf>,
    /// The process that made the command.
    pub(crate) application: i32,
}

impl Launch {
    /// As one argument.
    pub(crate) fn to_argument(&self) -> OsString {
        let told = LaunchMessage {
            program: self.program.as_os_str().as_bytes().to_vec(),
            operations: self.profile.allowed_operations().iter().map(LaunchMessage::operation).collect(),
            limits: LaunchMessage::limits(self.profile.limits()),
            kill: self.profile.violation() == Violation::Kill,
            layers: self.layers,
            writable: self.writable.iter().map(|tree| tree.as_os_str().as_bytes().to_vec()).collect(),
            application: self.application,
        };
        let mut bytes = Vec::new();
        // Encoding fails above a length that no argument can have either.
        let _ = codec::encode(&told, &mut bytes, u64::from(u32::MAX));
        bytes
            .iter()
            .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
                for digit in [byte >> 4, byte & 15] {
                    text.push(char::from_digit(digit.into(), 16).unwrap_or('0'));
                }
                text
            })
            .into()
    }

    /// From an argument.
    pub(crate) fn from_argument(argument: &OsStr) -> Option<Self> {
        let digits = argument.as_bytes();
        let value = |digit: &u8| char::from(*digit).to_digit(16);
        let bytes: Vec<u8> = digits
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => u8::try_from(value(high)? << 4 | value(low)?).ok(),
                _ => None,
            })
            .collect::<Option<_>>()?;
        let told: LaunchMessage = codec::decode(&bytes).ok()?;
        let operations = told.operations.into_iter().map(LaunchMessage::to_operation).collect::<Option<Vec<_>>>()?;
        let [cpu, memory, files, threads, file_size, time] = told.limits;
        let duration = |nanoseconds: Option<u64>| nanoseconds.map(Duration::from_nanos);
        let limits = Limits::from_parts(duration(time), duration(cpu), memory, files, threads, file_size, None);
        let violation = if told.kill { Violation::Kill } else { Violation::Deny };
        let mut profile =
            Profile::from_parts(&[], &[], limits, Output::Inherit, Output::Inherit, Process::Exec, violation);
        *profile.operations_mut() = operations;
        Some(Self {
            program: OsString::from_vec(told.program).into(),
            profile,
            layers: controls::told(told.layers),
            writable: told.writable.into_iter().map(|tree| OsString::from_vec(tree).into()).collect(),
            application: told.application,
        })
    }
}

/// The same in plain values.
#[derive(Debug, Serialize, Deserialize)]
struct LaunchMessage {
    program: Vec<u8>,
    operations: Vec<(u8, Vec<u8>, u16)>,
    /// cpu, memory, files, threads, file_size, time.
    limits: [Option<u64>; 6],
    kill: bool,
    layers: Layers,
    writable: Vec<Vec<u8>>,
    application: i32,
}

impl LaunchMessage {
    fn limits(limits: &Limits) -> [Option<u64>; 6] {
        let nanoseconds = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        [
            nanoseconds(limits.cpu),
            limits.memory,
            limits.files,
            limits.threads,
            limits.file_size,
            nanoseconds(limits.time),
        ]
    }

    /// What it is, with a path or a port.
    fn operation(operation: &Operation) -> (u8, Vec<u8>, u16) {
        let path = |tag: u8, pattern: &PathPattern| {
            let literal = u8::from(matches!(pattern, PathPattern::Literal(_)));
            (tag + literal, pattern.path().as_os_str().as_bytes().to_vec(), 0)
        };
        let address = |tag: u8, address: &AddressPattern| match address {
            AddressPattern::All => (tag, Vec::new(), 0),
            AddressPattern::Tcp(port) => (tag + 1, Vec::new(), *port),
            AddressPattern::Udp(port) => (tag + 2, Vec::new(), *port),
            AddressPattern::LocalSocket(path) => (tag + 3, path.as_path().as_os_str().as_bytes().to_vec(), 0),
        };
        match operation {
            Operation::FileReadAll(pattern) => path(0, pattern),
            Operation::FileReadMetadata(pattern) => path(2, pattern),
            Operation::FileWriteAll(pattern) => path(4, pattern),
            Operation::ProcessExec(pattern) => path(6, pattern),
            Operation::NetworkOutbound(pattern) => address(8, pattern),
            Operation::NetworkInbound(pattern) => address(12, pattern),
            Operation::SystemInfoRead => (16, Vec::new(), 0),
            Operation::PlatformSpecific(operation) => match *operation {},
        }
    }

    fn to_operation((tag, path, port): (u8, Vec<u8>, u16)) -> Option<Operation> {
        let address = |kind: u8, path: Vec<u8>| {
            Some(match kind {
                0 => AddressPattern::All,
                1 => AddressPattern::Tcp(port),
                2 => AddressPattern::Udp(port),
                _ => AddressPattern::LocalSocket(ProfilePath::new(OsString::from_vec(path)).ok()?),
            })
        };
        if tag >= 8 {
            return match tag {
                8..12 => Some(Operation::NetworkOutbound(address(tag - 8, path)?)),
                12..16 => Some(Operation::NetworkInbound(address(tag - 12, path)?)),
                16 => Some(Operation::SystemInfoRead),
                _ => None,
            };
        }
        let path = ProfilePath::new(OsString::from_vec(path)).ok()?;
        let pattern = if tag % 2 == 1 { PathPattern::Literal(path) } else { PathPattern::Subpath(path) };
        Some(match tag / 2 {
            0 => Operation::FileReadAll(pattern),
            1 => Operation::FileReadMetadata(pattern),
            2 => Operation::FileWriteAll(pattern),
            _ => Operation::ProcessExec(pattern),
        })
    }
}

/// The absolute path of a program as it was named: looked up in `PATH` where it is a plain name, as `Command` does.
pub(crate) fn locate(program: &OsStr) -> PathBuf {
    let named = Path::new(program);
    if named.is_absolute() {
        return named.to_path_buf();
    }
    if program.as_bytes().contains(&b'/') {
        return std::env::current_dir().unwrap_or_default().join(named);
    }
    let path: Cow<'_, OsStr> = std::env::var_os("PATH").map_or(Cow::Borrowed(OsStr::new("/bin:/usr/bin")), Cow::Owned);
    let found = std::env::split_paths(&path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(named))
        .find(|candidate| {
            std::fs::metadata(candidate).is_ok_and(|metadata| {
                metadata.is_file() && std::os::unix::fs::MetadataExt::mode(&metadata) & 0o111 != 0
            })
        });
    found.unwrap_or_else(|| named.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_survives_being_an_argument() {
        let path = |path: &str| PathPattern::subpath(path).expect("absolute");
        let literal = |path: &str| PathPattern::literal(path).expect("absolute");
        let mut operations = vec![Operation::SystemInfoRead];
        for pattern in [path("/a"), literal("/b c"), path("/")] {
            operations.extend([
                Operation::FileReadAll(pattern.clone()),
                Operation::FileReadMetadata(pattern.clone()),
                Operation::FileWriteAll(pattern.clone()),
                Operation::ProcessExec(pattern),
            ]);
        }
        for address in [
            AddressPattern::All,
            AddressPattern::Tcp(443),
            AddressPattern::Udp(53),
            AddressPattern::local_socket("/run/x").expect("absolute"),
        ] {
            operations.extend([Operation::NetworkOutbound(address.clone()), Operation::NetworkInbound(address)]);
        }
        let mut profile = Profile::NOTHING;
        *profile.operations_mut() = operations;
        profile.limits_mut().memory = None;
        profile.limits_mut().cpu = Some(Duration::from_millis(3));
        profile.set_violation(Violation::Kill);
        let launch = Launch {
            program: OsString::from_vec(b"/bin/\xffx".to_vec()).into(),
            profile,
            layers: Layers::ALL.without(crate::support::Layer::Seccomp),
            writable: vec!["/w".into(), OsString::from_vec(b"/\xff".to_vec()).into()],
            application: 7,
        };
        let back = Launch::from_argument(&launch.to_argument()).expect("it reads what it wrote");
        assert_eq!((&back.program, back.application), (&launch.program, launch.application));
        assert_eq!(back.writable, launch.writable);
        // No argument leaves a layer out, but in gaol's own tests.
        let layers = if cfg!(feature = "test-controls") { launch.layers } else { Layers::ALL };
        assert_eq!(back.layers, layers);
        assert_eq!(back.profile.allowed_operations(), launch.profile.allowed_operations());
        assert_eq!(back.profile.violation(), Violation::Kill);
        let (limits, written) = (back.profile.limits(), launch.profile.limits());
        assert_eq!(LaunchMessage::limits(limits), LaunchMessage::limits(written));
        for wrong in ["", "0", "zz", "00ff"] {
            assert!(Launch::from_argument(OsStr::new(wrong)).is_none(), "{wrong}");
        }
    }
}
