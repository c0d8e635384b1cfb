use gaol::sandboxed;

#[sandboxed(read = "file:///etc/hosts")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
