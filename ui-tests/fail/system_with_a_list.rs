use gaol::sandboxed;

#[sandboxed(system = ["info"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
