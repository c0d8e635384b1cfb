use gaol::sandboxed;

#[sandboxed(system = "inof")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
