use gaol::sandboxed;

#[sandboxed(env = "LD_PRELOAD")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
