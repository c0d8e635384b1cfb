use gaol::sandboxed;

#[sandboxed("/data")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
