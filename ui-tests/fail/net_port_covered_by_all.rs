use gaol::sandboxed;

#[sandboxed(net = ["tcp:443", "all"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
