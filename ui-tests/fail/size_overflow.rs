use gaol::sandboxed;

#[sandboxed(memory = "99999999TiB")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
