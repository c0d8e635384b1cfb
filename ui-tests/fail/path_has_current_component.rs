use gaol::sandboxed;

#[sandboxed(write = "/srv/./x")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
