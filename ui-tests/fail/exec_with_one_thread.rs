use gaol::sandboxed;

#[sandboxed(threads = 1, exec = "/bin/true")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
