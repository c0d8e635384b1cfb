//! The list of libraries that `ldconfig` keeps for glibc's loader.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::ProgramProblem;
use super::elf::PATH_MAX;
use super::file::RegularFile;

const LARGEST: u64 = 64 << 20;

/// Stands before the list in files that loaders older than 2.2 can read too: 12-byte entries behind a 16-byte header.
const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;

/// `struct cache_file_new` and `struct file_entry_new` of glibc's `dl-cache.h`, which are aligned to 8 bytes.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER: usize = 48;
const ENTRY: usize = 24;

/// The list, whole. Offsets in it count from its header.
pub(super) struct Cache {
    list: Vec<u8>,
    entries: usize,
}

impl Cache {
    /// Reads the list; nothing if the loader would not understand it either.
    pub(super) fn read(file: &RegularFile) -> Result<Option<Self>, ProgramProblem> {
        if file.length() > LARGEST {
            return Err(ProgramProblem::TooMuch("64 MiB of /etc/ld.so.cache"));
        }
        Ok(Self::parse(file.read(0, LARGEST as usize)?))
    }

    fn parse(mut list: Vec<u8>) -> Option<Self> {
        if list.starts_with(OLD_MAGIC) {
            let entries = number(&list, OLD_MAGIC.len().next_multiple_of(4))?;
            let skipped = OLD_HEADER.checked_add(entries.checked_mul(OLD_ENTRY)?)?.next_multiple_of(8);
            list = list.get(skipped..)?.to_vec();
        }
        if !list.starts_with(MAGIC) {
            return None;
        }
        let entries = number(&list, MAGIC.len())?;
        let end = HEADER.checked_add(entries.checked_mul(ENTRY)?)?;
        (end <= list.len()).then_some(Self { list, entries })
    }

    /// Every path that is listed for `name`: one for each kind of processor that has its own, and for each machine.
    pub(super) fn paths(&self, name: &OsStr) -> impl Iterator<Item = PathBuf> {
        (0..self.entries).filter_map(move |entry| {
            let at = HEADER + entry * ENTRY;
            let listed = self.list.get(number(&self.list, at + 4)?..)?.strip_prefix(name.as_bytes())?;
            let path = listed.starts_with(b"\0").then(|| number(&self.list, at + 8)).flatten()?;
            Some(PathBuf::from(OsString::from_vec(self.text(path)?.to_vec())))
        })
    }

    fn text(&self, at: usize) -> Option<&[u8]> {
        let text = self.list.get(at..)?;
        let text = &text[..text.len().min(PATH_MAX)];
        Some(&text[..text.iter().position(|byte| *byte == 0)?])
    }
}

/// A number in the machine's own order of bytes, as the loader reads it.
fn number(list: &[u8], at: usize) -> Option<usize> {
    let bytes = list.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_ne_bytes(*bytes)).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    use super::*;

    /// A list of names and paths.
    fn listed(libraries: &[(&str, &str)]) -> Vec<u8> {
        let mut list = MAGIC.to_vec();
        list.extend(u32::try_from(libraries.len()).unwrap().to_ne_bytes());
        list.resize(HEADER, 0);
        let mut texts = Vec::new();
        let start = HEADER + libraries.len() * ENTRY;
        for (name, path) in libraries {
            list.extend(0x0303_u32.to_ne_bytes());
            for text in [name, path] {
                list.extend(u32::try_from(start + texts.len()).unwrap().to_ne_bytes());
                texts.extend([text.as_bytes(), b"\0"].concat());
            }
            list.extend([0; 12]);
        }
        [list, texts].concat()
    }

    fn found(list: Vec<u8>, name: &str) -> Vec<PathBuf> {
        Cache::parse(list).map(|cache| cache.paths(OsStr::new(name)).collect()).unwrap_or_default()
    }

    const LIBRARIES: [(&str, &str); 4] = [
        ("libz.so.1", "/lib/glibc-hwcaps/x86-64-v3/libz.so.1"),
        ("libz.so.1", "/lib/libz.so.1"),
        ("libz.so", "/lib/libz.so"),
        ("libc.so.6", "/lib/libc.so.6"),
    ];

    #[test]
    fn gives_every_path_of_a_name() {
        assert_eq!(
            found(listed(&LIBRARIES), "libz.so.1"),
            ["/lib/glibc-hwcaps/x86-64-v3/libz.so.1", "/lib/libz.so.1"].map(PathBuf::from)
        );
        assert_eq!(found(listed(&LIBRARIES), "libz.so"), [PathBuf::from("/lib/libz.so")]);
        assert!(found(listed(&LIBRARIES), "libz").is_empty());
    }

    #[test]
    fn finds_the_list_behind_an_old_one() {
        for entries in 0..3_u32 {
            let mut old = [OLD_MAGIC, b"\0", &entries.to_ne_bytes()].concat();
            old.resize((OLD_HEADER + entries as usize * OLD_ENTRY).next_multiple_of(8), 0);
            old.extend(listed(&LIBRARIES));
            assert_eq!(found(old, "libc.so.6"), [PathBuf::from("/lib/libc.so.6")]);
        }
    }

    #[test]
    fn survives_a_list_cut_off_anywhere() {
        let list = listed(&LIBRARIES);
        for end in 0..list.len() {
            found(list[..end].to_vec(), "libz.so.1");
        }
    }

    #[test]
    fn reads_the_list_of_this_system() {
        let path = Path::new("/etc/ld.so.cache");
        if !path.exists() {
            println!("skipped: this system has no {}", path.display());
            return;
        }
        let cache = Cache::read(&RegularFile::open(path).unwrap()).unwrap().expect("it is a list");
        let libc = cache.paths(OsStr::new("libc.so.6")).next().expect("it names the C library");
        assert!(libc.is_absolute() && libc.exists(), "{}", libc.display());
    }

    proptest! {
        #[test]
        fn no_list_panics(rest in vec(any::<u8>(), 0..200), entries in 0..8_u32, old: bool) {
            let mut list = if old { OLD_MAGIC } else { MAGIC }.to_vec();
            list.resize(list.len().next_multiple_of(4), 0);
            list.extend(entries.to_ne_bytes());
            list.extend(rest);
            found(list, "");
        }
    }
}
