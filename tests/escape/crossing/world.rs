//! What a profile of the crossing grants in a tier, and what stands before each kind of step that an act takes.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libc::{EACCES, EINVAL, ENOENT, ENOSYS, EOPNOTSUPP, EPERM, EROFS, EXDEV};

use super::super::files::Target;
use super::super::place::Place;
use super::super::row::{Answer, Tier};
use super::combined::On;
use super::factors::{Crossed, Handed, Metadata, Net, Read, Streams, program};

/// Where an act stops, or that it does not.
pub(crate) type Rule = Result<(), Stop>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    At(Answer),
    /// The promise does not say, for this reason.
    Unknown(&'static str),
    /// It is known to come to its aim, and must not.
    Open(&'static str),
}

/// How something is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Open {
    Read,
    Write,
    ReadWrite,
    /// And it must not be there.
    Create,
    /// For nothing but its name: `O_PATH`.
    Name,
}

/// What stands behind a path that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paths {
    /// Nothing is granted by path: every call that takes one is refused.
    None,
    /// What can be seen may be asked about.
    Visible,
    /// A handler opens what is asked about, which Landlock judges.
    Judged,
}

/// Something that is granted by path.
struct Grant {
    path: PathBuf,
    read: bool,
    write: bool,
    run: bool,
}

/// Everything that an answer depends on.
pub(crate) struct World<'a> {
    pub(crate) profile: Crossed,
    pub(crate) tier: Tier,
    pub(crate) root: bool,
    pub(crate) place: &'a Place,
    /// The process that the place names is another call of the same function.
    sibling: bool,
    grants: Vec<Grant>,
}

fn at(errno: i32) -> Stop {
    Stop::At(Answer::Errno(errno))
}

impl<'a> World<'a> {
    pub(crate) fn new(profile: Crossed, tier: Tier, place: &'a Place, sibling: bool) -> Self {
        let grant = |path: PathBuf, read, write, run| Grant { path, read, write, run };
        let mut grants = Vec::new();
        grants.extend(profile.reads().into_iter().map(|path| grant(path, true, false, false)));
        grants.extend(profile.writes().map(|path| grant(path, false, true, false)));
        grants.extend(profile.tells().map(|path| grant(path, false, false, false)));
        if profile.exec {
            grants.push(grant(program(place), true, false, true));
            // Whoever starts a program that is to read or print nothing opens it.
            grants.push(grant("/dev/null".into(), true, true, false));
        }
        if profile.system {
            grants.push(grant("/proc/sys".into(), true, false, false));
        }
        if profile.net == Net::Unix {
            grants.push(grant(place.unix_stream.clone(), false, false, false));
        }
        let root = rustix::process::geteuid().is_root();
        Self { profile, tier, root, place, sibling, grants }
    }

    /// The filter refuses what the profile does not list.
    pub(crate) fn refused(&self, errno: i32) -> Rule {
        Err(Stop::At(if self.profile.kill { Answer::Violation } else { Answer::Errno(errno) }))
    }

    /// What `exec` includes.
    pub(crate) fn unless_programs(&self, errno: i32) -> Rule {
        if self.profile.exec { Ok(()) } else { self.refused(errno) }
    }

    /// What programs try on their own account, and are told that they may not.
    pub(crate) fn is_answered_to_programs(&self, errno: i32) -> Rule {
        self.is_answered_to_programs_or(errno, errno)
    }

    pub(crate) fn is_answered_to_programs_or(&self, to_programs: i32, errno: i32) -> Rule {
        if self.profile.exec { Err(at(to_programs)) } else { self.refused(errno) }
    }

    /// Extended attributes: to programs, as of a file system that has none.
    pub(crate) fn attributes(&self) -> Rule {
        self.is_answered_to_programs_or(EOPNOTSUPP, EPERM)
    }

    /// Watching files: to programs, as of a kernel that has no such call.
    pub(crate) fn watches(&self) -> Rule {
        self.is_answered_to_programs_or(ENOSYS, EPERM)
    }

    // Paths.

