use gaol::sandboxed;

#[sandboxed(net = "/run/x.sock")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
