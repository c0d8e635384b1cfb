//! Descriptors as arguments and results: every type, both ways, at any depth, and none that is left behind.

#[path = "descriptors/methods.rs"]
mod methods;
#[path = "descriptors/reopening.rs"]
mod reopening;
#[path = "support"]
mod support {
    pub(crate) mod alone;
    pub(crate) mod place;
    pub(crate) mod tiers;
}

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Seek, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use gaol::{Error, Fd, Layer, sandboxed};
use rustix::fs::{AtFlags, Timespec, Timestamps};
use serde::{Deserialize, Serialize};

use support::alone::Alone;
use support::place::Place;

/// A file that is there.
const THIS_PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

/// In both tiers.
fn in_each_tier(test: impl Fn()) {
    test();
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    test();
}

/// Every type of descriptor, nested in serde's data.
#[derive(Debug, Serialize, Deserialize)]
struct All {
    file: Fd<File>,
    bare: Vec<Fd<OwnedFd>>,
    tcp: Option<Fd<TcpStream>>,
    listener: Box<Fd<TcpListener>>,
    udp: (u8, Fd<UdpSocket>),
    unix: Unix,
    pipe: [Fd<PipeReader>; 1],
    writer: Fd<PipeWriter>,
    child: Fd<ChildStdin>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Unix {
    Nothing,
    Sockets { stream: Fd<UnixStream>, listener: Fd<UnixListener>, datagram: Fd<UnixDatagram> },
}

fn all() -> (All, std::process::Child) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let tcp = TcpStream::connect(listener.local_addr().expect("its address")).expect("a connection");
    let (stream, _peer) = UnixStream::pair().expect("a pair");
    let (datagram, _peer) = UnixDatagram::pair().expect("a pair");
    let name = format!("gaol-descriptors-{:?}", std::thread::current().id());
    let address = <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(name);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat");
    let all = All {
        file: File::open(THIS_PACKAGE).expect("this package").into(),
        bare: vec![Fd::new(File::open("/dev/null").expect("it is everywhere").into())],
        tcp: Some(Fd::new(tcp)),
        listener: Box::new(Fd::new(listener)),
        udp: (7, Fd::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port"))),
        unix: Unix::Sockets {
            stream: Fd::new(stream),
            listener: Fd::new(UnixListener::bind_addr(&address.expect("a name")).expect("a socket")),
            datagram: Fd::new(datagram),
        },
        pipe: [Fd::new(reader)],
        writer: Fd::new(writer),
        child: Fd::new(child.stdin.take().expect("it was asked for")),
    };
    (all, child)
}

#[sandboxed]
fn there_and_back(all: All) -> gaol::Result<All> {
    Ok(all)
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("own descriptors").count()
}

/// What a descriptor leads to.
fn target(fd: impl AsFd) -> std::path::PathBuf {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())).expect("an open descriptor")
}

#[test]
fn every_type_crosses_both_ways_nested_in_a_struct() {
    in_each_tier(|| {
        let (all, mut child) = all();
        let before = [
            target(&*all.file),
            target(&*all.bare[0]),
            target(&**all.tcp.as_ref().expect("there")),
            target(&**all.listener),
            target(&*all.udp.1),
            target(&*all.pipe[0]),
            target(&*all.child),
        ];
        let back = there_and_back(all).expect("a call");
        let after = [
            target(&*back.file),
            target(&*back.bare[0]),
            target(&**back.tcp.as_ref().expect("there")),
            target(&**back.listener),
            target(&*back.udp.1),
            target(&*back.pipe[0]),
            target(&*back.child),
        ];
        assert_eq!(before, after);
        let Unix::Sockets { listener, .. } = &back.unix else { panic!("{back:?}") };
        assert!(!listener.local_addr().expect("its address").is_unnamed());
        // Close-on-exec, as everything that std opens.
        let flags = rustix::io::fcntl_getfd(&*back.file).expect("its flags");
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        // They work: what is written into one end of the pipe comes out of the other.
        let (mut writer, mut reader) = (back.writer.into_inner(), &*back.pipe[0]);
        writer.write_all(b"x").expect("room");
        let mut byte = [0];
        reader.read_exact(&mut byte).expect("a byte");
        assert_eq!(byte, *b"x");
        drop(back.child);
        assert!(child.wait().expect("cat").success());
    });
}

