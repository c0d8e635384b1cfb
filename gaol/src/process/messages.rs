//! The messages between the application, its zygote and its templates. All three are gaol's own code.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::function::entry::Build;
use crate::protocol::codec;
use crate::sys::Entered;
use crate::sys::os::descriptors;
use crate::sys::plan::Refusal;
use crate::sys::supervise::notification::Rules;

/// The argument that makes a process of this binary a zygote.
pub(crate) const ZYGOTE_ARGUMENT: &str = "--gaol-zygote";

/// The longest single message; longer ones are cut.
pub(crate) const LONGEST: usize = 32 << 10;

/// Sends one message with descriptors.
///
/// # Errors
///
/// The kernel's. `EPIPE` when the other end is gone.
pub(crate) fn send(socket: &OwnedFd, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut bytes = Vec::new();
    codec::encode(message, &mut bytes, LONGEST as u64).map_err(|error| io::Error::other(error.to_string()))?;
    descriptors::send(socket.as_fd(), &bytes, descriptors)
}

/// The application's first message to a zygote. The application's pidfd comes with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) nonce: u64,
    pub(crate) build: Build,
}

/// A zygote's answer. Its own pidfd comes with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum HelloReply {
    Ready {
        nonce: u64,
        build: Build,
    },
    /// Code that runs before `main` started threads: a fork would lose them.
    Threads {
        count: u32,
        /// What they are called, as far as there is room.
        names: Vec<String>,
    },
    /// A step of starting failed.
    Failed {
        step: String,
        errno: i32,
    },
}

/// What the application asks of its zygote.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ZygoteRequest {
    ForkTemplate(ForkTemplate),
    /// To answer for the application itself, and for nobody else from then on. The listener comes with it.
    Supervise(Supervise),
}

/// A zygote's answer to [`ZygoteRequest::Supervise`]: nothing more is heard. Not empty, since that is how a socket ends.
pub(crate) const SUPERVISING: &[u8] = b"w";

/// The application asks the zygote for a template. The template's end of its control socket comes with it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct ForkTemplate {
    /// Flags of clone(2).
    pub(crate) namespaces: i32,
    /// Its filter asks: the template is going to send the listener.
    pub(crate) asks: bool,
    /// Its workers may start processes.
    pub(crate) descendants: Option<DescendantRules>,
    /// One has ended before it was ready: this one is to tell of each step before it takes it, and the zygote how it ended.
    pub(crate) careful: bool,
}

/// What a template's workers may start.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct DescendantRules {
    /// How many threads and processes there may be together.
    pub(crate) limit: Option<u64>,
    /// Nothing but the zygote ends what is left of them.
    pub(crate) orphaned: bool,
}

/// A template's one message to the zygote: by what to answer the questions of its filter. The filter's listener comes with it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Supervise(pub(crate) Rules);

/// A template's first answer.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Readiness {
    /// Every layer was entered. The template's pidfd comes with it.
    Ready(Entered),
    Refused(Refusal),
    /// Of one that is careful: the step that it is about to take, and the index of its layer.
    At {
        layer: u8,
        step: String,
    },
    /// The zygote's word about one that was careful: how it ended.
    Ended([u8; Ended::BYTES]),
}

/// What the zygote says to a template whose filter asks: it sees who asks, or `/proc` hides them from it.
pub(crate) mod verdict {
    pub(crate) const SEEN: &[u8] = b"s";
    pub(crate) const HIDDEN: &[u8] = b"h";
}

/// What a plan is for that an application sends to a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To be entered.
    Enter = 0,
    /// To prewarm for one like it, which comes soon or not at all.
    Expect = 1,
}

/// How long a template waits for the plan that it was told to expect. The application uses none that has waited half of it.
pub(crate) const EXPECTING: Duration = Duration::from_secs(5);

/// What goes before a plan, which is cut into messages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlanHead {
    pub(crate) purpose: Purpose,
    /// Bytes that follow.
    pub(crate) length: u64,
}

impl PlanHead {
    pub(crate) const BYTES: usize = 9;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = self.purpose as u8;
        bytes[1..].copy_from_slice(&self.length.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [purpose, length @ ..] = bytes;
        let purpose = if purpose == Purpose::Expect as u8 { Purpose::Expect } else { Purpose::Enter };
        Self { purpose, length: u64::from_le_bytes(length) }
    }
}

