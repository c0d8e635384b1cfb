use gaol::sandboxed;

#[sandboxed(net = "udp:53")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
