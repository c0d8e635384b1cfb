//! Decodes an untrusted image in a sandbox, then shows what the same kind of function gets when it turns hostile.
//!
//! ```text
//! cargo run --release --example thumbnail [-- IMAGE [THUMBNAIL]]
//! ```
//!
//! IMAGE is a PNG, JPEG, GIF or WebP file (default: a picture shipped with the project), THUMBNAIL where the result goes (default:
//! `thumbnail.png` in the working directory). Exits with 0 if the image was decoded and every attack was refused.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use gaol::sandboxed;
use serde::{Deserialize, Serialize};

/// What the decoder hands back: ordinary data.
#[derive(Serialize, Deserialize)]
struct Thumbnail {
    /// Of the original, in pixels.
    width: u32,
    height: u32,
    /// The small picture, as a PNG file.
    png: Vec<u8>,
}

/// Decodes whatever the file claims to be. It may read that one file, use 256 MiB and ten seconds, and nothing else.
#[sandboxed(read = image, memory = "256MiB", time = "10s")]
fn thumbnail(image: &Path, side: u32) -> gaol::Result<Thumbnail> {
    let reader = image::ImageReader::open(image)?.with_guessed_format()?;
    let picture = reader.decode().map_err(gaol::Error::function)?;
    let mut png = std::io::Cursor::new(Vec::new());
    picture.thumbnail(side, side).write_to(&mut png, image::ImageFormat::Png).map_err(gaol::Error::function)?;
    Ok(Thumbnail { width: picture.width(), height: picture.height(), png: png.into_inner() })
}

/// Looks around from inside of the same profile.
#[sandboxed(read = image, memory = "256MiB", time = "10s")]
fn look_around(image: &Path) -> gaol::Result<Vec<(String, String)>> {
    let show = |result: std::io::Result<String>| result.unwrap_or_else(|error| error.to_string());
    let directory = |path: &str| std::fs::read_dir(path).map(|entries| format!("{} entries", entries.count()));
    Ok(vec![
        ("the image".to_owned(), show(std::fs::metadata(image).map(|file| format!("{} bytes", file.len())))),
        ("list its directory".to_owned(), show(directory(&image.parent().unwrap_or(image).to_string_lossy()))),
        ("list /".to_owned(), show(directory("/"))),
        ("list /proc/self/fd".to_owned(), show(directory("/proc/self/fd"))),
        ("environment".to_owned(), format!("{} variables", std::env::vars_os().count())),
        ("working directory".to_owned(), show(std::env::current_dir().map(|path| path.display().to_string()))),
        ("process id".to_owned(), std::process::id().to_string()),
    ])
}

/// What a decoder might try once a crafted image has taken it over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
enum Attack {
    ReadPasswords,
    StatRootsHome,
    OverwriteTheImage,
    LeaveAFileBehind,
    ConnectOut,
    OpenADatagramSocket,
    SpawnAProgram,
    SignalTheApplication,
    ReadTheApplicationsMemory,
    EatMemory,
    SpinForEver,
}

/// Every attack, in words.
const ATTACKS: [(Attack, &str); 11] = [
    (Attack::ReadPasswords, "read /etc/passwd"),
    (Attack::StatRootsHome, "stat /root"),
    (Attack::OverwriteTheImage, "open the image for writing"),
    (Attack::LeaveAFileBehind, "create a file in /tmp"),
    (Attack::ConnectOut, "connect to a listening port"),
    (Attack::OpenADatagramSocket, "open a UDP socket, to leak through DNS"),
    (Attack::SpawnAProgram, "start /bin/sh"),
    (Attack::SignalTheApplication, "signal the application"),
    (Attack::ReadTheApplicationsMemory, "open /proc/PID/mem of the application"),
    (Attack::EatMemory, "allocate 4 GiB"),
    (Attack::SpinForEver, "spin for ever"),
];

/// What an attack needs to know of its target.
#[derive(Clone, Serialize, Deserialize)]
struct Target {
    image: PathBuf,
    /// What `/root` really is: device and inode number.
    roots_home: Option<(u64, u64)>,
    port: u16,
    pid: u32,
}

