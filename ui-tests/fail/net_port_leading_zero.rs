use gaol::sandboxed;

#[sandboxed(net = "tcp:0443")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
