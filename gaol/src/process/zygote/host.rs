//! Whether a child of this process would be this program: a child is `/proc/self/exe` started again, and that is the program that holds gaol, or
//! another one that has loaded it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::role;
use crate::sys::programs;

/// What this process runs. By this name, since valgrind answers another one itself.
const HOST: &str = "/proc/thread-self/exe";

/// Finds out what is the matter where a child would not be this program. Found out once: a process's program changes by an exec only.
///
/// # Errors
///
/// Why not, and what to do.
pub(crate) fn check() -> Result<(), &'static str> {
    static FOUND: OnceLock<Option<String>> = OnceLock::new();
    FOUND.get_or_init(find).as_deref().map_or(Ok(()), Err)
}

/// What is the matter. What cannot be looked at is taken to be well: then the handshake with the child tells.
fn find() -> Option<String> {
    let maps = String::from_utf8_lossy(&std::fs::read("/proc/self/maps").ok()?).into_owned();
    let ours = PathBuf::from(file_of(&maps, role::has_entry_point as fn() -> bool as usize)?);
    let host = std::fs::read_link(HOST).ok()?;
    // Where this program's file was replaced or removed, its name says so, and names no file.
    let ours_now = std::fs::metadata(&ours).ok()?;
    let is_host = std::fs::metadata(HOST).ok()?;
    if is_same(&ours_now, &is_host) {
        return None;
    }
    // Emulators may answer what the link leads to themselves, but not what is at its end.
    let host = if host == ours { file_at_start(&is_host, &maps).unwrap_or(host) } else { host };
    let is_library = programs::needs(&ours).is_err() || ours.extension().is_some_and(|extension| extension == "so");
    if !is_library {
        return Some(format!(
            "a child would not be this program ({}) but {}, which runs it (a dynamic loader, valgrind, an emulator): start the program itself",
            ours.display(),
            host.display()
        ));
    }
    // A library that the program is linked with is there in a child as well.
    let is_linked = programs::needs(&host).is_ok_and(|needs| {
        needs.mapped.iter().any(|library| std::fs::metadata(library).is_ok_and(|library| is_same(&library, &ours_now)))
    });
    (!is_linked).then(|| {
        format!(
            "a child would be {}, which has loaded gaol in a library ({}) and knows nothing of it when it starts: make the calls in a program of \
             your own (`gaol::main!`), which the library starts and speaks to",
            host.display(),
            ours.display()
        )
    })
}

/// The file that is mapped at an address.
fn file_of(maps: &str, address: usize) -> Option<&str> {
    maps.lines().find_map(|line| {
        let (addresses, rest) = line.split_once(' ')?;
        let (start, end) = addresses.split_once('-')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        let path = rest.splitn(5, ' ').nth(4)?.trim();
        ((number(start)?..number(end)?).contains(&address) && path.starts_with('/')).then_some(path)
    })
}

/// Which of the mapped files this is.
fn file_at_start(file: &std::fs::Metadata, maps: &str) -> Option<PathBuf> {
    let paths = maps.lines().filter_map(|line| line.splitn(6, ' ').nth(5)).map(|path| Path::new(path.trim()));
    paths
        .filter(|path| path.is_absolute())
        .find(|path| std::fs::metadata(path).is_ok_and(|other| is_same(&other, file)))
        .map(Path::to_path_buf)
}

fn is_same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_its_own_host() {
        assert_eq!(check(), Ok(()));
    }

    #[test]
    fn the_file_at_an_address_is_found() {
        let maps = "\
5500-5600 r-xp 00000000 fe:00 12                         /usr/bin/a program\n\
7f00-7f10 rw-p 00000000 00:00 0 \n\
7f10-7f20 r-xp 00000000 fe:00 13                         /usr/lib/x.so (deleted)\n";
        assert_eq!(file_of(maps, 0x5580), Some("/usr/bin/a program"));
        assert_eq!(file_of(maps, 0x7f08), None);
        assert_eq!(file_of(maps, 0x7f10), Some("/usr/lib/x.so (deleted)"));
        assert_eq!(file_of(maps, 0x7f20), None);
    }
}