/// The decoder turned hostile: `Ok` means that the attack worked.
#[sandboxed(read = &target.image, memory = "256MiB", time = "2s")]
fn hostile(attack: Attack, target: Target) -> gaol::Result<()> {
    match attack {
        Attack::ReadPasswords => _ = std::fs::read("/etc/passwd")?,
        Attack::StatRootsHome => {
            let seen = std::fs::metadata("/root")?;
            if target.roots_home != Some((seen.dev(), seen.ino())) {
                // Where the image lies beneath it, a stand-in leads there: an empty directory that is not the real one.
                return Err("only a stand-in, on the way to the image".into());
            }
        }
        Attack::OverwriteTheImage => _ = std::fs::File::options().write(true).open(&target.image)?,
        Attack::LeaveAFileBehind => _ = std::fs::File::create("/tmp/gaol-was-here")?,
        Attack::ConnectOut => _ = TcpStream::connect(("127.0.0.1", target.port))?,
        Attack::OpenADatagramSocket => _ = std::net::UdpSocket::bind("127.0.0.1:0")?,
        Attack::SpawnAProgram => _ = Command::new("/bin/sh").args(["-c", "true"]).status()?,
        Attack::SignalTheApplication => {
            let pid =
                rustix::process::Pid::from_raw(i32::try_from(target.pid).unwrap_or(0)).ok_or("no such process")?;
            rustix::process::kill_process(pid, rustix::process::Signal::CONT).map_err(std::io::Error::from)?;
        }
        Attack::ReadTheApplicationsMemory => _ = std::fs::File::open(format!("/proc/{}/mem", target.pid))?,
        Attack::EatMemory => {
            let mut hoard = Vec::new();
            for _ in 0..4096 {
                hoard.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        Attack::SpinForEver => loop {
            std::hint::spin_loop();
        },
    }
    Ok(())
}

gaol::main! {
    fn main() -> ExitCode {
        let mut arguments = std::env::args_os().skip(1);
        let image = arguments.next().unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/data/sample.png").into());
        let target = arguments.next().unwrap_or_else(|| "thumbnail.png".into());
        if image == "--help" || image == "-h" || arguments.next().is_some() {
            println!("usage: thumbnail [IMAGE [THUMBNAIL]]\n\nDecodes IMAGE in a sandbox, then shows what a hostile decoder gets.");
            return if image == "--help" || image == "-h" { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
        match run(Path::new(&image), Path::new(&target)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Whether every attack was refused.
fn run(image: &Path, target: &Path) -> Result<bool, Box<dyn std::error::Error>> {
    // A profile names absolute paths, and the child has another working directory.
    let image = std::fs::canonicalize(image).map_err(|error| format!("{}: {error}", image.display()))?;
    println!("{}", gaol::support());

    let begun = Instant::now();
    let small = thumbnail(&image, 200)?;
    let took = begun.elapsed();
    std::fs::File::create(target)?.write_all(&small.png)?;
    println!(
        "{}: {} x {}, decoded in a sandbox in {took:.1?}\nthumbnail: {} ({} bytes)\n",
        image.display(),
        small.width,
        small.height,
        target.display(),
        small.png.len()
    );

    println!("What the decoder could see:");
    for (what, seen) in look_around(&image)? {
        println!("  {what:<40}{seen}");
    }

    println!("\nWhat a hostile decoder gets:");
    // Somebody listens, so that a refused connection is the sandbox's doing.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let roots_home = std::fs::metadata("/root").ok().map(|file| (file.dev(), file.ino()));
    let target = Target { image, roots_home, port: listener.local_addr()?.port(), pid: std::process::id() };
    let mut refused = 0;
    for (attack, what) in ATTACKS {
        match hostile(attack, target.clone()) {
            Ok(()) => println!("  {what:<40}WORKED"),
            Err(error) => {
                refused += 1;
                println!("  {what:<40}{}", in_short(&error));
            }
        }
    }
    println!("\n{refused} of {} attacks refused", ATTACKS.len());
    Ok(refused == ATTACKS.len())
}

/// An error in a few words: its full text names function, place and remedy.
fn in_short(error: &gaol::Error) -> String {
    match error {
        gaol::Error::Function(error) => format!("refused: {error}"),
        gaol::Error::OutOfMemory { .. } => "stopped: out of memory".to_owned(),
        gaol::Error::TimedOut { limit, .. } => format!("stopped: after {limit:?}"),
        other => format!("stopped: {other}"),
    }
}
