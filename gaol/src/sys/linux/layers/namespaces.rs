//! Namespaces: a root that holds only what is granted, and none of the machine's other processes, networks or names.
//!
//! # Safety
//!
//! `mount_setattr(2)` is called directly, since `rustix` does not offer it: it reads one structure, which lives through the call.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use super::landlock::{self, Opening, Preparing};
use super::steps;
use crate::support::Layer;
use crate::sys::plan::{Grant, Kind, Plan, Reason, Refusal};
use crate::sys::{refusal, refusal_for};

/// Who the process was before it had a user namespace of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids {
    uid: u32,
    gid: u32,
}

impl Ids {
    /// Must be asked before the namespace is entered: inside, an unmapped process is nobody.
    pub(crate) fn current() -> Self {
        Self { uid: rustix::process::geteuid().as_raw(), gid: rustix::process::getegid().as_raw() }
    }
}

/// Where the private root is attached while it is built. It must exist, and `/proc` must, for gaol to have started.
const SCAFFOLD: &CStr = c"/proc";

/// The private root holds directories and links only; this is room for tens of thousands of them.
const ROOT_OPTIONS: [(&CStr, &CStr); 3] = [(c"size", c"16m"), (c"nr_inodes", c"65536"), (c"mode", c"0755")];

/// A private root that is the process's root already. Nothing is in it yet.
pub(crate) struct Prepared {
    root: OwnedFd,
    /// The root before it, whose mounts are still there.
    old: OwnedFd,
}

/// Makes the namespaces that the process was forked into its own.
pub(crate) fn isolate(ids: Ids) -> Result<(), Refusal> {
    map_ids(ids)?;
    // What the machine is called is nobody's to know in here. A name that every program can look up stands in for it.
    at("sethostname");
    rustix::system::sethostname(b"localhost").map_err(refused("sethostname"))?;
    rustix::system::setdomainname(b"(none)").map_err(refused("setdomainname"))?;
    at("mount(MS_REC | MS_PRIVATE)");
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(refused("mount(MS_REC | MS_PRIVATE)"))
}

/// The machine's null device, by a mount that nothing but its contents can be reached through.
///
/// To be opened before there is a private root: the device has no name in there.
pub(crate) fn null_device() -> Result<OwnedFd, Refusal> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = rustix::mount::open_tree(CWD, c"/dev/null", flags).map_err(refused("open_tree(/dev/null)"))?;
    set_attributes(tree.as_fd(), libc::MOUNT_ATTR_RDONLY | (HARMLESS & !libc::MOUNT_ATTR_NODEV), false)
        .map_err(refused_io("mount_setattr(/dev/null)"))?;
    // Who may not write to the file system may write to its devices all the same.
    let name = format!("/proc/self/fd/{}", tree.as_raw_fd());
    rustix::fs::open(name, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(refused("open a null device"))
}

/// Makes an empty tmpfs the root. The old one stays within reach of a descriptor, and on top of the new one.
pub(crate) fn prepare() -> Result<Prepared, Refusal> {
    let _umask = NoUmask::begin();
    let old = open_root()?;
    let root = make_root()?;
    attach(&root)?;
    exchange(&root)?;
    Ok(Prepared { root, old })
}

/// Makes the private root of a process that was isolated hold what is granted, and nothing else. The paths are added to `ruleset` on the way,
/// by the very descriptors that are bound into the root.
///
/// Where somebody is going to judge by them, also gives the kernel's list of the mounts in it.
pub(crate) fn enter(
    plan: &Plan,
    prepared: Option<Prepared>,
    mut ruleset: Option<Preparing>,
) -> Result<(Option<Preparing>, Option<OwnedFd>), Refusal> {
    let _umask = NoUmask::begin();
    let (root, old) = match prepared {
        Some(Prepared { root, old }) => (Some(root), old),
        None => (None, open_root()?),
    };
    let mut trees = Vec::with_capacity(plan.grants.len());
    for grant in &plan.grants {
        let fd = landlock::open_beneath(&old, grant, Layer::Namespaces, Opening::Name)?;
        if let Some(preparing) = ruleset {
            ruleset = Some(preparing.grant(grant, &fd)?);
        }
        trees.push(copy_tree(grant, fd)?);
    }
    // Where "/" itself is granted (it sorts first), its copy is the root, and none was prepared.
    let whole = root.is_none();
    let root = match root {
        Some(root) => root,
        None => {
            let root = trees.remove(0);
            attach(&root)?;
            root
        }
    };
    // What is inside of a granted tree is there already, and not ours to make.
    let within = |path: &Path| plan.grants.iter().any(|outer| path != outer.path() && path.starts_with(outer.path()));
    for link in plan.links.iter().filter(|link| !within(&link.at)) {
        place_link(&root, &link.at, &link.target)?;
    }
    for (grant, tree) in plan.grants.iter().skip(usize::from(whole)).zip(&trees) {
        if !within(grant.path()) {
            make_mount_point(&root, grant)?;
        }
        bind(&root, grant, tree.as_fd())?;
    }
    if whole {
        exchange(&root)?;
    } else {
        set_attributes(root.as_fd(), libc::MOUNT_ATTR_RDONLY | HARMLESS, false)
            .map_err(refused_io("mount_setattr(root)"))?;
    }
    let mounts = if plan.has_judge() { Some(list_mounts(&old)?) } else { None };
    leave_old(&root)?;
    Ok((ruleset, mounts))
}

