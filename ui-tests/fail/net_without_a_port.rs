use gaol::sandboxed;

#[sandboxed(net = "tcp")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
