use gaol::sandboxed;

#[sandboxed(threads = 4294967296)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
