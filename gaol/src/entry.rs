//! Entries: the functions that a worker can be asked to run.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;

use crate::profile::Profile;
use crate::sys::shared::SharedReader;
use crate::wire::codec::Aside;
use crate::wire::{self, Kind};

/// A sandboxed function, as the attribute registers it.
#[derive(Debug)]
pub struct Entry {
    name: &'static str,
    file: &'static str,
    line: u32,
    column: u32,
    profile: Profile,
    computed: &'static [(&'static str, &'static str)],
    serve: fn(Request<'_>) -> Reply,
    id: u64,
}

impl Entry {
    /// For generated code.
    #[doc(hidden)]
    #[must_use]
    #[allow(clippy::too_many_arguments, reason = "generated code names each once")]
    pub const fn new(
        name: &'static str,
        file: &'static str,
        line: u32,
        column: u32,
        signature: &'static str,
        profile: Profile,
        computed: &'static [(&'static str, &'static str)],
        serve: fn(Request<'_>) -> Reply,
    ) -> Self {
        let mut id = hash(FNV_OFFSET, name.as_bytes());
        id = hash(id, signature.as_bytes());
        id = hash(id, file.as_bytes());
        id = hash(id, &line.to_le_bytes());
        id = hash(id, &column.to_le_bytes());
        Self { name, file, line, column, profile, computed, serve, id }
    }

    /// The function with its module path.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The file that the attribute stands in.
    #[must_use]
    pub fn file(&self) -> &'static str {
        self.file
    }

    /// The line of the attribute.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// The column of the attribute.
    #[must_use]
    pub fn column(&self) -> u32 {
        self.column
    }

    /// What the attribute's literals allow. Keys whose value is an expression are not in it.
    #[must_use]
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The keys whose value is computed at each call: key and expression, as they are written.
    #[must_use]
    pub fn computed_keys(&self) -> &'static [(&'static str, &'static str)] {
        self.computed
    }

    /// Tells this function, with this signature, from every other in the binary.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Runs the function in this process.
    pub(crate) fn serve(&self, request: Request<'_>) -> Reply {
        (self.serve)(request)
    }
}

/// The arguments of a call, as they came.
#[allow(missing_debug_implementations, reason = "generated code passes it on")]
pub struct Request<'a> {
    pub(crate) arguments: &'a [u8],
    /// What went aside of them.
    pub(crate) aside: Option<SharedReader>,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Where long blocks of the result go.
    pub(crate) room: Option<&'a mut dyn Aside>,
    /// The largest payload that the parent takes.
    pub(crate) cap: u64,
    /// It is no call: neither are there arguments to be read, nor is the function to be run.
    pub(crate) is_visit: bool,
}

impl Request<'_> {
    /// Of a worker that only makes sure that the code is in its memory.
    pub(crate) fn visit() -> Self {
        Self { arguments: &[], aside: None, descriptors: Vec::new(), room: None, cap: 0, is_visit: true }
    }
}

/// What a worker answers.
#[derive(Debug)]
pub struct Reply {
    pub(crate) kind: Kind,
    /// A header's worth of room, then the payload: a reply is sent without being copied.
    pub(crate) frame: Vec<u8>,
    /// Bytes of it that went aside.
    pub(crate) aside: u64,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Reply {
    /// A reply of bytes that are encoded already.
    pub(crate) fn new(kind: Kind, payload: &[u8]) -> Self {
        Self::of(kind, wire::frame(kind, 0, 0, payload))
    }

    /// A reply whose frame is made, but for its header.
    pub(crate) fn of(kind: Kind, frame: Vec<u8>) -> Self {
        Self { kind, frame, aside: 0, descriptors: Vec::new() }
    }
}

/// What `inventory` collects.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registration(&'static Entry);

impl Registration {
    #[must_use]
    pub const fn new(entry: &'static Entry) -> Self {
        Self(entry)
    }
}

inventory::collect!(Registration);

/// A function of gaol's own that workers run, where there is one. It is in no list of sandboxed functions.
///
/// It cannot be registered as those are: gaol's own place in `.init_array` may come before the registration.
static OWN: OnceLock<&'static Entry> = OnceLock::new();

/// Has workers serve `entry` too. Said before any process is forked from this one.
#[cfg(feature = "escape-suite")]
pub(crate) fn serve_too(entry: &'static Entry) {
    OWN.get_or_init(|| entry);
}

/// Every function that a worker can be asked to run: those that are linked into this binary, and gaol's own.
pub(crate) fn served() -> impl Iterator<Item = &'static Entry> {
    entries().chain(OWN.get().copied())
}

/// Every sandboxed function that is linked into this binary, in no particular order.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    inventory::iter::<Registration>.into_iter().map(|registration| registration.0)
}

/// What two processes must agree on to be of one build: every entry, and gaol itself.
pub(crate) fn build_id() -> u64 {
    // The order of registrations is the linker's, so their ids are summed.
    entries().fold(hash(FNV_OFFSET, env!("CARGO_PKG_VERSION").as_bytes()), |sum, entry| sum.wrapping_add(entry.id))
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: enough to tell the functions of one binary apart, and a `const fn`.
const fn hash(mut state: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        state = (state ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    // A separator, so that moving a letter from one part to the next changes the hash.
    (state ^ 0xff).wrapping_mul(0x0000_0100_0000_01b3)
}
