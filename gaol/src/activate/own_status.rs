//! What the kernel says of this process, also when `/proc` cannot be opened any more.

use std::fs::File;
use std::io::{self, Read, Seek};

/// `/proc/self/status`, held open.
pub(super) struct OwnStatus {
    file: File,
    /// Whom it is about: a fork of the process has a copy of the descriptor.
    process: u32,
}

/// What it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) threads: usize,
    /// Everything that is mapped, in bytes.
    pub(super) mapped: u64,
    /// Private writable memory, in bytes, as `RLIMIT_DATA` counts it.
    pub(super) memory: u64,
}

impl OwnStatus {
    pub(super) const PATH: &str = "/proc/self/status";

    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { file: File::open(Self::PATH)?, process: std::process::id() })
    }

    /// Whether it is about the calling process.
    pub(super) fn is_own(&self) -> bool {
        self.process == std::process::id()
    }

    pub(super) fn read(&mut self) -> io::Result<Usage> {
        let mut text = Vec::new();
        self.file.rewind()?;
        self.file.read_to_end(&mut text)?;
        // The name of the process, on the first line, may hold anything but a line's end.
        Usage::from_text(&String::from_utf8_lossy(&text)).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }
}

impl Usage {
    fn from_text(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let kibibytes = |name: &str| {
            let amount: u64 = field(name)?.trim().strip_suffix(" kB")?.parse().ok()?;
            amount.checked_mul(1024)
        };
        Some(Self {
            threads: field("Threads:")?.trim().parse().ok()?,
            mapped: kibibytes("VmSize:")?,
            memory: kibibytes("VmData:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_whatever_the_name_is() {
        let text = "Name:\tThreads:\t7\nUmask:\t0022\nVmSize:\t    1024 kB\nVmData:\t       3 kB\nThreads:\t2\n";
        assert_eq!(Usage::from_text(text), Some(Usage { threads: 2, mapped: 1 << 20, memory: 3 << 10 }));
        assert_eq!(Usage::from_text("Name:\tx\nThreads:\t2\n"), None);
        assert_eq!(Usage::from_text(""), None);
    }

    #[test]
    fn the_kernel_writes_them_so() {
        let mut status = OwnStatus::open().expect("/proc is mounted");
        assert!(status.is_own());
        let first = status.read().expect("it can be read");
        assert!(first.threads >= 1 && first.memory > 0 && first.mapped > first.memory, "{first:?}");
        let hoard = std::hint::black_box(vec![1_u8; 256 << 20]);
        let second = status.read().expect("it can be read again");
        // Other tests of this process come and go meanwhile.
        assert!(second.memory >= hoard.len() as u64, "{second:?}");
    }
}
