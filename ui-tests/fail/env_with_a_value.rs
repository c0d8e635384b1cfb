use gaol::sandboxed;

#[sandboxed(env = "TZ=UTC")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
