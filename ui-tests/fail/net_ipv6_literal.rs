use gaol::sandboxed;

#[sandboxed(net = "tcp:[::1]:443")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
