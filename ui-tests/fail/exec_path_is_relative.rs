use gaol::sandboxed;

#[sandboxed(exec = "convert")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
