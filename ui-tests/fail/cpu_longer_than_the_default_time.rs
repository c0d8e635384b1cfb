use gaol::sandboxed;

#[sandboxed(cpu = "2min")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
