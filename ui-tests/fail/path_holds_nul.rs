use gaol::sandboxed;

#[sandboxed(read = "/a\0b")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
