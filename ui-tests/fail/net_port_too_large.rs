use gaol::sandboxed;

#[sandboxed(net = "tcp:65536")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
