//! Where a loader looks for libraries, and each file that it may take.

use std::collections::{BTreeSet, HashSet};
use std::env::consts::ARCH;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::ProgramProblem;
use super::cache::Cache;
use super::elf::{Dependencies, Elf, MOST_LIBRARIES, PATH_MAX};
use super::file::RegularFile;

/// What glibc's loader reads before it looks elsewhere.
const CACHE: &str = "/etc/ld.so.cache";
/// Subdirectories that glibc's loader prefers where the processor allows it.
const PROCESSORS: &[&str] = if cfg!(target_arch = "x86_64") { &["x86-64-v4", "x86-64-v3", "x86-64-v2"] } else { &[] };
/// What musl's loader does without a list of directories.
const MUSL_DIRECTORIES: &str = "/lib:/usr/local/lib:/usr/lib";
const LONGEST_LIST_OF_DIRECTORIES: usize = 65_536;
const MOST_DIRECTORIES: usize = 4096;
/// Names, directories and places to look at: bounds the time, as the others bound the memory.
const MOST_STEPS: usize = 1 << 20;

/// Libraries and the loader's own files.
#[derive(Default)]
pub(super) struct Libraries {
    pub(super) mapped: BTreeSet<PathBuf>,
    pub(super) read: Vec<PathBuf>,
}

/// Finds what `loader` may map for `program`.
pub(super) fn libraries(program: &Path, elf: &Elf<'_>, loader: &Path) -> Result<Libraries, ProgramProblem> {
    let mut search = Search::new(loader)?;
    // `$ORIGIN` of a program is where /proc/self/exe leads; that of a library is where it was found.
    let real = fs::canonicalize(program).map_err(ProgramProblem::Io)?;
    search.object(&real, elf.dependencies()?)?;
    while let Some((path, named)) = search.waiting.pop() {
        let dependencies = RegularFile::open(&path).and_then(|file| library(&file));
        match dependencies {
            Ok(dependencies) => {
                search.object(&path, dependencies)?;
                search.found.mapped.insert(path);
            }
            // Nothing but libraries is granted; what a loader cannot read it reports.
            Err(ProgramProblem::Io(_)) => {}
            Err(problem) if named => return Err(problem.of("its library", &path)),
            // In a directory the loader goes on to the next: the file may be for another machine, or a linker's script.
            Err(_) => {}
        }
    }
    Ok(search.found)
}

fn library(file: &RegularFile) -> Result<Dependencies, ProgramProblem> {
    let elf = Elf::read(file)?;
    if !elf.is_shared() {
        return Err(ProgramProblem::Malformed("it is not a shared object"));
    }
    elf.dependencies()
}

/// A search that only ever grows: each name is looked up in each directory once.
struct Search<'a> {
    musl: bool,
    loader: &'a Path,
    cache: Option<Cache>,
    /// Where the loader looks for everything that is needed.
    directories: BTreeSet<PathBuf>,
    /// Names without a slash that some object needs.
    names: BTreeSet<OsString>,
    /// Files that are there, and whether an object names the file, not only the library.
    seen: HashSet<(PathBuf, bool)>,
    waiting: Vec<(PathBuf, bool)>,
    steps: usize,
    found: Libraries,
}

impl<'a> Search<'a> {
    fn new(loader: &'a Path) -> Result<Self, ProgramProblem> {
        let mut search = Self {
            musl: loader.file_name().is_some_and(|name| name.as_bytes().starts_with(b"ld-musl-")),
            loader,
            cache: None,
            directories: BTreeSet::new(),
            names: BTreeSet::new(),
            seen: HashSet::new(),
            waiting: Vec::new(),
            steps: 0,
            found: Libraries::default(),
        };
        let directories = if search.musl { search.musl_directories()? } else { search.glibc_directories()? };
        for directory in directories {
            search.directory(&directory)?;
        }
        Ok(search)
    }

