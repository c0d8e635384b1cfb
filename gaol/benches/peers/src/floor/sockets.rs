//! A round trip over a socketpair, to a process that is already there.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions};

use super::fork::{Side, exit_now, fork};

/// A process that answers each number with the next one.
pub(crate) struct Echo {
    channel: Option<UnixStream>,
    process: Pid,
}

impl Echo {
    pub(crate) fn start() -> std::io::Result<Self> {
        let (ours, mut theirs) = UnixStream::pair()?;
        match fork()? {
            Side::Child => {
                drop(ours);
                let mut number = [0; 8];
                while theirs.read_exact(&mut number).is_ok() {
                    let next = u64::from_le_bytes(number) + 1;
                    if theirs.write_all(&next.to_le_bytes()).is_err() {
                        break;
                    }
                }
                exit_now(0)
            }
            Side::Parent(process) => Ok(Self { channel: Some(ours), process }),
        }
    }

    pub(crate) fn round_trip(&mut self, number: u64) -> Result<Duration, String> {
        let channel = self.channel.as_mut().ok_or("it has ended")?;
        let mut reply = [0; 8];
        let begun = Instant::now();
        let answered = channel.write_all(&number.to_le_bytes()).and_then(|()| channel.read_exact(&mut reply));
        let time = begun.elapsed();
        answered.map_err(|error| error.to_string())?;
        match u64::from_le_bytes(reply) {
            got if got == number + 1 => Ok(time),
            got => Err(format!("got {got}, and not {}", number + 1)),
        }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        // It ends when it has nobody to talk to.
        self.channel = None;
        let _ = rustix::process::waitpid(Some(self.process), WaitOptions::empty());
    }
}
