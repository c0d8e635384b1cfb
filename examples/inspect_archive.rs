//! Lists and unpacks an untrusted zip file in a sandbox, with code that is as careless as it can be.
//!
//! ```text
//! cargo run --release --example inspect_archive [-- FILE.zip [OUTPUT_DIR]]
//! ```
//!
//! FILE.zip is listed by a function that may do nothing but read the descriptor it is handed. With OUTPUT_DIR, which must be new or
//! empty, it is unpacked by one that may besides write to that directory. Without arguments a hostile archive is made, unpacked and
//! removed. Exits with 0 if nothing outside of the directory was touched.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gaol::sandboxed;
use serde::{Deserialize, Serialize};
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipResult;

#[path = "data/area.rs"]
mod area;
#[path = "data/hostile_zip.rs"]
pub(crate) mod hostile_zip;
#[path = "data/witness.rs"]
pub(crate) mod witness;

use area::Area;
use hostile_zip::HostileZip;
use witness::Witness;

/// The longest target of a symbolic link, as the kernel has it.
const LONGEST_PATH: u64 = 4096;

/// What an archive says of an entry.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) name: OsString,
    pub(crate) size: u64,
    pub(crate) kind: Kind,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    File,
    Directory,
    Link(OsString),
    /// A device, a pipe or a socket.
    Special,
}

/// What became of an entry: how many bytes were written, or why none were.
pub(crate) type Outcome = (OsString, Result<u64, String>);

/// Lists an archive. The profile is empty: the descriptor is all there is.
#[sandboxed(memory = "64MiB", time = "5s", reply = "8MiB")]
pub(crate) fn list(archive: &File) -> gaol::Result<Vec<Entry>> {
    let mut archive = ZipArchive::new(archive).map_err(gaol::Error::function)?;
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index).map_err(gaol::Error::function)?;
            let name = OsStr::from_bytes(entry.name_raw()).to_owned();
            Ok(Entry { name, size: entry.size(), kind: kind(&mut entry)? })
        })
        .collect()
}

/// Unpacks an archive into one directory. No file gets larger than 16 MiB; how many there are, only `time` bounds.
#[sandboxed(write = directory, memory = "64MiB", file_size = "16MiB", time = "10s", reply = "8MiB")]
pub(crate) fn extract(archive: &File, directory: &Path) -> gaol::Result<Vec<Outcome>> {
    unpack(archive, directory).map_err(gaol::Error::function)
}

/// Looks for a word, with every entry whole in memory: what a decompression bomb is made for.
#[sandboxed(memory = "64MiB", time = "10s")]
pub(crate) fn search(archive: &File, word: &str) -> gaol::Result<Vec<OsString>> {
    let mut archive = ZipArchive::new(archive).map_err(gaol::Error::function)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(gaol::Error::function)?;
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        if content.windows(word.len()).any(|part| part == word.as_bytes()) {
            found.push(OsStr::from_bytes(entry.name_raw()).to_owned());
        }
    }
    Ok(found)
}

/// Decodes everything and keeps nothing, for the checksums: what a bigger bomb is made for.
#[sandboxed(memory = "64MiB", time = "300ms")]
pub(crate) fn verify(archive: &File) -> gaol::Result<u64> {
    let mut archive = ZipArchive::new(archive).map_err(gaol::Error::function)?;
    let mut bytes = 0;
    for index in 0..archive.len() {
        bytes += io::copy(&mut archive.by_index(index).map_err(gaol::Error::function)?, &mut io::sink())?;
    }
    Ok(bytes)
}

/// Unpacks as nobody should: joins whatever name there is, makes every link, and follows it.
///
/// It is not gaol's: outside of a sandbox it writes wherever the archive says.
pub(crate) fn unpack(archive: &File, directory: &Path) -> ZipResult<Vec<Outcome>> {
    let mut archive = ZipArchive::new(archive)?;
    (0..archive.len())
        .map(|index| {
            let mut entry = archive.by_index(index)?;
            let name = OsStr::from_bytes(entry.name_raw()).to_owned();
            let written = unpack_entry(&mut entry, &directory.join(&name));
            Ok((name, written.map_err(|error| error.to_string())))
        })
        .collect()
}

