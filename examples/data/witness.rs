//! Finds what an archive aims at outside of its directory, and tells afterwards whether that was touched.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use gaol::sandboxed;

use super::{Entry, Kind};

/// How many links the kernel follows for a name.
const MOST_LINKS: u32 = 40;

/// The places that an archive aims at outside of its directory, as they were before it was unpacked.
pub(crate) struct Witness(Vec<(PathBuf, State)>);

/// Which file it is, its size and its last change, to the nanosecond.
type State = Option<(u64, u64, i64, i64)>;

impl Witness {
    pub(crate) fn of(entries: &[Entry], directory: &Path) -> gaol::Result<Self> {
        let places = aims(entries, directory)?.into_iter().map(PathBuf::from);
        Ok(Self(places.map(|place| (state(&place), place)).map(|(state, place)| (place, state)).collect()))
    }

    /// Those that have changed since.
    pub(crate) fn changed(&self) -> Vec<&Path> {
        self.0.iter().filter(|(place, before)| state(place) != *before).map(|(place, _)| place.as_path()).collect()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

fn state(place: &Path) -> State {
    let file = std::fs::symlink_metadata(place).ok()?;
    Some((file.ino(), file.len(), file.ctime(), file.ctime_nsec()))
}

/// The places outside of `directory` that the entries lead to, if links are made and followed. A name can be made to lead a long way
/// round, so finding out is nothing to do outside either.
#[sandboxed(memory = "64MiB", time = "1s", reply = "8MiB")]
pub(crate) fn aims(entries: &[Entry], directory: &Path) -> gaol::Result<BTreeSet<OsString>> {
    let links: Links = entries
        .iter()
        .filter_map(|entry| match &entry.kind {
            Kind::Link(target) => Some((directory.join(&entry.name), target.as_ref())),
            _ => None,
        })
        .collect();
    Ok(entries
        .iter()
        .map(|entry| match (&entry.kind, Path::new(&entry.name).parent(), Path::new(&entry.name).file_name()) {
            // A link is made where its name leads, and itself not followed.
            (Kind::Link(_), Some(above), Some(name)) => leads_to(directory, above, &links, &mut 0).join(name),
            _ => leads_to(directory, Path::new(&entry.name), &links, &mut 0),
        })
        .filter(|place| !place.starts_with(directory))
        .map(PathBuf::into_os_string)
        .collect())
}

/// An archive's links: where they stand, and where they lead.
type Links<'entries> = HashMap<PathBuf, &'entries Path>;

/// Where a name leads from a directory.
fn leads_to(directory: &Path, name: &Path, links: &Links<'_>, followed: &mut u32) -> PathBuf {
    let mut place = directory.to_owned();
    for part in name.components() {
        match part {
            Component::ParentDir => _ = place.pop(),
            Component::RootDir | Component::Prefix(_) => place = "/".into(),
            Component::CurDir => {}
            Component::Normal(part) => {
                place.push(part);
                if let Some(target) = links.get(&place).filter(|_| *followed < MOST_LINKS) {
                    *followed += 1;
                    place.pop();
                    place = leads_to(&place, target, links, followed);
                }
            }
        }
    }
    place
}
