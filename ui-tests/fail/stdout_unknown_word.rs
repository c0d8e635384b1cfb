use gaol::sandboxed;

#[sandboxed(stdout = "captured")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