#[sandboxed]
fn direct(
    mut file: File,
    borrowed: &File,
    stream: UnixStream,
    maybe: Option<File>,
) -> gaol::Result<(usize, File, Option<UnixStream>)> {
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    assert!(maybe.is_none());
    assert!(borrowed.metadata().is_ok());
    Ok((text.len(), file, Some(stream)))
}

#[sandboxed]
fn one(file: File) -> gaol::Result<File> {
    Ok(file)
}

#[sandboxed]
fn changes_the_file(file: &mut File) -> gaol::Result<()> {
    file.seek(std::io::SeekFrom::Start(3))?;
    Ok(())
}

#[test]
fn descriptors_are_parameters_and_results_of_their_own() {
    in_each_tier(|| {
        let open = || File::open(THIS_PACKAGE).expect("this package");
        let (stream, mut peer) = UnixStream::pair().expect("a pair");
        let (length, file, stream) = direct(open(), &open(), stream, None).expect("a call");
        assert_eq!(length as u64, file.metadata().expect("a file").len());
        stream.expect("it came back").write_all(b"y").expect("a live socket");
        let mut byte = [0];
        peer.read_exact(&mut byte).expect("a byte");
        assert_eq!(target(one(open()).expect("a call")), target(open()));
        let mut file = open();
        changes_the_file(&mut file).expect("a call");
        assert_eq!(file.stream_position().expect("a file"), 3, "offset and description are shared");
        let own = Fd::reopened(&file).expect("a file that may be read");
        changes_the_file(&mut own.into_inner()).expect("a call");
        assert_eq!(file.stream_position().expect("a file"), 3, "a description of its own has an offset of its own");
    });
}

#[test]
fn ten_thousand_calls_leave_the_descriptors_as_they_were() {
    // By itself: what other tests open and close would be counted.
    Alone::new("ten_thousand_calls_leave_the_descriptors_as_they_were").run(|| {
        let (mut nested, mut child) = all();
        for _ in 0..20 {
            nested = there_and_back(nested).expect("a call");
        }
        let before = descriptors();
        for _ in 0..10_000 {
            nested = there_and_back(nested).expect("a call");
        }
        // Whether a spare worker has arrived differs from call to call, and nothing else does.
        let deadline = Instant::now() + Duration::from_secs(10);
        while descriptors() != before {
            assert!(Instant::now() < deadline, "{} descriptors, {before} before", descriptors());
            nested = there_and_back(nested).expect("a call");
        }
        drop(nested);
        assert!(child.wait().expect("cat").success());
    });
}

/// What a child may do with a file that it was handed for reading.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    write: i32,
    truncate: i32,
    chmod: i32,
    reopen: i32,
    allocate: i32,
}

#[sandboxed]
fn tries_to_change(mut file: File) -> gaol::Result<Tried> {
    let errno = |result: std::io::Result<()>| result.err().and_then(|error| error.raw_os_error()).unwrap_or(0);
    Ok(Tried {
        write: errno(file.write_all(b"x")),
        truncate: errno(file.set_len(0)),
        chmod: errno(file.set_permissions(std::fs::Permissions::from_mode(0o777))),
        reopen: errno(File::options().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).map(drop)),
        allocate: errno(rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 4096).map_err(Into::into)),
    })
}

#[test]
fn a_file_that_is_read_only_stays_so() {
    let place = Place::new("descriptors");
    let path = place.path().join("file");
    std::fs::write(&path, "as it was").expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    in_each_tier(|| {
        let tried = tries_to_change(File::open(&path).expect("the file")).expect("a call");
        assert_eq!(
            tried,
            Tried {
                write: libc::EBADF,
                truncate: libc::EINVAL,
                chmod: libc::EPERM,
                reopen: libc::EPERM,
                allocate: libc::EBADF
            }
        );
        assert_eq!(std::fs::read_to_string(&path).expect("the file"), "as it was");
        // The control: outside, all of it is possible by the same descriptor or its name.
        let file = File::open(&path).expect("the file");
        file.set_permissions(std::fs::Permissions::from_mode(0o600)).expect("its owner may");
        File::options().write(true).open(format!("/proc/self/fd/{}", file.as_raw_fd())).expect("by its name");
    });
}