fn unpack_entry(entry: &mut ZipFile<'_, &File>, target: &Path) -> io::Result<u64> {
    // Where this fails, what comes next says why.
    let _ = fs::create_dir_all(target.parent().unwrap_or(target));
    match kind(entry)? {
        Kind::Directory => fs::create_dir_all(target).map(|()| 0),
        Kind::Link(to) => std::os::unix::fs::symlink(to, target).map(|()| 0),
        Kind::Special => Err(io::Error::other("neither a file, a directory nor a link")),
        Kind::File => {
            let copied = io::copy(entry, &mut File::create(target)?);
            // Half a file is no file.
            copied.or_else(|error| fs::remove_file(target).and(Err(error)))
        }
    }
}

fn kind(entry: &mut ZipFile<'_, &File>) -> io::Result<Kind> {
    const TYPE: u32 = 0o170_000;
    Ok(match entry.unix_mode().map(|mode| mode & TYPE) {
        _ if entry.is_dir() => Kind::Directory,
        _ if entry.is_symlink() => {
            let mut target = Vec::new();
            entry.take(LONGEST_PATH).read_to_end(&mut target)?;
            Kind::Link(OsStr::from_bytes(&target).to_owned())
        }
        None | Some(0 | 0o100_000) => Kind::File,
        Some(_) => Kind::Special,
    })
}

