use gaol::sandboxed;

#[sandboxed(memory = "1.5GiB")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
