//! What the profiles of the crossing differ in, and which of it excludes each other.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::super::hands::Hand;
use super::super::place::{Place, SECRET_VARIABLE, place};
use super::super::row::Tier;
use super::super::way::Process;
use super::cover::{Group, Partial, covering};

/// What may be read.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Nothing,
    /// One tree.
    Tree,
    /// All of `/proc`, which is more than anyone should write.
    Proc,
    Everything,
}

/// Of what there is metadata.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Metadata {
    Nothing,
    /// The directory that the secret lies in.
    Secret,
    Everything,
}

/// Who may be connected to.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Net {
    Nobody,
    /// One port.
    Tcp,
    /// One socket.
    Unix,
    /// Every port of TCP and UDP.
    All,
}

/// What is handed to the call.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handed {
    Nothing,
    /// Open for reading.
    File,
    Directory,
    Memory,
    /// Both ends.
    Pipe,
    Socket,
    Terminal,
}

/// Where the streams go.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    Captured,
    Null,
    Inherited,
}

/// One profile of the crossing, with how its calls are made.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crossed {
    pub(crate) read: Read,
    pub(crate) write: bool,
    pub(crate) metadata: Metadata,
    pub(crate) exec: bool,
    pub(crate) net: Net,
    pub(crate) listen: bool,
    pub(crate) env: bool,
    pub(crate) system: bool,
    pub(crate) small: bool,
    pub(crate) handed: Handed,
    pub(crate) streams: Streams,
    pub(crate) process: Process,
    pub(crate) kill: bool,
    /// Beside an honest call of the same function.
    pub(crate) company: bool,
    /// An argument of the call is named: it has a template of its own.
    pub(crate) named: bool,
}

const READS: [Read; 4] = [Read::Nothing, Read::Tree, Read::Proc, Read::Everything];
const METADATA: [Metadata; 3] = [Metadata::Nothing, Metadata::Secret, Metadata::Everything];
const NETS: [Net; 4] = [Net::Nobody, Net::Tcp, Net::Unix, Net::All];
const HANDED: [Handed; 7] =
    [Handed::Nothing, Handed::File, Handed::Directory, Handed::Memory, Handed::Pipe, Handed::Socket, Handed::Terminal];
const STREAMS: [Streams; 3] = [Streams::Captured, Streams::Null, Streams::Inherited];
const PROCESSES: [Process; 3] = [Process::Fresh, Process::Reused, Process::Exec];

/// The places of the factors that exclude each other.
const READ: usize = 0;
const WRITE: usize = 1;
const METADATA_OF: usize = 2;
const EXEC: usize = 3;
const NET: usize = 4;
const LISTEN: usize = 5;
const SYSTEM: usize = 7;
const HANDED_OF: usize = 9;
const PROCESS: usize = 11;
const KILL: usize = 12;
const COMPANY: usize = 13;
const NAMED: usize = 14;

const SIZES: [usize; 15] =
    [READS.len(), 2, METADATA.len(), 2, NETS.len(), 2, 2, 2, 2, HANDED.len(), STREAMS.len(), PROCESSES.len(), 2, 2, 2];

/// Whether nothing in it is refused before any function runs.
///
/// * `exec` and `process = "reused"`: what a program leaves behind would meet the next call.
/// * Without namespaces, metadata of one tree: Landlock does not judge it, so that only all of it can be granted, or what may be read.
/// * One Unix socket, on kernels whose Landlock does not tell it from others: only where no directory is granted, in a private root.
/// * Without namespaces, `exec` without all metadata, `metadata = "/"` or `read = "/"`: no handler answers for programs.
fn allowed(row: &Partial, tier: Tier, landlock: usize) -> bool {
    let exec = row[EXEC] == Some(1);
    let reused = row[PROCESS].is_some_and(|index| PROCESSES[index] == Process::Reused);
    let one_tree = row[METADATA_OF].is_some_and(|index| METADATA[index] == Metadata::Secret);
    let not_all = row[METADATA_OF].is_some_and(|index| METADATA[index] != Metadata::Everything)
        && row[READ].is_some_and(|index| READS[index] != Read::Everything);
    let directory = row[READ].is_some_and(|index| READS[index] != Read::Nothing)
        || row[METADATA_OF].is_some_and(|index| METADATA[index] != Metadata::Nothing)
        || row[WRITE] == Some(1)
        || row[SYSTEM] == Some(1);
    let unix = row[NET].is_some_and(|index| NETS[index] == Net::Unix) && landlock < RESOLVES_UNIX;
    let without_namespaces = tier == Tier::B;
    let excluded = [
        exec && reused,
        unix && (directory || without_namespaces),
        without_namespaces && (one_tree || exec && not_all),
    ];
    excluded == [false; 3]
}

/// The first version of Landlock that tells Unix sockets apart.
pub(crate) const RESOLVES_UNIX: usize = 9;

