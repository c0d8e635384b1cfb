//! From a profile to a plan: every path resolved once, to what it is now, and every program to what it needs.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::error::PathProblem;
use crate::profile::{AddressPattern, Operation, Output, PathPattern, Process, Profile, ProfilePath, Violation};
use crate::support::Layers;
use crate::sys::plan::{Grant, Identity, Kind, Link, Network, Plan, Ports, Rights, Stream};
use crate::sys::programs;

mod writable;

pub(crate) use writable::Writable;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// A plan, and what to look at to know that it still holds.
pub(crate) struct Resolved {
    pub(crate) plan: Plan,
    pub(crate) names: Vec<Name>,
}

/// A written path, and what it meant when it was resolved.
pub(crate) struct Name {
    path: PathBuf,
    identity: Identity,
}

impl Name {
    #[cfg(test)]
    pub(crate) fn new(path: PathBuf, identity: Identity) -> Self {
        Self { path, identity }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the path still means the same file.
    pub(crate) fn still_holds(&self) -> bool {
        rustix::fs::stat(&self.path).is_ok_and(|stat| identity(&stat) == self.identity)
    }
}

/// A path that cannot be granted.
pub(crate) struct Unresolved {
    pub(crate) operation: String,
    pub(crate) path: PathBuf,
    pub(crate) problem: PathProblem,
}

/// Where the variables of sysctl(8) are.
const SYSTEM_INFO: &str = "/proc/sys";

/// Resolves every path of `profile`.
///
/// `writable` are the trees that some profile of this process lets a child write: a symbolic link there may be a child's own.
///
/// With `stand_ins` the profile is one of [`stand_in`], where a socket need not be one.
pub(crate) fn resolve(
    profile: &Profile,
    layers: Layers,
    writable: &Writable,
    stand_ins: bool,
) -> Result<Resolved, Unresolved> {
    let mut found = Found {
        writable,
        stand_ins,
        within: false,
        grants: BTreeMap::new(),
        links: BTreeMap::new(),
        names: Vec::new(),
    };
    let plan = look_up(&mut found, profile, layers)?;
    Ok(Resolved { plan, names: found.names })
}

/// Resolves every path of `profile` in a process that is under another one, where symbolic links are followed and not told.
///
/// Where they lead is no matter: nothing that the other profile does not allow can be opened.
pub(crate) fn resolve_within(profile: &Profile, layers: Layers) -> Result<Plan, Unresolved> {
    let mut found = Found {
        writable: &Writable::default(),
        stand_ins: false,
        within: true,
        grants: BTreeMap::new(),
        links: BTreeMap::new(),
        names: Vec::new(),
    };
    look_up(&mut found, profile, layers)
}

fn look_up(found: &mut Found<'_>, profile: &Profile, layers: Layers) -> Result<Plan, Unresolved> {
    let mut network = Network::default();
    let mut system_info = false;
    for operation in profile.allowed_operations() {
        let unresolved = |(path, problem)| Unresolved { operation: operation.to_string(), path, problem };
        match operation {
            Operation::FileReadAll(pattern) => found.file(pattern, Rights::READ).map_err(unresolved)?,
            Operation::FileWriteAll(pattern) => found.file(pattern, Rights::WRITE).map_err(unresolved)?,
            Operation::FileReadMetadata(pattern) => found.file(pattern, Rights::METADATA).map_err(unresolved)?,
            Operation::ProcessExec(pattern) => found.program(pattern).map_err(unresolved)?,
            Operation::NetworkOutbound(AddressPattern::LocalSocket(path)) => {
                found.socket(path.as_path()).map_err(unresolved)?;
            }
            Operation::NetworkOutbound(address) => {
                add_ports(address, &mut network.tcp_outbound, &mut network.udp_outbound);
            }
            Operation::NetworkInbound(address) => {
                add_ports(address, &mut network.tcp_inbound, &mut network.udp_inbound);
            }
            Operation::SystemInfoRead => {
                system_info = true;
                found.path(Path::new(SYSTEM_INFO), Rights::READ).map_err(unresolved)?;
            }
            Operation::PlatformSpecific(operation) => match *operation {},
        }
    }
    let links = std::mem::take(&mut found.links);
    let grants = inherit(std::mem::take(&mut found.grants).into_values().collect());
    if let Some(grant) = grants.iter().find(|grant| grant.rights.write && grant.rights.map) {
        let operation =
            profile.allowed_operations().iter().find(|operation| matches!(operation, Operation::ProcessExec(_)));
        return Err(Unresolved {
            operation: operation.map(ToString::to_string).unwrap_or_default(),
            path: grant.path.clone(),
            problem: PathProblem::WritableProgram,
        });
    }
    let limits = profile.limits();
    Ok(Plan {
        layers,
        grants,
        links: links.into_iter().map(|(at, target)| Link { at, target }).collect(),
        network,
        system_info,
        cpu_seconds: limits.cpu.filter(|_| profile.process() != Process::Reused).map(whole_seconds),
        memory: limits.memory,
        files: limits.files,
        threads: limits.threads,
        file_size: limits.file_size,
        kill_on_violation: profile.violation() == Violation::Kill,
        reply: limits.reply,
        reused: profile.process() == Process::Reused,
        narrows: false,
        answered: false,
        lethal_landlock: false,
        stdout: stream(profile.stdout()),
        stderr: stream(profile.stderr()),
    })
}

/// A profile of operations of the same kinds, whose paths every system has.
pub(crate) fn stand_in(profile: &Profile) -> Profile {
    let mut operations: Vec<Operation> = Vec::new();
    for operation in profile.allowed_operations() {
        let kind = kind_of(operation);
        if !operations.contains(&kind) {
            operations.push(kind);
        }
    }
    let mut profile = Profile::NOTHING;
    *profile.operations_mut() = operations;
    profile
}

/// An operation of the same kind, whose path every system has.
pub(crate) fn kind_of(operation: &Operation) -> Operation {
    const FILE: &str = "/dev/null";
    const DIRECTORY: &str = "/dev";
    let stand_in = |pattern: &PathPattern| {
        if is_of_its_own_kind(pattern) {
            return pattern.clone();
        }
        let other = if pattern.path().is_dir() { DIRECTORY } else { FILE };
        PathPattern::Subpath(ProfilePath::from_checked(other))
    };
    match operation {
        Operation::FileReadAll(pattern) => Operation::FileReadAll(stand_in(pattern)),
        Operation::FileReadMetadata(pattern) => Operation::FileReadMetadata(stand_in(pattern)),
        Operation::FileWriteAll(pattern) => Operation::FileWriteAll(stand_in(pattern)),
        // A directory of programs, too: another directory could be one that something else may write.
        Operation::ProcessExec(pattern) if !is_of_its_own_kind(pattern) => {
            let program = ProfilePath::new(any_program()).map(PathPattern::Subpath);
            Operation::ProcessExec(program.unwrap_or_else(|_| pattern.clone()))
        }
        Operation::NetworkOutbound(AddressPattern::LocalSocket(_)) => {
            Operation::NetworkOutbound(AddressPattern::LocalSocket(ProfilePath::from_checked(FILE)))
        }
        other => other.clone(),
    }
}

/// All metadata is a kind of its own, and so is a directory that was named as a file.
fn is_of_its_own_kind(pattern: &PathPattern) -> bool {
    pattern.path() == Path::new("/") || is_directory(pattern)
}

fn is_directory(pattern: &PathPattern) -> bool {
    matches!(pattern, PathPattern::Literal(path) if path.as_path().is_dir())
}

/// A program that is there: the running one.
fn any_program() -> PathBuf {
    std::env::current_exe().ok().filter(|path| path.exists()).unwrap_or_else(|| "/bin/sh".into())
}

/// What was found so far.
struct Found<'a> {
    writable: &'a Writable,
    stand_ins: bool,
    /// This process is in a sandbox.
    within: bool,
    grants: BTreeMap<PathBuf, Grant>,
    links: BTreeMap<PathBuf, PathBuf>,
    names: Vec<Name>,
}

