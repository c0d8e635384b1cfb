use gaol::sandboxed;

#[sandboxed(write = ["/data/x", "/data"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