/// Where holes were that no two of these open: they are closed, and looked at in each run.
fn seeds() -> Vec<Group> {
    let read = |read: Read| (READ, READS.iter().position(|one| *one == read).unwrap_or_default());
    let handed = |handed: Handed| (HANDED_OF, HANDED.iter().position(|one| *one == handed).unwrap_or_default());
    let process = |process: Process| (PROCESS, PROCESSES.iter().position(|one| *one == process).unwrap_or_default());
    // Two calls of one template.
    let beside = |of: Process| vec![process(of), (COMPANY, 1), (NAMED, 0), (EXEC, 0)];
    let and = |mut group: Group, more: &[(usize, usize)]| {
        group.extend(more);
        group
    };
    vec![
        // A sibling's memory.
        and(beside(Process::Fresh), &[read(Read::Proc), (LISTEN, 1), (KILL, 0)]),
        // Its arguments, and its reply.
        and(beside(Process::Fresh), &[read(Read::Tree), (WRITE, 1), (LISTEN, 1), (KILL, 0)]),
        and(beside(Process::Reused), &[read(Read::Everything), (WRITE, 1), (LISTEN, 1), (KILL, 0)]),
        // What was handed over to be read, opened to be written.
        vec![read(Read::Proc), (WRITE, 1), handed(Handed::Memory), (KILL, 0)],
        vec![read(Read::Proc), (WRITE, 1), handed(Handed::Pipe), (KILL, 0)],
        // Names of Unix sockets.
        vec![read(Read::Nothing), (NET, 2), (LISTEN, 1), (KILL, 0)],
    ]
}

/// The profiles in which each group of so many keys, things and circumstances meets.
pub(crate) fn profiles(tier: Tier, landlock: usize, strength: usize) -> Vec<Crossed> {
    covering(&SIZES, strength, &|row| allowed(row, tier, landlock), &seeds())
        .iter()
        .map(|row| Crossed::from_row(row))
        .collect()
}

impl Crossed {
    fn from_row(row: &[usize]) -> Self {
        let is = |factor: usize| row[factor] == 1;
        Self {
            read: READS[row[READ]],
            write: is(WRITE),
            metadata: METADATA[row[METADATA_OF]],
            exec: is(EXEC),
            net: NETS[row[NET]],
            listen: is(LISTEN),
            env: is(6),
            system: is(SYSTEM),
            small: is(8),
            handed: HANDED[row[HANDED_OF]],
            streams: STREAMS[row[10]],
            process: PROCESSES[row[PROCESS]],
            kill: is(KILL),
            company: is(COMPANY),
            named: is(NAMED),
        }
    }

    /// Whether each of its calls has a template, and with namespaces a pid namespace, of its own.
    pub(crate) fn has_own_template(&self) -> bool {
        self.exec || self.named || self.process == Process::Exec
    }

    pub(crate) fn reads(&self) -> Vec<PathBuf> {
        match self.read {
            Read::Nothing => Vec::new(),
            Read::Tree => vec![place().readable.clone()],
            Read::Proc => vec!["/proc".into()],
            Read::Everything => vec!["/".into()],
        }
    }

    pub(crate) fn writes(&self) -> Option<PathBuf> {
        self.write.then(|| place().writable.clone())
    }

    pub(crate) fn tells(&self) -> Option<PathBuf> {
        match self.metadata {
            Metadata::Nothing => None,
            Metadata::Secret => Some(place().secret_directory.clone()),
            Metadata::Everything => Some("/".into()),
        }
    }

    pub(crate) fn runs(&self) -> Option<PathBuf> {
        self.exec.then(|| program(place()))
    }

    pub(crate) fn connects(&self) -> Option<String> {
        match self.net {
            Net::Nobody => None,
            Net::Tcp => Some(format!("tcp:{}", place().granted_port)),
            Net::Unix => Some(format!("unix:{}", place().unix_stream.display())),
            Net::All => Some("all".into()),
        }
    }

    pub(crate) fn listens(&self) -> Option<String> {
        self.listen.then(|| format!("tcp:{}", place().listened_port))
    }

    pub(crate) fn variables(&self) -> Option<String> {
        self.env.then(|| SECRET_VARIABLE.to_owned())
    }

    pub(crate) fn memory(&self) -> u64 {
        if self.small { 64 << 20 } else { 1 << 30 }
    }

    pub(crate) fn files(&self) -> u64 {
        if self.small { 32 } else { 256 }
    }

    pub(crate) fn threads(&self) -> u64 {
        if self.small { 8 } else { 64 }
    }

    pub(crate) fn output(&self) -> &'static str {
        match self.streams {
            Streams::Captured => "capture",
            Streams::Null => "null",
            Streams::Inherited => "inherit",
        }
    }

    pub(crate) fn violation(&self) -> &'static str {
        if self.kill { "kill" } else { "deny" }
    }

    /// What is handed over, by the descriptors that the acts know.
    pub(crate) fn hands(&self) -> &'static [Hand] {
        match self.handed {
            Handed::Nothing => &[],
            Handed::File => &[Hand::ReadFile],
            Handed::Directory => &[Hand::Directory],
            Handed::Memory => &[Hand::MemoryFile],
            Handed::Pipe => &[Hand::PipeReader, Hand::PipeWriter],
            Handed::Socket => &[Hand::UnixStream],
            Handed::Terminal => &[Hand::Terminal],
        }
    }
}

/// The program that `exec` grants.
pub(crate) fn program(place: &Place) -> PathBuf {
    place.readable.join("program")
}

#[test]
fn what_is_refused_before_it_runs_is_in_no_profile() {
    for tier in [Tier::A, Tier::B] {
        let profiles = profiles(tier, 7, 2);
        assert!(profiles.iter().all(|profile| !(profile.exec && profile.process == Process::Reused)));
        let exec = profiles.iter().filter(|profile| profile.exec).count();
        let one_tree = profiles.iter().filter(|profile| profile.metadata == Metadata::Secret).count();
        assert!(exec > 5, "{exec} profiles with `exec`");
        assert_eq!(one_tree > 0, tier == Tier::A);
        assert!(profiles.len() < 60, "{} profiles", profiles.len());
    }
}
