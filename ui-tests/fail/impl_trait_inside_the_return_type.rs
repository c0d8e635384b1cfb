use gaol::sandboxed;

#[sandboxed]
fn f() -> gaol::Result<impl Send> {
    Ok(())
}

fn main() {
    let _ = f();
}
