use gaol::sandboxed;

#[sandboxed(listen = "tcp:127.0.0.1:8080")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
