use gaol::sandboxed;

#[sandboxed(memory = "256")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