/// What a hostile function tries at the mode, the owner and the times of what it holds, and what it got.
type Answers = Vec<(String, i32)>;

fn tries_at_inodes(tree: &Path, held: &[Fd<OwnedFd>]) -> Answers {
    let mut answers = Answers::new();
    let mut tried = |what: String, answer: rustix::io::Result<()>| {
        answers.push((what, answer.map_or_else(|errno| errno.raw_os_error(), |()| 0)));
    };
    let streams = [rustix::stdio::stdin(), rustix::stdio::stdout(), rustix::stdio::stderr()];
    let own = File::open(tree);
    let held = held.iter().map(|fd| fd.as_fd()).chain(streams).chain(own.iter().map(|tree| tree.as_fd()));
    for (number, fd) in held.enumerate() {
        let mode = rustix::fs::Mode::from_raw_mode(0o646);
        tried(format!("fchmod of {number}"), rustix::fs::fchmod(fd, mode));
        tried(format!("futimens of {number}"), rustix::fs::futimens(fd, &LONG_AGO));
        let empty = AtFlags::EMPTY_PATH;
        tried(format!("utimensat of {number}"), rustix::fs::utimensat(fd, "", &LONG_AGO, empty));
        tried(format!("fchown of {number}"), rustix::fs::fchown(fd, None, Some(rustix::fs::Gid::from_raw(65534))));
        let name = format!("/proc/self/fd/{}", fd.as_raw_fd());
        tried(format!("chmod of {name}"), rustix::fs::chmod(&name, mode));
        tried(
            format!("utimensat of {name}"),
            rustix::fs::utimensat(rustix::fs::CWD, &name, &LONG_AGO, AtFlags::empty()),
        );
        // What is beneath a directory that was handed over, and beside it.
        for name in ["beneath", "../beside", "."] {
            tried(format!("fchmodat({number}, {name})"), rustix::fs::chmodat(fd, name, mode, AtFlags::empty()));
            tried(format!("utimensat({number}, {name})"), rustix::fs::utimensat(fd, name, &LONG_AGO, AtFlags::empty()));
        }
        if rustix::process::fchdir(fd).is_ok() {
            for name in ["beneath", "../beside", "."] {
                tried(format!("chmod({name} from {number})"), rustix::fs::chmod(name, mode));
            }
        }
    }
    for path in [tree, Path::new("/dev/null"), &tree.join("../beside")] {
        tried(format!("chmod({})", path.display()), rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(0o646)));
        let touched = rustix::fs::utimensat(rustix::fs::CWD, path, &LONG_AGO, AtFlags::empty());
        tried(format!("utimensat({})", path.display()), touched);
    }
    answers
}

const LONG_AGO: Timestamps = {
    let then = Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
    Timestamps { last_access: then, last_modification: then }
};

#[sandboxed]
fn tries_with_nothing(tree: &Path, held: &[Fd<OwnedFd>]) -> gaol::Result<Answers> {
    Ok(tries_at_inodes(tree, held))
}

#[sandboxed(write = tree, read = "/proc", stdout = "inherit", stderr = "inherit")]
fn tries_with_write(tree: &Path, held: &[Fd<OwnedFd>]) -> gaol::Result<Answers> {
    Ok(tries_at_inodes(tree, held))
}

#[sandboxed(read = tree, write = tree, stdout = "null", process = "reused")]
fn tries_in_a_kept_worker(tree: &Path, held: &[Fd<OwnedFd>]) -> gaol::Result<Answers> {
    Ok(tries_at_inodes(tree, held))
}

#[sandboxed(exec = "/bin/sh", metadata = "/", write = tree, stdout = "inherit", process = "exec")]
fn tries_with_exec(tree: &Path, held: &[Fd<OwnedFd>]) -> gaol::Result<Answers> {
    Ok(tries_at_inodes(tree, held))
}

