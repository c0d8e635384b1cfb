use gaol::sandboxed;

#[sandboxed(metadata = "/srv/")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
