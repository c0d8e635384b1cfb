use gaol::sandboxed;

#[sandboxed(files = "many")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