/// Mode, owner, group, and when it was last changed: what a sandbox keeps of a file that is not beneath a `write`.
fn inode(path: &Path) -> (u32, u32, u32, i64, i64) {
    let seen = std::fs::metadata(path).expect("it is there");
    (seen.mode(), seen.uid(), seen.gid(), seen.mtime(), seen.mtime_nsec())
}

#[test]
fn no_mode_owner_or_time_changes_of_what_is_not_beneath_a_write() {
    let place = Place::new("inodes");
    let (tree, secret) = (place.path().join("tree"), place.path().join("secret"));
    for directory in [&tree, &secret] {
        std::fs::create_dir(directory).expect("a directory");
    }
    let handed = [place.path().join("handed"), secret.join("beneath"), place.path().join("beside"), secret.clone()];
    for file in &handed[..3] {
        std::fs::write(file, "as it was").expect("a file");
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    }
    let kept = || -> Vec<_> {
        handed.iter().map(PathBuf::as_path).chain([tree.as_path(), Path::new("/dev/null")]).map(inode).collect()
    };
    let before = kept();
    let memory = rustix::fs::memfd_create("handed", rustix::fs::MemfdFlags::empty()).expect("memory");
    let memory_before = rustix::fs::fstat(&memory).expect("its inode");
    let held = || -> Vec<Fd<OwnedFd>> {
        let read_only = File::open(&handed[0]).expect("a file");
        let writable = File::options().read(true).write(true).open(&handed[0]).expect("a file");
        let directory = File::open(&secret).expect("a directory");
        let beneath = File::open(&handed[1]).expect("a file");
        let null = File::options().read(true).write(true).open("/dev/null").expect("a device");
        let memory = memory.try_clone().expect("a copy");
        let (reader, _writer) = std::io::pipe().expect("a pipe");
        let all = [read_only.into(), writable.into(), directory.into(), beneath.into(), null.into(), memory];
        all.into_iter().chain([reader.into()]).map(Fd::new).collect()
    };
    for (name, function) in [
        ("nothing", tries_with_nothing as fn(&Path, &[Fd<OwnedFd>]) -> gaol::Result<Answers>),
        ("write", tries_with_write),
        ("reused", tries_in_a_kept_worker),
        ("exec", tries_with_exec),
    ] {
        in_each_tier(|| {
            for (what, answer) in function(&tree, &held()).expect("a call") {
                assert!(is_refusal(answer), "{what} with {name}: {answer}");
            }
            assert_eq!(kept(), before, "{name}");
            let memory = rustix::fs::fstat(&memory).expect("its inode");
            assert_eq!((memory.st_mode, memory.st_mtime), (memory_before.st_mode, memory_before.st_mtime), "{name}");
        });
    }
    // The control: outside of a sandbox each of these is done, by the owner of the files.
    let held: Vec<Fd<OwnedFd>> = held().into_iter().filter(|fd| !is_null_device(fd)).collect();
    let mode = rustix::fs::Mode::from_raw_mode(0o646);
    for fd in &held {
        rustix::fs::fchmod(fd, mode).expect("its owner may");
        rustix::fs::futimens(fd, &LONG_AGO).expect("its owner may");
    }
    assert!(kept().iter().zip(&before).take(2).all(|(now, before)| now != before));
}

/// That there is no such thing here, or that it may not be done; EINVAL where the kernel or the handler does not know the question, and
/// ELOOP where nobody follows a link of the kernel's own.
fn is_refusal(errno: i32) -> bool {
    const KERNELS: [i32; 6] = [libc::ENOENT, libc::ENOTDIR, libc::EROFS, libc::EINVAL, libc::ENOSYS, libc::ELOOP];
    [libc::EPERM, libc::EACCES].contains(&errno) || KERNELS.contains(&errno)
}

fn is_null_device(fd: &Fd<OwnedFd>) -> bool {
    rustix::fs::fstat(fd.as_fd()).is_ok_and(|stat| stat.st_mode & libc::S_IFMT == libc::S_IFCHR)
}

