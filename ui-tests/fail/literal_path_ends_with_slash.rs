use gaol::sandboxed;

#[sandboxed(read = "literal:/etc/hosts/")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