    /// Reads the loader's list of libraries.
    fn glibc_directories(&mut self) -> Result<Vec<PathBuf>, ProgramProblem> {
        if let Ok(file) = RegularFile::open(Path::new(CACHE)) {
            self.cache = Cache::read(&file)?;
            self.found.read.push(CACHE.into());
        }
        let multiarch = [format!("/lib/{ARCH}-linux-gnu"), format!("/usr/lib/{ARCH}-linux-gnu")];
        let others = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(PathBuf::from);
        // A glibc that was installed elsewhere looks beside its loader.
        let own = self.loader.parent().map(Path::to_path_buf);
        Ok(own.into_iter().chain(multiarch.map(PathBuf::from)).chain(others).collect())
    }

    /// Reads the loader's list of directories, which is found from the loader: `/etc` belongs to `/lib`.
    fn musl_directories(&mut self) -> Result<Vec<PathBuf>, ProgramProblem> {
        let prefix = self.loader.parent().and_then(Path::parent).unwrap_or(Path::new("/"));
        let list = prefix.join(format!("etc/ld-musl-{ARCH}.path"));
        let Ok(file) = RegularFile::open(&list) else { return Ok(directories(OsStr::new(MUSL_DIRECTORIES)).collect()) };
        if file.length() > LONGEST_LIST_OF_DIRECTORIES as u64 {
            return Err(ProgramProblem::TooMuch("64 KiB of directories in musl's list"));
        }
        let text = OsString::from_vec(file.read(0, LONGEST_LIST_OF_DIRECTORIES)?);
        self.found.read.push(list);
        Ok(directories(&text).collect())
    }

    /// Looks for all that one object needs.
    fn object(&mut self, path: &Path, dependencies: Dependencies) -> Result<(), ProgramProblem> {
        let Dependencies { needed, rpath, runpath } = dependencies;
        let origin = path.parent();
        // RUNPATH wins where both are there, and in glibc is for the object's own needs. All else reaches what is loaded
        // below the object; which objects these are depends on what the loader takes, so here it reaches every one.
        let private = runpath.is_some() && !self.musl;
        let mut own = BTreeSet::new();
        for directory in directories(&runpath.or(rpath).unwrap_or_default()) {
            for directory in expanded(directory.as_os_str(), origin) {
                self.count(1)?;
                if private {
                    own.extend(self.variants(Path::new(&directory)));
                } else {
                    self.directory(Path::new(&directory))?;
                }
            }
        }
        self.count(needed.len())?;
        for name in needed.iter().flat_map(|name| expanded(name, origin)) {
            if name.as_bytes().contains(&b'/') {
                // A relative one depends on a working directory that is not known here.
                if Path::new(&name).is_absolute() {
                    self.wait_for(name.into(), true)?;
                }
                continue;
            }
            // The loader knows itself by its name.
            if self.loader.file_name() == Some(&name) {
                continue;
            }
            for directory in &own {
                self.place(directory.join(&name))?;
            }
            self.name(name)?;
        }
        Ok(())
    }

    /// Adds a directory for all names.
    fn directory(&mut self, directory: &Path) -> Result<(), ProgramProblem> {
        for directory in self.variants(directory) {
            if self.directories.contains(&directory) {
                continue;
            }
            let places: Vec<PathBuf> = self.names.iter().map(|name| directory.join(name)).collect();
            self.directories.insert(directory);
            if self.directories.len() > MOST_DIRECTORIES {
                return Err(ProgramProblem::TooMuch("4096 directories of libraries"));
            }
            places.into_iter().try_for_each(|place| self.place(place))?;
        }
        Ok(())
    }

    /// Adds a name for all directories.
    fn name(&mut self, name: OsString) -> Result<(), ProgramProblem> {
        if self.names.contains(&name) {
            return Ok(());
        }
        let listed = self.cache.iter().flat_map(|cache| cache.paths(&name)).filter(|path| path.is_absolute());
        let places: Vec<PathBuf> =
            listed.chain(self.directories.iter().map(|directory| directory.join(&name))).collect();
        self.names.insert(name);
        if self.names.len() > MOST_LIBRARIES {
            return Err(ProgramProblem::TooMuch("4096 libraries"));
        }
        places.into_iter().try_for_each(|place| self.place(place))
    }

