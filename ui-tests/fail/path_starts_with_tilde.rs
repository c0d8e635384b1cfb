use gaol::sandboxed;

#[sandboxed(read = "~/data")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
