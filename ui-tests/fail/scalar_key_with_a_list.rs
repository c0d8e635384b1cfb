use gaol::sandboxed;

#[sandboxed(time = ["2s"])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
