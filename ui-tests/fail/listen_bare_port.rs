use gaol::sandboxed;

#[sandboxed(listen = "8080")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
