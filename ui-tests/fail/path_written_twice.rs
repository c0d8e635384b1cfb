use gaol::sandboxed;

#[sandboxed(read = ["/data", "/data"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
