use gaol::sandboxed;

#[sandboxed(write = "/data", metadata = "/data")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
