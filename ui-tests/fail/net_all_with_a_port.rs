use gaol::sandboxed;

#[sandboxed(net = "all:443")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
