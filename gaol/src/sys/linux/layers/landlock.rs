//! Landlock: files by path, TCP by port, scopes.
//!
//! # Safety
//!
//! Two raw system calls, neither with a pointer argument: one asks for the ABI version, which neither `landlock` nor `rustix` offers; one
//! enters a ruleset again and again, which `landlock` uses up.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, RestrictSelfAttr,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::support::Layer;
use crate::sys::plan::{Grant, Identity, Kind, Plan, Ports, Reason, Refusal, Rights};
use crate::sys::{own_refusal, refusal, refusal_for};

pub(crate) mod udp;

/// The kernel's Landlock, or why there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Abi {
    /// The version; 0 where there is none.
    pub(crate) version: u32,
    /// What the kernel answered where there is none.
    pub(crate) errno: i32,
}

impl Abi {
    /// A refusal for what this version does not have.
    pub(crate) fn refusal(self, need: &str) -> Refusal {
        let have = if self.version == 0 { String::new() } else { format!("this kernel has ABI {}", self.version) };
        Refusal { errno: self.errno, ..own_refusal(Layer::Landlock, need, have, Reason::Layer) }
    }
}

/// Asks the kernel for its ABI version.
pub(crate) fn abi() -> Abi {
    const LANDLOCK_CREATE_RULESET_VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the kernel takes no attribute (null, 0) and only returns a number.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0_usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    match u32::try_from(answer) {
        Ok(version) => Abi { version, errno: 0 },
        Err(_) => Abi { version: 0, errno: io::Error::last_os_error().raw_os_error().unwrap_or(0) },
    }
}

/// The refusal of a process that is under as many rulesets as there can be.
pub(crate) fn no_more_rulesets() -> Refusal {
    Refusal { errno: libc::E2BIG, ..own_refusal(Layer::Landlock, "restrict self", String::new(), Reason::Layer) }
}

/// A ruleset that handles every right the kernel knows, being filled.
pub(crate) struct Preparing {
    ruleset: RulesetCreated,
    abi: ABI,
    /// The rules about UDP, where there is a network and the kernel knows them.
    udp: Option<OwnedFd>,
    /// The ruleset that each worker enters beside these.
    own: RulesetCreated,
}

/// The ruleset of a domain that each worker has for itself.
///
/// Whatever reaches for another process by `/proc` or as a debugger must be in that process's domain or in one that the other's lies
/// within. Workers of a template that were in the template's domain only could reach for each other, and for the template.
#[derive(Debug)]
pub(crate) struct OwnDomain {
    ruleset: OwnedFd,
    flags: libc::c_uint,
}

impl OwnDomain {
    /// The same, where descriptors below `first` are about to be replaced.
    pub(crate) fn above(self, first: RawFd) -> io::Result<Self> {
        let ruleset = rustix::io::fcntl_dupfd_cloexec(&self.ruleset, first)?;
        Ok(Self { ruleset, ..self })
    }

    /// Puts the process in a domain of its own, for good. What is allowed by path and port stays as it is.
    ///
    /// # Errors
    ///
    /// The kernel's: E2BIG if it is under 16 rulesets already.
    pub(crate) fn enter(&self) -> io::Result<()> {
        // SAFETY: takes numbers only; the ruleset is open.
        let answer = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.ruleset.as_raw_fd(), self.flags) };
        if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

/// LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF and LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF. A child can be refused something a million times
/// a second, and where the system keeps an audit log, each of them would be a line in it. What a program does after its exec is not logged
/// unless somebody asks for it.
const NO_LOG: libc::c_uint = 1 << 0 | 1 << 2;

/// The first ABI that can be told not to log. Those before it do not.
const LOGS: ABI = ABI::V7;

/// Creates the ruleset and adds what is not a path. `None` where the kernel has no Landlock and the plan needs none.
pub(crate) fn prepare(plan: &Plan, abi: Abi) -> Result<Option<Preparing>, Refusal> {
    if abi.version == 0 {
        return Ok(None);
    }
    let udp = if abi.version >= udp::ABI && !plan.network.is_empty() {
        udp::create(&plan.network).map_err(|error| refusal(Layer::Landlock, "create a ruleset for UDP", &error))?
    } else {
        None
    };
    let abi = ABI::from(i32::try_from(abi.version).unwrap_or(i32::MAX));
    let ruleset = create(plan, abi).map_err(|error| refused("create", &error))?;
    let own = create_own(abi).map_err(|error| refused("create", &error))?;
    Ok(Some(Preparing { ruleset, abi, udp, own }))
}

