use gaol::sandboxed;

#[sandboxed(broker = [ask])]
fn f() -> gaol::Result<()> {
    Ok(())
}

fn main() {
    let _ = f();
}
