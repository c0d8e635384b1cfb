//! What a worker prints, where that is captured: so much of it as errors show.

use std::os::fd::OwnedFd;

use rustix::event::{PollFd, PollFlags};

use super::template::Worker;

/// The most of a worker's output that is kept, in bytes.
const MOST_OUTPUT: usize = 64 << 10;

/// What a worker printed.
#[derive(Default)]
pub(super) struct Output {
    pub(super) bytes: Vec<u8>,
    pub(super) truncated: bool,
}

/// Reads what there is of the output; false once it has ended.
pub(super) fn read_output(fd: &OwnedFd, output: &mut Output) -> bool {
    let mut chunk = [0; 16 << 10];
    match rustix::io::retry_on_intr(|| rustix::io::read(fd, &mut chunk)) {
        Ok(0) | Err(_) => false,
        Ok(count) => {
            let room = MOST_OUTPUT - output.bytes.len();
            output.bytes.extend_from_slice(&chunk[..count.min(room)]);
            output.truncated |= count > room;
            true
        }
    }
}

/// Reads what a worker that is over has left in the pipe: at most what a pipe holds, for it may not be dead yet.
pub(super) fn drain(worker: &Worker, output: &mut Output) {
    let Some(fd) = &worker.output else { return };
    for _ in 0..8 {
        let mut fds = [PollFd::new(fd, PollFlags::IN)];
        match rustix::event::poll(&mut fds, Some(&rustix::event::Timespec::default())) {
            Ok(1..) if read_output(fd, output) => {}
            _ => return,
        }
    }
}
