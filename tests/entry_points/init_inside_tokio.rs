//! `gaol::init()` inside of `#[tokio::main]`: a child has the runtime's threads before it knows itself for one.

#[gaol::sandboxed]
fn doubles(value: u32) -> gaol::Result<u32> {
    Ok(value * 2)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    gaol::init();
    let error = doubles(21).expect_err("a call from a program whose children have threads");
    assert_eq!(error.outcome(), gaol::Outcome::NotRun);
    println!("{error}");
    println!("{}", gaol::support());
}