    pub(crate) fn path(&self, target: Target) -> PathBuf {
        let path = target.path(self.place);
        // Relative to the root, which is where every function is.
        Path::new("/").join(OsStr::from_bytes(path.as_bytes()))
    }

    pub(crate) fn paths(&self) -> Paths {
        if self.grants.is_empty() {
            Paths::None
        } else if self.tier == Tier::A || self.sees_everything() {
            Paths::Visible
        } else {
            Paths::Judged
        }
    }

    /// Some path may be named.
    pub(crate) fn has_paths(&self, errno: i32) -> Rule {
        if self.paths() == Paths::None { self.refused(errno) } else { Ok(()) }
    }

    /// `metadata = "/"` or `read = "/"`.
    pub(crate) fn sees_everything(&self) -> bool {
        self.profile.read == Read::Everything || self.profile.metadata == Metadata::Everything
    }

    /// Whether anything may be written, be it `/dev/null`.
    pub(crate) fn may_write(&self) -> bool {
        self.grants.iter().any(|grant| grant.write)
    }

    /// Something may be written.
    pub(crate) fn writes(&self) -> Rule {
        self.has_paths(EPERM)?;
        if self.may_write() { Ok(()) } else { self.refused(EACCES) }
    }

    fn covering(&self, path: &Path) -> impl Iterator<Item = &Grant> {
        self.grants.iter().filter(move |grant| path.starts_with(&grant.path))
    }

    pub(crate) fn is_covered(&self, path: &Path) -> bool {
        self.covering(path).next().is_some()
    }

    pub(crate) fn is_written(&self, path: &Path) -> bool {
        self.covering(path).any(|grant| grant.write)
    }

    /// On which mount of a private root it is: that of the innermost grant.
    pub(crate) fn mount(&self, path: &Path) -> Option<&Path> {
        match self.tier {
            Tier::A => self.covering(path).map(|grant| grant.path.as_path()).max_by_key(|path| path.as_os_str().len()),
            Tier::B => None,
        }
    }

    /// Whether a name is there to be found. A private root holds what is granted, and the directories on the way to it.
    fn is_there(&self, path: &Path) -> Result<std::fs::Metadata, Stop> {
        let seen = self.tier == Tier::B
            || self.is_covered(path)
            || self.grants.iter().any(|grant| grant.path.starts_with(path));
        let found = std::fs::symlink_metadata(path).map_err(|error| at(error.raw_os_error().unwrap_or(ENOENT)));
        if seen { found } else { Err(at(ENOENT)) }
    }

    /// Where a path leads, name by name.
    pub(crate) fn reach(&self, path: &Path, follow: bool) -> Result<PathBuf, Stop> {
        let mut names: VecDeque<OsString> = path.iter().map(ToOwned::to_owned).collect();
        let mut real = PathBuf::from("/");
        let mut links = 0;
        while let Some(name) = names.pop_front() {
            match name.as_bytes() {
                b"/" => real = "/".into(),
                b"." => {}
                b".." => drop(real.pop()),
                _ => {
                    let next = real.join(&name);
                    let found = self.is_there(&next)?;
                    // `/proc/self` and its like are whoever asks.
                    let magic = next.starts_with("/proc") && next != Path::new("/proc");
                    if found.is_symlink() && (follow || !names.is_empty()) && !magic {
                        links += 1;
                        if links > 40 {
                            return Err(at(libc::ELOOP));
                        }
                        let target = std::fs::read_link(&next).map_err(|_| at(ENOENT))?;
                        for part in target.iter().rev() {
                            names.push_front(part.to_owned());
                        }
                    } else {
                        real = next;
                    }
                }
            }
        }
        Ok(real)
    }

    /// Where something new would be.
    pub(crate) fn reach_new(&self, path: &Path) -> Result<PathBuf, Stop> {
        let parent = path.parent().unwrap_or(Path::new("/"));
        Ok(self.reach(parent, true)?.join(path.file_name().unwrap_or_default()))
    }

    /// What a change of something at a real path meets: a mount that is read-only, or Landlock.
    pub(crate) fn change(&self, real: &Path) -> Rule {
        match (self.is_written(real), self.tier) {
            (true, _) => Ok(()),
            (false, Tier::A) => Err(at(EROFS)),
            (false, Tier::B) => Err(at(EACCES)),
        }
    }