/// What the application asks of a template that is ready: a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Lifetime {
    /// One that waits for its call as long as its template lives.
    Unlimited,
    /// One of several that only many calls at once need: it waits for a while.
    Spare,
}

impl Lifetime {
    /// How long that is. The application sends a call to none that has waited half of it.
    pub(crate) const WHILE: Duration = Duration::from_secs(1);
}

/// The message that asks for a worker. With it comes the worker's prefaulted buffer, where it is to have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WorkerRequest {
    pub(crate) stay: Lifetime,
    /// The size of the prefaulted buffer, or 0.
    pub(crate) buffer: u64,
    /// The function that it is going to be called for, as far as the last call tells, or 0.
    pub(crate) entry: u64,
}

impl WorkerRequest {
    pub(crate) const BYTES: usize = 17;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[0] = match self.stay {
            Lifetime::Unlimited => b'g',
            Lifetime::Spare => b'w',
        };
        bytes[1..9].copy_from_slice(&self.buffer.to_le_bytes());
        bytes[9..].copy_from_slice(&self.entry.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [stay, numbers @ ..] = bytes;
        let stay = if stay == b'w' { Lifetime::Spare } else { Lifetime::Unlimited };
        let [buffer, entry] = bytemuck::cast(numbers);
        Self { stay, buffer: u64::from_le_bytes(buffer), entry: u64::from_le_bytes(entry) }
    }
}

/// What a template answers to [`WorkerRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Spawned {
    /// With it come the worker's channel, its pidfd, its status socket, where output is captured the socket of its output, those of the
    /// streams that are passed on, and its prefaulted buffer, where it has
    /// one of that size. `ends` are the inode numbers of the worker's ends of its channel and of its output.
    Worker { stay: Lifetime, buffer: u64, ends: [u64; 2] },
    /// A step of the fork failed.
    Failed { step: Step, errno: i32 },
}

/// The steps of forking a worker.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Step {
    Channel,
    Status,
    Output,
    Fork,
    Pidfd,
    Send,
}

impl Step {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Channel => "socketpair",
            Self::Status => "socketpair (for how the worker ends)",
            Self::Output => "socketpair (for what the worker prints)",
            Self::Fork => "fork",
            Self::Pidfd => "pidfd_open",
            Self::Send => "sendmsg",
        }
    }
}

/// How a worker ended, as the kernel told its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Exited(i32),
    Killed(i32),
    /// It could not take its last step, and never read a call: said by gaol's own code in it, which no longer can once it has.
    Unfit(i32),
}

impl Ended {
    pub(crate) const BYTES: usize = 8;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let (tag, number) = match self {
            Self::Exited(code) => (0_i32, code),
            Self::Killed(signal) => (1, signal),
            Self::Unfit(errno) => (2, errno),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&tag.to_le_bytes());
        bytes[4..].copy_from_slice(&number.to_le_bytes());
        bytes
    }

    pub(crate) fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h] = bytes;
        let number = i32::from_le_bytes([e, f, g, h]);
        match i32::from_le_bytes([a, b, c, d]) {
            0 => Self::Exited(number),
            1 => Self::Killed(number),
            _ => Self::Unfit(number),
        }
    }
}

/// The descriptors of a worker, by number.
pub(crate) mod worker_descriptor {
    /// Standard output and error.
    pub(crate) const STREAMS: [i32; 2] = [1, 2];
    /// The channel.
    pub(crate) const CHANNEL: i32 = 3;
    /// The status socket, until the last step is taken: the first descriptor that the function finds free.
    pub(crate) const STATUS: i32 = 4;
    /// The prefaulted buffer, where there is one. It is moved beyond the numbers that the function may use, where the kernel lets it.
    pub(crate) const PREFAULTED: i32 = 5;
    /// The socket to the judge, where there is one; the prefaulted buffer's number where there is no prefaulted buffer. It is moved as the prefaulted buffer is.
    pub(crate) const JUDGE: i32 = 6;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_arrives() {
        for stay in [Lifetime::Unlimited, Lifetime::Spare] {
            let wanted = WorkerRequest { stay, buffer: 1 << 40, entry: 0xFEDC_BA98_7654_3210 };
            assert_eq!(WorkerRequest::from_bytes(wanted.to_bytes()), wanted);
        }
    }
}
