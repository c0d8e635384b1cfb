//! A program without an entry point that puts itself under a profile: nobody can be started to count its threads.

use gaol::{ChildSandbox, Limits, Profile, ProfileError};

fn with_threads(threads: Option<u64>) -> ChildSandbox {
    let mut limits = Limits::DEFAULT;
    limits.threads = threads;
    ChildSandbox::new(Profile::NOTHING.with_limits(limits))
}

fn start_thread() -> std::io::Result<()> {
    std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().expect("no panic"))
}

fn main() {
    for threads in [64, 2] {
        let error = with_threads(Some(threads)).activate().expect_err("nobody can count");
        assert!(matches!(error, ProfileError::NoEntryPoint), "{error}");
        assert!(error.to_string().contains("gaol::init()"), "{error}");
        assert!(std::fs::read("/etc/passwd").is_ok(), "nothing was entered");
    }
    match std::env::args().nth(1).as_deref() {
        Some("1") => {
            with_threads(Some(1)).activate().expect("nobody has to count");
            assert_eq!(start_thread().expect_err("one is the first").raw_os_error(), Some(11), "EAGAIN");
        }
        _ => {
            with_threads(None).activate().expect("nobody has to count");
            start_thread().expect("as many as it likes");
            with_threads(Some(1)).activate().expect("fewer");
            assert!(start_thread().is_err());
        }
    }
    assert_eq!(std::fs::read("/etc/passwd").expect_err("nothing can be read").raw_os_error(), Some(1), "EPERM");
    println!("activated");
}
