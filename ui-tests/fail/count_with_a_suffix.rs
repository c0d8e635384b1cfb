use gaol::sandboxed;

#[sandboxed(files = 64u8)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
