use gaol::sandboxed;

#[sandboxed(read = "/a" write = "/b")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
