use gaol::sandboxed;

#[sandboxed(files = "64")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
