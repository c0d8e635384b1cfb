use gaol::sandboxed;

#[sandboxed(process = "thread")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
