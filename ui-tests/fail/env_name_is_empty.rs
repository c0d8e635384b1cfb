use gaol::sandboxed;

#[sandboxed(env = "")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
