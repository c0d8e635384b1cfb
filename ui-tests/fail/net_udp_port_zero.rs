use gaol::sandboxed;

#[sandboxed(net = "udp:0")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
