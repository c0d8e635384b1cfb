use gaol::sandboxed;

#[sandboxed(read = "literal:hosts")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
