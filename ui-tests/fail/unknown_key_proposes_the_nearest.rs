use gaol::sandboxed;

#[sandboxed(writes = "/data")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
