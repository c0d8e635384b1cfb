use gaol::sandboxed;

#[sandboxed]
fn f(x: &dyn Send) -> gaol::Result<()> {
    let _ = x;
    Ok(())
}

fn main() {
    let _ = f(&1);
}
