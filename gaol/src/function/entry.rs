//! Entries: the functions that a worker can be asked to run.

mod registry;

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use self::registry::Registry;

use crate::profile::Profile;
use crate::protocol;
use crate::protocol::Kind;
use crate::protocol::codec::BlockSink;
use crate::sys::os::shared::SharedReader;

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
    signature: &'static str,
    /// Its number in this process, once its registry was made; see `registry.rs`.
    number: AtomicU64,
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
        Self { name, file, line, column, profile, computed, serve, signature, number: AtomicU64::new(NO_NUMBER) }
    }

    /// The same as gaol's own, which is in no registry.
    #[cfg(feature = "escape-suite")]
    pub(crate) const fn own(mut self) -> Self {
        self.number = AtomicU64::new(OWN_NUMBER);
        self
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

    /// Tells this function from every other that is registered, whatever they have in common: `docs/decisions/what-is-an-id.md`. `None`: it
    /// was not there when the first one was asked for, and no child has it.
    pub(crate) fn id(&'static self) -> Option<u64> {
        if self.number.load(Ordering::Relaxed) == NO_NUMBER {
            registry();
        }
        match self.number.load(Ordering::Relaxed) {
            NO_NUMBER => None,
            number => Some(number),
        }
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
    /// What was sent out of band of them.
    pub(crate) aside: Option<SharedReader>,
    pub(crate) descriptors: Vec<OwnedFd>,
    /// Where long blocks of the result go.
    pub(crate) reply_buffer: Option<&'a mut dyn BlockSink>,
    /// The largest payload that the parent takes.
    pub(crate) cap: u64,
    pub(crate) purpose: Purpose,
}

/// What a function is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To read its arguments, and to run.
    Call,
    /// To read its arguments, and no more.
    Check,
    /// Nothing: neither are there arguments to be read, nor is the function to be run.
    Visit,
}

impl Request<'_> {
    /// Of a worker that only makes sure that the code is in its memory.
    pub(crate) fn visit() -> Self {
        Self {
            arguments: &[],
            aside: None,
            descriptors: Vec::new(),
            reply_buffer: None,
            cap: 0,
            purpose: Purpose::Visit,
        }
    }
}

/// What a worker answers.
#[derive(Debug)]
pub struct Reply {
    pub(crate) kind: Kind,
    /// A header's worth of room, then the payload: a reply is sent without being copied.
    pub(crate) frame: Vec<u8>,
    /// Bytes of it that were sent out of band.
    pub(crate) aside: u64,
    pub(crate) descriptors: Vec<OwnedFd>,
}

impl Reply {
    /// A reply of bytes that are encoded already.
    pub(crate) fn new(kind: Kind, payload: &[u8]) -> Self {
        Self::of(kind, protocol::frame(kind, 0, 0, payload))
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

/// The function of this number that a worker can be asked to run: one that is registered, or gaol's own.
pub(crate) fn find(id: u64) -> Option<&'static Entry> {
    if id == OWN_NUMBER { OWN.get().copied() } else { registry().find(id) }
}

/// Every sandboxed function that is linked into this binary, in no particular order.
pub(crate) fn entries() -> impl Iterator<Item = &'static Entry> {
    inventory::iter::<Registration>.into_iter().map(|registration| registration.0)
}

/// The same in the order in which people read them.
pub(crate) fn sorted() -> Vec<&'static Entry> {
    registry::sorted(entries())
}

/// The functions that were registered when this was first asked for. A zygote asks before it forks.
pub(crate) fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let registry = Registry::of(entries());
        registry.number_entries();
        registry
    })
}

/// What two processes must agree on to know each function by one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Build {
    /// Every function's description, and gaol itself.
    pub(crate) functions: u64,
    /// Where those of one description lie, as seen from each other.
    pub(crate) places: u64,
}

/// The number of what has none.
const NO_NUMBER: u64 = 0;

/// The number of gaol's own function.
const OWN_NUMBER: u64 = u64::MAX;
