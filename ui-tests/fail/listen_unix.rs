use gaol::sandboxed;

#[sandboxed(listen = "unix:/run/x.sock")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
