//! Children that make closing slow: removed files in many pieces, which the last who closes them frees.

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use gaol::{Error, Fd, sandboxed};
use serde::{Deserialize, Serialize};

use crate::Attack;
use crate::attacks::forgery::{CHANNEL, Control, Forged, RETURNED, frame, send, send_on, send_with};
use crate::attacks::toolbox::exit_now;
use crate::support::place::Place;

pub(crate) const ATTACKS: &[Attack] = &[
    Attack { name: "(the control: how long a close takes here)", time: Duration::from_secs(3600), act: control },
    attack("removed files, which no result names", || refused(Act::Unnamed)),
    attack("more of them than a call may bring", || refused(Act::Surplus)),
    attack("removed files in a value that is none", || refused(Act::HalfAValue)),
    attack("removed files beside what is printed", || refused(Act::WithOutput)),
    attack("removed files beside a panic of its own making", || refused(Act::WithAReport)),
    attack("removed files in the queue of a socket", || refused(Act::InASocket)),
    attack("removed files that are not received until the deadline", || refused(Act::NotReceived)),
    attack("removed files beside what is printed when nobody reads", || refused(Act::NotReadOutput)),
    attack("a removed file that was handed over", handed),
];

/// Long enough to make the files.
const TIME: Duration = Duration::from_secs(2);

const fn attack(name: &'static str, act: fn()) -> Attack {
    Attack { name, time: TIME, act }
}

/// In how many pieces a file is.
const PIECES: u64 = 1500;

#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq)]
enum Act {
    Unnamed,
    Surplus,
    HalfAValue,
    WithOutput,
    WithAReport,
    InASocket,
    NotReceived,
    NotReadOutput,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| Place::new("deadlines"));

fn place() -> PathBuf {
    PLACE.path().to_owned()
}

/// A removed file in as many pieces as the disk has blocks for it, which are freed when it is closed.
fn in_pieces(directory: &Path) -> std::io::Result<File> {
    let path = directory.join(format!("{}-pieces", std::process::id()));
    let file = File::options().write(true).create_new(true).open(&path)?;
    std::fs::remove_file(&path)?;
    fill(&file)?;
    Ok(file)
}

fn fill(file: &File) -> std::io::Result<()> {
    for piece in 0..PIECES {
        file.write_all_at(b"x", piece * 8192)?;
    }
    file.sync_all()
}

/// A close of such a file, by whoever is not to make others wait.
fn control() {
    let file = in_pieces(&place()).expect("a file");
    let begun = Instant::now();
    drop(file);
    println!("          one close takes {:.1?} on this file system", begun.elapsed());
}

#[sandboxed(write = place(), time = "2s")]
fn hostile(directory: PathBuf, act: Act) -> gaol::Result<Vec<Fd<File>>> {
    if let Err(error) = perform(&directory, act) {
        eprintln!("{error}");
        exit_now(9)
    }
    exit_now(0)
}

fn perform(directory: &Path, act: Act) -> std::io::Result<()> {
    let file = in_pieces(directory)?;
    let number = file.as_raw_fd();
    let files = |count: usize| [Control::rights(&vec![number; count])];
    let expect = "its own socket";
    match act {
        Act::Unnamed => send_with(&frame(RETURNED, &[0]).expect(expect), &files(16)).expect(expect),
        Act::Surplus => send_with(&frame(RETURNED, &[0]).expect(expect), &files(253)).expect(expect),
        Act::HalfAValue => {
            // It names one, and another that is not there.
            let payload = [2, 0, 9];
            let mut header = Forged::reply(RETURNED, payload.len()).expect(expect);
            header.descriptors = 1;
            send_with(&[header.to_bytes(), payload.to_vec()].concat(), &files(1)).expect(expect);
        }
        Act::WithOutput => {
            send_on(1, b"x", &files(16)).expect(expect);
            print!("{}", "y".repeat(1000));
            std::io::stdout().flush()?;
            // Until that was read.
            std::thread::sleep(Duration::from_millis(100));
            drop(file);
            panic!("so that the output is looked at");
        }
        Act::WithAReport => {
            send_with(
                &frame(crate::attacks::forgery::PANICKED, &[4, b'f', b'a', b'k', b'e', 0]).expect(expect),
                &files(16),
            )
            .expect(expect);
        }
        Act::InASocket => {
            let (one, other) = std::os::unix::net::UnixStream::pair()?;
            send_on(one.as_raw_fd(), b"x", &files(16)).expect(expect);
            let socket = [Control::rights(&[other.as_raw_fd()])];
            send_with(&frame(RETURNED, &[0]).expect(expect), &socket).expect(expect);
        }
        Act::NotReceived => {
            // A reply that nobody can believe, and more behind it than is read.
            send(&[0xff; 64]).expect(expect);
            for _ in 0..8 {
                let _ = send_on(CHANNEL, b"x", &files(8));
            }
        }
        Act::NotReadOutput => {
            // The reply is what the application waits for: it is gone before the rest is read.
            send(&frame(RETURNED, &[0]).expect(expect)).expect(expect);
            let _ = send_on(1, b"x", &files(16));
        }
    }
    Ok(())
}

fn refused(act: Act) {
    match (act, hostile(place(), act)) {
        (Act::NotReadOutput, Ok(none)) => assert!(none.is_empty()),
        (Act::WithOutput | Act::WithAReport, Err(Error::Panicked { .. })) => {}
        (_, Err(Error::Protocol { .. })) => {}
        // The disk was slow to begin with.
        (_, Err(Error::TimedOut { .. })) => {}
        (_, other) => panic!("{act:?} gave {other:?}"),
    }
}

#[sandboxed(time = "2s")]
fn fills(file: File) -> gaol::Result<()> {
    Ok(fill(&file)?)
}

/// The application's copy is the last of it.
fn handed() {
    let path = place().join("handed");
    let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a file");
    std::fs::remove_file(&path).expect("to remove it");
    match fills(file) {
        Ok(()) | Err(Error::TimedOut { .. }) => {}
        other => panic!("{other:?}"),
    }
}
