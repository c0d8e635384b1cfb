use gaol::sandboxed;

#[sandboxed(net = "tcp:abc")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
