//! Bytes on their way into another process, through shared memory that neither maps, where every page is there already.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;
use rustix::process::{Pid, WaitOptions};

use super::fork::{Side, exit_now, fork};

/// A process that reads as many bytes as it is told to, and answers with the last of them.
pub(crate) struct Apart {
    memory: File,
    channel: Option<UnixStream>,
    process: Pid,
}

impl Apart {
    pub(crate) fn start(length: usize) -> Result<Self, String> {
        Self::start_with(length).map_err(|error| error.to_string())
    }

    fn start_with(length: usize) -> std::io::Result<Self> {
        let memory = File::from(rustix::fs::memfd_create(c"gaol-peers", MemfdFlags::CLOEXEC)?);
        let mut target = vec![1; length];
        memory.write_all_at(&target, 0)?;
        let (ours, mut theirs) = UnixStream::pair()?;
        match fork()? {
            Side::Child => {
                drop(ours);
                let mut number = [0; 8];
                while theirs.read_exact(&mut number).is_ok() {
                    let wanted = usize::try_from(u64::from_le_bytes(number)).unwrap_or(usize::MAX).min(length);
                    let read = memory.read_exact_at(&mut target[..wanted], 0);
                    let last = target[..wanted].last().copied().unwrap_or_default();
                    if read.is_err() || theirs.write_all(&[last]).is_err() {
                        break;
                    }
                }
                exit_now(0)
            }
            Side::Parent(process) => Ok(Self { memory, channel: Some(ours), process }),
        }
    }

    /// Writes the bytes, and has them read.
    pub(crate) fn cross(&mut self, source: &[u8]) -> Result<Duration, String> {
        let channel = self.channel.as_mut().ok_or("it has ended")?;
        let mut last = [0];
        let begun = Instant::now();
        let crossed = self.memory.write_all_at(source, 0).and_then(|()| {
            channel.write_all(&(source.len() as u64).to_le_bytes())?;
            channel.read_exact(&mut last)
        });
        let time = begun.elapsed();
        crossed.map_err(|error| error.to_string())?;
        match last {
            [got] if got == source.last().copied().unwrap_or_default() => Ok(time),
            other => Err(format!("{other:?} came last")),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It ends when it has nobody to talk to.
        self.channel = None;
        let _ = rustix::process::waitpid(Some(self.process), WaitOptions::empty());
    }
}
