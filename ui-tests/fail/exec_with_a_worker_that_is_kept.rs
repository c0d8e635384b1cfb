use gaol::sandboxed;

#[sandboxed(exec = "/bin/true", process = "reused")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
