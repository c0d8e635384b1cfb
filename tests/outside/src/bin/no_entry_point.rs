//! No entry point: a call fails before anything is started, and says what to add.

fn main() {
    let error = outside::one("a").unwrap_err();
    assert!(matches!(error, gaol::Error::NoEntryPoint { .. }), "{error:?}");
    assert_eq!(error.outcome(), gaol::Outcome::NotRun);
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(children, "", "nothing was started");
    println!("{error}");
}
