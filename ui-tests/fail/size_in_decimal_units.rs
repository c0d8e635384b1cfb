use gaol::sandboxed;

#[sandboxed(memory = "256MB")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
