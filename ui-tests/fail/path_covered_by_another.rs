use gaol::sandboxed;

#[sandboxed(read = ["/data", "/data/x"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
