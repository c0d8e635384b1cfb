//! A directory of a test's own, removed when the test is over.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A directory that every user may enter and write to.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
}

impl Place {
    pub(crate) fn new(purpose: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let parent = std::fs::canonicalize(std::env::temp_dir()).expect("a temporary directory");
        // What a test that was killed has left may have any name, for process ids come again.
        let path = loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("gaol-{purpose}-{}-{count}", std::process::id()));
            match std::fs::create_dir(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                made => {
                    made.expect("a new directory");
                    break path;
                }
            }
        };
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).expect("its permissions");
        Self { path }
    }

    /// Its real path: there is no symbolic link in it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}
