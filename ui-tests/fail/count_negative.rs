use gaol::sandboxed;

#[sandboxed(threads = -1)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
