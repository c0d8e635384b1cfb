use gaol::sandboxed;

#[sandboxed(listens = "tcp:8080")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
