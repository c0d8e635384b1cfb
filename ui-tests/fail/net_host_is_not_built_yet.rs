use gaol::sandboxed;

#[sandboxed(net = "tcp:example.com:443")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
