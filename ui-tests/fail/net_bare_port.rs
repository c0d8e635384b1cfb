use gaol::sandboxed;

#[sandboxed(net = "443")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