impl Found<'_> {
    /// The files of a pattern.
    fn file(&mut self, pattern: &PathPattern, rights: Rights) -> Result<(), (PathBuf, PathProblem)> {
        let kind = self.path(pattern.path(), rights)?;
        match (pattern, kind) {
            (_, Kind::Socket) => Err((pattern.path().to_path_buf(), PathProblem::Socket)),
            (PathPattern::Literal(path), Kind::Directory) => {
                Err((path.as_path().to_path_buf(), PathProblem::LiteralDirectory))
            }
            _ => Ok(()),
        }
    }

    /// A program with what its loader needs, or a tree of programs.
    fn program(&mut self, pattern: &PathPattern) -> Result<(), (PathBuf, PathProblem)> {
        let path = pattern.path();
        // What std and every shell open for a program that is to read or print nothing.
        self.path(Path::new("/dev/null"), Rights::READ.and(Rights::WRITE))?;
        if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            return self.file(pattern, Rights::EXECUTE);
        }
        let needs = programs::needs(path).map_err(|problem| (path.to_path_buf(), PathProblem::Program(problem)))?;
        for executed in &needs.executed {
            self.path(executed, Rights::EXECUTE)?;
        }
        for mapped in &needs.mapped {
            self.path(mapped, Rights::MAP)?;
        }
        for read in &needs.read {
            self.path(read, Rights::READ)?;
        }
        Ok(())
    }

    /// A Unix socket.
    fn socket(&mut self, path: &Path) -> Result<(), (PathBuf, PathProblem)> {
        match self.path(path, Rights::CONNECT)? {
            Kind::Socket => Ok(()),
            _ if self.stand_ins => Ok(()),
            _ => Err((path.to_path_buf(), PathProblem::NotASocket)),
        }
    }

    /// What is at `path`, with its links.
    fn path(&mut self, path: &Path, rights: Rights) -> Result<Kind, (PathBuf, PathProblem)> {
        let target = if self.within { as_it_is(path) } else { follow(path) }?;
        if let Some(link) = target.links.iter().find(|link| self.writable.contains(&link.at)) {
            return Err((link.at.clone(), PathProblem::WritableLink));
        }
        self.names.push(Name { path: path.to_path_buf(), identity: target.identity });
        self.links.extend(target.links.into_iter().map(|link| (link.at, link.target)));
        let grant = self.grants.entry(target.path.clone()).or_insert(Grant {
            path: target.path,
            identity: target.identity,
            kind: target.kind,
            rights: Rights::default(),
        });
        grant.rights = grant.rights.and(rights);
        Ok(target.kind)
    }
}

