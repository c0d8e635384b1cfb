use gaol::sandboxed;

#[sandboxed(exec = "/bin/true", read = "/bin/true")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
