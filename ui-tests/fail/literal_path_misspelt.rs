use gaol::sandboxed;

#[sandboxed(read = "litteral:/etc/hosts")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
