//! What a profile allows on this system, and what each attack must therefore get.

use std::path::{Path, PathBuf};

use libc::{EACCES, EAFNOSUPPORT, ECONNREFUSED, EINVAL, EISDIR, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, EROFS, ESRCH};

use super::place::Place;
use super::report::Answer;
use crate::profile::{AddressPattern, Operation, PathPattern, Profile, Violation};
use crate::support::{Layer, Layers};

/// What an attack must get.
pub(super) enum Expected {
    /// One of these answers, from this layer.
    Refused(Layer, Vec<Answer>),
    /// The profile allows it, for this reason.
    Allowed(String),
}

/// A profile, with its paths followed, on this system.
pub(super) struct Facts<'a> {
    profile: &'a Profile,
    /// Where each path of an operation leads.
    paths: Vec<(&'a Operation, PathPatternHere)>,
    /// The worker sees a root of its own.
    private: bool,
    landlock_abi: u32,
    pub(super) place: &'a Place,
}

/// A pattern whose path was followed.
struct PathPatternHere {
    path: PathBuf,
    literal: bool,
}

impl PathPatternHere {
    fn covers(&self, path: &Path) -> bool {
        if self.literal { path == self.path } else { path.starts_with(&self.path) }
    }
}

/// Every operation on a file, with where its path leads.
fn followed(profile: &Profile) -> Vec<(&Operation, PathPatternHere)> {
    let follow = |operation: &Operation| match operation {
        Operation::FileReadAll(pattern)
        | Operation::FileReadMetadata(pattern)
        | Operation::FileWriteAll(pattern)
        | Operation::ProcessExec(pattern) => {
            let path = std::fs::canonicalize(pattern.path()).unwrap_or_else(|_| pattern.path().to_owned());
            Some(PathPatternHere { path, literal: matches!(pattern, PathPattern::Literal(_)) })
        }
        _ => None,
    };
    profile.allowed_operations().iter().filter_map(|operation| Some((operation, follow(operation)?))).collect()
}

/// Whether some operation on files covers `path`.
pub(super) fn is_granted(profile: &Profile, path: &Path) -> bool {
    followed(profile).iter().any(|(_, pattern)| pattern.covers(path))
}

/// A path that may be read, and neither it nor anything beneath it written.
pub(super) fn read_only(profile: &Profile) -> Option<PathBuf> {
    let paths = followed(profile);
    let writes = |path: &Path| {
        paths.iter().any(|(operation, pattern)| {
            matches!(operation, Operation::FileWriteAll(_)) && (pattern.covers(path) || pattern.path.starts_with(path))
        })
    };
    paths
        .iter()
        .filter(|(operation, _)| matches!(operation, Operation::FileReadAll(_)))
        .map(|(_, pattern)| &pattern.path)
        .find(|path| !writes(path) && (path.is_dir() || path.is_file()))
        .cloned()
}

fn errno(layer: Layer, errno: i32) -> Expected {
    Expected::Refused(layer, vec![Answer::Errno(errno)])
}

fn errnos(layer: Layer, errnos: &[i32]) -> Expected {
    Expected::Refused(layer, errnos.iter().copied().map(Answer::Errno).collect())
}

fn allowed(operation: &Operation) -> Expected {
    Expected::Allowed(format!("allowed by {operation}"))
}

impl<'a> Facts<'a> {
    pub(super) fn new(profile: &'a Profile, layers: Layers, landlock_abi: u32, place: &'a Place) -> Self {
        Self { profile, paths: followed(profile), private: layers.has(Layer::Namespaces), landlock_abi, place }
    }

    /// What the filter refuses because the profile does not list it.
    pub(super) fn refuse(&self, number: i32) -> Expected {
        let answer = match self.profile.violation() {
            Violation::Kill => Answer::Violation,
            Violation::Deny => Answer::Errno(number),
        };
        Expected::Refused(Layer::Seccomp, vec![answer])
    }

    /// What the filter answers in any case.
    pub(super) fn answer(&self, number: i32) -> Expected {
        errno(Layer::Seccomp, number)
    }

    /// What the filter ends a process for.
    pub(super) fn kill(&self) -> Expected {
        Expected::Refused(Layer::Seccomp, vec![Answer::Violation])
    }

