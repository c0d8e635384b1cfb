use gaol::sandboxed;

#[sandboxed(time = "0s")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
