use gaol::sandboxed;

#[sandboxed(net = "dns")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
