use gaol::sandboxed;

#[sandboxed(net = "unix:run/x.sock")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
