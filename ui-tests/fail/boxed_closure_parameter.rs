use gaol::sandboxed;

#[sandboxed]
fn f(x: Box<dyn Fn()>) -> gaol::Result<()> {
    x();
    Ok(())
}

fn main() {
    let _ = f(Box::new(|| {}));
}
