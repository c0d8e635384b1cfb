use gaol::sandboxed;

#[sandboxed(net = "tcp:0")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