/// Opens the list of the mounts that are seen from the root. It is read when it is needed, and lists those that are there then.
fn list_mounts(old: &OwnedFd) -> Result<OwnedFd, Refusal> {
    rustix::fs::openat(old, c"proc/self/mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(refused("open /proc/self/mountinfo"))
}

/// While it lives, what is made has the mode that it is made with: the application's umask is for files of the application's, and may forbid even
/// the owner to enter a directory.
struct NoUmask(Mode);

impl NoUmask {
    fn begin() -> Self {
        Self(rustix::process::umask(Mode::empty()))
    }
}

impl Drop for NoUmask {
    fn drop(&mut self) {
        rustix::process::umask(self.0);
    }
}

fn open_root() -> Result<OwnedFd, Refusal> {
    rustix::fs::open(c"/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(refused("open(\"/\")"))
}

/// Attaches what is going to be the root.
fn attach(root: &OwnedFd) -> Result<(), Refusal> {
    at("move_mount");
    rustix::mount::move_mount(root, c"", CWD, SCAFFOLD, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(refused("move_mount(root)"))
}

/// Nothing in a mount may raise privileges, name a device, or be executed.
const HARMLESS: u64 = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV | libc::MOUNT_ATTR_NOEXEC;

/// Maps the process's own ids onto themselves: the one mapping that needs no privilege.
fn map_ids(ids: Ids) -> Result<(), Refusal> {
    write_file(c"/proc/self/setgroups", "deny")?;
    write_file(c"/proc/self/uid_map", &format!("{0} {0} 1", ids.uid))?;
    write_file(c"/proc/self/gid_map", &format!("{0} {0} 1", ids.gid))
}

fn write_file(path: &CStr, text: &str) -> Result<(), Refusal> {
    let failed = |error: io::Error| refusal(Layer::Namespaces, &format!("write {}", path.to_string_lossy()), &error);
    let fd = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|errno| failed(errno.into()))?;
    std::fs::File::from(fd).write_all(text.as_bytes()).map_err(failed)
}

/// Copies the mounts at and beneath a granted path, and takes away what the grant does not include.
fn copy_tree(grant: &Grant, fd: OwnedFd) -> Result<OwnedFd, Refusal> {
    let failed = |step: &'static str| {
        move |error: io::Error| refusal_for(Layer::Namespaces, step, grant.path().display().to_string(), &error)
    };
    at("open_tree");
    let tree = rustix::mount::open_tree(
        &fd,
        c"",
        OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE,
    )
    .map_err(|errno| failed("open_tree(OPEN_TREE_CLONE)")(errno.into()))?;
    let mut attributes = HARMLESS;
    if grant.kind == Kind::Device {
        // The one device that was named is what is granted.
        attributes &= !libc::MOUNT_ATTR_NODEV;
    }
    if grant.rights.map {
        // Landlock says what of it may be run.
        attributes &= !libc::MOUNT_ATTR_NOEXEC;
    }
    // A device is written to through a read-only mount as well, which keeps its mode, owner and times.
    if !grant.rights.write || grant.kind == Kind::Device {
        attributes |= libc::MOUNT_ATTR_RDONLY;
    }
    set_attributes(tree.as_fd(), attributes, true).map_err(failed("mount_setattr"))?;
    Ok(tree)
}