    /// Taking a name away: whether that may be is asked before whether it is there.
    pub(crate) fn remove(&self, path: &Path) -> Rule {
        self.writes()?;
        let real = self.reach_new(path)?;
        if self.tier == Tier::A {
            self.change(&real)?;
        }
        self.change(&self.reach(path, false)?)
    }

    /// A file without a name, which whoever makes it may read as well.
    pub(crate) fn make_unnamed(&self, directory: &Path) -> Rule {
        self.writes()?;
        let real = self.reach(directory, true)?;
        self.change(&real)?;
        if self.covering(&real).any(|grant| grant.read) { Ok(()) } else { Err(at(EACCES)) }
    }

    pub(crate) fn make(&self, path: &Path) -> Rule {
        self.writes()?;
        self.change(&self.reach_new(path)?)
    }

    pub(crate) fn open(&self, path: &Path, open: Open) -> Rule {
        self.has_paths(EPERM)?;
        match open {
            Open::Name if self.paths() == Paths::Judged => self.refused(EACCES),
            Open::Name => self.reach(path, true).map(drop),
            Open::Read => {
                let real = self.reach(path, true)?;
                // To list a directory is to ask for metadata, which every grant includes.
                let opened =
                    if real.is_dir() { self.is_covered(&real) } else { self.covering(&real).any(|grant| grant.read) };
                if opened { Ok(()) } else { Err(at(EACCES)) }
            }
            Open::Write => {
                self.writes()?;
                self.change(&self.reach(path, true)?)
            }
            Open::ReadWrite => {
                self.writes()?;
                let real = self.reach(path, true)?;
                self.change(&real)?;
                self.open(&real, Open::Read)
            }
            Open::Create => self.make(path),
        }
    }

    /// Its metadata.
    pub(crate) fn tell(&self, path: &Path, follow: bool) -> Rule {
        self.has_paths(EPERM)?;
        let real = self.reach(path, follow)?;
        if self.paths() == Paths::Visible {
            return Ok(());
        }
        let on_the_way = || self.grants.iter().any(|grant| grant.path.starts_with(path) && grant.path != path);
        let covered = if real.is_symlink() {
            self.is_covered(real.parent().unwrap_or(&real))
        } else if real.is_dir() {
            self.is_covered(&real) || on_the_way()
        } else {
            self.covering(&real).any(|grant| grant.read || grant.write)
        };
        if covered { Ok(()) } else { Err(at(EACCES)) }
    }

    /// Where a link leads. Without a root of its own, that is not told.
    pub(crate) fn read_link(&self, path: &Path) -> Rule {
        self.has_paths(EPERM)?;
        let real = self.reach(path, false)?;
        match self.paths() {
            Paths::Visible if real.is_symlink() => Ok(()),
            Paths::Visible => Err(at(EINVAL)),
            _ => Err(at(EACCES)),
        }
    }

    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Rule {
        self.writes()?;
        let (from, to) = (self.reach_new(from)?, self.reach_new(to)?);
        let directory = |path: &Path| path.parent().unwrap_or(Path::new("/")).to_path_buf();
        match self.tier {
            Tier::A if self.mount(&directory(&from)) != self.mount(&directory(&to)) => Err(at(EXDEV)),
            _ => {
                self.change(&from)?;
                self.change(&to)
            }
        }
    }

    pub(crate) fn run(&self, path: &Path) -> Rule {
        self.unless_programs(EPERM)?;
        let real = self.reach(path, true)?;
        if self.covering(&real).any(|grant| grant.run) {
            return Err(Stop::At(Answer::Exited(super::super::place::EXIT_CODE)));
        }
        Err(at(EACCES))
    }

    // Modes and times: of what is beneath a grant to write, and not of the granted directory itself. Programs have nobody to ask.

    fn asks_for_modes(&self) -> Rule {
        match (self.may_write(), self.profile.exec) {
            (true, false) => Ok(()),
            (true, true) => Err(at(EPERM)),
            (false, _) => self.refused(EPERM),
        }
    }

