use gaol::sandboxed;

#[sandboxed(read = "/a", read = "/b")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
