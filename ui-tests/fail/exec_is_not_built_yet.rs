use gaol::sandboxed;

#[sandboxed(exec = "/usr/bin/convert")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