    pub(crate) fn changes_mode_of(&self, real: &Path) -> Rule {
        self.asks_for_modes()?;
        let is_beneath = self.covering(real).any(|grant| grant.write && grant.path != real);
        if is_beneath { Ok(()) } else { self.refused(EPERM) }
    }

    pub(crate) fn changes_mode_by_path(&self, path: &Path) -> Rule {
        self.asks_for_modes()?;
        self.changes_mode_of(&self.reach(path, true)?)
    }

    /// What was handed over, or is not there: `same` is that it has that mode already, which whoever copies a file asks for.
    pub(crate) fn mode_of_handed(&self, handed: Rule, same: bool) -> Rule {
        self.asks_for_modes()?;
        handed?;
        if same { Ok(()) } else { self.refused(EPERM) }
    }

    pub(crate) fn times_of_handed(&self, handed: Rule) -> Rule {
        self.asks_for_modes()?;
        handed?;
        self.refused(EPERM)
    }

    pub(crate) fn locks_out(&self) -> Rule {
        if self.may_write() { Ok(()) } else { self.refused(EPERM) }
    }

    /// What a descriptor is of, opened anew by name: what it is open for already, and what is granted.
    pub(crate) fn reopen(&self, on: On, write: bool) -> Rule {
        let judged = |path: &Path| match (write, self.is_written(path), self.covering(path).any(|grant| grant.read)) {
            (true, true, _) | (false, _, true) => Ok(()),
            _ => Err(at(EACCES)),
        };
        // Where nothing is there to be read, that is a socket, or a device on a mount of its own, above which nothing is granted. Programs
        // have the device.
        let null = || match self.tier {
            Tier::A if !self.profile.exec => Err(at(EACCES)),
            _ => judged("/dev/null".as_ref()),
        };
        match (on, self.profile.handed, self.profile.streams) {
            (On::Stream(0), ..) if self.tier == Tier::B && !self.profile.exec => Err(at(libc::ENXIO)),
            (On::Stream(0), ..) | (On::Stream(_), _, Streams::Null) => null(),
            // Sockets, which cannot be opened.
            (On::Stream(_), _, Streams::Captured) => Err(at(libc::ENXIO)),
            // A terminal, and a file: what is printed to that goes by a socket.
            (On::Stream(1), _, Streams::Inherited) => judged("/dev/pts/0".as_ref()),
            (On::Stream(_), _, Streams::Inherited) => Err(at(libc::ENXIO)),
            (On::Handed, Handed::Nothing, _) => Err(at(ENOENT)),
            (On::Handed, Handed::File, _) => judged(&self.place.secret),
            (On::Handed, Handed::Directory, _) if write => Err(at(libc::EISDIR)),
            (On::Handed, Handed::Directory, _) => {
                if self.is_covered(&self.place.secret_directory) {
                    Ok(())
                } else {
                    Err(at(EACCES))
                }
            }
            (On::Handed, Handed::Socket, _) => Err(at(libc::ENXIO)),
            (On::Handed, Handed::Terminal, _) => judged("/dev/pts/0".as_ref()),
            // It is open for both.
            (On::Handed, Handed::Memory, _) => Ok(()),
            // Its mode says what it was handed over for.
            (On::Handed, Handed::Pipe, _) if write => Err(at(EACCES)),
            (On::Handed, Handed::Pipe, _) => Ok(()),
        }
    }

    // Sockets.

    pub(crate) fn has_tcp(&self) -> bool {
        matches!(self.profile.net, Net::Tcp | Net::All) || self.profile.listen
    }

    pub(crate) fn connects(&self) -> Rule {
        if self.profile.net == Net::Nobody { self.refused(EPERM) } else { Ok(()) }
    }

    /// Who may send to everybody over UDP may bind, which is a call of TCP's as well.
    pub(crate) fn binds(&self) -> Rule {
        if self.profile.listen || self.profile.net == Net::All { Ok(()) } else { self.refused(EPERM) }
    }

