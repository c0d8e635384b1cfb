//! Programs to find the needs of, and what there is to compare with.

mod hostile;
mod system;

use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use elf::abi;

use super::{Needs, ProgramProblem, needs};

/// A directory that is gone at the end of a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().canonicalize().unwrap();
        let path = path.join(format!("gaol-program-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file that may be executed.
    fn program(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// What the C compiler makes of `source`; nothing if it cannot, as a linker for it may be missing.
    fn compiled(&self, name: &str, source: &str, arguments: &[&str]) -> Option<PathBuf> {
        let output = self.path(name);
        fs::create_dir_all(output.parent().unwrap()).unwrap();
        let input = self.path("source.c");
        fs::write(&input, source).unwrap();
        let ended = Command::new("cc").arg("-o").arg(&output).arg(input).args(arguments).current_dir(&self.0).output();
        let ended = ended.expect("a C compiler links every Rust program");
        if !ended.status.success() {
            println!("skipped: cc {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
            return None;
        }
        Some(output)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

const SHELL: &str = "/bin/sh";

fn found(program: impl AsRef<Path>) -> Needs {
    let program = program.as_ref();
    needs(program).unwrap_or_else(|problem| panic!("{}: {problem}", program.display()))
}

fn problem(program: impl AsRef<Path>) -> ProgramProblem {
    let program = program.as_ref();
    needs(program).map(|needs| panic!("{}: {needs:?}", program.display())).unwrap_err()
}

/// The problem with a file that the program names, and that file.
fn problem_of_needed(program: impl AsRef<Path>) -> (&'static str, PathBuf, ProgramProblem) {
    match problem(program) {
        ProgramProblem::Needed { what, file, problem } => (what, file, *problem),
        other => panic!("{other}"),
    }
}

fn shell() -> Vec<u8> {
    fs::read(SHELL).unwrap()
}

/// The shell's loader.
fn loader() -> PathBuf {
    found(SHELL).executed.pop().unwrap()
}

/// Whether the C library of this system is musl.
fn is_musl() -> bool {
    loader().file_name().unwrap().to_str().unwrap().starts_with("ld-musl-")
}

/// The size of the headers that `object` writes.
const HEADERS: u64 = 64 + 3 * 56;
/// Where `object` writes the header of its only mapped segment, and that of its dynamic section.
const LOAD: usize = 64;
const DYNAMIC: usize = 64 + 56;

/// A tiny ELF object of this machine: its dynamic section, then names. It is mapped as it is, at address 0.
fn object(loader: Option<&Path>, dynamic: &[(i64, u64)], names: &[u8]) -> Vec<u8> {
    let loader = loader.map(|loader| [loader.as_os_str().as_bytes(), b"\0"].concat());
    let behind_dynamic = behind(dynamic.len());
    let behind_names = behind_dynamic + names.len() as u64;
    let mut bytes = shell()[..64].to_vec();
    bytes[16..18].copy_from_slice(&abi::ET_DYN.to_ne_bytes());
    bytes[32..40].copy_from_slice(&64_u64.to_ne_bytes());
    bytes[54..56].copy_from_slice(&56_u16.to_ne_bytes());
    bytes[56..58].copy_from_slice(&3_u16.to_ne_bytes());
    let interpreted = if loader.is_some() { abi::PT_INTERP } else { abi::PT_NULL };
    let loader = loader.unwrap_or_default();
    for (kind, offset, length) in [
        (abi::PT_LOAD, 0, behind_names),
        (abi::PT_DYNAMIC, HEADERS, behind_dynamic - HEADERS),
        (interpreted, behind_names, loader.len() as u64),
    ] {
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(abi::PF_R.to_ne_bytes());
        for field in [offset, offset, offset, length, length, 8] {
            bytes.extend(field.to_ne_bytes());
        }
    }
    for (tag, value) in dynamic {
        bytes.extend(tag.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
    }
    bytes.extend(names);
    bytes.extend(loader);
    bytes
}

/// Where an object with so many entries has its names.
fn behind(entries: usize) -> u64 {
    HEADERS + 16 * entries as u64
}

/// An object whose dynamic section says this.
fn linked(loader: Option<&Path>, entries: &[(i64, &str)]) -> Vec<u8> {
    let mut dynamic = vec![(abi::DT_STRTAB, behind(entries.len() + 2))];
    let mut names = Vec::new();
    for (tag, name) in entries {
        dynamic.push((*tag, names.len() as u64));
        names.extend([name.as_bytes(), b"\0"].concat());
    }
    dynamic.push((abi::DT_NULL, 0));
    object(loader, &dynamic, &names)
}

/// A program of the shell's loader that needs `library`.
fn needing(library: &Path) -> Vec<u8> {
    linked(Some(&loader()), &[(abi::DT_NEEDED, library.to_str().unwrap())])
}

/// Runs a program that was just written; a fork elsewhere in the tests may still hold it open for writing.
fn run(command: &mut Command) -> std::io::Result<Output> {
    loop {
        match command.env_clear().output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            ended => return ended,
        }
    }
}

fn real(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    paths.iter().map(|path| fs::canonicalize(path).unwrap()).collect()
}