#[sandboxed(stdout = "null")]
fn its_streams() -> gaol::Result<(u32, String)> {
    let mut read = String::new();
    std::io::stdin().read_to_string(&mut read)?;
    println!("nobody reads it");
    let (input, null) = (rustix::fs::fstat(rustix::stdio::stdin()), rustix::fs::fstat(rustix::stdio::stdout()));
    null.map_err(std::io::Error::from)?;
    Ok((input.map_err(std::io::Error::from)?.st_mode & libc::S_IFMT, read))
}

#[test]
fn the_input_of_a_function_has_ended_and_is_no_file_of_the_machines() {
    assert_eq!(its_streams().expect("a call"), (libc::S_IFCHR, String::new()), "by a mount of its own");
    let _guard = gaol::controls::without(&[Layer::Namespaces]);
    assert_eq!(its_streams().expect("a call"), (libc::S_IFSOCK, String::new()));
}

#[sandboxed]
fn takes_many(files: Vec<Fd<File>>) -> gaol::Result<usize> {
    Ok(files.len())
}

#[sandboxed]
fn gives_many(count: usize) -> gaol::Result<Vec<Fd<PipeReader>>> {
    let mut readers = Vec::new();
    for _ in 0..count {
        readers.push(Fd::new(std::io::pipe()?.0));
    }
    Ok(readers)
}

#[sandboxed(files = 10)]
fn has_room_for_few(files: Vec<Fd<File>>) -> gaol::Result<usize> {
    Ok(files.len())
}

#[test]
fn so_many_and_no_more() {
    let files = |count: usize| -> Vec<Fd<File>> {
        (0..count).map(|_| Fd::new(File::open("/dev/null").expect("it is everywhere"))).collect()
    };
    assert_eq!(takes_many(files(64)).expect("a call"), 64);
    let Err(Error::Arguments { problem, .. }) = takes_many(files(65)) else { panic!("65 are too many") };
    assert!(problem.contains("no more than 64 descriptors"), "{problem}");
    assert_eq!(gives_many(64).expect("a call").len(), 64);
    let Err(error @ (Error::Protocol { .. } | Error::Result { .. })) = gives_many(65) else {
        panic!("65 are too many")
    };
    assert!(error.to_string().contains("no more than 64 descriptors"), "{error}");
    assert_eq!(has_room_for_few(files(2)).expect("a call"), 2);
    let Err(error) = has_room_for_few(files(20)) else { panic!("there is no room for 20") };
    assert!(error.to_string().contains("allow more with `files = …`"), "{error}");
    assert_eq!(has_room_for_few(files(2)).expect("the next call"), 2);
}

#[sandboxed(process = "reused")]
fn kept(file: File) -> gaol::Result<(u32, File)> {
    Ok((std::process::id(), file))
}

#[test]
fn a_kept_worker_keeps_no_descriptor() {
    let open = || File::open("/dev/null").expect("it is everywhere");
    let (first, _) = kept(open()).expect("a call");
    for _ in 0..1000 {
        // Its limit is 256.
        let (worker, _) = kept(open()).expect("a call");
        assert_eq!(worker, first);
    }
}

#[test]
fn a_descriptor_is_no_value_to_any_other_format() {
    let fd = Fd::new(File::open("/dev/null").expect("it is everywhere"));
    let error = serde_json::to_string(&fd).expect_err("a number would be no descriptor");
    assert!(error.to_string().contains("and nowhere else"), "{error}");
    let error = serde_json::from_str::<Fd<File>>("0").expect_err("that is nobody's");
    assert!(error.to_string().contains("and nowhere else"), "{error}");
}

#[sandboxed(write = directory)]
fn extracts(directory: &Path, archive: File) -> gaol::Result<u64> {
    let mut copy = File::create(directory.join("copy"))?;
    Ok(std::io::copy(&mut &archive, &mut copy)?)
}

#[test]
fn a_descriptor_beside_a_granted_path() {
    let place = Place::new("descriptors");
    in_each_tier(|| {
        let length = extracts(place.path(), File::open(THIS_PACKAGE).expect("this package")).expect("a call");
        assert_eq!(std::fs::metadata(place.path().join("copy")).expect("the copy").len(), length);
    });
}