    fn operation(&self, fits: impl Fn(&Operation) -> bool) -> Option<&'a Operation> {
        self.profile.allowed_operations().iter().find(|operation| fits(operation))
    }

    fn covering(&self, path: &Path, fits: impl Fn(&Operation) -> bool) -> Option<&'a Operation> {
        let covers = |(operation, pattern): &&(&Operation, PathPatternHere)| fits(operation) && pattern.covers(path);
        self.paths.iter().find(covers).map(|(operation, _)| *operation)
    }

    /// Whether any path may be named at all.
    fn has_paths(&self) -> bool {
        self.profile
            .allowed_operations()
            .iter()
            .any(|operation| operation.path().is_some() || matches!(operation, Operation::SystemInfoRead))
    }

    /// Whether the filter lets anything be written. Programs write to `/dev/null`.
    fn writes(&self) -> bool {
        self.operation(|operation| matches!(operation, Operation::FileWriteAll(_) | Operation::ProcessExec(_)))
            .is_some()
    }

    pub(super) fn executes(&self) -> Option<&'a Operation> {
        self.operation(|operation| matches!(operation, Operation::ProcessExec(_)))
    }

    /// What stands before a path that may be named, and is not covered: in a root of its own nothing has that name, unless metadata of it is
    /// granted. `judged` is what Landlock and the mounts say then.
    fn hidden(&self, path: &Path, judged: &[i32]) -> Expected {
        if self.private && self.covering(path, |_| true).is_none() {
            errno(Layer::Namespaces, ENOENT)
        } else {
            errnos(Layer::Landlock, judged)
        }
    }

    /// Opening a file for reading.
    pub(super) fn reads(&self, path: &Path) -> Expected {
        let reads = |operation: &Operation| matches!(operation, Operation::FileReadAll(_) | Operation::ProcessExec(_));
        match self.covering(path, reads) {
            Some(operation) => allowed(operation),
            None if !self.has_paths() => self.refuse(EPERM),
            None => self.hidden(path, &[EACCES]),
        }
    }

    /// Opening it by a call whose flags no filter can read.
    pub(super) fn opens_by_structure(&self, path: &Path) -> Expected {
        match self.covering(path, |operation| matches!(operation, Operation::FileReadAll(_))) {
            Some(operation) => allowed(operation),
            None => self.answer(ENOSYS),
        }
    }

    /// Opening it for nothing but its name.
    pub(super) fn names(&self, path: &Path) -> Expected {
        match self.covering(path, |_| true) {
            Some(operation) => allowed(operation),
            None if !self.has_paths() => self.refuse(EPERM),
            None if self.private => errno(Layer::Namespaces, ENOENT),
            None => self.refuse(EACCES),
        }
    }

    /// Changing it, or the directory that it is in.
    pub(super) fn changes(&self, path: &Path) -> Expected {
        match self.covering(path, |operation| matches!(operation, Operation::FileWriteAll(_))) {
            Some(operation) => allowed(operation),
            None if !self.has_paths() => self.refuse(EPERM),
            None if !self.writes() => self.refuse(EACCES),
            None => self.hidden(path, &[EACCES, EROFS]),
        }
    }

    /// Its metadata, or what is in a directory.
    pub(super) fn tells(&self, path: &Path) -> Expected {
        match self.covering(path, |_| true) {
            Some(operation) => allowed(operation),
            None if !self.has_paths() => self.refuse(EPERM),
            None => self.hidden(path, &[EACCES]),
        }
    }

    /// Listing a directory: who may write there needs no more than the names that it knows.
    pub(super) fn lists(&self, path: &Path) -> Expected {
        let reads = |operation: &Operation| !matches!(operation, Operation::FileWriteAll(_));
        match self.covering(path, reads) {
            Some(operation) => allowed(operation),
            None if self.covering(path, |_| true).is_some() => {
                Expected::Allowed("granted to be written, which includes its metadata".to_owned())
            }
            None => self.reads(path),
        }
    }

    /// Extended attributes.
    pub(super) fn attributes(&self) -> Expected {
        if self.executes().is_some() { self.answer(EOPNOTSUPP) } else { self.refuse(EPERM) }
    }

    /// Watching files.
    pub(super) fn watches(&self) -> Expected {
        if self.executes().is_some() { self.answer(ENOSYS) } else { self.refuse(EPERM) }
    }

    /// Writing to what may only be read.
    pub(super) fn writes_what_is_read(&self) -> Expected {
        match &self.place.read_only {
            None => Expected::Allowed("nothing is granted to be read and not to be written".to_owned()),
            Some(_) if !self.writes() => self.refuse(EACCES),
            // Not every file system has files without a name.
            Some(_) => errnos(Layer::Landlock, &[EACCES, EROFS, EOPNOTSUPP, EISDIR]),
        }
    }

    /// A file of the parent's in `/proc`, which tells its secrets. No grant of `/proc` gives it away.
    pub(super) fn parent_file(&self, name: &str) -> Expected {
        let path = PathBuf::from(format!("/proc/{}/{name}", self.place.parent));
        if self.has_paths() { self.hidden(&path, &[EACCES]) } else { self.refuse(EPERM) }
    }

    /// Signals: where programs may be run, they signal each other.
    pub(super) fn signals(&self) -> Expected {
        match (self.executes(), self.private) {
            (None, _) => self.refuse(EPERM),
            (Some(_), true) if self.place.parent < 300 => {
                Expected::Allowed("in its pid namespace the number is another process's".to_owned())
            }
            (Some(_), true) => errno(Layer::Namespaces, ESRCH),
            (Some(_), false) => errno(Layer::Landlock, EPERM),
        }
    }

    /// What `exec` includes, and is refused with `number` otherwise.
    pub(super) fn unless_programs(&self, number: i32) -> Expected {
        self.executes().map_or_else(|| self.refuse(number), allowed)
    }

    /// What is refused as a violation, and answered where programs try it on their own account.
    pub(super) fn answered_to_programs(&self, number: i32, to_programs: i32) -> Expected {
        if self.executes().is_some() { self.answer(to_programs) } else { self.refuse(number) }
    }

    /// Running a program that is not granted.
    pub(super) fn runs(&self, path: &Path) -> Expected {
        match self.covering(path, |operation| matches!(operation, Operation::ProcessExec(_))) {
            Some(operation) => allowed(operation),
            None if self.executes().is_none() => self.refuse(EPERM),
            None => self.hidden(path, &[EACCES]),
        }
    }

    /// Raising a limit.
    pub(super) fn raises(&self) -> Expected {
        self.answered_to_programs(EPERM, EINVAL)
    }

    fn outbound(&self, fits: impl Fn(&AddressPattern) -> bool) -> Option<&'a Operation> {
        self.operation(|operation| matches!(operation, Operation::NetworkOutbound(address) if fits(address)))
    }

    fn inbound(&self, fits: impl Fn(&AddressPattern) -> bool) -> Option<&'a Operation> {
        self.operation(|operation| matches!(operation, Operation::NetworkInbound(address) if fits(address)))
    }

    fn every_outbound(&self) -> Option<&'a Operation> {
        self.outbound(|address| *address == AddressPattern::All)
    }

    fn every_inbound(&self) -> Option<&'a Operation> {
        self.inbound(|address| *address == AddressPattern::All)
    }

    fn has_tcp(&self) -> bool {
        let fits = |address: &AddressPattern| matches!(address, AddressPattern::All | AddressPattern::Tcp(_));
        self.outbound(fits).or_else(|| self.inbound(fits)).is_some()
    }

    fn has_udp(&self) -> bool {
        let fits = |address: &AddressPattern| matches!(address, AddressPattern::All | AddressPattern::Udp(_));
        self.outbound(fits).or_else(|| self.inbound(fits)).is_some()
    }

    fn has_local(&self) -> bool {
        self.outbound(|address| matches!(address, AddressPattern::LocalSocket(_))).is_some()
    }

    /// A TCP connection to a port that is not granted.
    pub(super) fn connects(&self, port: u16) -> Expected {
        let granted =
            |address: &AddressPattern| *address == AddressPattern::All || *address == AddressPattern::Tcp(port);
        match self.outbound(granted) {
            Some(operation) => allowed(operation),
            None if !self.has_tcp() => self.answer(EAFNOSUPPORT),
            None if self.outbound(|_| true).is_none() => self.refuse(EPERM),
            None => errno(Layer::Landlock, EACCES),
        }
    }

    /// The same with the first data in it, which Landlock does not judge on every kernel.
    pub(super) fn connects_fast(&self) -> Expected {
        match self.every_outbound() {
            Some(operation) => allowed(operation),
            None if self.has_tcp() => self.refuse(EPERM),
            None => self.answer(EAFNOSUPPORT),
        }
    }

    /// Listening on a port of the kernel's choice.
    pub(super) fn listens(&self) -> Expected {
        match self.every_inbound() {
            Some(operation) => allowed(operation),
            None if !self.has_tcp() => self.answer(EAFNOSUPPORT),
            // Who may send to every address over UDP may bind, which is a call of TCP's as well.
            None if self.inbound(|_| true).is_some() => errno(Layer::Landlock, EACCES),
            None if self.every_outbound().is_some() && self.landlock_abi >= 4 => errno(Layer::Landlock, EACCES),
            None => self.refuse(EPERM),
        }
    }

    /// A datagram to a port that is not granted.
    pub(super) fn sends(&self, port: u16) -> Expected {
        let granted =
            |address: &AddressPattern| *address == AddressPattern::All || *address == AddressPattern::Udp(port);
        match self.outbound(granted) {
            Some(operation) => allowed(operation),
            None if self.has_udp() => errno(Layer::Landlock, EACCES),
            None => self.answer(EAFNOSUPPORT),
        }
    }

    /// A Unix socket that is not granted.
    pub(super) fn connects_locally(&self, path: &Path) -> Expected {
        let granted = |address: &AddressPattern| {
            matches!(address, AddressPattern::LocalSocket(own)
                if own.as_path() == path || std::fs::canonicalize(own.as_path()).is_ok_and(|own| own == path))
        };
        match self.outbound(granted) {
            Some(operation) => allowed(operation),
            None if self.has_local() => self.hidden(path, &[EACCES]),
            None => self.answer(EAFNOSUPPORT),
        }
    }

    /// A Unix socket without a path: beyond a network namespace it is not there, and Landlock judges it in any case.
    pub(super) fn connects_by_name(&self) -> Expected {
        if self.has_local() { errnos(Layer::Landlock, &[EPERM, ECONNREFUSED]) } else { self.answer(EAFNOSUPPORT) }
    }
}
