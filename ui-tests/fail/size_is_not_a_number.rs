use gaol::sandboxed;

#[sandboxed(memory = 268435456)]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
