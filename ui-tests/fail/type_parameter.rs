use gaol::sandboxed;

#[sandboxed]
fn f<T: Send>(x: T) -> gaol::Result<()> {
    drop(x);
    Ok(())
}

fn main() {
    let _ = f(1);
}
