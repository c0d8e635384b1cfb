use gaol::sandboxed;

#[sandboxed]
fn f(x: impl Send) -> gaol::Result<()> {
    drop(x);
    Ok(())
}

fn main() {
    let _ = f(1);
}
