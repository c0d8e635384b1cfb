use gaol::sandboxed;

#[sandboxed(read = "/srv//x")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
