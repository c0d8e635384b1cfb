use gaol::sandboxed;

#[sandboxed(reply = "0B")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