    /// The directory, if it is there, and its subdirectories for better processors.
    fn variants(&self, directory: &Path) -> Vec<PathBuf> {
        let processors = if self.musl { &[] } else { PROCESSORS };
        let better = processors.iter().map(|processor| directory.join("glibc-hwcaps").join(processor));
        let all = [directory.to_path_buf()].into_iter().chain(better);
        all.filter(|path| path.is_absolute() && fs::metadata(path).is_ok_and(|metadata| metadata.is_dir())).collect()
    }

    /// Looks at one place where a library may be.
    fn place(&mut self, path: PathBuf) -> Result<(), ProgramProblem> {
        self.count(1)?;
        if fs::metadata(&path).is_ok_and(|metadata| metadata.is_file()) { self.wait_for(path, false) } else { Ok(()) }
    }

    fn count(&mut self, steps: usize) -> Result<(), ProgramProblem> {
        self.steps += steps;
        if self.steps > MOST_STEPS {
            return Err(ProgramProblem::TooMuch("a million places to look for libraries"));
        }
        Ok(())
    }

    fn wait_for(&mut self, path: PathBuf, named: bool) -> Result<(), ProgramProblem> {
        if self.seen.insert((path.clone(), named)) {
            self.waiting.push((path, named));
        }
        if self.seen.len() > MOST_LIBRARIES {
            return Err(ProgramProblem::TooMuch("4096 libraries"));
        }
        Ok(())
    }
}

/// The directories of a search path. musl's may be one a line.
fn directories(list: &OsStr) -> impl Iterator<Item = PathBuf> {
    let parts = list.as_bytes().split(|byte| matches!(byte, b':' | b'\n' | 0));
    parts.filter(|part| !part.is_empty()).map(|part| PathBuf::from(OsStr::from_bytes(part)))
}

/// What a loader may make of `$ORIGIN`, `$LIB` and `$PLATFORM`: `$LIB` is not the same on every distribution.
fn expanded(text: &OsStr, origin: Option<&Path>) -> Vec<OsString> {
    if !text.as_bytes().contains(&b'$') {
        return vec![text.to_os_string()];
    }
    let multiarch = format!("lib/{ARCH}-linux-gnu");
    let mut results: Vec<OsString> = Vec::new();
    for lib in [multiarch.as_str(), "lib64", "lib"] {
        let Some(result) = substituted(text.as_bytes(), origin, lib) else { continue };
        if !results.contains(&result) {
            results.push(result);
        }
    }
    results
}

/// Nothing where the result would be no path.
fn substituted(text: &[u8], origin: Option<&Path>, lib: &str) -> Option<OsString> {
    let tokens: [(&[u8], Option<&[u8]>); 3] = [
        (b"ORIGIN", origin.map(|origin| origin.as_os_str().as_bytes())),
        (b"LIB", Some(lib.as_bytes())),
        (b"PLATFORM", Some(ARCH.as_bytes())),
    ];
    let mut result = Vec::new();
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        let token =
            tokens.iter().filter(|_| *first == b'$').find_map(|(name, value)| Some((after(behind, name)?, value)));
        match token {
            Some((after, value)) => {
                result.extend_from_slice((*value)?);
                rest = after;
            }
            None => {
                result.push(*first);
                rest = behind;
            }
        }
        if result.len() >= PATH_MAX {
            return None;
        }
    }
    Some(OsString::from_vec(result))
}

/// What follows `name` or `{name}` at the start of `text`.
fn after<'a>(text: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    if let Some(inner) = text.strip_prefix(b"{") {
        return inner.strip_prefix(name)?.strip_prefix(b"}");
    }
    let rest = text.strip_prefix(name)?;
    // `$LIBRARY` is not `$LIB`.
    let goes_on = rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (!goes_on).then_some(rest)
}