/// An empty tmpfs, not attached yet.
fn make_root() -> Result<OwnedFd, Refusal> {
    at("fsopen, fsconfig, fsmount");
    let context = rustix::mount::fsopen(c"tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(refused("fsopen(tmpfs)"))?;
    for (key, value) in ROOT_OPTIONS {
        rustix::mount::fsconfig_set_string(context.as_fd(), key, value).map_err(refused("fsconfig(tmpfs)"))?;
    }
    rustix::mount::fsconfig_create(context.as_fd()).map_err(refused("fsconfig(FSCONFIG_CMD_CREATE)"))?;
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
        .map_err(refused("fsmount(tmpfs)"))
}

/// Puts a symbolic link where the written name passes through one.
fn place_link(root: &OwnedFd, at: &Path, target: &Path) -> Result<(), Refusal> {
    let name = make_parents(root, at)?;
    match rustix::fs::symlinkat(target, root, &name) {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(refusal_for(Layer::Namespaces, "symlinkat", at.display().to_string(), &errno.into())),
    }
}

/// Makes an empty directory or file in the private root, for a grant to be attached to.
fn make_mount_point(root: &OwnedFd, grant: &Grant) -> Result<(), Refusal> {
    let name = make_parents(root, grant.path())?;
    let made = if grant.kind == Kind::Directory {
        rustix::fs::mkdirat(root, &name, Mode::from_raw_mode(0o755))
    } else {
        rustix::fs::openat(
            root,
            &name,
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::from_raw_mode(0o644),
        )
        .map(drop)
    };
    match made {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => {
            let object = grant.path().display().to_string();
            Err(refusal_for(Layer::Namespaces, "make a mount point", object, &errno.into()))
        }
    }
}

/// Attaches a copied tree under its real name, which has no symbolic link in it: one that is found has been put there since.
fn bind(root: &OwnedFd, grant: &Grant, tree: BorrowedFd<'_>) -> Result<(), Refusal> {
    let failed = |step: &str, errno: Errno| {
        let refusal = refusal_for(Layer::Namespaces, step, grant.path().display().to_string(), &errno.into());
        match errno {
            Errno::LOOP | Errno::NOENT | Errno::NOTDIR | Errno::XDEV => Refusal { reason: Reason::Changed, ..refusal },
            _ => refusal,
        }
    };
    let name = grant.path().strip_prefix("/").unwrap_or(grant.path());
    let mount_point = rustix::fs::openat2(
        root,
        name,
        OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
    )
    .map_err(|errno| failed("openat2(mount point)", errno))?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(tree, c"", &mount_point, c"", flags).map_err(|errno| failed("move_mount", errno))
}

/// Makes the directories above `path` in the private root, and gives its name relative to that root.
fn make_parents(root: &OwnedFd, path: &Path) -> Result<PathBuf, Refusal> {
    let name = path.strip_prefix("/").unwrap_or(path);
    let mut directory = PathBuf::new();
    for component in name.parent().into_iter().flat_map(Path::components) {
        directory.push(component);
        match rustix::fs::mkdirat(root, &directory, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => {
                return Err(refusal_for(Layer::Namespaces, "mkdirat", path.display().to_string(), &errno.into()));
            }
        }
    }
    Ok(name.to_path_buf())
}

/// Makes `root` the root, and puts the old one on top of it.
fn exchange(root: &OwnedFd) -> Result<(), Refusal> {
    rustix::process::fchdir(root).map_err(refused("fchdir(root)"))?;
    at("pivot_root");
    rustix::process::pivot_root(c".", c".").map_err(refused("pivot_root"))
}

/// Lets go of the old root, which is on top of this one, so that no directory or mount leads back. The descriptors that do are closed by
/// their owners.
fn leave_old(root: &OwnedFd) -> Result<(), Refusal> {
    rustix::process::fchdir(root).map_err(refused("fchdir(root)"))?;
    at("umount2");
    rustix::mount::unmount(c".", UnmountFlags::DETACH).map_err(refused("umount2(MNT_DETACH)"))?;
    rustix::process::chdir(c"/").map_err(refused("chdir(\"/\")"))
}

/// Sets attributes of a mount, and with `recursive` of those beneath it.
fn set_attributes(mount: BorrowedFd<'_>, attributes: u64, recursive: bool) -> io::Result<()> {
    at("mount_setattr");
    let attribute = libc::mount_attr {
        attr_set: attributes,
        attr_clr: 0,
        propagation: if recursive { libc::MS_PRIVATE } else { 0 },
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty C string, and the kernel reads `size_of::<mount_attr>()` bytes of a structure that outlives the call.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attribute,
            size_of::<libc::mount_attr>(),
        )
    };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The next system call of this layer is this one.
fn at(step: &'static str) {
    steps::at(Layer::Namespaces, step);
}

fn refused(step: &'static str) -> impl Fn(Errno) -> Refusal {
    move |errno| refusal(Layer::Namespaces, step, &errno.into())
}

fn refused_io(step: &'static str) -> impl Fn(io::Error) -> Refusal {
    move |error| refusal(Layer::Namespaces, step, &error)
}
