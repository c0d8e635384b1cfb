//! What gaol's own benchmarks reach of its inside (feature `bench-internals`). Nothing here changes what a call does.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::profile::Profile;
use crate::protocol::codec;
use crate::support::Layers;
use crate::sys;
use crate::sys::layers::seccomp::{WorkerFilter, template_filter};
use crate::sys::paths;
use crate::sys::plan::Plan;

/// The bytes of a value, as a call has them. `None` where it cannot be encoded.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes, u64::from(u32::MAX)).ok()?;
    Some(bytes)
}

/// The value of these bytes. `None` where they are none.
#[must_use]
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    codec::decode(bytes).ok()
}

/// A profile, resolved for this system.
#[derive(Debug)]
pub struct Planned(Plan);

/// Resolves every path of a profile, as it is done once for each template. `None` where one cannot be granted.
#[must_use]
pub fn plan(profile: &Profile) -> Option<Planned> {
    paths::resolve_within(profile, Layers::ALL).ok().map(Planned)
}

impl Planned {
    /// Compiles the filters of a template and of its workers. Gives the number of their instructions.
    #[must_use]
    pub fn compile_filters(&self) -> usize {
        let shape = sys::shape(&self.0);
        let mut worker = WorkerFilter::new(&shape);
        template_filter(&shape).len() + worker.of(1).len()
    }
}
