use gaol::sandboxed;

#[sandboxed(cpu = "2 s")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