/// Creates the ruleset of the workers' own domains: scopes, and what no grant allows in any case.
///
/// A ruleset that handles no right to a file still refuses to move files from one directory to another, unless it has rules that allow it.
fn create_own(abi: ABI) -> Result<RulesetCreated, RulesetError> {
    let moves = if abi >= ABI::V2 { AccessFs::Refer.into() } else { BitFlags::empty() };
    let mut own = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(moves | AccessFs::MakeBlock)?;
    if abi >= ABI::V6 {
        own = own.scope(Scope::from_all(abi))?;
    }
    own.create()
}

fn create(plan: &Plan, abi: ABI) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(abi))?;
    // A right that is handled and never added is refused everywhere, so everything the kernel knows is handled.
    // Every port is what no rule can say: a direction in which all are allowed is left to the filters.
    let mut handled = AccessNet::from_all(abi);
    for (ports, access) in
        [(&plan.network.tcp_outbound, AccessNet::ConnectTcp), (&plan.network.tcp_inbound, AccessNet::BindTcp)]
    {
        if *ports == Ports::Every {
            handled.remove(access);
        }
    }
    if !handled.is_empty() {
        ruleset = ruleset.handle_access(handled)?;
    }
    if abi >= ABI::V6 {
        ruleset = ruleset.scope(Scope::from_all(abi))?;
    }
    let mut ruleset = ruleset.create()?.set_compatibility(CompatLevel::HardRequirement);
    for &port in plan.network.tcp_outbound.judged() {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
    }
    for &port in plan.network.tcp_inbound.judged() {
        ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
    }
    // `no_new_privs` is a step of its own, for the filters need it where there is no Landlock.
    Ok(ruleset.no_new_privs(false))
}

impl Preparing {
    /// Allows what `grant` allows, beneath the file that `fd` is.
    pub(crate) fn grant(mut self, grant: &Grant, fd: impl AsFd) -> Result<Self, Refusal> {
        let rights = access(grant.rights, grant.kind, self.abi);
        let failed = |error: RulesetError| Refusal {
            object: grant.path().display().to_string(),
            ..refused("add a rule", &error)
        };
        let moves = rights & AccessFs::Refer;
        if !moves.is_empty() {
            self.own = self.own.add_rule(PathBeneath::new(&fd, moves)).map_err(failed)?;
        }
        // A file of which only metadata is granted, or a socket, where the private root alone judges these.
        if !rights.is_empty() {
            self.ruleset = self.ruleset.add_rule(PathBeneath::new(&fd, rights)).map_err(failed)?;
        }
        Ok(self)
    }

    /// Whether it is two rulesets, one of them about UDP.
    pub(crate) fn has_udp(&self) -> bool {
        self.udp.is_some()
    }

    /// Restricts the process for good. Gives what each worker of it is to enter beside that.
    pub(crate) fn enter(self) -> Result<OwnDomain, Refusal> {
        let Self { mut ruleset, abi, udp, own } = self;
        let restrict = |error: RulesetError| refused("restrict self", &error);
        if abi >= LOGS {
            ruleset = ruleset.log_same_exec(false).map_err(restrict)?.log_subdomains(false).map_err(restrict)?;
        }
        ruleset.restrict_self().map_err(restrict)?;
        let flags = if abi >= LOGS { NO_LOG } else { 0 };
        if let Some(ruleset) = udp {
            udp::enter(&ruleset, flags).map_err(|error| refusal(Layer::Landlock, "restrict self", &error))?;
        }
        let ruleset: Option<OwnedFd> = own.into();
        let ruleset = ruleset
            .ok_or_else(|| own_refusal(Layer::Landlock, "create the workers' ruleset", String::new(), Reason::Layer))?;
        Ok(OwnDomain { ruleset, flags })
    }
}

/// Puts the process, and what it starts from now on, in a domain that no signal leaves. Files and ports are not judged.
///
/// # Errors
///
/// The kernel's: it knows no scopes before ABI 6.
pub(crate) fn scope_signals() -> Result<(), RulesetError> {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).scope(Scope::Signal)?.create()?;
    // A signal to everybody would be logged once for each process that it does not reach. Kernels that cannot be told so do not log.
    ruleset.set_compatibility(CompatLevel::BestEffort).log_same_exec(false)?.restrict_self().map(drop)
}

