use gaol::sandboxed;

#[sandboxed(listen = "tcp:8080")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
