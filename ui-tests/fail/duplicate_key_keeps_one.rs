use gaol::sandboxed;

#[sandboxed(time = "1s", time = "2s")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
