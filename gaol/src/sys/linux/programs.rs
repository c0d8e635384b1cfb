//! What running a program opens: its interpreter, its loader and its libraries, found by reading, never by running.

mod cache;
mod elf;
mod file;
mod libraries;
mod script;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use self::elf::Elf;
use self::file::RegularFile;
use self::libraries::Libraries;

/// As many scripts as the kernel follows from one to the next; what the last one names must be an ELF program.
const MOST_SCRIPTS: usize = 5;

/// Where `execvp` looks when `PATH` is not set.
const DEFAULT_PATH: [&str; 2] = ["/bin", "/usr/bin"];

/// Every file that starting a program opens, by the names that the headers give it: symbolic links are not followed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// What the kernel executes: the program first, then the interpreters of scripts, and ELF loaders.
    pub(crate) executed: Vec<PathBuf>,
    /// What loaders map: each file that one may take for a library that it looks for. Each is a shared object of this machine.
    pub(crate) mapped: Vec<PathBuf>,
    /// What loaders and interpreters read: the loader's list of libraries or directories, and scripts.
    pub(crate) read: Vec<PathBuf>,
}

/// Why a program cannot be granted with what it needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramProblem {
    /// Its path depends on the working directory.
    #[error("it is not an absolute path; expected one that starts with `/`")]
    Relative,
    /// It cannot be opened or read.
    #[error("{0}; a program, and each file that it names, must be there and be readable when the call is made")]
    Io(io::Error),
    /// It is a directory, a pipe, a socket or a device.
    #[error("it is not a regular file; expected one that holds a program")]
    NotAFile,
    /// It has no execute permission, or is where nothing may be executed.
    #[error("it may not be executed; expected execute permission, on a file system that is not mounted `noexec`")]
    NotExecutable,
    /// Neither the kernel nor gaol knows how to start it.
    #[error("it is neither an ELF program nor a script; expected an ELF header, or a first line that starts with `#!`")]
    UnknownFormat,
    /// Its first line names no interpreter.
    #[error("its first line names no interpreter; expected `#!/absolute/path`, whole within the first 256 bytes")]
    NoInterpreter,
    /// Scripts interpret scripts.
    #[error("it is a script behind {MOST_SCRIPTS} others; the kernel follows no more, expected an ELF program")]
    TooManyScripts,
    /// It was named as a loader or a library, and is something else.
    #[error("it is not an ELF file; expected a program's loader or library")]
    NotElf,
    /// It was made for another machine.
    #[error("it is an ELF file for another machine; expected one for {}", std::env::consts::ARCH)]
    Foreign,
    /// Its headers make no sense.
    #[error("it is not an ELF file that can be loaded: {0}")]
    Malformed(&'static str),
    /// It needs more than any program does.
    #[error("it needs more than {0}, so it is no program that gaol can grant")]
    TooMuch(&'static str),
    /// A file that it names cannot be granted.
    #[error("{what} {}: {problem}", file.display())]
    Needed {
        /// What it is to the program: `its loader`.
        what: &'static str,
        /// Its path.
        file: PathBuf,
        /// What is wrong with it.
        problem: Box<ProgramProblem>,
    },
}

impl ProgramProblem {
    /// The problem of a program whose `what`, `file`, has this one.
    fn of(self, what: &'static str, file: &Path) -> Self {
        Self::Needed { what, file: file.to_path_buf(), problem: Box::new(self) }
    }
}

/// Finds what running `program` opens.
///
/// Libraries are a superset: a loader takes one file for each name, and which it is depends on the processor and on the
/// environment. A library that is nowhere is left to the loader to report, and a program that is nowhere to `env`.
///
/// # Errors
///
/// The program, or a file that it names, is not what the kernel or a loader would take.
pub(crate) fn needs(program: &Path) -> Result<Needs, ProgramProblem> {
    let mut closure = Closure::default();
    closure.program(program)?;
    while let Some(started) = closure.started_by_env.pop() {
        closure.program(&started).map_err(|problem| problem.of("the program that `env` starts,", &started))?;
    }
    let Closure { executed, mapped, read, .. } = closure;
    Ok(Needs { executed, mapped: mapped.into_iter().collect(), read: read.into_iter().collect() })
}

/// What was found so far.
#[derive(Default)]
struct Closure {
    executed: Vec<PathBuf>,
    mapped: BTreeSet<PathBuf>,
    read: BTreeSet<PathBuf>,
    started_by_env: Vec<PathBuf>,
}

impl Closure {
    /// Adds a program, through scripts to the ELF program that the kernel ends at.
    fn program(&mut self, program: &Path) -> Result<(), ProgramProblem> {
        let mut path = program.to_path_buf();
        for depth in 0..=MOST_SCRIPTS {
            let next = self.link(&path, depth).map_err(|problem| match depth {
                0 => problem,
                _ => problem.of("its interpreter", &path),
            })?;
            let Some(interpreter) = next else { break };
            path = interpreter;
        }
        Ok(())
    }

    /// Adds one file of that chain, and says which comes next.
    fn link(&mut self, path: &Path, depth: usize) -> Result<Option<PathBuf>, ProgramProblem> {
        let file = executable(path)?;
        let start = file.read(0, script::WINDOW)?;
        if elf::is_elf(&start) {
            self.execute(path);
            self.elf(path, &Elf::read(&file)?)?;
            return Ok(None);
        }
        let line = script::first_line(&start)?.ok_or(ProgramProblem::UnknownFormat)?;
        if depth == MOST_SCRIPTS {
            return Err(ProgramProblem::TooManyScripts);
        }
        self.execute(path);
        self.read.insert(path.to_path_buf());
        if let Some(started) = line.started_by_env().and_then(found_in_default_path)
            && !self.executed.contains(&started)
            && !self.started_by_env.contains(&started)
        {
            self.started_by_env.push(started);
        }
        Ok(Some(line.interpreter))
    }

    /// Adds what an ELF program needs.
    fn elf(&mut self, path: &Path, elf: &Elf<'_>) -> Result<(), ProgramProblem> {
        let Some(loader) = elf.loader()? else { return Ok(()) };
        executable(&loader)
            .and_then(|file| Elf::read(&file).map(drop))
            .map_err(|problem| problem.of("its loader", &loader))?;
        self.execute(&loader);
        let Libraries { mapped, read } = libraries::libraries(path, elf, &loader)?;
        self.mapped.extend(mapped);
        self.read.extend(read);
        Ok(())
    }

    fn execute(&mut self, path: &Path) {
        if !self.executed.iter().any(|executed| executed == path) {
            self.executed.push(path.to_path_buf());
        }
    }
}

/// Opens a file that the kernel would execute.
fn executable(path: &Path) -> Result<RegularFile, ProgramProblem> {
    if !path.is_absolute() {
        return Err(ProgramProblem::Relative);
    }
    let file = RegularFile::open(path)?;
    // Root may do everything that somebody may, so `access` alone does not tell; it does tell of `noexec`.
    let somebody_may = file.mode() & 0o111 != 0;
    if !somebody_may || rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(ProgramProblem::NotExecutable);
    }
    Ok(file)
}

/// The file that `execvp` takes for `name` without a `PATH`.
fn found_in_default_path(name: &OsStr) -> Option<PathBuf> {
    DEFAULT_PATH.iter().map(|directory| Path::new(directory).join(name)).find(|path| {
        fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}
