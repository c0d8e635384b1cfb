//! Landlock: files by path, TCP by port, scopes.
//!
//! # Safety
//!
//! One raw system call asks for the ABI version, which neither `landlock` nor `rustix` offers: it has no pointer argument.
#![allow(unsafe_code)]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, Ruleset, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetError, Scope,
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use super::{own_refusal, refusal, refusal_for};
use crate::plan::{Grant, Identity, Kind, Plan, Ports, Reason, Refusal, Rights};
use crate::support::Layer;

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
        Err(_) => Abi { version: 0, errno: std::io::Error::last_os_error().raw_os_error().unwrap_or(0) },
    }
}

/// A ruleset that handles every right the kernel knows, being filled.
pub(crate) struct Preparing {
    ruleset: RulesetCreated,
    abi: ABI,
    /// The rules about UDP, where there is a network and the kernel knows them.
    udp: Option<OwnedFd>,
}

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
    create(plan, abi).map(|ruleset| Some(Preparing { ruleset, abi, udp })).map_err(|error| refused("create", &error))
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
        // A file of which only metadata is granted, or a socket, where the private root alone judges these.
        if rights.is_empty() {
            return Ok(self);
        }
        self.ruleset = self
            .ruleset
            .add_rule(PathBeneath::new(fd, rights))
            .map_err(|error| Refusal { object: grant.path().display().to_string(), ..refused("add a rule", &error) })?;
        Ok(self)
    }

    /// Whether it is two rulesets, one of them about UDP.
    pub(crate) fn has_udp(&self) -> bool {
        self.udp.is_some()
    }

    /// Restricts the process for good.
    pub(crate) fn enter(self) -> Result<(), Refusal> {
        self.ruleset.restrict_self().map_err(|error| refused("restrict self", &error))?;
        self.udp.map_or(Ok(()), |ruleset| {
            udp::enter(&ruleset).map_err(|error| refusal(Layer::Landlock, "restrict self", &error))
        })
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
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
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
