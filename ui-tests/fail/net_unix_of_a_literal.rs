use gaol::sandboxed;

#[sandboxed(net = "unix:literal:/run/x.sock")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
