use gaol::sandboxed;

#[sandboxed(crate = "gaol")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
