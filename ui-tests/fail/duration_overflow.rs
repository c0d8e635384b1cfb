use gaol::sandboxed;

#[sandboxed(time = "99999999999999999999h")]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
