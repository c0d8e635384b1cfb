use gaol::sandboxed;

#[sandboxed(execs = "/bin/true")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
