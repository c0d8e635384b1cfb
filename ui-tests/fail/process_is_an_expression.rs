use gaol::sandboxed;

#[sandboxed(process = kind())]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
