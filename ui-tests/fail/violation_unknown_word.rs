use gaol::sandboxed;

#[sandboxed(violation = "panic")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
