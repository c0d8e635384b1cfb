use gaol::sandboxed;

#[sandboxed(files = 0)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
