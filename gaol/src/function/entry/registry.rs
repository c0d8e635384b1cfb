//! Numbers for the functions of a binary, to which every process of it comes by itself.
//!
//! What is told of a function (name, signature, file, line, column) need not be its own: a macro that repeats makes several of one
//! description, and so does a file that is included twice. Each has a static [`Entry`] of its own, though, and two of these never have one
//! address. So functions are numbered in the order of their descriptions, and those of one description in the order of their addresses. That is the
//! same in a process and in its children, which run the same file, as long as the file is mapped in one piece; of functions of one description that are
//! in two libraries, which the kernel maps where it likes, nobody can say which is which. The [`Build`] shows it before a child is believed.

use std::sync::atomic::Ordering;

use super::{Build, Entry};

/// Functions by number: the first one is 1.
#[derive(Debug)]
pub(crate) struct Registry {
    entries: Vec<&'static Entry>,
    build: Build,
}

impl Registry {
    /// Numbers these, in whatever order they come.
    pub(super) fn of(entries: impl Iterator<Item = &'static Entry>) -> Self {
        let mut entries = sorted(entries);
        entries.dedup_by_key(|entry| address(entry));
        let build = build(&entries);
        Self { entries, build }
    }

    /// Tells each its number.
    pub(super) fn number_entries(&self) {
        for (number, entry) in (1..).zip(&self.entries) {
            entry.number.store(number, Ordering::Relaxed);
        }
    }

    pub(super) fn find(&self, number: u64) -> Option<&'static Entry> {
        let at = usize::try_from(number.checked_sub(1)?).ok()?;
        self.entries.get(at).copied()
    }

    /// What a process with the same numbers has as well.
    pub(crate) fn build(&self) -> Build {
        self.build
    }

    /// The first of the functions that share their description with another.
    pub(crate) fn twin(&self) -> Option<&'static Entry> {
        self.entries.windows(2).find(|pair| description(pair[0]) == description(pair[1])).map(|pair| pair[0])
    }
}

/// In the order of their descriptions, and those of one description in that of their addresses.
pub(super) fn sorted(entries: impl Iterator<Item = &'static Entry>) -> Vec<&'static Entry> {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by_key(|entry| (description(entry), address(entry)));
    entries
}

/// What is told of a function.
fn description(entry: &Entry) -> (&'static str, &'static str, u32, u32, &'static str) {
    (entry.name, entry.file, entry.line, entry.column, entry.signature)
}

fn address(entry: &'static Entry) -> usize {
    std::ptr::from_ref(entry).addr()
}

fn build(entries: &[&'static Entry]) -> Build {
    let mut functions = hash(FNV_OFFSET, env!("CARGO_PKG_VERSION").as_bytes());
    let mut places = FNV_OFFSET;
    let mut before: Option<&'static Entry> = None;
    for entry in entries.iter().copied() {
        for text in [entry.name, entry.signature, entry.file] {
            functions = hash(functions, text.as_bytes());
        }
        functions = hash(functions, &entry.line.to_le_bytes());
        functions = hash(functions, &entry.column.to_le_bytes());
        if let Some(before) = before.filter(|before| description(before) == description(entry)) {
            places = hash(places, &(address(entry) - address(before)).to_le_bytes());
        }
        before = Some(entry);
    }
    Build { functions, places }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a: both sides are gaol's own, and only accidents are to be seen.
fn hash(state: u64, bytes: &[u8]) -> u64 {
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    // A separator, so that moving a letter from one part to the next changes the hash.
    step(bytes.iter().fold(state, step), &0xff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::entry::{Reply, Request};
    use crate::profile::Profile;
    use crate::protocol::Kind;

    fn serve(_request: Request<'_>) -> Reply {
        Reply::of(Kind::Unable, Vec::new())
    }

    const fn entry(name: &'static str, line: u32) -> Entry {
        Entry::new(name, "lib.rs", line, 1, "fn()", Profile::NOTHING, &[], serve)
    }

    static TWINS: [Entry; 3] = [entry("twin", 1), entry("twin", 1), entry("twin", 1)];
    static OTHERS: [Entry; 2] = [entry("other", 7), entry("z", 1)];

    fn all() -> impl Iterator<Item = &'static Entry> {
        TWINS.iter().chain(&OTHERS)
    }

    #[test]
    fn functions_of_one_description_have_numbers_of_their_own() {
        let registry = Registry::of(all());
        let order = [&OTHERS[0], &TWINS[0], &TWINS[1], &TWINS[2], &OTHERS[1]];
        for (number, expected) in (1..).zip(order) {
            let found = registry.find(number).expect("it is there");
            assert!(std::ptr::eq(found, expected), "{number}: {found:?}");
        }
        assert!(registry.find(0).is_none() && registry.find(6).is_none() && registry.find(u64::MAX).is_none());
        assert!(registry.twin().is_some_and(|twin| std::ptr::eq(twin, &raw const TWINS[0])));
        assert!(Registry::of(OTHERS.iter()).twin().is_none(), "a control");
    }

    #[test]
    fn the_order_in_which_they_are_registered_means_nothing() {
        let registry = Registry::of(all());
        let reversed = Registry::of(all().collect::<Vec<_>>().into_iter().rev().chain(all()));
        assert_eq!(registry.build(), reversed.build());
        assert!(registry.entries.iter().zip(&reversed.entries).all(|(one, other)| std::ptr::eq(*one, *other)));
        assert_eq!(registry.entries.len(), reversed.entries.len(), "one that is registered twice is one");
    }

    #[test]
    fn another_set_of_functions_is_another_build() {
        let whole = Registry::of(all()).build();
        assert_ne!(whole.functions, Registry::of(OTHERS.iter()).build().functions);
        assert_ne!(whole.functions, Registry::of(TWINS[1..].iter().chain(&OTHERS)).build().functions);
    }

    /// As in two libraries that are mapped elsewhere in another process.
    #[test]
    fn functions_of_one_description_that_lie_otherwise_are_seen() {
        let near = Registry::of(TWINS[..2].iter()).build();
        let far = Registry::of([&TWINS[0], &TWINS[2]].into_iter()).build();
        assert_eq!(near.functions, far.functions, "they are described alike");
        assert_ne!(near.places, far.places);
        assert_eq!(near, Registry::of(TWINS[1..].iter()).build(), "a control: as far from each other");
    }
}