gaol::main! {
    fn main() -> ExitCode {
        let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
        let safe = match arguments.as_slice() {
            [] => demonstrate(),
            [archive] if archive != "--help" && archive != "-h" => inspect(Path::new(archive), None),
            [archive, directory] => inspect(Path::new(archive), Some(Path::new(directory))),
            _ => {
                println!("usage: inspect_archive [FILE.zip [OUTPUT_DIR]]\n\nLists and unpacks FILE.zip in a sandbox.");
                return ExitCode::from(if arguments.len() == 1 { 0 } else { 2 });
            }
        };
        match safe {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Whether everything outside of the directory is as it was.
fn inspect(archive: &Path, directory: Option<&Path>) -> Result<bool, Box<dyn std::error::Error>> {
    let file = File::open(archive).map_err(|error| format!("{}: {error}", archive.display()))?;
    let entries = list(&file)?;
    println!("{}, listed in a sandbox:", archive.display());
    for Entry { name, size, kind } in &entries {
        match kind {
            Kind::Link(target) => println!("  {:<44}a link to {}", shown(name), shown(target)),
            Kind::Directory => println!("  {:<44}a directory", shown(name)),
            Kind::File => println!("  {:<44}{size} bytes", shown(name)),
            Kind::Special => println!("  {:<44}neither file, directory nor link", shown(name)),
        }
    }
    let Some(directory) = directory else { return Ok(true) };

    let directory = new_directory(directory)?;
    let witness = Witness::of(&entries, &directory)?;
    println!("\nUnpacked in a sandbox that may write to {}, by code that checks nothing:", directory.display());
    for (name, outcome) in extract(&file, &directory)? {
        match outcome {
            Ok(bytes) => println!("  {:<44}done: {bytes} bytes", shown(&name)),
            Err(error) => println!("  {:<44}refused: {}", shown(&name), shown(error.as_ref())),
        }
    }
    // So says the child. What it left is looked at from here.
    println!("\nWhat is there:");
    for (path, size) in sweep(&directory)? {
        let name = shown(path.strip_prefix(&directory)?.as_os_str());
        match size {
            Some(size) => println!("  {name:<44}{size} bytes"),
            None => println!("  {name:<44}no file: removed"),
        }
    }
    let changed = witness.changed();
    for place in &changed {
        println!("\n{} HAS CHANGED", shown(place.as_os_str()));
    }
    if changed.is_empty() {
        println!("\nThe archive aims at {} places outside. None was touched.", witness.count());
    }
    Ok(changed.is_empty())
}

/// The directory to unpack to, under its real name. What it holds afterwards came from the archive.
fn new_directory(directory: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(directory)?;
    if fs::read_dir(directory)?.next().is_some() {
        return Err(io::Error::other(format!("{} is not empty", directory.display())));
    }
    fs::canonicalize(directory)
}

/// What a child has left: files and their sizes. All else but directories is removed, for whoever came next might follow a link.
pub(crate) fn sweep(directory: &Path) -> io::Result<Vec<(PathBuf, Option<u64>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (path, metadata) = (entry.path(), entry.metadata()?);
        if metadata.is_dir() {
            found.extend(sweep(&path)?);
        } else if metadata.is_file() {
            found.push((path, Some(metadata.len())));
        } else {
            fs::remove_file(&path)?;
            found.push((path, None));
        }
    }
    found.sort();
    Ok(found)
}

/// Text that came out of a sandbox: without what a terminal would obey, and no longer than a line.
fn shown(text: &OsStr) -> String {
    const MOST: usize = 42;
    let text: Vec<char> = text.to_string_lossy().escape_debug().collect();
    match text.len() {
        0..=MOST => text.iter().collect(),
        length => format!("{}… ({length} characters)", text[..MOST / 2].iter().collect::<String>()),
    }
}

/// Adds what gets out of the directory that it is unpacked to, and to `area`, which lies around it.
pub(crate) fn add_escapes(archive: HostileZip, area: &Path) -> HostileZip {
    archive
        .file("../climbed", "A name that climbs.")
        .file(area.join("absolute").as_os_str().as_bytes(), "A name that joining a path leaves as it is.")
        .link("above", "..")
        .file("above/went-through-a-link", "A name that goes through a link of the archive's own.")
        .link("victim", "../victim")
        .file("./victim", "The name of a link once more: whoever opens it for writing writes to what it leads to.")
}

/// Every trick that we know of.
fn hostile_archive(area: &Path) -> HostileZip {
    let archive = HostileZip::default()
        .file("ordinary.txt", "What an archive is for.")
        .file("deeper/down/ordinary.txt", "And so is this.");
    add_escapes(archive, area)
        .file("../../../../../../../etc/gaol-climbed", "A name that climbs as far as it goes.")
        .link("etc", "/etc")
        .file("etc/gaol-went-through-a-link", "A name that goes through a link, far away.")
        .device("console")
        .file("ordinary.txt/below", "A name beneath a file.")
        .file("twice", "The first of that name.")
        .file("twice", "The second of that name.")
        .file("nothing\0.txt", "A name that C would cut short.")
        .file("x".repeat(5000), "A name of 5,000 bytes.")
        .file("\x1b[2Jcleared", "A name that a terminal would obey.")
        .bomb("bomb", 64)
}

/// Makes a hostile archive, unpacks it, meets it with each limit, and removes everything.
fn demonstrate() -> Result<bool, Box<dyn std::error::Error>> {
    println!("{}", gaol::support());
    let area = Area::new("archive")?;
    let path = area.path().join("hostile.zip");
    fs::write(area.path().join("victim"), "as it was")?;
    hostile_archive(area.path()).write_to(File::create(&path)?)?;
    let safe = inspect(&path, Some(&area.path().join("output")))?;

    println!("\nWhat stops a decompression bomb, besides `file_size`:");
    let bombs = area.path().join("bombs.zip");
    HostileZip::default().bomb("a", 4095).bomb("b", 4095).write_to(File::create(&bombs)?)?;
    let bombs = File::open(bombs)?;
    println!(
        "  {:<44}{}",
        "every entry in memory, in 64 MiB",
        in_short(search(&bombs, "word").map(|found| found.len()))
    );
    println!("  {:<44}{}", "every entry decoded, in 300 ms", in_short(verify(&bombs)));
    Ok(safe)
}

/// A result in a few words: an error's full text names function, place and remedy.
fn in_short<T: std::fmt::Display>(result: gaol::Result<T>) -> String {
    match result {
        Ok(value) => format!("WORKED: {value}"),
        Err(gaol::Error::Function(error)) => format!("refused: {error}"),
        Err(gaol::Error::TimedOut { limit, .. }) => format!("stopped: after {limit:?}"),
        Err(error) => format!("stopped: {error}"),
    }
}