/// Gives each grant what the ones above it allow.
///
/// A path sorts before what is beneath it, so that outer mounts are made first. Landlock adds rights downward by itself; a mount over a
/// mount does not.
fn inherit(mut grants: Vec<Grant>) -> Vec<Grant> {
    for inner in 1..grants.len() {
        for outer in 0..inner {
            if grants[inner].path.starts_with(&grants[outer].path) {
                grants[inner].rights = grants[inner].rights.and(grants[outer].rights);
            }
        }
    }
    grants
}

fn add_ports(address: &AddressPattern, tcp: &mut Ports, udp: &mut Ports) {
    match address {
        AddressPattern::All => (*tcp, *udp) = (Ports::Every, Ports::Every),
        AddressPattern::Tcp(port) => tcp.add(*port),
        AddressPattern::Udp(port) => udp.add(*port),
        AddressPattern::LocalSocket(_) => {}
    }
}

/// Where a path leads.
struct Target {
    path: PathBuf,
    links: Vec<Link>,
    identity: Identity,
    kind: Kind,
}

/// Follows a path link by link, keeping each, so that the names that were written can be made to work in a private root.
///
/// Each component is opened in the directory that the one before it was, so that a directory which a link takes the place of meanwhile
/// is the directory still: what is followed is what was looked at.
fn follow(written: &Path) -> Result<Target, (PathBuf, PathProblem)> {
    follow_by(written, &mut |_, _| {})
}

