use gaol::sandboxed;

#[sandboxed(read = dir)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
