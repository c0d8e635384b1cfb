//! A program without an entry point: every call fails, and nothing is started.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

fn opened() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("/proc is mounted").count()
}

fn main() {
    let before = opened();
    let error = doubles(21).expect_err("a call without an entry point");
    assert!(matches!(error, gaol::Error::NoEntryPoint { .. }), "{error:?}");
    assert_eq!(error.outcome(), gaol::Outcome::NotRun);
    println!("{error}");
    let unprepared = gaol::prepare().expect_err("nothing can be prepared");
    assert!(matches!(unprepared.errors(), [gaol::Error::NoEntryPoint { .. }]), "{unprepared}");
    let support = gaol::support();
    assert!(gaol::Layer::ALL.iter().all(|layer| !support.has(*layer)), "{support}");
    assert_eq!(opened(), before, "nothing is opened");
    // The zygote would run this very program.
    let own = std::fs::read_link("/proc/self/exe").expect("/proc is mounted");
    let running = std::fs::read_dir("/proc")
        .expect("/proc is mounted")
        .flatten()
        .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
        .filter(|entry| std::fs::read_link(entry.path().join("exe")).is_ok_and(|program| program == own))
        .count();
    assert_eq!(running, 1, "this process alone");
}
