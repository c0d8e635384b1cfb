use gaol::sandboxed;

#[sandboxed(time = "1.5s")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
