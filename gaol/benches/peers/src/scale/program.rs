//! A program with many functions: built, started, and told what to call.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use super::workspace;

/// A program that was built.
pub(crate) struct Built {
    pub(crate) path: PathBuf,
    pub(crate) took: Duration,
    pub(crate) size: u64,
}

/// Builds one of so many functions, and puts it in `place`.
pub(crate) fn build(functions: usize, place: &Path) -> Result<Built, String> {
    // Where this program was built, so that the libraries are not built again.
    let target = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = target.ancestors().nth(2).ok_or("this program stands in no target directory")?.to_owned();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let begun = Instant::now();
    let output = Command::new(cargo)
        .args(["build", "--release", "-p", "gaol-peers-scale", "--target-dir"])
        .arg(&target)
        .current_dir(workspace()?)
        .env("GAOL_SCALE_FUNCTIONS", functions.to_string())
        .output()
        .map_err(|error| format!("cargo build: {error}"))?;
    let took = begun.elapsed();
    if !output.status.success() {
        return Err(format!("cargo build: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let path = place.join(functions.to_string());
    let built = target.join("release/gaol-peers-scale");
    let size = std::fs::copy(&built, &path).map_err(|error| format!("copy {}: {error}", built.display()))?;
    Ok(Built { path, took, size })
}

/// A program that waits to be told what to call.
pub(crate) struct Program {
    child: Child,
    told: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Program {
    pub(crate) fn start(path: &Path) -> Result<Self, String> {
        let mut child = Command::new(path)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}", path.display()))?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(told), Some(said)) => Ok(Self { child, told, said: BufReader::new(said) }),
            _ => Err("a program without pipes".to_owned()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it make a call, and says how long that took there. It checks the answer itself, and ends if it is wrong.
    pub(crate) fn call(&mut self, kind: &str, which: usize, number: u64) -> Result<Duration, String> {
        let failed = |error: std::io::Error| format!("{kind} {which}: {error}");
        writeln!(self.told, "{kind} {which} {number}").map_err(failed)?;
        let mut line = String::new();
        self.said.read_line(&mut line).map_err(failed)?;
        let nanoseconds = line.trim_end().parse().map_err(|_| format!("{kind} {which}: it said `{line}`"))?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