    pub(crate) fn listens(&self) -> Rule {
        if self.profile.listen { Ok(()) } else { self.refused(EPERM) }
    }

    pub(crate) fn names_whom_it_sends_to(&self) -> Rule {
        if matches!(self.profile.net, Net::Unix | Net::All) { Ok(()) } else { self.refused(EPERM) }
    }

    // `/proc`.

    /// A file of another process: its name is there, and it may be read, as far as that goes.
    fn of_process(&self, name: &str) -> Rule {
        let directory = matches!(name, "fd" | "fdinfo" | "map_files");
        self.has_paths(EPERM)?;
        self.is_there("/proc/self".as_ref())?;
        let granted = matches!(self.profile.read, Read::Proc | Read::Everything);
        if granted || directory && self.sees_everything() { Ok(()) } else { Err(at(EACCES)) }
    }

    /// Whether a file of a worker's beneath `/proc` is closed by its mode: where it is not dumpable they are root's, whoever it is.
    fn is_closed(&self, name: &str, to_others: u32) -> bool {
        let mode = std::fs::metadata(Path::new("/proc/self").join(name)).map_or(0, |found| found.permissions().mode());
        // With `exec` and `listen` it is dumpable, for whoever looks at its sockets.
        !(self.root || self.profile.listen && self.profile.exec) && mode & to_others == 0
    }

    /// Memory, environment and the like, which no grant of `/proc` gives away.
    pub(crate) fn closed(&self, name: &str) -> Rule {
        self.of_process(name)?;
        match name {
            _ if self.sibling && self.is_closed(name, 0o004) => Err(at(EACCES)),
            "syscall" | "personality" | "timerslack_ns" => Err(at(EPERM)),
            "map_files" => Err(Stop::At(Answer::Absent)),
            _ => Err(at(EACCES)),
        }
    }

    /// What everybody may read of another, and of its descriptors whoever is of its user.
    pub(crate) fn told(&self, name: &str) -> Rule {
        self.of_process(name)?;
        if self.sibling && self.is_closed(name, 0o004) { Err(at(EACCES)) } else { Ok(()) }
    }

    /// A file of the process's own, which its mode closes to whoever is not dumpable.
    pub(crate) fn own_file(&self, name: &str, write: bool) -> Rule {
        if write {
            self.writes()?;
        }
        self.has_paths(EPERM)?;
        self.is_there("/proc/self".as_ref())?;
        match (write, self.tier) {
            _ if self.is_closed(name, if write { 0o002 } else { 0o004 }) => Err(at(EACCES)),
            (false, _) => self.of_process(name),
            (true, Tier::A) => Err(at(EROFS)),
            (true, Tier::B) => Err(at(EACCES)),
        }
    }

    /// A setting, or a device, is opened to be written.
    pub(crate) fn open_device(&self, name: &str) -> Rule {
        // What libc opens by itself, though not for writing, is no violation.
        let habit = name == "/proc/sys/vm/overcommit_memory";
        match self.writes() {
            Err(Stop::At(Answer::Violation)) if habit => return Err(at(EPERM)),
            other => other?,
        }
        if let Some(own) = name.strip_prefix("/proc/self/") {
            return self.own_file(own, true);
        }
        let path = name.replace("PPID", &self.place.parent.to_string());
        let real = self.reach(Path::new(&path), true)?;
        if self.is_written(&real) {
            return Ok(());
        }
        // What its mode closes is closed first. In a private root a device in a grant is dead before anybody asks whether it may be written.
        let mode = std::fs::File::options().write(true).open(path).is_err();
        match self.tier {
            Tier::A if !name.starts_with("/dev") && !mode => Err(at(EROFS)),
            _ => Err(at(EACCES)),
        }
    }

    pub(crate) fn read_device(&self, name: &str) -> Rule {
        self.has_paths(EPERM)?;
        let real = self.reach(Path::new(name), true)?;
        match (self.covering(&real).any(|grant| grant.read), self.tier) {
            (true, Tier::B) => {
                Err(Stop::Unknown("what a device answers that lies in a tree that may be read, in tier B"))
            }
            _ => Err(at(EACCES)),
        }
    }
}
