use gaol::sandboxed;

#[sandboxed(read = "/data", metadata = "/data/x")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
