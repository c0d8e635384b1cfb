//! A web server that opens what it needs, puts itself under a profile for good, and only then serves.
//!
//! ```text
//! cargo run --example lock_down [-- PORT]
//! ```
//!
//! Without PORT it serves a few requests of its own client, shows what somebody gets who has taken it over, puts itself under a narrower
//! profile, and shows the difference. It exits with 0 if everything worked until then, and every attack was refused from then on. With
//! PORT it serves `examples/data/site` on that port of 127.0.0.1 until it is interrupted.

use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gaol::{ChildSandbox, Limits, Operation, PathPattern, Profile};
use rustix::process::Pid;

/// What it may read.
const SITE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/site");

gaol::main! {
    fn main() -> ExitCode {
        let mut arguments = std::env::args().skip(1);
        let done = match (arguments.next().as_deref(), arguments.next().as_deref(), arguments.next()) {
            (None, ..) => demonstrate(),
            (Some("--client"), Some(port), None) => be_client(port).map(|()| true),
            (Some(port), None, None) if port.parse::<u16>().is_ok() => serve(port).map(|()| true),
            _ => {
                println!("usage: lock_down [PORT]\n\nServes on PORT until it is interrupted, or shows what is refused.");
                return ExitCode::from(2);
            }
        };
        match done {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// One directory to read, eight threads, and nothing else: the socket is open already.
fn profile() -> Result<Profile, Box<dyn Error>> {
    let mut limits = Limits::DEFAULT;
    limits.threads = Some(8);
    // What is there has one real name, whatever it was called when this was built.
    let site = std::fs::canonicalize(SITE).map_err(|error| format!("{SITE}: {error}"))?;
    Ok(Profile::new(vec![Operation::FileReadAll(PathPattern::subpath(site)?)])?.with_limits(limits))
}

/// Until it is interrupted.
fn serve(port: &str) -> Result<(), Box<dyn Error>> {
    let server = Arc::new(Server::open(port)?);
    let profile = profile()?;
    let written = profile.to_string();
    let enforcement = ChildSandbox::new(profile).activate()?;
    println!("serving {SITE} on http://127.0.0.1:{port}/ under `{written}`, kept by {enforcement}");
    for stream in server.listener.incoming() {
        let stream = Arc::new(stream?);
        let for_thread = (Arc::clone(&server), Arc::clone(&stream));
        let started = std::thread::Builder::new().spawn(move || for_thread.0.answer(&for_thread.1));
        // Where as many threads run as the profile allows, the next connection waits for this one.
        if started.is_err() {
            server.answer(&stream);
        }
    }
    Ok(())
}

/// What is opened before the profile is activated.
struct Server {
    listener: TcpListener,
    /// A file without a name, for as long as the server runs.
    log: File,
    /// Read once, and served from memory.
    home: String,
}

impl Server {
    fn open(port: &str) -> Result<Self, Box<dyn Error>> {
        let log = std::env::temp_dir().join(format!("lock_down-{}.log", std::process::id()));
        let opened = File::options().create_new(true).read(true).append(true).open(&log)?;
        std::fs::remove_file(&log)?;
        Ok(Self {
            listener: TcpListener::bind(format!("127.0.0.1:{port}"))?,
            log: opened,
            home: std::fs::read_to_string(Path::new(SITE).join("index.html"))?,
        })
    }

    /// Answers one request. The path is used as it came: a mistake that thousands of servers have made.
    fn answer(&self, mut stream: &TcpStream) {
        let mut line = String::new();
        let request = stream
            .set_read_timeout(Some(Duration::from_secs(5)))
            .and_then(|()| BufReader::new(stream.take(4096)).read_line(&mut line));
        let path = line.split(' ').nth(1).filter(|_| request.is_ok()).unwrap_or("/");
        let found = match path {
            "/" => Ok(self.home.clone()),
            path => std::fs::read_to_string(format!("{SITE}{path}")),
        };
        let (status, body) = match found {
            Ok(body) => ("200 OK".to_owned(), body),
            Err(error) if error.kind() == ErrorKind::NotFound => ("404 Not Found".to_owned(), String::new()),
            Err(error) => (format!("403 {error}"), String::new()),
        };
        let length = body.len();
        // Whoever has gone away wants no answer.
        let _ = write!(stream, "HTTP/1.0 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let _ = writeln!(&self.log, "{path}: {status}, {length} bytes");
    }
}

/// Serves, is attacked, and narrows. Whether all went as it should.
fn demonstrate() -> Result<bool, Box<dyn Error>> {
    const REQUESTS: [&str; 3] = ["/", "/news.html", "/../../../../../../../../../../etc/passwd"];
    let server = Arc::new(Server::open("0")?);
    let port = server.listener.local_addr()?.port();
    // Connecting is what this process is going to give up, so somebody else has to: started before, and not confined.
    let mut client = Client::start(port)?;
    let target = Target { port: TcpListener::bind("127.0.0.1:0")?, client: client.pid()? };

    println!("Before, it serves whatever a path leads to:");
    let leaked = client.ask(&server, &REQUESTS)?;
    println!("\nand whoever takes it over can do what it can:");
    let worked = attack(&target);

    let profile = profile()?;
    let written = profile.to_string();
    let enforcement = ChildSandbox::new(profile).activate()?;
    println!("\nUnder `{written}`, kept by {enforcement}:");
    client.ask(&server, &REQUESTS)?;
    println!();
    let refused = ATTACKS.len() - attack(&target);

    // What has been read is enough for the rest of its life.
    let enforcement = ChildSandbox::new(Profile::NOTHING).activate()?;
    println!("\nUnder a second profile that allows nothing, kept by {enforcement}:");
    let rest = client.ask(&server, &REQUESTS)?;

    let mut log = String::new();
    (&server.log).rewind()?;
    (&server.log).read_to_string(&mut log)?;
    println!("\nIts log, which was open before, has {} lines.", log.lines().count());
    println!("{worked} of {} attacks worked before, {refused} were refused after.", ATTACKS.len());
    Ok(leaked == 3 && rest == 1 && worked == ATTACKS.len() && refused == ATTACKS.len())
}

/// What an attack is aimed at.
struct Target {
    port: TcpListener,
    client: Pid,
}

type Attack = fn(&Target) -> std::io::Result<()>;

/// What somebody tries who has taken the server over.
const ATTACKS: [(&str, Attack); 9] = [
    ("read /etc/passwd", |_| std::fs::read("/etc/passwd").map(drop)),
    ("list /", |_| std::fs::read_dir("/").map(drop)),
    ("stat /usr", |_| std::fs::metadata("/usr").map(drop)),
    ("leave a file behind", |_| {
        let path = std::env::temp_dir().join(format!("lock_down-{}", std::process::id()));
        File::create(&path)?;
        std::fs::remove_file(path)
    }),
    ("connect to a port", |target| TcpStream::connect(target.port.local_addr()?).map(drop)),
    ("open another listener", |_| TcpListener::bind("127.0.0.1:0").map(drop)),
    ("start a program", |_| Command::new("/bin/sh").args(["-c", "true"]).status().map(drop)),
    ("signal another process", |target| {
        rustix::process::kill_process(target.client, rustix::process::Signal::CONT).map_err(Into::into)
    }),
    ("start 64 threads", |_| {
        let start = |_| std::thread::Builder::new().spawn(|| std::thread::sleep(Duration::from_millis(100)));
        let threads: Vec<_> = (0..64).map(start).collect();
        // All of them end before it goes on.
        threads.into_iter().map(|thread| thread.map(|thread| drop(thread.join()))).fold(Ok(()), Result::and)
    }),
];

/// How many attacks worked.
fn attack(target: &Target) -> usize {
    let attempts = ATTACKS.iter().map(|(what, attack)| {
        let result = attack(target);
        println!("  {what:<51}{}", result.as_ref().map_or_else(ToString::to_string, |()| "worked".to_owned()));
        usize::from(result.is_ok())
    });
    attempts.sum()
}

/// The process that asks, and the pipes to it.
struct Client(Child);

impl Client {
    fn start(port: u16) -> Result<Self, Box<dyn Error>> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.args(["--client", &port.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        Ok(Self(command.spawn()?))
    }

    fn pid(&self) -> Result<Pid, Box<dyn Error>> {
        Pid::from_raw(i32::try_from(self.0.id())?).ok_or_else(|| "a process id".into())
    }

    /// Has it ask for some paths, each answered by a thread that is started for it. How many it got.
    fn ask(&mut self, server: &Arc<Server>, paths: &[&str]) -> Result<usize, Box<dyn Error>> {
        let mut successes = 0;
        for path in paths {
            writeln!(self.0.stdin.as_mut().ok_or("its input")?, "{path}")?;
            let ((stream, _), for_thread) = (server.listener.accept()?, Arc::clone(server));
            std::thread::spawn(move || for_thread.answer(&stream)).join().map_err(|_| "a panic")?;
            // One line, read byte by byte: what follows it is for the next time.
            let mut answer = String::new();
            let mut byte = [0];
            while self.0.stdout.as_mut().ok_or("its output")?.read(&mut byte)? == 1 && byte[0] != b'\n' {
                answer.push(char::from(byte[0]));
            }
            println!("  GET {path:<47}{answer}");
            successes += usize::from(answer.starts_with("200"));
        }
        Ok(successes)
    }
}

/// Asks for each path that comes in, and tells what it got.
fn be_client(port: &str) -> Result<(), Box<dyn Error>> {
    for path in std::io::stdin().lines() {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
        write!(stream, "GET {} HTTP/1.0\r\n\r\n", path?)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.lines().next().unwrap_or_default().trim_start_matches("HTTP/1.0 ");
        println!("{status}, {} bytes", body.len());
    }
    Ok(())
}
