//! Every type of descriptor is a parameter and a result, borrowed, optional, in tuples and, as `Fd`, inside of data.

use std::fs::File;
use std::io::{PipeReader, PipeWriter};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::{ChildStderr, ChildStdin, ChildStdout};

use gaol::{Fd, sandboxed};

macro_rules! each {
    ($($name:ident: $type:ty),* $(,)?) => {$(
        mod $name {
            use super::*;

            #[sandboxed]
            pub fn whole(it: $type) -> gaol::Result<$type> {
                Ok(it)
            }

            #[sandboxed]
            pub fn parts(one: Option<$type>, two: (u8, $type)) -> gaol::Result<(Option<$type>, $type)> {
                Ok((one, two.1))
            }

            #[sandboxed]
            pub fn lent(it: &$type, changed: &mut $type) -> gaol::Result<()> {
                let _ = (it, changed);
                Ok(())
            }

            #[sandboxed]
            pub fn marked(it: Vec<Fd<$type>>) -> gaol::Result<Box<Fd<$type>>> {
                it.into_iter().next().map(Box::new).ok_or_else(|| std::io::Error::other("none").into())
            }
        }
    )*};
}

each! {
    file: File,
    owned: OwnedFd,
    reader: PipeReader,
    writer: PipeWriter,
    tcp: TcpStream,
    tcp_listener: TcpListener,
    udp: UdpSocket,
    unix: UnixStream,
    unix_listener: UnixListener,
    datagram: UnixDatagram,
}

#[sandboxed]
fn of_a_child(
    input: ChildStdin,
    output: Option<ChildStdout>,
    error: (ChildStderr,),
) -> gaol::Result<(ChildStdin, Option<ChildStdout>, ChildStderr)> {
    Ok((input, output, error.0))
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Job<'a> {
    name: std::borrow::Cow<'a, str>,
    input: Fd<File>,
    outputs: Vec<(u8, Option<Fd<PipeWriter>>)>,
}

#[sandboxed]
fn in_a_struct(job: Job<'static>) -> gaol::Result<Job<'static>> {
    Ok(job)
}

type Opened = gaol::Result<File>;

#[sandboxed]
fn behind_an_alias(file: std::fs::File) -> Opened {
    Ok(file)
}

/// A descriptor of one's own.
struct Device(OwnedFd);

impl std::os::fd::AsFd for Device {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Device {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

#[sandboxed]
fn of_ones_own(device: Fd<Device>) -> gaol::Result<Fd<Device>> {
    Ok(device)
}

/// serde's, under the name of a descriptor.
mod named {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct File(pub u8);

    #[gaol::sandboxed]
    pub fn serdes(file: File, files: Vec<File>) -> gaol::Result<File> {
        let _ = files;
        Ok(file)
    }
}

fn main() {
    let _ = (of_a_child, in_a_struct, behind_an_alias, of_ones_own, named::serdes);
}
