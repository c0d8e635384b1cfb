use gaol::sandboxed;

#[sandboxed(banana = "/data")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
