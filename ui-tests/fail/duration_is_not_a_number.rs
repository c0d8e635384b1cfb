use gaol::sandboxed;

#[sandboxed(time = 2)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
