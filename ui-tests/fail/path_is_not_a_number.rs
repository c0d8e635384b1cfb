use gaol::sandboxed;

#[sandboxed(read = 5)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
