use gaol::sandboxed;

#[sandboxed(net = "unix:@x")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
