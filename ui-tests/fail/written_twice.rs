use gaol::sandboxed;

#[sandboxed(read = "/a")]
#[sandboxed(write = "/b")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
