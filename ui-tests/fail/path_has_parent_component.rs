use gaol::sandboxed;

#[sandboxed(read = "/srv/../etc")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
