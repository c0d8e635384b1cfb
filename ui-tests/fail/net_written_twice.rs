use gaol::sandboxed;

#[sandboxed(net = ["tcp:443", "tcp:443"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
