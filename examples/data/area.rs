//! A directory for a demonstration, removed when it is over.

use std::io;
use std::path::{Path, PathBuf};

/// Goes, with everything in it, when dropped.
pub(crate) struct Area(PathBuf);

impl Area {
    pub(crate) fn new(purpose: &str) -> io::Result<Self> {
        // A profile names real paths, and the temporary directory may be a symbolic link.
        let path = std::fs::canonicalize(std::env::temp_dir())?.join(format!("gaol-{purpose}-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} is left behind: {error}", self.0.display());
        }
    }
}
