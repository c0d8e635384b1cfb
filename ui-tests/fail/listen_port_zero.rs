use gaol::sandboxed;

#[sandboxed(listen = "tcp:0")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