/// Follows a path, and shows each directory before a name is looked up in it.
///
/// # Errors
///
/// It leads nowhere, or cannot be followed.
pub(crate) fn walk(written: &Path, visit: &mut dyn FnMut(&Path, BorrowedFd<'_>)) -> Result<(), (PathBuf, PathProblem)> {
    follow_by(written, visit).map(drop)
}

fn follow_by(written: &Path, visit: &mut dyn FnMut(&Path, BorrowedFd<'_>)) -> Result<Target, (PathBuf, PathProblem)> {
    let open = |directory: BorrowedFd<'_>, name: &OsStr, path: &Path| {
        let access = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(directory, name, access, Mode::empty()).map_err(|errno| at(path, errno))
    };
    let root = open(CWD, OsStr::new("/"), Path::new("/"))?;
    let mut rest: VecDeque<OsString> = components(written);
    let mut path = PathBuf::from("/");
    // What the path's components are, without the root.
    let mut opened: Vec<OwnedFd> = Vec::new();
    let mut links = Vec::new();
    while let Some(component) = rest.pop_front() {
        if component == ".." {
            path.pop();
            opened.pop();
            continue;
        }
        let directory = opened.last().unwrap_or(&root).as_fd();
        visit(&path, directory);
        path.push(&component);
        let fd = open(directory, &component, &path)?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| at(&path, errno))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            opened.push(fd);
            continue;
        }
        if links.len() == MOST_LINKS {
            return Err((written.to_path_buf(), PathProblem::TooManyLinks));
        }
        let target = rustix::fs::readlinkat(&fd, c"", Vec::new()).map_err(|errno| at(&path, errno))?;
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        links.push(Link { at: path.clone(), target: target.clone() });
        path.pop();
        if target.is_absolute() {
            path = PathBuf::from("/");
            opened.clear();
        }
        for component in components(&target).into_iter().rev() {
            rest.push_front(component);
        }
    }
    let stat = rustix::fs::fstat(opened.last().unwrap_or(&root)).map_err(|errno| at(&path, errno))?;
    let kind = kind(&stat).map_err(|problem| (path.clone(), problem))?;
    Ok(Target { path, links, identity: identity(&stat), kind })
}

/// What a path leads to, by whatever way.
fn as_it_is(path: &Path) -> Result<Target, (PathBuf, PathProblem)> {
    let stat = rustix::fs::stat(path).map_err(|errno| at(path, errno))?;
    let kind = kind(&stat).map_err(|problem| (path.to_path_buf(), problem))?;
    Ok(Target { path: path.to_path_buf(), links: Vec::new(), identity: identity(&stat), kind })
}

fn kind(stat: &Stat) -> Result<Kind, PathProblem> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => Ok(Kind::Directory),
        FileType::RegularFile => Ok(Kind::Regular),
        FileType::CharacterDevice | FileType::BlockDevice => Ok(Kind::Device),
        FileType::Fifo => Err(PathProblem::Pipe),
        FileType::Socket => Ok(Kind::Socket),
        _ => Err(PathProblem::Changed),
    }
}

fn components(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_os_string()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}

fn at(path: &Path, errno: Errno) -> (PathBuf, PathProblem) {
    (path.to_path_buf(), PathProblem::Io(io::Error::from(errno)))
}

fn identity(stat: &Stat) -> Identity {
    Identity { device: stat.st_dev, inode: stat.st_ino }
}

fn stream(output: Output) -> Stream {
    match output {
        Output::Capture => Stream::Capture,
        Output::Null => Stream::Null,
        Output::Inherit => Stream::Inherit,
    }
}

/// A time in whole seconds, rounded up.
pub(crate) fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests;
