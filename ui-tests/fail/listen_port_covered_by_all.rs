use gaol::sandboxed;

#[sandboxed(listen = ["all", "udp:53"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
