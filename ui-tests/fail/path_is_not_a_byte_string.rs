use gaol::sandboxed;

#[sandboxed(read = b"/data")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
