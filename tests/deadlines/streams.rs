//! Children that keep their ends of streams: in a result, in a process that is kept, in the queue of a socket.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::mem::forget;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gaol::{Error, ProtocolProblem, sandboxed};

use crate::attacks::forgery::{CHANNEL, Control, Forged, RETURNED, send_on, send_with};
use crate::attacks::toolbox::exit_now;
use crate::{Attack, TIME};

pub(crate) const ATTACKS: &[Attack] = &[
    attack("its end of a stream is its result", gives_its_writer),
    attack("its end of a stream that it reads is its result", gives_its_reader),
    attack("its channel is its result", gives_its_channel),
    attack("its output is its result", gives_its_output),
    attack("it is kept, and keeps its end of a stream", keeps_its_writer),
    attack("it is kept, and keeps its end of a stream that it reads", keeps_its_reader),
    attack("its end of a stream is in the queue of a socket, which is its result", hides_its_writer),
    attack("its end of a stream is in the queue of a socket in its own queue", buries_its_writer),
];

const fn attack(name: &'static str, act: fn()) -> Attack {
    Attack { name, time: TIME, act }
}

#[track_caller]
fn assert_own<T: std::fmt::Debug>(result: &gaol::Result<T>) {
    assert!(matches!(result, Err(Error::Protocol { problem: ProtocolProblem::OwnEnd, .. })), "{result:?}");
}

#[sandboxed(time = "700ms")]
fn returns_writer(mut output: PipeWriter) -> gaol::Result<File> {
    output.write_all(b"page")?;
    Ok(File::from(OwnedFd::from(output)))
}

fn gives_its_writer() {
    let (output, drain) = gaol::pipe_out(1 << 20).expect("a pipe");
    let draining = drain.into_writer(Vec::new()).expect("a thread");
    let result = returns_writer(output);
    assert_own(&result);
    let (moved, page) = draining.finish_with().expect("its end");
    assert_eq!((moved.complete, page.as_slice()), (true, &b"page"[..]));
}

#[sandboxed(time = "700ms")]
fn returns_reader(input: PipeReader) -> gaol::Result<PipeReader> {
    Ok(input)
}

fn gives_its_reader() {
    let (input, feeder) = gaol::pipe().expect("a pipe");
    let feeding = feeder.feed(std::io::repeat(1)).expect("a thread");
    let result = returns_reader(input);
    assert_own(&result);
    assert!(!feeding.finish().expect("its end").complete);
}

#[sandboxed(time = "700ms")]
fn returns_own(number: i32) -> gaol::Result<File> {
    let _ = Forged::reply(RETURNED, 1).and_then(|mut header| {
        header.descriptors = 1;
        send_with(&[header.to_bytes(), vec![0]].concat(), &[Control::rights(&[number])])
    });
    exit_now(0)
}

fn gives_its_channel() {
    assert_own(&returns_own(CHANNEL));
}

fn gives_its_output() {
    assert_own(&returns_own(1));
}

#[sandboxed(time = "700ms", process = "reused")]
fn keeps_writer(mut output: PipeWriter) -> gaol::Result<()> {
    output.write_all(b"page")?;
    forget(output);
    Ok(())
}

fn keeps_its_writer() {
    let (output, drain) = gaol::pipe_out(1 << 20).expect("a pipe");
    let draining = drain.into_writer(Vec::new()).expect("a thread");
    keeps_writer(output).expect("a call");
    let (moved, page) = draining.finish_with().expect("its end");
    // Whoever has the other end could still write.
    assert_eq!((moved.complete, page.as_slice()), (false, &b"page"[..]));
}

#[sandboxed(time = "700ms", process = "reused")]
fn keeps_reader(input: PipeReader) -> gaol::Result<()> {
    forget(input);
    Ok(())
}

fn keeps_its_reader() {
    let (input, feeder) = gaol::pipe().expect("a pipe");
    let feeding = feeder.feed(std::io::repeat(1)).expect("a thread");
    keeps_reader(input).expect("a call");
    assert!(!feeding.finish().expect("its end").complete);
}

/// Sends a descriptor through a socket, where it stays.
fn put_into(socket: &UnixStream, number: i32) {
    send_on(socket.as_raw_fd(), b"x", &[Control::rights(&[number])]).expect("its own socket");
}

#[sandboxed(time = "700ms")]
fn hides_writer(output: PipeWriter) -> gaol::Result<UnixStream> {
    let (one, other) = UnixStream::pair()?;
    put_into(&one, output.as_raw_fd());
    forget(one);
    Ok(other)
}

fn hides_its_writer() {
    let (output, drain) = gaol::pipe_out(1 << 20).expect("a pipe");
    let draining = drain.into_writer(Vec::new()).expect("a thread");
    let holds_it = hides_writer(output).expect("a call");
    assert!(!draining.finish().expect("its end").complete);
    drop(holds_it);
}

#[sandboxed(time = "700ms")]
fn buries_writer(output: PipeWriter) -> gaol::Result<()> {
    // Each is in the other's queue: nobody has them, and the kernel has to find that out.
    let (one, other) = UnixStream::pair()?;
    put_into(&one, output.as_raw_fd());
    put_into(&one, other.as_raw_fd());
    put_into(&other, one.as_raw_fd());
    std::thread::sleep(Duration::from_millis(1));
    Ok(())
}

fn buries_its_writer() {
    let (output, drain) = gaol::pipe_out(1 << 20).expect("a pipe");
    let draining = drain.into_writer(Vec::new()).expect("a thread");
    buries_writer(output).expect("a call");
    draining.finish().expect("its end");
}