/// By what a path is opened for a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// O_PATH: neither a device nor a pipe notices.
    Name,
    /// Its contents, as far as it is granted: a process that is confined already has no O_PATH, and cannot follow links by itself.
    Contents,
}

/// Adds the paths where there is no private root to bind them into.
pub(crate) fn grant_paths(
    plan: &Plan,
    ruleset: Option<Preparing>,
    opening: Opening,
) -> Result<Option<Preparing>, Refusal> {
    let Some(mut ruleset) = ruleset else { return Ok(None) };
    for grant in &plan.grants {
        let fd = open(grant, Layer::Landlock, opening)?;
        ruleset = ruleset.grant(grant, fd)?;
    }
    Ok(Some(ruleset))
}

/// Opens a granted path by its real name and checks that it is what the parent saw.
pub(crate) fn open(grant: &Grant, layer: Layer, opening: Opening) -> Result<OwnedFd, Refusal> {
    open_at(CWD, grant.path(), grant, layer, opening)
}

/// The same where `root` is the root that the parent sees, and not this process's.
pub(crate) fn open_beneath(root: impl AsFd, grant: &Grant, layer: Layer, opening: Opening) -> Result<OwnedFd, Refusal> {
    let name = grant.path().strip_prefix("/").unwrap_or(grant.path());
    let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
    open_at(root.as_fd(), name, grant, layer, opening)
}

fn open_at(
    directory: BorrowedFd<'_>,
    path: &Path,
    grant: &Grant,
    layer: Layer,
    opening: Opening,
) -> Result<OwnedFd, Refusal> {
    let object = || grant.path().display().to_string();
    let failed = |error: rustix::io::Errno| {
        let refusal = refusal_for(layer, "open a granted path", object(), &error.into());
        match error {
            rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR | rustix::io::Errno::LOOP => {
                Refusal { reason: Reason::Changed, ..refusal }
            }
            // The parent could reach it, a process with fewer capabilities cannot.
            rustix::io::Errno::ACCESS | rustix::io::Errno::PERM => Refusal { reason: Reason::Operation, ..refusal },
            _ => refusal,
        }
    };
    let contents = |access: OFlags| {
        let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        rustix::fs::openat(directory, path, flags, Mode::empty())
    };
    let fd = match opening {
        // No component of a real path is a symbolic link: one that is found anywhere in it has been put there since.
        Opening::Name => {
            let access = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            rustix::fs::openat2(directory, path, access, Mode::empty(), ResolveFlags::NO_SYMLINKS)
        }
        Opening::Contents if grant.rights.read || grant.kind == Kind::Directory => contents(OFlags::RDONLY),
        Opening::Contents => contents(OFlags::WRONLY),
    };
    let fd = fd.map_err(failed)?;
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    if (Identity { device: stat.st_dev, inode: stat.st_ino }) != grant.identity {
        return Err(own_refusal(layer, "find what the parent saw", object(), Reason::Changed));
    }
    Ok(fd)
}

/// The rights of a grant, in the kernel's words.
fn access(rights: Rights, kind: Kind, abi: ABI) -> BitFlags<AccessFs> {
    let mut access = BitFlags::empty();
    // Listing is metadata, which every grant includes.
    if kind == Kind::Directory {
        access |= AccessFs::ReadDir;
    }
    if rights.read {
        access |= AccessFs::ReadFile;
    }
    if rights.execute {
        access |= AccessFs::Execute;
    }
    if rights.connect && abi >= ABI::V9 {
        access |= AccessFs::ResolveUnix;
    }
    if rights.write {
        access |= AccessFs::WriteFile;
        if abi >= ABI::V3 {
            access |= AccessFs::Truncate;
        }
        if kind == Kind::Directory {
            // No device nodes, pipes or sockets: they are ways to others, not contents.
            access |=
                AccessFs::MakeReg | AccessFs::MakeDir | AccessFs::MakeSym | AccessFs::RemoveFile | AccessFs::RemoveDir;
            if abi >= ABI::V2 {
                access |= AccessFs::Refer;
            }
        }
    }
    access
}

fn refused(step: &str, error: &RulesetError) -> Refusal {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    let mut errno = 0;
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            errno = io.raw_os_error().unwrap_or(0);
        }
        source = cause.source();
    }
    let reason =
        if matches!(errno, libc::ENOMEM | libc::EMFILE | libc::ENFILE) { Reason::Resources } else { Reason::Layer };
    Refusal {
        errno,
        ..own_refusal(Layer::Landlock, step, if errno == 0 { error.to_string() } else { String::new() }, reason)
    }
}
