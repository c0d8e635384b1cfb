use gaol::sandboxed;

#[sandboxed(read = "")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
